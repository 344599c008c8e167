"""Similarity scores by the published definitions of SDMetrics, computed in the engine.

============================  ===========================================================================
KSComplement                  1 - the largest distance of the two empirical distribution functions
TVComplement                  1 - half the L1 distance of the two frequency tables
CorrelationSimilarity         1 - half the distance of the two Pearson correlations
ContingencySimilarity         1 - half the L1 distance of the two tables of pairs; an amount paired with a
                              category is cut into ten bins of equal width over the real range
BoundaryAdherence             share of synthetic values within the real extremes
CategoryAdherence             share of synthetic values that occur in the real column
============================  ===========================================================================

(https://docs.sdv.dev/sdmetrics.) Missing values are left out of column scores, and are a cell of their own in tables of
pairs. What the definitions leave open is closed here: two columns without any value agree (1), one without against one
with does not (0); a correlation that does not exist (a constant column) counts as no correlation; without a real or a
synthetic row nothing can be scored (None).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import isfinite

import numpy as np
from pydantic import BaseModel, ConfigDict

from synth_assets.evaluation.tables import REAL, ROWS, SYNTHETIC, Column, Tables

CELLS = "evaluation_width_cells"
BINS = 10
DIGITS = 12
"""To which sums of fractions are rounded: the rest depends on the order of the threads."""


class ColumnScore(BaseModel):
    """One column: how alike its two distributions are, how valid the synthetic values, how much is missing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    metric: str
    score: float | None
    validity: float | None
    missing_real: float | None
    missing_synthetic: float | None


class PairScore(BaseModel):
    """Two columns: how alike their joint distributions are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, str]
    metric: str
    score: float | None


class Quality(BaseModel):
    """Scores of the whole table in 0..1, 1 is best; None where nothing could be scored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column_shapes: float | None
    pair_trends: float | None
    diagnostic: float | None
    columns: tuple[ColumnScore, ...]
    pairs: tuple[PairScore, ...]


