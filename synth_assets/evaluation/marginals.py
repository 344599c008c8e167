"""Distances of small marginals: what a consumer who counts, groups and cross-tabulates will see.

Amounts are cut at up to twenty quantiles of the real column, and a minimum that fills more than a bin of its own (the
zeros of a capital gain) gets its own cell; categories are cells; a missing value is a cell. The distance of two tables
of shares is the total variation distance (TVD), half their L1 distance. Even a fresh sample of the same people is some
distance away: the control sample's own distance is reported beside each figure, as *the* reference to compare with.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import log

import numpy as np
from pydantic import BaseModel, ConfigDict

from synth_assets.evaluation.quality import DIGITS, half_difference, largest_gap
from synth_assets.evaluation.tables import CONTROL, REAL, ROWS, SYNTHETIC, Column, Tables

CELLS = "evaluation_quantile_cells"
BINS = 20
SMOOTHING = 0.5
"""Added to every cell before the Kullback-Leibler divergence, which is infinite otherwise."""


class ColumnMarginal(BaseModel):
    """One column. Differences of location are in real standard deviations, so that they show no value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    tvd: float
    kl: float
    ks: float | None
    mean_difference: float | None
    median_difference: float | None


class JointMarginal(BaseModel):
    """Several columns together; ``information_difference`` (pairs) is that of their normalized mutual information."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    tvd: float
    reference: float | None
    information_difference: float | None = None


class Way(BaseModel):
    """All marginals of one width: their mean and worst TVD, and the control sample's mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int
    tables: int
    mean: float
    worst: float
    worst_columns: tuple[str, ...]
    reference: float | None


class Marginals(BaseModel):
    """One, two and three columns at a time; empty where a table has no row."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ways: tuple[Way, ...] = ()
    columns: tuple[ColumnMarginal, ...] = ()
    pairs: tuple[JointMarginal, ...] = ()


def measure_marginals(tables: Tables, *, seed: int, pairs: int = 300, triples: int = 50) -> Marginals:
    """Distances over every column and over seeded samples of at most ``pairs`` pairs and ``triples`` triples."""
    if not tables.rows[REAL] or not tables.rows[SYNTHETIC]:
        return Marginals()
    _make_cells(tables)
    try:
        rng = np.random.default_rng(seed)
        limits = {1: len(tables.columns), 2: pairs, 3: triples}
        found = {w: [_joint(tables, c) for c in _choose(tables.columns, w, limits[w], rng)] for w in limits}
        singles = tuple(_single(tables, column, joint) for column, joint in zip(tables.columns, found[1], strict=True))
    finally:
        tables.con.execute(f"DROP TABLE IF EXISTS temp.{CELLS}")
    ways = tuple(_summarize(width, joints) for width, joints in found.items() if joints)
    return Marginals(ways=ways, columns=singles, pairs=tuple(found[2]))


def _choose(columns: Sequence[Column], width: int, limit: int, rng: np.random.Generator) -> list[tuple[Column, ...]]:
    """All combinations, or a sample of ``limit`` of them, in order."""
    every = list(itertools.combinations(columns, width))
    if len(every) <= limit:
        return every
    return [every[i] for i in sorted(rng.choice(len(every), limit, replace=False))]


def _summarize(width: int, joints: Sequence[JointMarginal]) -> Way:
    worst = max(joints, key=lambda joint: joint.tvd)
    references = [joint.reference for joint in joints if joint.reference is not None]
    return Way(
        width=width,
        tables=len(joints),
        mean=float(np.mean([joint.tvd for joint in joints])),
        worst=worst.tvd,
        worst_columns=worst.columns,
        reference=float(np.mean(references)) if references else None,
    )


def _make_cells(tables: Tables) -> None:
    parameters: list[float] = []
    cells = []
    for column in tables.columns:
        if not column.continuous:
            cells.append(column.v)
            continue
        edges = quantile_edges(tables, column)
        cases = " ".join(f"WHEN {column.v} <= ? THEN {k}" for k in range(len(edges)))
        cells.append(f"CASE WHEN {column.v} IS NULL THEN NULL {cases} ELSE {len(edges)} END AS {column.v}")
        parameters.extend(edges)
    tables.con.execute(
        f"CREATE OR REPLACE TEMP TABLE {CELLS} AS SELECT src, {', '.join(cells)} FROM {ROWS}", parameters
    )


def quantile_edges(tables: Tables, column: Column) -> list[float]:
    """Upper edges (inclusive) of the cells of an amount, by the real column's quantiles."""
    shares = ", ".join(str(k / BINS) for k in range(BINS + 1))
    row = tables.con.execute(
        f"SELECT quantile_cont({column.v}, [{shares}]), count({column.v}) FROM {ROWS} WHERE src = {REAL}"
    ).fetchone()
    if row is None or not row[1]:
        return [0.0]
    edges = sorted(set(row[0]))
    lowest = tables.con.execute(
        f"SELECT count(*) FROM {ROWS} WHERE src = {REAL} AND {column.v} = ?", [edges[0]]
    ).fetchone()
    own_minimum = lowest is not None and lowest[0] / row[1] > 1 / BINS
    return list(edges[:-1] if own_minimum else edges[1:-1])


