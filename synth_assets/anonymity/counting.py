"""Rows to counts: the engine copies the rows once, looks values up in dictionaries and counts groups of equal codes.

Python sees the distinct values of quasi-identifiers (at most 1,000 a column), hashes, and groups by integer codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from synth_assets.anonymity.classes import Classes, Crowd, Demand, Incidence
from synth_assets.anonymity.diversity import IntArray, Spread
from synth_assets.anonymity.hierarchies import Cell, Steps, build, has_order
from synth_assets.anonymity.losses import Query
from synth_assets.anonymity.model import Anonymize, AnonymizedColumn
from synth_assets.anonymity.together import Earlier, Shown, Ties, marked
from synth_assets.errors import SpecError
from synth_assets.storage import quote

PREFIX = "__anonymity_"
ROWS, GROUPS, FINE, KEPT, CROWD, MEMBERS, TOLD = (
    f"{PREFIX}{name}" for name in ("rows", "groups", "fine", "kept", "crowd", "members", "told")
)
_PAIRS, _MARKS, _TIES = (f"{PREFIX}{name}" for name in ("pairs", "marks", "ties"))


@dataclass(frozen=True)
class Table:
    """The columns by place: ``c<place>`` holds them in the working tables, whatever their names are.

    ``crowded`` says that the table ``CROWD`` holds a population's quasi-identifiers and units. ``held_back`` are the
    rows of units that no earlier table shows.
    """

    columns: tuple[AnonymizedColumn, ...]
    steps: dict[int, Steps]
    types: tuple[str, ...]
    crowded: bool = False
    held_back: int = 0

    @property
    def quasi(self) -> list[int]:
        """Places of the quasi-identifiers."""
        return list(self.steps)

    @property
    def sensitive(self) -> list[int]:
        """Places of the sensitive columns."""
        return [place for place, column in enumerate(self.columns) if column.role == "sensitive"]

    def is_ordered(self, place: int) -> bool:
        """Whether the values of a column have an order that a distance can follow."""
        return has_order(self.types[place])

    @property
    def keys(self) -> str:
        """The columns of ``GROUPS`` that tell groups apart."""
        return ", ".join(f"k{place}" for place in self.quasi)

    @property
    def codes(self) -> str:
        """SQL of these of a row, joined to its dictionaries by :meth:`lookups`."""
        return ", ".join(f"d{place}.code AS k{place}" for place in self.quasi)

    def lookups(self, places: Sequence[int]) -> str:
        """SQL that joins rows ``r`` to the dictionaries ``d<place>``."""
        return "".join(
            f" JOIN {self.steps[place].dictionary} AS d{place} "
            f"ON d{place}.key IS NOT DISTINCT FROM ({self.steps[place].key})"
            for place in places
        )

    def grouped(self, relation: str, chosen: str) -> str:
        """FROM-able: ``chosen`` of the rows ``r`` of a relation, and each row's group ``g``."""
        listed = ", ".join(part for part in (chosen, self.codes) if part)
        using = f"JOIN {GROUPS} USING ({self.keys})" if self.keys else f"CROSS JOIN {GROUPS}"
        return f"(SELECT {listed} FROM {relation} AS r{self.lookups(self.quasi)}) AS coded {using}"


def read_table(
    con: duckdb.DuckDBPyConnection,
    source_sql: str,
    columns: Sequence[AnonymizedColumn],
    params: Anonymize,
    population_sql: str | None,
    earlier: Earlier | None = None,
) -> Table:
    """Copy the rows, so that every count is of the same ones, and work out the steps of their quasi-identifiers.

    Raises:
        SpecError: a hierarchy does not suit its column, or the population's columns are of another type.
    """
    clean(con)
    cells = [f"{quote(column.name)} AS c{place}" for place, column in enumerate(columns)]
    con.execute(f'CREATE TEMP TABLE {ROWS} AS SELECT {", ".join(cells)}, "__unit" AS unit FROM {_from(source_sql)}')
    held_back = 0
    if earlier is not None:
        never = f"unit NOT IN (SELECT unit FROM {marked(earlier.members)})"
        held_back = int(con.execute(f"DELETE FROM {ROWS} WHERE {never}").fetchall()[0][0])
    if params.shares:  # a unit has a weight of one, divided among its rows; nobody's rows have none
        weight = "CASE WHEN unit IS NULL THEN 0.0 ELSE 1.0::DOUBLE / count(*) OVER (PARTITION BY unit) END"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS SELECT *, {weight} AS w FROM {ROWS}")
    types = tuple(row[1] for row in con.execute(f"DESCRIBE {ROWS}").fetchall())
    quasi = [place for place, column in enumerate(columns) if column.role == "quasi_identifier"]
    if population_sql is not None:
        _copy_population(con, population_sql, columns, types, quasi)
    crowded = population_sql is not None
    steps = {}
    for place in quasi:
        given = params.hierarchies.get(columns[place].name)
        dictionary = f"{PREFIX}dictionary_{place}"
        steps[place] = build(con, _cell(place, types, crowded), columns[place], given, dictionary)
    return Table(tuple(columns), steps, types, crowded, held_back)


