"""Casting: every column becomes a scale of numbers, and every row a tuple of codes on those scales.

Numbers and moments keep their own value; texts become their rank among the sorted texts; nulls lie far outside. A code
is the rank of a position among the distinct positions of its column.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth_assets.diffix.intervals import Floats, Words, root_interval
from synth_assets.diffix.parameters import Anonymization
from synth_assets.diffix.sticky import Salt, word_of
from synth_assets.diffix.units import NOBODY, Contributors, Integers, Kind, Population, Singles, narrow

Codes = NDArray[np.int32]

_DENSE = 1 << 22
"""Cells of a table that is laid out in full rather than sorted."""


@dataclass(frozen=True)
class Scale:
    """The positions of one column.

    ``name``: a word for its name; ``positions``: the distinct positions, ascending; ``null``: where null lies (a
    position only if a value is missing); ``root``: the snapped interval of all; ``labels``: a word for each position,
    which does not change when other values come and go.
    """

    name: int
    positions: Floats
    null: float
    root: tuple[float, float]
    labels: Words

    @property
    def size(self) -> int:
        """How many distinct positions there are."""
        return len(self.positions)


def cast(name: str, values: Floats, labels: Words | None = None) -> tuple[Scale, Codes]:
    """The scale of a column and the code of each row.

    Args:
        name: the column's name.
        values: a number for each row, NaN for null; no infinities.
        labels: for texts, whose ``values`` are ranks, the word of each rank.
    """
    missing = np.isnan(values)
    known, codes = _distinct(values[~missing] if missing.any() else values)
    low, high, null = root_interval(known)
    words = known.view(np.uint64) if labels is None else labels[known.astype(np.int64)]
    if not missing.any():
        return Scale(word_of(name), known, null, (low, high), words), codes
    place = int(np.searchsorted(known, null))
    all_codes = np.full(len(values), place, dtype=np.int32)
    all_codes[~missing] = codes + (codes >= place)
    positions = np.insert(known, place, null)
    words = np.insert(words, place, np.uint64(word_of("null")))
    return Scale(word_of(name), positions, null, (low, high), words), all_codes


def _distinct(values: Floats) -> tuple[Floats, Codes]:
    """The distinct values, ascending, and the rank of each value; whole numbers close together are not sorted.

    No zero is negative, so that equal values have equal bits.
    """
    if len(values):
        low, high = float(values.min()), float(values.max())
        if high - low < max(4 * len(values), 1024) and bool((values == np.floor(values)).all()):
            shifted = (values - low).astype(np.int64)
            seen = np.zeros(int(high - low) + 1, dtype=np.bool_)
            seen[shifted] = True
            return np.flatnonzero(seen).astype(np.float64) + low, (np.cumsum(seen, dtype=np.int32) - 1)[shifted]
    known, codes = np.unique(values + 0.0, return_inverse=True)
    return known, codes.astype(np.int32)


@dataclass(frozen=True)
class Encoded:
    """A table as atoms: the scale of each column, the codes of each atom, and whose rows they are."""

    scales: tuple[Scale, ...]
    codes: tuple[Codes, ...]
    people: Population


def encode(
    scales: list[Scale],
    codes: list[Codes],
    units: list[Words] | None,
    salt: Salt,
    anonymization: Anonymization,
    *,
    missing_units: list[NDArray[np.bool_]] | None = None,
    rows_per_unit: int = 1,
) -> Encoded:
    """Gather rows into atoms.

    Args:
        scales: the scale of each column.
        codes: for each column the code of each row.
        units: for each kind of unit a word for each row's unit; None where nobody says whose rows they are.
        salt: what the hashes of units depend on.
        anonymization: the parameters of counting.
        missing_units: for each kind of unit, which rows have none.
        rows_per_unit: the most rows a unit has; with one, and one kind of unit, every row is a unit of its own.
    """
    if units is None:
        return _anonymous(scales, codes, salt, anonymization, rows_per_unit)
    gone = missing_units or [np.zeros(len(codes[0]), dtype=np.bool_)] * len(units)
    if rows_per_unit == 1 and len(units) == 1:
        hashes = salt.hash("unit", units[0])
        counted = narrow((~gone[0]).astype(np.int64))
        hashes[gone[0]] = 0
        return _merged(scales, codes, hashes, counted, salt, anonymization)
    kinds = []
    for words, absent in zip(units, gone, strict=True):
        known, places = np.unique(words[~absent], return_inverse=True)
        unit = np.full(len(words), NOBODY, dtype=np.int64)
        unit[~absent] = places
        kinds.append(Kind(unit, salt.hash("unit", known)))
    rows = np.ones(len(codes[0]), dtype=np.int64)
    return Encoded(tuple(scales), tuple(codes), Contributors(rows, tuple(kinds), salt, anonymization))


def _cells(scales: list[Scale], codes: list[Codes]) -> Integers | None:
    """One number for each row's combination of codes, if 62 bits hold them all."""
    if math.prod(scale.size for scale in scales) >= 2**62:
        return None
    key = np.zeros(len(codes[0]), dtype=np.int64)
    for scale, column in zip(scales, codes, strict=True):
        key = key * scale.size + column
    return key


def _merged(
    scales: list[Scale], codes: list[Codes], hashes: Words, counted: Integers, salt: Salt, anonymization: Anonymization
) -> Encoded:
    """Rows with equal codes as one atom, where laying out all cells is cheaper than keeping the rows apart."""
    cells = math.prod(scale.size for scale in scales)
    key = _cells(scales, codes) if cells <= min(_DENSE, 2 * len(hashes)) else None
    if key is None:
        return Encoded(tuple(scales), tuple(codes), Singles(counted, hashes, salt, anonymization))
    rows = np.bincount(key, weights=counted, minlength=cells).astype(np.int64)
    seeds = np.zeros(cells, dtype=np.uint64)
    np.bitwise_xor.at(seeds, key, hashes)
    used = np.flatnonzero(np.bincount(key, minlength=cells))
    merged: list[Codes] = []
    rest = used
    for scale in reversed(scales):
        rest, code = np.divmod(rest, scale.size)
        merged.append(code.astype(np.int32))
    return Encoded(tuple(scales), tuple(reversed(merged)), Singles(rows[used], seeds[used], salt, anonymization))


def _anonymous(
    scales: list[Scale], codes: list[Codes], salt: Salt, anonymization: Anonymization, rows_per_unit: int
) -> Encoded:
    """Equal rows as one atom, whose hash is that of its content and of how often it occurs.

    So the hash of a set of rows depends on the rows alone, not on their order in the table.
    """
    key = _cells(scales, codes)
    order = np.argsort(key, kind="stable") if key is not None else np.lexsort(codes[::-1])
    if len(order) == 0:
        empty = np.zeros(0, dtype=np.int64)
        people = Singles(empty, empty.astype(np.uint64), salt, anonymization, rows_per_unit)
        return Encoded(tuple(scales), tuple(codes), people)
    if key is not None:
        changed = np.diff(key[order]) != 0
    else:
        changed = np.any([np.diff(column[order]) != 0 for column in codes], axis=0)
    first = np.flatnonzero(np.concatenate([[True], changed]))
    rows = np.diff(np.append(first, len(order)))
    distinct = tuple(column[order[first]] for column in codes)
    words = [scale.labels[column] for scale, column in zip(scales, distinct, strict=True)]
    hashes = salt.hash("row", rows.astype(np.uint64), *words)
    return Encoded(tuple(scales), distinct, Singles(rows, hashes, salt, anonymization, rows_per_unit))
