"""Because only `strangler` is installed, these tests find what they test beside `tests`."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
