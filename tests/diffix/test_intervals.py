from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.diffix.intervals import halves, null_position, paths, root_interval, snap

finite = st.floats(-1e300, 1e300).map(lambda x: 0.0 if abs(x) < 1e-290 else x)


@pytest.mark.parametrize(
    ("given_", "snapped"),
    [
        ((1.0, 2.0), (1.0, 2.0)),
        ((2.0, 3.5), (2.0, 4.0)),
        ((3.0, 5.0), (3.0, 5.0)),  # size 2, starts at multiples of 1
        ((2.5, 4.5), (2.0, 6.0)),  # [2, 4) would miss 4.5
        ((-1.0, 3.0), (-4.0, 4.0)),  # [-2, 2) would miss 3; size 8 then
        ((5.0, 5.0), (5.0, 6.0)),
        ((0.0, 180.0), (0.0, 256.0)),
    ],
)
def test_snapping_by_hand(given_: tuple[float, float], snapped: tuple[float, float]) -> None:
    assert snap(*given_) == snapped


@given(finite, finite)
def test_snapped_intervals_hold_both_ends_and_stay_on_the_grid(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    start, end, null = root_interval(np.array([low, high]))
    assert start <= min(low, null)
    assert max(high, null) <= end
    size = end - start
    assert math.frexp(size)[0] == 0.5
    assert start % (size / 2) == 0


def test_null_lies_beyond_the_far_end() -> None:
    assert null_position(-2.0, 6.0) == 12.0
    assert null_position(-2.0, 0.0) == -4.0
    assert null_position(0.0, 0.0) == 1.0
    assert root_interval(np.zeros(0)) == (0.0, 1.0, 1.0)
    assert root_interval(np.array([17.0, 90.0])) == (0.0, 256.0, 180.0)


@given(st.lists(st.floats(-1000, 1000), min_size=1, max_size=20), st.integers(1, 20))
def test_halves_lead_to_the_value(values: list[float], depth: int) -> None:
    low, high = -1024.0, 1024.0
    sides = halves(np.array(values), (low, high), depth)
    for value, path in zip(values, sides.T, strict=True):
        a, b = low, high
        for upper in path:
            a, b = ((a + b) / 2, b) if upper else (a, (a + b) / 2)
        assert a <= value < b


def test_paths_interleave_level_by_level() -> None:
    low, high = 0.0, 8.0
    words = paths(np.array([5.0]), (low, high), 3, 1, 2)  # upper, lower, upper; the first of two columns
    assert len(words) == 1
    assert int(words[0][0]) >> 58 == 0b100010
    assert len(paths(np.array([5.0]), (low, high), 40, 0, 2)) == 2


def test_paths_of_many_values_are_those_of_each() -> None:
    values = np.linspace(0, 7.999, 40_000)  # more than are taken at once
    words = paths(values, (0.0, 8.0), 10, 0, 1)
    assert (words[0] >> np.uint64(54) == np.floor(values * 128).astype(np.uint64)).all()
