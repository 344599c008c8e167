"""Learning the columns: what the domain leaves open is found privately, and every column is measured alone.

Per column, out of the column's equal share of what this stage may spend:

* declared, or boolean: one noisy histogram of its cells, which bounds without ``bins`` cut only as finely as the noise
  allows;
* a number, date or timestamp without bounds: three tenths of the share on octaves (see
  :mod:`~synth_assets.synthesis.grids`), the rest on one noisy histogram over a fine grid within those found;
* anything else: one noisy histogram of the values that occur, of which only those above a threshold become categories
  (stability histogram: Korolova et al. 2009; Bun, Nissim and Stemmer 2016). The same histogram is the column's
  measurement. The rest is ``other``; its count is what the categories leave of the number of rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from synth_assets.domain import MAX_CATEGORIES, Category, Column, Domain, as_instant
from synth_assets.errors import DomainError
from synth_assets.mechanisms import threshold_for
from synth_assets.storage import literal
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.attributes import Attribute, Categorical, Numeric
from synth_assets.synthesis.grids import FINE_CELLS, between, octave_count, octaves_of, refine, spikes
from synth_assets.synthesis.marginals import SmallCodes, absent, code_rows, count_one
from synth_assets.synthesis.schema import Field
from synth_assets.synthesis.table import Rows

OCTAVE_SHARE = Fraction(3, 10)
COUNT_SHARE = Fraction(1, 50)
CELL_NOISE = 1.0
"""A column of evenly spread rows has this many standard deviations of noise a cell, or more, unless it has ``bins``."""
MIN_CELLS = 8
FALSE_OCTAVE = 0.01
"""The probability that noise alone makes an octave stand out, per column."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One column's noisy marginal: counts and variances of its cells, in rows."""

    attribute: Attribute
    counts: Floats
    variances: Floats


@dataclass(frozen=True)
class Learned:
    """All columns measured, the estimated number of rows, and the codes of the rows (never kept by a model)."""

    columns: tuple[Measured, ...]
    total: float
    codes: list[SmallCodes]


def declared(rows: Rows, domain: Domain) -> list[Attribute | None]:
    """The attribute of each column as far as the domain and the types tell; None where it must be learned.

    Raises DomainError where a declaration does not suit the column's type.
    """
    return [_declared(rows, field, domain[field.name]) for field in rows.fields]


def unknown_categories(fields: tuple[Field, ...], known: list[Attribute | None]) -> list[str]:
    """The names of the columns whose categories nobody declared."""
    return [f.name for f, attribute in zip(fields, known, strict=True) if attribute is None and not f.ordered]


def learn(rows: Rows, known: list[Attribute | None], allowance: Allowance, share: Fraction) -> Learned:
    """Find what is unknown and measure every column, for ``share`` of the allowance."""
    each = share * (1 - COUNT_SHARE) / len(known)
    size = rows.numbers(f"SELECT count(*) AS n FROM {rows.source}")["n"].astype(np.int64)
    total = float(allowance.measure(size, share * COUNT_SHARE, "number of rows")[0])
    precision = 1 / allowance.variance(share * COUNT_SHARE)

    found: dict[int, Measured] = {}
    strangers = [i for i, f in enumerate(rows.fields) if known[i] is None and not f.ordered]
    for i in strangers:
        found[i] = find_categories(rows, i, allowance, each, Fraction(1, len(strangers)))
    fine = _affordable_cells(total, allowance.variance(each))
    wanted = [a.coarser(fine) if isinstance(a, Numeric) else a for a in known]
    resolved = [found[i].attribute if i in found else a for i, a in enumerate(wanted)]
    scaled = [i for i, attribute in enumerate(resolved) if attribute is None]
    cells = _affordable_cells(total, allowance.variance(each * (1 - OCTAVE_SHARE)))
    octaves = dict(zip(scaled, _octaves(rows, scaled, allowance, each * OCTAVE_SHARE, cells), strict=True))
    for i, octave in octaves.items():
        resolved[i] = Numeric(field=rows.fields[i], edges=tuple(octave.edges))
    attributes = [attribute for attribute in resolved if attribute is not None]
    codes = code_rows(rows, attributes)
    for i, attribute in enumerate(attributes):
        if i in found:
            continue
        paid = each * (1 - OCTAVE_SHARE) if i in octaves else each
        noisy = allowance.measure(count_one(codes[i], attribute.cells), paid, f"column {attribute.field.name}")
        variance = allowance.variance(paid)
        counts = noisy.astype(np.float64)
        if i in octaves:
            counts = octaves[i].reconcile(counts, variance, attribute.field.whole)
        found[i] = Measured(attribute, counts, np.full(len(noisy), variance))
        total, precision = _combined(total, precision, float(noisy.sum()), len(noisy) * variance)
    columns = tuple(_with_other(found[i], total, 1 / precision) for i in range(len(attributes)))
    return Learned(columns, max(total, 0.0), codes)


