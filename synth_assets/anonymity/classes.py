"""Classes of equal rows, as counts: how they merge, and whether they satisfy a privacy model. No row is seen here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from synth_assets.anonymity.diversity import SLACK, BoolArray, IntArray, Spread

Codes = npt.NDArray[np.uint16]

_LARGEST = 2**62


@dataclass(frozen=True)
class Incidence:
    """Which members (units that live in several classes, or values) occur in which class; pairs are distinct."""

    classes: IntArray
    members: IntArray

    def merged(self, into: IntArray) -> Incidence:
        """Return the incidence after class ``i`` has become class ``into[i]``."""
        if self.classes.size == 0:
            return self
        width = int(self.members.max()) + 1
        pairs = distinct(into[self.classes] * width + self.members)
        return Incidence(*np.divmod(pairs, width))

    def among(self, kept: BoolArray) -> Incidence:
        """The incidence of some of the classes, which are numbered anew."""
        chosen = kept[self.classes]
        return Incidence((np.cumsum(kept) - 1)[self.classes[chosen]], self.members[chosen])

    def per_class(self, classes: int) -> IntArray:
        """Count the members of each class."""
        return np.bincount(self.classes, minlength=classes).astype(np.int64)


@dataclass(frozen=True)
class Crowd:
    """The units of classes: how many are found in no other class, and where the others are."""

    settled: IntArray
    roaming: Incidence

    def count(self) -> IntArray:
        """The distinct units of each class."""
        return self.settled + self.roaming.per_class(len(self.settled))

    def merged(self, into: IntArray, size: int) -> Crowd:
        """The crowd after class ``i`` has become class ``into[i]`` of ``size``."""
        return Crowd(_sum(self.settled, into, size), self.roaming.merged(into))

    def among(self, kept: BoolArray) -> Crowd:
        """The crowd of some of the classes, which are numbered anew."""
        return Crowd(self.settled[kept], self.roaming.among(kept))


@dataclass(frozen=True)
class Classes:
    """Classes of equal rows: ``codes`` (one row a column), rows, units, incidences and spreads of sensitive columns.

    ``settled`` counts the units that are found in no other base class, ``roaming`` lists the others. ``population``
    are the units of a population in the same classes, of which some may have no row.
    """

    codes: Codes
    rows: IntArray
    settled: IntArray
    roaming: Incidence
    sensitive: tuple[Incidence, ...]
    spreads: tuple[Spread, ...] = ()
    population: Crowd | None = None

    @property
    def size(self) -> int:
        """How many classes there are."""
        return len(self.rows)

    def units(self) -> IntArray:
        """Count the distinct units of each class."""
        return Crowd(self.settled, self.roaming).count()

    def merged(self, codes: Codes) -> Classes:
        """Merge the classes that have become equal under new, coarser codes."""
        into, size = renumber(combine(codes))
        one = np.empty(size, dtype=np.int64)
        one[into] = np.arange(len(into))  # any member of a class will do, all have its codes
        return self.joined(into, size, codes[:, one])

    def joined(self, into: IntArray, size: int, codes: Codes | None = None) -> Classes:
        """The classes after class ``i`` has become class ``into[i]`` of ``size``; with no codes if none are given."""
        return Classes(
            np.empty((0, size), dtype=np.uint16) if codes is None else codes,
            _sum(self.rows, into, size),
            _sum(self.settled, into, size),
            self.roaming.merged(into),
            tuple(incidence.merged(into) for incidence in self.sensitive),
            tuple(spread.merged(into) for spread in self.spreads),
            None if self.population is None else self.population.merged(into, size),
        )

    def among(self, kept: BoolArray) -> Classes:
        """Some of the classes, numbered anew."""
        return Classes(
            self.codes[:, kept],
            self.rows[kept],
            self.settled[kept],
            self.roaming.among(kept),
            tuple(incidence.among(kept) for incidence in self.sensitive),
            tuple(spread_among(spread, kept) for spread in self.spreads),
            None if self.population is None else self.population.among(kept),
        )


def spread_among(spread: Spread, kept: BoolArray) -> Spread:
    """The spread over some of the classes, numbered anew."""
    chosen = kept[spread.classes]
    numbers = (np.cumsum(kept) - 1)[spread.classes[chosen]]
    return replace(spread, classes=numbers, values=spread.values[chosen], weights=spread.weights[chosen])


def _sum(values: IntArray, into: IntArray, size: int) -> IntArray:
    return np.bincount(into, weights=values, minlength=size).astype(np.int64)  # exact below 2^53


def _is_dense(keys: IntArray) -> bool:
    """Whether a table indexed by the keys is cheaper than sorting them."""
    return int(keys.max(initial=0)) < max(16 * len(keys), 2**16)


def distinct(keys: IntArray) -> IntArray:
    """Return the distinct keys, rising."""
    if _is_dense(keys):
        present = np.zeros(int(keys.max(initial=-1)) + 1, dtype=np.bool_)
        present[keys] = True
        return np.flatnonzero(present)
    ordered = np.sort(keys)
    first: IntArray = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])]
    return first


def renumber(keys: IntArray) -> tuple[IntArray, int]:
    """Number the distinct keys from 0 in rising order; return each key's number, and how many there are."""
    found = distinct(keys)
    if not _is_dense(keys):
        return np.searchsorted(found, keys).astype(np.int64), len(found)
    numbers = np.empty(int(keys.max(initial=-1)) + 1, dtype=np.int64)
    numbers[found] = np.arange(len(found))
    return numbers[keys], len(found)


