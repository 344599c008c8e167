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

from synth_assets.anonymity.hierarchies import STAR, Cell, Steps, build
from synth_assets.anonymity.lattice import Classes, Demand, Incidence, IntArray, Outcome, Search
from synth_assets.anonymity.model import Anonymization, Anonymize, AnonymizedColumn, Generalization
from synth_assets.errors import AnonymityUnreachable, SpecError
from synth_assets.storage import quote

_PREFIX = "__anonymity_"
_ROWS, _GROUPS, _PAIRS, _FINE, _KEPT = (f"{_PREFIX}{name}" for name in ("rows", "groups", "pairs", "fine", "kept"))


@dataclass(frozen=True)
class _Reached:
    """What was counted on a table by SQL."""

    rows: int
    classes: int
    min_k: int
    min_l: int | None


@dataclass(frozen=True)
class _Table:
    """The columns by place: ``c<place>`` holds them in the working tables, whatever their names are."""

    columns: tuple[AnonymizedColumn, ...]
    steps: dict[int, Steps]
    sensitive: tuple[int, ...]

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
        types = _copy_rows(con, source_sql, columns)
        table = _Table(tuple(columns), _build_steps(con, columns, types, params), sensitive)
        search = _prepare(con, table, params)
        outcome = search.run()
        if outcome is None:
            raise AnonymityUnreachable(_frontier(search, params))
        _generalize(con, table, outcome, params)
        reached = _measure(con, table, _KEPT)
        _verify(reached, outcome, search, params)
        _write(con, table, target)
        return _describe(table, search, outcome, reached, params)
    finally:
        _clean(con)


def _check(columns: Sequence[AnonymizedColumn], params: Anonymize, sensitive: tuple[int, ...]) -> None:
    if params.l is not None and not sensitive:
        raise SpecError(
            f"anonymize.l ({params.l}) needs a sensitive column in the product; give one the role `sensitive`, or "
            "leave l out"
        )
    quasi = {column.name for column in columns if column.role == "quasi_identifier"}
    for name in params.hierarchies:
        if name not in quasi:
            raise SpecError(f"anonymize.hierarchies: `{name}` is not a quasi-identifier of the product; remove it")


def _clean(con: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp' AND starts_with(table_name, ?)"
    for (name,) in con.execute(sql, [_PREFIX]).fetchall():
        con.execute(f"DROP TABLE temp.main.{quote(name)}")


def _copy_rows(con: duckdb.DuckDBPyConnection, source_sql: str, columns: Sequence[AnonymizedColumn]) -> list[str]:
    """Copy the rows, so that every count is of the same ones; return the columns' types."""
    _clean(con)
    cells = [f"{quote(column.name)} AS c{place}" for place, column in enumerate(columns)]
    query = source_sql.strip()
    query = query if query.startswith("(") else f"({query})"
    con.execute(f'CREATE TEMP TABLE {_ROWS} AS SELECT {", ".join(cells)}, "__unit" AS unit FROM {query} AS source')
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
    chosen = ", ".join(part for part in ("r.unit", codes, cells) if part)
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
    )
    rows = int(base.rows.sum())
    demand = Demand(params.k, params.l, int(params.suppression_limit * rows + 1e-9))
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


def _incidence(classes: Any, members: Any) -> Incidence:
    return Incidence(np.asarray(classes, dtype=np.int64), np.asarray(members, dtype=np.int64))


def _frontier(search: Search, params: Anonymize) -> str:
    """Say what the most general node offers instead: k, and the share of rows to leave out for it."""
    classes = search.classes_at(search.top)
    rows = int(classes.rows.sum())
    wished = f"k={params.k}" + (f", l={params.l}" if params.l else "")
    if not rows:
        return f"anonymize: {wished} cannot be reached, as the table has no rows; check the product's source"
    offers = []
    for k in sorted({min(k, params.k) for k in (2, 3, 5, 10, 20, 50, 100, params.k)}):
        good = Demand(k, params.l, 0).passes(classes)
        if good.any():
            offers.append(f"k={k} leaving out {classes.rows[~good].sum() / rows:.1%} of the rows")
    diversity = f" with l={params.l}" if params.l else ""
    possible = "; ".join(offers) or "no k of 2 or more"
    return (
        f"anonymize: {wished} cannot be reached within suppression_limit {params.suppression_limit:g}; with every "
        f"column at its last step, possible{diversity}: {possible}; ask for less, or for fewer quasi-identifiers"
    )


