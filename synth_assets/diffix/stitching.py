"""Stitching: one table from the rows of clusters that share columns.

Both tables are halved by the shared columns in turn, along the same snapped intervals, as long as their halves hold
about the same number of rows; what is left is sorted by the shared columns and put side by side. All parts of a level
are halved at once. The table that is there keeps all of its rows; those of the next one fill in what it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from synth_assets.diffix.intervals import Floats
from synth_assets.diffix.units import Flags, Integers

if TYPE_CHECKING:
    from synth_assets.diffix.clustering import Cluster

Microtable = dict[int, tuple[Floats, NDArray[Any]]]
"""For each column the position of every row, and its value."""

ALIKE = 0.7
"""Halves belong together if the smaller has this share of the rows of the larger."""


def stitch(
    clusters: Sequence[Cluster],
    tables: Sequence[Microtable],
    roots: Sequence[tuple[float, float]],
    whole: Sequence[bool],
    size: int,
    rng: np.random.Generator,
) -> Microtable:
    """One table of ``size`` rows.

    Args:
        clusters: the columns of each table and those to stitch by; a table without rows is left out.
        tables: the rows of each cluster.
        roots: the interval of each column's tree.
        whole: whether a column's positions are whole numbers.
        size: how many rows to make.
        rng: shuffles.
    """
    joined: Microtable = {}
    for cluster, table in zip(clusters, tables, strict=True):
        if not table or not joined:
            joined = joined or table
            continue
        shared = [column for column in cluster.stitch if column in joined]
        if shared:
            pairs = _pairs(joined, table, shared, roots, whole, rng)
        else:
            rows, other = _length(joined), _length(table)
            pairs = _Pairs(np.arange(rows), rng.permutation(np.resize(np.arange(other), rows)))
        joined = _merge(joined, table, pairs)
    return _sized(joined, size, rng)


@dataclass(frozen=True)
class _Pairs:
    """Rows of both tables that belong side by side."""

    left: Integers
    right: Integers


def _length(table: Microtable) -> int:
    return len(next(iter(table.values()))[0])


def _merge(left: Microtable, right: Microtable, pairs: _Pairs) -> Microtable:
    """Both tables side by side; shared columns keep the values of the left one."""
    merged: Microtable = {column: (p[pairs.left], v[pairs.left]) for column, (p, v) in left.items()}
    added = {column: both for column, both in right.items() if column not in merged}
    return merged | {column: (p[pairs.right], v[pairs.right]) for column, (p, v) in added.items()}


def _sized(table: Microtable, size: int, rng: np.random.Generator) -> Microtable:
    """The table cut, or with some rows repeated, to a number of rows."""
    if not table or _length(table) == size:
        return table
    rows = _length(table)
    chosen = (
        rng.permutation(rows)[:size] if rows > size else np.append(np.arange(rows), rng.integers(0, rows, size - rows))
    )
    return {column: (positions[chosen], values[chosen]) for column, (positions, values) in table.items()}


@dataclass
class _Parts:
    """The parts of both tables on the way: each has its intervals, the column to try next and the tries it has left."""

    left: Integers
    right: Integers
    low: Floats
    high: Floats
    column: Integers
    tries: Integers


def _pairs(
    left: Microtable,
    right: Microtable,
    shared: list[int],
    roots: Sequence[tuple[float, float]],
    whole: Sequence[bool],
    rng: np.random.Generator,
) -> _Pairs:
    """Halve both tables, then pair the rows of their parts."""
    a, b = (np.stack([table[column][0] for column in shared], axis=1) for table in (left, right))
    grid = np.array([whole[column] for column in shared])
    low, high = (np.array([[roots[column][side] for column in shared]]) for side in (0, 1))
    first = np.zeros(1, dtype=np.int64)
    parts = _Parts(
        np.zeros(len(a), dtype=np.int64), np.zeros(len(b), dtype=np.int64), low, high, first, first + len(shared)
    )
    while (active := _active(parts)).any():
        _halve(parts, active, a, b, grid, high[0])
    return _paired(parts, a, b, rng)


def _active(parts: _Parts) -> Flags:
    """Parts that have columns left to try and more than one row on either side."""
    count = len(parts.column)
    sizes = np.bincount(parts.left, minlength=count), np.bincount(parts.right, minlength=count)
    active: Flags = (parts.tries > 0) & (sizes[0] > 1) & (sizes[1] > 1)
    return active


def _halve(parts: _Parts, active: Flags, a: Floats, b: Floats, grid: Flags, ends: Floats) -> None:
    """Halve every active part by its next column where its halves are alike; in place."""
    count, columns = len(parts.column), a.shape[1]
    every = np.arange(count)
    low, high = parts.low[every, parts.column], parts.high[every, parts.column]
    middle, width = (low + high) / 2, high - low
    at_end = high == ends[parts.column]
    divisible = (
        active & (~grid[parts.column] | (width > 1) | ((width == 1) & at_end)) & (low < middle) & (middle < high)
    )
    upper = [
        rows[np.arange(len(of)), parts.column[of]] >= middle[of] for rows, of in ((a, parts.left), (b, parts.right))
    ]
    counts = [
        np.bincount(2 * of + side, minlength=2 * count).reshape(-1, 2)
        for of, side in zip((parts.left, parts.right), upper, strict=True)
    ]
    small, large = np.minimum(*counts), np.maximum(*counts)
    parted = divisible & ((small > 0) & (small >= ALIKE * large)).all(axis=1)
    for side in (0, 1):
        empty = divisible & ~parted & (large[:, 1 - side] == 0)
        parts.low[every[empty], parts.column[empty]] = np.where(side == 1, middle, low)[empty]
        parts.high[every[empty], parts.column[empty]] = np.where(side == 1, high, middle)[empty]
    tried = parts.column.copy()
    parts.column = np.where(active, (parts.column + 1) % columns, parts.column)
    parts.tries = np.where(parted, columns, np.where(active, parts.tries - 1, parts.tries))
    number = np.full(count, -1, dtype=np.int64)
    number[parted] = count + np.arange(int(parted.sum()))
    for name, above in zip(("left", "right"), upper, strict=True):
        of = getattr(parts, name)
        setattr(parts, name, np.where(parted[of] & above, number[of], of))
    halved = np.flatnonzero(parted)
    new_low, new_high = parts.low[halved].copy(), parts.high[halved].copy()
    new_low[np.arange(len(halved)), tried[halved]] = middle[halved]
    parts.high[halved, tried[halved]] = middle[halved]
    parts.low, parts.high = np.concatenate([parts.low, new_low]), np.concatenate([parts.high, new_high])
    parts.column = np.concatenate([parts.column, parts.column[halved]])
    parts.tries = np.concatenate([parts.tries, parts.tries[halved]])


def _paired(parts: _Parts, a: Floats, b: Floats, rng: np.random.Generator) -> _Pairs:
    """Bring the right side of each part to the length of the left and put their rows, sorted, side by side."""
    wanted = np.bincount(parts.left, minlength=len(parts.column))
    return _Pairs(_aligned(parts.left, a, wanted, rng), _aligned(parts.right, b, wanted, rng))


def _aligned(of: Integers, rows: Floats, wanted: Integers, rng: np.random.Generator) -> Integers:
    """Row numbers, ``wanted`` of each part: some left out or some repeated, sorted by part and by shared columns."""
    order = np.lexsort((rng.random(len(of)), of))
    sizes = np.bincount(of, minlength=len(wanted))
    first = np.cumsum(sizes) - sizes
    rank = np.arange(len(of)) - first[of[order]]
    kept = order[rank < wanted[of[order]]]
    more = np.maximum(wanted - sizes, 0)
    owner = np.repeat(np.arange(len(wanted)), more)
    repeated = order[first[owner] + np.floor(rng.random(len(owner)) * sizes[owner]).astype(np.int64)]
    chosen = np.concatenate([kept, repeated])
    mixed = rng.permutation(chosen)
    keys = [rows[mixed, column] for column in reversed(range(rows.shape[1]))]
    return mixed[np.lexsort((*keys, of[mixed]))]
