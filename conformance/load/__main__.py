"""`python -m conformance.load`."""

from conformance.load.cli import main

if __name__ == "__main__":
    main()
