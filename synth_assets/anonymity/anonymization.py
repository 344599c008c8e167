"""From rows to a table in which every row hides among the rows of k units: the engine counts, the search chooses.

The rows stay in temporary tables of the caller's connection. What the search promised is counted again, by SQL alone,
on the rows as they are released; a difference is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from synth_assets.anonymity.classes import Classes, Demand
from synth_assets.anonymity.counting import (
    CROWD,
    FINE,
    GROUPS,
    KEPT,
    MEMBERS,
    PREFIX,
    ROWS,
    TOLD,
    Table,
    clean,
    count_groups,
    count_queries,
    count_ties,
    demand_of,
    read_table,
    write_labels,
)
from synth_assets.anonymity.diversity import SLACK, BoolArray
from synth_assets.anonymity.frontier import frontier
from synth_assets.anonymity.hierarchies import STAR, Cell
from synth_assets.anonymity.lattice import Search
from synth_assets.anonymity.losses import AverageClassSize, Discernibility, Entropy, Loss, Queries
from synth_assets.anonymity.model import Anonymization, Anonymize, AnonymizedColumn, Generalization
from synth_assets.anonymity.mondrian import Axis, Boxes, cut, describe
from synth_assets.anonymity.recount import Reached, Recount, count_torn
from synth_assets.anonymity.risk import attackers_on
from synth_assets.anonymity.together import Earlier, Promise, Ties, smallest
from synth_assets.errors import AnonymityUnreachable, SpecError
from synth_assets.storage import quote

_HIDDEN = ("direct_identifier", "undecided")


def anonymize(
    con: duckdb.DuckDBPyConnection,
    source_sql: str,
    columns: Sequence[AnonymizedColumn],
    params: Anonymize,
    target: str,
    population_sql: str | None = None,
    earlier: Earlier | None = None,
    members: str | None = None,
    told: str | None = None,
) -> Anonymization:
    """Write a k-anonymous (and l-diverse) version of a query's rows to the new table ``target``.

    Quasi-identifiers are generalized: unchanged they keep value and type, else they are text such as '[30, 40)',
    '2019-Q2', '902*' or '*'. Sensitive and insensitive columns stay as they are. Direct identifiers and columns nobody
    has decided on become '*'. NULL is a value of its own. Rows are written in the order of their content.

    Args:
        con: a connection that may make temporary tables and ``target``.
        source_sql: a query, in parentheses or not, with the columns and ``__unit``, which no output holds; rows
            whose ``__unit`` is NULL count for no unit.
        columns: the columns of the table to write, in order.
        params: the privacy model.
        target: the table's name as SQL, quoted by the caller.
        population_sql: a query of the population that ``k_map`` and ``delta_presence`` refer to, with its
            quasi-identifiers and ``__unit``.
        earlier: tables of the same rows that the reader has already, beside which each unit keeps its company.
        members: the name, as SQL, of a new table (unit, class) of who is where in ``target``, NULL for rows that were
            left out: restricted.
        told: likewise of a :class:`~synth_assets.anonymity.together.Promise`, beside ``members``, where the model looks
            at sensitive values.

    Raises:
        AnonymityUnreachable: no choice of levels satisfies the model; says how far each part of it can be taken.
        SpecError: ``l`` without a sensitive column, a query without a quasi-identifier, or a hierarchy that does not
            suit its column.
    """
    _check(columns, params)
    if (params.population is None) != (population_sql is None):
        raise SpecError("anonymize.population must be given as rows, and only where k_map or delta_presence ask for it")
    try:
        table = read_table(con, source_sql, columns, params, population_sql, earlier)
        plan = _plan(con, table, params, earlier)
        _write_generalized(con, table, plan)
        if not params.shares:
            con.execute(f"DROP TABLE {ROWS}")  # the recount reads them only to know the shares of the whole table
        ordered = [place for place in table.sensitive if table.is_ordered(place)]
        recount = Recount(con, table.quasi, table.sensitive, ordered, ROWS)
        recount.keep(FINE, KEPT, params, CROWD if table.crowded else None, earlier)
        noted = members is not None or earlier is not None
        own = _note_members(recount, params, members, told) if noted else None
        con.execute(f"DROP TABLE {FINE}")
        reached = recount.measure(KEPT, params, CROWD if table.crowded else None)
        _verify(reached, plan, params)
        if earlier is not None:
            _check_company(con, earlier, members or MEMBERS, own)
        _write(con, table, target)
        return _describe(table, plan, reached, params)
    finally:
        clean(con)


def _check(columns: Sequence[AnonymizedColumn], params: Anonymize) -> None:
    asked = next((name for name in ("l", "entropy_l", "recursive", "t") if getattr(params, name) is not None), None)
    if asked is not None and not any(column.role == "sensitive" for column in columns):
        raise SpecError(
            f"anonymize.{asked} needs a sensitive column in the product; give one the role `sensitive`, or leave "
            f"{asked} out"
        )
    quasi = {column.name for column in columns if column.role == "quasi_identifier"}
    for name in params.hierarchies:
        if name not in quasi:
            raise SpecError(f"anonymize.hierarchies: `{name}` is not a quasi-identifier of the product; remove it")
    shown = {column.name for column in columns if column.role not in _HIDDEN}
    for query in params.queries:
        if not quasi & set(query) or not set(query) <= shown:
            raise SpecError(
                "anonymize.queries: each must list columns that the product shows, a quasi-identifier among them "
                f"(found {', '.join(f'`{name}`' for name in query)}); remove it, or correct its columns"
            )


@dataclass(frozen=True)
class _Plan:
    """What is to be written.

    Attributes:
        classes: the classes of the finished table, of which only those marked in ``shown`` are in it.
        levels: what became of each quasi-identifier, in order.
        texts: of each changed quasi-identifier, by place: the labels, and which one each number stands for.
        boxes: the boxes of Mondrian; None where each column has one step.
    """

    base: Classes
    demand: Demand
    classes: Classes
    shown: BoolArray
    levels: tuple[Generalization, ...]
    texts: dict[int, tuple[str | None, ...]]
    loss: float
    proved: bool
    explanation: dict[str, Any]
    boxes: Boxes | None = None

    @property
    def suppressed(self) -> int:
        """The rows that are left out."""
        return int(self.classes.rows[~self.shown].sum())


def _plan(con: duckdb.DuckDBPyConnection, table: Table, params: Anonymize, earlier: Earlier | None) -> _Plan:
    """Count the groups of equal rows once, and choose."""
    base = count_groups(con, table, params)
    most = 0 if params.method == "mondrian" else int(params.suppression_limit * int(base.rows.sum()) + 1e-9)
    demand = demand_of(params, most)
    ties = None if earlier is None else count_ties(con, table, earlier, params)
    if params.method == "mondrian":
        return _plan_boxes(table, params, base, demand, (earlier, ties))
    steps = list(table.steps.values())
    levels = [step.codes for step in steps]
    search = Search(base, levels, [step.counts for step in steps], demand, _loss(con, table, params, base), ties)
    outcome = search.run()
    if outcome is None:
        raise AnonymityUnreachable(_refusal(search.classes_at(search.top), demand, params, earlier))
    nodes = int(np.prod([len(step.steps) for step in steps], dtype=np.float64))
    alone = [tuple(level if i == own else 0 for i in range(len(steps))) for own, level in enumerate(outcome.node)]
    classes = search.classes_at(outcome.node)
    return _Plan(
        base=base,
        demand=demand,
        classes=classes,
        shown=search.accepts(outcome.node, classes),
        levels=tuple(
            Generalization(
                level=level, levels=len(step.steps), meaning=step.steps[level].meaning, loss=search.entropy.bound(node)
            )
            for step, level, node in zip(steps, outcome.node, alone, strict=True)
        ),
        texts={
            place: labels
            for (place, step), level in zip(table.steps.items(), outcome.node, strict=True)
            if (labels := step.steps[level].labels) is not None
        },
        loss=outcome.loss,
        proved=search.proved,
        explanation={
            "method": "full-domain generalization, suppression of rows",
            "loss": search.measured,
            "lattice": nodes,
            "evaluated": search.evaluations,
        },
    )


def _loss(con: duckdb.DuckDBPyConnection, table: Table, params: Anonymize, base: Classes) -> Loss | None:
    """What the search keeps small; None is its own default."""
    levels = [step.codes for step in table.steps.values()]
    if params.loss == "queries":
        return Queries(base, levels, count_queries(con, table, params.queries))
    if params.loss == "discernibility":
        return Discernibility(base, levels)
    return AverageClassSize(base, levels) if params.loss == "average_class_size" else None


def _refusal(coarsest: Classes, demand: Demand, params: Anonymize, earlier: Earlier | None) -> str:
    """Why nothing can be made: the model itself, or what was given away before."""
    if earlier is None or not demand.permits(coarsest, demand.passes(coarsest)):
        return frontier(coarsest, demand, params)
    count = len(earlier.members)
    return (
        f"anonymize: {params.wished} can be reached, but not beside {count} earlier table{'s' if count > 1 else ''} of "
        "the same rows that this consumer has: whoever has all of them would know of some units that they are among "
        f"fewer than {earlier.k}, or too much of their sensitive values; let the product ask for what an earlier one "
        "asked for, or give it to another consumer"
    )


def _plan_boxes(
    table: Table, params: Anonymize, base: Classes, demand: Demand, tied: tuple[Earlier | None, Ties | None]
) -> _Plan:
    axes = [Axis(step, Cell("", "", table.types[place]).kind) for place, step in table.steps.items()]
    box = cut(base, axes, demand, tied[1])
    if box is None:
        whole = base.joined(np.zeros(base.size, dtype=np.int64), 1)
        raise AnonymityUnreachable(_refusal(whole, demand, params, tied[0]))
    steps = list(table.steps.values())
    levels = [step.codes for step in steps]
    entropy = Entropy(levels, [step.counts for step in steps], int(base.rows.sum()))
    boxes = describe(base, axes, box, entropy, demand.k)
    changed = {
        place: texts
        for (place, step), texts in zip(table.steps.items(), boxes.texts, strict=True)
        if step.steps[0].labels is not None or not set(texts) <= set(step.words)
    }
    return _Plan(
        base=base,
        demand=demand,
        classes=boxes.classes,
        shown=demand.passes(boxes.classes),
        levels=tuple(
            Generalization(level=0, levels=0, meaning=_range_words(axis, place in changed), loss=loss)
            for axis, place, loss in zip(axes, table.steps, boxes.losses, strict=True)
        ),
        texts=changed,
        loss=sum(boxes.losses),
        proved=False,
        explanation={"method": "mondrian: boxes cut at medians", "loss": entropy.name, "boxes": boxes.classes.size},
        boxes=boxes,
    )


def _range_words(axis: Axis, changed: bool) -> str:
    if not changed:
        return "the value itself"
    return "an interval of each class's own" if axis.is_ordered else "a set of each class's own"


def _write_generalized(con: duckdb.DuckDBPyConnection, table: Table, plan: _Plan) -> None:
    """Write the rows, and the population's, as they are shown."""
    for place, labels in plan.texts.items():
        write_labels(con, f"{PREFIX}labels_{place}", "number", labels)
    changed = list(plan.texts)
    cells = {place: f"l{place}.label" for place in changed}
    cells |= {place: f"'{STAR}'" for place, column in enumerate(table.columns) if column.role in _HIDDEN}
    replaced = ", ".join(f"{sql} AS c{place}" for place, sql in cells.items())
    chosen = f"r.* REPLACE ({replaced})" if replaced else "r.*"
    if plan.boxes is not None:
        _write_boxes(con, table, plan.boxes)
        using = f"JOIN {PREFIX}boxes AS b ON " + " AND ".join(f"b.k{place} = d{place}.code" for place in table.quasi)
        joins = f"{table.lookups(table.quasi)} {using if table.quasi else ''}"
        joins += "".join(
            f" JOIN {PREFIX}labels_{place} AS l{place} ON l{place}.number = b.u{place}" for place in changed
        )
    else:
        joins = table.lookups(changed)
        joins += "".join(
            f" JOIN {PREFIX}labels_{place} AS l{place} ON l{place}.number = d{place}.code" for place in changed
        )
    con.execute(f"CREATE TEMP TABLE {FINE} AS SELECT {chosen} FROM {ROWS} AS r{joins}")
    if table.crowded and changed:
        shown = ", ".join(f"l{place}.label AS c{place}" for place in changed)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {CROWD} AS SELECT r.* REPLACE ({shown}) FROM {CROWD} AS r{joins}")


