"""How many units a combination of up to three columns singles out, counted in the engine.

A unit is singled out where nobody else has the same values: the famous postcode, date of birth and sex (Sweeney,
"Simple Demographics Often Identify People Uniquely", 2000). Values are hashed to 32 bits once; of large tables a
share of the *combinations* is counted, not of the rows, as a sample of rows would make everybody look alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import duckdb

from synth_assets.storage import quote

_CODES, _ASKED = "temp.classified_codes", "temp.classified_units"
_COUNTED = 400_000  # rows of a table that one combination is counted over
_COUNTED_ROWS_OF_UNITS = 50_000  # rows of those units that are asked about; they are looked for among all rows


@dataclass(frozen=True)
class Singling:
    """What a combination does.

    Attributes:
        columns: their names.
        share: of the units, 0 to 1, how many it singles out.
    """

    columns: tuple[str, ...]
    share: float


def count_singled_out(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    columns: Sequence[str],
    rows: int,
    unit: str | None = None,
) -> list[Singling]:
    """Every combination of up to three columns with the share of units that it singles out.

    Args:
        relation_sql: a FROM-able text.
        columns: few; n of them make about n cubed over six combinations.
        rows: of the relation.
        unit: the column that says whose row it is; None: each row is its own unit.
    """
    if rows < 2 or not columns:
        return []
    codes = [f"(hash({quote(name)}) & 4294967295)::UINTEGER AS c{i}" for i, name in enumerate(columns)]
    owner = f", hash({quote(unit)}) AS u" if unit is not None else ""
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_CODES} AS SELECT {', '.join(codes)}{owner} FROM {relation_sql}")
    step = max(1, rows // _COUNTED_ROWS_OF_UNITS)
    if unit is not None:
        con.execute(f"CREATE OR REPLACE TEMP TABLE {_ASKED} AS SELECT * FROM {_CODES} WHERE u % {step} = 0")
    shares: dict[tuple[int, ...], float] = {}
    try:
        for chosen in (chosen for size in (3, 2, 1) for chosen in combinations(range(len(columns)), size)):
            if any(not share and set(chosen) < set(more) for more, share in shares.items()):
                shares[chosen] = 0.0  # what singles nobody out with more columns does not with fewer
            else:
                shares[chosen] = _share(con, chosen, rows) if unit is None else _share_of_units(con, chosen, step)
        ordered = sorted(shares, key=lambda chosen: (len(chosen), chosen))
        return [Singling(tuple(columns[i] for i in chosen), shares[chosen]) for chosen in ordered]
    finally:
        con.execute(f"DROP TABLE {_CODES}")
        con.execute(f"DROP TABLE IF EXISTS {_ASKED}")


def _share(con: duckdb.DuckDBPyConnection, chosen: Sequence[int], rows: int) -> float:
    keys = ", ".join(f"c{i}" for i in chosen)
    step = max(1, rows // _COUNTED)
    where = f"WHERE hash({keys}) % {step} = 0" if step > 1 else ""
    counted = f"SELECT count(*) AS n FROM {_CODES} {where} GROUP BY {keys}"
    alone, all_ = con.execute(f"SELECT count(*) FILTER (n = 1), coalesce(sum(n), 0) FROM ({counted})").fetchall()[0]
    return float(alone) / float(all_) if all_ else 0.0


def _share_of_units(con: duckdb.DuckDBPyConnection, chosen: Sequence[int], step: int) -> float:
    """Of one unit in ``step`` the share that has a combination which nobody else has."""
    keys = ", ".join(f"c{i}" for i in chosen)
    where = f"WHERE hash({keys}) IN (SELECT hash({keys}) FROM {_ASKED})" if step > 1 else ""
    alone = f"SELECT min(u) AS u FROM {_CODES} {where} GROUP BY {keys} HAVING min(u) = max(u)"
    found, units = con.execute(
        f"SELECT (SELECT count(DISTINCT u) FROM ({alone}) WHERE u % {step} = 0), "
        f"(SELECT count(DISTINCT u) FROM {_ASKED})"
    ).fetchall()[0]
    return float(found) / float(units) if units else 0.0