def score_quality(tables: Tables) -> Quality:
    """All scores. Pairs: every pair; a table of one column has none, and its ``pair_trends`` is None."""
    columns = tuple(_score_column(tables, column) for column in tables.columns)
    pairs = _score_pairs(tables)
    validity = _mean([c.validity for c in columns])
    return Quality(
        column_shapes=_mean([c.score for c in columns]),
        pair_trends=_mean([p.score for p in pairs]),
        diagnostic=None if validity is None else (validity + _structure(tables.columns)) / 2,
        columns=columns,
        pairs=pairs,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _structure(columns: Sequence[Column]) -> float:
    """Columns of the same name and type over all columns (SDMetrics: TableStructure)."""
    same = sum(column.real_type == column.synthetic_type for column in columns)
    return same / (2 * len(columns) - same)


def _score_column(tables: Tables, column: Column) -> ColumnScore:
    row = tables.con.execute(
        f"SELECT count(*) FILTER (src = {REAL} AND {column.v} IS NULL), "
        f"count(*) FILTER (src = {SYNTHETIC} AND {column.v} IS NULL) FROM {ROWS}"
    ).fetchone()
    holes = (int(row[0]), int(row[1])) if row else (0, 0)
    n, m = tables.rows[REAL], tables.rows[SYNTHETIC]
    distance = column_distance(tables, column, (n - holes[0], m - holes[1]))
    return ColumnScore(
        column=column.name,
        metric="KSComplement" if column.continuous else "TVComplement",
        score=None if distance is None or not (n and m) else 1 - distance,
        validity=_validity(tables, column, holes),
        missing_real=holes[0] / n if n else None,
        missing_synthetic=holes[1] / m if m else None,
    )


def column_distance(tables: Tables, column: Column, present: tuple[int, int]) -> float | None:
    """The Kolmogorov-Smirnov (amounts) or total variation distance (categories) of real and synthetic values.

    ``present``: how many values are not missing. Both empty: 0; one empty: 1.
    """
    if not all(present):
        return 0.0 if not any(present) else 1.0
    if column.continuous:
        return largest_gap(tables, column)
    counts = (
        f"SELECT count(*) FILTER (src = {REAL}) AS x, count(*) FILTER (src = {SYNTHETIC}) AS y FROM {ROWS} "
        f"WHERE src IN ({REAL}, {SYNTHETIC}) AND {column.v} IS NOT NULL GROUP BY {column.v}"
    )
    row = tables.con.execute(f"SELECT {half_difference('x', present[0], 'y', present[1])} FROM ({counts})").fetchone()
    return _distance(row)


def half_difference(x: str, n: int, y: str, m: int) -> str:
    """SQL: half the L1 distance of two frequency tables, counts ``x`` of n and ``y`` of m.

    Summed in whole numbers: sums of fractions depend on their order, which differs from run to run.
    """
    return f"sum(abs({x}::HUGEINT * {m} - {y}::HUGEINT * {n}))::DOUBLE / (2.0 * {n} * {m})"


def largest_gap(tables: Tables, column: Column) -> float | None:
    """The Kolmogorov-Smirnov distance of an ordered column: the largest gap of the two distribution functions."""
    row = tables.con.execute(
        f"SELECT max(abs(d)) FROM (SELECT sum(a - b) OVER (ORDER BY v) AS d FROM ({_shares(column)}))"
    ).fetchone()
    return _distance(row)


def _shares(column: Column) -> str:
    """A query: the share of each present value among the real (a) and among the synthetic ones (b)."""
    return (
        f"SELECT v, x / sum(x) OVER () AS a, y / sum(y) OVER () AS b FROM (SELECT {column.v} AS v, "
        f"count(*) FILTER (src = {REAL}) AS x, count(*) FILTER (src = {SYNTHETIC}) AS y FROM {ROWS} "
        f"WHERE src IN ({REAL}, {SYNTHETIC}) AND {column.v} IS NOT NULL GROUP BY v)"
    )


def _distance(row: tuple[float | None, ...] | None) -> float | None:
    return None if row is None or row[0] is None else min(1.0, max(0.0, float(row[0])))


def _validity(tables: Tables, column: Column, holes: tuple[int, int]) -> float | None:
    """BoundaryAdherence or CategoryAdherence. A missing value is valid where the real column has some."""
    v = column.v
    if column.continuous:
        ends = [f"(SELECT {end}({v}) FROM {ROWS} WHERE src = {REAL})" for end in ("min", "max")]
        inside = f"{v} BETWEEN {ends[0]} AND {ends[1]}"
    else:
        inside = f"{v} IN (SELECT {v} FROM {ROWS} WHERE src = {REAL} AND {v} IS NOT NULL)"
    row = tables.con.execute(
        f"SELECT count(*) FILTER ({inside}) FROM {ROWS} WHERE src = {SYNTHETIC} AND {v} IS NOT NULL"
    ).fetchone()
    valid, total = (int(row[0]) if row else 0), tables.rows[SYNTHETIC]
    if not tables.rows[REAL] or not total:
        return None
    if holes[0]:  # missing values are allowed: left out for amounts, valid for categories, as SDMetrics does
        return (valid + holes[1]) / total if not column.continuous or total == holes[1] else valid / (total - holes[1])
    return valid / total


def _score_pairs(tables: Tables) -> tuple[PairScore, ...]:
    """Every pair of columns."""
    pairs = list(itertools.combinations(tables.columns, 2))
    if not pairs:
        return ()
    if not tables.rows[REAL] or not tables.rows[SYNTHETIC]:
        return tuple(PairScore(columns=(a.name, b.name), metric=_pair_metric(a, b), score=None) for a, b in pairs)
    mixed = {c for a, b in pairs if a.continuous != b.continuous for c in (a, b)}
    discrete = {c for c in tables.columns if not c.continuous}
    _make_cells(tables, sorted(mixed | discrete, key=lambda c: c.index))
    try:
        return tuple(_score_pair(tables, a, b) for a, b in pairs)
    finally:
        tables.con.execute(f"DROP TABLE IF EXISTS temp.{CELLS}")


def _pair_metric(a: Column, b: Column) -> str:
    return "CorrelationSimilarity" if a.continuous and b.continuous else "ContingencySimilarity"


def _score_pair(tables: Tables, a: Column, b: Column) -> PairScore:
    metric = _pair_metric(a, b)
    score = _correlation_similarity if metric == "CorrelationSimilarity" else _contingency_similarity
    return PairScore(columns=(a.name, b.name), metric=metric, score=score(tables, a, b))


def _correlation_similarity(tables: Tables, a: Column, b: Column) -> float:
    rows = tables.con.execute(
        f"SELECT corr({a.v}, {b.v}) FILTER (src = {REAL}), corr({a.v}, {b.v}) FILTER (src = {SYNTHETIC}) FROM {ROWS}"
    ).fetchone()
    real, synthetic = (_correlation(value) for value in rows or (None, None))
    return round(1 - abs(real - synthetic) / 2, DIGITS)


def _correlation(value: float | None) -> float:
    """A correlation that does not exist is none at all."""
    return 0.0 if value is None or not isfinite(value) else min(1.0, max(-1.0, value))


def _contingency_similarity(tables: Tables, a: Column, b: Column) -> float:
    row = tables.con.execute(
        f"SELECT {half_difference('x', tables.rows[REAL], 'y', tables.rows[SYNTHETIC])} FROM ("
        f"SELECT count(*) FILTER (src = {REAL}) AS x, count(*) FILTER (src = {SYNTHETIC}) AS y "
        f"FROM {CELLS} GROUP BY {a.v}, {b.v})"
    ).fetchone()
    return min(1.0, max(0.0, 1 - float(row[0] if row else 1)))


def _make_cells(tables: Tables, columns: Sequence[Column]) -> None:
    """One small number for each cell: the category, or the bin of equal width over the real range."""
    parameters: list[float] = []
    cells = []
    for column in columns:
        if not column.continuous:
            cells.append(column.v)
            continue
        edges = _width_edges(tables, column)
        cases = " ".join(f"WHEN {column.v} < ? THEN {k}" for k in range(len(edges)))
        cells.append(f"CASE WHEN {column.v} IS NULL THEN NULL {cases} ELSE {len(edges)} END AS {column.v}")
        parameters.extend(edges)
    query = f"SELECT src, {', '.join(cells)} FROM {ROWS} WHERE src IN ({REAL}, {SYNTHETIC})"
    tables.con.execute(f"CREATE OR REPLACE TEMP TABLE {CELLS} AS {query}", parameters)


def _width_edges(tables: Tables, column: Column) -> list[float]:
    """The nine inner edges of ten bins of equal width over the real values (numpy.histogram_bin_edges)."""
    row = tables.con.execute(f"SELECT min({column.v}), max({column.v}) FROM {ROWS} WHERE src = {REAL}").fetchone()
    if row is None or row[0] is None:
        return [0.0]
    low, high = float(row[0]), float(row[1])
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [float(edge) for edge in np.linspace(low, high, BINS + 1)[1:-1]]