def clean(con: duckdb.DuckDBPyConnection) -> None:
    """Drop every working table."""
    sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp' AND starts_with(table_name, ?)"
    for (name,) in con.execute(sql, [PREFIX]).fetchall():
        con.execute(f"DROP TABLE temp.main.{quote(name)}")


def _from(sql: str) -> str:
    query = sql.strip()
    return f"{query if query.startswith('(') else f'({query})'} AS source"


def _copy_population(
    con: duckdb.DuckDBPyConnection,
    population_sql: str,
    columns: Sequence[AnonymizedColumn],
    types: Sequence[str],
    quasi: Sequence[int],
) -> None:
    cells = "".join(f"{quote(columns[place].name)} AS c{place}, " for place in quasi)
    con.execute(f'CREATE TEMP TABLE {CROWD} AS SELECT {cells}"__unit" AS unit FROM {_from(population_sql)}')
    theirs = [row[1] for row in con.execute(f"DESCRIBE {CROWD}").fetchall()]
    for place, kind in zip(quasi, theirs, strict=False):
        if kind != types[place]:
            raise SpecError(
                f"anonymize.population: its column `{columns[place].name}` is of type {kind}, the product's of "
                f"{types[place]}; declare the type in one of the sources (format.types)"
            )


def _cell(place: int, types: Sequence[str], crowded: bool) -> Cell:
    """Where the values of a column are: also those that only the population has, which count for no row."""
    if not crowded:
        return Cell(ROWS, f"c{place}", types[place])
    both = f"(SELECT c{place}, 1 AS own FROM {ROWS} UNION ALL SELECT c{place}, 0 FROM {CROWD})"
    return Cell(both, f"c{place}", types[place], "sum(own)::BIGINT")


def count_groups(con: duckdb.DuckDBPyConnection, table: Table, params: Anonymize) -> Classes:
    """Count the groups of rows with equal codes, once; makes the temporary table ``GROUPS``."""
    keys = f"{table.keys}, " if table.keys else ""
    chosen = table.codes or "1 AS nothing"
    counted = f"SELECT {keys}count(*) AS n FROM (SELECT {chosen} FROM {ROWS} AS r{table.lookups(table.quasi)})"
    counted += f" GROUP BY {table.keys}" if table.keys else ""
    if table.crowded:
        others = f"SELECT DISTINCT {keys}0 AS n FROM (SELECT {chosen} FROM {CROWD} AS r{table.lookups(table.quasi)})"
        grouped = f" GROUP BY {table.keys}" if table.keys else ""
        counted = f"SELECT {keys}sum(n)::BIGINT AS n FROM ({counted} UNION ALL {others}){grouped}"
    con.execute(f"CREATE TEMP TABLE {GROUPS} AS SELECT *, row_number() OVER () - 1 AS g FROM ({counted})")
    groups = con.execute(f"SELECT * FROM {GROUPS} ORDER BY g").fetchnumpy()
    size = len(groups["n"])
    crowd = _count_units(con, table.grouped(ROWS, "r.unit"), size)
    return Classes(
        np.array([groups[f"k{place}"] for place in table.quasi], dtype=np.uint16).reshape(len(table.quasi), size),
        np.asarray(groups["n"], dtype=np.int64),
        crowd.settled,
        crowd.roaming,
        tuple(_pair_values(con, table, place) for place in table.sensitive) if params.l else (),
        tuple(_spread(con, table, place) for place in table.sensitive) if params.shares else (),
        _count_units(con, table.grouped(CROWD, "r.unit"), size) if table.crowded else None,
    )


