"""What the tests of the demo's applications share.

Because the demo's roots are not installed, their tests find them beside `tests`.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
