"""Unique columns stay unique: of several identities with one fake, all but one are given another, in the table.

How another place is found is in ``collisions`` and, for what tells of one place together, in ``gazetteer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NoReturn, Protocol

import duckdb

from synth_assets.deidentification.collisions import SECOND, counted, forget, move_apart, they_meet
from synth_assets.deidentification.columns import KNOWN_GENDER, KNOWN_HOME, TreatedColumn
from synth_assets.deidentification.fakes import (
    GENDERED,
    WIDE,
    Digits,
    fake_expression,
    longer,
    part_expression,
    place_expression,
    places,
)
from synth_assets.deidentification.gazetteer import LEVELS, find_room
from synth_assets.deidentification.identities import FakedColumn
from synth_assets.deidentification.locales import Homes
from synth_assets.deidentification.pools import Pools
from synth_assets.errors import SpecError
from synth_assets.storage import quote


class Making(Protocol):
    """What is known of the table that is made."""

    con: duckdb.DuckDBPyConnection
    kept: str
    columns: Sequence[TreatedColumn]
    target: str
    faked: Sequence[FakedColumn]
    pools: Pools

    @property
    def homes(self) -> Homes | None:
        """The names of the locales that rows tell."""

    @property
    def places(self) -> list[list[FakedColumn]]:
        """The groups of columns that tell of one place."""

    def digits(self, faked: FakedColumn, number: str, value: str, female: str) -> Digits:
        """What a fake is made from."""

    def fake(self, faked: FakedColumn, digits: Digits, home: str) -> str:
        """SQL of a fake."""

    def follows_home(self, faked: FakedColumn) -> bool:
        """Whether a column's fakes are names of the person's country."""


@dataclass
class Separation:
    """Keeping the fakes of a table apart; ``redrawn`` maps a column's index to how many identities got another one."""

    job: Making
    redrawn: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        """Keep all of them apart.

        Raises:
            SpecError: there are fewer fakes than identities; the target is dropped.
        """
        for column in self.unique:
            self.keep_apart(column)
        for number, group in self.settled.items():
            self.keep_places_apart(number, group)
        for name in self.kept_numbers:
            self.job.con.execute(f"ALTER TABLE {self.job.target} DROP COLUMN {name}")

    @property
    def unique(self) -> list[FakedColumn]:
        """The columns of which all rows must be looked at, so that no two identities get one fake.

        The parts of a person's name are not among them: they agree with the full name, which people share. Columns that
        tell of one place are kept apart together.
        """
        return [
            f
            for f in self.job.faked
            if self.job.columns[f.index].unique
            and f.fake.fake not in WIDE
            and not (f.by_unit and f.fake.fake in {"first_name", "middle_name", "last_name"})
            and not any(f in group for group in self.job.places)
        ]

    def _kept_number(self, faked: FakedColumn) -> str:
        """The column that keeps the number of a unique column; those that stand for the unit have one together."""
        longest = max(len(column.name) for column in self.job.columns)
        return quote(f"{'_' * longest}n{'u' if faked.by_unit and self.all_have_units else faked.index}")

    @cached_property
    def kept_numbers(self) -> dict[str, str]:
        """Columns of the table that keep, until fakes differ, what they are made of; with SQL of each."""
        numbers = {self._kept_number(faked): f"n{faked.index}" for faked in self.unique}
        for i, group in self.settled.items():
            numbers |= {self._kept_place(i): f"z{i}"}
            numbers |= {self._kept_number(faked): f"n{faked.index}" for faked in group if self._has_place(faked)}
        return numbers

    def _has_place(self, faked: FakedColumn) -> bool:
        """Whether a column of a place must differ wherever it differed, or needs its own number to be told anew."""
        return faked.fake.fake == "address" or (faked.fake.fake in LEVELS and self.job.columns[faked.index].unique)

    @cached_property
    def settled(self) -> dict[int, list[FakedColumn]]:
        """By their number the groups of columns that tell of one place, of which some has no value twice."""
        return {
            i: group
            for i, group in enumerate(self.job.places)
            if any(self.job.columns[f.index].unique and f.fake.fake in {*LEVELS, "address"} for f in group)
        }

    def _kept_place(self, number: int) -> str:
        return quote(f"{'_' * max(len(column.name) for column in self.job.columns)}z{number}")

    @cached_property
    def all_have_units(self) -> bool:
        """Whether no row lacks a unit, so that the fakes of a unit follow from one number."""
        return counted(self.job.con, f"SELECT count(*) - count(__unit) FROM {self.job.kept}") == 0

    def keep_apart(self, faked: FakedColumn) -> None:
        """Give other fakes to the identities of a unique column whose fake is another's too.

        Who keeps a fake that two would get depends only on the numbers of those who are in the table: tables of the
        same people agree.

        Raises:
            SpecError: there are fewer fakes than identities; the target is dropped.
        """
        kind, own = faked.fake.fake, quote(self.job.columns[faked.index].name)
        number = self._kept_number(faked)
        digits = self.job.digits(faked, number, own, KNOWN_GENDER if kind in GENDERED else "NULL::BOOLEAN")
        digits = replace(digits, faked=True)
        part, place = part_expression(kind, digits), place_expression(kind, digits, self.job.pools)
        most = longer(kind, self.job.pools)
        if self.job.follows_home(faked) and self.job.homes is not None:
            place, most = self.job.homes.place(kind, digits, KNOWN_HOME), self.job.homes.longer(kind)
        spot = f"CASE WHEN {part} THEN {SECOND} ELSE 0 END + {place}::BIGINT"
        if self._meet(number, spot, own):
            moved = move_apart(self.job.con, most, places(kind, self.job.pools))
            if moved is None:
                self._refuse(faked.index)
            digits = replace(digits, again="again::UBIGINT")
            fake = self.job.fake(faked, digits, KNOWN_HOME)
            updated = self.job.con.execute(
                f"UPDATE {self.job.target} SET {own} = {fake} FROM (SELECT n, part, again {moved}) "
                f"WHERE {number} = n AND {own} IS NOT NULL AND CASE WHEN part THEN {part} ELSE NOT {part} END"
            )
            self.redrawn[faked.index] = int(updated.fetchall()[0][0])
        forget(self.job.con)

    def keep_places_apart(self, number: int, group: list[FakedColumn]) -> None:
        """Give other places, and the addresses in them, to those of a unique column who share one with another.

        From regions down to postcodes, so that what has a place of its own keeps it; all columns of a place move.
        """
        place = self._kept_place(number)
        for level in LEVELS:
            faked = next((f for f in group if f.fake.fake == level and self.job.columns[f.index].unique), None)
            if faked is not None:
                own, told = quote(self.job.columns[faked.index].name), self._kept_number(faked)
                rows = f"SELECT {told} AS n, any_value({place}) AS z FROM {self.job.target} WHERE {own} IS NOT NULL"
                rows = f"({rows} GROUP BY n)"
                if find_room(self.job.con, level, rows, self.job.pools):
                    anew = [(place, "room.z"), *(self._told_of_place(f, "room.z") for f in group)]
                    self.redrawn[faked.index] = self._move(anew, f"room WHERE {told} = n AND {own} IS NOT NULL")
        for faked in (f for f in group if f.fake.fake == "address" and self.job.columns[f.index].unique):
            own, told = quote(self.job.columns[faked.index].name), self._kept_number(faked)
            digits = self.job.digits(faked, told, own, "NULL")
            streets = places("street_address", self.job.pools)
            spot = f"{place} * {streets[0]} + {place_expression('street_address', digits, self.job.pools)}"
            if self._meet(told, spot, own):
                moved = move_apart(self.job.con, streets, streets)
                anew = [self._told_of_place(faked, place, "again::UBIGINT")]
                source = f"(SELECT n, again {moved}) WHERE {told} = n AND {own} IS NOT NULL"
                self.redrawn[faked.index] = self._move(anew, source)
        forget(self.job.con)

    def _meet(self, number: str, spot: str, own: str) -> bool:
        rows = f"(SELECT {number} AS n, {spot} AS spot FROM {self.job.target} WHERE {own} IS NOT NULL)"
        return they_meet(self.job.con, rows)

    def _told_of_place(self, faked: FakedColumn, place: str, again: str | None = None) -> tuple[str, str]:
        """A column and SQL of what it tells of a place, where it tells anything."""
        own = quote(self.job.columns[faked.index].name)
        number = self._kept_number(faked) if self._has_place(faked) else "0::UBIGINT"
        digits = replace(self.job.digits(faked, number, own, "NULL"), place=place, again=again)
        return own, f"CASE WHEN {own} IS NOT NULL THEN {fake_expression(faked.fake.fake, digits, self.job.pools)} END"

    def _move(self, anew: Sequence[tuple[str, str]], source: str) -> int:
        told = ", ".join(f"{column} = {cell}" for column, cell in anew)
        return int(self.job.con.execute(f"UPDATE {self.job.target} SET {told} FROM {source}").fetchall()[0][0])

    def _refuse(self, index: int) -> NoReturn:
        column = self.job.columns[index]
        self.job.con.execute(f"DROP TABLE {self.job.target}")
        raise SpecError(
            f"column `{column.name}`: `{column.treatment.describe()}` cannot give every one of its values a different "
            "one, as there are more values than fakes; use `pseudonymize` or `suppress`"
        )

    def looks_around(self, faked: FakedColumn) -> bool:
        """Whether a fake depends on what others have."""
        moved = (
            self.job.columns[f.index].unique and f.fake.fake in {*LEVELS, faked.fake.fake}
            for group in self.settled.values()
            if faked in group
            for f in group
        )
        return faked in self.unique or any(moved)


__all__ = ["Making", "Separation"]
