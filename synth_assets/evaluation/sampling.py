"""The few rows that attacks look at, as arrays: a seeded sample, one row of each sampled unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from synth_assets.evaluation.tables import CONTROL, REAL, ROWS, SYNTHETIC, Column, Tables

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """Rows as one array a column: numbers or codes, NaN where missing; ``low`` and ``high`` bound generalized cells.
    Of a column with sets they are both the code of the label.

    ``units`` says whose row each is.
    """

    values: tuple[Floats, ...]
    low: tuple[Floats, ...]
    high: tuple[Floats, ...]
    units: npt.NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.units)


def targets(tables: Tables, src: int, limit: int, seed: int) -> Sample:
    """At most ``limit`` units of a source by a seeded hash, and one row of each: a person is attacked once."""
    query = (
        f"SELECT t.* FROM {ROWS} AS t JOIN (SELECT u FROM {ROWS} WHERE src = {src} GROUP BY u "
        f"ORDER BY hash(u, {seed}), u LIMIT {limit}) AS chosen ON t.u = chosen.u WHERE t.src = {src} "
        f"QUALIFY row_number() OVER (PARTITION BY t.u ORDER BY hash(t.r, {seed}), t.r) = 1"
    )
    return fetch(tables, f"SELECT * FROM ({query}) ORDER BY hash(u, {seed}), u")


def candidates(tables: Tables, limit: int, seed: int) -> Sample:
    """At most ``limit`` synthetic rows in seeded random order, for nearest neighbour searches.

    Of a larger product the sample would miss most copies. So every synthetic row that equals a real or a control row
    in all columns stays in the pool beside the sample, once: copies of the sampled people cannot hide.

    The order is another than that of :func:`targets`: ties go to the first row, and a product that keeps the order of
    the real table must not have the very rows first whose people are attacked.
    """
    order = f"hash(r, {seed}, 'product'), r"
    if tables.rows[SYNTHETIC] <= limit:
        return fetch(tables, f"SELECT * FROM {ROWS} WHERE src = {SYNTHETIC} ORDER BY {order}")
    same = " AND ".join(f"s.{c.v} IS NOT DISTINCT FROM p.{c.v}" for c in tables.columns)
    people = " UNION ALL ".join(
        f"SELECT * FROM (SELECT * FROM {ROWS} WHERE src = {src} ORDER BY hash(u, {seed}), u LIMIT 2000)"
        for src in (REAL, CONTROL)
    )
    return fetch(
        tables,
        f"WITH sample AS (SELECT * FROM {ROWS} WHERE src = {SYNTHETIC} ORDER BY {order} LIMIT {limit}), "
        f"copies AS (SELECT s.* FROM {ROWS} AS s SEMI JOIN ({people}) AS p ON {same} WHERE s.src = {SYNTHETIC} "
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join('s.' + c.v for c in tables.columns)} ORDER BY s.r) = 1) "
        f"SELECT * FROM (SELECT * FROM sample UNION SELECT * FROM copies) ORDER BY {order}",
    )


def fetch(tables: Tables, query: str) -> Sample:
    """The rows of a query over :data:`~synth_assets.evaluation.tables.ROWS`, in its order."""
    parts = ["u"]
    for column in tables.columns:
        parts += [f"CAST({name} AS DOUBLE) AS {name}" for name in _names(column)]
    found: dict[str, Any] = tables.con.execute(f"SELECT {', '.join(parts)} FROM ({query})").fetchnumpy()
    arrays = {name: _with_nan(array) for name, array in found.items() if name != "u"}
    names = [_names(column) for column in tables.columns]
    return Sample(
        values=tuple(arrays[n[0]] for n in names),
        low=tuple(arrays[n[1 if len(n) > 1 else 0]] for n in names),
        high=tuple(arrays[n[2 if len(n) > 1 else 0]] for n in names),
        units=np.asarray(found["u"], dtype=np.uint64),
    )


def _names(column: Column) -> tuple[str, ...]:
    """The names of a column's cells in the comparable table."""
    if column.bounded:
        return column.v, f"lo{column.index}", f"hi{column.index}"
    return (column.v,)


def _with_nan(array: Any) -> Floats:
    floats = np.ma.asarray(array, dtype=np.float64)
    return np.asarray(floats.filled(np.nan), dtype=np.float64)
