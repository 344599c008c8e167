"""What one release may spend, handed out in shares; and the charge that tells what became of it.

With delta = 0 the shares are of epsilon and noise is two-sided geometric (basic composition). With delta > 0 they are
of rho and noise is discrete Gaussian (zCDP): rho is the most that (epsilon, delta') pays for, where delta' is delta, or
half of it where categories have to be found, the other half being the probability that a threshold fails to hide one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from synth_assets.errors import SpecError
from synth_assets.mechanisms import (
    Integers,
    Noise,
    NoiseSource,
    gaussian_for,
    geometric_for,
    rho_of,
    threshold_for,
)

FIXED_POINT = 2**16
"""Scores are counted in this fraction of a row, so that they are whole and their sensitivity is exact."""


class Event(BaseModel):
    """One use of a mechanism at ``scale``, for ``share`` of the budget.

    How many numbers it answered is not told: it may be as private as they are (the categories that occur).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mechanism: str
    purpose: str
    sensitivity: int
    scale: float
    share: float


class Charge(BaseModel):
    """What a release cost: (epsilon, delta), rho where zCDP was used, and every event that makes it up.

    The neighbouring relation is to add or remove one unit with all its rows, ``rows_per_unit`` at the most.
    ``sensitivity`` is that of a count. ``scales`` lists the distinct noise scales. ``seeded`` marks noise that was not
    drawn from the operating system: such a release protects nobody.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mechanism: str
    epsilon: float
    delta: float
    rho: float | None = None
    neighbours: str = "add or remove one unit"
    rows_per_unit: int = 1
    sensitivity: int = 1
    scales: tuple[float, ...] = ()
    seeded: bool = False
    events: tuple[Event, ...] = ()


@dataclass
class Allowance:
    """The budget of one fit. Every noisy number of the fit comes out of here, and every share is taken once."""

    epsilon: float
    delta: float
    rows_per_unit: int
    source: NoiseSource
    hides_categories: bool
    _left: Fraction = Fraction(1)
    _delta_left: Fraction = Fraction(1)
    _events: list[Event] = field(default_factory=list)

    @cached_property
    def rho(self) -> float | None:
        """The whole budget in zCDP; None where the release is purely epsilon-differentially private."""
        if self.delta == 0:
            return None
        return rho_of(self.epsilon, self.delta / 2 if self.hides_categories else self.delta)

    @property
    def left(self) -> Fraction:
        """The share of the budget that nothing has taken yet."""
        return self._left

    def noise(self, share: Fraction, row: int = 1) -> Noise:
        """The noise that ``share`` of the budget buys for answers that a row moves by ``row``; spends nothing.

        Raises SpecError where the budget is so small that the noise would be larger than any that can be drawn.
        """
        try:
            if self.rho is None:
                return geometric_for(self.epsilon * float(share), self.rows_per_unit * row)
            return gaussian_for(self.rho * float(share), self.rows_per_unit * row)
        except (ValueError, ZeroDivisionError, OverflowError):
            pass
        raise SpecError(
            f"synthesizer.epsilon ({self.epsilon:g}, delta {self.delta:g}) is out of range for so many columns and "
            f"{self.rows_per_unit} rows a unit: the noise of a share of it cannot be drawn; choose an epsilon of "
            "0.001 to 1000"
        )

    def variance(self, share: Fraction) -> float:
        """The variance of :meth:`noise`, for weighting answers; never quite zero."""
        return max(self.noise(share).variance, 1e-9)

    def measure(self, counts: Integers, share: Fraction, purpose: str, row: int = 1) -> Integers:
        """Sums over rows, with noise; one row moves them by ``row`` in all (L1), one unit ``rows_per_unit`` times that.

        Counts of rows in disjoint cells have a ``row`` of 1.
        """
        noise = self.noise(share, row)
        self._take(share, noise.name, purpose, self.rows_per_unit * row, noise.scale)
        return self.source.add(counts, noise)

    def choose(self, scores: Integers, share: Fraction, purpose: str) -> int:
        """The index of a high score, by the exponential mechanism.

        ``scores`` are in rows times :data:`FIXED_POINT`; one unit changes each by ``rows_per_unit`` rows at the most.
        """
        return self.choose_each([scores], share, purpose)[0]

    def choose_each(self, parts: Sequence[Integers], share: Fraction, purpose: str) -> list[int]:
        """As :meth:`choose`, once for each of several disjoint parts of the rows, and for one share together.

        A unit with r of its R rows in a part changes the scores there by r / R of what the noise hides, so that the
        parts cost shares of epsilon that add up to epsilon (in zCDP: squares that add up to less).
        """
        rho = self.rho
        epsilon = self.epsilon * float(share) if rho is None else math.sqrt(8 * rho * float(share))
        epsilon *= 1 - 1e-9
        sensitivity = self.rows_per_unit * FIXED_POINT
        self._take(share, "exponential", purpose, self.rows_per_unit, 2 * self.rows_per_unit / epsilon)
        return [self.source.choose(scores, epsilon, sensitivity) for scores in parts]

    def threshold(self, share: Fraction, delta_share: Fraction) -> int:
        """The noisy count from which a category may be named.

        A unit holds ``rows_per_unit`` rows, so at most as many categories that nobody else has, each of as many rows
        at the most. All of them stay below the threshold with probability 1 - delta / 2 * ``delta_share``. Raises
        ValueError where there is no delta for it.
        """
        self._delta_left -= delta_share
        if self._delta_left < 0 or not (self.hides_categories and self.delta > 0):
            raise ValueError("the release has no delta left to name categories with")
        failure = self.delta / 2 * float(delta_share) * (1 - 1e-9)
        return self.rows_per_unit + threshold_for(self.noise(share), failure / self.rows_per_unit)

    def charge(self, method: str) -> Charge:
        """What was spent: the whole budget, as the ledger was told before."""
        return Charge(
            mechanism=method,
            epsilon=self.epsilon,
            delta=self.delta,
            rho=self.rho,
            rows_per_unit=self.rows_per_unit,
            sensitivity=self.rows_per_unit,
            scales=tuple(sorted({event.scale for event in self._events})),
            seeded=self.source.seeded,
            events=tuple(self._events),
        )

    def _take(self, share: Fraction, mechanism: str, purpose: str, sensitivity: int, scale: float) -> None:
        if share <= 0 or share > self._left:
            raise ValueError(f"{purpose} asks for {float(share):.4f} of the budget; {float(self._left):.4f} is left")
        self._left -= share
        self._events.append(
            Event(mechanism=mechanism, purpose=purpose, sensitivity=sensitivity, scale=scale, share=float(share))
        )


def expected_error(variances: NDArray[np.float64], total: float) -> float:
    """The expected total variation distance that noise of these variances puts on a marginal of ``total`` rows.

    Half the expected L1 distance of the raw answers, by E|noise| = sqrt(2 variance / pi); estimation lowers it.
    """
    return float(min(1.0, np.sqrt(2 * variances / np.pi).sum() / (2 * max(total, 1.0))))