def _joint(tables: Tables, columns: Sequence[Column]) -> JointMarginal:
    """The TVDs of synthetic and of control against real over one combination of columns, in one scan."""
    n, c, m = (max(1, tables.rows[src]) for src in (REAL, CONTROL, SYNTHETIC))
    keys = ", ".join(column.v for column in columns)
    row = tables.con.execute(
        f"SELECT {half_difference('x', n, 'y', m)}, {half_difference('x', n, 'z', c)}, "
        f"sum(CASE WHEN x > 0 THEN -x / {n} * ln(x / {n}) ELSE 0 END), "
        f"sum(CASE WHEN y > 0 THEN -y / {m} * ln(y / {m}) ELSE 0 END) FROM ("
        f"SELECT count(*) FILTER (src = {REAL}) AS x, count(*) FILTER (src = {SYNTHETIC}) AS y, "
        f"count(*) FILTER (src = {CONTROL}) AS z FROM {CELLS} GROUP BY {keys})"
    ).fetchone()
    distance, reference, real_entropy, synthetic_entropy = (float(value or 0) for value in row or (1, 1, 0, 0))
    information = None
    if len(columns) == 2:
        real = _information(tables, columns, REAL, real_entropy)
        information = round(abs(real - _information(tables, columns, SYNTHETIC, synthetic_entropy)), DIGITS)
    return JointMarginal(
        columns=tuple(column.name for column in columns),
        tvd=min(1.0, distance),
        reference=min(1.0, reference) if tables.rows[CONTROL] else None,
        information_difference=information,
    )


def _information(tables: Tables, columns: Sequence[Column], src: int, joint_entropy: float) -> float:
    """Normalized mutual information, 2 I(a; b) / (H(a) + H(b)); 0 where a column is constant."""
    a, b = (_entropy(tables, column, src) for column in columns)
    if min(a, b) < 1e-12:
        return 0.0
    return max(0.0, a + b - joint_entropy) / ((a + b) / 2)


def _entropy(tables: Tables, column: Column, src: int) -> float:
    counts = np.array([row[src] for row in _counts(tables, column)], dtype=np.float64)
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _counts(tables: Tables, column: Column) -> list[tuple[int, int, int]]:
    """Rows of real, control and synthetic in each cell of one column."""
    parts = ", ".join(f"count(*) FILTER (src = {src})" for src in (REAL, CONTROL, SYNTHETIC))
    return tables.con.execute(f"SELECT {parts} FROM {CELLS} GROUP BY {column.v}").fetchall()


def _single(tables: Tables, column: Column, joint: JointMarginal) -> ColumnMarginal:
    counts = _counts(tables, column)
    totals = [sum(row[src] for row in counts) + SMOOTHING * len(counts) for src in (REAL, SYNTHETIC)]
    kl = 0.0
    for row in counts:
        p, q = ((row[src] + SMOOTHING) / total for src, total in zip((REAL, SYNTHETIC), totals, strict=True))
        kl += p * log(p / q)
    mean, median = _location(tables, column)
    return ColumnMarginal(
        column=column.name,
        tvd=joint.tvd,
        kl=round(max(0.0, kl), DIGITS),
        ks=largest_gap(tables, column) if column.ordered else None,
        mean_difference=mean,
        median_difference=median,
    )


def _location(tables: Tables, column: Column) -> tuple[float | None, float | None]:
    """Synthetic minus real mean and median, in real standard deviations; None without any spread to measure by."""
    if not column.ordered:
        return None, None
    row = tables.con.execute(
        f"SELECT avg({column.v}) FILTER (src = {SYNTHETIC}) - avg({column.v}) FILTER (src = {REAL}), "
        f"median({column.v}) FILTER (src = {SYNTHETIC}) - median({column.v}) FILTER (src = {REAL}), "
        f"coalesce(stddev_pop({column.v}) FILTER (src = {REAL}), 0) FROM {ROWS}"
    ).fetchone()
    if row is None or row[0] is None or not row[2]:
        return None, None
    return round(float(row[0] / row[2]), DIGITS), round(float(row[1] / row[2]), DIGITS)
