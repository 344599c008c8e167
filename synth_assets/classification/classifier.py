"""From names, values and context to a verdict for every column.

A column's name proposes; its values confirm, contradict or propose themselves; the table decides whether a place, an
age or a sex is somebody's. Where what remains is too weak a verdict is ``undecided``, and its column is suppressed
until a person decides. The method is that of the measurements in the project's notes: whole words weighted by how
much of the name they cover, shares of anchored full matches, checksums, and the other columns of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from synth_assets.classification.dictionary import PEOPLE_WORDS
from synth_assets.classification.headers import Reading, readings, words
from synth_assets.classification.values import SUBTYPES, VALUE_TYPES, Profile, profile, sample
from synth_assets.classification.vocabulary import DIRECT, OTHER, QUASI, EntityType, Role, role_of
from synth_assets.storage import quote

DECIDED = 0.5
"""Confidence from which on a verdict counts."""

_SAMPLE = "temp.classified_sample"
_THINGS_TOO: frozenset[EntityType] = QUASI | frozenset(
    {"street_address", "address_part", "health", "financial", "procedure"}
)
"""What may be a thing's as well as a person's: a shop has an address, a car a weight."""


class ColumnVerdict(BaseModel):
    """What a column holds and what that does to people.

    Attributes:
        confidence: 0 to 1; below ``DECIDED`` the role is ``undecided``.
        evidence: the rules that spoke, with counts and shares, never with values.
        subtype: a finer kind, such as which country's number.
        unique: whether no two rows hold the same value (counted over all rows).
        distinct_share: different values as a share of the sampled ones.
        decided_by: the classifier, or a person in the spec.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    column: str
    entity_type: EntityType
    role: Role
    confidence: float = Field(ge=0, le=1)
    evidence: tuple[str, ...] = ()
    subtype: str | None = None
    data_type: str
    unique: bool = False
    distinct_share: float = 0.0
    decided_by: Literal["spec", "classifier"] = "classifier"


@dataclass(frozen=True)
class _Finding:
    """What a column seems to hold, before the table is looked at."""

    entity_type: EntityType
    confidence: float
    evidence: tuple[str, ...]
    subtype: str | None = None
    strong: bool = False  # values alone would do


def classify(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    columns: Sequence[tuple[str, str]],
    *,
    table_name: str = "",
) -> list[ColumnVerdict]:
    """Say for every column what it holds and what it does to the people in the table.

    Args:
        con: a connection that can read the relation.
        relation_sql: a FROM-able text.
        columns: names and DuckDB types, in order.
        table_name: the name of the table, as weak evidence about what it is about.

    Returns:
        one verdict a column, in their order.
    """
    if not columns:
        return []
    rows = sample(con, relation_sql, [name for name, _ in columns], _SAMPLE)
    profiles = profile(con, _SAMPLE, columns)
    con.execute(f"DROP TABLE {_SAMPLE}")
    findings = [_judge(name, found) for (name, _), found in zip(columns, profiles, strict=True)]
    findings = _in_context(columns, profiles, findings, table_name)
    unique = _unique_columns(con, relation_sql, rows, columns, profiles)
    about_people = _about_people(columns, findings, table_name)
    return [
        _verdict(name, found, finding, about_people, name in unique)
        for (name, _), found, finding in zip(columns, profiles, findings, strict=True)
    ]


def _verdict(name: str, found: Profile, finding: _Finding, about_people: bool, unique: bool) -> ColumnVerdict:
    entity, evidence = finding.entity_type, list(finding.evidence)
    role = role_of(entity)
    if not about_people and entity in _THINGS_TOO:
        role = "insensitive"
        evidence.append("the table's other columns speak of no people")
    if finding.confidence < DECIDED:
        role = "undecided"
    return ColumnVerdict(
        column=name,
        entity_type=entity,
        role=role,
        confidence=round(min(finding.confidence, 0.99), 3),
        evidence=tuple(evidence),
        subtype=finding.subtype,
        data_type=found.data_type,
        unique=unique,
        distinct_share=round(found.distinct_share, 4),
    )


