"""A table as far as it is known: whether it is about people, what it is called after, whose its columns are.

What belongs here: the table as a whole. What does not: one column's own evidence, and what follows for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from synth_assets.classification.dictionary import PEOPLE_WORDS
from synth_assets.classification.evidence import DECIDED, Finding
from synth_assets.classification.gazetteers import WORDS
from synth_assets.classification.headers import kinds, meanings_of, parts, words
from synth_assets.classification.lexicon import by_word
from synth_assets.classification.values import Profile
from synth_assets.classification.vocabulary import PLACE_LIKE, QUASI, EntityType

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
    "weight kg", "gewicht kg", "temperature", "display name", "position", "tax code",
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
    def firms(self) -> frozenset[str]:
        """Nouns for people whose names are firms' here: a `provider` whose `provider_name` is a hospital."""
        told = [
            name
            for name, finding in zip(self.columns, self.findings, strict=True)
            if "name says person_name, but values are names of firms" in finding.evidence
        ]
        return frozenset(word for name in told for word in parts(name) if "PERSON" in kinds(word))

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
        about = 1.5 if called(self.name) == "PERSON" else 1.0 if named else -float(of_things)
        to_whom = bool(self.known & {"person_id", "email", "username"})
        delivered = to_whom and "street_address" in self.known  # orders say where their customers live
        about += delivered * (1 + (about < 0))
        about += 3 * (not _PLACED.isdisjoint(parts(self.name)) and "street_address" in self.known)
        both = {"age", "gender"} <= {e for e, points in found.items() if points} and _sexes(self.profiles)
        if found.keys() == {"health"} and bodily < _BODILY:
            bodily = 0  # a food has calories, too
        seen = "gender" in self.known and _sexes(self.profiles)
        return sum(found.values()) + both + seen + about + 0.5 * spoken + 0.5 * min(bodily, _BODILY)

    @cached_property
    def about_people(self) -> bool:
        """Whether a place, an age or a sex in it is somebody's."""
        return self.points >= 2 and not self.of_animals

    @cached_property
    def of_firms(self) -> bool:
        """Whether its rows are firms: each has a firm of its own, and nobody's name, age, sex or pay stands beside."""
        unique = any(
            finding.entity_type == "organization" and finding.confidence >= DECIDED and found.distinct_share > 0.95
            for finding, found in zip(self.findings, self.profiles, strict=True)
        )
        return unique and len(self.columns) > 2 and not self.known & _OF_ONE

    @cached_property
    def lists_animals(self) -> bool:
        """Whether it is called after animals, and at most a key, a telephone or an address in it is their owner's."""
        called_so = {word for part in parts(self.name) for word in meanings_of(part)} & _ANIMALS
        return bool(called_so) and not self.known & (_NEVER_OF_ANIMALS - {"person_id", "phone", "street_address"})

    @cached_property
    def of_animals(self) -> bool:
        """Whether it speaks of animals twice and of nobody by number, mail or telephone: a herd has births."""
        named = {word.removesuffix("s") for name in (self.name, *self.columns) for word in (*words(name), *parts(name))}
        return len(named & _ANIMALS) >= 2 and not self.known & _NEVER_OF_ANIMALS


_PLACED = frozenset({"address", "addresses", "adressen", "adresses", "direcciones", "enderecos", "indirizzi", "adresy"})
"""What a table of where people live is called: whose addresses they are stands in another table."""


_OF_ONE: frozenset[EntityType] = frozenset({
    "first_name", "last_name", "person_name", "age", "gender", "date_of_birth", "marital_status", "salary",
    "national_id", "occupation", "hr_evaluation", "diagnosis", "health", "household",
})  # fmt: skip


def _sexes(profiles: Sequence[Profile]) -> bool:
    """Whether values of a column are words for both sexes."""
    return any(min(p.shares["men"], p.shares["women"]) > 0.1 and p.shares["gender"] > 0.95 for p in profiles)


