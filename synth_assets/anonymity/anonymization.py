"""From rows to a table in which every row hides among the rows of k units: the engine counts, the search chooses.

Full-domain generalization with suppression of rows. The rows stay in temporary tables of the caller's connection;
Python sees the distinct values of quasi-identifiers (at most 1,000 a column), hashes, and groups of equal rows by
integer codes. What the search promised is counted again, by SQL alone, on the rows as they are released; a difference
is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from synth_assets.anonymity.diversity import SLACK, IntArray, Spread
from synth_assets.anonymity.hierarchies import STAR, Cell, Steps, build
from synth_assets.anonymity.lattice import Classes, Demand, Incidence, Outcome, Search
from synth_assets.anonymity.model import Anonymization, Anonymize, AnonymizedColumn, Generalization
from synth_assets.anonymity.recount import Reached, Recount
from synth_assets.anonymity.risk import attackers_on
from synth_assets.errors import AnonymityUnreachable, SpecError
from synth_assets.storage import quote

_PREFIX = "__anonymity_"
_ROWS, _GROUPS, _PAIRS, _FINE, _KEPT = (f"{_PREFIX}{name}" for name in ("rows", "groups", "pairs", "fine", "kept"))


@dataclass(frozen=True)
class _Table:
    """The columns by place: ``c<place>`` holds them in the working tables, whatever their names are."""

    columns: tuple[AnonymizedColumn, ...]
    steps: dict[int, Steps]
    sensitive: tuple[int, ...]

    types: tuple[str, ...]

    def is_ordered(self, place: int) -> bool:
        """Whether the values of a column have an order that a distance can follow."""
        return Cell(_ROWS, f"c{place}", self.types[place]).kind in {"integer", "real", "temporal"}

    @property
    def quasi(self) -> list[int]:
        """Places of the quasi-identifiers."""
        return list(self.steps)


def anonymize(
    con: duckdb.DuckDBPyConnection,
    source_sql: str,
    columns: Sequence[AnonymizedColumn],
    params: Anonymize,
    target: str,
) -> Anonymization:
    """Write a k-anonymous (and l-diverse) version of a query's rows to the new table ``target``.

    Quasi-identifiers are generalized: at level 0 they keep value and type, above it they are text such as '[30, 40)',
    '2019-Q2', '902*' or '*'. Sensitive and insensitive columns stay as they are. Direct identifiers and columns nobody
    has decided on become '*'. NULL is a value of its own. Rows are written in the order of their content.

    Args:
        con: a connection that may make temporary tables and ``target``.
        source_sql: a query, in parentheses or not, with the columns and ``__unit``, which no output holds; rows
            whose ``__unit`` is NULL count for no unit.
        columns: the columns of the table to write, in order.
        params: the privacy model.
        target: the table's name as SQL, quoted by the caller.

    Raises:
        AnonymityUnreachable: no choice of levels satisfies the model; says which k would be possible at what price.
        SpecError: ``l`` without a sensitive column, or a hierarchy that does not suit its column.
    """
    sensitive = tuple(place for place, column in enumerate(columns) if column.role == "sensitive")
    _check(columns, params, sensitive)
    try:
        types = _copy_rows(con, source_sql, columns, params)
        table = _Table(tuple(columns), _build_steps(con, columns, types, params), sensitive, tuple(types))
        search = _prepare(con, table, params)
        outcome = search.run()
        if outcome is None:
            raise AnonymityUnreachable(_frontier(search, params))
        _generalize(con, table, outcome)
        ordered = [place for place in table.sensitive if table.is_ordered(place)]
        recount = Recount(con, table.quasi, table.sensitive, ordered, _ROWS)
        recount.keep(_FINE, _KEPT, params)
        reached = recount.measure(_KEPT, params)
        _verify(reached, outcome, search, params)
        _write(con, table, target)
        return _describe(table, search, outcome, reached, params)
    finally:
        _clean(con)


def _check(columns: Sequence[AnonymizedColumn], params: Anonymize, sensitive: tuple[int, ...]) -> None:
    asked = next((name for name in ("l", "entropy_l", "recursive", "t") if getattr(params, name) is not None), None)
    if asked is not None and not sensitive:
        raise SpecError(
            f"anonymize.{asked} needs a sensitive column in the product; give one the role `sensitive`, or leave "
            f"{asked} out"
        )
    quasi = {column.name for column in columns if column.role == "quasi_identifier"}
    for name in params.hierarchies:
        if name not in quasi:
            raise SpecError(f"anonymize.hierarchies: `{name}` is not a quasi-identifier of the product; remove it")


def _clean(con: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp' AND starts_with(table_name, ?)"
    for (name,) in con.execute(sql, [_PREFIX]).fetchall():
        con.execute(f"DROP TABLE temp.main.{quote(name)}")


def _copy_rows(
    con: duckdb.DuckDBPyConnection, source_sql: str, columns: Sequence[AnonymizedColumn], params: Anonymize
) -> list[str]:
    """Copy the rows, so that every count is of the same ones; return the columns' types.

    Where shares matter, a unit has a weight of one, divided among its rows; nobody's rows have none.
    """
    _clean(con)
    cells = [f"{quote(column.name)} AS c{place}" for place, column in enumerate(columns)]
    query = source_sql.strip()
    query = query if query.startswith("(") else f"({query})"
    con.execute(f'CREATE TEMP TABLE {_ROWS} AS SELECT {", ".join(cells)}, "__unit" AS unit FROM {query} AS source')
    if params.shares:
        weight = "CASE WHEN unit IS NULL THEN 0.0 ELSE 1.0::DOUBLE / count(*) OVER (PARTITION BY unit) END"
        con.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} AS SELECT *, {weight} AS w FROM {_ROWS}")
    return [row[1] for row in con.execute(f"DESCRIBE {_ROWS}").fetchall()]


def _build_steps(
    con: duckdb.DuckDBPyConnection, columns: Sequence[AnonymizedColumn], types: list[str], params: Anonymize
) -> dict[int, Steps]:
    return {
        place: build(
            con,
            Cell(_ROWS, f"c{place}", types[place]),
            column,
            params.hierarchies.get(column.name),
            f"{_PREFIX}dictionary_{place}",
        )
        for place, column in enumerate(columns)
        if column.role == "quasi_identifier"
    }


def _lookups(table: _Table, places: Sequence[int]) -> str:
    """SQL that joins rows ``r`` to the dictionaries ``d<place>``."""
    pairs = [(f"d{place}", table.steps[place]) for place in places]
    return "".join(
        f" JOIN {steps.dictionary} AS {name} ON {name}.key IS NOT DISTINCT FROM ({steps.key})" for name, steps in pairs
    )


def _prepare(con: duckdb.DuckDBPyConnection, table: _Table, params: Anonymize) -> Search:
    """Count the groups of equal rows once, and hand them to a search."""
    codes = ", ".join(f"d{place}.code AS k{place}" for place in table.quasi)
    keys = ", ".join(f"k{place}" for place in table.quasi)
    cells = ", ".join(f"hash(r.c{place}) AS s{place}" for place in table.sensitive)
    raw = "".join(f", r.c{place} AS v{place}" for place in table.sensitive) + ", r.w" if params.shares else ""
    chosen = ", ".join(part for part in ("r.unit", codes, cells) if part) + raw
    coded = f"(SELECT {chosen} FROM {_ROWS} AS r{_lookups(table, table.quasi)})"
    con.execute(
        f"CREATE TEMP TABLE {_GROUPS} AS SELECT *, row_number() OVER () - 1 AS g FROM "
        f"(SELECT {f'{keys}, ' if keys else ''}count(*) AS n FROM {coded} {f'GROUP BY {keys}' if keys else ''})"
    )
    using = f"JOIN {_GROUPS} USING ({keys})" if keys else f"CROSS JOIN {_GROUPS}"
    members = f"{coded} AS coded {using}"
    groups = con.execute(f"SELECT * FROM {_GROUPS} ORDER BY g").fetchnumpy()
    size = len(groups["n"])
    settled, roaming = _count_units(con, members, size)
    base = Classes(
        np.array([groups[f"k{place}"] for place in table.quasi], dtype=np.uint16).reshape(len(table.quasi), size),
        np.asarray(groups["n"], dtype=np.int64),
        settled,
        roaming,
        tuple(_pair_values(con, members, place) for place in table.sensitive) if params.l else (),
        tuple(_spread(con, members, table, place) for place in table.sensitive) if params.shares else (),
    )
    rows = int(base.rows.sum())
    demand = _demand(params, params.k, int(params.suppression_limit * rows + 1e-9))
    steps = [table.steps[place] for place in table.quasi]
    return Search(base, [step.codes for step in steps], [step.counts for step in steps], demand)


def _count_units(con: duckdb.DuckDBPyConnection, members: str, groups: int) -> tuple[IntArray, Incidence]:
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
    return settled, _incidence(several["g"], several["member"])


def _pair_values(con: duckdb.DuckDBPyConnection, members: str, place: int) -> Incidence:
    found = con.execute(f"SELECT DISTINCT g, s{place} AS member FROM {members}").fetchnumpy()
    return _incidence(found["g"], np.unique(found["member"], return_inverse=True)[1])


def _spread(con: duckdb.DuckDBPyConnection, members: str, table: _Table, place: int) -> Spread:
    """The weights of a sensitive column's values in the groups; values are numbered in their order."""
    found = con.execute(
        f"SELECT g, w, dense_rank() OVER (ORDER BY v NULLS FIRST) - 1 AS value "
        f"FROM (SELECT g, v{place} AS v, sum(w) AS w FROM {members} GROUP BY ALL)"
    ).fetchnumpy()
    values, weights = np.asarray(found["value"], dtype=np.int64), np.asarray(found["w"], dtype=np.float64)
    shares = np.bincount(values, weights=weights) if len(values) else np.zeros(1)
    classes = np.asarray(found["g"], dtype=np.int64)
    return Spread(classes, values, weights, shares / max(shares.sum(), 1e-300), table.is_ordered(place))


