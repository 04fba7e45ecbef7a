"""`python -m strangler` is the `strangler` command."""

from strangler.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
