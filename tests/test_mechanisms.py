"""Noise: its law, its integers, its price. False alarms of the statistical tests: one in a million each."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets import mechanisms
from synth_assets.mechanisms import (
    LIMIT,
    DiscreteGaussian,
    ExactNoise,
    Noise,
    NoNoise,
    RandomizedResponse,
    SeededEntropy,
    SystemEntropy,
    TwoSidedGeometric,
    delta_of,
    epsilon_of,
    gaussian_for,
    geometric_for,
    noise_source,
    rho_of,
    threshold_for,
)

FALSE_ALARM = 1e-6


def _seeded(seed: int = 1) -> ExactNoise:
    return ExactNoise(SeededEntropy(np.random.default_rng(seed)))


def _pmf(noise: Noise, reach: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    y = np.arange(-reach, reach + 1)
    if isinstance(noise, DiscreteGaussian):
        weights = np.exp(-(y**2) / (2 * noise.sigma**2))
    else:
        weights = np.exp(-np.abs(y) / noise.scale)
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _chi_square(drawn: mechanisms.Integers, noise: Noise) -> float:
    """The p-value of draws against the law, cells of small expectation pooled."""
    from scipy.stats import chi2

    reach = int(np.ceil(40 * math.sqrt(noise.variance))) + 40
    expected = _pmf(noise, reach) * len(drawn)
    observed = np.bincount(np.clip(drawn, -reach, reach) + reach, minlength=2 * reach + 1)
    large = expected >= 20
    seen = np.append(observed[large], observed[~large].sum())
    wanted = np.append(expected[large], expected[~large].sum())
    statistic = float(((seen - wanted) ** 2 / np.maximum(wanted, 1e-9))[wanted > 1e-3].sum())
    return float(chi2.sf(statistic, int((wanted > 1e-3).sum()) - 1))


LAWS: list[Noise] = [
    DiscreteGaussian(0.4),
    DiscreteGaussian(1.0),
    DiscreteGaussian(7.3),
    TwoSidedGeometric(0.3),
    TwoSidedGeometric(1.0),
    TwoSidedGeometric(9.7),
]


@pytest.mark.parametrize("noise", LAWS, ids=str)
def test_noise_follows_its_law(noise: Noise) -> None:
    drawn = noise.draw(200_000, SeededEntropy(np.random.default_rng(5)))
    assert _chi_square(drawn, noise) > FALSE_ALARM


@pytest.mark.parametrize("noise", [DiscreteGaussian(2.2), TwoSidedGeometric(1.7)], ids=str)
def test_the_exact_path_follows_the_same_law(noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a margin of 2 no coin is decided by floats: every one goes through rational arithmetic."""
    monkeypatch.setattr(mechanisms, "_MARGIN", 2.0)
    drawn = noise.draw(4_000, SeededEntropy(np.random.default_rng(6)))
    assert _chi_square(drawn, noise) > FALSE_ALARM


def test_the_chi_square_test_can_fail() -> None:
    drawn = DiscreteGaussian(7.3).draw(200_000, SeededEntropy(np.random.default_rng(5)))
    assert _chi_square(drawn, DiscreteGaussian(7.45)) < FALSE_ALARM


def test_floats_and_exact_arithmetic_decide_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = DiscreteGaussian(3.1).draw(2_000, SeededEntropy(np.random.default_rng(7)))
    monkeypatch.setattr(mechanisms, "_MARGIN", 1e-3)
    slow = DiscreteGaussian(3.1).draw(2_000, SeededEntropy(np.random.default_rng(7)))
    assert np.array_equal(fast, slow)


@given(st.fractions(min_value=0, max_value=60, max_denominator=10**6), st.sampled_from([64, 128, 192]))
@settings(max_examples=60, deadline=None)
def test_bounds_enclose_the_exponential(exponent: Fraction, bits: int) -> None:
    low, high = mechanisms._exp_bounds(exponent, bits)
    with localcontext() as context:
        context.prec = 120
        true = (-(Decimal(exponent.numerator) / Decimal(exponent.denominator))).exp() * 2**bits
    assert low <= true <= high
    assert high - low <= 2


def test_a_huge_exponent_is_bounded_without_being_computed() -> None:
    assert mechanisms._exp_bounds(Fraction(10) ** 15, 64) == (0, 1)


@pytest.mark.parametrize("bound", [1, 2, 3, 5, 1000, 2**40 + 1])
def test_uniform_integers_stay_below_their_bound(bound: int) -> None:
    drawn = mechanisms._below(bound, 5_000, SeededEntropy(np.random.default_rng(3)))
    assert len(drawn) == 5_000
    assert drawn.min() >= 0
    assert drawn.max() < bound
    assert abs(drawn.mean() - (bound - 1) / 2) <= 5 * bound / math.sqrt(12 * 5_000)


