"""Grids, worked by hand, and for any number."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.synthesis.grids import between, locate, octave_count, octaves_of, refine

WHOLE_ZERO, REAL_ZERO = 64, 104


def _octaves(values: list[float], whole: bool) -> list[int]:
    zero = WHOLE_ZERO if whole else REAL_ZERO
    return [int(octave) - zero for octave in octaves_of(np.array(values, dtype=np.float64), whole)]


def test_octaves_of_whole_numbers() -> None:
    assert octave_count(True) == 2 * WHOLE_ZERO + 1
    assert _octaves([0, 1, 2, 3, 4, 7, 8, -1, -2, -3, -4], True) == [0, 1, 2, 2, 3, 3, 4, -1, -2, -2, -3]
    assert _octaves([2.0**63, 2.0**70, -(2.0**90)], True) == [64, 64, -64]


def test_octaves_of_reals() -> None:
    assert octave_count(False) == 2 * REAL_ZERO + 1
    assert _octaves([0.0, 2.0**-40, 2.0**-41, 1.0, 1.99, -0.5, 1e300], False) == [0, 1, 0, 41, 41, -40, 104]


def test_an_octave_of_whole_numbers_is_cut_into_single_numbers() -> None:
    edges = refine([WHOLE_ZERO, WHOLE_ZERO + 3], True)
    assert edges.tolist() == [0, 1, 4, 5, 6, 7, 8]
    assert refine([WHOLE_ZERO - 2], True).tolist() == [-3, -2, -1]
    assert locate(np.array([-9.0, 0, 3, 4, 7, 99]), edges).tolist() == [0, 0, 1, 2, 5, 5]


def test_a_wide_octave_is_cut_into_equal_parts() -> None:
    assert refine([WHOLE_ZERO + 11], True, cells=4).tolist() == [1024, 1280, 1536, 1792, 2048]
    assert refine([REAL_ZERO + 41], False, cells=2).tolist() == [1, 1.5, 2]


@pytest.mark.parametrize(
    ("low", "high", "whole", "bins", "edges"),
    [
        (0, 3, True, None, [0, 1, 2, 3, 4]),
        (0, 9, True, 2, [0, 5, 10]),
        (0, 9, True, 100, list(range(11))),
        (5, 5, True, None, [5, 6]),
        (0.0, 1.0, False, 2, [0, 0.5, math.nextafter(1, 2)]),
        (2.0, 2.0, False, None, [2, math.nextafter(2, 3)]),
    ],
)
def test_declared_bounds_are_cut(low: float, high: float, whole: bool, bins: int | None, edges: list[float]) -> None:
    assert between(low, high, whole, bins) == pytest.approx(edges, rel=1e-15)


def test_values_that_heap_up_have_cells_of_their_own() -> None:
    edges = between(-10.0, 10.0, False, None, cells=2)
    assert edges.tolist() == [
        -10.0,
        math.nextafter(-10, 0),
        0.0,
        math.nextafter(0, 1),
        10.0,
        math.nextafter(10, 11),
    ]
    wide = between(0, 99_999, True, None)
    assert locate(np.array([0.0, 1, 99_998, 99_999]), wide).tolist() == [0, 1, len(wide) - 3, len(wide) - 2]


def test_bounds_beyond_the_precision_of_floats_have_a_cell() -> None:
    assert len(between(2.0**60, 2.0**60, True, None)) == 2
    assert len(between(-(2.0**60), 2.0**60, True, 3)) == 4


@given(st.integers(-(2**62), 2**62), st.booleans())
def test_a_number_lies_in_the_cells_of_its_octave(value: int, whole: bool) -> None:
    octave = int(octaves_of(np.array([float(value)]), whole)[0])
    edges = refine([octave], whole)
    assert edges[0] <= float(value) < edges[-1] or value == 0
    assert np.all(np.diff(edges) > 0)


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.integers(1, 50) | st.none(), st.booleans())
def test_every_value_within_bounds_has_a_cell(low: float, width: float, bins: int | None, whole: bool) -> None:
    if whole:
        low, width = float(round(low)), float(round(width))
    edges = between(low, low + width, whole, bins)
    assert np.all(np.diff(edges) > 0)
    assert edges[0] == low
    assert edges[-1] > low + width