def _affordable_cells(total: float, variance: float) -> int:
    """A power of two, so that it seldom changes with the noise."""
    cells = np.clip(total / (CELL_NOISE * np.sqrt(variance)), MIN_CELLS, FINE_CELLS)
    return 1 << int(np.log2(cells))


def _combined(value: float, precision: float, other: float, variance: float) -> tuple[float, float]:
    """Two estimates of one number, weighted by the inverse of their variances."""
    together = precision + 1 / variance
    return (value * precision + other / variance) / together, together


def _with_other(measured: Measured, total: float, variance: float) -> Measured:
    """Fill in the count of ``other`` where the categories were found: what they leave of the number of rows."""
    other = measured.attribute.other
    if other is None or np.isfinite(measured.variances[other]):
        return measured
    rest = np.arange(len(measured.counts)) != other
    counts, variances = measured.counts.copy(), measured.variances.copy()
    counts[other] = total - counts[rest].sum()
    variances[other] = variance + variances[rest].sum()
    return Measured(measured.attribute, counts, variances)


# ------------------------------------------------------------------------------------------------ what is declared
def _declared(rows: Rows, field: Field, column: Column) -> Attribute | None:
    if column.bounds is not None:
        first, last = declared_steps(field, column)
        edges = tuple(between(first, last, field.whole, column.bins))
        pinned = edges if column.bins else tuple(spikes(first, last, field.whole))
        return Numeric(field=field, edges=edges, pinned=pinned)
    if field.kind == "boolean":
        return Categorical(field=field, values=("false", "true"), has_other=False)
    if column.categories is not None:
        return Categorical(field=field, values=written(rows, field, column.categories))
    return None


def declared_steps(field: Field, column: Column) -> tuple[float, float]:
    """The least and the greatest step of the grid within declared bounds.

    Raises DomainError where the bounds do not suit the column's type.
    """
    low, high = column.bounds or (0, 0)
    instants = as_instant(low), as_instant(high)
    dated = field.kind in ("date", "timestamp")
    if not field.ordered or dated != (instants[0] is not None):
        fitting = "dates" if dated else "numbers"
        rule = f"its bounds must be {fitting}" if field.ordered else "bounds are for numbers, dates and timestamps"
        raise DomainError(f"column {field.name} is of type {field.type}: {rule}; correct or remove them")
    numbers = [b if isinstance(b, int | float) else 0 for b in (low, high)]
    first, last = (field.step_of(n if i is None else i) for i, n in zip(instants, numbers, strict=True))
    if field.whole:
        first, last = float(np.ceil(first)), float(np.floor(last))
        if last < first:
            raise DomainError(
                f"column {field.name}: there is no value of type {field.type} within its bounds; widen them"
            )
    return first, last


def written(rows: Rows, field: Field, values: tuple[Category, ...]) -> tuple[str, ...]:
    """Categories as DuckDB writes values of the column's type, each once."""
    texts = ["true" if v is True else "false" if v is False else str(v) for v in values]
    kind = "VARCHAR" if field.kind == "text" else field.type
    listed = ", ".join(f"({i}, {literal(text)})" for i, text in enumerate(texts))
    query = f"SELECT CAST(TRY_CAST(v AS {kind}) AS VARCHAR) FROM (VALUES {listed}) AS t(i, v) ORDER BY i"
    cast = [row[0] for row in rows.query(query).fetchall()]
    wrong = [text for text, value in zip(texts, cast, strict=True) if value is None]
    if wrong:
        raise DomainError(
            f"column {field.name} is of type {field.type}: the category '{wrong[0]}' is not; correct `categories`"
        )
    return tuple(dict.fromkeys(cast))