def _demand(params: Anonymize, k: int, most_suppressed: int) -> Demand:
    recursive = None if params.recursive is None else (params.recursive.c, params.recursive.l)
    return Demand(k, params.l, most_suppressed, params.entropy_l, recursive, params.t)


def _incidence(classes: Any, members: Any) -> Incidence:
    return Incidence(np.asarray(classes, dtype=np.int64), np.asarray(members, dtype=np.int64))


def _frontier(search: Search, params: Anonymize) -> str:
    """Say what the most general node offers instead: k, and the share of rows to leave out for it."""
    classes = search.classes_at(search.top)
    rows = int(classes.rows.sum())
    wished = params.wished
    if not rows:
        return f"anonymize: {wished} cannot be reached, as the table has no rows; check the product's source"
    offers = []
    for k in sorted({min(k, params.k) for k in (2, 3, 5, 10, 20, 50, 100, params.k)}):
        good = _demand(params, k, 0).passes(classes)
        if good.any():
            offers.append(f"k={k} leaving out {classes.rows[~good].sum() / rows:.1%} of the rows")
    diversity = f" with {params.wished.split(', ', 1)[1]}" if ", " in params.wished else ""
    possible = "; ".join(offers) or "no k of 2 or more"
    return (
        f"anonymize: {wished} cannot be reached within suppression_limit {params.suppression_limit:g}; with every "
        f"column at its last step, possible{diversity}: {possible}; ask for less, or for fewer quasi-identifiers"
    )


