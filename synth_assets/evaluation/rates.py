"""Success rates of attacks, their intervals, and the risk that is left after the control.

Everything here is arithmetic on counts. The risk of an attack is what it gains on people whose rows were fitted over
people whose rows were not: ``(main - control) / (1 - control)`` (Giomi et al., PoPETs 2023, section 5.1).
"""

from __future__ import annotations

from math import sqrt
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

    ``significant``: the training rows fall more often than the control rows beyond chance (see :func:`excess`).
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
    rate = Rate(
        attempts=attempts,
        successes=successes,
        effective=float(attempts) if effective is None else effective,
        weight=weight,
        ceiling=ceiling,
        value=(value := min(ceiling, weight * successes / attempts) if attempts else 0.0),
        low=0.0,
        high=1.0,
    )
    low, high = bounds(rate, normal_quantile((1 - LEVEL) / 2))
    return rate.model_copy(update={"low": min(low, value), "high": max(high, value)})


def bounds(rate: Rate, z: float) -> tuple[float, float]:
    """Wilson's bounds of a rate at another z, scaled by its weight and cut at its ceiling."""
    if not rate.attempts:
        return 0.0, rate.ceiling
    share = min(1.0, rate.successes / rate.attempts)
    low, high = wilson(share * rate.effective, rate.effective, z)
    return min(rate.ceiling, rate.weight * low), min(rate.ceiling, rate.weight * high)


def excess(main: Rate, control: Rate, z: float) -> float:
    """A lower bound, at ``z``, of the difference of two rates (Newcombe, Stat. in Medicine 17, 1998, method 10)."""
    lower = bounds(main, z)[0]
    upper = bounds(control, z)[1]
    return main.value - control.value - sqrt((main.value - lower) ** 2 + (upper - control.value) ** 2)


def residual_risk(main: Rate, control: Rate, tail: float) -> Risk:
    """The risk ``(main - control) / (1 - control)``, cut to [0, 1].

    The interval propagates the distances from each rate to its Wilson bounds (section 5.1 of the paper does the same
    with symmetric errors). ``tail`` is the probability with which a table that leaks nothing may be called significant.
    """
    z = normal_quantile(tail)
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
        significant=excess(main, control, z) > 0,
        detectable=detectable_risk(main, control, z),
    )


def detectable_risk(main: Rate, control: Rate, z: float) -> float:
    """The smallest risk (on a grid of 1/200) that would have been significant with these attempts; 1 if none."""
    for step in range(201):
        risk = step / 200
        value = control.value + risk * (1 - control.value)
        scaled = min(float(main.attempts), value * main.attempts / main.weight)
        candidate = main.model_copy(update={"successes": scaled, "value": value})
        if excess(candidate, control, z) > 0:
            return risk
    return 1.0


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
