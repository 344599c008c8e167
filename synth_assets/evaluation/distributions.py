"""What the plots of a report show: shares of real and of synthetic rows, column by column, counted in the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np

from synth_assets.evaluation.tables import REAL, ROWS, SYNTHETIC, Column, Tables, side_by_side

BINS = 30
TOP = 20
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Distribution:
    """Shares of one column, by category; or by bin, then ``edges`` are its bins, ``labels`` its ends and its middle."""

    column: str
    labels: tuple[str, ...]
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    edges: tuple[float, ...] = ()


def read_distributions(
    con: duckdb.DuckDBPyConnection, real: str, synthetic: str, columns: Sequence[str]
) -> list[Distribution]:
    """The distributions of all columns. Missing values are a category, and left out of histograms."""
    types = {row[0]: row[1] for row in con.execute(f"DESCRIBE SELECT * FROM {real}").fetchall()}
    given = [(name, types.get(name, "VARCHAR")) for name in columns]
    with side_by_side(con, real, f"(SELECT * FROM {real} LIMIT 0)", synthetic, given) as tables:
        return [_histogram(tables, c) if c.continuous else _bars(tables, c) for c in tables.columns]


def _histogram(tables: Tables, column: Column) -> Distribution:
    ends = tables.con.execute(f"SELECT min({column.v}), max({column.v}) FROM {ROWS}").fetchone()
    if ends is None or ends[0] is None:
        return Distribution(column.name, (), (), ())
    low, high = float(ends[0]), float(ends[1])
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts = tables.con.execute(
        f"SELECT least({BINS - 1}, CAST(floor(({column.v} - ?) / ? * {BINS}) AS INTEGER)) AS bin, "
        f"count(*) FILTER (src = {REAL}), count(*) FILTER (src = {SYNTHETIC}) "
        f"FROM {ROWS} WHERE {column.v} IS NOT NULL GROUP BY bin",
        [low, high - low],
    ).fetchall()
    shares = np.zeros((2, BINS))
    for cell, a, b in counts:
        shares[:, cell] = a, b
    shares /= np.maximum(1, shares.sum(axis=1, keepdims=True))
    return Distribution(
        column.name,
        tuple(_place(column, x) for x in (low, (low + high) / 2, high)),
        tuple(float(x) for x in shares[0]),
        tuple(float(x) for x in shares[1]),
        tuple(float(x) for x in np.linspace(low, high, BINS + 1)),
    )


def _place(column: Column, x: float) -> str:
    """A place on the number line for people to read."""
    if column.kind != "time":
        return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"
    moment = EPOCH + timedelta(seconds=x)
    of_day = column.real_type.startswith("TIME") and "STAMP" not in column.real_type
    return f"{moment:%H:%M}" if of_day else f"{moment:%Y-%m-%d}"


def _bars(tables: Tables, column: Column) -> Distribution:
    rows = _categories(tables, column)
    totals = max(1, sum(row[1] for row in rows)), max(1, sum(row[2] for row in rows))
    shown, rest = rows[:TOP], rows[TOP:]
    if column.ordered:
        shown = sorted(shown, key=lambda row: float("inf") if row[0] is None else float(row[0]))
    labels = ["(missing)" if v is None else f"{v:g}" if isinstance(v, float) else str(v) for v, *_ in shown]
    counts = [(row[1], row[2]) for row in shown]
    if rest:
        labels.append(f"({len(rest)} others)")
        counts.append((sum(row[1] for row in rest), sum(row[2] for row in rest)))
    return Distribution(
        column.name, tuple(labels), tuple(a / totals[0] for a, _ in counts), tuple(b / totals[1] for _, b in counts)
    )


def _categories(tables: Tables, column: Column) -> list[tuple[str | float | None, int, int]]:
    """Each category with its real and its synthetic rows, the most frequent first."""
    value, join = column.v, ""
    if not column.ordered:  # several texts share the code of a pattern; the product's own text stands for it
        texts = f"SELECT code, max_by(t, t LIKE '%*') AS t FROM evaluation_codes{column.index} GROUP BY code"
        value, join = "c.t", f"LEFT JOIN ({texts}) AS c ON c.code = {column.v}"
    rows: list[tuple[str | float | None, int, int]] = tables.con.execute(
        f"SELECT {value} AS v, count(*) FILTER (src = {REAL}) AS a, count(*) FILTER (src = {SYNTHETIC}) AS b "
        f"FROM {ROWS} {join} GROUP BY v ORDER BY a + b DESC, v"
    ).fetchall()
    return rows
