"""Grids on the line: where a number's cells begin and end. Public, or made of noisy counts alone.

A grid is a rising array of edges; cell i holds edges[i] <= x < edges[i + 1]. On a whole-numbers grid the edges are
whole. What lies outside belongs to the first or the last cell.

Bounds that nobody declared are learned in two steps. First a noisy histogram over *octaves*: zero, and for each sign
the intervals [2^k, 2^(k+1)), fixed for every table there is. Then the octaves that stand out of the noise are cut
finely: the cells of a histogram that serves as the column's own measurement.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = NDArray[np.int64]

FINE_CELLS = 512
"""How many cells a column is cut into before neighbours are merged; enough for every whole number of a small range."""

_WHOLE_EXPONENTS = (0, 63)
_REAL_EXPONENTS = (-40, 63)


def locate(values: Floats, edges: Floats) -> Cells:
    """The cell of each value; values must not be NaN."""
    cells = np.searchsorted(edges, values, side="right") - 1
    return np.clip(cells, 0, len(edges) - 2)


def exponents(whole: bool) -> tuple[int, int]:
    """The least and greatest exponent of the public octaves."""
    return _WHOLE_EXPONENTS if whole else _REAL_EXPONENTS


def octave_count(whole: bool) -> int:
    """How many octaves there are: both signs and zero."""
    low, high = exponents(whole)
    return 2 * (high - low + 1) + 1


def octaves_of(values: Floats, whole: bool) -> Cells:
    """The octave of each value, numbered in rising order; the middle one is zero (and what is as good as zero)."""
    low, high = exponents(whole)
    exponent = np.frexp(values)[1].astype(np.int64) - 1
    rank = np.clip(exponent, low - 1, high) - low + 1
    return np.where(values == 0, 0, np.sign(values).astype(np.int64) * rank) + (high - low + 1)


def after(value: float, whole: bool) -> float:
    """The next number of the grid that a float can tell from ``value``."""
    following = float(np.nextafter(value, np.inf))
    return max(value + 1, following) if whole else following


def _span(octave: int, whole: bool) -> tuple[float, float]:
    """The half-open interval of an octave; the intervals of negative octaves are open below."""
    low, high = exponents(whole)
    signed = octave - (high - low + 1)
    if signed == 0:
        return 0.0, after(0.0, whole)
    start, end = 2.0 ** (low + abs(signed) - 1), 2.0 ** (low + abs(signed))
    if signed > 0:
        return start, end
    return after(-end, whole), after(-start, whole)


def refine(octaves: list[int], whole: bool, cells: int = FINE_CELLS) -> Floats:
    """Edges that cut each octave (rising, not empty) into equal parts and leave each gap in one piece."""
    parts = max(1, cells // len(octaves))
    edges: set[float] = set()
    for octave in octaves:
        start, end = _span(octave, whole)
        edges.update(equal(start, end, parts, whole))
    return np.array(sorted(edges))


def between(low: float, high: float, whole: bool, bins: int | None, cells: int = FINE_CELLS) -> Floats:
    """Edges for declared bounds, both included.

    With ``bins``, that many cells of equal width. Without, one cell for each whole number of a small range; else equal
    cells and, of their own, the cells of 0 and of the two bounds, where clamping and counting heap values up.
    """
    end = after(high, whole)
    if bins is not None:
        return np.array(equal(low, end, bins, whole))
    return np.array(sorted({*equal(low, end, cells, whole), *spikes(low, high, whole)}))


def spikes(low: float, high: float, whole: bool) -> list[float]:
    """The edges of the cells of 0 and of both bounds, where clamping and counting heap values up."""
    end = after(high, whole)
    edges = {edge for spike in (low, 0.0, high) if low <= spike <= high for edge in (spike, after(spike, whole))}
    return sorted(edge for edge in edges if low <= edge <= end)


def equal(start: float, end: float, parts: int, whole: bool) -> list[float]:
    """Edges of equal parts; whole edges, and no more parts than whole numbers, on a whole-numbers grid."""
    if whole:
        parts = int(min(parts, end - start))
    inner = np.linspace(start, end, parts + 1)
    if whole:
        inner = np.floor(inner)
    inner[0], inner[-1] = start, end
    return [float(edge) for edge in np.unique(inner)]