def _generalize(con: duckdb.DuckDBPyConnection, table: _Table, outcome: Outcome, params: Anonymize) -> None:
    """Write the rows at the chosen levels, and of these the rows of classes that satisfy the model."""
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
        f"CREATE TEMP TABLE {_FINE} AS SELECT {cells}, r.unit FROM {_ROWS} AS r{_lookups(table, changed)}{joins}"
    )
    same = " AND ".join(f"good.c{place} IS NOT DISTINCT FROM r.c{place}" for place in table.quasi) or "true"
    diverse = "".join(f" AND l{place} >= {params.l}" for place in table.sensitive) if params.l else ""
    con.execute(
        f"CREATE TEMP TABLE {_KEPT} AS SELECT r.* FROM {_FINE} AS r WHERE EXISTS (SELECT 1 FROM "
        f"({_class_sql(table, _FINE)}) AS good WHERE {same} AND good.units >= {params.k}{diverse})"
    )


def _cell(table: _Table, place: int, changed: Sequence[int]) -> str:
    if table.columns[place].role in {"direct_identifier", "undecided"}:
        return f"'{STAR}'"
    return f"l{place}.label" if place in changed else f"r.c{place}"


def _class_sql(table: _Table, relation: str) -> str:
    """Count units and distinct sensitive values (NULL is one) of each class; knows nothing of codes or levels."""
    keys = [f"c{place}" for place in table.quasi]
    values = [f"count(DISTINCT c{place}) + (count(*) > count(c{place}))::INT AS l{place}" for place in table.sensitive]
    chosen = ", ".join([*keys, *values, "count(DISTINCT unit) AS units", "count(*) AS n"])
    return f"SELECT {chosen} FROM {relation}" + (f" GROUP BY {', '.join(keys)}" if keys else "")


def _measure(con: duckdb.DuckDBPyConnection, table: _Table, relation: str) -> _Reached:
    least = ", ".join(f"min(l{place})" for place in table.sensitive)
    sql = f"SELECT sum(n), count(*), min(units){f', {least}' if least else ''} FROM ({_class_sql(table, relation)})"
    rows, classes, min_k, *min_l = con.execute(sql).fetchall()[0]
    return _Reached(int(rows or 0), int(classes), int(min_k or 0), min(min_l) if min_l else None)


def _verify(reached: _Reached, outcome: Outcome, search: Search, params: Anonymize) -> None:
    """Compare the second count with the model and with the search."""
    kept = int(search.base.rows.sum()) - outcome.suppressed_rows
    sound = reached.min_k >= params.k and (params.l is None or (reached.min_l or 0) >= params.l)
    if not sound or reached.rows != kept or reached.classes != outcome.classes:
        raise AnonymityUnreachable(
            f"anonymize: the rows counted again differ from what the search found (rows {reached.rows} for {kept}, "
            f"classes {reached.classes} for {outcome.classes}, k {reached.min_k} for {params.k}); nothing was written: "
            "report it"
        )


def _write(con: duckdb.DuckDBPyConnection, table: _Table, target: str) -> None:
    cells = ", ".join(f"c{place} AS {quote(column.name)}" for place, column in enumerate(table.columns))
    con.execute(f"CREATE TABLE {target} AS SELECT {cells} FROM {_KEPT} ORDER BY ALL")


def _describe(table: _Table, search: Search, outcome: Outcome, reached: _Reached, params: Anonymize) -> Anonymization:
    chosen = {
        steps.column.name: Generalization(level=level, levels=len(steps.steps), meaning=steps.steps[level].meaning)
        for steps, level in zip(table.steps.values(), outcome.node, strict=True)
    }
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
        loss=outcome.loss,
        optimal=search.proved,
        explanation={
            "guarantee": "heuristic",
            "model": "k-anonymity over privacy units" + (", distinct l-diversity" if params.l else ""),
            "method": "full-domain generalization, suppression of rows, least non-uniform entropy",
            "suppression_limit": params.suppression_limit,
            "suppressed_share": outcome.suppressed_rows / max(int(search.base.rows.sum()), 1),
            "lattice": nodes,
            "evaluated": search.evaluations,
            "hidden_columns": [column.name for column in table.columns if column.role in hidden],
        },
    )
