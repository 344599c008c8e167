"""Of several identities whose fakes are the same, all but one are given another; in SQL, over places and numbers.

The temporary table ``taken`` holds an identity's number ``n`` and its ``spot``: the place of its fake among those of
its kind, plus :data:`SECOND` in the kind's second part. Equal places are equal fakes (see ``fakes``).
"""

from __future__ import annotations

import duckdb

SECOND = 2**62
"""Added to the places of the second part of a kind, so that one number tells both."""


def move_apart(con: duckdb.DuckDBPyConnection, longer: tuple[int, int], sizes: tuple[int, int]) -> str | None:
    """Find another place, or a rank for a longer name, for those who met at one.

    Args:
        longer: how many more may share a place of each part, as their name is made longer; zeros where places move.
        sizes: how many places each part has.

    Returns:
        SQL after ``SELECT n, again``; None where there are more identities than fakes.
    """
    return _ranked(con, longer) if any(longer) else _parked(con, sizes)


def _ranked(con: duckdb.DuckDBPyConnection, most: tuple[int, int]) -> str | None:
    """Let all but the first of a place have their rank; SQL after SELECT, None where a rank passes its limit."""
    met = "(SELECT spot FROM taken GROUP BY spot HAVING count(*) > 1)"
    ranked = (
        "FROM (SELECT n, spot, row_number() OVER (PARTITION BY spot ORDER BY n) - 1 AS again "
        f"FROM (SELECT DISTINCT n, spot FROM taken SEMI JOIN {met} USING (spot))) WHERE again > 0"
    )
    passed = f"again > CASE WHEN spot >= {SECOND} THEN {most[1]} ELSE {most[0]} END"
    return None if counted(con, f"SELECT count(*) {ranked} AND {passed}") else ranked


def _parked(con: duckdb.DuckDBPyConnection, sizes: tuple[int, int]) -> str | None:
    """Let each take the first place that is free from its own on; SQL after SELECT, None where they are too few.

    In the order of the places, one that finds its place taken stands right behind the one before. Those who would
    stand behind the last place begin at the first, with all others where they were.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE taken AS SELECT n, min(spot) >= {SECOND} AS part, "
        f"min(spot) % {SECOND} AS place FROM taken GROUP BY n"
    )
    size = f"CASE WHEN part THEN {sizes[1]} ELSE {sizes[0]} END"
    if counted(con, f"SELECT count(*) FROM (SELECT part FROM taken GROUP BY part HAVING count(*) > {size})"):
        return None
    if _park_near(con, sizes):
        return "FROM parked WHERE again <> place"
    start = "place"
    for _ in range(2):
        _park(con, f"SELECT *, 0 AS block, {start} AS start FROM taken")
        con.execute(f"CREATE OR REPLACE TEMP TABLE over AS SELECT n FROM parked WHERE again >= {size}")
        if not counted(con, "SELECT count(*) FROM over"):
            break
        start = "CASE WHEN n IN (SELECT n FROM over) THEN 0 ELSE place END"
    return "FROM parked WHERE again <> place"


def _park_near(con: duckdb.DuckDBPyConnection, sizes: tuple[int, int]) -> bool:
    """Park in the blocks of places where two met, if no one leaves a block: then all others stay where they are."""
    rows = counted(con, "SELECT count(*) FROM taken")
    widths = [max(64, 16 * size // rows) for size in sizes]
    width = f"CASE WHEN part THEN {widths[1]} ELSE {widths[0]} END"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE over AS SELECT DISTINCT part, place // {width} AS block "
        "FROM (SELECT part, place FROM taken GROUP BY ALL HAVING count(*) > 1)"
    )
    if counted(con, "SELECT count(*) FROM over") > rows // 64:
        return False
    blocks = f"(SELECT *, place // {width} AS block, place AS start FROM taken)"
    _park(con, f"SELECT * FROM {blocks} SEMI JOIN over USING (part, block)")
    size = f"CASE WHEN part THEN {sizes[1]} ELSE {sizes[0]} END"
    return not counted(con, f"SELECT count(*) FROM parked WHERE again >= least((block + 1) * {width}, {size})")


def _park(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    order = "(PARTITION BY part, block ORDER BY start, n"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE parked AS SELECT n, part, place, block, p + max(start - p) OVER {order} "
        f"ROWS UNBOUNDED PRECEDING) AS again FROM (SELECT *, row_number() OVER {order}) - 1 AS p FROM ({rows}))"
    )


def counted(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query tells."""
    return int(con.execute(query).fetchall()[0][0])


def forget(con: duckdb.DuckDBPyConnection) -> None:
    """Free the temporary tables."""
    for table in ("taken", "parked", "over"):
        con.execute(f"DROP TABLE IF EXISTS temp.{table}")
