"""Whole-number bases, and intervals that hold as often as they say."""

from __future__ import annotations

from fractions import Fraction
from math import log

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.domain import Domain
from synth_assets.mechanisms import DiscreteGaussian, NoNoise, TwoSidedGeometric
from synth_assets.statistics import Learned, Statistics, true_figures
from synth_assets.statistics.moments import ALPHA, Basis, Range, addend, basis, means, reach, variances
from synth_assets.synthesis.allowance import Allowance

AGE = Range(0, 120, True, 1.0)


def allowance(epsilon: float = 1.0, delta: float = 0.0, rows: int = 1) -> Allowance:
    return Allowance(epsilon, delta, rows, NoNoise(), hides_categories=False)


@given(
    st.lists(st.floats(allow_nan=False), min_size=1),
    st.sampled_from([1, 2]),
    st.sampled_from([1e-4, 0.3, 50.0]),
    st.sampled_from([AGE, Range(-1e9, 2.5e9, True, 1.0), Range(-0.1, 0.7, False, 1.0), Range(5.0, 5.0, True, 1.0)]),
)
def test_every_row_adds_the_same_number_of_units(
    values: list[float], degree: int, epsilon: float, bounds: Range
) -> None:
    scale = basis(bounds, degree, allowance(epsilon, rows=100), Fraction(1, 7))
    terms = np.stack(scale.terms(np.array(values)), axis=1)
    assert terms.min() >= 0
    assert set(terms.sum(axis=1)) == {scale.row}


@given(st.lists(st.floats(allow_nan=False), min_size=1), st.sampled_from([1e-4, 0.3, 50.0]))
def test_no_row_adds_more_to_a_sum_than_its_units(values: list[float], epsilon: float) -> None:
    for bounds in (AGE, Range(-1e9, 2.5e9, True, 1.0), Range(-0.7, 0.1, False, 1.0), Range(0.0, 0.0, True, 1.0)):
        unit = addend(bounds, allowance(epsilon, rows=100), Fraction(1, 7))
        added = unit.of(np.array(values))
        assert np.abs(added).max() <= unit.row
        inside = np.clip(np.array(values), bounds.low, bounds.high)
        assert added * unit.unit == pytest.approx(inside, abs=unit.unit)


def test_whole_numbers_of_a_small_range_are_added_exactly() -> None:
    values = np.arange(121.0)
    for degree in (1, 2):
        scale = basis(AGE, degree, allowance(), Fraction(1))
        totals = np.stack([term.sum(dtype=np.int64) for term in scale.terms(values)])[None, :].astype(float)
        assert scale.rounding == 0
        assert means(totals, None).value[0] * 120 == pytest.approx(60, rel=1e-14)
    assert variances(totals, None).value[0] * 120**2 == pytest.approx(np.var(values), rel=1e-12)
    unit = addend(AGE, allowance(), Fraction(1))
    assert unit.of(values).sum() * unit.unit == values.sum()


def _laplace_tail(weights: np.ndarray, x: float) -> float:
    """P(|sum of weighted Laplace noises| > x) by partial fractions; weights are kept a little apart."""
    w = np.sort(weights) * (1 + 1e-5 * np.arange(len(weights)))
    shares = [np.prod([w[i] ** 2 / (w[i] ** 2 - w[j] ** 2) for j in range(len(w)) if j != i]) for i in range(len(w))]
    return float(sum(s * np.exp(-x / v) for s, v in zip(shares, w, strict=True)))


def test_one_noise_has_the_heaviest_tail_of_all_weights_of_one_norm() -> None:
    grid = np.linspace(0.02, 1, 15)
    for alpha in (ALPHA, ALPHA / 2):
        for a in grid:
            for b in grid:
                weights = np.array([1.0, a, b]) / np.sqrt(1 + a**2 + b**2)
                assert _laplace_tail(weights, log(1 / alpha)) <= alpha * (1 + 1e-4)


