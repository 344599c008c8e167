"""What a table says about its columns: whether it is about people, whose row key it has, what its opaque columns share.

What belongs here: evidence from the table's name and from neighbours. What does not: one column's own evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from synth_assets.classification.dictionary import PEOPLE_WORDS
from synth_assets.classification.evidence import BIRTHS, DECIDED, NOTHING, Finding, judge_readings
from synth_assets.classification.gazetteers import WORDS
from synth_assets.classification.headers import kinds, meanings_of, parts, readings, words
from synth_assets.classification.lexicon import by_word
from synth_assets.classification.values import Profile
from synth_assets.classification.vocabulary import NAMES, OTHER, PLACE_LIKE, QUASI, EntityType

_OF_PEOPLE: frozenset[EntityType] = frozenset({
    "first_name", "last_name", "email", "national_id", "date_of_birth", "age", "gender", "marital_status",
    "salary", "occupation", "ethnicity", "religion", "person_id", "date_of_death", "diagnosis", "person_name",
    "phone", "passport", "drivers_license", "education", "household", "name_title", "username", "nationality",
    "hr_evaluation", "health", "iban", "credit_card", "sensitive_other", "medication",
})  # fmt: skip
_SURE: frozenset[EntityType] = frozenset({
    "person_id", "first_name", "last_name", "national_id", "date_of_birth", "marital_status", "ethnicity", "salary",
})  # fmt: skip
_WEAK_PHRASES = frozenset({
    "name", "person", "weight", "height", "user", "title", "origin", "phone", "job", "prefix", "suffix", "age",
    "alcohol", "pressure", "sex", "conditions", "operator", "contact", "condition", "drug", "drugs", "pulse",
    "weight kg", "gewicht kg", "temperature",
})  # fmt: skip
_KEYS = frozenset({
    "id", "key", "nr", "no", "number", "num", "uuid", "guid", "unique id", "pk", "index key", "rowguid", "row id",
    "record id", "rec id", "import id", "external id", "ext id", "unique key", "entity id", "global id", "legacy id",
    "source id", "ma so", "record no", "record number", "identifier", "ident", "oid", "recid", "rowid",
})  # fmt: skip
_GLOBAL_KEYS = frozenset({"rowguid", "guid", "uuid", "unique id", "unique key", "global id", "oid"})
_BARE = frozenset({
    "id", "code", "name", "description", "number", "nr", "no", "key", "type", "date", "title", "label", "status",
    "value", "uuid", "nom", "nombre", "nome", "naam", "desc", "cd", "bezeichnung", "nazwa", "libelle", "identifier",
    "text", "official name", "short name", "long name", "common name",
})  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table's columns with what is known of them, before and after its own evidence."""

    name: str
    columns: Sequence[str]
    profiles: Sequence[Profile]
    findings: Sequence[Finding]

    @cached_property
    def known(self) -> frozenset[EntityType]:
        """The types of the columns about which enough is known."""
        return frozenset(finding.entity_type for finding in self.findings if finding.confidence >= DECIDED)

    @cached_property
    def points(self) -> float:
        """How much it speaks of people: different kinds of personal columns, and words such as `customer`."""
        found: dict[EntityType, float] = {}
        bodily = 0
        for name, profile, finding in zip(self.columns, self.profiles, self.findings, strict=True):
            if finding.entity_type in _OF_PEOPLE and finding.confidence >= DECIDED:
                points = _points(name, profile, finding)
                found[finding.entity_type] = max(found.get(finding.entity_type, 0.0), points)
                bodily += finding.entity_type == "health" and points == 1
        named = any(word in PEOPLE_WORDS or "PERSON" in kinds(word) for word in parts(self.name))
        spoken = any(word in PEOPLE_WORDS for name in self.columns for word in words(name))
        of_things = "person_id" not in found and any("THING" in kinds(word) for word in parts(self.name))
        about = 1.5 if _called(self.name) == "PERSON" else 1.0 if named else -float(of_things)
        delivered = {"person_id", "street_address"} <= self.known  # orders say where their customers live
        return sum(found.values()) + about + 0.5 * spoken + 0.5 * min(bodily, 3) + delivered

    @cached_property
    def about_people(self) -> bool:
        """Whether a place, an age or a sex in it is somebody's."""
        return self.points >= 2 and not self.of_animals

    @cached_property
    def of_animals(self) -> bool:
        """Whether it speaks of animals twice and of nobody by number, mail or telephone: a herd has births."""
        named = {word.removesuffix("s") for name in (self.name, *self.columns) for word in (*words(name), *parts(name))}
        return len(named & _ANIMALS) >= 2 and not self.known & _NEVER_OF_ANIMALS


