"""Scores of a whole system on a fixed list of noisy recordings."""

from pvsd_modules.evaluation.run import evaluate
from pvsd_modules.evaluation.scoring import Scorer, Settings
from pvsd_modules.evaluation.summary import markdown, summarise

__all__ = ["Scorer", "Settings", "evaluate", "markdown", "summarise"]