def _generalize(con: duckdb.DuckDBPyConnection, table: _Table, outcome: Outcome) -> None:
    """Write the rows at the chosen levels."""
    levels = dict(zip(table.quasi, outcome.node, strict=True))
    changed = [place for place in table.quasi if table.steps[place].steps[levels[place]].labels is not None]
    for place in changed:
        labels = table.steps[place].steps[levels[place]].labels or ()
        con.execute(
            f"CREATE TEMP TABLE {_PREFIX}labels_{place} AS "
            "SELECT unnest(?::BIGINT[]) AS code, unnest(?::VARCHAR[]) AS label",
            [list(range(len(labels))), list(labels)],
        )
    cells = ", ".join(f"{_cell(table, place, changed)} AS c{place}" for place in range(len(table.columns)))
    joins = "".join(f" JOIN {_PREFIX}labels_{place} AS l{place} ON l{place}.code = d{place}.code" for place in changed)
    con.execute(
        f"CREATE TEMP TABLE {_FINE} AS SELECT r.* REPLACE ({cells}) FROM {_ROWS} AS r{_lookups(table, changed)}{joins}"
    )


def _cell(table: _Table, place: int, changed: Sequence[int]) -> str:
    if table.columns[place].role in {"direct_identifier", "undecided"}:
        return f"'{STAR}'"
    return f"l{place}.label" if place in changed else f"r.c{place}"


