"""Of several identities whose fakes are the same, all but one are given another; in SQL, over places and numbers.

The temporary table ``taken`` holds identities' numbers ``n`` and their ``spot``: the place of the fake among those of
its kind, plus :data:`SECOND` in the kind's second part. Equal places are equal fakes (see ``fakes``). The rows are
sorted once: what meets then stands side by side, and whoever has to move walks along them.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

SECOND = 2**62
"""Added to the places of the second part of a kind, so that one number tells both."""

_FIRST_OF_EACH = "(SELECT n, spot FROM (SELECT *, lag(n) OVER () AS before FROM taken) WHERE n IS DISTINCT FROM before)"
"""``taken`` without the further rows of an identity. A window without an order keeps that of the rows."""


def they_meet(con: duckdb.DuckDBPyConnection, rows: str) -> bool:
    """Keep ``rows`` (a FROM-able text with ``n`` and ``spot``) in the table ``taken``; whether two have one spot."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE taken AS SELECT n, spot FROM {rows} ORDER BY spot, n")
    beside = "SELECT *, lag(spot) OVER () AS other, lag(n) OVER () AS before FROM taken"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE met AS SELECT DISTINCT spot FROM ({beside}) WHERE spot = other AND n <> before"
    )
    return counted(con, "SELECT count(*) FROM met") > 0


def move_apart(con: duckdb.DuckDBPyConnection, longer: tuple[int, int], sizes: tuple[int, int]) -> str | None:
    """Find another place, or a rank for a longer name, for those who met at one.

    Args:
        longer: how many more may share a place of each part, as their name is made longer; zeros where places move.
        sizes: how many places each part has.

    Returns:
        SQL after ``SELECT n, part, again``; None where there are more identities than fakes.
    """
    return _ranked(con, longer) if any(longer) else _parked(con, sizes)


def _ranked(con: duckdb.DuckDBPyConnection, most: tuple[int, int]) -> str | None:
    """Let all but the first of a place have their rank; SQL after SELECT, None where a rank passes its limit."""
    ranked = (
        f"FROM (SELECT n, spot >= {SECOND} AS part, row_number() OVER (PARTITION BY spot ORDER BY n) - 1 AS again "
        f"FROM {_FIRST_OF_EACH} SEMI JOIN met USING (spot)) WHERE again > 0"
    )
    return None if counted(con, f"SELECT count(*) {ranked} AND again > {_by_part(most)}") else ranked


def _parked(con: duckdb.DuckDBPyConnection, sizes: tuple[int, int]) -> str | None:
    """Let each take the first place that is free from its own on; SQL after SELECT, None where they are too few.

    In the order of the places, one that finds its place taken stands right behind the one before. Those who would
    stand behind the last place begin at the first, with all others where they were.
    """
    size, first = _by_part(sizes), _by_part((0, SECOND))
    crowded = f"SELECT spot >= {SECOND} AS part FROM {_FIRST_OF_EACH} GROUP BY part HAVING count(*) > {size}"
    if counted(con, f"SELECT count(*) FROM ({crowded})"):
        return None
    _park(con, f"(SELECT *, spot AS start FROM {_FIRST_OF_EACH})")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE over AS SELECT n, spot, {first} AS first FROM parked WHERE again >= {size}"
    )
    if counted(con, "SELECT count(*) FROM over"):
        anew = f"SELECT n, spot, coalesce(first, spot) AS start FROM {_FIRST_OF_EACH} LEFT JOIN over USING (n, spot)"
        _park(con, f"({anew} ORDER BY start, n)")
    return "FROM parked"


def _park(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Let each stand at its start or right behind the one before, in the order of the rows, which is that of starts.

    The table ``parked`` has those who thus stand where they were not; the parts do not meet.
    """
    stands = "p + max(start - p) OVER (ROWS UNBOUNDED PRECEDING)"
    stood = f"SELECT n, spot, {stands} AS stood FROM (SELECT *, row_number() OVER () - 1 AS p FROM {rows})"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE parked AS SELECT n, spot >= {SECOND} AS part, spot, stood % {SECOND} AS again "
        f"FROM ({stood}) WHERE stood <> spot"
    )


def _by_part(values: Sequence[int]) -> str:
    """SQL of one number or the other, by ``part``."""
    return f"CASE WHEN part THEN {values[1]} ELSE {values[0]} END"


def counted(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query tells."""
    return int(con.execute(query).fetchall()[0][0])


def forget(con: duckdb.DuckDBPyConnection) -> None:
    """Free the temporary tables."""
    for table in ("taken", "met", "parked", "over"):
        con.execute(f"DROP TABLE IF EXISTS temp.{table}")
