"""`python -m refsbnn` is the `refsbnn` command."""

import sys

from refsbnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