@pytest.mark.parametrize("noise", [TwoSidedGeometric(500.0), DiscreteGaussian(500.0)])
def test_intervals_without_enough_rows_are_everything(noise: TwoSidedGeometric | DiscreteGaussian) -> None:
    few = np.array([[300.0, 200.0], [-900.0, 100.0], [0.0, 0.0]])
    told = means(few, noise)
    assert told.value.tolist() == [0.5] * 3
    assert told.error.tolist() == [0.5] * 3
    told = variances(np.array([[1e9, 1e9, 1e9]]), noise)  # evenly spread values
    assert told.value[0] == pytest.approx(1 / 12)
    assert 0.083 < told.low[0] <= told.value[0] <= told.high[0] < 0.084


def test_more_noise_means_wider_intervals() -> None:
    totals = np.array([[6e5, 4e5]])
    errors = [means(totals, TwoSidedGeometric(scale)).error[0] for scale in (10.0, 1e3, 1e5)]
    assert errors == sorted(errors)
    assert errors[0] == pytest.approx(log(20) * 10 * np.hypot(0.4, 0.6) / 1e6, rel=1e-3)


@pytest.mark.parametrize("bounds", [AGE, Range(0.0, 1.0, False, 1.0)])
def test_the_reach_is_the_quantile(bounds: Range) -> None:
    assert reach(DiscreteGaussian(7.0)) == pytest.approx(1.959964 * 7)
    assert reach(TwoSidedGeometric(7.0)) == pytest.approx(log(20) * 7)
    assert reach(None) == 0
    assert Basis(bounds, 1, 120, 1200).rounding == (0 if bounds.whole else pytest.approx(0.5 / 120 + 2 / 1200))


RUNS = 30
MISSED = 0.05
FALSE_ALARM = 1e-7


@pytest.mark.parametrize("delta", [0.0, 1e-6])
def test_figures_lie_within_their_error_as_often_as_stated(delta: float) -> None:
    """At most 5 % of the figures of each kind are missed; a true statement fails here with FALSE_ALARM per kind."""
    from scipy.stats import binom

    con = duckdb.connect()
    con.execute(
        "CREATE TABLE t AS SELECT ['a', 'b', 'c'][1 + CAST(floor(sqrt(i % 9)) AS INTEGER)] AS g, (i * 37) % 71 AS x,"
        " sin(i) AS y FROM range(700) s(i)"
    )
    domain = Domain.from_spec(
        {"g": {"categories": ["a", "b", "c"]}, "x": {"bounds": [0, 90]}, "y": {"bounds": [-1, 1]}}
    )
    asked = Statistics.model_validate(
        {
            "count": {"by": "g"},
            "sum": {"of": "y", "by": "g"},
            "mean": {"of": "y", "by": "g"},
            "variance": {"of": "x", "by": "g"},
            "quantiles": {"of": "y", "by": "g"},
            "kmeans": {"of": ["x", "y"], "clusters": 2},
            "epsilon": 6,
            "delta": delta,
        }
    )
    tried: dict[str, int] = {}
    missed: dict[str, int] = {}
    for _ in range(RUNS):
        made = asked.release(con, "t", domain, rows_per_unit=1)
        truth = true_figures(asked, con, "t", domain, made.learned, rows_per_unit=1)
        for name, value, error, true in zip(
            made.frame["statistic"], made.frame["value"], made.frame["error"], truth["value"], strict=True
        ):
            if not np.isnan(true):
                tried[name] = tried.get(name, 0) + 1
                missed[name] = missed.get(name, 0) + (abs(value - true) > error)
    assert len(tried) == 7
    for name, number in tried.items():
        assert missed[name] <= binom.isf(FALSE_ALARM, number, MISSED), (name, missed[name], number)
    assert sum(missed.values()) > 0  # intervals that never miss are wider than they say


def test_a_figure_of_a_unit_of_many_rows_is_less_exact() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE t AS SELECT i % 50 AS x FROM range(5000) s(i)")
    domain = Domain.from_spec({"x": {"bounds": [0, 100]}})
    asked = Statistics.model_validate({"count": {}, "mean": {"of": "x"}, "epsilon": 1})
    one, ten = (
        asked.release(con, "t", domain, rows_per_unit=rows, rng=NoNoise()).frame["error"].to_numpy() for rows in (1, 10)
    )
    assert ten / one == pytest.approx(10, rel=0.2)
    assert true_figures(asked, con, "t", domain, Learned(), rows_per_unit=10)["value"].tolist() == [5000, 24.5]
