"""What one column seems to hold: its name proposes, its values confirm, contradict, or propose themselves.

What belongs here: one column. What does not: the table it stands in, roles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from synth_assets.classification.contradictions import contradiction
from synth_assets.classification.headers import Reading, readings
from synth_assets.classification.values import SUBTYPES, VALUE_TYPES, Profile
from synth_assets.classification.vocabulary import DIRECT, NAMES, OTHER, QUASI, SENSITIVE, EntityType

_NEAR = 0.6
_TOO_LITTLE = 0.2  # share of a name that a word such as `name` covers: of a cycle, of a file
DECIDED = 0.5
"""Confidence from which on a verdict counts."""


@dataclass(frozen=True)
class Finding:
    """What a column seems to hold, before the table is looked at.

    Attributes:
        evidence: the strongest first.
        rule: how the finding came about, in a few words.
        strong: whether the values alone would do.
    """

    entity_type: EntityType
    confidence: float
    evidence: tuple[str, ...]
    rule: str
    subtype: str | None = None
    strong: bool = False


def judge(name: str, found: Profile) -> Finding:
    """Name and values of one column."""
    return judge_readings(readings(name), found)


def judge_readings(meanings: tuple[Reading, ...], found: Profile) -> Finding:
    """The first meaning of a name that the values do not contradict, together with what the values say."""
    by_value = _by_values(found)
    meanings = _supported_first(meanings, by_value)
    contradicted: tuple[str, ...] = ()
    for place, reading in enumerate(meanings):
        if reading.weight <= _TOO_LITTLE and reading.entity_type in NAMES:
            continue
        rival = next(iter(meanings[place + 1 :]), None)
        if reason := contradiction(reading, rival, found):
            contradicted = (*contradicted, f"name says {reading.entity_type}, but {reason}")
            if reading.entity_type == "person_name" and reading.weight > 0.7 and _counts_people(found):
                return Finding("person_id", 0.6, contradicted, "a noun for people, values of a key")
            continue
        combined = _combine(_by_name(reading, found), by_value, found)
        if combined.entity_type in OTHER and found.distinct_share > 0.5 and _denied(contradicted):
            combined = replace(combined, confidence=min(combined.confidence, 0.45))
        return replace(combined, evidence=(*combined.evidence, *contradicted))
    plain = by_value or _had(contradicted) or _plain(found)
    return replace(plain, evidence=(*contradicted, *plain.evidence) if not by_value else plain.evidence)


def _counts_people(found: Profile) -> bool:
    """Whether numbers could be keys: whole and nearly all different."""
    return found.numeric and not found.fractional and found.distinct >= 20


def _supported_first(meanings: tuple[Reading, ...], by_value: Finding | None) -> tuple[Reading, ...]:
    """Of meanings of nearly the same weight the one that strong values confirm comes first."""
    if by_value is None or not by_value.strong or not meanings:
        return meanings
    near = [r for r in meanings if r.weight >= _NEAR * meanings[0].weight and r.entity_type == by_value.entity_type]
    return (*near, *(reading for reading in meanings if reading not in near))


def either(a: float, b: float) -> float:
    """The confidence of two independent signs together."""
    return 1 - (1 - a) * (1 - b)


# -- the name --------------------------------------------------------------------------------------------------------


def _by_name(reading: Reading, found: Profile) -> Finding:
    confidence = 0.95 * float(reading.weight**0.7)
    evidence = (f"name: `{reading.phrase}` covers {reading.weight:.0%}",)
    entity = reading.entity_type
    if reading.phrase == "address" and found.values >= 3 and _only_towns(found):
        return Finding(
            "city",
            min(confidence, 0.7),
            (*evidence, "values: words without a number, as of towns"),
            "the column's name",
        )
    if entity == "national_id":
        return _national_id(confidence, evidence, found)
    if reading.phrase == "PERSON":
        return _a_person(confidence, evidence, found)
    if entity in {"text", "free_text_pii"} and found.values:
        entity = _text_kind(entity, found)
    if entity == "name_title" and found.values and found.listed.get("honorific", 0.0) < 0.2 and found.words > 1.3:
        works = found.distinct > 8 and max(found.listed.get("job", 0.0), found.listed.get("jobword", 0.0)) < 0.1
        entity = "text" if works or found.words >= 4 else "occupation"
    return Finding(entity, confidence, evidence, "the column's name")


def _only_towns(found: Profile) -> bool:
    """Whether what is called an address is a place's name alone."""
    return found.shares["plain"] > 0.95 and found.words < 2


