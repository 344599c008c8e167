"""What a table says about its columns: what a bare name means, whose key a row has, what is opaque.

What belongs here: evidence from the table's name and from neighbours. What does not: one column's own evidence.
"""

from __future__ import annotations

from dataclasses import replace

from synth_assets.classification.evidence import BIRTHS, DECIDED, NOTHING, Finding, judge_readings
from synth_assets.classification.headers import kinds, meanings_of, parts, readings, words
from synth_assets.classification.subjects import by_subject
from synth_assets.classification.tables import OTHERS, Table, called, of_places
from synth_assets.classification.values import Profile
from synth_assets.classification.vocabulary import NAMES, OTHER, EntityType

_KEYS = frozenset({
    "id", "key", "nr", "no", "number", "num", "uuid", "guid", "unique id", "pk", "index key", "rowguid", "row id",
    "record id", "rec id", "import id", "external id", "ext id", "unique key", "entity id", "global id", "legacy id",
    "source id", "ma so", "record no", "record number", "identifier", "ident", "oid", "recid", "rowid", "resource id",
})  # fmt: skip
_GLOBAL_KEYS = frozenset({"rowguid", "guid", "uuid", "unique id", "unique key", "global id", "oid"})
_BARE = frozenset({
    "id", "code", "name", "description", "number", "nr", "no", "key", "type", "date", "title", "label", "status",
    "value", "uuid", "nom", "nombre", "nome", "naam", "desc", "cd", "bezeichnung", "nazwa", "libelle", "identifier",
    "text", "official name", "short name", "long name", "common name", "display name",
})  # fmt: skip


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
        small = called(table.name) == "THING" and found.distinct_share < 0.5 and (found.high or 0) <= _CROWD
        if several or small:
            note = "values: numbers, as of how many there are"
            return replace(finding, entity_type="measure", confidence=0.6, evidence=(*finding.evidence, note))
    if _DEPARTMENTS & set(name) and finding.entity_type == "organization" and _has_places(table):
        note = "the table's other columns name places, and no pay or occupation"
        return replace(finding, entity_type="region", evidence=(*finding.evidence, note))
    if _DEPARTMENTS & set(name) and finding.entity_type == "region" and table.known & {"salary", "occupation"}:
        note = "a department where people work"
        return replace(finding, entity_type="organization", evidence=(*finding.evidence, note))
    nouns = {word for word in parts(table.columns[index]) if "THING" in kinds(word)}
    own = nouns & {form for word in parts(table.name) for form in (word, word.removesuffix("s"))}
    if finding.entity_type == "person_id" and own and called(table.name) == "THING" and found.distinct_share > 0.99:
        note = "the row key of a table of things"
        return replace(finding, entity_type="record_id", evidence=(*finding.evidence, note))
    a_firms = table.of_firms and found.distinct_share > 0.95 and _KEYED & set(name)
    if finding.entity_type == "person_id" and (a_firms or set(parts(table.columns[index])) & table.firms):
        note = "the name beside it is a firm's"
        return replace(finding, entity_type="record_id", confidence=0.6, evidence=(*finding.evidence, note))
    if finding.entity_type == "card_expiry" and found.shares["date"] > 0.9:
        cards = {"credit_card", "card_cvv", "card_type", "iban"} & {other.entity_type for other in table.findings}
        if not cards and not _CARDS & set(parts(table.columns[index])):
            note = "nothing else speaks of a card"
            return replace(finding, entity_type="date", evidence=(*finding.evidence, note))
    return finding


_CROWD = 1000
_KEYED = frozenset({"customer", "client", "account", "cliente", "clienti", "kunde", "kunden", "provider", "member"})
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
        said = set(best.phrase.split()) if best else set()
        own = bare.union(*map(meanings_of, bare))
        tells = best and best.weight > least and len(said) > 1 and said - bare and said & own
        of_people = any("PERSON" in kinds(word) for word in parts(table.name))
        other = best and best.entity_type not in {finding.entity_type, "person_id", "username"}
        of_people |= finding.entity_type in _NAMED_BARE and _could_be_people(table, found)
        if best and tells and other and not (of_people and best.entity_type in OTHER):
            told = judge_readings((best,), found)
            if told.entity_type == best.entity_type:
                return replace(told, rule="the table's name and the column's")
    least = 0.6 if of_places(table) else 0.3
    nameless = called(table.name) == "THING" and found.values > 0 and max(found.given_names, found.surnames) < least
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
    named = called(table.name)
    if named != "PERSON" and (repeated or named == "THING"):
        return settled
    if not keys and named != "PERSON" and _begins_with_a_repeated_key(table):
        evidence = ("a key that repeats, in a table about people without another",)
        told = replace(settled[0], entity_type="person_id", confidence=0.6, evidence=evidence, rule="whose row it is")
        return [told, *settled[1:]]
    for index, (name, found) in enumerate(zip(table.columns, table.profiles, strict=True)):
        finding = settled[index]
        key = " ".join(word for word in words(name) if len(word) > 1)
        unknown = finding.confidence < DECIDED and not keys
        numbered = finding.rule == NOTHING and found.numeric and not found.fractional and named == "PERSON"
        bare = key in _KEYS and (not keys or named == "PERSON" or key in _GLOBAL_KEYS or not repeated)
        nameless = named == "PERSON" and finding.confidence < DECIDED and _keylike(finding, found)
        coded = named == "PERSON" and finding.entity_type == "code" and "code" in meanings_of(key)
        row = (finding.entity_type == "record_id" and (bare or unknown)) or (numbered and bare) or nameless or coded
        as_names = bare and named == "PERSON" and found.distinct in _names(table)
        if row and (as_names or found.distinct_share > (0.5 if bare and named == "PERSON" else 0.99)):
            note = "the row key of a table about people"
            settled[index] = replace(
                finding,
                entity_type="person_id",
                confidence=max(finding.confidence, 0.6),
                evidence=(*finding.evidence, note),
                rule="the row key of people",
            )
    return settled


