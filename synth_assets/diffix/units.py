"""Units: who is counted, who is suppressed, and noisy counts of their rows.

Rows are held as *atoms*: rows that no question tells apart (the same values, and the same unit where units have
several rows). An :class:`Order` of atoms turns every node of a tree into a stretch, so that counts and exclusive-ors
of hashed units are differences of running totals.

Sources: the low-count filter and sticky layered noise of Diffix (Francis et al. 2017 and 2020), flattening and
proportional noise as in Diffix for Desktop (Francis 2022, arXiv 2201.04351).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from synth_assets.diffix.parameters import Anonymization, Suppression
from synth_assets.diffix.sticky import LARGEST_NORMAL, Salt

Words = NDArray[np.uint64]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LARGEST_SMALL = np.iinfo(np.int32).max

NOBODY = -1
"""The code of a missing unit."""


@dataclass(frozen=True)
class Tally:
    """How many units each node holds, and the word that their set is known by, ``(kinds of unit, nodes)``."""

    entities: Integers
    seeds: Words
    salt: Salt

    def passes(self, threshold: int, rule: Suppression) -> Flags:
        """Whether every kind of unit is frequent enough in each node for a threshold.

        Noise is drawn only where it decides: not below the threshold, nor above the most that it can ask for.
        """
        mean = threshold + rule.low_mean_gap * rule.layer_sd
        enough = self.entities >= mean + rule.layer_sd * LARGEST_NORMAL
        open_ = (self.entities >= threshold) & ~enough
        noise = self.salt.normal("suppress", self.seeds[open_])
        enough[open_] = self.entities[open_] >= mean + rule.layer_sd * noise
        verdict: Flags = np.logical_and.reduce(enough, axis=0)
        return verdict


class Order(Protocol):
    """Atoms in some order; questions are about stretches ``starts <= position < ends``."""

    def rows(self, starts: Integers, ends: Integers) -> Integers:
        """The exact number of rows."""
        ...

    def tally(self, starts: Integers, ends: Integers) -> Tally:
        """The units of each stretch; time and memory grow with their lengths where units have many rows."""
        ...

    def noisy_counts(self, starts: Integers, ends: Integers, buckets: Words) -> Integers:
        """The anonymized number of rows of each stretch, one at least; ``buckets`` seeds the second layer."""
        ...


def narrow(values: Integers) -> Integers:
    """Whole numbers from -1 on in four bytes where they fit: arrays as long as a table are what memory goes into."""
    small: Integers = values.astype(np.int32) if values.size and values.max() <= _LARGEST_SMALL else values
    return small


def _running(values: Integers) -> Integers:
    total: Integers = np.zeros(len(values) + 1, dtype=np.int32 if values.sum() <= _LARGEST_SMALL else np.int64)
    np.cumsum(values, out=total[1:])
    return total


def _running_xor(values: Words) -> Words:
    return np.concatenate([np.zeros(1, dtype=np.uint64), np.bitwise_xor.accumulate(values)])


# ------------------------------------------------------------------------------------------------ one row a unit
@dataclass(frozen=True)
class Singles:
    """Every row is a unit, or the only row of one.

    ``rows``: rows of each atom; ``hashes``: the exclusive-or of their hashed units. Where nobody says whose rows these
    are but a unit may have ``rows_per_unit`` of them, so many rows count as one unit and noise grows as much.
    """

    rows: Integers
    hashes: Words
    salt: Salt
    anonymization: Anonymization
    rows_per_unit: int = 1

    def ordered(self, order: Integers) -> SingleOrder:
        """The atoms of ``order``, in that order."""
        return SingleOrder(self, _running(self.rows[order]), _running_xor(self.hashes[order]))


@dataclass(frozen=True)
class SingleOrder:
    """Running totals of rows and of hashed units."""

    population: Singles
    counts: Integers
    seeds: Words

    def rows(self, starts: Integers, ends: Integers) -> Integers:
        """The exact number of rows."""
        return (self.counts[ends] - self.counts[starts]).astype(np.int64)

    def _seeds(self, starts: Integers, ends: Integers) -> Words:
        found: Words = self.seeds[ends] ^ self.seeds[starts]
        return found

    def tally(self, starts: Integers, ends: Integers) -> Tally:
        """The units of each stretch."""
        entities = self.rows(starts, ends) // self.population.rows_per_unit
        return Tally(entities[None], self._seeds(starts, ends)[None], self.population.salt)

    def noisy_counts(self, starts: Integers, ends: Integers, buckets: Words) -> Integers:
        """The anonymized number of rows."""
        people = self.population
        deviation = people.anonymization.noise_sd * people.rows_per_unit
        noise = _layered_noise(people.salt, buckets, self._seeds(starts, ends), people.anonymization)
        return _whole(self.rows(starts, ends) + deviation * noise)


def _layered_noise(salt: Salt, buckets: Words, seeds: Words, anonymization: Anonymization) -> Floats:
    """The sum of two standard normal layers: one for the bucket, one for the set of units."""
    if not anonymization.noise_sd:
        return np.zeros(len(seeds))
    layers: Floats = salt.normal("bucket", buckets) + salt.normal("units", seeds)
    return layers


def _whole(counts: Floats) -> Integers:
    return np.maximum(np.rint(counts).astype(np.int64), 1)


# ------------------------------------------------------------------------------------------------ many rows a unit
@dataclass(frozen=True)
class Kind:
    """One kind of unit: the code of each atom's unit (:data:`NOBODY` for none) and the hash of each code."""

    codes: Integers
    hashes: Words


