"""Run the command line: ``python -m everyskill_cli`` is ``everyskill``."""

import sys

from everyskill_cli.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
