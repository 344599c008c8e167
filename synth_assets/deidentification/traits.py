"""What is known of the person of a row that a name must suit: the gender, and the locale of the country."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from synth_assets.deidentification.columns import TreatedColumn, tells_gender, tells_home
from synth_assets.deidentification.fakes import GENDERED, female_expression
from synth_assets.deidentification.identities import FakedColumn
from synth_assets.deidentification.locales import NAMES, home_expression
from synth_assets.storage import quote

Trait = Literal["female", "home"]
_KINDS: dict[Trait, str] = {"female": "BOOLEAN", "home": "VARCHAR"}


@dataclass(frozen=True)
class Traits:
    """Where the traits of people come from.

    Attributes:
        kept: FROM-able rows of the table.
        columns, faked: its columns, and those that are faked.
        people_sql: FROM-able (``__unit`` and ``gender``, ``home`` or both) of the people of a table that does not tell
            these; ``people`` are its columns.
        known: SQL over ``kept`` of what is known already.
        one_row_each: whether no unit has two rows, which could differ.
    """

    kept: str
    columns: Sequence[TreatedColumn]
    faked: Sequence[FakedColumn]
    people_sql: str | None
    people: Collection[str]
    known: Mapping[Trait, str | None]
    one_row_each: bool

    def own(self, trait: Trait) -> TreatedColumn | None:
        """The column of the table that tells a trait of the row's person."""
        tells = tells_gender if trait == "female" else tells_home
        return max(filter(tells, self.columns), key=tells, default=None)

    def occurring(self, trait: Trait) -> str | None:
        """A query of the trait's values; None where nothing tells it."""
        known = self.known.get(trait)
        told = known or self._told(trait)
        source = self.kept if known or self.own(trait) else self.people_sql
        return None if told is None else f"SELECT DISTINCT {told} FROM {source}"

    def beside(self, raw: str, traits: Sequence[Trait]) -> str:
        """FROM-able ``raw`` cells of the kept rows, their unit ``u``, whether they are control ``k``, and traits."""
        inline, joined, chosen = [], "", ""
        for trait in traits:
            told = self.known.get(trait) or (self._told(trait) if self.own(trait) and self.one_row_each else None)
            if told is None and (units := self._of_units(trait)) is not None:
                joined += f" LEFT JOIN {units} AS {trait}s ON {trait}s.unit = u"
                chosen += f", {trait}s.{trait}"
            else:
                inline.append(f"{told or f'NULL::{_KINDS[trait]}'} AS {trait}")
        rows = f"(SELECT {raw}{', '.join(['__unit AS u', '__control AS k', *inline])} FROM {self.kept})"
        return f"(SELECT n.*{chosen} FROM {rows} AS n{joined})" if joined else rows

    def _told(self, trait: Trait) -> str | None:
        """SQL of a trait over the kept rows, or else over the people; None where neither tells it."""
        own = self.own(trait)
        if own is None:
            if trait == "female":
                return female_expression("gender::VARCHAR") if "gender" in self.people else None
            return "home" if "home" in self.people else None
        text = f"{quote(own.name)}::VARCHAR"
        return female_expression(text) if trait == "female" else home_expression(text, own.entity_type == "language")

    def _of_units(self, trait: Trait) -> str | None:
        """A trait for every unit, so that one odd row does not give a person a second name."""
        follows = GENDERED if trait == "female" else NAMES
        told = self._told(trait)
        if told is None or not any(f.by_unit and f.fake.fake in follows for f in self.faked):
            return None
        source = self.kept if self.own(trait) else self.people_sql
        return f"(SELECT __unit AS unit, max({told}) AS {trait} FROM {source} GROUP BY __unit)"


__all__ = ["Trait", "Traits"]