@dataclass(frozen=True)
class Contributors:
    """Units may have several rows, and there may be several kinds of units (patients and hospitals, say)."""

    rows: Integers
    kinds: tuple[Kind, ...]
    salt: Salt
    anonymization: Anonymization

    def ordered(self, order: Integers) -> ContributorOrder:
        """The atoms of ``order``, in that order."""
        return ContributorOrder(self, order)


@dataclass(frozen=True)
class _Contributions:
    """Rows of each (node, unit), sorted by node; ``bounds[i]`` to ``bounds[i + 1]`` are those of node i."""

    rows: Integers
    hashes: Words
    bounds: Integers
    unaccounted: Integers

    @cached_property
    def entities(self) -> Integers:
        return np.diff(self.bounds)

    @cached_property
    def seeds(self) -> Words:
        running = _running_xor(self.hashes)
        found: Words = running[self.bounds[1:]] ^ running[self.bounds[:-1]]
        return found


@dataclass(frozen=True)
class ContributorOrder:
    """An order of atoms of units with several rows."""

    population: Contributors
    order: Integers

    @cached_property
    def _counts(self) -> Integers:
        return _running(self.population.rows[self.order])

    def rows(self, starts: Integers, ends: Integers) -> Integers:
        """The exact number of rows."""
        return (self._counts[ends] - self._counts[starts]).astype(np.int64)

    def _contributions(self, kind: Kind, starts: Integers, ends: Integers) -> _Contributions:
        lengths = ends - starts
        node = np.repeat(np.arange(len(starts)), lengths)
        inside = self.order[np.arange(len(node)) + np.repeat(starts - _running(lengths)[:-1], lengths)]
        units, rows = kind.codes[inside], self.population.rows[inside]
        missing = units == NOBODY
        unaccounted = np.bincount(node[missing], weights=rows[missing], minlength=len(starts)).astype(np.int64)
        width = max(len(kind.hashes), 1)
        key = node[~missing] * width + units[~missing]
        by_key = np.argsort(key, kind="stable")
        key, rows = key[by_key], rows[~missing][by_key]
        first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
        sums = np.add.reduceat(rows, first) if len(first) else np.zeros(0, dtype=np.int64)
        pairs = key[first]
        bounds = np.searchsorted(pairs, np.arange(len(starts) + 1) * width)
        return _Contributions(sums, kind.hashes[pairs % width], bounds, unaccounted)

    def tally(self, starts: Integers, ends: Integers) -> Tally:
        """The units of each stretch."""
        people = self.population
        found = [self._contributions(kind, starts, ends) for kind in people.kinds]
        seeds = np.stack([each.seeds for each in found])
        return Tally(np.stack([each.entities for each in found]), seeds, people.salt)

    def noisy_counts(self, starts: Integers, ends: Integers, buckets: Words) -> Integers:
        """The anonymized number of rows, flattened; of several kinds of units, the most flattened and noisiest."""
        people = self.population
        flat = [
            _flatten(self._contributions(kind, starts, ends), people.salt, people.anonymization, buckets)
            for kind in people.kinds
        ]
        counts, cut, noise, deviation = (np.stack(part) for part in zip(*flat, strict=True))
        enough = ~np.isnan(counts).any(axis=0)
        steepest = _first_of_largest(np.nan_to_num(cut, nan=-1), np.nan_to_num(counts, nan=-1))
        loudest = _first_of_largest(deviation, np.abs(noise))
        nodes = np.arange(len(starts))
        return _whole(np.where(enough, counts[steepest, nodes] + noise[loudest, nodes], 0.0))


