"""De-identification of a table: every column treated, by one statement in the engine.

What belongs here: putting the rules, fakes and pseudonyms of a table's columns together, and checking that different
identities stayed different. What does not: the treatments' own SQL, or deciding which treatment a column gets.

Replacing names by Faker's is pseudonymization, not anonymization: the same person keeps the same fakes in every table
of the warehouse, and how often a value occurs remains to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from synth_assets.classification.vocabulary import EntityType, Role
from synth_assets.deidentification.fakes import Digits, fake_expression, female_expression
from synth_assets.deidentification.forms import Treatment
from synth_assets.deidentification.identities import FakedColumn, resolve_identities
from synth_assets.deidentification.pools import Pools
from synth_assets.deidentification.rules import rule_expression, suppressed
from synth_assets.deidentification.treatments import Fake, Pseudonymize, RecordCondition
from synth_assets.errors import SpecError
from synth_assets.storage import quote

_ROUNDS = 40
"""Draws for identities whose fakes met; each leaves at most the share of the range that is taken already."""


class TreatedColumn(BaseModel):
    """A column of a source and what is done with it.

    Attributes:
        unique: whether different rows hold different values, so that different values must get different fakes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    data_type: str
    entity_type: EntityType
    role: Role
    treatment: Treatment
    unique: bool = False


@dataclass(frozen=True)
class ColumnOutcome:
    """What happened to one column; no values.

    Attributes:
        inputs: the source's columns that the treated values depend on.
        identity: whom the fakes stand for, where there are fakes.
        suppressed_cells: cells that held a value and hold none now.
        redrawn: identities whose first fake was another's already and who got a second one.
        fixed_rule: whether each treated value depends on its own unit's rows alone (else no differentially private
            method may fit the column).
    """

    name: str
    treatment: str
    output_type: str
    inputs: tuple[str, ...]
    identity: Literal["unit", "value"] | None
    suppressed_cells: int
    redrawn: int
    fixed_rule: bool


@dataclass(frozen=True)
class Deidentification:
    """What :func:`deidentify` did; no values.

    Attributes:
        rows: rows of the treated table.
        suppressed_rows: rows left out by ``suppress_records``.
        pools_digest: identifies the word lists of the fakes; empty without fakes.
    """

    target: str
    rows: int
    suppressed_rows: int
    columns: tuple[ColumnOutcome, ...]
    pools_digest: str

    @property
    def lineage(self) -> dict[str, tuple[str, ...]]:
        """For each column the source's columns that it depends on."""
        return {column.name: column.inputs for column in self.columns}


def deidentify(
    con: duckdb.DuckDBPyConnection,
    source_sql: str,
    columns: Sequence[TreatedColumn],
    target: str,
    *,
    suppress_records: Sequence[RecordCondition] = (),
    unit: str | None = None,
    people_sql: str | None = None,
    locale: str = "en_US",
) -> Deidentification:
    """Create the table ``target`` with every column treated; ``__unit`` and ``__control`` are kept.

    Args:
        con: a connection of the warehouse, with its keyed macros.
        source_sql: a FROM-able text with the columns, ``__unit`` and ``__control``.
        columns: the columns and their treatments, in the order of the result.
        target: the SQL name of the table to create.
        suppress_records: rows that meet any of these are left out.
        unit: the column that the source declares as its privacy unit; without it, fakes stand for values.
        people_sql: a FROM-able text with ``__unit`` and ``gender`` for a table that has no gender column of its own,
            so that a person's given name is the same here and in the table that has it.
        locale: whose words Faker lends.

    Raises:
        SpecError: a treatment does not suit a column, or there are more people than fakes of the kind.
    """
    types = {column.name: column.data_type for column in columns}
    left_out = suppressed(tuple(suppress_records), types)
    kept = f"(SELECT * FROM {source_sql} WHERE NOT ({left_out}))"
    fakes = [(i, c.name, c.treatment) for i, c in enumerate(columns) if isinstance(c.treatment, Fake)]
    job = _Job(con, kept, columns, target, resolve_identities(con, kept, fakes, unit is not None), Pools(locale))
    job.gender = next((i for i, column in enumerate(columns) if column.entity_type == "gender"), None)
    job.unit, job.people_sql = unit, people_sql
    if fakes:
        job.pools.install(con)
    job.create()
    for index in job.collisions():
        job.redraw(index)
    if job.redrawn:
        job.create()
        job.refuse_collisions()
    return job.outcome(con.execute(f"SELECT count(*) FROM {source_sql}").fetchall()[0][0])