def _names(table: Table) -> set[int]:
    """How many different names stand in columns of names."""
    pairs = zip(table.findings, table.profiles, strict=True)
    return {found.distinct for finding, found in pairs if finding.entity_type in NAMES and found.distinct >= _SEVERAL}


_SEVERAL = 10


def _keylike(finding: Finding, found: Profile) -> bool:
    """Whether a column of which nothing is known but that it is a key, or that holds codes, could be somebody's key."""
    if found.values < _SOME_ROWS or found.fractional:
        return False
    numbers = found.numeric and (found.low or 0) >= _SMALLEST_KEY
    return finding.entity_type == "record_id" or (finding.rule == NOTHING and (numbers or _pointing(found)))


_SOME_ROWS, _SMALLEST_KEY = 20, 1000


def _begins_with_a_repeated_key(table: Table) -> bool:
    """Whether the first column is a bare `id` of which each value has several rows."""
    found = table.profiles[0]
    bare = " ".join(words(table.columns[0])) in {"id", "uuid", "guid", "key"}
    return bare and found.distinct > 5 and found.distinct_share < 0.5 and not found.fractional


def _subject_key(name: str, found: Profile) -> bool:
    """Whether a key of persons is of those that the rows are about, rather than of their managers and doctors."""
    return found.missing < 0.5 and not _by(name) and not OTHERS & set(parts(name))


def _by(name: str) -> bool:
    """Whether a name speaks of whoever did something to the row: `created_by`."""
    return any(word in {"by", "por", "par", "von"} for word in words(name))


def _neighbours(table: Table) -> list[Finding]:
    """Opaque columns hold what the table is about, dates in a table of people are somebody's."""
    return [_by_neighbours(table, index) for index in range(len(table.columns))]


def _by_neighbours(table: Table, index: int) -> Finding:
    if told := by_subject(table, index):
        return told
    finding, found = table.findings[index], table.profiles[index]
    if finding.confidence >= DECIDED or not found.values:
        return finding
    if table.about_people and finding.rule == BIRTHS:
        return replace(finding, confidence=0.6, rule="spread as births in a table about people")
    if finding.rule == NOTHING and (told_by := _of_strangers(table, found)):
        return replace(told_by, evidence=(*told_by.evidence, *finding.evidence))
    if found.shares["date"] > 0.9 and not found.numeric:
        kind: EntityType = "person_date" if table.about_people else "date"
        return replace(finding, entity_type=kind, confidence=0.55, rule="dates under an unknown name")
    broken = found.fractional and found.shares["whole"] < 0.5
    if broken and table.points <= 0 and not any(map(_maybe_a_key, table.findings, table.profiles)):
        note = "numbers with a fraction in a table that speaks of nobody"
        return Finding("measure", 0.55, (note, *finding.evidence), "a table without people")
    known = sum(other.confidence >= DECIDED for other in table.findings)
    nobodys = not table.about_people and not _pointing(found)
    most = 3 if table.points <= 0 and found.distinct <= _COARSE_VALUES else 2
    few = 2 if table.points < 0 else _KNOWN
    of_things = table.points <= 0 and known >= few and not _perhaps_somebodys(table, finding, found)
    if nobodys and (of_things or (known >= 3 and len(table.columns) <= most * known)):
        note = "the table's other columns speak of no people"
        return replace(finding, confidence=0.55, evidence=(*finding.evidence, note), rule="a table without people")
    return finding


_KNOWN = 4  # columns that speak of nobody
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
    return called(table.name) != "THING" and any(owners) and all(owners)


def _perhaps_somebodys(table: Table, finding: Finding, found: Profile) -> bool:
    """Whether an unknown column of a table of things could be names or a key of people: `zz` of an order's customer.

    Three and more columns of unknown numbers are no keys: they are years, kinds or measures side by side.
    """
    if found.distinct < _SEVERAL:
        return False
    if not found.numeric:
        return found.shares["named"] > 0.5 or found.share("digits", "numbered", "uuid", "hash") > 0.5
    alike = sum(f.rule == NOTHING and p.numeric for f, p in zip(table.findings, table.profiles, strict=True))
    return finding.rule == NOTHING and not found.fractional and alike < _SIDE_BY_SIDE


_SIDE_BY_SIDE = 3


def _maybe_a_key(finding: Finding, found: Profile) -> bool:
    """Whether an unknown column could be a key of persons."""
    whole = not found.fractional or found.shares["whole"] > 0.9
    return finding.confidence < DECIDED and found.distinct_share > 0.95 and whole


def _pointing(found: Profile) -> bool:
    """Whether texts look like keys: nearly all differ and are digits, hashes or short codes."""
    coded = found.share("digits", "numbered", "uuid", "hash", "vin") >= _TOKENS
    return not found.numeric and found.distinct >= 30 and found.distinct_share > 0.95 and coded and found.words < 2