def _verify(reached: Reached, outcome: Outcome, search: Search, params: Anonymize) -> None:
    """Compare the second count with the model and with the search."""
    kept = int(search.base.rows.sum()) - outcome.suppressed_rows
    sound = reached.min_k >= params.k and (params.l is None or (reached.min_l or 0) >= params.l)
    sound &= params.entropy_l is None or (reached.min_entropy_l or 0) >= params.entropy_l - 2 * SLACK
    sound &= params.t is None or (1 if reached.max_t is None else reached.max_t) <= params.t + 2 * SLACK
    if not sound or reached.rows != kept or reached.classes != outcome.classes:
        raise AnonymityUnreachable(
            f"anonymize: the rows counted again differ from what the search found (rows {reached.rows} for {kept}, "
            f"classes {reached.classes} for {outcome.classes}, k {reached.min_k} for {params.k}); nothing was written: "
            "report it"
        )


def _write(con: duckdb.DuckDBPyConnection, table: _Table, target: str) -> None:
    cells = ", ".join(f"c{place} AS {quote(column.name)}" for place, column in enumerate(table.columns))
    con.execute(f"CREATE TABLE {target} AS SELECT {cells} FROM {_KEPT} ORDER BY ALL")


def _describe(table: _Table, search: Search, outcome: Outcome, reached: Reached, params: Anonymize) -> Anonymization:
    chosen = {
        steps.column.name: Generalization(
            level=level,
            levels=len(steps.steps),
            meaning=steps.steps[level].meaning,
            loss=search.bound(tuple(level if i == place else 0 for i in range(len(outcome.node)))),
        )
        for place, (steps, level) in enumerate(zip(table.steps.values(), outcome.node, strict=True))
    }
    classes = search.classes_at(outcome.node)
    hidden = ("direct_identifier", "undecided")
    nodes = int(np.prod([len(steps.steps) for steps in table.steps.values()], dtype=np.float64))
    return Anonymization(
        k=params.k,
        l=params.l,
        levels=chosen,
        rows=reached.rows,
        suppressed_rows=outcome.suppressed_rows,
        classes=reached.classes,
        min_k=reached.min_k,
        min_l=reached.min_l,
        min_entropy_l=reached.min_entropy_l,
        max_t=reached.max_t,
        loss=outcome.loss,
        optimal=search.proved,
        few_units=int(classes.rows[classes.units() < params.k].sum()),
        attackers=attackers_on(classes, search.demand.passes(classes), params.k),
        explanation={
            "guarantee": "heuristic",
            "model": f"k-anonymity over privacy units: {params.wished}",
            "method": "full-domain generalization, suppression of rows, least non-uniform entropy",
            "suppression_limit": params.suppression_limit,
            "suppressed_share": outcome.suppressed_rows / max(int(search.base.rows.sum()), 1),
            "lattice": nodes,
            "evaluated": search.evaluations,
            "hidden_columns": [column.name for column in table.columns if column.role in hidden],
        },
    )