# ------------------------------------------------------------------------------------------------ what is found
def find_categories(rows: Rows, i: int, allowance: Allowance, share: Fraction, delta_share: Fraction) -> Measured:
    """Find and measure the categories of column ``i``; a ``delta_share`` of what hides categories is used up."""
    field = rows.fields[i]
    threshold = allowance.threshold(share, delta_share)
    missing = absent(field.kind, f"c{i}")
    groups = f"SELECT CAST(c{i} AS VARCHAR) AS text, count(*) AS n FROM {rows.source} WHERE NOT {missing} GROUP BY ALL"
    counted = rows.kept(f"groups_{i}", f"SELECT row_number() OVER () - 1 AS id, text, n FROM ({groups})")
    counts = rows.numbers(f"SELECT n FROM {counted} ORDER BY id")["n"].astype(np.int64)
    nulls = rows.numbers(f"SELECT count(*) AS n FROM {rows.source} WHERE {missing}")["n"].astype(np.int64)
    noisy = allowance.measure(np.append(counts, nulls), share, f"categories of column {field.name}")
    passing = np.flatnonzero(noisy[:-1] >= threshold)
    passing = passing[np.argsort(-noisy[passing], kind="stable")][:MAX_CATEGORIES]
    wanted = ", ".join(str(p) for p in passing) or "-1"
    named = dict(rows.query(f"SELECT text, id FROM {counted} WHERE id IN ({wanted}) ORDER BY text").fetchall())
    rows.dropped(counted)
    attribute = Categorical(field=field, values=tuple(named))
    variance = allowance.variance(share)
    kept = [float(noisy[place]) for place in named.values()]
    tail, tail_variance = [0.0], [np.inf]
    if field.nullable:
        tail, tail_variance = [0.0, float(noisy[-1])], [np.inf, variance]
    return Measured(attribute, np.array([*kept, *tail]), np.array([variance] * len(kept) + tail_variance))


@dataclass(frozen=True)
class _Octaves:
    """The noisy octaves of one column, and the edges that the standing ones give."""

    counts: Floats
    variance: float
    edges: Floats

    def reconcile(self, noisy: Floats, variance: float, whole: bool) -> Floats:
        """Fine counts shifted so that each octave holds the best of its two estimates (Hay et al. 2010, section 4)."""
        cells = len(self.edges) - 1
        octave = octaves_of(self.edges[:-1], whole)
        size = np.bincount(octave, minlength=len(self.counts))
        held = np.bincount(octave, weights=noisy[:cells], minlength=len(self.counts))
        first, last = int(octave[0]), int(octave[-1])
        owner = _owners(size, first, last)
        told = np.bincount(owner, weights=self.counts, minlength=len(self.counts))
        spread = np.bincount(owner, minlength=len(self.counts)) * self.variance
        trust = size * variance / (size * variance + np.maximum(spread, 1e-9))
        shift = trust * (told - held) / np.maximum(size, 1)
        out = noisy.copy()
        out[:cells] += shift[octave]
        return out


def _owners(size: NDArray[np.int64], first: int, last: int) -> NDArray[np.int64]:
    """For each octave the one in whose cells its rows are counted: itself, the last before it, or the end's."""
    places = np.where(size > 0, np.arange(len(size)), -1)
    owner = np.maximum.accumulate(places)
    return np.clip(owner, first, last)


def _octaves(rows: Rows, columns: list[int], allowance: Allowance, share: Fraction, cells: int) -> list[_Octaves]:
    """The noisy octaves of columns without bounds; those that stand out are cut finely.

    Where none does, there is one cell: zero.
    """
    if not columns:
        return []
    fields = [rows.fields[i] for i in columns]
    found = []
    variance = allowance.variance(share)
    for field, histogram in zip(fields, _count_octaves(rows, columns), strict=True):
        noisy = allowance.measure(histogram, share, f"octaves of column {field.name}")
        threshold = threshold_for(allowance.noise(share), FALSE_OCTAVE / len(histogram))
        standing = np.flatnonzero(noisy >= threshold).tolist()
        edges = refine(standing or [len(histogram) // 2], field.whole, cells)
        found.append(_Octaves(noisy.astype(np.float64), variance, edges))
    return found


def _count_octaves(rows: Rows, columns: list[int]) -> list[NDArray[np.int64]]:
    fields = [rows.fields[i] for i in columns]
    counts = [np.zeros(octave_count(field.whole), dtype=np.int64) for field in fields]
    chosen = ", ".join(f"{f.on_grid(f'c{i}')} AS c{i}" for i, f in zip(columns, fields, strict=True))
    for block in rows.blocks(f"SELECT {chosen} FROM {rows.source}"):
        for k, field in enumerate(fields):
            values = block.iloc[:, k].to_numpy(dtype=np.float64)
            places = octaves_of(values[np.isfinite(values)], field.whole)
            counts[k] += np.bincount(places, minlength=len(counts[k]))
    return counts
