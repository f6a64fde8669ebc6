"""States of networks as lists of named tensors."""

import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import keystr, tree_flatten_with_path, tree_unflatten


class State:
    """A tree of tensors, as networks return it, and the list that a graph takes.

    Arguments
    ---------
    example : Any
        A state.

    Example
    -------
    >>> state = State({"a": torch.ones(2), "b": [None, torch.ones(1)]})
    >>> state.names
    ['state_a', 'state_b_1']
    >>> state.pack([torch.zeros(2), torch.zeros(1)])
    {'a': tensor([0., 0.]), 'b': [None, tensor([0.])]}
    """

    def __init__(self, example: Any):
        leaves, self._tree = tree_flatten_with_path(example)
        self._leaves = [leaf for _, leaf in leaves]
        #: Of the beginning.
        self.zeros = [torch.zeros_like(leaf) for leaf in self.unpack(example)]
        self.names = [_name(keystr(path)) for path, leaf in leaves if _holds(leaf)]

    def pack(self, tensors: Sequence[Tensor]) -> Any:
        """A tree of the tensors of a list."""
        given = iter(tensors)
        leaves = [next(given) if _holds(leaf) else leaf for leaf in self._leaves]
        return tree_unflatten(leaves, self._tree)

    def unpack(self, state: Any) -> list[Tensor]:
        """The reverse of `pack`."""
        leaves = tree_flatten_with_path(state)[0]
        pairs = zip(self._leaves, leaves, strict=True)
        return [leaf for known, (_, leaf) in pairs if _holds(known)]


def _holds(leaf: Any) -> bool:
    """Whether it is a tensor with anything in it."""
    return isinstance(leaf, Tensor) and leaf.numel() > 0


def _name(path: str) -> str:
    """``['a'][0].b`` to ``state_a_0_b``."""
    return "_".join(["state", *re.findall(r"\w+", path)])
