"""Intervals: where nulls lie, snapping to powers of two, and the path of halves that leads to a value.

An interval is closed below and open above. Snapping makes its size a power of two and its start a multiple of half of
that size, so that all of its halves, halves of halves and so on start at multiples of their own size: the same few
intervals for whatever data (arXiv 2311.09628, section on snapping).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]

WORD = 64
"""Bits of a word of a path."""

_BLOCK = 1 << 14


def null_position(low: float, high: float) -> float:
    """Where null lies on a scale of values from ``low`` to ``high``: so far off that it shares no narrow interval.

    >>> null_position(-2.0, 6.0), null_position(-2.0, 0.0), null_position(0.0, 0.0)
    (12.0, -4.0, 1.0)
    """
    if high > 0:
        return 2 * high
    return 2 * low if low < 0 else 1.0


def snap(low: float, high: float) -> tuple[float, float]:
    """The smallest snapped interval that holds both values (``high`` may lie on its open end).

    >>> snap(17.0, 180.0), snap(-5.0, 3.0), snap(0.0, 0.0)
    ((0.0, 256.0), (-8.0, 8.0), (0.0, 1.0))
    """
    width = high - low
    size = 2.0 ** math.ceil(math.log2(width)) if width > 0 else 1.0
    while True:
        start = math.floor(low / (size / 2)) * (size / 2)
        start -= size / 2 if start > low else 0.0  # the quotient of extremes may have vanished
        if start + size >= high:
            return start, start + size
        low, size = start, 2.0 ** math.ceil(math.log2(high - start)) if start < low else 2 * size


def root_interval(values: Floats) -> tuple[float, float, float]:
    """Start and end of the root for sorted finite values, and the position of null on their scale."""
    low, high = (float(values[0]), float(values[-1])) if len(values) else (0.0, 0.0)
    null = null_position(low, high)
    return *snap(min(low, null), max(high, null)), null


def path_levels(dimensions: int) -> int:
    """How many levels of a tree fit into one word of a path."""
    return WORD // dimensions


def halves(values: Floats, interval: tuple[float, float], depth: int) -> NDArray[np.bool_]:
    """Which half each value lies in, ``(depth, values)``, level by level; values outside go to the outermost halves."""
    low = np.full(len(values), interval[0])
    high = np.full(len(values), interval[1])
    upper = np.empty((depth, len(values)), dtype=np.bool_)
    for level in range(depth):
        middle = (low + high) / 2
        np.greater_equal(values, middle, out=upper[level])
        np.copyto(low, middle, where=upper[level])
        np.copyto(high, middle, where=~upper[level])
    return upper


def paths(values: Floats, interval: tuple[float, float], depth: int, position: int, dimensions: int) -> list[Words]:
    """The halves of one dimension of ``dimensions`` as bits in the words of interleaved paths, first level first.

    ``position`` counts from the least significant bit of a level. Values are taken in blocks that stay in the cache.
    """
    levels = path_levels(dimensions)
    words = [np.zeros(len(values), dtype=np.uint64) for _ in range(max(1, -(-depth // levels)))]
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        for level, upper in enumerate(halves(values[block], interval, depth)):
            word, place = divmod(level, levels)
            words[word][block] |= upper.astype(np.uint64) << np.uint64(WORD - (place + 1) * dimensions + position)
    return words
