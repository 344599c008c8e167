"""Whom a fake stands for: the person who is the privacy unit, or the value itself.

A person's names, mail address and telephone must agree with each other and be the same in every table, even where
two tables spell the name differently: these fakes derive from the unit's key. The name of a physician in a table
of patients is nobody's of the unit: such fakes derive from the value, and equal values get equal fakes in every table.

``auto`` takes the unit when the source declares one, the kind of value belongs to a person, the column's name names
no other person (``doctor_name``), and at most half of the units with several values disagree with themselves. The
last condition looks at the data, so that automatic fakes are no fixed rule; write ``identity:`` to make them one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from synth_assets.deidentification.treatments import VALUE_KINDS, Fake, FakeKind
from synth_assets.storage import quote

_PERSON: frozenset[FakeKind] = frozenset({"name", "first_name", "last_name", "middle_name", "email", "username"})
_PLACE: frozenset[FakeKind] = frozenset({"address", "street_address"})
_NAMES: frozenset[FakeKind] = frozenset({"name", "first_name", "last_name", "middle_name"})

_OTHER_PEOPLE = frozenset({
    "agent", "arzt", "attorney", "author", "boss", "caller", "callee", "caregiver", "carer", "clinician",
    "coach", "contact", "counselor", "doctor", "dr", "driver", "emergency", "employer", "father", "guardian",
    "host", "kin", "lawyer", "manager", "medecin", "medico", "mother", "mutter", "nurse", "owner", "parent",
    "partner", "physician", "practitioner", "prescriber", "provider", "receiver", "recipient", "reference",
    "referrer", "reviewer", "sender", "sibling", "spouse", "supervisor", "surgeon", "teacher", "therapist",
    "vater", "wife", "husband",
})  # fmt: skip
_SELF_CONTRADICTION = 0.5


@dataclass(frozen=True)
class FakedColumn:
    """A column to be faked.

    Attributes:
        index: its place among the source's columns.
        name: its name.
        fake: its treatment.
        by_unit: whether its fakes stand for the unit.
        slot: how many columns of the same kind stand for the unit before it (a maiden name after the last name).
    """

    index: int
    name: str
    fake: Fake
    by_unit: bool
    slot: int = 0

    @property
    def family(self) -> str:
        """What must agree derives from one number: a person's names and mail address, the parts of an address."""
        kind = self.fake.fake
        return "person" if kind in _PERSON else "place" if kind in _PLACE else kind

    @property
    def number_label(self) -> str:
        """What distinguishes the number of its words; a second mail address has the words of the first."""
        slot = self.slot if self.fake.fake in _NAMES or self.fake.fake not in _PERSON else 0
        return f"{self.family}:{slot}"

    @property
    def own_label(self) -> str:
        """What distinguishes the number of its digits."""
        return f"{self.fake.fake}:{self.slot}:own"


def names_another(column: str) -> bool:
    """Whether a column's name names somebody other than the unit.

    >>> names_another("doctorName"), names_another("emergency contact phone"), names_another("patient_name")
    (True, True, False)
    """
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", column)
    return any(word.lower() in _OTHER_PEOPLE for word in words)


def resolve_identities(
    con: duckdb.DuckDBPyConnection,
    source_sql: str,
    fakes: Sequence[tuple[int, str, Fake]],
    has_unit: bool,
    one_row_each: bool = False,
) -> list[FakedColumn]:
    """Decide for every faked column (index, name, treatment) whom it stands for.

    Args:
        con: the connection.
        source_sql: a FROM-able text with ``__unit``.
        fakes: the columns in the source's order.
        has_unit: whether the source declares a privacy unit; else rows are units and fakes stand for values.
        one_row_each: whether no unit has two rows, so that none can contradict itself.
    """
    undecided = [
        name
        for _, name, fake in fakes
        if has_unit and fake.identity == "auto" and fake.fake not in VALUE_KINDS and not names_another(name)
    ]
    found = [0.0] * len(undecided) if one_row_each else _contradictions(con, source_sql, undecided)
    shares = dict(zip(undecided, found, strict=True))
    resolved: list[FakedColumn] = []
    for index, name, fake in fakes:
        by_unit = has_unit and (fake.identity == "unit" or (name in shares and shares[name] <= _SELF_CONTRADICTION))
        before = sum(other.by_unit and other.fake.fake == fake.fake for other in resolved)
        resolved.append(FakedColumn(index, name, fake, by_unit, before if by_unit else 0))
    return resolved


def _contradictions(con: duckdb.DuckDBPyConnection, source_sql: str, columns: Sequence[str]) -> list[float]:
    """For each column, of the units with at least two values the share whose values differ."""
    if not columns:
        return []
    texts = [f"{quote(column)}::VARCHAR" for column in columns]
    grouped = ", ".join(f"count({text}) AS n{i}, min({text}) <> max({text}) AS d{i}" for i, text in enumerate(texts))
    shares = ", ".join(f"coalesce(avg(d{i}::INTEGER) FILTER (n{i} > 1), 0)" for i in range(len(texts)))
    query = f"SELECT {shares} FROM (SELECT {grouped} FROM {source_sql} WHERE __unit IS NOT NULL GROUP BY __unit)"
    return [float(share) for share in con.execute(query).fetchall()[0]]
