"""Centres of clusters: found on a noisy grid, then measured once as means (Su et al., CODASPY 2016: EUGkM, one step).

One part of the budget tells the number of rows, so that the grid is as fine as they pay for; one measures the grid, on
whose cells k-means runs as on public points; the last measures the mean and the number of the rows nearest to each
point found. What is released are those means, with the error that any private mean has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from synth_assets.mechanisms import Noise
from synth_assets.statistics.cells import Floats, Integers, Selection, add_up
from synth_assets.statistics.moments import Basis, Estimate, Meter, Range, basis, means, reach
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.table import Rows

COUNTING = Fraction(1, 20)
GRID = Fraction(9, 20)
"""Shares for the number of rows and the grid; the centres take the rest."""
MOST_CELLS = 2**14
ROUNDS = 10
STEPS = 50
SETTLED = 1e-4


def find_starts(
    rows: Rows,
    columns: tuple[int, ...],
    bounds: tuple[Range, ...],
    clusters: int,
    allowance: Allowance,
    share: Fraction,
) -> Floats:
    """Points to which rows are assigned, within the unit cube, in rising order: made of noisy counts alone."""
    size = np.array([_whole_rows(rows, columns)], dtype=np.int64)
    number = float(allowance.measure(size, share * COUNTING, "number of rows to cluster")[0])
    noise = allowance.noise(share * GRID)
    side = _side(number, len(columns), clusters, noise)
    counts = np.zeros(side ** len(columns), dtype=np.int64)
    for t in _points(rows, columns, bounds):
        cells = np.minimum((t * side).astype(np.int64), side - 1)
        counts += add_up(np.ravel_multi_index(tuple(cells.T), [side] * len(columns)), None, len(counts))
    noisy = allowance.measure(counts, share * GRID, "grid of the clusters")
    return _cluster_cells(noisy, side, len(columns), clusters, noise)


def _side(number: float, dimensions: int, clusters: int, noise: Noise) -> int:
    """Cells a side: (n epsilon / 10)^(2 / (2 + d)) to the power of 1 / d in all (Su et al. 2016, equation 9)."""
    epsilon = 1.4142 / max(noise.variance, 1e-9) ** 0.5
    cells = max(number * epsilon / 10, 1.0) ** (2 * dimensions / (2 + dimensions))
    least = max(2, int(np.ceil(clusters ** (1 / dimensions))))
    return int(max(least, min(cells, MOST_CELLS) ** (1 / dimensions)))


def _cluster_cells(noisy: Integers, side: int, dimensions: int, clusters: int, noise: Noise) -> Floats:
    places = np.stack(np.unravel_index(np.arange(noisy.size), [side] * dimensions), axis=1)
    middles = (places + 0.5) / side
    weights = np.where(noisy > noise.variance**0.5, noisy, 0).astype(np.float64)
    if np.count_nonzero(weights) < clusters:
        weights[np.argsort(-noisy, kind="stable")[:clusters]] += 1.0
    kept = weights > 0
    found = cluster_points(middles[kept], weights[kept], clusters)
    ordered: Floats = found[np.lexsort(found.T[::-1])]
    return ordered


def cluster_points(points: Floats, weights: Floats, clusters: int) -> Floats:
    """K-means of public weighted points: the best of :data:`ROUNDS` runs of Lloyd's algorithm from k-means++ starts.

    The fixed seed is for what is done to noisy counts alone: it protects nobody and need not.
    """
    rng = np.random.default_rng(0)
    runs = [_lloyd(points, weights, _spread(points, weights, clusters, rng)) for _ in range(ROUNDS)]
    return min(runs, key=lambda run: run[1])[0]


def _spread(points: Floats, weights: Floats, clusters: int, rng: np.random.Generator) -> Floats:
    """Starts that lie apart (Arthur and Vassilvitskii 2007)."""
    chosen = [int(rng.choice(len(points), p=weights / weights.sum()))]
    while len(chosen) < clusters:
        gap = weights * _distances(points, points[chosen]).min(axis=1)
        gap = gap if gap.sum() > 0 else weights
        chosen.append(int(rng.choice(len(points), p=gap / gap.sum())))
    return points[chosen]


def _lloyd(points: Floats, weights: Floats, centres: Floats) -> tuple[Floats, float]:
    """Centres that no longer move, and the weighted squares of the distances to them."""
    for _ in range(STEPS):
        nearest = _nearest(points, centres)
        mass = np.bincount(nearest, weights, len(centres))
        sums = np.stack([np.bincount(nearest, weights * axis, len(centres)) for axis in points.T], axis=1)
        moved = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-300)[:, None], centres)
        if np.abs(moved - centres).max() < SETTLED:
            break
        centres = moved
    return centres, float((weights * _distances(points, centres).min(axis=1)).sum())


def _distances(points: Floats, centres: Floats) -> Floats:
    """Squares of the distances of points to centres."""
    return np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def measure_clusters(
    rows: Rows,
    columns: tuple[int, ...],
    bounds: tuple[Range, ...],
    starts: Floats,
    meter: Meter,
    share: Fraction,
) -> Nearest:
    """Measure the rows nearest to each start."""
    each = share * (1 - COUNTING - GRID) / len(columns)
    bases = [basis(b, 1, meter.allowance, each) for b in bounds]
    totals = [np.zeros((len(starts), 2), dtype=np.int64) for _ in bounds]
    for t in _points(rows, columns, bounds):
        nearest = _nearest(t, starts)
        for d, scale in enumerate(bases):
            terms = scale.terms(t[:, d] * (bounds[d].span or 1.0) + bounds[d].low)
            for term, weights in enumerate(terms):
                totals[d][:, term] += add_up(nearest, weights, len(starts))
    measured = [
        meter.measure(total, each, "centres of the clusters", row=scale.row)
        for total, scale in zip(totals, bases, strict=True)
    ]
    return Nearest(bounds, tuple(bases), tuple(measured))


@dataclass(frozen=True)
class Nearest:
    """For each column the totals of the rows nearest to each start (clusters by two terms), and their noise."""

    bounds: tuple[Range, ...]
    bases: tuple[Basis, ...]
    measured: tuple[tuple[Floats, Noise | None], ...]

    def centres(self) -> list[Estimate]:
        """For each column the coordinate of each centre with its interval, in the column's own unit."""
        return [
            means(totals, noise).widened(scale.rounding).scaled(b.span * b.step, b.low * b.step)
            for (totals, noise), scale, b in zip(self.measured, self.bases, self.bounds, strict=True)
        ]

    def sizes(self) -> Estimate:
        """How many rows each centre has: every column's totals tell, and their average is told."""
        pairs = list(zip(self.measured, self.bases, strict=True))
        told = np.mean([totals.sum(axis=1) / scale.row for (totals, _), scale in pairs], axis=0)
        reaches = [reach(noise) / scale.row for (_, noise), scale in pairs]
        off = (2 * sum(r**2 for r in reaches)) ** 0.5 / len(reaches)
        value = np.maximum(told, 0.0)
        return Estimate(value, value - off, value + off)


def _nearest(t: Floats, starts: Floats) -> Integers:
    """The start that each point is nearest to; the first of equals."""
    nearest: Integers = _distances(t, starts).argmin(axis=1).astype(np.int64)
    return nearest


def _whole_rows(rows: Rows, columns: tuple[int, ...]) -> int:
    return sum(len(t) for t in _points(rows, columns, None))


def _points(rows: Rows, columns: tuple[int, ...], bounds: tuple[Range, ...] | None) -> Iterator[Floats]:
    """The rows that lack no value, block by block, as points of the unit cube (or as they are, without bounds)."""
    selection = Selection(rows)
    slots = [selection.values(column) for column in columns]
    for _, block in selection.blocks():
        values = np.stack([block[slot] for slot in slots], axis=1)
        values = values[np.isfinite(values).all(axis=1)]
        if bounds is not None:
            low, high = np.array([b.low for b in bounds]), np.array([b.high for b in bounds])
            span = np.array([b.span or 1.0 for b in bounds])
            values = np.clip((np.clip(values, low, high) - low) / span, 0.0, 1.0)
        yield values
