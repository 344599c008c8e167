"""The bounds themselves: false alarms and power computed exactly, and the inequalities that claims rest on."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tests.audit.bounds import COARSE, FALSE_ALARM, Rates, claimed_mu, judge

normal = NormalDist()


def _accused(hit: float, alarm: float, runs: int, claim: float, of: str) -> float:
    """The exact probability that games with these rates prove more than the claim."""
    from scipy.stats import binom

    counts = np.arange(runs + 1)
    low = [Rates(int(k), 0, runs).least_hits() for k in counts]
    high = [Rates(0, int(k), runs).most_alarms() for k in counts]
    accused = 0.0
    for alarms in counts[binom.pmf(counts, runs, alarm) > 1e-15]:
        for hits in counts[binom.pmf(counts, runs, hit) > 1e-15]:
            if low[hits] > 0 and high[alarms] < 1:
                told = math.log(low[hits] / high[alarms])
                if of == "mu":
                    told = normal.inv_cdf(low[hits]) - normal.inv_cdf(high[alarms])
                accused += (told > claim) * float(binom.pmf(hits, runs, hit) * binom.pmf(alarms, runs, alarm))
    return accused


def test_an_honest_mechanism_is_accused_less_than_once_in_a_million_games() -> None:
    """At the very edge of each claim: rates of 1/2 +- mu/2 (normal), and of exp(epsilon)."""
    mu = 1.7
    assert _accused(normal.cdf(mu / 2), normal.cdf(-mu / 2), 150, mu, "mu") <= FALSE_ALARM
    assert _accused(0.2 * math.e, 0.2, 150, 1.0, "epsilon") <= FALSE_ALARM


def test_half_the_noise_is_missed_less_than_once_in_ten_thousand_audits() -> None:
    """Of 400 games in each world a quarter chooses the level; a claim of mu 1.79, and 3.58 in truth."""
    claim = 1.79
    assert 1 - _accused(normal.cdf(claim), normal.cdf(-claim), 300, claim, "mu") < 1e-4


def test_bounds_by_hand() -> None:
    """All of n and none of n: the rate is at least a^(1/n) and at most 1 - a^(1/n), a being 5e-7."""
    least = (FALSE_ALARM / 2) ** (1 / 100)
    clear = Rates(hits=100, alarms=0, runs=100)
    assert clear.least_hits() == pytest.approx(least)
    assert clear.most_alarms() == pytest.approx(1 - least)
    assert clear.epsilon() == pytest.approx(math.log(least / (1 - least)))
    assert clear.epsilon(delta=0.5) == pytest.approx(math.log((least - 0.5) / (1 - least)))
    assert clear.mu() == pytest.approx(2 * normal.inv_cdf(least))
    for nothing in (Rates(0, 0, 100), Rates(100, 100, 100), Rates(50, 50, 100)):
        assert nothing.epsilon() == nothing.mu() == 0.0


def test_the_level_is_chosen_on_a_quarter_and_judged_on_the_rest() -> None:
    assert judge([0.0, 0.0, 1.0, 3.0, 0.0, 2.0, 9.0, 9.0], [4.0, 4.0, 1.0, 4.0, 4.0, 4.0, 3.0, 1.0]) == Rates(4, 3, 6)


def test_a_discrete_gaussian_tells_hardly_more_than_a_normal_one() -> None:
    """Every threshold, for the scales of these audits: ten rows, sigma from 5."""
    for sigma in (5.0, 5.77, 9.3, 40.0):
        y = np.arange(-12 * int(sigma), 12 * int(sigma) + 1)
        law = np.exp(-(y**2) / (2 * sigma**2))
        tail = np.cumsum(law[::-1])[::-1] / law.sum()
        for place in np.flatnonzero(np.abs(y) <= 5 * sigma):
            told = normal.inv_cdf(float(tail[place - 10])) - normal.inv_cdf(float(tail[place]))
            assert told <= COARSE * 10 / sigma


def test_a_choice_tells_no_more_than_a_normal_of_its_claim() -> None:
    """All pairs of laws of bounded range eta: at their kink one rate is q, the other q exp(t)."""
    for eta in np.linspace(0.05, 3, 30):
        for t in np.linspace(0, eta, 41)[1:-1]:
            q = (1 - math.exp(t - eta)) / (math.exp(t) - math.exp(t - eta))
            told = normal.inv_cdf(q * math.exp(t)) - normal.inv_cdf(q)
            assert told <= math.sqrt(math.pi / 8) * eta
    assert claimed_mu(0.5, 0.0) == pytest.approx(COARSE)
    assert claimed_mu(1 / 8, 1.0) == pytest.approx(COARSE * math.sqrt(math.pi / 8))