def _count_units(con: duckdb.DuckDBPyConnection, members: str, groups: int) -> Crowd:
    """Count units that occur in one group only, and list the groups of the others."""
    con.execute(f"CREATE TEMP TABLE {_PAIRS} AS SELECT DISTINCT g, unit FROM {members} WHERE unit IS NOT NULL")
    settled = np.zeros(groups, dtype=np.int64)
    single = con.execute(
        f"SELECT g, count(*) AS n FROM (SELECT any_value(g) AS g FROM {_PAIRS} GROUP BY unit HAVING count(*) = 1) "
        "GROUP BY g"
    ).fetchnumpy()
    settled[single["g"]] = single["n"]
    several = con.execute(
        f"SELECT g, dense_rank() OVER (ORDER BY unit) - 1 AS member FROM {_PAIRS} "
        f"WHERE unit IN (SELECT unit FROM {_PAIRS} GROUP BY unit HAVING count(*) > 1)"
    ).fetchnumpy()
    con.execute(f"DROP TABLE {_PAIRS}")
    return Crowd(settled, _incidence(several["g"], several["member"]))


def count_ties(con: duckdb.DuckDBPyConnection, table: Table, earlier: Earlier, params: Anonymize) -> Ties:
    """Count the units of each group by the classes that they are in elsewhere, and what values are shown of them."""
    classes = ", ".join(f"c{place}" for place in range(len(earlier.members)))
    con.execute(
        f"CREATE TEMP TABLE {_MARKS} AS SELECT DISTINCT * "
        f"FROM (SELECT DISTINCT g, unit FROM {table.grouped(ROWS, 'r.unit')}) JOIN "
        f"(SELECT *, dense_rank() OVER (ORDER BY {classes}) AS mark FROM {marked(earlier.members)}) USING (unit)"
    )
    con.execute(
        f"CREATE TEMP TABLE {_TIES} AS SELECT *, row_number() OVER () - 1 AS tie "
        f"FROM (SELECT DISTINCT g, mark FROM {_MARKS})"
    )
    ties = con.execute(f"SELECT g, mark FROM {_TIES} ORDER BY tie").fetchnumpy()
    members = f"(SELECT tie AS g, unit FROM {_MARKS} JOIN {_TIES} USING (g, mark))"
    crowd = _count_units(con, members, len(ties["g"]))
    shown = _count_shown(con, table, earlier, params)
    con.execute(f"DROP TABLE {_MARKS}")
    groups, marks = (np.asarray(ties[name], dtype=np.int64) for name in ("g", "mark"))
    return Ties(groups, marks, crowd, earlier.k, shown)


def _count_shown(
    con: duckdb.DuckDBPyConnection, table: Table, earlier: Earlier, params: Anonymize
) -> tuple[Shown, ...]:
    """What the new table and earlier ones show of the units of each tie, where they promise anything of it."""
    told = f"{_MARKS} AS m JOIN {_TIES} USING (g, mark)"
    found = []
    for place, promise in earlier.promises.items():
        rows = f"{promise.told} AS t JOIN {told} ON t.unit = m.unit AND t.class = m.c{place}"
        columns = [(f"v{number}", ordered) for number, ordered in enumerate(promise.ordered)]
        found.append(_shown(con, rows, promise.told, columns, promise.asked, own=False))
    if params.diverse:
        cells = ", ".join(f"r.c{place} AS v{number}" for number, place in enumerate(table.sensitive))
        weight = ", r.w" if params.shares else ""
        rows = f"(SELECT * FROM {table.grouped(ROWS, f'r.unit, {cells}{weight}')}) AS t JOIN {told}"
        rows += " ON t.unit = m.unit AND t.g = m.g"
        whole = f"(SELECT {cells}{weight} FROM {ROWS} AS r)"
        columns = [(f"v{number}", table.is_ordered(place)) for number, place in enumerate(table.sensitive)]
        found.append(_shown(con, rows, whole, columns, params, own=True))
    return tuple(found)


