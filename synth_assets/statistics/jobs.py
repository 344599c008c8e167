"""What each kind of figure tallies while the rows pass, and what it tells of them afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from synth_assets.mechanisms import LIMIT, Noise, threshold_for
from synth_assets.statistics.block import Kind, Quantiles
from synth_assets.statistics.cells import Block, Floats, Groups, Integers, add_up
from synth_assets.statistics.moments import ALPHA, Addend, Basis, Estimate, Meter, Range, means, variances
from synth_assets.statistics.quantile import quantiles, true_quantiles
from synth_assets.synthesis.grids import locate


@dataclass(frozen=True)
class Figures:
    """Figures of one name, one for each group; ``at`` tells which quantile, cell or cluster they are."""

    kind: Kind
    entry: Any
    statistic: str
    of: str | None
    at: tuple[str, ...] | str | None
    groups: dict[str, list[str]]
    estimate: Estimate


class Job(Protocol):
    """One measurement: adds up blocks of rows, then tells figures."""

    def add(self, block: Block, rows: int) -> None:
        """Add the rows of a block."""
        ...

    def tell(self, meter: Meter) -> list[Figures]:
        """Measure the totals, once."""
        ...


@dataclass
class Counting:
    """Rows by group; a histogram is one whose last column is what it is of."""

    kind: Kind
    entry: Any
    groups: Groups
    share: Fraction
    total: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros(self.groups.size, dtype=np.int64)

    def add(self, block: Block, rows: int) -> None:
        """Add the rows of a block."""
        self.total += add_up(self.groups.number(block, rows), None, self.groups.size)

    def tell(self, meter: Meter) -> list[Figures]:
        """The counts, none below zero."""
        totals, noise = meter.measure(self.total, self.share, f"{self.kind} by {', '.join(self.groups.names)}")
        off = deviation(noise)
        value = np.maximum(totals, 0.0)
        estimate = Estimate(value, value - off, value + off)
        labels = self.groups.labels()
        if self.kind == "count":
            return [Figures("count", self.entry, "count", None, None, labels, estimate)]
        at = tuple(labels.pop(self.groups.names[-1]))
        return [Figures("histogram", self.entry, "histogram", self.entry.of, at, labels, estimate)]


@dataclass
class Summing:
    """The sum of a number by group."""

    entry: Any
    groups: Groups
    share: Fraction
    slot: int
    addend: Addend
    total: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros(self.groups.size, dtype=np.int64)

    def add(self, block: Block, rows: int) -> None:
        """Add the values of a block."""
        flat, values = _known(self.groups, block, rows, self.slot)
        self.total += add_up(flat, self.addend.of(values), self.groups.size)

    def tell(self, meter: Meter) -> list[Figures]:
        """The sums, in the column's own unit."""
        totals, noise = meter.measure(self.total, self.share, f"sum of {self.entry.of}", row=self.addend.row)
        off = deviation(noise)
        unit = self.addend.unit * self.addend.bounds.step
        estimate = Estimate(totals, totals - off, totals + off).scaled(unit)
        return [Figures("sum", self.entry, "sum", self.entry.of, None, self.groups.labels(), estimate)]


@dataclass
class Moments:
    """The mean, the variance or both of a number by group, from one set of totals."""

    entries: dict[Kind, Any]
    groups: Groups
    share: Fraction
    slot: int
    basis: Basis
    total: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros((self.groups.size, self.basis.degree + 1), dtype=np.int64)

    def add(self, block: Block, rows: int) -> None:
        """Add the values of a block."""
        flat, values = _known(self.groups, block, rows, self.slot)
        for term, weights in enumerate(self.basis.terms(values)):
            self.total[:, term] += add_up(flat, weights, self.groups.size)

    def tell(self, meter: Meter) -> list[Figures]:
        """Means and variances, in the column's own unit."""
        of = next(iter(self.entries.values())).of
        totals, noise = meter.measure(self.total, self.share, f"moments of {of}", row=self.basis.row)
        empty = (totals.sum(axis=1) <= 0) if noise is None else np.zeros(len(totals), dtype=np.bool_)
        bounds, off = self.basis.bounds, self.basis.rounding
        width = bounds.span * bounds.step
        told = []
        for kind, entry in self.entries.items():
            if kind == "mean":
                estimate = means(totals, noise).widened(off).scaled(width, bounds.low * bounds.step)
            else:
                estimate = variances(totals, noise).widened(2 * off).scaled(width**2)
            told.append(Figures(kind, entry, kind, of, None, self.groups.labels(), estimate.without(empty)))
        return told


@dataclass
class Quantiling:
    """Quantiles of a number by group, from counts over a fine grid of its bounds."""

    entry: Quantiles
    groups: Groups
    share: Fraction
    slot: int
    bounds: Range
    edges: Floats
    total: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.total = np.zeros((self.groups.size, len(self.edges) - 1), dtype=np.int64)

    def add(self, block: Block, rows: int) -> None:
        """Add the values of a block."""
        flat, values = _known(self.groups, block, rows, self.slot)
        cells = flat * self.total.shape[1] + locate(np.clip(values, self.bounds.low, self.bounds.high), self.edges)
        self.total += add_up(cells, None, self.total.size).reshape(self.total.shape)

    def tell(self, meter: Meter) -> list[Figures]:
        """The quantiles, in the column's own unit."""
        at, whole = self.entry.at, self.bounds.whole
        if meter.exact:
            plain = true_quantiles(self.total, at, self.edges, whole)
            estimates = [Estimate(value, value, value) for value in plain]
        else:
            counts = np.minimum(self.total, LIMIT)
            estimates = quantiles(counts, at, self.edges, whole, meter.allowance, self.share)
        labels = self.groups.labels()
        return [
            Figures(
                "quantiles", self.entry, "quantile", self.entry.of, f"{level:g}", labels, e.scaled(self.bounds.step)
            )
            for level, e in zip(at, estimates, strict=True)
        ]


def deviation(noise: Noise | None) -> float:
    """What the magnitude of one noise exceeds with a probability of ALPHA at the most."""
    return float(threshold_for(noise, ALPHA / 2) - 1) if noise is not None else 0.0


def _known(groups: Groups, block: Block, rows: int, slot: int) -> tuple[Integers, Floats]:
    """The groups and the values of the rows that have a value."""
    values: Floats = block[slot]
    known = np.isfinite(values)
    return groups.number(block, rows)[known], values[known]
