"""Scores of the single items of a validation or test, merged over all processes."""

from statistics import fmean, median

import torch
from speechbrain.utils.distributed import is_distributed_initialized


class ItemScores:
    """Scores by item and name; None stands for a score that is not defined.

    Example
    -------
    >>> scores = ItemScores()
    >>> scores.append(["a", "b"], pesq=[2.0, None], loss=torch.tensor([1.0, 3.0]))
    >>> scores.mean("loss"), scores.mean("pesq"), scores.undefined
    (2.0, 2.0, 1)
    """

    def __init__(self):
        self.items: dict[str, dict[str, float | None]] = {}

    def append(self, ids, **values) -> None:
        """Adds scores of a batch.

        Arguments
        ---------
        ids : list of str
            Of the items.
        **values : list or Tensor
            A score for each item, by the score's name.
        """
        for name, scores in values.items():
            listed = scores.tolist() if isinstance(scores, torch.Tensor) else scores
            for item, score in zip(ids, listed, strict=True):
                self.items.setdefault(item, {})[name] = score

    def merge(self) -> None:
        """Collects what the other processes of a distributed run have scored."""
        if not is_distributed_initialized():
            return
        parts = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, self.items)
        self.items = {item: row for part in parts for item, row in part.items()}

    def values(self, name: str) -> list[float]:
        """The defined scores of a name."""
        found = (row.get(name) for row in self.items.values())
        return [score for score in found if score is not None]

    def mean(self, name: str) -> float | None:
        """Mean of a score over the items that have it; None if none has."""
        values = self.values(name)
        return fmean(values) if values else None

    def median(self, name: str) -> float | None:
        """Median of a score over the items that have it; None if none has."""
        values = self.values(name)
        return median(values) if values else None

    @property
    def undefined(self) -> int:
        """How many items have a score that is not defined."""
        return sum(None in row.values() for row in self.items.values())