def _judge(name: str, found: Profile) -> _Finding:
    """Name and values of one column."""
    by_value = _by_values(found)
    for reading in readings(name):
        if reason := _contradiction(reading.entity_type, found):
            by_value = by_value or _Finding("unknown_none", 0.3, (f"name says {reading.entity_type}, but {reason}",))
            continue
        return _combine(_by_name(reading, found), by_value, found)
    return by_value or _plain(found)


def _by_name(reading: Reading, found: Profile) -> _Finding:
    confidence = 0.95 * float(reading.weight**0.7)
    evidence = (f"name: `{reading.phrase}` covers {reading.weight:.0%}",)
    entity = reading.entity_type
    if entity == "national_id":
        return _national_id(confidence, evidence, found)
    if entity in {"text", "free_text_pii"} and found.values:
        entity = _text_kind(entity, found)
    return _Finding(entity, confidence, evidence)


def _text_kind(entity: EntityType, found: Profile) -> EntityType:
    if found.contained > 0.02 and found.words >= 3:
        return "free_text_pii"
    return "text" if found.words < 3 else entity


def _national_id(confidence: float, evidence: tuple[str, ...], found: Profile) -> _Finding:
    passed = {subtype: found.checks.get(subtype, 0.0) for subtype in SUBTYPES}
    subtype = max(passed, key=lambda key: passed[key])
    if passed[subtype] < 0.8:
        return _Finding("national_id", confidence, evidence)
    note = f"values: {passed[subtype]:.0%} of {found.distinct} distinct pass the checksum of {subtype}"
    return _Finding("national_id", _either(confidence, 0.9), (*evidence, note), subtype)


def _by_values(found: Profile) -> _Finding | None:
    """What the values alone say; None where they say nothing."""
    if found.values < 2:
        return None
    for pattern, entity in VALUE_TYPES.items():
        share = found.shares[pattern]
        if share >= 0.6:
            note = f"values: {share:.0%} of {found.values} match {pattern}"
            subtype = pattern if entity == "national_id" else None
            return _Finding(entity, 0.97 * share, (note,), subtype, strong=True)
    if found.share("iban") >= 0.6:
        valid = found.checks.get("iban", 0.0)
        note = f"values: {found.shares['iban']:.0%} look like an IBAN, {valid:.0%} of the distinct pass mod 97"
        return _Finding("iban", 0.9 if valid >= 0.5 else 0.6, (note,), strong=True)
    if found.share("card") >= 0.8 and found.checks.get("luhn", 0.0) >= 0.9 and found.distinct > 5:
        return _Finding("credit_card", 0.9, ("values: 13 to 19 digits that pass Luhn",), strong=True)
    if found.share("phone") >= 0.7 and found.shares["date"] < 0.5:
        return _Finding(
            "phone", 0.75, (f"values: {found.shares['phone']:.0%} look like a telephone number",), strong=True
        )
    return _names_by_values(found) or _text_by_values(found)


def _names_by_values(found: Profile) -> _Finding | None:
    if found.distinct < 5 or found.numeric:
        return None
    note = f"values: {found.given_names:.0%} of {found.distinct} distinct hold a common given name"
    if found.shares["person"] >= 0.6 and found.given_names >= 0.5:
        return _Finding("person_name", 0.8, (note,), strong=True)
    if found.words < 1.3 and found.given_names >= 0.6 and found.given_names > found.surnames:
        return _Finding("first_name", 0.7, (note,), strong=True)
    return None


def _text_by_values(found: Profile) -> _Finding | None:
    if found.words < 6:
        return None
    if found.contained > 0.05:
        note = f"values: {found.contained:.0%} of the texts hold a mail address, a number or a titled name"
        return _Finding("free_text_pii", 0.85, (note,), strong=True)
    return _Finding("text", 0.6, (f"values: texts of {found.words:.0f} words on average",))


def _plain(found: Profile) -> _Finding:
    """Neither name nor values say anything."""
    if not found.values:
        return _Finding("unknown_none", 0.2, ("no values and no known name",))
    if found.shares["flag"] == 1 and found.distinct <= 2:
        return _Finding("flag", 0.3, ("values: two at most, as of a flag; the name says nothing",))
    kind: EntityType = "measure" if found.numeric else "category" if found.distinct <= 50 else "unknown_none"
    return _Finding(kind, 0.3, (f"name unknown; {found.distinct} distinct of {found.values} values",))