def _a_person(confidence: float, evidence: tuple[str, ...], found: Profile) -> Finding:
    """A name that is only a noun for a person: a name or a key, whichever the values can be."""
    if found.listed.get("handle", 0.0) >= 0.4:
        note = f"values: {found.listed['handle']:.0%} of {found.distinct} distinct are made like user names"
        return Finding(
            "username", either(confidence, 0.7), (*evidence, note), "a noun for people, values of user names"
        )
    if found.shares["date"] > 0.9 and not found.numeric:
        return Finding("date", 0.45, (*evidence, f"values: {found.shares['date']:.0%} are dates"), _FORM)
    if found.numeric and found.values >= 50 and found.distinct <= 5 and (found.high or 0) <= 10:
        note = f"values: {found.distinct} distinct numbers, as of how many there are"
        return Finding("measure", 0.49, (*evidence, note), "a noun for people, values of a count")
    named = max(found.given_names, found.surnames, found.shares["titled"]) >= 0.3
    if found.values >= 20 and found.distinct <= 12 and found.distinct_share < 0.2 and not found.numeric and not named:
        note = f"values: {found.distinct} distinct of {found.values}, too few for people"
        least = 0.6 if found.shares["flag"] == 1 else 0.49  # three agents are people, three kinds of members are not
        return Finding("category", min(confidence, least), (*evidence, note), "a noun for people, values of a category")
    if found.values and (found.numeric or found.shares["words"] < 0.5):
        return Finding("person_id", confidence, evidence, "a noun for people, values of a key")
    return Finding("person_name", confidence, evidence, "a noun for people")


def _text_kind(entity: EntityType, found: Profile) -> EntityType:
    if found.contained > 0.02 and found.words >= 3:
        return "free_text_pii"
    return "text" if found.words < 3 else entity


def _national_id(confidence: float, evidence: tuple[str, ...], found: Profile) -> Finding:
    passed = {subtype: found.checks.get(subtype, 0.0) for subtype in SUBTYPES}
    subtype = max(passed, key=lambda key: passed[key])
    if passed[subtype] < 0.8:
        return Finding("national_id", confidence, evidence, "the column's name")
    note = f"values: {passed[subtype]:.0%} of {found.distinct} distinct pass the checksum of {subtype}"
    return Finding("national_id", either(confidence, 0.9), (*evidence, note), "name and checksum", subtype)


# -- the values ------------------------------------------------------------------------------------------------------


def _by_values(found: Profile) -> Finding | None:
    """What the values alone say; None where they say nothing."""
    if found.values < 2:
        return None
    for pattern, entity in VALUE_TYPES.items():
        share = found.shares[pattern]
        if share >= 0.6:
            note = f"values: {share:.0%} of {found.values} match {pattern}"
            subtype = pattern if entity == "national_id" else None
            return Finding(entity, 0.97 * share, (note,), "the form of the values", subtype, strong=True)
    return (
        _numbers_by_values(found)
        or _dates_by_values(found)
        or _lists_by_values(found)
        or _names_by_values(found)
        or _text_by_values(found)
    )


_FORM = "the form of the values"


