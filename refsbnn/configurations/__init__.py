"""The configurations that ship: a TOML file for each, known to `refsbnn train` by its name."""