@pytest.mark.parametrize("noise", LAWS, ids=str)
def test_tails_bound_the_law_from_above(noise: Noise) -> None:
    pmf = _pmf(noise, 2_000)
    for threshold in range(-2, 40):
        true = pmf[2_000 + threshold :].sum()
        assert noise.tail(threshold) >= true * (1 - 1e-9)
        if isinstance(noise, TwoSidedGeometric) and 1 <= threshold < 20:
            assert noise.tail(threshold) == pytest.approx(true, rel=1e-6)


@pytest.mark.parametrize("noise", LAWS, ids=str)
def test_variance_is_that_of_the_law(noise: Noise) -> None:
    y = np.arange(-2_000, 2_001)
    true = float((_pmf(noise, 2_000) * y**2).sum())
    assert noise.variance >= true * (1 - 1e-9)
    if isinstance(noise, TwoSidedGeometric) or noise.sigma > 2:
        assert noise.variance == pytest.approx(true, rel=1e-6)


def test_a_threshold_is_the_least_that_holds() -> None:
    for noise in LAWS:
        k = threshold_for(noise, 1e-10)
        assert noise.tail(k) <= 1e-10 < noise.tail(k - 1)


def test_noise_keeps_shape_and_integers() -> None:
    values = np.arange(12, dtype=np.int64).reshape(3, 4)
    noisy = _seeded().add(values, DiscreteGaussian(5))
    assert noisy.shape == (3, 4)
    assert noisy.dtype == np.int64
    assert values.tolist() == np.arange(12).reshape(3, 4).tolist()
    assert _seeded().add(np.zeros(0, dtype=np.int64), DiscreteGaussian(5)).shape == (0,)


