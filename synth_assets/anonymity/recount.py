"""The independent counter: what a finished table reaches, by SQL over its rows alone.

It knows nothing of codes, levels or the search. What the search promised is believed only if this counter agrees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from synth_assets.anonymity.diversity import SLACK
from synth_assets.anonymity.model import Anonymize
from synth_assets.anonymity.together import Earlier, Promise, marked

TORN = "__anonymity_torn"
"""The temporary tables of values by combinations of classes."""


@dataclass(frozen=True)
class Reached:
    """What was counted on a table."""

    rows: int
    classes: int
    min_k: int
    min_l: int | None
    min_entropy_l: float | None
    max_t: float | None
    min_k_map: int | None = None
    presence: tuple[float, float] | None = None


@dataclass(frozen=True)
class Recount:
    """The places of columns ``c<place>``, of which ``ordered`` have an order; ``whole`` holds the source's rows.

    Tables that are counted have ``unit`` and, where shares matter, a weight ``w`` in each row. A ``crowd`` is a table
    with the quasi-identifiers of a population, generalized alike, and ``unit``.
    """

    con: duckdb.DuckDBPyConnection
    quasi: Sequence[int]
    sensitive: Sequence[int]
    ordered: Sequence[int]
    whole: str

    def keep(self, relation: str, kept: str, params: Anonymize, crowd: str | None, earlier: Earlier | None) -> None:
        """Write the rows of the classes that satisfy the model to the new temporary table ``kept``.

        Beside ``earlier`` tables, a class of which some units have too little company there is left out, too.
        """
        same = " AND ".join(f"good.c{place} IS NOT DISTINCT FROM r.c{place}" for place in self.quasi) or "true"
        demands = [f"units >= {params.k or 1}", *self._values(params)]
        demands += [f"people >= {params.k_map}"] if params.k_map else []
        if params.delta_presence is not None:
            low, high = params.delta_presence
            demands.append(f"units BETWEEN {low!r} * people - {SLACK!r} AND {high!r} * people + {SLACK!r}")
        self.con.execute(
            f"CREATE TEMP TABLE {kept} AS SELECT r.* FROM {relation} AS r SEMI JOIN (SELECT * FROM "
            f"({self._classes(relation, params, crowd)}) WHERE {' AND '.join(demands)}) AS good ON {same}"
        )
        if earlier is not None:
            who = f"(SELECT DISTINCT unit, {self.number} AS own FROM {kept})"
            joined = f"{who} AS a JOIN {marked(earlier.members)} AS b USING (unit)"
            combination = ", ".join(["own", *(f"b.c{place}" for place in range(len(earlier.members)))])
            alone = f"SELECT own FROM {joined} GROUP BY {combination} HAVING count(DISTINCT unit) < {earlier.k}"
            members = [*earlier.members, f"(SELECT DISTINCT unit, {self.number} AS class FROM {kept})"]
            told = f"({self.tell(relation, kept, params)})"
            promises = {**earlier.promises, **self._promise(len(earlier.members), told, params)}
            alone += "".join(f" UNION ALL {bad}" for bad in torn(self.con, members, promises, len(members) - 1))
            self.con.execute(f"DELETE FROM {kept} WHERE {self.number} IN ({alone})")

    @property
    def number(self) -> str:
        """SQL of the number of a row's class."""
        return f"hash({', '.join(f'c{place}' for place in self.quasi)})" if self.quasi else "0::UBIGINT"

    @property
    def in_order(self) -> tuple[bool, ...]:
        """Of each sensitive column whether its values have an order."""
        return tuple(place in self.ordered for place in self.sensitive)

    def shown(self, kept: str) -> str:
        """SQL of the number of a row's class; NULL where ``kept`` has none of its rows."""
        return f"CASE WHEN {self.number} IN (SELECT DISTINCT {self.number} FROM {kept}) THEN {self.number} END"

    def tell(self, relation: str, kept: str, params: Anonymize) -> str:
        """SQL of (unit, class, v0, ..., w) of all rows of ``relation``, whose classes are shown if in ``kept``."""
        values = [f"c{place} AS v{number}" for number, place in enumerate(self.sensitive)]
        cells = ["unit", f"{self.shown(kept)} AS class", *values, *(["w"] if params.shares else [])]
        return f"SELECT {', '.join(cells)} FROM {relation}"

    def _promise(self, place: int, told: str, params: Anonymize) -> dict[int, Promise]:
        """What the table promises of its sensitive values, by its place among others, if anything."""
        return {place: Promise(told, params, self.in_order)} if params.diverse else {}

    def _values(self, params: Anonymize) -> list[str]:
        """SQL of what the model asks of the sensitive values of a class."""
        demands = []
        for place in self.sensitive:
            demands += [f"l{place} >= {params.l}"] if params.l else []
            demands += [f"e{place} >= {params.entropy_l - SLACK!r}"] if params.entropy_l is not None else []
            demands += [f"t{place} <= {params.t + SLACK!r}"] if params.t is not None else []
            if params.recursive is not None:
                rest = f"coalesce(list_sum(f{place}[{params.recursive.l}:]), 0)"
                demands.append(f"f{place}[1] < {params.recursive.c!r} * {rest} - {SLACK!r}")
        return demands

    def failing(self, relation: str, params: Anonymize, chosen: str) -> str:
        """SQL of ``chosen`` of the classes whose sensitive values do not satisfy the model."""
        demands = " AND ".join(self._values(params)) or "true"
        return f"SELECT {chosen} FROM ({self._classes(relation, params)}) WHERE NOT ({demands})"

    def measure(self, relation: str, params: Anonymize, crowd: str | None = None) -> Reached:
        """Count the table."""
        least = [f"min(l{place})" for place in self.sensitive]
        even = [f"min(e{place})" for place in self.sensitive] if params.shares else []
        far = [f"max(t{place})" for place in self.sensitive] if params.shares else []
        answers = ", ".join(
            f"{many}({', '.join(one)})" if one else "NULL"
            for many, one in (("least", least), ("least", even), ("greatest", far))
        )
        sql = f"SELECT sum(n), count(*), min(units), {answers} FROM ({self._classes(relation, params)})"
        rows, classes, min_k, *rest = self.con.execute(sql).fetchall()[0]
        people = (None, None) if crowd is None else self._people(relation, params, crowd)
        return Reached(int(rows or 0), int(classes), int(min_k or 0), *rest, *people)

    def _people(self, relation: str, params: Anonymize, crowd: str) -> tuple[int, tuple[float, float]]:
        """The fewest people of the population in a class of the table, and how present the population's classes are.

        Where a lower bound of presence was asked for, it holds for those too that the table has nobody of.
        """
        counted = f"SELECT people, units / people AS share FROM ({self._classes(relation, params, crowd)})"
        least, low, high = self.con.execute(f"SELECT min(people), min(share), max(share) FROM ({counted})").fetchall()[
            0
        ]
        keys = ", ".join(f"c{place}" for place in self.quasi)
        same = " AND ".join(f"a.c{place} IS NOT DISTINCT FROM b.c{place}" for place in self.quasi) or "true"
        theirs = f"(SELECT DISTINCT {keys or '1'} FROM {crowd}) AS b"
        absent = f"SELECT count(*) FROM {theirs} ANTI JOIN {relation} AS a ON {same}"
        nobody = params.delta_presence is not None and params.delta_presence[0] > 0
        if nobody and self.con.execute(absent).fetchall()[0][0]:
            low = 0.0
        return int(least or 0), (float(low or 0), float("inf") if high is None else float(high))

    def _classes(self, relation: str, params: Anonymize, crowd: str | None = None) -> str:
        """Units, rows and, of each sensitive column, distinct values (NULL is one) and shares of each class."""
        keys = [f"c{place}" for place in self.quasi]
        group = f" GROUP BY {', '.join(keys)}" if keys else ""
        distinct = [
            f"count(DISTINCT c{place}) + (count(*) > count(c{place}))::INT AS l{place}" for place in self.sensitive
        ]
        counted = ", ".join([*keys, *distinct, "count(DISTINCT unit) AS units", "count(*) AS n"])
        sql = f"SELECT {counted} FROM {relation}{group}"
        if crowd is not None:
            people = f"SELECT {', '.join([*keys, 'count(DISTINCT unit) AS people'])} FROM {crowd}{group}"
            same = " AND ".join(f"own.{key} IS NOT DISTINCT FROM all_of.{key}" for key in keys) or "true"
            both = f"({sql}) AS own LEFT JOIN ({people}) AS all_of ON {same}"
            sql = f"SELECT own.*, coalesce(people, 0) AS people FROM {both}"
        if not params.shares:
            return sql
        joined = f"({sql}) AS a"
        for place in self.sensitive:
            same = " AND ".join(f"a.{key} IS NOT DISTINCT FROM b{place}.{key}" for key in keys) or "true"
            joined += f" JOIN ({self._shares(relation, place, keys)}) AS b{place} ON {same}"
        figures = "".join(f", e{place}, f{place}, t{place}" for place in self.sensitive)
        return f"SELECT a.*{figures} FROM {joined}"

    def _shares(self, relation: str, place: int, keys: Sequence[str]) -> str:
        """Of each class: e to the entropy, the weights from the greatest on, the distance to the whole table."""
        listed = "".join(f"{key}, " for key in keys)
        number = f"dense_rank() OVER (ORDER BY {', '.join(keys)})" if keys else "1"
        steps = (
            "SELECT cls, sum(abs(apart)) / greatest(max(i), 1) AS t FROM (SELECT cls, i, sum(coalesce(share, 0) - q) "
            "OVER (PARTITION BY cls ORDER BY i) AS apart FROM (SELECT DISTINCT cls FROM told) CROSS JOIN whole "
            "LEFT JOIN (SELECT cls AS c, v AS w, share FROM told) ON c = cls AND w IS NOT DISTINCT FROM v) GROUP BY cls"
        )
        least = "SELECT cls, 1 - sum(least(share, q)) AS t FROM told JOIN whole USING (i) GROUP BY cls"
        return (
            f"WITH whole AS MATERIALIZED (SELECT c{place} AS v, sum(w) / sum(sum(w)) OVER () AS q, "
            f"row_number() OVER (ORDER BY c{place} NULLS FIRST) - 1 AS i FROM {self.whole} GROUP BY c{place}), "
            f"told AS MATERIALIZED (SELECT *, m / sum(m) OVER (PARTITION BY cls) AS share FROM (SELECT {listed}"
            f"{number} AS cls, own.v, i, m FROM (SELECT {listed}c{place} AS v, sum(w) AS m FROM {relation} "
            f"GROUP BY {listed}c{place}) AS own JOIN whole ON own.v IS NOT DISTINCT FROM whole.v)), "
            f"far AS ({steps if place in self.ordered else least}) "
            f"SELECT {listed}exp(-sum(CASE WHEN share > 0 THEN share * ln(share) ELSE 0 END)) AS e{place}, "
            f"list(m ORDER BY m DESC) AS f{place}, any_value(t) AS t{place} FROM told JOIN far USING (cls) "
            f"GROUP BY {listed}cls"
        )


