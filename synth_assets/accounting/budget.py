"""Budgets, events and the rule by which a charge is admitted, in exact arithmetic.

**Numbers.** A budget is written in decimals, and the number meant by a float is the shortest decimal that names it
(``repr``): 0.1 is one tenth, and three of them fit under 0.3. All sums are kept as exact fractions; a float appears
only for display, where what remains is rounded down.

**The rule.** The verdict is diffprivlib's :class:`BudgetAccountant` with ``slack=0``: epsilons add up, deltas
compose as ``1 - (1 - d1)(1 - d2)...`` (Kairouz, Oh and Viswanath 2017, Theorem 3.5 with the basic epsilon). It is
asked with fractions instead of floats. Both rules are associative, so that one entry holding all that was spent gives
the same verdict as the whole history, without the O(n) a charge; and on fractions the accountant's own code makes no
rounding error, so that it neither refuses what fits nor admits what does not.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_DELTA_DECIMALS = 60  # composed deltas are rounded up here, so that their digits do not grow with the history
_SMALLEST_PART = Fraction(1, 10**13)  # of a ceiling; the accountant refuses to consider less than 1e-14 of it

EPSILON, MOST_DELTA = (0.001, 100.0), 0.01
"""What one release may cost."""


class Spend(NamedTuple):
    """An (epsilon, delta) pair for display."""

    epsilon: float
    delta: float


class Exact(Fraction):
    """A fraction that NumPy can put through ``exp``, which the accountant calls on every epsilon."""

    __slots__ = ()

    def __neg__(self) -> Exact:
        return Exact(super().__neg__())

    def __repr__(self) -> str:
        return repr(float(self))

    def exp(self) -> float:
        """Return e to this power, the method that ``numpy.exp`` calls on an object."""
        return math.exp(self)


def exact(value: float | Fraction) -> Exact:
    """Read a number as the shortest decimal that names it."""
    return Exact(value) if isinstance(value, Fraction) else Exact(repr(float(value)))


def rounded_down(value: Fraction) -> float:
    """Return the largest float at hand whose decimal does not pass ``value``: what is shown as remaining fits."""
    shown = float(value)
    while exact(shown) > value:
        shown = math.nextafter(shown, -math.inf)
    return shown


class Total(NamedTuple):
    """What has been spent, exactly."""

    epsilon: Exact
    delta: Exact

    def plus(self, other: Total) -> Total:
        """Compose with one more charge: epsilons add up, deltas as independent failures (rounded up at 1e-60)."""
        delta = self.delta + other.delta - self.delta * other.delta
        return Total(Exact(self.epsilon + other.epsilon), _ceil(delta))

    def left_of(self, ceiling: Total) -> Total:
        """Return what one more charge may still cost; zero where the ceiling was lowered below what is spent."""
        epsilon = max(ceiling.epsilon - self.epsilon, Fraction(0))
        delta = Fraction(0)
        if self.delta < ceiling.delta:
            delta = 1 - (1 - ceiling.delta) / (1 - self.delta)
        return Total(Exact(epsilon), Exact(delta))

    def fits(self, ceiling: Total) -> bool:
        """Whether both parts are at or under the ceiling's."""
        return self.epsilon <= ceiling.epsilon and self.delta <= ceiling.delta

    def shown(self) -> Spend:
        """Return the nearest floats."""
        return Spend(float(self.epsilon), float(self.delta))

    def shown_down(self) -> Spend:
        """Return floats that are not above the exact values."""
        return Spend(rounded_down(self.epsilon), rounded_down(self.delta))


def _ceil(delta: Fraction) -> Exact:
    scale = 10**_DELTA_DECIMALS
    return Exact(math.ceil(delta * scale), scale)


NOTHING = Total(Exact(0), Exact(0))


