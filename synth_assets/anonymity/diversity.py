"""How the values of a sensitive column are spread over classes, and what three models say of that.

Entropy and recursive (c, l)-diversity: Machanavajjhala et al., "l-Diversity", ACM TKDD 1:1, 2007. t-closeness: Li, Li
and Venkatasubramanian, ICDE 2007. All three look at shares. Each unit has a weight of one, divided among its rows, so
that who comes often says no more; then the shares of merged classes are between those of the classes, and merging never
makes a class worse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

SLACK = 1e-9
"""By how much a share may miss its limit and still meet it: sums of weights are floating-point numbers."""


@dataclass(frozen=True)
class Spread:
    """The weights of a column's values in classes: one entry for each pair that occurs.

    Attributes:
        classes, values: numbers from 0; the values in rising order, NULL first, where they have one.
        weights: in units.
        shares: of each value in the whole table; they add up to 1.
        ordered: whether the distance of two values is how many lie between them (else any two are equally far).
    """

    classes: IntArray
    values: IntArray
    weights: FloatArray
    shares: FloatArray
    ordered: bool

    def merged(self, into: IntArray) -> Spread:
        """The spread after class ``i`` has become class ``into[i]``."""
        keys, place = np.unique(into[self.classes] * len(self.shares) + self.values, return_inverse=True)
        classes, values = np.divmod(keys, max(len(self.shares), 1))
        weights = np.asarray(np.bincount(place, weights=self.weights, minlength=len(keys)), dtype=np.float64)
        return replace(self, classes=classes, values=values, weights=weights)

    def totals(self, size: int) -> FloatArray:
        """The weight of each class."""
        return np.maximum(np.asarray(np.bincount(self.classes, self.weights, size), dtype=np.float64), 1e-300)

    def entropy(self, size: int) -> FloatArray:
        """How many equally frequent values each class is as diverse as: e to the entropy of its shares."""
        share = self.weights / self.totals(size)[self.classes]
        bits = np.where(share > 0, share * np.log(np.maximum(share, 1e-300)), 0.0)
        return np.asarray(np.exp(-np.bincount(self.classes, weights=bits, minlength=size)), dtype=np.float64)

    def recursive(self, size: int, c: float, l: int) -> BoolArray:  # noqa: E741 - the letter of the literature
        """Whether in each class the most frequent value is rarer than ``c`` times all from the ``l``-th on."""
        order = np.lexsort((-self.weights, self.classes))
        classes, weights = self.classes[order], self.weights[order]
        first = np.searchsorted(classes, np.arange(size))
        rank = np.arange(len(classes)) - first[classes]
        most = np.bincount(classes[rank == 0], weights=weights[rank == 0], minlength=size)
        rest = np.bincount(classes[rank >= l - 1], weights=weights[rank >= l - 1], minlength=size)
        return np.asarray(most < c * rest - SLACK)

    def closeness(self, size: int) -> FloatArray:
        """The earth mover's distance of each class's shares to those of the whole table, 0 to 1."""
        share = self.weights / self.totals(size)[self.classes]
        if not self.ordered or len(self.shares) < 2:
            near = np.minimum(share, self.shares[self.values])
            return np.asarray(1.0 - np.bincount(self.classes, weights=near, minlength=size), dtype=np.float64)
        return self._ordered(share, size)

    def _ordered(self, share: FloatArray, size: int) -> FloatArray:
        """The mean distance of the two distribution functions over all steps from one value to the next.

        Between two values that occur, a class's function is flat and the table's rises: where they cross divides the
        sum of their distances into two that are known from running sums.
        """
        whole = np.cumsum(self.shares)
        sums = np.concatenate([[0.0], np.cumsum(whole)])
        order = np.lexsort((self.values, self.classes))
        classes, values, share = self.classes[order], self.values[order], share[order]
        first = np.concatenate([[True], classes[1:] != classes[:-1]])
        running = np.cumsum(share)
        flat = running - np.repeat((running - share)[first], np.diff(np.append(np.flatnonzero(first), len(first))))
        last = np.append(first[1:], True)
        end = np.where(last, len(whole) - 1, np.append(values[1:], 0))
        cross = np.clip(np.searchsorted(whole, flat), values, end)
        apart = flat * (cross - values) - (sums[cross] - sums[values]) + (sums[end] - sums[cross])
        apart -= flat * (end - cross)
        distance = np.bincount(classes, weights=apart, minlength=size)
        distance += np.bincount(classes[first], weights=sums[values[first]], minlength=size)  # below the least value
        return np.asarray(distance / (len(whole) - 1), dtype=np.float64)
