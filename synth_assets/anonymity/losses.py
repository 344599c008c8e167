"""What a generalization loses, in four measures, each with a bound that lets a search prove its best.

A node of the lattice gives every quasi-identifier a level. Each measure is a share: 0 where nothing is generalized and
no row left out, 1 where nothing is left. Each has a floor: no node at or above a node loses less than the node would
if it could keep all of its rows. Merging classes only adds to what is lost, and so does leaving rows out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Literal, Protocol

import numpy as np

from synth_assets.anonymity.classes import Classes, combine, renumber
from synth_assets.anonymity.diversity import BoolArray, FloatArray, IntArray

Node = tuple[int, ...]
Levels = Sequence[Sequence[IntArray]]
LossName = Literal["entropy", "discernibility", "average_class_size", "queries"]


class Loss(Protocol):
    """A measure of loss over one table."""

    name: str

    def bound(self, node: Node) -> float:
        """No node at or above this one loses less; worked out without its classes."""
        ...

    def floor(self, node: Node, classes: Classes) -> float:
        """The same, as sharp as it gets when the classes are known."""
        ...

    def of(self, node: Node, classes: Classes, good: BoolArray) -> float:
        """What the node loses when only the rows of the good classes are kept."""
        ...


class Entropy:
    """Non-uniform entropy (Gionis and Tassa, TKDE 2009): the bits that a value has within its group.

    A sum over columns that is known beforehand, so that the bound is the floor. Rows left out lose all of their bits.
    """

    name = "non-uniform entropy"

    def __init__(self, levels: Levels, counts: Sequence[IntArray], rows: int) -> None:
        """``counts[column]`` are the rows of each base code."""
        self._bits: list[list[FloatArray]] = []
        self._bounds: list[list[float]] = []
        self._own: list[float] = []
        for steps, own_counts in zip(levels, counts, strict=True):
            sizes = [np.bincount(codes, weights=own_counts) for codes in steps]
            own = float(own_counts @ np.log2(np.maximum(own_counts, 1)))
            self._own.append(own)
            self._bits.append([np.log2(np.maximum(size, 1)) for size in sizes])
            self._bounds.append([float(size @ np.log2(np.maximum(size, 1))) - own for size in sizes])
        self._own_bits = sum(self._own)
        self._row_bits = len(levels) * float(np.log2(max(rows, 1)))
        self._most_bits = max(self._row_bits * float(rows) - self._own_bits, 1e-9)

    def bound(self, node: Node) -> float:
        """The loss of the node when it keeps all rows."""
        return sum(bounds[level] for bounds, level in zip(self._bounds, node, strict=True)) / self._most_bits

    def floor(self, node: Node, classes: Classes) -> float:  # noqa: ARG002 - no classes are needed
        """The bound."""
        return self.bound(node)

    def of(self, node: Node, classes: Classes, good: BoolArray) -> float:
        """The bits of the kept rows' values within their groups, and all bits of the others."""
        lost = np.zeros(classes.size)
        for bits, level, codes in zip(self._bits, node, classes.codes, strict=True):
            lost += bits[level][codes]
        return self.share(float(classes.rows @ np.where(good, lost, self._row_bits)))

    def share(self, bits: float) -> float:
        """Bits of all rows' values within their groups, as a share of what can be lost."""
        return max(bits - self._own_bits, 0.0) / self._most_bits

    def share_of(self, column: int, bits: float) -> float:
        """As :meth:`share`, of one column alone."""
        return max(bits - self._own[column], 0.0) / self._most_bits


@dataclass(frozen=True)
class _Widths:
    """How many labels each level of each column has: no node has more classes than their product."""

    levels: Levels
    base: int
    labels: tuple[tuple[int, ...], ...] = field(init=False)

    def __post_init__(self) -> None:
        labels = tuple(tuple(int(codes.max(initial=-1)) + 1 for codes in steps) for steps in self.levels)
        object.__setattr__(self, "labels", labels)

    def most_classes(self, node: Node) -> int:
        """No more classes than this can be told apart."""
        return min(self.base, prod(labels[level] for labels, level in zip(self.labels, node, strict=True)))


class Discernibility:
    """A row costs the size of its class, or the whole table if it is left out (Bayardo and Agrawal, ICDE 2005)."""

    name = "discernibility"

    def __init__(self, base: Classes, levels: Levels) -> None:
        self._widths = _Widths(levels, base.size)
        self._rows = int(base.rows.sum())
        self._least = float(base.rows @ base.rows)
        self._most = max(float(self._rows) ** 2 - self._least, 1e-9)

    def bound(self, node: Node) -> float:
        """So many classes at the most, all of one size at the best."""
        return self._share(float(self._rows) ** 2 / max(self._widths.most_classes(node), 1))

    def floor(self, node: Node, classes: Classes) -> float:  # noqa: ARG002
        """The squares of the classes, with no row left out."""
        return self._share(float(classes.rows @ classes.rows))

    def of(self, node: Node, classes: Classes, good: BoolArray) -> float:  # noqa: ARG002
        """Squares of the kept classes, the whole table for each row that is left out."""
        return self._share(float(classes.rows @ np.where(good, classes.rows, self._rows)))

    def _share(self, penalty: float) -> float:
        return max(penalty - self._least, 0.0) / self._most