def _numbers_by_values(found: Profile) -> Finding | None:
    form = _FORM
    valid = found.checks.get("iban", 0.0)
    if found.share("iban") >= 0.6 and (valid > 0.05 or found.distinct < _PROVEN):
        note = f"values: {found.shares['iban']:.0%} look like an IBAN, {valid:.0%} of the distinct pass mod 97"
        return Finding("iban", 0.9 if valid >= 0.5 else 0.6, (note,), form, strong=True)
    if told := _checked_by_values(found):
        return told
    if found.share("card") >= 0.8 and found.checks.get("luhn", 0.0) >= 0.9 and found.distinct > 5:
        return Finding("credit_card", 0.9, ("values: 13 to 19 digits that pass Luhn",), form, strong=True)
    dials = found.share("phone", "dial")
    if dials >= 0.1 and dials + found.shares["bare"] >= 0.9 and found.shares["date"] < 0.3:
        dials = dials + found.shares["bare"]  # some are written with their signs, the rest are as long without
    dials = min(dials, 1.0)
    if dials >= 0.7 and found.shares["date"] < 0.3 and found.distinct > 5 and found.shares["postcode"] < 0.5:
        note = f"values: {dials:.0%} look like a telephone number"
        return Finding("phone", 0.75, (note,), form, strong=True)
    if found.shares["postcode"] >= 0.8 and found.distinct > 5 and found.shares["date"] < 0.3:
        note = f"values: {found.shares['postcode']:.0%} have the form of a postcode"
        return Finding("postcode", 0.65, (note,), form, strong=True)
    return None


_PROVEN = 15  # distinct values: each passes a checksum by chance once in ten times


def _checked_by_values(found: Profile) -> Finding | None:
    """Numbers that all pass one checksum are what it is for, however the column is called."""
    passed = {name: share for name, share in found.checks.items() if name not in {"iban", "luhn"} and share >= 0.95}
    if not passed or found.distinct < _PROVEN or found.shares["date"] > 0.9:
        return None
    name = max(passed, key=lambda check: (check not in SUBTYPES, passed[check]))
    note = f"values: {passed[name]:.0%} of {found.distinct} distinct pass the checksum of {name}"
    if name not in SUBTYPES:
        return Finding("code", 0.8, (note,), "a checksum of goods or firms", strong=True)
    return Finding("national_id", 0.9, (note,), "a checksum of persons", name, strong=True)


BIRTHS = "dates that are spread as births are"
_LIVED, _GROWN = 25, 2015  # years: people's births are spread over decades, and end before today's


def _dates_by_values(found: Profile) -> Finding | None:
    """Days or years; those that are spread as births are may be births, which the table decides."""
    dated = found.shares["date"] > 0.9
    if found.years is None or not (dated or found.shares["year"] > 0.95) or found.distinct < _LIVED:
        return Finding("date", 0.45, (f"values: {found.shares['date']:.0%} are dates",), _FORM) if dated else None
    first, last = found.years
    if 1900 <= first <= last - _LIVED and (last <= _GROWN or first <= last - 2 * _LIVED):
        note = f"values: {last - first} years between nearly all, none later than {last}, as of births"
        return Finding("date_of_birth", 0.49, (note,), BIRTHS)
    return Finding("date", 0.45, (f"values: {found.shares['date']:.0%} are dates",), _FORM) if dated else None


_LISTED: tuple[tuple[str, EntityType, float, int], ...] = (
    ("marital", "marital_status", 0.8, 2),
    ("honorific", "name_title", 0.8, 2),
    ("country", "country", 0.8, 3),
    ("region", "region", 0.8, 5),
    ("religion", "religion", 0.8, 3),
    ("race", "ethnicity", 0.8, 3),
    ("job", "occupation", 0.6, 8),
    ("diagnosis", "diagnosis", 0.5, 3),
    ("medicine", "medication", 0.5, 3),
    ("orientation", "sensitive_other", 0.5, 3),
    ("party", "sensitive_other", 0.5, 4),
    ("tongue", "language", 0.8, 3),
    ("schooling", "education", 0.6, 3),
)


def _lists_by_values(found: Profile) -> Finding | None:
    if found.numeric:
        return None
    rule = "values that stand in a list"
    both = found.shares["men"] > 0.1 and found.shares["women"] > 0.1
    if found.shares["gender"] > 0.95 and both and found.distinct <= 8 and found.shares["flag"] < 0.9:
        note = f"values: {found.shares['gender']:.0%} are words for a gender"
        return Finding("gender", 0.7, (note,), rule, strong=True)
    if found.shares["blood"] > 0.9 and found.distinct > 2:
        return Finding("health", 0.8, ("values: blood groups",), rule, strong=True)
    if found.shares["icd"] > 0.5 and found.distinct > 5:
        return Finding("diagnosis", 0.7, (f"values: {found.shares['icd']:.0%} look like ICD codes",), rule, strong=True)
    for name, entity, least, distinct in _LISTED:
        share = found.listed.get(name, 0.0)
        if share >= least and found.distinct >= distinct:
            note = f"values: {share:.0%} of {found.distinct} distinct stand in the list of {name} words"
            return Finding(entity, 0.75, (note,), rule, strong=True)
    return None