@dataclass
class _Job:
    """One run of :func:`deidentify`; ``redrawn`` maps a column's index to how many identities drew again."""

    con: duckdb.DuckDBPyConnection
    kept: str
    columns: Sequence[TreatedColumn]
    target: str
    fakes: Sequence[FakedColumn]
    pools: Pools
    unit: str | None = None
    gender: int | None = None
    people_sql: str | None = None
    redrawn: dict[int, int] = field(default_factory=dict)

    def create(self) -> None:
        """Create the target from the rules and what was drawn again."""
        names = ", ".join(f"{self._expression(i)} AS {quote(c.name)}" for i, c in enumerate(self.columns))
        h = self._digests
        joins = " ".join(
            f"LEFT JOIN (SELECT identity AS i{f.index}, fake AS r{f.index} FROM {_redrawn_table(f.index)}) "
            f"ON i{f.index} = {h[f.identity_message]}"
            for f in self.fakes
            if f.index in self.redrawn
        )
        listed = f"{names}, " if names else ""
        self.con.execute(
            f"CREATE OR REPLACE TABLE {self.target} AS SELECT {listed}u AS __unit, k AS __control "
            f"FROM {self._digested} AS t {joins}"
        )

    def _expression(self, index: int) -> str:
        column = self.columns[index]
        faked = next((f for f in self.fakes if f.index == index), None)
        if faked is None:
            treated = rule_expression(column.treatment, f"c{index}", column.data_type, self._stands_for(column))
            return f"CAST({treated} AS {column.treatment.output_type(column.data_type)})"
        fake = fake_expression(faked.fake.fake, self._digits(faked), self.pools)
        if index in self.redrawn:
            fake = f"coalesce(r{index}, {fake})"
        return f"CASE WHEN c{index} IS NOT NULL THEN {fake} END"

    def _stands_for(self, column: TreatedColumn) -> str:
        """What a pseudonym names: an id of the column's type; a unit's own column is a key of persons, whatever it is.

        A visit 7 and a person 7 thus have nothing in common, and a social security number tells nobody's patient id.
        """
        is_unit = self.unit is not None and column.name.lower() == self.unit.lower()
        return "person_id" if is_unit else column.entity_type

    def _digits(self, faked: FakedColumn) -> Digits:
        return Digits(
            identity=self._digests[faked.identity_message],
            own=self._digests[faked.own_message],
            female=self._female(faked),
            value=f"c{faked.index}::VARCHAR",
        )

    def _female(self, faked: FakedColumn) -> str:
        """The gender of the unit, or of the row where rows are units; nobody knows a stranger's."""
        if faked.by_unit:
            return "female"
        known = self.gender is not None and self.unit is None
        return female_expression(f"c{self.gender}::VARCHAR") if known else "NULL::BOOLEAN"

    @property
    def _digests(self) -> dict[str, str]:
        """The name of the digest column for each message to be hashed."""
        messages = dict.fromkeys(m for f in self.fakes for m in (f.identity_message, f.own_message))
        return {message: f"h{i}" for i, message in enumerate(messages)}

    @property
    def _digested(self) -> str:
        """The kept rows with columns named by number, the unit's gender and the digests."""
        numbered = "".join(f"{quote(c.name)} AS c{i}, " for i, c in enumerate(self.columns))
        rows = f"(SELECT {numbered}__unit AS u, __control AS k FROM {self.kept})"
        genders = self._genders
        female = "g.female" if genders else "NULL::BOOLEAN"
        join = f"LEFT JOIN {genders} AS g ON g.u = n.u" if genders else ""
        hashes = "".join(f", upper(keyed_hex('fake', {m})) AS {name}" for m, name in self._digests.items())
        return f"(SELECT *{hashes} FROM (SELECT n.*, {female} AS female FROM {rows} AS n {join}))"

    @property
    def _genders(self) -> str:
        """A gender for every unit, so that one odd row does not give a person a second name."""
        if not any(f.by_unit for f in self.fakes):
            return ""
        if self.gender is not None:
            column, source = quote(self.columns[self.gender].name), self.kept
        elif self.people_sql is not None:
            column, source = "gender", self.people_sql
        else:
            return ""
        flag = female_expression(f"{column}::VARCHAR")
        return f"(SELECT __unit AS u, max({flag}) AS female FROM {source} GROUP BY __unit)"

    def collisions(self) -> list[int]:
        """The unique columns in which two identities got one fake or pseudonym."""
        checked = [i for i, c in enumerate(self.columns) if c.unique and isinstance(c.treatment, Fake | Pseudonymize)]
        if not checked:
            return []
        before = self._count(self.kept, [self._identity(index) for index in checked])
        after = self._count(self.target, [quote(self.columns[index].name) for index in checked])
        return [index for index, had, has in zip(checked, before, after, strict=True) if has < had]

    def _identity(self, index: int) -> str:
        name = quote(self.columns[index].name)
        by_unit = any(f.index == index and f.by_unit for f in self.fakes)
        return f"CASE WHEN {name} IS NOT NULL THEN __unit END" if by_unit else name

    def _count(self, relation: str, expressions: Sequence[str]) -> list[int]:
        counts = ", ".join(f"count(DISTINCT {expression})" for expression in expressions)
        return [int(n) for n in self.con.execute(f"SELECT {counts} FROM {relation}").fetchall()[0]]

    def refuse_collisions(self) -> None:
        """Drop the target and raise where different identities still share a fake."""
        if left := self.collisions():
            self._refuse(left[0])

    def _refuse(self, index: int) -> None:
        column = self.columns[index]
        self.con.execute(f"DROP TABLE IF EXISTS {self.target}")
        raise SpecError(
            f"column `{column.name}`: `{column.treatment.describe()}` cannot give every one of its values a different "
            "one, as there are more values than fakes; use `pseudonymize` or `suppress`"
        )

    def redraw(self, index: int) -> None:
        """Let identities whose fake is taken draw again, those of smaller digest first, until all differ.

        Which of two identities keeps a fake depends only on the two digests: tables of the same people agree.
        """
        faked = next((f for f in self.fakes if f.index == index), None)
        if faked is None:
            self._refuse(index)
            return
        table = _redrawn_table(index)
        digits = self._digits(faked)
        form = f"CASE WHEN contains({digits.value}, ':') THEN ':' ELSE '' END"
        self.con.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT {digits.identity} AS identity, min({digits.own}) AS own, "
            f"max({digits.female}) AS female, min({form}) AS form, 0 AS round, NULL::VARCHAR AS fake "
            f"FROM {self._digested} WHERE c{index} IS NOT NULL GROUP BY ALL"
        )
        self._draw(table, faked, 0)
        taken = (
            f"SELECT identity FROM {table} QUALIFY row_number() OVER (PARTITION BY fake ORDER BY round, identity) > 1"
        )
        for attempt in range(1, _ROUNDS + 1):
            again = f"upper(keyed_hex('fake', 'again:{attempt}:' || own))"
            update = f"UPDATE {table} SET round = {attempt}, own = {again} WHERE identity IN ({taken})"
            if not self.con.execute(update).fetchall()[0][0]:
                break
            self._draw(table, faked, attempt)
        self.con.execute(f"DELETE FROM {table} WHERE round = 0")
        self.redrawn[index] = self._count(table, ["identity"])[0]

    def _draw(self, table: str, faked: FakedColumn, attempt: int) -> None:
        digits = Digits("identity", "own", "female", "form", again=attempt > 0)
        fake = fake_expression(faked.fake.fake, digits, self.pools)
        self.con.execute(f"UPDATE {table} SET fake = {fake} WHERE round = {attempt}")

    def outcome(self, rows_in: int) -> Deidentification:
        """Counts of what was done; frees the temporary tables."""
        for index in self.redrawn:
            self.con.execute(f"DROP TABLE {_redrawn_table(index)}")
        names = [quote(column.name) for column in self.columns]
        before, after = (self._values(relation, names) for relation in (self.kept, self.target))
        outcomes = tuple(
            self._outcome(index, had - has) for index, (had, has) in enumerate(zip(before[1:], after[1:], strict=True))
        )
        digest = self.pools.digest if self.fakes else ""
        return Deidentification(self.target, after[0], rows_in - after[0], outcomes, digest)

    def _values(self, relation: str, names: Sequence[str]) -> list[int]:
        counts = ", ".join(["count(*)", *(f"count({name})" for name in names)])
        return [int(n) for n in self.con.execute(f"SELECT {counts} FROM {relation}").fetchall()[0]]

    def _outcome(self, index: int, suppressed_cells: int) -> ColumnOutcome:
        column = self.columns[index]
        faked = next((f for f in self.fakes if f.index == index), None)
        inputs = [column.name]
        if faked is not None and faked.by_unit:
            inputs += [self.unit] if self.unit else []
            inputs += [self.columns[self.gender].name] if self.gender is not None and faked.family == "person" else []
        return ColumnOutcome(
            name=column.name,
            treatment=column.treatment.describe(),
            output_type=column.treatment.output_type(column.data_type),
            inputs=tuple(dict.fromkeys(inputs)),
            identity=None if faked is None else "unit" if faked.by_unit else "value",
            suppressed_cells=suppressed_cells,
            redrawn=self.redrawn.get(index, 0),
            fixed_rule=column.treatment.fixed_rule and not (faked is not None and column.unique),
        )


def _redrawn_table(index: int) -> str:
    return f"temp.redrawn_{index}"
