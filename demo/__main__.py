"""`python -m demo`: everything at once, until Ctrl-C."""

import sys

if __name__ == "__main__":
    try:
        # Because the imports take a moment, in which Ctrl-C must be no traceback either.
        from demo.running import main

        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
