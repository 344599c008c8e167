"""Sums, means and variances: what a row adds to a noisy total, and how far the figures may then be off.

A value x within its bounds is t = (x - low) / (high - low) within 0 and 1. For a mean a row adds t to one total and
1 - t to another; for a variance t^2, 2 t (1 - t) and (1 - t)^2 to three: the Bernstein polynomials, none negative and
together 1. So one row moves the totals by 1 in all, whatever its value: the noise that hides a row hides its value and
its presence at once, nothing is split between a sum and a count, and both come out of one measurement. In whole
numbers a row adds exactly ``row`` units (floors, and the rest to the middle term), so that the sensitivity is exact.

Intervals are Fieller's (1954) for ratios of noisy totals: the values that the totals do not contradict. They hold at
the stated level for every number of rows, small ones too; where nothing can be said they are the whole range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from synth_assets.domain import Domain
from synth_assets.errors import DomainError
from synth_assets.mechanisms import LIMIT, DiscreteGaussian, Noise
from synth_assets.statistics.cells import Floats, Integers, step_size
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.attributes import Numeric
from synth_assets.synthesis.learning import declared
from synth_assets.synthesis.schema import Field
from synth_assets.synthesis.table import Rows

FINEST = 2**24
"""The most units that a row may add: totals of 2^28 rows stay within what noise may be added to."""
GRID = 2**15
"""Cells of t where it is squared."""
ALPHA = 0.05
"""How often a figure may lie outside its interval."""


@dataclass(frozen=True)
class Range:
    """The public bounds of a number, in steps of its grid; ``step`` is what one is worth."""

    low: float
    high: float
    whole: bool
    step: float

    @property
    def span(self) -> float:
        """The width, in steps."""
        return self.high - self.low


def declared_range(rows: Rows, name: str, domain: Domain) -> Range:
    """The bounds of a number that figures are made of; a boolean is 0 or 1.

    Raises DomainError, with the remedy, where there are none or the column is no number.
    """
    place = next(i for i, f in enumerate(rows.fields) if f.name == name)
    of: Field = rows.fields[place]
    if of.kind == "boolean":
        return Range(0.0, 1.0, True, 1.0)
    if of.kind not in ("integer", "decimal", "real"):
        raise DomainError(
            f"column {name} is of type {of.type}: sums, means, variances, quantiles and centres are of numbers; ask "
            "for a `count` or a `histogram`"
        )
    column = domain[name]
    if column.bounds is None:
        raise DomainError(
            f"column {name} has no bounds, so that one row could move the figure without limit; declare `bounds: "
            f"[least, greatest]` for it under the source's columns"
        )
    single = declared(rows, Domain(columns={name: column.model_copy(update={"bins": 1})}))[place]
    if not isinstance(single, Numeric):
        raise DomainError(f"column {name} cannot be cut by its bounds; declare numbers as `bounds`")
    low, end = single.edges[0], single.edges[-1]
    high = end - 1 if of.whole and end - 1 > low else float(np.nextafter(end, -np.inf))
    if of.whole and end - low == 1:
        high = low
    if not math.isfinite(high - low):
        raise DomainError(f"column {name}: its bounds are too far apart to be computed with; narrow them")
    return Range(low, high, of.whole, step_size(of))


# ------------------------------------------------------------------------------------------------ what a row adds
@dataclass(frozen=True)
class Basis:
    """How a value becomes whole numbers: ``degree`` + 1 terms of ``row`` units together, t cut into ``grid`` parts."""

    bounds: Range
    degree: int
    grid: int
    row: int

    @property
    def rounding(self) -> float:
        """How far off t may be by rounding alone, at the most."""
        exact = self.bounds.whole and self.grid == self.bounds.span and self.row % self.grid**self.degree == 0
        return 0.0 if exact else 0.5 / self.grid + 2.0 / self.row

    def terms(self, values: Floats) -> list[Integers]:
        """The Bernstein terms of values (no NaN), the one of the low bound first; each row's add up to ``row``."""
        width = self.bounds.span or 1.0
        clamped = np.clip(values, self.bounds.low, self.bounds.high)
        t = np.rint(np.clip((clamped - self.bounds.low) / width, 0.0, 1.0) * self.grid).astype(np.int64)
        whole = self.grid**self.degree
        top = t**self.degree * self.row // whole
        if self.degree == 1:
            return [self.row - top, top]
        bottom = (self.grid - t) ** self.degree * self.row // whole
        return [bottom, self.row - top - bottom, top]


