"""`python -m refsbnn` is the `refsbnn` command."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:  # as for the installed command, a user's file `validation.py` here hides no package
        del sys.path[0]
    from refsbnn.cli import main

    sys.exit(main())