Population = Singles | Contributors
"""All atoms of a table."""


def _first_of_largest(primary: Floats, secondary: Floats) -> Integers:
    """The row with the largest ``primary`` in each column, ties settled by ``secondary``."""
    tied = np.where(primary == primary.max(axis=0), secondary, -np.inf)
    found: Integers = tied.argmax(axis=0)
    return found


def _flatten(
    given: _Contributions, salt: Salt, rule: Anonymization, buckets: Words
) -> tuple[Floats, Floats, Floats, Floats]:
    """The flattened count of each node (NaN: too few units), what flattening took, the noise and its deviation."""
    widths = _compacted(given.entities, rule)
    heavy, hashes = _heaviest(given, rule.outliers.upper + rule.top.upper)
    places = np.arange(heavy.shape[1])
    counted = places < widths.sum(axis=0)[:, None]
    group = np.bitwise_xor.reduce(np.where(counted, hashes, np.uint64(0)), axis=1)
    outliers = salt.uniform("outliers", group, np.full(len(group), rule.outliers.lower), widths[0])
    top = salt.uniform("top", group, np.full(len(group), rule.top.lower), widths[1])
    in_top = (places >= outliers[:, None]) & (places < (outliers + top)[:, None])
    typical = np.where(in_top, heavy, 0).sum(axis=1) / np.maximum(top, 1)
    excess = np.where(places < outliers[:, None], np.maximum(heavy - typical[:, None], 0), 0).sum(axis=1)
    flat = _running(given.rows)[given.bounds]
    total = np.diff(flat) - excess
    mean = total / np.maximum(given.entities, 1)
    deviation = rule.noise_sd * np.maximum(mean, 0.5 * typical)
    noise = _layered_noise(salt, buckets, given.seeds, rule) * deviation
    count = total + np.maximum(given.unaccounted - excess, 0)
    enough = given.entities >= rule.outliers.lower + rule.top.lower
    return np.where(enough, count, np.nan), np.where(enough, excess, np.nan), noise, deviation


def _compacted(entities: Integers, rule: Anonymization) -> Integers:
    """The upper ends of the groups of outliers and of top units, narrowed evenly to what a node holds, ``(2, n)``."""
    surplus = np.maximum(rule.outliers.upper + rule.top.upper - entities, 0)
    room = rule.outliers.upper - rule.outliers.lower, rule.top.upper - rule.top.lower
    surplus = np.minimum(surplus, room[0] + room[1])
    fewer_outliers = np.clip(surplus // 2, surplus - room[1], room[0])
    return np.stack([rule.outliers.upper - fewer_outliers, rule.top.upper - (surplus - fewer_outliers)])


def _heaviest(given: _Contributions, places: int) -> tuple[Integers, Words]:
    """The contributions of the ``places`` heaviest units of each node, heaviest first, and their hashes."""
    nodes = len(given.bounds) - 1
    node = np.repeat(np.arange(nodes), given.entities)
    order = np.lexsort((~given.hashes, -given.rows, node))
    rank = np.arange(len(node)) - given.bounds[node]
    kept = rank < places
    rows = np.zeros((nodes, places), dtype=np.int64)
    hashes = np.zeros((nodes, places), dtype=np.uint64)
    rows[node[kept], rank[kept]] = given.rows[order][kept]
    hashes[node[kept], rank[kept]] = given.hashes[order][kept]
    return rows, hashes