def torn(
    con: duckdb.DuckDBPyConnection, members: Sequence[str], promises: Mapping[int, Promise], chosen: int
) -> Iterator[str]:
    """SQL, promise by promise, of the combinations of classes whose sensitive values do not keep it.

    A combination is told by its class in the table at place ``chosen``; makes temporary tables, which the SQL reads.
    """
    for place, promise in promises.items():
        values = range(len(members), len(members) + len(promise.ordered))
        shares = ", t.w" if promise.asked.shares else ""
        classes = ", ".join(f"b.c{other}" for other in range(len(members)))
        cells = "".join(f", t.v{number} AS c{value}" for number, value in enumerate(values))
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {TORN}_{place} AS SELECT {classes}{cells}{shares}, t.unit "
            f"FROM {promise.told} AS t JOIN {marked(members)} AS b ON t.unit = b.unit AND t.class = b.c{place}"
        )
        whole = f"(SELECT {cells.removeprefix(', ')}{shares} FROM {promise.told} AS t)"
        ordered = [value for value, has_order in zip(values, promise.ordered, strict=True) if has_order]
        counter = Recount(con, range(len(members)), values, ordered, whole)
        yield counter.failing(f"{TORN}_{place}", promise.asked, f"c{chosen}")


def count_torn(con: duckdb.DuckDBPyConnection, members: Sequence[str], promises: Mapping[int, Promise]) -> int:
    """How many combinations of classes over all tables break what one of them promised of sensitive values."""
    found = 0
    for query in torn(con, members, promises, 0):
        found += int(con.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])
    for place in promises:
        con.execute(f"DROP TABLE temp.{TORN}_{place}")
    return found