_ANIMALS = frozenset({
    "herd", "breed", "sire", "dam", "cow", "cattle", "calf", "calving", "lactation", "milk", "litter", "flock",
    "kennel", "livestock", "eartag", "horse", "foal", "mare", "stallion", "pig", "sow", "sheep", "ewe", "vet",
    "veterinary", "tier", "vieh", "herde", "animal", "pet", "dog", "puppy", "species", "ganado", "gado", "bovin",
    "bovine", "troupeau", "tiere", "tierart", "zoo", "zwierze", "zwierzeta", "mascota", "haustier", "huisdier",
})  # fmt: skip
_NEVER_OF_ANIMALS: frozenset[EntityType] = frozenset({
    "person_id", "national_id", "email", "phone", "last_name", "username", "passport", "salary", "street_address",
})  # fmt: skip


def _points(name: str, found: Profile, finding: Finding) -> float:
    if finding.entity_type == "date_of_birth" and found.years and found.years[1] - found.years[0] < _RECENT:
        return 0.5  # a `bdate` of last year is a day of business as well as a birth
    if " ".join(words(name)) in _WEAK_PHRASES:
        few = found.distinct <= 20 and found.distinct_share < 0.1  # a few ships are called after people, too
        named = (finding.strong or found.given_names >= 0.3) and not few
        return 0.5 if words(name) != ("name",) else 1.5 if named else 0.25
    if finding.entity_type in {"email", "phone"}:
        return 0.75  # a shop has them too
    return 1.5 if finding.entity_type in _SURE and finding.confidence > 0.8 else 1.0


_RECENT = 3  # years


def in_context(table: Table) -> list[Finding]:
    """The findings with what the table says: about bare names, its own row key, and opaque columns."""
    counted = replace(table, findings=[_of_its_kind(table, i) for i in range(len(table.columns))])
    named = replace(counted, findings=[_named_by_table(counted, i) for i in range(len(table.columns))])
    keyed = replace(named, findings=_row_key(named))
    return _neighbours(keyed)


_NAMED_BARE: frozenset[EntityType] = NAMES - {"middle_name"}


def _could_be_people(table: Table, found: Profile) -> bool:
    """Whether values are common names, or in a table about people nearly all different and written as names are."""
    written = found.shares["named"] >= 0.9 and found.distinct_share > 0.9 and 1.5 < found.words < 4
    return max(found.given_names, found.surnames) >= 0.3 or (table.about_people and written)


_MANY_POINTS = 4  # a shop's list of people, however it is called
_OF_SOMETHING = frozenset({"code", "description", "desc"})