def basis(bounds: Range, degree: int, allowance: Allowance, share: Fraction) -> Basis:
    """The finest basis whose noise stays within what can be drawn; exact for whole numbers of a small range."""
    finest = finest_row(allowance, share)
    grid = finest if degree == 1 else GRID
    if bounds.whole and 1 <= bounds.span <= grid:
        grid = int(bounds.span)
    whole = grid**degree
    return Basis(bounds, degree, grid, whole * (finest // whole) if whole <= finest else finest)


def finest_row(allowance: Allowance, share: Fraction) -> int:
    """A power of two: the most units that a row may add for a share of the budget, known before any row is read."""
    most = 2.0**31 / max(allowance.noise(share).scale, 2.0**-20)
    return 1 << max(0, min(FINEST.bit_length() - 1, math.floor(math.log2(most))))


@dataclass(frozen=True)
class Addend:
    """How a value becomes the whole number that it adds to a sum: at most ``row`` units, of ``unit`` steps each."""

    bounds: Range
    row: int
    unit: float

    def of(self, values: Floats) -> Integers:
        """The addends of values (no NaN)."""
        clamped = np.clip(values, self.bounds.low, self.bounds.high)
        return np.clip(np.rint(clamped / self.unit), -self.row, self.row).astype(np.int64)


def addend(bounds: Range, allowance: Allowance, share: Fraction) -> Addend:
    """The finest addend whose noise stays within what can be drawn."""
    finest = finest_row(allowance, share)
    most = max(abs(bounds.low), abs(bounds.high)) or 1.0
    if bounds.whole and most <= finest:
        parts = 2 ** (int(finest // most).bit_length() - 1)
        return Addend(bounds, int(most) * parts, 1 / parts)
    return Addend(bounds, finest, most / finest)


# ------------------------------------------------------------------------------------------------ measuring
@dataclass(frozen=True)
class Meter:
    """Turns totals into what may be told of them; an ``exact`` one, for the restricted zone, leaves them alone."""

    allowance: Allowance
    exact: bool = False

    def measure(self, totals: Integers, share: Fraction, purpose: str, row: int = 1) -> tuple[Floats, Noise | None]:
        """The totals with noise, and that noise; a row moves them by ``row`` in all."""
        if self.exact:
            return totals.astype(np.float64), None
        noisy = self.allowance.measure(np.clip(totals, -LIMIT, LIMIT), share, purpose, row=row)
        return noisy.astype(np.float64), self.allowance.noise(share, row)


# ------------------------------------------------------------------------------------------------ how far off
def reach(noise: Noise | None, alpha: float = ALPHA) -> float:
    """The k for which a weighted sum of independent noises exceeds k times the norm of its weights, either way, with
    probability ``alpha`` at the most.

    For the Gaussian it is the normal quantile. For the two-sided geometric it is that of a single one: of all weights
    of one norm those with the heaviest tail at these levels (checked in the tests against the exact convolution).
    Without noise it is 0.
    """
    if noise is None:
        return 0.0
    if isinstance(noise, DiscreteGaussian):
        return NormalDist().inv_cdf(1 - alpha / 2) * noise.sigma * (1 + 1e-6)
    return math.log(1 / alpha) * noise.scale


def ratio_interval(
    totals: Floats, weights: Floats, k: float, limits: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The v for which ``weights . totals - v * sum(totals)`` is within what noise explains: Fieller's interval.

    Args:
        totals: noisy totals, one row a group, one column a term.
        weights: of the terms, one row a group.
        k: of :func:`reach`.
        limits: what v may be at all; the answer where the totals say nothing.
    """
    number, value = totals.sum(axis=1), (weights * totals).sum(axis=1)
    mixed, squared, terms = weights.sum(axis=1), (weights**2).sum(axis=1), totals.shape[1]
    a = number**2 - k**2 * terms
    b = number * value - k**2 * mixed
    inner = ((number[:, None] * weights - value[:, None]) ** 2).sum(axis=1) - k**2 * (terms * squared - mixed**2)
    known = (a > 0) & (number > 0)
    root = k * np.sqrt(np.maximum(inner, 0.0))
    safe = np.where(known, a, 1.0)
    low = np.where(known, (b - root) / safe, limits[0])
    high = np.where(known, (b + root) / safe, limits[1])
    return np.clip(low, *limits), np.clip(high, *limits)


@dataclass(frozen=True)
class Estimate:
    """Figures with the interval that each lies in, one of each a group; NaN where there is no row to speak of."""

    value: Floats
    low: Floats
    high: Floats

    @property
    def error(self) -> Floats:
        """The half-width: the farther end of the interval."""
        farther: Floats = np.maximum(self.high - self.value, self.value - self.low)
        return farther

    def without(self, empty: NDArray[np.bool_]) -> Estimate:
        """With NaN where there is nothing to speak of."""
        return Estimate(*(np.where(empty, np.nan, part) for part in (self.value, self.low, self.high)))

    def widened(self, by: float) -> Estimate:
        """With intervals that are wider by as much on either side."""
        return Estimate(self.value, self.low - by, self.high + by)

    def scaled(self, factor: float, shift: float = 0.0) -> Estimate:
        """In other units; ``factor`` is not negative."""
        return Estimate(self.value * factor + shift, self.low * factor + shift, self.high * factor + shift)


def means(totals: Floats, noise: Noise | None, alpha: float = ALPHA) -> Estimate:
    """The mean of t of each group, from the totals of a basis."""
    terms = totals.shape[1]
    weights = np.tile(np.linspace(0.0, 1.0, terms), (len(totals), 1))
    low, high = ratio_interval(totals, weights, reach(noise, alpha), (0.0, 1.0))
    return _settled((weights * totals).sum(axis=1), totals.sum(axis=1), low, high)


def variances(totals: Floats, noise: Noise | None) -> Estimate:
    """The variance of t of each group, from the totals of a basis of degree 2.

    About a point m the mean square is a ratio of the totals; about the mean it is the variance. So the interval is the
    hull of the ratios' intervals over the interval of the mean, each at half of :data:`ALPHA`; the mean may lie half
    a step off the 33 points that are tried, which adds the square of that to the mean square, and is taken off.
    """
    mean = means(totals, noise, ALPHA / 2)
    k = reach(noise, ALPHA / 2)
    low, high = np.full(len(totals), np.inf), np.full(len(totals), -np.inf)
    for part in np.linspace(0.0, 1.0, 33):
        m = mean.low + part * (mean.high - mean.low)
        ends = ratio_interval(totals, _about(m), k, (0.0, 0.25))
        low, high = np.minimum(low, ends[0]), np.maximum(high, ends[1])
    low = np.maximum(low - ((mean.high - mean.low) / 64) ** 2, 0.0)
    centred = (_about(mean.value) * totals).sum(axis=1)
    return _settled(centred, totals.sum(axis=1), low, high, 0.25)


def _about(m: Floats) -> Floats:
    """The weights that turn Bernstein totals into the sum of (t - m)^2."""
    return np.stack([m**2, m**2 - m, (1 - m) ** 2], axis=1)


def _settled(value: Floats, number: Floats, low: Floats, high: Floats, top: float = 1.0) -> Estimate:
    """The ratio, within 0 and ``top``; the middle of its interval where the interval is everything."""
    ratio = np.divide(value, number, out=np.zeros_like(value), where=number > 0)
    said = (high - low < top) & (number > 0)
    return Estimate(np.where(said, np.clip(ratio, 0.0, top), (low + high) / 2), low, high)
