from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.evaluation.rates import (
    beyond_chance,
    fisher_tail,
    measure_rate,
    normal_quantile,
    residual_risk,
    wilson,
)


def test_wilson_matches_published_values() -> None:
    # Brown, Cai, DasGupta (2001): n = 10, z = 1.96.
    assert wilson(0, 10, 1.959964) == pytest.approx((0, 0.2775), abs=5e-5)
    assert wilson(5, 10, 1.959964) == pytest.approx((0.2366, 0.7634), abs=5e-5)
    assert wilson(10, 10, 1.959964) == pytest.approx((0.7225, 1), abs=5e-5)
    assert wilson(0, 0, 1.96) == (0, 1)


def test_quantile_of_a_tail() -> None:
    assert normal_quantile(0.025) == pytest.approx(1.959964, abs=1e-6)


def test_risk_is_the_excess_over_what_was_left() -> None:
    risk = residual_risk(measure_rate(80, 100), measure_rate(60, 100), 0.001)
    assert risk.value == pytest.approx(0.5)  # (0.8 - 0.6) / (1 - 0.6)
    assert risk.low < 0.5 < risk.high


def test_a_copy_has_risk_one_and_is_beyond_chance() -> None:
    risk = residual_risk(measure_rate(360, 360), measure_rate(8, 40), 1e-4)
    assert (risk.value, risk.high, risk.significant) == (1, 1, True)
    assert risk.detectable < 0.6


def test_chance_is_not_significant() -> None:
    risk = residual_risk(measure_rate(180, 360), measure_rate(14, 40), 1e-4)
    assert risk.value == pytest.approx((0.5 - 0.35) / 0.65)
    assert not risk.significant


def test_a_control_that_always_succeeds_leaves_no_risk() -> None:
    risk = residual_risk(measure_rate(50, 50), measure_rate(20, 20), 1e-4)
    assert (risk.value, risk.low, risk.high, risk.significant) == (0, 0, 0, False)


def test_weight_and_ceiling() -> None:
    rate = measure_rate(3, 100, weight=9, ceiling=0.37)
    assert rate.value == pytest.approx(0.27)
    assert rate.high == pytest.approx(0.37)
    assert measure_rate(50, 100, weight=9, ceiling=0.37).value == pytest.approx(0.37)


def test_fewer_independent_attempts_widen_the_interval() -> None:
    wide, narrow = measure_rate(50, 100, effective=20), measure_rate(50, 100)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_no_attempt_tells_nothing() -> None:
    rate = measure_rate(0, 0)
    assert (rate.value, rate.low, rate.high) == (0, 0, 1)


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_every_risk_lies_within_its_interval(n: int, m: int, data: st.DataObject) -> None:
    main = measure_rate(data.draw(st.integers(0, n)), n)
    control = measure_rate(data.draw(st.integers(0, m)), m)
    risk = residual_risk(main, control, 1e-4)
    assert 0 <= risk.low <= risk.value <= risk.high <= 1
    assert main.low <= main.value <= main.high
    assert risk.significant <= (main.value > control.value)


def test_fishers_test_by_hand() -> None:
    # The lady tasting tea: four cups of each kind, all four told apart: 1 / 70; three or more: 17 / 70.
    assert fisher_tail(4, 4, 0, 4) == pytest.approx(1 / 70)
    assert fisher_tail(3, 4, 1, 4) == pytest.approx(17 / 70)
    assert fisher_tail(0, 4, 4, 4) == pytest.approx(1)


def test_dependent_guesses_prove_less() -> None:
    main, control = measure_rate(60, 100), measure_rate(30, 100)
    assert beyond_chance(main, control, 1e-4)
    assert not beyond_chance(measure_rate(60, 100, effective=10), control, 1e-4)
    assert not beyond_chance(control, main, 0.5)


def test_a_ceiling_proves_what_a_small_control_cannot() -> None:
    main = measure_rate(95, 100, effective=90)
    assert not beyond_chance(main, measure_rate(3, 100, weight=9, effective=40), 1e-4)
    assert beyond_chance(main, measure_rate(3, 100, weight=9, effective=40, ceiling=0.37), 1e-4)


def test_a_detectable_risk_is_the_least_that_is_beyond_chance() -> None:
    # 20 of 40 control people; 1,000 attempts: the risk found is proved, a hundredth less is not.
    control = measure_rate(20, 40)
    risk = residual_risk(measure_rate(500, 1000), control, 1e-3).detectable
    proved, less = (measure_rate(round(1000 * (0.5 + r / 2)), 1000) for r in (risk, risk - 0.01))
    assert beyond_chance(proved, control, 1e-3)
    assert not beyond_chance(less, control, 1e-3)