def _shown(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    whole: str,
    columns: Sequence[tuple[str, bool]],
    asked: Anonymize,
    own: bool,
) -> Shown:
    """What ``rows`` (t joined to ties) show in ``columns``; ``whole`` holds all rows of the table."""
    sensitive, spreads = [], []
    for name, _ in columns if asked.l else ():
        found = con.execute(f"SELECT DISTINCT tie, hash(t.{name}) AS member FROM {rows}").fetchnumpy()
        sensitive.append(_incidence(found["tie"], np.unique(found["member"], return_inverse=True)[1]))
    for name, ordered in columns if asked.shares else ():
        values = (
            f"(SELECT {name} AS v, dense_rank() OVER (ORDER BY {name} NULLS FIRST) - 1 AS value, sum(w) AS share "
            f"FROM {whole} GROUP BY {name})"
        )
        told = con.execute(f"SELECT share FROM {values} ORDER BY value").fetchnumpy()["share"]
        shares = np.asarray(told, dtype=np.float64)
        found = con.execute(
            f"SELECT tie, value, sum(t.w) AS w FROM {rows} JOIN {values} AS v ON v.v IS NOT DISTINCT FROM t.{name} "
            "GROUP BY tie, value"
        ).fetchnumpy()
        ties, places = (np.asarray(found[part], dtype=np.int64) for part in ("tie", "value"))
        weights = np.asarray(found["w"], dtype=np.float64)
        spreads.append(Spread(ties, places, weights, np.asarray(shares / max(shares.sum(), 1e-300)), ordered))
    return Shown(demand_of(asked), tuple(sensitive), tuple(spreads), own)


def _pair_values(con: duckdb.DuckDBPyConnection, table: Table, place: int) -> Incidence:
    members = table.grouped(ROWS, f"hash(r.c{place}) AS member")
    found = con.execute(f"SELECT DISTINCT g, member FROM {members}").fetchnumpy()
    return _incidence(found["g"], np.unique(found["member"], return_inverse=True)[1])


def _spread(con: duckdb.DuckDBPyConnection, table: Table, place: int) -> Spread:
    """The weights of a sensitive column's values in the groups; values are numbered in their order."""
    found = con.execute(
        f"SELECT g, w, dense_rank() OVER (ORDER BY v NULLS FIRST) - 1 AS value "
        f"FROM (SELECT g, v, sum(w) AS w FROM {table.grouped(ROWS, f'r.c{place} AS v, r.w')} GROUP BY ALL)"
    ).fetchnumpy()
    values, weights = np.asarray(found["value"], dtype=np.int64), np.asarray(found["w"], dtype=np.float64)
    shares = np.bincount(values, weights=weights) if len(values) else np.zeros(1)
    classes = np.asarray(found["g"], dtype=np.int64)
    return Spread(classes, values, weights, shares / max(shares.sum(), 1e-300), table.is_ordered(place))


def demand_of(params: Anonymize, most_suppressed: int = 0) -> Demand:
    """The privacy model in numbers."""
    recursive = None if params.recursive is None else (params.recursive.c, params.recursive.l)
    people = (params.k_map, params.delta_presence)
    return Demand(params.k or 1, params.l, most_suppressed, params.entropy_l, recursive, params.t, *people)


def count_queries(con: duckdb.DuckDBPyConnection, table: Table, queries: Sequence[Sequence[str]]) -> list[Query]:
    """The rows of each group by the exact values of each query's other columns."""
    names = [column.name for column in table.columns]
    counted = []
    for query in queries:
        wanted = [names.index(name) for name in query]
        exact = ", ".join(f"r.c{place}" for place in wanted if place not in table.steps)
        value = f"hash({exact})" if exact else "0::UBIGINT"
        found = con.execute(
            f"SELECT g, v, count(*) AS n FROM {table.grouped(ROWS, f'{value} AS v')} GROUP BY ALL"
        ).fetchnumpy()
        counted.append(
            Query(
                tuple(place for place, own in enumerate(table.quasi) if own in wanted),
                np.asarray(found["g"], dtype=np.int64),
                np.unique(found["v"], return_inverse=True)[1].astype(np.int64),
                np.asarray(found["n"], dtype=np.int64),
            )
        )
    return counted


def _incidence(classes: Any, members: Any) -> Incidence:
    return Incidence(np.asarray(classes, dtype=np.int64), np.asarray(members, dtype=np.int64))


def write_labels(con: duckdb.DuckDBPyConnection, name: str, key: str, labels: Sequence[str | None]) -> None:
    """Make the temporary table ``name`` (key, label): the text of each number from 0."""
    numbers: IntArray = np.arange(len(labels))
    con.execute(
        f"CREATE TEMP TABLE {name} AS SELECT unnest(?::BIGINT[]) AS {key}, unnest(?::VARCHAR[]) AS label",
        [numbers.tolist(), list(labels)],
    )