def _write_boxes(con: duckdb.DuckDBPyConnection, table: Table, boxes: Boxes) -> None:
    """Which labels each group of equal rows has, beside its codes."""
    numbers = {"g": np.arange(len(boxes.of_class))}
    numbers |= {f"u{place}": own[boxes.of_class] for place, own in zip(table.quasi, boxes.labels, strict=True)}
    con.register(f"{PREFIX}numbers", numbers)
    con.execute(f"CREATE TEMP TABLE {PREFIX}boxes AS SELECT * FROM {GROUPS} JOIN {PREFIX}numbers USING (g)")
    con.unregister(f"{PREFIX}numbers")


def _verify(reached: Reached, plan: _Plan, params: Anonymize) -> None:
    """Compare the second count with the model and with the plan."""
    kept = int(plan.base.rows.sum()) - plan.suppressed
    sound = reached.min_k >= (params.k or 1) and (params.l is None or (reached.min_l or 0) >= params.l)
    sound &= params.entropy_l is None or (reached.min_entropy_l or 0) >= params.entropy_l - 2 * SLACK
    sound &= params.t is None or (1 if reached.max_t is None else reached.max_t) <= params.t + 2 * SLACK
    sound &= params.k_map is None or (reached.min_k_map or 0) >= params.k_map
    if params.delta_presence is not None and reached.presence is not None:
        sound &= params.delta_presence[0] - 2 * SLACK <= reached.presence[0]
        sound &= reached.presence[1] <= params.delta_presence[1] + 2 * SLACK
    classes = int(plan.shown.sum())
    if not sound or reached.rows != kept or reached.classes != classes:
        raise AnonymityUnreachable(
            f"anonymize: the rows counted again differ from what the search found (rows {reached.rows} for {kept}, "
            f"classes {reached.classes} for {classes}, k {reached.min_k} for {params.k or 1}); nothing was written: "
            "report it"
        )


