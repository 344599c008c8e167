"""Why values cannot be what a column's name says: numbers that are no names, ages that are too high, flags.

What belongs here: what speaks against a meaning of a name. What does not: what values say by themselves.
"""

from __future__ import annotations

from synth_assets.classification.headers import Reading
from synth_assets.classification.values import Profile
from synth_assets.classification.vocabulary import DIRECT, NAMES, QUASI, SENSITIVE, EntityType

_LETTERS_NEEDED: frozenset[EntityType] = NAMES | {"street_address", "photo", "iban", "email"}
_MAY_BE_FLAGS: frozenset[EntityType] = frozenset({"person_id", "free_text_pii"})
_NO_FLAGS: frozenset[EntityType] = (DIRECT - _MAY_BE_FLAGS) | {
    "date_of_birth", "postcode", "salary", "password", "card_expiry", "card_cvv", "city", "region", "person_date",
}  # fmt: skip
_LONG_NUMBERS: frozenset[EntityType] = frozenset({
    "national_id", "credit_card", "iban", "passport", "drivers_license", "vin", "mac_address", "ip_address",
})  # fmt: skip


def contradiction(reading: Reading, rival: Reading | None, found: Profile) -> str | None:
    """Why values cannot be what a meaning of the name says; None where they can.

    ``rival`` is the next meaning: where it weighs nearly as much, less speaks against this one.
    """
    doubted = rival is not None and rival.weight >= _NEARLY * reading.weight
    return (
        _of_numbers(reading.entity_type, found)
        or _of_words(reading.entity_type, found)
        or _of_facts(reading.entity_type, found)
        or _too_few(reading, found)
        or _misread(reading, found)
        or (_doubt(reading, found) if doubted else None)
    )


_NEARLY = 0.9


def _of_numbers(entity: EntityType, found: Profile) -> str | None:
    """Flags and numbers that are no names, numbers that are too small, or that repeat."""
    if found.values < 3:
        return None
    high = found.high
    if entity in _NO_FLAGS and found.shares["flag"] == 1 and found.distinct <= 2:
        return "values are flags"
    if entity in _LETTERS_NEEDED and (found.numeric or found.shares["number"] > 0.9):
        return "values are numbers"
    if entity == "username" and found.numeric and found.distinct_share < 0.9:
        return "values are numbers that repeat"
    if entity in _LONG_NUMBERS and found.numeric and high is not None and high < 10_000:
        return "the numbers are too small"
    if entity in {"phone", "bank_account", "postcode"} and found.numeric and high is not None and high < 100:
        return "the numbers are too small"
    return None


def _of_words(entity: EntityType, found: Profile) -> str | None:
    """Texts and days that are no names, mail addresses or telephone numbers."""
    if found.values < 3:
        return None
    if entity in {"person_name", "first_name", "last_name"} and found.words > 5:
        return "values are no names"
    named = max(found.given_names, found.surnames) > 0
    if entity in NAMES and found.values >= 50 and found.distinct == 1 and not named:
        return "there are too few different values"
    if entity in _NEVER_DATES and found.shares["date"] > 0.9 and not found.numeric:
        return "values are dates"
    if entity == "person_name" and found.shares["firm"] > 0.3:
        return "values are names of firms"
    if entity == "email" and found.shares["email"] < 0.2 and (found.distinct_share < 0.9 or found.words > 1.2):
        return "values are no mail addresses"
    if (
        entity in {"measure", "amount"}
        and found.shares["named"] > 0.9
        and found.distinct_share > 0.5
        and found.words > 1
    ):
        return "values are written as names are"
    if entity == "phone" and found.shares["lettered"] > 0.8 and found.share("phone", "dial") < 0.1:
        return "values are words"
    if entity in NAMES - {"person_name"} and found.values >= 30 and found.distinct <= 2 and found.length < 3:
        return "values are two codes"
    return None


_COUNTED: frozenset[EntityType] = frozenset({"measure", "amount", "flag"})
_NEVER_DATES: frozenset[EntityType] = (DIRECT | QUASI | SENSITIVE | _COUNTED) - {
    "date_of_birth", "date_of_death", "person_date", "card_expiry", "free_text_pii", "age", "bank_account", "phone",
    "national_id", "postcode", "credit_card", "person_id", "passport", "drivers_license", "password",
}  # fmt: skip
"""Names and facts, unlike numbers: `12-34-56` is a sort code as well as a day."""
_YEARS_LIVED = 150
_DAYS_LIVED = 45_000  # ages are counted in years, months, weeks or days
_NO_DATES: frozenset[EntityType] = frozenset({"age", "person_id", "salary", "card_cvv"})


