"""`python -m conformance.load`, and `python -m conformance.load grow`."""

import sys

from conformance.load.cli import main
from conformance.load.grow import grow

if __name__ == "__main__":
    if sys.argv[1:2] == ["grow"]:
        grow(args=sys.argv[2:], prog_name="python -m conformance.load grow")
    main()