def _note_members(recount: Recount, params: Anonymize, members: str | None, told: str | None) -> Promise | None:
    """Note who is where, NULL being nowhere, and what the table tells of sensitive values, if it promises anything."""
    con, shown = recount.con, recount.shown(KEPT)
    kind = "TEMP TABLE" if members is None else "TABLE"
    who = f"SELECT DISTINCT unit, {shown} AS class FROM {FINE} WHERE unit IS NOT NULL"
    con.execute(f"CREATE {kind} {members or MEMBERS} AS {who}")
    if not params.diverse:
        return None
    kind = "TEMP TABLE" if told is None else "TABLE"
    con.execute(f"CREATE {kind} {told or TOLD} AS {recount.tell(FINE, KEPT, params)}")
    return Promise(told or TOLD, params, recount.in_order)


def _check_company(con: duckdb.DuckDBPyConnection, earlier: Earlier, members: str, own: Promise | None) -> None:
    """Count again that nobody stands apart from the company of earlier tables."""
    everybody = [*earlier.members, members]
    promises = {**earlier.promises, **({} if own is None else {len(earlier.members): own})}
    least, torn = smallest(con, everybody), count_torn(con, everybody, promises)
    if least < earlier.k or torn:
        raise AnonymityUnreachable(
            f"anonymize: beside earlier tables {least} units were counted together where the search had promised "
            f"{earlier.k}, and {torn} combinations tell too much of sensitive values; nothing was written: report it"
        )