class AverageClassSize:
    """The average size of a class (LeFevre et al., ICDE 2006), where all rows that are left out are one class.

    The share is of the classes that are lost: the fewer are left, the larger they are on average.
    """

    name = "average class size"

    def __init__(self, base: Classes, levels: Levels) -> None:
        self._widths = _Widths(levels, int((base.rows > 0).sum()))

    def bound(self, node: Node) -> float:
        """So many classes at the most."""
        return self._share(self._widths.most_classes(node))

    def floor(self, node: Node, classes: Classes) -> float:  # noqa: ARG002
        """All classes of the node."""
        return self._share(int((classes.rows > 0).sum()))

    def of(self, node: Node, classes: Classes, good: BoolArray) -> float:  # noqa: ARG002
        """The kept classes, and one more for all rows that are left out."""
        left_out = bool(classes.rows[~good].any())
        return self._share(int((good & (classes.rows > 0)).sum()) + left_out)

    def _share(self, classes: int) -> float:
        return max(self._widths.base - classes, 0) / max(self._widths.base - 1, 1)


@dataclass(frozen=True)
class Query:
    """One marginal that should be kept: the rows of each base class by the values of its exact columns.

    ``columns`` are the places of its quasi-identifiers. Entry i says that base class ``classes[i]`` has ``rows[i]``
    rows with the exact values number ``exact[i]``.
    """

    columns: tuple[int, ...]
    classes: IntArray
    exact: IntArray
    rows: IntArray


class Queries:
    """The squared error of marginals that a consumer works out from the generalized rows, taking groups as even.

    A count of a group is divided equally among the values in it. As the group's mean has the least squared error, both
    merging groups and leaving rows out add to it. The share is of the error of answering nothing at all.
    """

    name = "squared error of the product's queries"

    def __init__(self, base: Classes, levels: Levels, queries: Sequence[Query]) -> None:
        self._base, self._levels, self._queries = base, levels, queries
        self._known: dict[tuple[int, Node], float] = {}

    def bound(self, node: Node) -> float:
        """The error when all rows are kept, which needs no classes: a query looks at few columns."""
        return sum(self._whole(number, node) for number in range(len(self._queries))) / max(len(self._queries), 1)

    def floor(self, node: Node, classes: Classes) -> float:  # noqa: ARG002
        """The bound."""
        return self.bound(node)

    def of(self, node: Node, classes: Classes, good: BoolArray) -> float:  # noqa: ARG002
        """The error of the rows that are kept."""
        if good.all():
            return self.bound(node)
        kept = good[places(self._base, self._levels, node)]
        return sum(self._error(query, node, kept) for query in self._queries) / max(len(self._queries), 1)

    def _whole(self, number: int, node: Node) -> float:
        query = self._queries[number]
        own = tuple(node[column] for column in query.columns)
        if (number, own) not in self._known:
            self._known[number, own] = self._error(query, node, np.ones(self._base.size, dtype=np.bool_))
        return self._known[number, own]

    def _error(self, query: Query, node: Node, kept: BoolArray) -> float:
        """Sum over all cells of the squared difference of a count and its estimate, as a share of the squares."""
        fine = self._base.codes[list(query.columns)][:, query.classes]
        exact = query.exact[np.newaxis].astype(np.int64)
        cell, cells = renumber(combine(np.vstack([fine, exact])))
        one = np.empty(cells, dtype=np.int64)
        one[cell] = np.arange(len(cell))
        rows = np.bincount(cell, weights=query.rows, minlength=cells)
        left = np.bincount(cell, weights=query.rows * kept[query.classes], minlength=cells)
        labels, sizes = [], np.ones(cells)
        for place, column in enumerate(query.columns):
            steps = self._levels[column][node[column]]
            labels.append(steps[fine[place][one]])
            sizes *= np.bincount(steps)[labels[-1]]
        group, groups = renumber(combine(np.vstack([*labels, exact[0][one]])))
        estimate = (np.bincount(group, weights=left, minlength=groups))[group] / sizes
        seen = np.bincount(group, minlength=groups)[group]
        empty = (sizes - seen) / seen  # cells of the group that no row is in, shared out among those that have rows
        error = float(((rows - estimate) ** 2 + empty * estimate**2).sum())
        return error / max(float(rows @ rows), 1e-9)


def places(base: Classes, levels: Levels, node: Node) -> IntArray:
    """Which class of a node each base class is in; classes are numbered as :meth:`Classes.merged` numbers them."""
    if not any(node):
        return np.arange(base.size, dtype=np.int64)
    codes = [steps[level][own] for steps, level, own in zip(levels, node, base.codes, strict=True)]
    return renumber(combine(np.array(codes, dtype=np.uint16).reshape(len(codes), base.size)))[0]
