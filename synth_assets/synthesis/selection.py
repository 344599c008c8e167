"""Choosing what to measure: candidate marginals over groups of cells, their exact counts, and their scores.

A score is the L1 distance between a marginal's counts and what a model says of it, less the error that measuring it
would bring (McKenna et al. 2022, section 4): one unit changes it by its rows at the most, as what the model says and
the expected error follow from noisy answers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from synth_assets.mechanisms import Integers
from synth_assets.synthesis.allowance import FIXED_POINT
from synth_assets.synthesis.cliques import Clique
from synth_assets.synthesis.compression import Compressed
from synth_assets.synthesis.learning import Learned
from synth_assets.synthesis.marginals import SmallCodes, count_joint

Floats = NDArray[np.float64]

KEPT_CELLS = 2**25
"""How many counts are kept, of all candidates together: 256 MiB."""
_WEIGHT_STEPS = 1024
_LOWEST = -(2**51)
"""Worse scores are all the same; they would be chosen with the same chance, none."""


class Table:
    """The rows as groups of cells, to be counted: exact, never kept by a model."""

    def __init__(self, learned: Learned, compressed: Sequence[Compressed]) -> None:
        self.sizes = tuple(groups.size for groups in compressed)
        self._codes = [_grouped(codes, groups) for codes, groups in zip(learned.codes, compressed, strict=True)]
        self._counted: dict[Clique, Integers] = {}
        self._room = KEPT_CELLS

    def cells(self, nodes: Clique) -> int:
        """The cells of a marginal."""
        return prod(self.sizes[node] for node in nodes)

    def count(self, nodes: Clique) -> Integers:
        """The exact counts of a marginal; counted once, as long as there is room."""
        if nodes in self._counted:
            return self._counted[nodes]
        counts = count_joint([self._codes[node] for node in nodes], tuple(self.sizes[node] for node in nodes))
        if counts.size <= self._room:
            self._counted[nodes] = counts
            self._room -= counts.size
        return counts


def _grouped(codes: SmallCodes, groups: Compressed) -> NDArray[np.unsignedinteger]:
    """Rows as groups; in one byte where that is enough."""
    kind = np.uint8 if groups.size <= 256 else np.uint16
    return np.take(groups.group_of.astype(kind), codes)


def score(counts: Integers, guess: Floats, deviation: float, weight: float = 1.0) -> int:
    """The score of a marginal in rows times FIXED_POINT, exactly.

    ``guess`` is what the model says, in rows; ``deviation`` that of the noise of a measurement, in rows; ``weight`` is
    at most 1. The guess is rounded before rows are compared with it and the weight is a fraction of whole numbers, so
    that a change of one row moves the score by one row at the most.
    """
    distance = int(np.abs(counts * FIXED_POINT - np.rint(guess * FIXED_POINT).astype(np.int64)).sum())
    expected = int(FIXED_POINT * deviation * np.sqrt(2 / np.pi) * counts.size)
    steps = int(weight * _WEIGHT_STEPS)
    return max(_LOWEST, (distance - expected) * steps // _WEIGHT_STEPS)