_LETTERS_NEEDED: frozenset[EntityType] = frozenset(
    {"person_name", "first_name", "last_name", "street_address", "occupation", "religion"}
)
_MAY_BE_FLAGS: frozenset[EntityType] = frozenset({"person_id", "free_text_pii"})
_NO_FLAGS: frozenset[EntityType] = (DIRECT - _MAY_BE_FLAGS) | frozenset({"date_of_birth", "postcode", "salary"})


def _contradiction(entity: EntityType, found: Profile) -> str | None:
    """Why values cannot be what the name says; None where they can."""
    if found.values < 3:
        return None
    if entity in _NO_FLAGS and found.shares["flag"] == 1 and found.distinct <= 2:
        return "values are flags"
    if entity in _LETTERS_NEEDED and (found.numeric or found.shares["number"] > 0.9) and entity in DIRECT:
        return "values are numbers"
    if entity == "email" and found.shares["email"] < 0.2:
        return "values are no mail addresses"
    if (
        entity == "age"
        and found.low is not None
        and found.high is not None
        and not -2 <= found.low <= found.high <= 9999
    ):
        return "numbers are no ages"
    if entity in {"latitude", "longitude"} and found.low is None:
        return "values are no numbers"
    if entity == "gender" and found.distinct > 12:
        return "there are too many different values"
    if entity == "credit_card" and found.share("card", "digits") < 0.3:
        return "values are no card numbers"
    return None


def _combine(by_name: _Finding, by_value: _Finding | None, found: Profile) -> _Finding:
    """Agreement raises confidence; strong values beat a weak or a harmless name."""
    confirmed = _confirmation(by_name.entity_type, found)
    if by_value is None or not by_value.strong:
        if confirmed is None:
            return by_name
        return replace(by_name, confidence=_either(by_name.confidence, 0.6), evidence=(*by_name.evidence, confirmed))
    if by_value.entity_type == by_name.entity_type:
        return replace(
            by_name,
            confidence=_either(by_name.confidence, by_value.confidence),
            evidence=(*by_name.evidence, *by_value.evidence),
            subtype=by_name.subtype or by_value.subtype,
        )
    name_is_weak = by_name.confidence < by_value.confidence
    harmless = by_name.entity_type in OTHER and by_value.entity_type in DIRECT
    certain = by_value.entity_type in {"email", "ip_address", "mac_address"} and by_name.entity_type not in DIRECT
    if certain or (name_is_weak and (harmless or by_name.confidence < DECIDED)):
        return replace(by_value, evidence=(*by_value.evidence, *by_name.evidence))
    return by_name


def _confirmation(entity: EntityType, found: Profile) -> str | None:
    """A weak sign in the values that the name is right."""
    if entity == "gender" and found.shares["gender"] > 0.8:
        return f"values: {found.shares['gender']:.0%} are words for a gender"
    if entity in {"date_of_birth", "person_date", "date"} and found.shares["date"] > 0.8:
        return f"values: {found.shares['date']:.0%} are dates"
    if entity == "age" and found.low is not None and found.high is not None and found.low >= 0 and found.high <= 120:
        return "values: numbers as of ages"
    if entity in {"first_name", "person_name"} and found.given_names > 0.3:
        return f"values: {found.given_names:.0%} of the distinct hold a common given name"
    if entity == "last_name" and found.surnames > 0.3:
        return f"values: {found.surnames:.0%} of the distinct are common surnames"
    if entity == "credit_card" and found.checks.get("luhn", 0) > 0.8:
        return f"values: {found.checks['luhn']:.0%} of the distinct pass Luhn"
    if entity == "person_id" and (found.shares["uuid"] > 0.9 or found.distinct_share > 0.5):
        return f"values: {found.distinct} distinct of {found.values}"
    return None


def _either(a: float, b: float) -> float:
    """The confidence of two independent signs together."""
    return 1 - (1 - a) * (1 - b)


