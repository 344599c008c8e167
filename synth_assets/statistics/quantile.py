"""Quantiles by group: a cell of a fine grid over the bounds, by the exponential mechanism, and how far it is off.

Half the budget chooses: the score of a cell is minus the rows by which it misses the quantile (Smith 2011; here for add
or remove, n is not known), so that rare values cost accuracy in rows and not in values. The other half measures one
histogram over rings around the chosen cells, each three times as wide as the one before: enough to tell where the
quantile must lie, finely near the answer and coarsely far from it. The interval holds whatever was chosen.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from synth_assets.mechanisms import LIMIT, Noise
from synth_assets.statistics.cells import Floats, Integers
from synth_assets.statistics.moments import Estimate, Range, reach
from synth_assets.synthesis.allowance import FIXED_POINT, Allowance
from synth_assets.synthesis.grids import between

FINEST_CELLS = 4096
MOST_COUNTED = 2**22
"""The most cells of all groups together that are counted."""
FEWEST_CELLS = 16
CHOICE = Fraction(1, 2)
"""The share that chooses; the rest tells how far off the choice may be."""
GROWTH = 3


def quantile_edges(bounds: Range, groups: int) -> Floats:
    """The edges of the grid, in steps: a cell for each whole number of a small range."""
    cells = max(FEWEST_CELLS, min(FINEST_CELLS, MOST_COUNTED // max(groups, 1)))
    return between(bounds.low, bounds.high, bounds.whole, None, cells)


def true_quantiles(counts: Integers, levels: tuple[float, ...], edges: Floats, whole: bool) -> list[Floats]:
    """Level by level the cell that holds the quantile of each group, without noise; NaN in an empty group."""
    below = counts.cumsum(axis=1)
    number = below[:, -1]
    found = []
    for level in levels:
        cell = (below >= (level * number)[:, None] - 1e-9).argmax(axis=1)
        found.append(np.where(number > 0, _middle(cell, edges, whole), np.nan))
    return found


def quantiles(
    counts: Integers, levels: tuple[float, ...], edges: Floats, whole: bool, allowance: Allowance, share: Fraction
) -> list[Estimate]:
    """Level by level the quantile of each group with its interval, in steps.

    Args:
        counts: rows by group and cell.
        levels: rising shares.
        edges: of the cells.
        whole: whether values are whole numbers.
    """
    each = share * CHOICE / len(levels)
    columns = [
        np.array(allowance.choose_each(list(_scores(counts, level)), each, f"quantile {level:g}")) for level in levels
    ]
    chosen = np.sort(np.stack(columns, axis=1), axis=1)
    rest = share * (1 - CHOICE)
    rings = [_rings(cells, counts.shape[1]) for cells in chosen.tolist()]
    held = [np.add.reduceat(row, ring[:-1]) for row, ring in zip(counts, rings, strict=True)]
    noisy = allowance.measure(np.concatenate(held), rest, "rings around quantiles")
    parts = np.split(noisy.astype(np.float64), np.cumsum([len(h) for h in held])[:-1])
    noise = allowance.noise(rest)
    return [_with_intervals(chosen[:, i], level, parts, rings, edges, whole, noise) for i, level in enumerate(levels)]


def _scores(counts: Integers, level: float) -> Integers:
    """Minus the weighted rows by which each cell misses the quantile; one row moves it by FIXED_POINT at the most.

    A cell is the quantile if at most ``level`` of the rows lie below it and at most the rest above it.
    """
    above, below = level / max(level, 1 - level), (1 - level) / max(level, 1 - level)
    right, left = int(above * FIXED_POINT), int(below * FIXED_POINT)
    up_to = counts.cumsum(axis=1)
    before, number = up_to - counts, up_to[:, -1:]
    too_high = left * before - right * (number - before)
    too_low = right * (number - up_to) - left * up_to
    scores: Integers = -np.maximum(np.maximum(too_high, too_low), 0)
    clamped: Integers = np.maximum(scores, -LIMIT)
    return clamped


def _rings(cells: list[int], size: int) -> Integers:
    """Rising edges of rings around cells, from 0 to ``size``."""
    edges = {0, size}
    for cell in cells:
        width = 1
        edges.update((cell, cell + 1))
        while width < size:
            edges.update((cell - width, cell + 1 + width))
            width *= GROWTH
    return np.array(sorted(edge for edge in edges if 0 <= edge <= size))


def _with_intervals(
    cells: Integers,
    level: float,
    counts: list[Floats],
    rings: list[Integers],
    edges: Floats,
    whole: bool,
    noise: Noise,
) -> Estimate:
    ends = [_interval(level, c, ring, reach(noise)) for c, ring in zip(counts, rings, strict=True)]
    low = edges[np.array([end[0] for end in ends], dtype=np.int64)]
    high = edges[np.array([end[1] for end in ends], dtype=np.int64)] - (1 if whole else 0)
    high = np.maximum(high, low)
    return Estimate(np.clip(_middle(cells, edges, whole), low, high), low, high)


def _interval(level: float, counts: Floats, rings: Integers, k: float) -> tuple[int, int]:
    """The ring edges between which the quantile lies.

    From each end inwards an edge is passed as long as the noisy counts prove that the quantile is beyond it; the edge
    next to the quantile is passed wrongly with half of ALPHA at the most, and without it no farther one.
    """
    before = np.concatenate(([0.0], counts.cumsum()))
    gap = (1 - level) * before - level * (before[-1] - before)
    rank = np.arange(len(before))
    doubt = k * np.sqrt(rank * (1 - level) ** 2 + (len(counts) - rank) * level**2)
    right_of = gap < -doubt
    left_of = gap > doubt
    first = int(np.argmin(right_of[1:])) if not right_of[1:].all() else len(counts) - 1
    last = int(np.argmin(left_of[:-1][::-1])) if not left_of[:-1].all() else len(counts) - 1
    return int(rings[first]), int(rings[len(counts) - last])


def _middle(cells: Integers, edges: Floats, whole: bool) -> Floats:
    """The middle of cells; of whole numbers, the middle one."""
    low, high = edges[cells], edges[cells + 1]
    middle: Floats = np.floor((low + high - 1) / 2) if whole else (low + high) / 2
    return middle