_ANIMALS = frozenset({
    "herd", "breed", "sire", "dam", "cow", "cattle", "calf", "calving", "lactation", "milk", "litter", "flock",
    "kennel", "livestock", "eartag", "horse", "foal", "mare", "stallion", "pig", "sow", "sheep", "ewe", "vet",
    "veterinary", "tier", "vieh", "herde", "animal", "pet", "dog", "puppy", "species", "ganado", "gado", "bovin",
    "bovine", "troupeau", "tiere", "tierart", "zoo", "zwierze", "zwierzeta", "mascota", "haustier", "huisdier",
    "animales", "animals", "animais", "animali", "mammal", "mammals",
    "bird", "birds", "penguin", "penguins", "rat", "rats", "mice", "mouse", "insect", "insects",
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
_BODILY = 3  # columns about a body that nobody is named beside


def called(name: str) -> str | None:
    """Whether a table is called after a PERSON or a THING: `customer_orders` are orders, `usuarios_loja` are users."""
    nouns = [word for word in parts(name) if kinds(word) & {"PERSON", "THING"} and word not in _PAPERS]
    if not nouns:
        return None
    one = any(nouns[0] + ending in by_word("kinds") for ending in ("s", "n"))
    beside = "PERSON" in kinds(nouns[-1]) and not _plural(nouns[0])  # `bank_pracownicy` lists those of a bank
    chosen = nouns[-1] if one or beside else nouns[0]
    return "PERSON" if "PERSON" in kinds(chosen) else "THING"


def _plural(noun: str) -> bool:
    return noun.endswith("s") and noun[:-1] in by_word("kinds")


_PAPERS = frozenset(
    {"account", "accounts", "profile", "profiles", "card", "cards", "record", "records", "list", "data"}
)
"""What is kept of people: a table of user accounts lists users."""
OTHERS = frozenset({
    "manager", "supervisor", "owner", "doctor", "physician", "provider", "practitioner", "agent", "parent", "spouse",
    "mother", "father", "guardian", "teacher", "cluster", "boss", "chef", "lead", "nurse", "partner", "medico", "arzt",
    "medecin", "lekarz", "attending", "referring", "assignee", "handler", "sponsor", "vorgesetzter", "responsable",
    "referrer", "recruiter", "advisor", "adviser", "author", "rep",
})  # fmt: skip
"""Nouns for people beside the one that a row is about."""
THINGS_TOO: frozenset[EntityType] = QUASI | {
    "street_address", "address_part", "health", "financial", "procedure", "salary", "photo", "phone",
    "medication",
}  # fmt: skip
"""What may be a thing's as well as a person's: a shop has an address, a car a weight."""
_OF_A_BODY: frozenset[EntityType] = frozenset(
    {"age", "gender", "health", "date_of_birth", "diagnosis", "medication", "ethnicity"}
)
_OF_A_PLACE = frozenset(
    {"store", "shop", "branch", "hospital", "airport", "warehouse", "supplier", "vendor", "merchant", "merch"}
    | {"seller", "dealer", "facility", "facilities", "clinic", "school"}
)


def somebodys(table: Table, index: int) -> str | None:
    """Why what a column holds is nobody's; None where it is somebody's."""
    entity = table.findings[index].entity_type
    if entity in _OF_A_BODY and table.lists_animals:
        return "the table is of animals"
    if entity not in THINGS_TOO:
        return None
    if entity == "medication" and called(table.name) != "THING":
        return None  # only a catalogue of medicines is nobody's
    name = parts(table.columns[index])
    whose = entity in PLACE_LIKE and name[0] not in _OF_A_PLACE and kinds(name[0]) == {"PERSON"} and len(name) > 1
    if not table.about_people and entity != "phone" and not (whose and table.points > 0):
        return "the table's other columns speak of no people"
    if entity in PLACE_LIKE and _OF_A_PLACE & set(name):
        return "the name speaks of a thing's place"
    if any("PERSON" in kinds(word) for word in name):
        return None
    if of_places(table):
        return "the table is of places or goods"
    return None


_EMPLOYERS = frozenset({"company", "employer"})


def employs(table: Table, index: int) -> bool:
    """Whether a column says whom somebody works for, in a table whose rows are people."""
    if table.findings[index].entity_type != "organization" or not table.about_people or called(table.name) == "THING":
        return False
    said = {form for word in parts(table.columns[index]) for form in (word, *meanings_of(word))}
    return bool(said & _EMPLOYERS) and not of_places(table)


def of_places(table: Table) -> bool:
    """Whether a table lists firms, places or goods, though people are named beside."""
    if table.of_firms:
        return True
    if any(
        f.entity_type in _OF_A_PERSON and f.confidence >= DECIDED and not (OTHERS & set(parts(name)))
        for name, f in zip(table.columns, table.findings, strict=True)
    ):
        return False
    nouns = [word for word in parts(table.name) if kinds(word) & {"PERSON", "THING"}]
    if (
        nouns
        and called(table.name) == "THING"
        and WORDS["place"] & {nouns[-1], nouns[-1].removesuffix("s"), *meanings_of(nouns[-1])}
    ):
        return True
    nobody = not table.known & _OF_A_PERSON and "email" not in table.known
    for finding, found in zip(table.findings, table.profiles, strict=True):
        listed = finding.entity_type in {"region", "country"} and finding.rule != "the column's name"
        if nobody and listed and found.distinct_share > 0.95 and found.values >= _REGIONS:
            return True
    return any(
        finding.entity_type == "organization" and finding.confidence >= DECIDED and found.distinct_share > 0.95
        for finding, found in zip(table.findings, table.profiles, strict=True)
    )


_REGIONS = 10  # rows of which each is a region or a country of its own
_OF_A_PERSON: frozenset[EntityType] = frozenset({
    "date_of_birth", "national_id", "first_name", "last_name", "marital_status", "person_id", "salary", "diagnosis",
})  # fmt: skip