# -- the table -------------------------------------------------------------------------------------------------------

_OF_PEOPLE: frozenset[EntityType] = frozenset({
    "first_name", "last_name", "email", "national_id", "date_of_birth", "age", "gender", "marital_status",
    "salary", "occupation", "ethnicity", "religion", "person_id", "date_of_death", "diagnosis", "person_name",
    "phone", "passport", "education", "household", "name_title", "username", "nationality", "hr_evaluation",
    "health",
})  # fmt: skip
_WEAK_PHRASES = frozenset(
    {"name", "person", "weight", "height", "user", "title", "origin", "phone", "job", "prefix", "suffix"}
)
_KEYS = frozenset({"id", "key", "uuid", "guid", "unique id", "pk", "index key"})


def _about_people(columns: Sequence[tuple[str, str]], findings: Sequence[_Finding], table_name: str) -> bool:
    return _people_points(columns, findings, table_name) >= 2


def _people_points(columns: Sequence[tuple[str, str]], findings: Sequence[_Finding], table_name: str) -> float:
    """How much a table speaks of people: different kinds of personal columns, and words such as `customer`."""
    kinds: dict[EntityType, float] = {}
    for (name, _), finding in zip(columns, findings, strict=True):
        if finding.entity_type in _OF_PEOPLE and finding.confidence >= DECIDED:
            weak = " ".join(words(name)) in _WEAK_PHRASES
            points = 0.5 if weak else 1.0
            kinds[finding.entity_type] = max(kinds.get(finding.entity_type, 0.0), points)
    named = any(word in PEOPLE_WORDS for word in words(table_name))
    columns_named = any(word in PEOPLE_WORDS for name, _ in columns for word in words(name))
    return sum(kinds.values()) + (1.0 if named else 0.0) + (0.5 if columns_named else 0.0)


def _in_context(
    columns: Sequence[tuple[str, str]],
    profiles: Sequence[Profile],
    findings: Sequence[_Finding],
    table_name: str,
) -> list[_Finding]:
    """What the table says about its own row key, and about columns that nothing else explains."""
    settled = list(findings)
    points = _people_points(columns, findings, table_name)
    explicit = any(
        finding.entity_type == "person_id" and finding.confidence >= DECIDED and not found.missing
        for finding, found in zip(findings, profiles, strict=True)
    )
    for index, ((name, _), found, finding) in enumerate(zip(columns, profiles, findings, strict=True)):
        if finding.entity_type == "record_id" and points >= 2 and not explicit and _is_row_key(name, found):
            note = "the row key of a table about people"
            settled[index] = replace(finding, entity_type="person_id", evidence=(*finding.evidence, note))
        elif finding.entity_type == "person_name" and points < 1.5 and _names_a_thing(name, found, finding):
            note = "a bare `name` in a table that speaks of no people"
            settled[index] = replace(finding, entity_type="text", evidence=(*finding.evidence, note))
    return settled


def _names_a_thing(name: str, found: Profile, finding: _Finding) -> bool:
    return words(name) == ("name",) and not finding.strong and found.given_names < 0.3


def _is_row_key(name: str, found: Profile) -> bool:
    return " ".join(words(name)) in _KEYS and found.distinct_share > 0.99


def _unique_columns(
    con: duckdb.DuckDBPyConnection,
    relation_sql: str,
    rows: int,
    columns: Sequence[tuple[str, str]],
    profiles: Sequence[Profile],
) -> set[str]:
    """The columns whose values all differ; only those are counted in full whose sample already does."""
    if rows < 2:
        return set()
    candidates = [
        name
        for (name, data_type), found in zip(columns, profiles, strict=True)
        if found.values > 1 and found.distinct == found.values and not data_type.upper().startswith(("DOUBLE", "FLOAT"))
    ]
    if not candidates:
        return set()
    counts = ", ".join(f"count({quote(name)}) = count(DISTINCT {quote(name)})" for name in candidates)
    row = con.execute(f"SELECT {counts} FROM {relation_sql}").fetchall()[0]
    return {name for name, differs in zip(candidates, row, strict=True) if differs}
