"""`python -m bench.soak`: the soak as a command."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from bench.errors import BenchError
from bench.soak.run import soak

SECONDS = 120.0
SEED = 1


def main() -> int:
    """Soak; return 0 if it was clean, 1 if not."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--seed", type=int, default=SEED, help="decides order and pauses of what is done to the proxy")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="strangler-soak-") as folder:
        try:
            result = asyncio.run(soak(Path(folder), seconds=given.seconds, seed=given.seed))
        except ExceptionGroup as errors:
            found = errors.subgroup(BenchError)
            if found is None:
                raise
            for error in found.exceptions:
                print(f"soak: {error}", file=sys.stderr)
            return 1
    print("\n".join(result.ledger.lines()))
    print(f"\nafter the warm-up: {result.before}\nat the end:        {result.after}")
    for growth in result.growth:
        print(f"GREW: {growth}")
    print("clean" if result.is_clean else "NOT CLEAN")
    return 0 if result.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