def _names_by_values(found: Profile) -> Finding | None:
    if found.distinct < 5 or found.numeric:
        return None
    rule = "values that are common names"
    if found.shares["titled"] >= 0.7 and max(found.given_names, found.surnames) >= 0.2:
        note = f"values: {found.shares['titled']:.0%} are names with a title"
        return Finding("person_name", 0.85, (note,), rule, strong=True)
    if found.listed.get("handle", 0.0) >= 0.6 and found.words < 1.1:
        note = f"values: {found.listed['handle']:.0%} of {found.distinct} distinct are made like user names"
        return Finding("username", 0.7, (note,), rule, strong=True)
    if found.shares["eastern"] >= 0.7 and found.distinct >= 20:
        note = f"values: {found.shares['eastern']:.0%} are a common Chinese or Korean surname with a given name"
        return Finding("person_name", 0.75, (note,), rule, strong=True)
    note = f"values: {found.given_names:.0%} of {found.distinct} distinct hold a common given name"
    named = max(found.given_names, found.surnames)
    if found.shares["person"] >= 0.6 and found.given_names >= 0.3 and named >= 0.5:
        return Finding("person_name", 0.8, (note,), rule, strong=True)
    if found.words < 1.3 and found.given_names >= 0.6 and found.given_names >= found.surnames:
        return Finding("first_name", 0.7, (note,), rule, strong=True)
    city = found.listed.get("city", 0.0)
    if found.words < 1.5 and found.surnames >= 0.6 and found.surnames > city and found.distinct >= _NAMED_SO:
        note = f"values: {found.surnames:.0%} of {found.distinct} distinct are common surnames"
        return Finding("last_name", 0.7, (note,), rule, strong=True)
    if city >= 0.5 and found.distinct >= 8:
        return Finding("city", 0.7, (f"values: {city:.0%} of {found.distinct} distinct are known places",), rule)
    return None


_NAMED_SO = 12  # distinct values: fewer surnames may be colours


def _text_by_values(found: Profile) -> Finding | None:
    if found.words < 6:
        return None
    rule = "long texts"
    if found.contained > 0.05:
        note = f"values: {found.contained:.0%} of the texts hold a mail address, a number or a titled name"
        return Finding("free_text_pii", 0.85, (note,), rule, strong=True)
    return Finding("text", 0.6, (f"values: texts of {found.words:.0f} words on average",), rule)


def _denied(contradicted: tuple[str, ...]) -> bool:
    """Whether a name says a direct identifier in an unusual form: a card number with stars is no number of a thing."""
    return any(line.startswith(f"name says {entity},") for line in contradicted for entity in DIRECT)


def _had(contradicted: tuple[str, ...]) -> Finding | None:
    """Whether somebody has a telephone, where the name says one and the values are flags."""
    told = [line for line in contradicted if "values are flags" in line]
    if not _denied(tuple(line for line in told if "person" not in line)):
        return None
    return Finding("flag", 0.55, ("values: two at most, as of whether there is one",), "values of a flag")


NOTHING = "nothing known"


def _plain(found: Profile) -> Finding:
    """Neither name nor values say anything."""
    rule = NOTHING
    if not found.values:
        return Finding("unknown_none", 0.2, ("no values and no known name",), rule)
    if found.shares["flag"] == 1 and found.distinct <= 2:
        return Finding("flag", 0.3, ("values: two at most, as of a flag; the name says nothing",), rule)
    kind: EntityType = "measure" if found.numeric else "category" if found.distinct <= 50 else "unknown_none"
    return Finding(kind, 0.3, (f"name unknown; {found.distinct} distinct of {found.values} values",), rule)


# -- both ------------------------------------------------------------------------------------------------------------