def _of_its_kind(table: Table, index: int) -> Finding:
    """Numbers under a bare noun for people in a table of things count them; what expires without a card is no card."""
    finding, found, name = table.findings[index], table.profiles[index], words(table.columns[index])
    if finding.entity_type == "person_id" and len(name) == 1 and "PERSON" in kinds(name[0]) and found.numeric:
        several = name[0].endswith("s") and "PERSON" in kinds(name[0][:-1])
        small = _called(table.name) == "THING" and found.distinct_share < 0.5 and (found.high or 0) <= _CROWD
        if several or small:
            note = "values: numbers, as of how many there are"
            return replace(finding, entity_type="measure", confidence=0.6, evidence=(*finding.evidence, note))
    if _DEPARTMENTS & set(name) and finding.entity_type == "organization" and _has_places(table):
        note = "the table's other columns name places, and no pay or occupation"
        return replace(finding, entity_type="region", evidence=(*finding.evidence, note))
    nouns = {word for word in parts(table.columns[index]) if "THING" in kinds(word)}
    own = nouns & {form for word in parts(table.name) for form in (word, word.removesuffix("s"))}
    if finding.entity_type == "person_id" and own and _called(table.name) == "THING" and found.distinct_share > 0.99:
        note = "the row key of a table of things"
        return replace(finding, entity_type="record_id", evidence=(*finding.evidence, note))
    if finding.entity_type == "card_expiry" and found.shares["date"] > 0.9:
        cards = {"credit_card", "card_cvv", "card_type", "iban"} & {other.entity_type for other in table.findings}
        if not cards and not _CARDS & set(parts(table.columns[index])):
            note = "nothing else speaks of a card"
            return replace(finding, entity_type="date", evidence=(*finding.evidence, note))
    return finding


_CROWD = 1000
_DEPARTMENTS = frozenset({"departamento", "departement", "dpto", "depto"})
"""Of a firm or of a country."""


def _has_places(table: Table) -> bool:
    """Whether a table names cities or regions, and nothing of somebody's work."""
    return bool(table.known & {"city", "region", "postcode"}) and not table.known & {"salary", "occupation"}


_CARDS = frozenset(
    {"card", "cc", "karte", "karten", "kreditkarte", "carte", "tarjeta", "cartao", "carta", "karta", "kart"}
)


def _named_by_table(table: Table, index: int) -> Finding:
    """A bare ``code`` or ``name`` is that of what the table is called after: its conditions, its customers."""
    name, found, finding = table.columns[index], table.profiles[index], table.findings[index]
    if " ".join(words(name)) not in _BARE or finding.strong:
        return finding
    if table.name:
        best = next(iter(readings(f"{table.name} {name}")), None)
        bare = {word for phrase in [" ".join(words(name))] for word in phrase.split()}
        least = 0.5 if best and bare & _OF_SOMETHING & set(best.phrase.split()) else 0.7
        tells = best and best.weight > least and len(best.phrase.split()) > 1 and set(best.phrase.split()) - bare
        of_people = any("PERSON" in kinds(word) for word in parts(table.name))
        other = best and best.entity_type not in {finding.entity_type, "person_id", "username"}
        of_people |= finding.entity_type in _NAMED_BARE and _could_be_people(table, found)
        if best and tells and other and not (of_people and best.entity_type in OTHER):
            told = judge_readings((best,), found)
            if told.entity_type == best.entity_type:
                return replace(told, rule="the table's name and the column's")
    least = 0.6 if _of_places(table) else 0.3
    nameless = _called(table.name) == "THING" and found.values > 0 and max(found.given_names, found.surnames) < least
    nameless &= table.points < _MANY_POINTS
    of_things = nameless or table.of_animals
    unspoken = not table.about_people and found.given_names < 0.3
    if finding.entity_type in _NAMED_BARE and (of_things or unspoken):
        note = "a bare `name` in a table of things" if of_things else "a bare `name` where nobody is spoken of"
        return replace(finding, entity_type="text", confidence=0.7, evidence=(*finding.evidence, note))
    return finding


