"""De-identification of a table: every column treated, by one statement in the engine.

What belongs here: putting the rules, fakes and pseudonyms of a table's columns together, and checking that different
identities stayed different. What does not: the treatments' own SQL, or deciding which treatment a column gets.

Replacing names by Faker's is pseudonymization, not anonymization: under one key the same person keeps the same fakes in
every table, and how often a value occurs remains to be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import duckdb

from synth_assets.deidentification.coarsening import Mask
from synth_assets.deidentification.columns import (
    KNOWN_GENDER,
    KNOWN_HOME,
    KNOWN_SHIFT,
    ColumnOutcome,
    Deidentification,
    TreatedColumn,
    asks_for_units,
    names_person,
)
from synth_assets.deidentification.fakes import (
    GENDERED,
    Digits,
    derived_number,
    fake_expression,
)
from synth_assets.deidentification.free_text import FAKED as FAKED_IN_TEXT
from synth_assets.deidentification.free_text import finish, remember
from synth_assets.deidentification.gazetteer import place_number, shared_places
from synth_assets.deidentification.identities import FakedColumn, resolve_identities
from synth_assets.deidentification.locales import NAMES, Homes
from synth_assets.deidentification.pools import Pools
from synth_assets.deidentification.randomization import (
    answer_expression,
    answer_identity,
    code_column,
    code_expression,
    code_of_unit,
)
from synth_assets.deidentification.rules import kept_cells, rule_expression, shifted, suppressed
from synth_assets.deidentification.separation import Separation
from synth_assets.deidentification.traits import Trait, Traits
from synth_assets.deidentification.treatments import (
    Fake,
    FakeKind,
    FakeText,
    Keep,
    Pseudonymize,
    Randomize,
    RecordCondition,
    Shift,
    SuppressCells,
)
from synth_assets.errors import SpecError
from synth_assets.storage import quote


def deidentify(
    con: duckdb.DuckDBPyConnection,
    source_sql: str,
    columns: Sequence[TreatedColumn],
    target: str,
    *,
    suppress_records: Sequence[RecordCondition] = (),
    unit: str | None = None,
    people_sql: str | None = None,
    female: str | None = None,
    home: str | None = None,
    shift: str | None = None,
    answers: str | None = None,
    locale: str = "en_US",
) -> Deidentification:
    """Create the table ``target`` with every column treated; ``__unit`` and ``__control`` are kept.

    A table with fakes that follow the person's gender also gets the column :data:`KNOWN_GENDER`, one whose names follow
    the person's country :data:`KNOWN_HOME`. A randomized column is
    left empty, with its codes in a column beside it, until ``answers`` are asked for.

    Args:
        con: a connection of the warehouse, with its keyed macros.
        source_sql: a FROM-able text with the columns, ``__unit`` and ``__control``.
        columns: the columns and their treatments, in the order of the result.
        target: the SQL name of the table to create.
        suppress_records: rows that meet any of these are left out.
        unit: the column that the source declares as its privacy unit; without it, fakes stand for values.
        people_sql: a FROM-able text with ``__unit``, and ``gender``, ``home`` (the locale of a country) or both for a
            table that has no such columns of its own, so that a person's name is the same in the table that has them.
        female: SQL of a BOOLEAN over the rows of ``source_sql``, where it is known already who is a woman.
        home: likewise of a locale, where it is known already whose names the person has.
        shift: SQL of the number by which the dates were shifted already; they are shifted from where they were before.
        answers: what the answers of randomized columns are drawn for (a source, a snapshot, its settings); the rows
            then have the codes. Answers must have been charged for before.
        locale: whose words Faker lends.

    Raises:
        SpecError: a treatment does not suit a column, or there are more people than fakes of the kind.
    """
    types = {column.name: column.data_type for column in columns}
    left_out = suppressed(tuple(suppress_records), types)
    kept = source_sql if left_out == "false" else f"(SELECT * FROM {source_sql} WHERE NOT ({left_out}))"
    fakes = [(i, c.name, c.treatment) for i, c in enumerate(columns) if isinstance(c.treatment, Fake)]
    one_row_each = unit is None or (asks_for_units(columns) and _one_row_each(con, kept))
    faked = resolve_identities(con, kept, fakes, unit is not None, one_row_each)
    people = [] if people_sql is None else con.execute(f"DESCRIBE SELECT * FROM {people_sql}").fetchall()
    known: dict[Trait, str | None] = {"female": female, "home": home}
    traits = Traits(kept, columns, faked, people_sql, [name for name, *_ in people], known, one_row_each)
    job = _Job(con, kept, columns, target, faked, Pools(locale), unit, traits, one_row_each, shift, answers)
    if fakes or any(isinstance(column.treatment, FakeText) for column in columns):
        job.pools.install(con)
        if job.homes is not None:
            job.homes.install(con)
    job.create()
    job.separation.run()
    return job.outcome(con.execute(f"SELECT count(*) FROM {source_sql}").fetchall()[0][0])


def _one_row_each(con: duckdb.DuckDBPyConnection, source_sql: str) -> bool:
    rows, units = con.execute(f"SELECT count(*), count(DISTINCT __unit) FROM {source_sql}").fetchall()[0]
    return bool(rows == units)


@dataclass
class _Job:
    """One run of :func:`deidentify`.

    Columns go by number in the inner queries: of column 3, ``c3`` is the raw value, ``n3`` the keyed number of whom its
    fake stands for, ``f3`` the fake.
    """

    con: duckdb.DuckDBPyConnection
    kept: str
    columns: Sequence[TreatedColumn]
    target: str
    faked: Sequence[FakedColumn]
    pools: Pools
    unit: str | None
    traits: Traits
    one_row_each: bool = False
    shift: str | None = None
    answers: str | None = None

    def create(self) -> None:
        """Create the target from the rules and the fakes; unique columns keep their numbers until fakes differ.

        What is invented is written as it is: to look for a way to compress it takes longer than to make it.
        """
        made = []
        for i, c in enumerate(self.columns):
            plain = " USING COMPRESSION uncompressed" if isinstance(c.treatment, Fake | Pseudonymize) else ""
            made.append((f"{quote(c.name)} {c.treatment.output_type(c.data_type)}{plain}", self._expression(i)))
        made += [("__unit UBIGINT", "u"), ("__control BOOLEAN", "k")]
        if any(f.fake.fake in GENDERED for f in self.faked):
            made.append((f"{KNOWN_GENDER} BOOLEAN", "female"))
        made += [(f"{KNOWN_HOME} VARCHAR", "home")] if self.homes is not None else []
        made += [(f"{KNOWN_SHIFT} UBIGINT", "hs")] if self._shifts else []
        made += [(f"{name} UBIGINT", number) for name, number in self.separation.kept_numbers.items()]
        made += self._codes()
        self.con.execute(f"CREATE OR REPLACE TABLE {self.target} ({', '.join(column for column, _ in made)})")
        cells = ", ".join(cell for _, cell in made)
        self.con.execute(f"INSERT INTO {self.target} SELECT {cells} FROM {self._with_fakes}")

    def _expression(self, index: int) -> str:
        column = self.columns[index]
        faked = next((f for f in self.faked if f.index == index), None)
        if isinstance(column.treatment, Randomize):
            return self._answer(column, column.treatment, f"c{index}")
        if isinstance(column.treatment, FakeText):
            return (
                f"CASE WHEN c{index} IS NOT NULL THEN coalesce(x{index}, '') END"
                if self.answers is None
                else finish(f"c{index}", self._fakes_of_row())
            )
        if isinstance(column.treatment, Shift):
            return shifted(column.treatment, f"c{index}", column.data_type, "hs", "s" if self.shift else None)
        if faked is None:
            if isinstance(column.treatment, SuppressCells):
                return kept_cells(column.treatment, f"c{index}", *self._looked_at(column.treatment, index))
            everybody = f"(SELECT {quote(column.name)} AS c{index} FROM {self.kept})"
            stands_for = self._stands_for(column)
            treated = rule_expression(column.treatment, f"c{index}", column.data_type, stands_for, everybody)
            return f"CAST({treated} AS {column.treatment.output_type(column.data_type)})"
        return f"CASE WHEN c{index} IS NOT NULL THEN f{index} END"

    def _looked_at(self, rule: SuppressCells, own: int) -> tuple[str, str]:
        """SQL and type of the raw value that decides whether a cell is withheld."""
        if rule.column is None:
            return f"c{own}", self.columns[own].data_type
        for index, column in enumerate(self.columns):
            if column.name == rule.column:
                return f"c{index}", column.data_type
        raise SpecError(f"suppress: the source has no column `{rule.column}`; correct the name")

    def _fakes_of_row(self) -> dict[FakeKind, str]:
        """A fake of each kind that a text may need: that of the row's column of the kind, else one of its unit."""
        found = {}
        for kind in FAKED_IN_TEXT:
            also = {kind, "name"} if kind in {"first_name", "last_name"} else {kind}
            own = next((f for f in self.faked if f.fake.fake in also), None)
            column = FakedColumn(-1, "", Fake(fake=kind, identity="unit"), by_unit=True if own is None else own.by_unit)
            number, value = ("ht", "NULL") if own is None else (f"coalesce(n{own.index}, ht)", f"c{own.index}::VARCHAR")
            fake = self.fake(column, self.digits(column, number, value, "female"), "home")
            found[kind] = f"CASE WHEN {number} IS NOT NULL THEN {fake} END"
        return found

    def _with_texts(self, rows: str) -> str:
        """The numbered rows with their texts beside them, in the first round; texts are read twice."""
        if self.answers is not None:
            return rows
        for index, column in enumerate(self.columns):
            if isinstance(column.treatment, FakeText):
                names = [
                    (f"c{i}", begins) for i, c in enumerate(self.columns) if (begins := names_person(c)) is not None
                ]
                direct = [
                    f"c{i}"
                    for i, c in enumerate(self.columns)
                    if c.role == "direct_identifier" and names_person(c) is None and i != index
                ]
                key = remember(self.con, rows, f"c{index}", names, direct, self.pools, f"told_{index}")
                rows = f"(SELECT r.*, t.told AS x{index} FROM {rows} AS r LEFT JOIN told_{index} AS t ON t.key = {key})"
        return rows

    def _answer(self, column: TreatedColumn, rule: Randomize, code: str) -> str:
        """The answer that a unit gives; nothing in the first round."""
        if self.answers is None:
            return f"CAST(NULL AS {column.data_type})"
        return answer_expression(rule, code, "u", answer_identity(self.answers, column, rule), column.data_type)

    def _codes(self) -> list[tuple[str, str]]:
        """The columns of codes with their SQL, in the first round; a unit has one, whatever its rows."""
        found = []
        for index, column in enumerate(self.columns):
            if isinstance(column.treatment, Randomize) and self.answers is None:
                code = code_expression(column.treatment, f"c{index}", column.data_type)
                found.append(
                    (
                        f"{quote(code_column(column.name))} UINTEGER",
                        code if self.one_row_each else code_of_unit(code, "u"),
                    )
                )
        return found

    def _stands_for(self, column: TreatedColumn) -> str:
        """What a pseudonym names: an id of the column's type; a unit's own column is a key of persons, whatever it is.

        A visit 7 and a person 7 thus have nothing in common, and a social security number tells nobody's patient id.
        """
        is_unit = self.unit is not None and column.name.lower() == self.unit.lower()
        return "person_id" if is_unit else column.entity_type

    def digits(self, faked: FakedColumn, number: str, value: str, female: str) -> Digits:
        known = faked.by_unit or self.unit is None  # nobody knows a stranger's gender
        return Digits(
            number=derived_number(number, faked.number_label),
            own=derived_number(number, faked.own_label),
            female=female if known else "NULL::BOOLEAN",
            value=value,
            place=next((f"z{i}" for i, group in enumerate(self.places) if faked in group), None),
        )

    def fake(self, faked: FakedColumn, digits: Digits, home: str) -> str:
        """SQL of a fake; ``home`` is SQL of the locale of the row's person."""
        kind = faked.fake.fake
        if self.follows_home(faked) and self.homes is not None:
            return self.homes.fake(kind, digits, home)
        return fake_expression(kind, digits, self.pools)

    def follows_home(self, faked: FakedColumn) -> bool:
        """Whether a column's fakes are names of the person's country; nobody knows a stranger's."""
        return faked.fake.fake in NAMES and (faked.by_unit or self.unit is None)

    @cached_property
    def homes(self) -> Homes | None:
        """The names of the locales that rows tell; None where nothing tells any."""
        follows = any(self.follows_home(faked) for faked in self.faked)
        query = self.traits.occurring("home")
        if query is None or not follows:
            return None
        found = self.con.execute(query).fetchall()
        return Homes(self.pools, {str(locale) for (locale,) in found if locale is not None})

    @property
    def _with_fakes(self) -> str:
        """The numbered rows with a fake for each, had it a value or not.

        Were that asked first, the engine would compute anew, for each fake, what fakes have in common.
        """
        made = "".join(
            f", {self.fake(f, self.digits(f, *numbers), 'home')} AS f{f.index}"
            for f in self.faked
            if (numbers := (f"n{f.index}", f"c{f.index}::VARCHAR", "female"))
        )
        return f"(SELECT *{made} FROM {self._numbered})"

    @property
    def _numbered(self) -> str:
        """The kept rows with columns named by number, the gender and the numbers that fakes are made of.

        The words before what is hashed are short, so that it fits into one block of SHA-256 beside the key. One keyed
        hash of the unit serves all fakes that stand for it; only a row without a unit needs another. Shifts
        have one of their own, as the first can be worked out from a person's fakes.
        """
        by_value = {f.index: f"keyed_number('fake', c{f.index}::VARCHAR, label := 'v:')" for f in self.faked}
        unit = ", keyed_number('fake', u::VARCHAR, label := 'u:') AS hu" if any(f.by_unit for f in self.faked) else ""
        numbers = "".join(
            f", {f'coalesce(hu, {by_value[f.index]})' if f.by_unit else by_value[f.index]} AS n{f.index}"
            for f in self.faked
        )
        shift = ", keyed_number('fake', u::VARCHAR, label := 's:') AS hs" if self._shifts else ""
        if self.answers is not None and any(isinstance(column.treatment, FakeText) for column in self.columns):
            unit += ", keyed_number('fake', u::VARCHAR, label := 'u:') AS ht"
        numbered = f"(SELECT *{numbers} FROM (SELECT *{unit}{shift} FROM {self._with_texts(self._rows)}))"
        if not self.places:
            return numbered
        chosen = [{f.fake.fake: f"n{f.index}" for f in group} for group in self.places]
        told = ", ".join(f"{place_number(numbers, self.pools)} AS z{i}" for i, numbers in enumerate(chosen))
        return f"(SELECT *, {told} FROM {numbered})"

    @cached_property
    def separation(self) -> Separation:
        """How its unique columns stay unique."""
        return Separation(self)

    @cached_property
    def places(self) -> list[list[FakedColumn]]:
        """The groups of columns that tell of one place."""
        return shared_places(self.faked)

    @property
    def _shifts(self) -> bool:
        return any(isinstance(column.treatment, Shift) for column in self.columns)

    @property
    def _rows(self) -> str:
        raw = "".join(f"{quote(self._raw_name(c))} AS c{i}, " for i, c in enumerate(self.columns))
        raw += f"{self.shift} AS s, " if self.shift else ""
        return self.traits.beside(raw, ("female",) if self.homes is None else ("female", "home"))

    def _raw_name(self, column: TreatedColumn) -> str:
        coded = self.answers is not None and isinstance(column.treatment, Randomize)
        return code_column(column.name) if coded else column.name

    def outcome(self, rows_in: int) -> Deidentification:
        """Counts of what was done; frees the temporary tables."""
        lossy = [i for i, c in enumerate(self.columns) if not isinstance(c.treatment, _LOSSLESS)]
        names = [quote(self.columns[index].name) for index in lossy]
        before, after = (self._values(relation, names) for relation in (self.kept, self.target))
        lost = dict(zip(lossy, (had - has for had, has in zip(before[1:], after[1:], strict=True)), strict=True))
        outcomes = tuple(self._outcome(index, lost.get(index, 0)) for index in range(len(self.columns)))
        digest = self.pools.digest if self.faked else ""
        return Deidentification(self.target, after[0], rows_in - after[0], outcomes, digest)

    def _values(self, relation: str, names: Sequence[str]) -> list[int]:
        counts = ", ".join(["count(*)", *(f"count({name})" for name in names)])
        return [int(n) for n in self.con.execute(f"SELECT {counts} FROM {relation}").fetchall()[0]]

    def _outcome(self, index: int, suppressed_cells: int) -> ColumnOutcome:
        column = self.columns[index]
        faked = next((f for f in self.faked if f.index == index), None)
        inputs = [column.name]
        if faked is not None and faked.by_unit:
            inputs += [self.unit] if self.unit else []
            traits = [self.traits.own("female"), self.traits.own("home") if self.homes else None]
            inputs += [c.name for c in traits if c is not None and faked.family == "person"]
        inputs += [f.name for group in self.places if faked in group for f in group]
        if isinstance(column.treatment, FakeText):
            inputs += [c.name for c in self.columns if c.role == "direct_identifier" or names_person(c) is not None]
        inputs += [self.unit] if self.unit and isinstance(column.treatment, Shift | FakeText) else []
        inputs += [column.treatment.column or ""] if isinstance(column.treatment, SuppressCells) else []
        return ColumnOutcome(
            name=column.name,
            treatment=column.treatment.describe(),
            output_type=column.treatment.output_type(column.data_type),
            inputs=tuple(dict.fromkeys(filter(None, inputs))),
            identity=None if faked is None else "unit" if faked.by_unit else "value",
            suppressed_cells=suppressed_cells,
            redrawn=self.separation.redrawn.get(index, 0),
            fixed_rule=column.treatment.fixed_rule and (faked is None or not self.separation.looks_around(faked)),
        )


_LOSSLESS = (Fake, FakeText, Keep, Mask, Pseudonymize, Randomize)
"""Treatments under which every cell that held a value holds one afterwards, or will."""
