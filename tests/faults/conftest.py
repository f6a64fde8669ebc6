"""Lets the tests of faults use the stand-ins of tests/interface."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "interface"))