def _row_key(table: Table) -> list[Finding]:
    """The row key of a table about people names a person, unless its rows are of something that people have several of.

    Rows are people where the table is called so, or has no other key of those it is about; they are not where that key
    repeats, or where the table is called after a thing. What is unique everywhere is a second key of the same.
    """
    settled = list(table.findings)
    if not table.about_people:
        return settled
    keys = [
        (name, found)
        for name, finding, found in zip(table.columns, table.findings, table.profiles, strict=True)
        if finding.entity_type == "person_id" and finding.confidence >= DECIDED and _subject_key(name, found)
    ]
    repeated = any(found.distinct_share < 0.95 for _, found in keys)
    called = _called(table.name)
    if called != "PERSON" and (repeated or called == "THING"):
        return settled
    if not keys and called != "PERSON" and _begins_with_a_repeated_key(table):
        evidence = ("a key that repeats, in a table about people without another",)
        told = replace(settled[0], entity_type="person_id", confidence=0.6, evidence=evidence, rule="whose row it is")
        return [told, *settled[1:]]
    for index, (name, found) in enumerate(zip(table.columns, table.profiles, strict=True)):
        finding = settled[index]
        key = " ".join(word for word in words(name) if len(word) > 1)
        unknown = finding.confidence < DECIDED and not keys
        numbered = finding.rule == NOTHING and found.numeric and not found.fractional and called == "PERSON"
        bare = key in _KEYS and (not keys or called == "PERSON" or key in _GLOBAL_KEYS)
        row = (finding.entity_type == "record_id" and (bare or unknown)) or (numbered and bare)
        if row and found.distinct_share > 0.99:
            note = "the row key of a table about people"
            settled[index] = replace(
                finding,
                entity_type="person_id",
                confidence=max(finding.confidence, 0.6),
                evidence=(*finding.evidence, note),
                rule="the row key of people",
            )
    return settled


def _begins_with_a_repeated_key(table: Table) -> bool:
    """Whether the first column is a bare `id` of which each value has several rows."""
    found = table.profiles[0]
    bare = " ".join(words(table.columns[0])) in {"id", "uuid", "guid", "key"}
    return bare and found.distinct > 5 and found.distinct_share < 0.5 and not found.fractional


_OTHERS = frozenset({
    "manager", "supervisor", "owner", "doctor", "physician", "provider", "practitioner", "agent", "parent", "spouse",
    "mother", "father", "guardian", "teacher", "cluster", "boss", "chef", "lead", "nurse", "partner", "medico", "arzt",
    "medecin", "lekarz", "attending", "referring", "assignee", "handler", "sponsor", "vorgesetzter", "responsable",
    "referrer", "recruiter", "advisor", "adviser", "author", "rep",
})  # fmt: skip
"""Nouns for people beside the one that a row is about."""


def _subject_key(name: str, found: Profile) -> bool:
    """Whether a key of persons is of those that the rows are about, rather than of their managers and doctors."""
    return found.missing < 0.5 and not _by(name) and not _OTHERS & set(parts(name))


def _called(name: str) -> str | None:
    """Whether a table is called after a PERSON or a THING: `customer_orders` are orders, `usuarios_loja` are users."""
    nouns = [word for word in parts(name) if kinds(word) & {"PERSON", "THING"} and word not in _PAPERS]
    if not nouns:
        return None
    one = any(nouns[0] + ending in by_word("kinds") for ending in ("s", "n"))
    beside = "PERSON" in kinds(nouns[-1]) and not nouns[0].endswith("s")  # `bank_pracownicy` lists those of a bank
    chosen = nouns[-1] if one or beside else nouns[0]
    return "PERSON" if "PERSON" in kinds(chosen) else "THING"


_PAPERS = frozenset(
    {"account", "accounts", "profile", "profiles", "card", "cards", "record", "records", "list", "data"}
)
"""What is kept of people: a table of user accounts lists users."""


def _by(name: str) -> bool:
    """Whether a name speaks of whoever did something to the row: `created_by`."""
    return any(word in {"by", "por", "par", "von"} for word in words(name))


_SUBJECTS: tuple[tuple[str, frozenset[EntityType], EntityType], ...] = (
    ("performance", frozenset({"hr_evaluation"}), "hr_evaluation"),
    ("health", frozenset({"health", "diagnosis", "medication", "procedure"}), "health"),
    ("money", frozenset({"financial"}), "financial"),
    ("pay", frozenset({"salary"}), "salary"),
)


def _neighbours(table: Table) -> list[Finding]:
    """Opaque columns hold what the table is about, dates in a table of people are somebody's."""
    return [_by_neighbours(table, index) for index in range(len(table.columns))]


