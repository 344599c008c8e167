"""Small tables for the tests of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb

from synth_assets.storage import quote


def make(con: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], rows: Sequence[Sequence[Any]]) -> str:
    """Create a table of the given column types and rows; returns its name for FROM."""
    described = ", ".join(f"{quote(column)} {data_type}" for column, data_type in columns.items())
    con.execute(f"CREATE OR REPLACE TABLE {name} ({described})")
    if rows:
        con.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", [list(row) for row in rows])
    return name


PEOPLE = [("age", "INTEGER"), ("city", "VARCHAR"), ("income", "INTEGER"), ("ill", "BOOLEAN")]


def people(con: duckdb.DuckDBPyConnection, name: str, rows: int, seed: int) -> str:
    """People of one population, drawn by a hash: age, a city of ten, an income that grows with age, an illness."""
    con.execute(
        f"CREATE OR REPLACE TABLE {name} AS WITH h AS (SELECT hash(i, {seed}) AS a, hash(i, {seed}, 1) AS b, "
        f"hash(i, {seed}, 2) AS c, hash(i, {seed}, 3) AS d FROM range({rows}) AS r(i)) "
        "SELECT CAST(18 + a % 60 AS INTEGER) AS age, 'city ' || least(b % 10, (b // 10) % 10) AS city, "
        "CAST(15000 + (a % 60) * 500 + (c % 40) * 250 AS INTEGER) AS income, d % 100 < 5 + (a % 60) // 2 AS ill FROM h"
    )
    return name
