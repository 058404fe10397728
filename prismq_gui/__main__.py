"""Start the program by ``python -m prismq_gui``."""

import sys

from prismq_gui.cli import main

if __name__ == "__main__":
    sys.exit(main())