def _by_neighbours(table: Table, index: int) -> Finding:
    finding, found = table.findings[index], table.profiles[index]
    opaque = finding.confidence < DECIDED
    goal = " ".join(words(table.columns[index])) in {"target", "outcome", "label", "class", "result", "y"}
    goal |= finding.entity_type == "measure" and any(_SCORED.search(line) for line in finding.evidence)
    if finding.entity_type == "amount" and table.about_people and _of_pay(table):
        return replace(finding, entity_type="salary", evidence=(*finding.evidence, "the table is about pay"))
    if not (opaque or goal) or not found.values:
        return finding
    if table.about_people and (found.numeric or found.distinct <= 20) and (told := _subject(table)):
        entity, note = told
        if entity == "hr_evaluation" and not (finding.rule == NOTHING and found.numeric):
            return finding
        if entity in {"financial", "salary"} and found.distinct <= 20:  # codes may as well be of a house
            return finding
        return Finding(entity, 0.55, (note, *finding.evidence), "what the table is about")
    if opaque and table.about_people and finding.rule == BIRTHS:
        return replace(finding, confidence=0.6, rule="spread as births in a table about people")
    if opaque and finding.rule == NOTHING and (told_by := _of_strangers(table, found)):
        return replace(told_by, evidence=(*told_by.evidence, *finding.evidence))
    if opaque and found.shares["date"] > 0.9 and not found.numeric:
        kind: EntityType = "person_date" if table.about_people else "date"
        return replace(finding, entity_type=kind, confidence=0.55, rule="dates under an unknown name")
    broken = found.fractional and found.shares["whole"] < 0.5
    if opaque and broken and table.points <= 0 and not any(map(_maybe_a_key, table.findings, table.profiles)):
        note = "numbers with a fraction in a table that speaks of nobody"
        return Finding("measure", 0.55, (note, *finding.evidence), "a table without people")
    known = sum(other.confidence >= DECIDED for other in table.findings)
    nobodys = not table.about_people and not _pointing(found)
    most = 3 if table.points <= 0 and found.distinct <= _COARSE_VALUES else 2
    if opaque and nobodys and known >= 3 and len(table.columns) <= most * known:
        note = "the table's other columns speak of no people"
        return replace(finding, confidence=0.55, evidence=(*finding.evidence, note), rule="a table without people")
    return finding


_SCORED = re.compile(r"^name: `(\w+ )?(score|temperature|reading|result|pressure|index)`")
_COARSE_VALUES = 20  # so few are nobody's key
BESIDE_PEOPLE = "values beside people"
_TOKENS = 0.7


def _of_strangers(table: Table, found: Profile) -> Finding | None:
    """What values under an unknown name are in a table that speaks of people at all: addresses, names, second keys."""
    if found.numeric or found.distinct < 30 or table.points < 1:
        return None
    if found.shares["house"] >= 0.8 and found.distinct_share > 0.5 and found.shares["date"] < 0.3:
        note = f"values: {found.shares['house']:.0%} are words and a house's number"
        return Finding("street_address", 0.55, (note,), BESIDE_PEOPLE)
    listed = max(found.listed.get(name, 0.0) for name in ("city", "country", "region", "job"))
    if found.shares["named"] >= 0.9 and found.distinct_share > 0.5 and found.words < 4 and listed < 0.3:
        note = f"values: {found.shares['named']:.0%} are written as names are, {found.distinct} distinct"
        return Finding("person_name", 0.55, (note,), BESIDE_PEOPLE)
    if table.about_people and found.distinct_share > 0.95 and _pointing(found) and _rows_are_people(table):
        note = f"values: {found.distinct} distinct of {found.values}, codes that nobody shares"
        return Finding("person_id", 0.55, (note,), BESIDE_PEOPLE)
    return None