def combine(codes: npt.NDArray[np.integer[Any]]) -> IntArray:
    """Number the columns' combinations by one integer each, renumbering before it could overflow."""
    keys = np.zeros(codes.shape[1], dtype=np.int64)
    span = 1
    for column in codes:
        width = int(column.max(initial=0)) + 1
        if span > _LARGEST // width:
            keys, span = renumber(keys)
        keys = keys * width + column
        span *= width
    return keys


@dataclass(frozen=True)
class Demand:
    """The privacy model in numbers: ``most_suppressed`` is in rows, ``recursive`` holds c and l.

    ``k_map`` and ``presence`` (least and greatest share of the population's units that the table holds) look at the
    classes' population.
    """

    k: int
    l: int | None  # noqa: E741 - the letter of the literature
    most_suppressed: int
    entropy_l: float | None = None
    recursive: tuple[float, int] | None = None
    t: float | None = None
    k_map: int | None = None
    presence: tuple[float, float] | None = None

    def crowded(self, classes: Classes) -> BoolArray:
        """Say of each class whether units enough are alike in it, and few enough of the population's are shown."""
        units = classes.units()
        good = units >= self.k
        if classes.population is not None:
            people = classes.population.count()
            good &= people >= (self.k_map or 0)
            if self.presence is not None:
                good &= units <= self.presence[1] * people + SLACK
                good &= units >= self.presence[0] * people - SLACK
        return np.asarray(good)

    def passes(self, classes: Classes) -> BoolArray:
        """Say of each class whether it satisfies the model."""
        return self.crowded(classes) & self.diverse(classes.sensitive, classes.spreads, classes.size)

    def diverse(self, sensitive: Sequence[Incidence], spreads: Sequence[Spread], size: int) -> BoolArray:
        """Say of each class whether its sensitive values satisfy the model."""
        good = np.ones(size, dtype=np.bool_)
        for incidence in sensitive if self.l else ():
            good &= incidence.per_class(size) >= (self.l or 0)
        for spread in spreads:
            if self.entropy_l is not None:
                good &= spread.entropy(size) >= self.entropy_l - SLACK
            if self.recursive is not None:
                good &= spread.recursive(size, *self.recursive)
            if self.t is not None:
                good &= spread.closeness(size) <= self.t + SLACK
        return good

    def permits(self, classes: Classes, good: BoolArray) -> bool:
        """Whether the rows of all but the ``good`` classes may be left out.

        Who is left out is present with a chance of nothing: not where all of the population must be likely to be there.
        """
        if not good.any() or int(classes.rows[~good].sum()) > self.most_suppressed:
            return False
        if self.presence is None or not self.presence[0] or classes.population is None:
            return True
        return not bool(classes.population.count()[~good].any())
