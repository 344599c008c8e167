"""Of several identities whose fakes are the same, all but one are given another; in SQL, over places and numbers.

The temporary table ``taken`` holds an identity's number ``n`` and its ``spot``: the place of its fake among those of
its kind, plus :data:`SECOND` in the kind's second part. Equal places are equal fakes (see ``fakes``).
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

SECOND = 2**62
"""Added to the places of the second part of a kind, so that one number tells both."""


def they_meet(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether two identities have one spot; the spots where they do are kept in the temporary table ``met``."""
    con.execute("CREATE OR REPLACE TEMP TABLE met AS SELECT spot FROM taken GROUP BY spot HAVING min(n) <> max(n)")
    return counted(con, "SELECT count(*) FROM met") > 0


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
    ranked = (
        "FROM (SELECT n, spot, row_number() OVER (PARTITION BY spot ORDER BY n) - 1 AS again "
        "FROM (SELECT DISTINCT n, spot FROM taken SEMI JOIN met USING (spot))) WHERE again > 0"
    )
    passed = f"again > CASE WHEN spot >= {SECOND} THEN {most[1]} ELSE {most[0]} END"
    return None if counted(con, f"SELECT count(*) {ranked} AND {passed}") else ranked


def _parked(con: duckdb.DuckDBPyConnection, sizes: tuple[int, int]) -> str | None:
    """Let each take the first place that is free from its own on; SQL after SELECT, None where they are too few.

    In the order of the places, one that finds its place taken stands right behind the one before. Those who would
    stand behind the last place begin at the first, with all others where they were.
    """
    if _park_near(con, sizes):
        return "FROM parked WHERE again <> place"
    size, base = _by_part(sizes), _by_part((0, SECOND))
    con.execute("CREATE OR REPLACE TEMP TABLE everybody AS SELECT n, min(spot) AS spot FROM taken GROUP BY n")
    crowded = f"SELECT spot >= {SECOND} AS part FROM everybody GROUP BY part HAVING count(*) > {size}"
    con.execute("DROP TABLE temp.taken")
    if counted(con, f"SELECT count(*) FROM ({crowded})"):
        return None
    start = "spot"
    for _ in range(2):
        _park(con, f"SELECT *, spot >= {SECOND} AS part, {start} AS start FROM everybody")
        con.execute(f"CREATE OR REPLACE TEMP TABLE over AS SELECT n FROM parked WHERE again >= {size}")
        if not counted(con, "SELECT count(*) FROM over"):
            break
        start = f"CASE WHEN n IN (SELECT n FROM over) THEN {base} ELSE spot END"
    return "FROM parked WHERE again <> place"


def _park_near(con: duckdb.DuckDBPyConnection, sizes: tuple[int, int]) -> bool:
    """Park in the blocks of places where two met and in those behind, if no one leaves these: all others then stay."""
    rows = counted(con, "SELECT count(*) FROM taken")
    width = _by_part([max(64, 16 * size // rows) for size in sizes])
    spots = f"SELECT *, spot >= {SECOND} AS part, spot % {SECOND} // {width} AS block FROM"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE over AS SELECT DISTINCT part, block + behind AS block FROM ({spots} met), "
        "range(2) AS r(behind)"
    )
    if counted(con, "SELECT count(*) FROM over") > rows // 32:
        return False
    _park(con, f"SELECT DISTINCT n, spot, spot AS start, part FROM ({spots} taken) SEMI JOIN over USING (part, block)")
    left = f"(SELECT part, again // {width} AS block, again >= {_by_part(sizes)} AS beyond FROM parked)"
    query = f"SELECT count(*) FROM {left} LEFT JOIN over USING (part, block) WHERE beyond OR over.block IS NULL"
    return not counted(con, query)


def _park(con: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Let each stand at its start or right behind the one before, in the order of starts; the parts do not meet.

    The rows are sorted once and then run through: windows without an order of their own keep that of the rows.
    """
    ordered = f"SELECT *, row_number() OVER () - 1 AS p FROM (SELECT * FROM ({rows}) ORDER BY start, n)"
    stands = "p + max(start - p) OVER (ROWS UNBOUNDED PRECEDING)"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE parked AS SELECT n, part, spot % {SECOND} AS place, stood % {SECOND} AS again "
        f"FROM (SELECT *, {stands} AS stood FROM ({ordered}))"
    )


def _by_part(values: Sequence[int]) -> str:
    """SQL of one number or the other, by ``part``."""
    return f"CASE WHEN part THEN {values[1]} ELSE {values[0]} END"


def counted(con: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query tells."""
    return int(con.execute(query).fetchall()[0][0])


def forget(con: duckdb.DuckDBPyConnection) -> None:
    """Free the temporary tables."""
    for table in ("taken", "met", "everybody", "parked", "over"):
        con.execute(f"DROP TABLE IF EXISTS temp.{table}")