def test_floats_and_huge_values_are_refused() -> None:
    with pytest.raises(ValueError, match="integers only"):
        _seeded().add(np.zeros(3), DiscreteGaussian(1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2\\^52"):
        _seeded().add(np.array([LIMIT + 1]), DiscreteGaussian(1))
    _seeded().add(np.array([LIMIT, -LIMIT]), DiscreteGaussian(1))


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_senseless_scales_are_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="must"):
        DiscreteGaussian(scale)
    with pytest.raises(ValueError, match="must"):
        TwoSidedGeometric(scale)


@pytest.mark.parametrize("scale", [2.0**-20, 0.5, 1.0, 3.7, 2.0**20, 2.0**32])
def test_the_extremes_of_the_scale_are_drawn(scale: float) -> None:
    drawn = TwoSidedGeometric(scale).draw(2_000, SeededEntropy(np.random.default_rng(2)))
    deviation = math.sqrt(TwoSidedGeometric(scale).variance)
    assert abs(drawn.std() - deviation) <= 0.25 * deviation + 1e-6
    gaussian = DiscreteGaussian(max(scale, 0.5)).draw(2_000, SeededEntropy(np.random.default_rng(2)))
    assert abs(gaussian.std() / max(scale, 0.5) - 1) < 0.2


def test_system_noise_never_repeats() -> None:
    zeros = np.zeros(64, dtype=np.int64)
    source = ExactNoise()
    draws = {source.add(zeros, DiscreteGaussian(100)).tobytes() for _ in range(5)}
    draws |= {ExactNoise(SystemEntropy()).add(zeros, DiscreteGaussian(100)).tobytes() for _ in range(5)}
    assert len(draws) == 10


def test_a_generator_marks_its_noise_as_seeded() -> None:
    assert not noise_source(None).seeded
    assert noise_source(np.random.default_rng(1)).seeded
    assert NoNoise().seeded
    assert noise_source(quiet := NoNoise()) is quiet
    assert np.array_equal(
        _seeded(9).add(np.zeros(50, dtype=np.int64), DiscreteGaussian(3)),
        _seeded(9).add(np.zeros(50, dtype=np.int64), DiscreteGaussian(3)),
    )


def test_without_noise_nothing_changes() -> None:
    values = np.array([3, -1, 4])
    assert NoNoise().add(values, DiscreteGaussian(9)).tolist() == [3, -1, 4]
    assert NoNoise().choose(np.array([1, 7, 7]), 1.0, 1) == 1


def test_the_exponential_mechanism_follows_its_law() -> None:
    from scipy.stats import chi2

    scores, epsilon, sensitivity = np.array([0, 4, 10, 10, 3]), 0.7, 2
    weights = np.exp(epsilon * scores / (2 * sensitivity))
    source, trials = _seeded(11), 6_000
    picked = np.bincount([source.choose(scores, epsilon, sensitivity) for _ in range(trials)], minlength=5)
    expected = trials * weights / weights.sum()
    assert chi2.sf(((picked - expected) ** 2 / expected).sum(), 4) > FALSE_ALARM


def test_the_exponential_mechanism_is_exact_with_distant_scores() -> None:
    scores = np.array([-(2**51), 2**51, -(2**40)])
    assert {_seeded(i).choose(scores, 1.0, 1) for i in range(20)} == {1}


@pytest.mark.parametrize(("scores", "epsilon", "sensitivity"), [([], 1.0, 1), ([1], 0.0, 1), ([1], 1.0, 0)])
def test_a_senseless_choice_is_refused(scores: list[int], epsilon: float, sensitivity: int) -> None:
    with pytest.raises(ValueError, match="a choice needs"):
        _seeded().choose(np.array(scores, dtype=np.int64), epsilon, sensitivity)


@pytest.mark.parametrize(("epsilon", "rho"), [(0.1, 0.000321), (1, 0.02436), (10, 1.539)])
def test_rho_agrees_with_known_values(epsilon: float, rho: float) -> None:
    assert rho_of(epsilon, 1e-6) == pytest.approx(rho, rel=1e-3)


@given(st.floats(0.01, 20), st.floats(1e-12, 1e-3))
@settings(max_examples=25, deadline=None)
def test_conversions_are_conservative(epsilon: float, delta: float) -> None:
    rho = rho_of(epsilon, delta)
    assert delta_of(rho, epsilon) <= delta
    assert delta_of(rho * 1.001, epsilon) > delta
    assert epsilon_of(rho, delta) == pytest.approx(epsilon, rel=1e-6)
    loose = rho + 2 * math.sqrt(rho * math.log(1 / delta))
    assert epsilon_of(rho, delta) <= loose


@given(st.floats(1e-6, 100), st.integers(1, 50))
@settings(max_examples=50, deadline=None)
def test_noise_costs_no_more_than_it_is_charged_as(budget: float, sensitivity: int) -> None:
    gaussian = gaussian_for(budget, sensitivity)
    assert Fraction(sensitivity) ** 2 / (2 * Fraction(gaussian.sigma) ** 2) <= Fraction(budget)
    assert Fraction(sensitivity) / Fraction(geometric_for(budget, sensitivity).scale) <= Fraction(budget)


def test_senseless_conversions_are_refused() -> None:
    for epsilon, delta in ((0, 0.1), (-1, 0.1), (1, 0), (1, 1), (math.inf, 0.1)):
        with pytest.raises(ValueError, match="rho needs"):
            rho_of(epsilon, delta)
    with pytest.raises(ValueError, match="epsilon needs"):
        epsilon_of(1, 0)
    assert epsilon_of(0, 1e-9) == 0


# -- randomized response ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1, 2.5, 10, 100])
@pytest.mark.parametrize("outcomes", [2, 3, 121, 1001])
def test_an_answer_is_never_more_likely_than_it_may_be(epsilon: float, outcomes: int) -> None:
    """Words are counted, not approximated: all are used, and the ratio is below exp(epsilon) by less than one word."""
    mechanism = RandomizedResponse(epsilon, outcomes)
    truth, other = mechanism.truth, mechanism.other
    assert truth + (outcomes - 1) * other == 2**64
    with localcontext(prec=120):
        most = Fraction(Decimal(repr(epsilon)).exp()) * (1 - Fraction(1, 10**110))
    assert Fraction(other) <= Fraction(truth) <= most * other
    fewer = other - 1
    assert fewer == 0 or 2**64 - (outcomes - 1) * fewer > most * fewer
    assert mechanism.p == pytest.approx(truth / 2**64)


def test_ten_cents_of_epsilon_are_ten_cents() -> None:
    """The float 0.1 is a little more than a tenth; a tenth is what is charged."""
    mechanism = RandomizedResponse(0.1, 2)
    with localcontext(prec=80):
        assert Fraction(mechanism.truth, mechanism.other) <= Fraction(Decimal("0.1").exp())


def test_the_estimator_has_no_bias() -> None:
    """Of what is expected of 700, 200, 100 and 0 true values, it makes exactly these shares."""
    mechanism = RandomizedResponse(1.5, 4)
    true = [700, 200, 100, 0]
    expected = [n * mechanism.truth + (1000 - n) * mechanism.other for n in true]
    shares = [share for share, _ in mechanism.estimate(expected)]
    assert shares == pytest.approx([0.7, 0.2, 0.1, 0.0], abs=1e-12)
    errors = [error for _, error in mechanism.estimate([25, 25, 25, 25])]
    p, q = mechanism.p, mechanism.q
    assert errors[0] == pytest.approx(((0.25 * p * (1 - p) + 0.75 * q * (1 - q)) / 100) ** 0.5 / (p - q))
    assert all(math.isnan(share) for share, _ in mechanism.estimate([0, 0, 0, 0]))


@pytest.mark.parametrize(("epsilon", "outcomes"), [(0, 2), (-1, 2), (math.inf, 2), (1, 1)])
def test_no_randomized_response_without_epsilon_or_choice(epsilon: float, outcomes: int) -> None:
    with pytest.raises(ValueError, match="two outcomes"):
        RandomizedResponse(epsilon, outcomes)
