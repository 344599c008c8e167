"""Success rates of attacks, their intervals, and the risk that is left after the control.

Everything here is arithmetic on counts. The risk of an attack is what it gains on people whose rows were fitted over
people whose rows were not: ``(main - control) / (1 - control)`` (Giomi et al., PoPETs 2023, section 5.1).
"""

from __future__ import annotations

from math import exp, inf, lgamma, sqrt
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict, Field

LEVEL = 0.95
"""Two-sided level of every interval that is shown."""


class Rate(BaseModel):
    """A success rate: ``successes`` of ``attempts``, with a Wilson score interval at :data:`LEVEL`.

    ``weight`` is larger than one where each success stands for several (a control sample smaller than the fitted
    table, see :mod:`~synth_assets.evaluation.singling_out`); ``effective`` is the number of independent attempts that
    the attempts are worth; ``ceiling`` is the most that the rate can be in truth, where a theorem says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int = Field(ge=0)
    successes: float = Field(ge=0)
    effective: float = Field(ge=0)
    weight: float = Field(default=1.0, ge=1)
    ceiling: float = Field(default=1.0, ge=0, le=1)
    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class Risk(BaseModel):
    """What is left of an attack after its control: a point, an interval, and whether chance explains it.

    ``significant``: fitted people fall more often than control people beyond chance (:func:`beyond_chance`).
    ``detectable``: the smallest risk that these sample sizes would have told from chance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    significant: bool
    detectable: float = Field(ge=0, le=1)


def normal_quantile(tail: float) -> float:
    """The z that a standard normal exceeds with probability ``tail``."""
    return -NormalDist().inv_cdf(tail)


def wilson(successes: float, attempts: float, z: float) -> tuple[float, float]:
    """Wilson's score interval (JASA 22, 1927) for ``successes`` of ``attempts``; ``(0, 1)`` without attempts."""
    if attempts <= 0:
        return 0.0, 1.0
    centre = (successes + z * z / 2) / (attempts + z * z)
    half = z / (attempts + z * z) * sqrt(max(0.0, successes * (attempts - successes) / attempts + z * z / 4))
    # The ends are exact at 0 and at 1; rounding must not move them.
    low = 0.0 if successes <= 0 else max(0.0, centre - half)
    high = 1.0 if successes >= attempts else min(1.0, centre + half)
    return low, high


def measure_rate(
    successes: float, attempts: int, *, weight: float = 1.0, effective: float | None = None, ceiling: float = 1.0
) -> Rate:
    """The rate ``weight * successes / attempts``, cut at its ceiling, with its interval at :data:`LEVEL`."""
    worth = float(attempts) if effective is None else effective
    share = min(1.0, successes / attempts) if attempts else 0.0
    low, high = wilson(share * worth, worth, normal_quantile((1 - LEVEL) / 2))
    value = min(ceiling, weight * share)
    return Rate(
        attempts=attempts,
        successes=successes,
        effective=worth,
        weight=weight,
        ceiling=ceiling,
        value=value,
        low=min(value, weight * low),
        high=max(value, min(ceiling, weight * high)),
    )


def beyond_chance(main: Rate, control: Rate, tail: float) -> bool:
    """Whether fitted people fall more often than control people, wrongly said with probability ``tail`` at most.

    Counts of independent guesses: Fisher's exact test (The Design of Experiments, 1935, chapter 2). Rates that are
    weighted or whose guesses depend on each other: the exact lower bound of one exceeds the exact upper bound of the
    other (Clopper and Pearson, Biometrika 26, 1934), each at half the tail and for the effective number of attempts.
    """
    if main.value <= control.value:
        return False
    plain = all(rate.weight == 1 and rate.effective == rate.attempts for rate in (main, control))
    if plain:
        return fisher_tail(round(main.successes), main.attempts, round(control.successes), control.attempts) <= tail
    return _exact_bound(main, tail / 2, upper=False) > _exact_bound(control, tail / 2, upper=True)


def fisher_tail(a: int, n: int, b: int, m: int) -> float:
    """The chance of ``a`` or more successes among n, if the a + b successes among all n + m fell at random."""
    total = log_choose(n + m, a + b)
    terms = [log_choose(n, k) + log_choose(m, a + b - k) - total for k in range(a, min(n, a + b) + 1)]
    return min(1.0, sum(exp(term) for term in terms))


def log_choose(n: int, k: int) -> float:
    """The logarithm of a binomial coefficient."""
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) if 0 <= k <= n else -inf


def _exact_bound(rate: Rate, tail: float, *, upper: bool) -> float:
    """Clopper and Pearson's one-sided bound of a rate, scaled by its weight and cut at its ceiling."""
    from scipy.special import betaincinv

    if not rate.attempts:
        return rate.ceiling if upper else 0.0
    n = rate.effective
    x = min(1.0, rate.successes / rate.attempts) * n
    if upper:
        bound = 1.0 if x >= n else float(betaincinv(x + 1, n - x, 1 - tail))
    else:
        bound = 0.0 if x <= 0 else float(betaincinv(x, n - x + 1, tail))
    return min(rate.ceiling, rate.weight * bound)


def residual_risk(main: Rate, control: Rate, tail: float) -> Risk:
    """The risk ``(main - control) / (1 - control)``, cut to [0, 1].

    The interval propagates the distances from each rate to its Wilson bounds (section 5.1 of the paper does the same
    with symmetric errors). ``tail`` is the probability with which a table that leaks nothing may be called significant.
    """
    if control.value >= 1.0:  # nothing can exceed a control that always succeeds: the guess needs no fitted row
        return Risk(value=0, low=0, high=0, significant=False, detectable=1)
    room = 1 - control.value
    slope = (1 - main.value) / room**2
    value = (main.value - control.value) / room
    down = sqrt(((main.value - main.low) / room) ** 2 + ((control.high - control.value) * slope) ** 2)
    up = sqrt(((main.high - main.value) / room) ** 2 + ((control.value - control.low) * slope) ** 2)
    return Risk(
        value=_unit(value),
        low=_unit(value - down),
        high=_unit(value + up),
        significant=beyond_chance(main, control, tail),
        detectable=detectable_risk(main, control, tail),
    )


def detectable_risk(main: Rate, control: Rate, tail: float) -> float:
    """The smallest risk, to 1/256, that would have been beyond chance with these attempts; 1 if none."""
    low, high = 0.0, 1.0
    for _ in range(8):
        risk = (low + high) / 2
        value = control.value + risk * (1 - control.value)
        scaled = min(float(main.attempts), value * main.attempts / main.weight)
        candidate = main.model_copy(update={"successes": scaled, "value": value, "ceiling": 1.0})
        low, high = (low, risk) if beyond_chance(candidate, control, tail) else (risk, high)
    return high


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