_NO_NAMES: frozenset[EntityType] = frozenset({"occupation", "category", "code", "record_id", "flag", "education"})
_ANY_NUMBER: frozenset[EntityType] = frozenset({"measure", "amount", "salary", "financial"})
_COARSE: frozenset[EntityType] = frozenset({"category", "code", "flag"})


def _combine(by_name: Finding, by_value: Finding | None, found: Profile) -> Finding:
    """Agreement raises confidence; strong values beat a weak or a harmless name."""
    confirmed = _confirmation(by_name.entity_type, found)
    if by_value is None or not by_value.strong:
        if confirmed is None:
            return by_name
        confidence = either(by_name.confidence, 0.6 if by_name.entity_type not in _ANY_NUMBER else 0.35)
        return replace(by_name, confidence=confidence, evidence=(*by_name.evidence, confirmed), rule="name and values")
    if by_value.entity_type == by_name.entity_type:
        return replace(
            by_name,
            confidence=either(by_name.confidence, by_value.confidence),
            evidence=(*by_name.evidence, *by_value.evidence),
            rule="name and values",
            subtype=by_name.subtype or by_value.subtype,
        )
    name_is_weak = by_name.confidence < by_value.confidence
    harmless = by_name.entity_type in OTHER and by_value.entity_type in DIRECT | SENSITIVE
    certain = by_value.entity_type in {"email", "ip_address", "mac_address"} and by_name.entity_type not in DIRECT
    certain |= by_value.entity_type in {"credit_card", "iban"} and by_name.entity_type not in DIRECT
    certain |= by_value.entity_type == "person_name" and by_name.entity_type in _NO_NAMES and found.given_names > 0.6
    certain |= by_value.entity_type == "person_name" and by_name.entity_type in OTHER and found.shares["titled"] > 0.7
    certain |= by_name.entity_type in _COARSE and by_value.entity_type in QUASI and by_value.entity_type != "postcode"
    certain |= by_name.entity_type in _COARSE and by_value.entity_type == "ethnicity"
    if certain or (name_is_weak and (harmless or by_name.confidence < DECIDED)):
        return replace(by_value, evidence=(*by_value.evidence, *by_name.evidence))
    return by_name


def _confirmation(entity: EntityType, found: Profile) -> str | None:
    """A weak sign in the values that the name is right."""
    if entity == "gender" and found.shares["gender"] > 0.8:
        return f"values: {found.shares['gender']:.0%} are words for a gender"
    if entity in {"date_of_birth", "date_of_death", "person_date", "date"} and found.shares["date"] > 0.8:
        return f"values: {found.shares['date']:.0%} are dates"
    if entity == "age" and found.low is not None and found.high is not None and found.low >= 0 and found.high <= 120:
        return "values: numbers as of ages"
    if entity in {"first_name", "person_name"} and found.given_names > 0.3:
        return f"values: {found.given_names:.0%} of the distinct hold a common given name"
    if entity == "last_name" and found.surnames > 0.3:
        return f"values: {found.surnames:.0%} of the distinct are common surnames"
    if entity == "phone" and found.share("phone", "dial") > 0.6:
        return f"values: {found.share('phone', 'dial'):.0%} look like a telephone number"
    if entity == "postcode" and found.share("postcode", "five") > 0.6:
        return f"values: {found.share('postcode', 'five'):.0%} have the form of a postcode"
    if entity == "credit_card" and found.checks.get("luhn", 0) > 0.8:
        return f"values: {found.checks['luhn']:.0%} of the distinct pass Luhn"
    if entity == "person_id" and (found.shares["uuid"] > 0.9 or (found.distinct_share > 0.5 and found.values >= 8)):
        return f"values: {found.distinct} distinct of {found.values}"
    if entity == "flag" and found.shares["flag"] == 1 and found.distinct <= 2:
        return "values: two at most, as of a flag"
    if entity in _ANY_NUMBER and (found.numeric or found.shares["number"] > 0.9):
        return "values: numbers"
    listed = {"city": "city", "country": "country", "region": "region", "occupation": "job", "religion": "religion"}
    if (share := found.listed.get(listed.get(entity, ""), 0.0)) > 0.4:
        return f"values: {share:.0%} of {found.distinct} distinct stand in the list of {listed[entity]} words"
    return None