class Budget(BaseModel):
    """The ceiling of a source: the most it may ever be charged.

    ``epsilon`` is positive and finite, ``delta`` in [0, 1). ``accounting`` says how charges compose and is kept for
    the life of the budget; ``basic`` is diffprivlib's rule.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(gt=0, le=1e9, allow_inf_nan=False, strict=True)
    delta: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False, strict=True)
    accounting: Literal["basic", "zcdp"] = "basic"

    @field_validator("accounting")
    @classmethod
    def _only_basic_yet(cls, value: str) -> str:
        if value == "zcdp":
            raise ValueError("'zcdp' is not available yet; write 'basic', where epsilons add up")
        return value

    def exactly(self) -> Total:
        """Return the ceiling as exact numbers."""
        return Total(exact(self.epsilon), exact(self.delta))


class Share(BaseModel):
    """The most that one consumer's products may charge any one source; ``delta`` left out is the source's own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epsilon: float = Field(gt=0, le=1e9, allow_inf_nan=False, strict=True)
    delta: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False, strict=True)

    def under(self, ceiling: Budget) -> Budget:
        """Return the share as a ceiling of its own; it never lifts the source's."""
        return Budget(epsilon=self.epsilon, delta=ceiling.delta if self.delta is None else self.delta)


def check_cost(place: str, epsilon: float, delta: float) -> None:
    """Refuse what one release should not cost; zeros are the cost of a heuristic one. Raises ValueError."""
    low, high = EPSILON
    if epsilon and not low <= epsilon <= high:
        why = "less tells nothing but noise" if epsilon < low else "more promises nobody anything"
        raise ValueError(
            f"{place}.epsilon ({epsilon:g}) must lie within {low:g} and {high:g}, as {why}; write 1, for one"
        )
    if delta > MOST_DELTA:
        raise ValueError(
            f"{place}.delta ({delta:g}) must be at most {MOST_DELTA:g}, as it is the chance that the promise fails; "
            "write a probability far below one in the number of rows"
        )


class Event(BaseModel):
    """What happened, beside the (epsilon, delta) it is charged as.

    ``sensitivity`` and ``scale`` are those of the mechanism's noise, ``unit`` the column that says who is protected,
    ``rho`` the cost in zero-concentrated differential privacy where it is known; ``neighbouring`` is ``replace_value``
    for randomized answers, where the value of ``columns`` is another, or none. A release with a heuristic
    guarantee costs nothing and promises no epsilon; one that reads no rows is ``differential_privacy`` at zero.
    ``columns`` are what a release shows of the source, in ``tables`` tables; heuristic ones are counted by tables.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mechanism: str = Field(min_length=1)
    guarantee: Literal["differential_privacy", "heuristic"] = "differential_privacy"
    epsilon: float | None = Field(default=None, ge=0, le=1e9, allow_inf_nan=False)
    delta: float | None = Field(default=None, ge=0, lt=1, allow_inf_nan=False)
    sensitivity: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    scale: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    unit: str | None = None
    neighbouring: Literal["add_remove_unit", "replace_value"] = "add_remove_unit"
    rho: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    columns: tuple[str, ...] = ()
    tables: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _guarantee_and_cost_agree(self) -> Event:
        if self.guarantee == "differential_privacy" and self.epsilon is None:
            raise ValueError("a differentially private release states its epsilon")
        if self.guarantee == "heuristic" and (self.epsilon or self.delta):
            raise ValueError("a heuristic release has no epsilon and no delta; leave both out")
        return self

    def stated(self) -> Spend | None:
        """Return the (epsilon, delta) to show; None for a heuristic release, which promises none."""
        return Spend(self.epsilon or 0.0, self.delta or 0.0) if self.guarantee == "differential_privacy" else None

    def cost(self) -> Total:
        """Return the exact cost; zero for a heuristic release, which nothing composes."""
        return Total(exact(self.epsilon or 0.0), exact(self.delta or 0.0))


def chargeable(cost: Total, ceiling: Total) -> Total:
    """Raise a positive epsilon to the smallest part of the ceiling that the accountant considers (1e-13 of it)."""
    least = ceiling.epsilon * _SMALLEST_PART
    return Total(Exact(max(cost.epsilon, least)), cost.delta) if cost.epsilon else cost


def judged(ceiling: Total, spent: Total, cost: Total) -> bool:
    """Ask diffprivlib's accountant whether ``cost`` may be spent after ``spent`` under ``ceiling``.

    A cost of exactly zero is admitted without asking, as the accountant refuses to consider it.
    """
    from diffprivlib import BudgetAccountant
    from diffprivlib.utils import BudgetError

    if cost == NOTHING:
        return True
    history = [] if spent == NOTHING else [tuple(chargeable(spent, ceiling))]
    try:
        BudgetAccountant(ceiling.epsilon, ceiling.delta, 0, history).check(*cost)
    except BudgetError:
        return False
    return True
