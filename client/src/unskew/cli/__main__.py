"""`python -m unskew.cli` is `unskew`."""

import sys

from unskew.cli import main

if __name__ == "__main__":
    sys.exit(main())
