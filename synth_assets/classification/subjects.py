"""What a table is about, and what that makes of columns that would be nobody's elsewhere: a `score`, a `rate`.

What belongs here: health, money, pay, marks and offences of those who stand in a table. What does not: names and keys.
"""

from __future__ import annotations

import re
from dataclasses import replace

from synth_assets.classification.evidence import DECIDED, NOTHING, Finding
from synth_assets.classification.gazetteers import WORDS
from synth_assets.classification.headers import meanings_of, parts, readings, words
from synth_assets.classification.tables import Table
from synth_assets.classification.values import Profile
from synth_assets.classification.vocabulary import OTHER, EntityType

SUBJECT = "what the table is about"
_HEALTH: frozenset[EntityType] = frozenset({"health", "diagnosis", "medication", "procedure"})
_MONEY: frozenset[EntityType] = frozenset({"financial", "salary"})
_SUBJECTS: tuple[tuple[str, frozenset[EntityType], EntityType], ...] = (
    ("performance", frozenset({"hr_evaluation"}), "hr_evaluation"),
    ("health", _HEALTH, "health"),
    ("money", frozenset({"financial"}), "financial"),
    ("pay", frozenset({"salary"}), "salary"),
    ("offences", frozenset({"sensitive_other"}), "sensitive_other"),
)
_SAID = 6  # words; longer names are questions
_SCORED = re.compile(r"^name: `(\w+ )?(score|temperature|reading|result|pressure|index|rating)`")
_NUMBERED = 0.95  # share of different values: more are numbers of rows
_COUNTED = 20  # whole numbers up to it under an unknown name may count something
_MARKS = (5, 120)  # a mark has more than a few values, and none is larger


def by_subject(table: Table, index: int) -> Finding | None:
    """What a column is by what its table is about; None where that says nothing."""
    if not table.about_people:
        return None
    finding = table.findings[index]
    if finding.entity_type == "amount" and _of_pay(table):
        return replace(finding, entity_type="salary", evidence=(*finding.evidence, "the table is about pay"))
    if finding.entity_type == "hr_evaluation" and _of(table, "students"):
        return replace(finding, entity_type="education", evidence=(*finding.evidence, "a mark of a pupil or a student"))
    if finding.entity_type in OTHER and not finding.strong:
        told = (
            (_clinical(table, index), "the table is about somebody's health"),
            (_of_credit(table, index), "the table is about somebody's money"),
            (_mark(table, index), "a mark of a pupil or a student"),
            (_studied(table, index), "what a pupil or a student learns"),
        )
        for entity, note in told:
            if entity:
                evidence = (*finding.evidence, note)
                return replace(finding, entity_type=entity, confidence=0.6, evidence=evidence, rule=SUBJECT)
    return _opaque(table, index)


def _opaque(table: Table, index: int) -> Finding | None:
    """What a column of which nothing is known, or that is what a row ends in, holds in a table about one subject."""
    finding, found = table.findings[index], table.profiles[index]
    goal = " ".join(words(table.columns[index])) in {"target", "outcome", "label", "class", "result", "y"}
    goal |= finding.entity_type == "measure" and any(_SCORED.search(line) for line in finding.evidence)
    if not (finding.confidence < DECIDED or goal) or not found.values:
        return None
    numbered = found.distinct_share > _NUMBERED and found.numeric and not found.fractional
    told = _subject(table) if (found.numeric or found.distinct <= 20) and not numbered else None
    if told is None:
        return None
    entity, note = told
    if entity == "sensitive_other" and finding.rule != NOTHING:
        return finding
    if entity == "hr_evaluation" and not (found.numeric and (finding.rule == NOTHING or goal)):
        return finding
    if entity in _MONEY and found.distinct <= 20:  # codes may as well be of a house
        return finding
    return Finding(entity, 0.55, (note, *finding.evidence), SUBJECT)


def _subject(table: Table) -> tuple[EntityType, str] | None:
    """What a table is about, by a third of its known columns or by its name, and a note that says so."""
    known = [finding.entity_type for finding in table.findings if finding.confidence >= DECIDED]
    named = _named(table)
    for subject, entities, entity in _SUBJECTS:
        count = sum(kind in entities for kind in known)
        if subject == "health" and not named & entities and not _of(table, "patients"):
            continue  # a questionnaire asks about more than health
        if count >= 3 and count / len(known) >= 0.35 and 2 * len(known) >= len(table.columns):
            return entity, f"{count} of the {len(known)} known columns are about {subject}"
        if subject in {"health", "performance"} and named & entities:
            return entity, f"the table's name speaks of {subject}"
        if subject == "offences" and _of(table, "offenders"):
            return entity, f"the table's name speaks of {subject}"
        if subject == "health" and _of(table, "patients") and count:
            return entity, f"the table's name speaks of {subject}"
    return None


