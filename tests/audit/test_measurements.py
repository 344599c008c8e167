"""Audits of the measurement layer: a million games in one call, as every cell is a canary of its own.

Each cell holds nothing in one world and all rows of a unit in the other, and takes noise of its own, so that cells are
independent games of an honest mechanism. Claims are kept but once in a million audits (a half for each of two rates);
the same games see a few percent of noise that are missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from synth_assets.mechanisms import TwoSidedGeometric, geometric_for, noise_source
from synth_assets.synthesis import allowance
from synth_assets.synthesis.allowance import FIXED_POINT, Allowance
from tests.audit.bounds import Rates, claimed_mu
from tests.audit.bugs import half_the_draw, half_the_noise, scaled_noise
from tests.audit.targets import DELTA, EPSILON, ROWS_PER_UNIT

CELLS = 1_000_000
CHOICES = 20_000
OTHERS = 20


def _allowance(epsilon: float = EPSILON, delta: float = DELTA) -> Allowance:
    return Allowance(epsilon, delta, ROWS_PER_UNIT, noise_source(None), hides_categories=False)


def _cells(epsilon: float, delta: float, cells: int = CELLS) -> Rates:
    """The event that a cell is nearer to what it holds with the canary; where delta is 0, that it tells no less."""
    told = [
        _allowance(epsilon, delta).measure(np.full(cells, rows, dtype=np.int64), Fraction(1), "cells")
        for rows in (0, ROWS_PER_UNIT)
    ]
    level = ROWS_PER_UNIT / 2 if delta else ROWS_PER_UNIT - 1
    alarms, hits = (int((side > level).sum()) for side in told)
    return Rates(hits, alarms, cells)


def _choices(epsilon: float) -> Rates:
    """The event that the canary's candidate is chosen: with it, its score is higher and all others are lower."""
    moved = np.full(1 + OTHERS, -ROWS_PER_UNIT * FIXED_POINT, dtype=np.int64)
    moved[0] = ROWS_PER_UNIT * FIXED_POINT
    worlds = (np.zeros_like(moved), moved)
    alarms, hits = (
        _allowance(epsilon, 0.0).choose_each([s] * CHOICES, Fraction(1), "choices").count(0) for s in worlds
    )
    return Rates(hits, alarms, CHOICES)


def _mu() -> float:
    rho = _allowance().rho
    assert rho is not None
    return claimed_mu(rho, choosing=0.0)


def test_the_gaussian_keeps_its_promise() -> None:
    assert 0.97 * _mu() < _cells(EPSILON, DELTA).mu() <= _mu()


def test_the_geometric_keeps_its_promise() -> None:
    assert 0.97 < _cells(1.0, 0.0).epsilon() <= 1.0


def test_choices_keep_their_promise() -> None:
    """Twenty-one candidates give away 1.73 of an epsilon of 2 at the most."""
    assert 1.4 < _choices(2.0).epsilon() <= 2.0


def _named(forgotten: int = 0) -> float:
    """What the rate is at the least at which a category of one unit alone, of all of its rows, is named, as a part of
    the rate that delta allows for each of ten; ``forgotten`` is taken off the threshold."""
    delta = 0.02
    allowance = Allowance(EPSILON, delta, ROWS_PER_UNIT, noise_source(None), hides_categories=True)
    threshold = allowance.threshold(Fraction(1), Fraction(1)) - forgotten
    told = allowance.measure(np.full(CELLS, ROWS_PER_UNIT, dtype=np.int64), Fraction(1), "categories")
    return Rates(int((told >= threshold).sum()), 0, CELLS).least_hits() / (delta / 2 / ROWS_PER_UNIT)


def test_thresholds_hide_whom_they_should() -> None:
    """The bound on the tail is safe by one or two rows; three rows less are seen."""
    assert 0.1 < _named() <= 1.0
    assert _named(forgotten=3) > 1.0
    assert _named(forgotten=ROWS_PER_UNIT) > 1.0


def test_noise_is_each_cells_own() -> None:
    """No cell's noise tells of the next one's, nor of the same cell's in another answer: correlations within 5.1 /
    sqrt(n), which chance exceeds in one of the three once in a million times."""
    first, second = (_allowance().measure(np.zeros(CELLS, dtype=np.int64), Fraction(1), "cells") for _ in range(2))
    for one, other in ((first[1:], first[:-1]), (first[2:], first[:-2]), (first, second)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 5.1 / math.sqrt(len(one))


@pytest.mark.parametrize("plant", [half_the_noise, half_the_draw, scaled_noise(0.96)], ids=["half", "draw", "96 %"])
def test_missing_noise_is_caught(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert _cells(EPSILON, DELTA).mu() > _mu()


def test_missing_geometric_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(epsilon: float, sensitivity: int) -> TwoSidedGeometric:
        return TwoSidedGeometric(geometric_for(epsilon, sensitivity).scale * 0.96)

    monkeypatch.setattr(allowance, "geometric_for", wrong)
    assert _cells(1.0, 0.0).epsilon() > 1.0


def test_choices_by_half_the_sensitivity_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "FIXED_POINT", FIXED_POINT // 2)
    assert _choices(2.0).epsilon() > 2.0
