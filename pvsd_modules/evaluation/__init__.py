"""Scores of a whole system on a fixed list of noisy recordings."""

from pvsd_modules.evaluation.markdown import markdown
from pvsd_modules.evaluation.run import evaluate
from pvsd_modules.evaluation.scoring import Scorer, Settings
from pvsd_modules.evaluation.statistics import compare, paired, summarise
from pvsd_modules.evaluation.table import read_scores

__all__ = [
    "Scorer",
    "Settings",
    "compare",
    "evaluate",
    "markdown",
    "paired",
    "read_scores",
    "summarise",
]