def _named(table: Table) -> frozenset[EntityType]:
    """What the table's name speaks of."""
    said = [reading for reading in readings(table.name) if reading.weight > 0.4]
    return frozenset(
        reading.entity_type for reading in said if reading.phrase != "engagement" or "hr" in parts(table.name)
    )


def _of(table: Table, kind: str) -> bool:
    """Whether a table is called after such people, by the beginnings of their names in several languages."""
    return any(word.startswith(tuple(WORDS[kind])) for word in parts(table.name))


def _share(table: Table, entities: frozenset[EntityType]) -> tuple[int, float]:
    """How many of the known columns, and which share of them, are of some types."""
    known = [finding.entity_type in entities for finding in table.findings if finding.confidence >= DECIDED]
    return sum(known), sum(known) / max(1, len(known))


def _of_pay(table: Table) -> bool:
    """Whether a table is about what people are paid, by its name or by three columns."""
    return "salary" in _named(table) or _share(table, frozenset({"salary"}))[0] >= 3


def _of_health(table: Table) -> bool:
    """Whether a table is about the health of those who stand in it, by its name or by two columns."""
    count, share = _share(table, _HEALTH)
    treated = any(word.startswith(tuple(WORDS["patients"])) for name in table.columns for word in parts(name))
    if treated and (count > 0 or _named(table) & _HEALTH):
        return True
    return _of(table, "patients") or (bool(_named(table) & _HEALTH) and count > 0) or (count >= 2 and share >= 0.15)


def _clinical(table: Table, index: int) -> EntityType | None:
    """What a column that would be nobody's elsewhere holds in a table about somebody's health."""
    finding, found, own = table.findings[index], table.profiles[index], set(parts(table.columns[index]))
    if len(own) > _SAID or not _of_health(table):
        return None
    if finding.entity_type == "amount":
        return None if own & WORDS["priced"] else "financial"
    dated = finding.entity_type == "date" and not found.numeric
    if dated or finding.entity_type in {"record_id", "code", "organization", "url"}:
        return None
    said, named = own.union(*map(meanings_of, own)), _named(table)
    if named & {"medication", "procedure"} and said & WORDS["prescribed"] and len(own) < 3:
        return "medication" if "medication" in named else "procedure"
    if named & {"health", "diagnosis"} and own & WORDS["sorted"] and len(own) < 3:
        return "health"
    if "service" in said and {"type", "category", "name"} & said:
        return "procedure"
    if not said & (WORDS["clinical"] | WORDS["diagnosed"]) or own & WORDS["unclinical"]:
        return None
    if said & WORDS["diagnosed"] and not found.numeric:
        return "diagnosis"
    return "procedure" if {"type", "name"} & said and said & WORDS["examined"] else "health"


def _of_credit(table: Table, index: int) -> EntityType | None:
    """Amounts, limits and ratings are somebody's money where two columns and a fifth of the known ones are."""
    finding, own = table.findings[index], set(parts(table.columns[index]))
    count, share = _share(table, _MONEY)
    if count < 2 or share < 0.2 or len(own) > _SAID:
        return None
    rated = own & WORDS["rated"] and finding.entity_type in {"measure", "category", "flag"}
    paid = finding.entity_type == "amount" and not own & WORDS["priced"]
    return "financial" if paid or rated else None


def _mark(table: Table, index: int) -> EntityType | None:
    """Numbers in a table of pupils or students are their marks where they are called so, or unknown and as large."""
    finding, found = table.findings[index], table.profiles[index]
    if not _of(table, "students") or not _marked(found):
        return None
    said = {form for word in parts(table.columns[index]) for form in (word, *meanings_of(word))}
    large = found.fractional or (found.high or 0) > _COUNTED or not found.numeric
    called_so = said & WORDS["marked"] if finding.confidence >= DECIDED else finding.rule == NOTHING and large
    return "education" if called_so else None


def _studied(table: Table, index: int) -> EntityType | None:
    """A course, a class or a department is the education of those who stand in a table of pupils or students."""
    own = parts(table.columns[index])
    said = {form for word in own for form in (word, *meanings_of(word))}
    of_kind = table.findings[index].entity_type in {"category", "text", "organization"} and len(own) < 3
    return "education" if of_kind and said & WORDS["studied"] and _of(table, "students") else None


def _marked(found: Profile) -> bool:
    least, most = _MARKS
    if found.distinct_share > _NUMBERED:
        return False
    if not found.numeric:
        return found.shares["number"] > 0.9 and found.distinct > least
    return found.distinct > least and (found.low or 0) >= 0 and (found.high or 0) <= most