def _rows_are_people(table: Table) -> bool:
    """Whether each row has a person of its own: a key, a national number or a mail address that hardly repeats."""
    owners = [
        found.distinct_share > 0.97
        for finding, found in zip(table.findings, table.profiles, strict=True)
        if finding.entity_type in {"person_id", "national_id", "email"} and finding.confidence >= DECIDED
    ]
    return _called(table.name) != "THING" and any(owners) and all(owners)


def _maybe_a_key(finding: Finding, found: Profile) -> bool:
    """Whether an unknown column could be a key of persons."""
    whole = not found.fractional or found.shares["whole"] > 0.9
    return finding.confidence < DECIDED and found.distinct_share > 0.95 and whole


def _pointing(found: Profile) -> bool:
    """Whether texts look like keys: nearly all differ and are digits, hashes or short codes."""
    coded = found.share("digits", "numbered", "uuid", "hash", "vin") >= _TOKENS
    return not found.numeric and found.distinct >= 30 and found.distinct_share > 0.95 and coded and found.words < 2


def _subject(table: Table) -> tuple[EntityType, str] | None:
    """What a table is about, by a third of its known columns or by its name, and a note that says so."""
    known = [finding.entity_type for finding in table.findings if finding.confidence >= DECIDED]
    named = {reading.entity_type for reading in readings(table.name) if reading.weight > 0.4}
    for subject, entities, entity in _SUBJECTS:
        count = sum(kind in entities for kind in known)
        if count >= 3 and count / len(known) >= 0.35 and 2 * len(known) >= len(table.columns):
            return entity, f"{count} of the {len(known)} known columns are about {subject}"
        if subject in {"health", "performance"} and named & entities:
            return entity, f"the table's name speaks of {subject}"
    return None


def _of_pay(table: Table) -> bool:
    """Whether a table is about what people are paid, by its name or by three columns."""
    named = any(r.entity_type == "salary" and r.weight > 0.4 for r in readings(table.name))
    return named or sum(f.entity_type == "salary" and f.confidence >= DECIDED for f in table.findings) >= 3


THINGS_TOO: frozenset[EntityType] = QUASI | {
    "street_address", "address_part", "health", "financial", "procedure", "salary", "photo", "phone",
}  # fmt: skip
"""What may be a thing's as well as a person's: a shop has an address, a car a weight."""
_OF_A_PLACE = frozenset(
    {
        "store",
        "shop",
        "branch",
        "hospital",
        "airport",
        "warehouse",
        "company",
        "supplier",
        "vendor",
        "merchant",
        "merch",
    }
    | {"seller", "dealer", "facility", "facilities", "clinic", "school"}
)


def somebodys(table: Table, index: int) -> str | None:
    """Why what a column holds is nobody's; None where it is somebody's."""
    entity = table.findings[index].entity_type
    if entity not in THINGS_TOO:
        return None
    if not table.about_people and entity != "phone":
        return "the table's other columns speak of no people"
    name = parts(table.columns[index])
    if entity in PLACE_LIKE and _OF_A_PLACE & set(name):
        return "the name speaks of a thing's place"
    if any("PERSON" in kinds(word) for word in name):
        return None
    if _of_places(table):
        return "the table is of places or goods"
    return None


def _of_places(table: Table) -> bool:
    """Whether a table lists firms, places or goods, though people are named beside."""
    if any(f.entity_type in _OF_A_PERSON and f.confidence >= DECIDED for f in table.findings):
        return False
    nouns = [word for word in parts(table.name) if kinds(word) & {"PERSON", "THING"}]
    if (
        nouns
        and _called(table.name) == "THING"
        and WORDS["place"] & {nouns[-1], nouns[-1].removesuffix("s"), *meanings_of(nouns[-1])}
    ):
        return True
    return any(
        finding.entity_type == "organization" and finding.confidence >= DECIDED and found.distinct_share > 0.95
        for finding, found in zip(table.findings, table.profiles, strict=True)
    )


_OF_A_PERSON: frozenset[EntityType] = frozenset({
    "date_of_birth", "national_id", "first_name", "last_name", "marital_status", "person_id", "salary", "diagnosis",
})  # fmt: skip