def _misread(reading: Reading, found: Profile) -> str | None:
    """Why values cannot be what a phrase usually means."""
    if reading.phrase == "unnamed" and not (found.numeric and found.distinct_share > 0.99):
        return "only numbers of rows are known to stand under no name"
    if found.high is None or found.values < 3:
        return None
    if reading.entity_type in {"date", "person_date"} and found.high < 1000 and "year" in reading.phrase:
        return "the numbers are too small for years" if found.high > 12 or found.low == 0 else None
    told = set(reading.phrase.split())
    if reading.entity_type == "person_date" and found.high < _SMALLEST_DAY and not told & _PARTS_OF_TIME:
        return "the numbers are too small for days"
    if reading.entity_type == "date" and "month" in reading.phrase and (found.fractional or found.high > 999_999):
        return "the numbers are no months"
    if reading.entity_type in {"latitude", "longitude"} and max(abs(found.high), abs(found.low or 0.0)) > 180:
        return "the numbers are no degrees"
    return None


_SMALLEST_DAY = 1000  # below it numbers are no years, no days since 1970, no `20240131`
_PARTS_OF_TIME = frozenset(
    {"year", "month", "day", "hour", "time", "week", "quarter", "minute", "years", "days", "months"}
)


def _too_few(reading: Reading, found: Profile) -> str | None:
    """Why a noun for people without a word for a key is no key."""
    few = found.values >= 50 and found.distinct <= 5 and not found.numeric
    flags = found.values >= _A_FEW and found.distinct <= 2 and found.shares["flag"] == 1
    keyed = "id" in reading.phrase.split() or reading.phrase == "a key"
    if reading.entity_type == "person_id" and flags and not keyed:
        return "values are flags"
    if reading.entity_type == "person_id" and few and not keyed and found.share("uuid", "numbered", "hash") < 0.5:
        return "there are too few different values for people"
    return None


def _doubt(reading: Reading, found: Profile) -> str | None:
    """Why another meaning of the same weight is more likely."""
    if reading.entity_type in {"measure", "amount"} and found.shares["lettered"] > 0.8 and not found.numeric:
        return "values are words"
    few = found.values >= _A_FEW and found.distinct <= 6 and not found.numeric and " " not in reading.phrase
    if (
        reading.entity_type in {"region", "city", "country"}
        and few
        and found.listed.get(reading.entity_type, 0.0) < 0.3
    ):
        return "there are few different values, and none is a known place"
    return None


_A_FEW = 8  # values


def _of_facts(entity: EntityType, found: Profile) -> str | None:
    """Ages, sexes, places, amounts and keys that values cannot be."""
    if found.values < 3:
        return None
    low, high = found.low, found.high
    unlived = low is not None and high is not None and not -2 <= low <= high <= _DAYS_LIVED
    if entity == "age" and unlived and found.distinct > _YEARS_LIVED:  # fewer are ages with a slip of the pen
        return "numbers are no ages"
    if entity in {"person_name", "first_name", "last_name"} and found.shares["digits"] > 0.5:
        return "values are numbers"
    if entity in {"latitude", "longitude"} and low is None:
        return "values are no numbers"
    if entity in {"marital_status", "religion"} and found.distinct > 40 and found.distinct_share > 0.1:
        return "there are too many different values"
    words = not found.numeric and found.shares["number"] < 0.2 and not found.shares["date"]
    if entity == "salary" and words and found.distinct > 20 and found.distinct_share > 0.5:
        return "values are no amounts"
    if entity == "gender" and found.distinct > 12 and found.shares["gender"] < 0.6:
        return "there are too many different values"
    if entity == "credit_card" and found.share("card", "digits") < 0.3:
        return "values are no card numbers"
    amounts = found.fractional and found.shares["whole"] < 0.5 and (low or 0) >= 0
    if entity in {"date", "person_date", "region", "city", "country"} and amounts:
        return "values are amounts"
    if entity == "person_date" and found.shares["lettered"] > 0.8 and found.shares["date"] < 0.1 and not found.numeric:
        return "values are words"
    if entity in _NO_DATES and found.shares["date"] > 0.9 and not found.numeric:
        return "values are dates"
    if entity == "person_id" and found.values >= 30 and found.data_type.upper() == "BOOLEAN":
        return "values are flags"
    return None