def _write(con: duckdb.DuckDBPyConnection, table: Table, target: str) -> None:
    cells = ", ".join(f"c{place} AS {quote(column.name)}" for place, column in enumerate(table.columns))
    con.execute(f"CREATE TABLE {target} AS SELECT {cells} FROM {KEPT} ORDER BY ALL")


def _describe(table: Table, plan: _Plan, reached: Reached, params: Anonymize) -> Anonymization:
    crowded = plan.demand.crowded(plan.classes)
    return Anonymization(
        k=params.k,
        l=params.l,
        levels=dict(zip((step.column.name for step in table.steps.values()), plan.levels, strict=True)),
        rows=reached.rows,
        suppressed_rows=plan.suppressed + table.held_back,
        held_back=table.held_back,
        classes=reached.classes,
        min_k=reached.min_k,
        min_l=reached.min_l,
        min_entropy_l=reached.min_entropy_l,
        max_t=reached.max_t,
        min_k_map=reached.min_k_map,
        presence=reached.presence,
        loss=plan.loss,
        optimal=plan.proved,
        few_units=int(plan.classes.rows[~crowded].sum()),
        attackers=attackers_on(plan.classes, plan.shown, params.least),
        explanation={
            "guarantee": "heuristic",
            "model": f"k-anonymity over privacy units: {params.wished}",
            **plan.explanation,
            "suppression_limit": params.suppression_limit,
            "suppressed_share": (plan.suppressed + table.held_back)
            / max(int(plan.base.rows.sum()) + table.held_back, 1),
            "hidden_columns": [column.name for column in table.columns if column.role in _HIDDEN],
        },
    )
