"""What a column's name says: whole words of a multilingual dictionary, weighted by how much of the name they cover."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from synth_assets.classification.dictionary import FILLERS
from synth_assets.classification.dictionary import PHRASES as _TEXTS
from synth_assets.classification.vocabulary import DIRECT, EntityType

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_FOLDS = str.maketrans({"ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "æ": "ae", "œ": "oe"})
_FILLER_WEIGHT = 0.25
_DIGIT_WEIGHT = 0.1

_COUNTING = frozenset(
    {"flag", "is", "has", "cnt", "count", "num", "verified", "n", "nbr", "anzahl", "nb", "allow", "opt"}
)
_ABOUT = frozenset(
    {"type", "flag", "verified", "status", "count", "promotion", "kind", "category", "preference", "consent", "optin"}
    | {"provider", "length", "valid", "confirmed", "domain", "score", "attempts"}
)


@dataclass(frozen=True)
class Reading:
    """One meaning of a column's name.

    Attributes:
        weight: share of the name that the phrase covers, 0 to 1.
        phrase: the words of the dictionary that were found.
    """

    entity_type: EntityType
    weight: float
    phrase: str


def words(header: str) -> tuple[str, ...]:
    """The words of a column's name in lower case and without accents.

    >>> words("NationalIDNumber"), words("Straße_Nr"), words("płeć klienta")
    (('national', 'id', 'number'), ('strasse', 'nr'), ('plec', 'klienta'))
    """
    folded = unicodedata.normalize("NFKD", header.translate(_FOLDS))
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return tuple(word.lower() for word in _WORD.findall(plain))


PHRASES: dict[tuple[str, ...], EntityType] = {words(text): entity for text, entity in _TEXTS.items()}
_LONGEST = max(len(phrase) for phrase in PHRASES)


@lru_cache(maxsize=4096)
def readings(header: str) -> tuple[Reading, ...]:
    """Every meaning of a column's name, the most likely first.

    Of phrases that cover the same share the longer and then the later one wins, as the head of a name stands last.
    A name that counts or qualifies an identifier (``has_email``, ``PhoneNumberType``) does not hold one.
    """
    found = words(header)
    total = sum(_weight(word) for word in found)
    best: dict[EntityType, tuple[float, int, int, str]] = {}
    for start in range(len(found)):
        for end in range(start + 1, min(len(found), start + _LONGEST) + 1):
            phrase = found[start:end]
            entity = PHRASES.get(phrase) or PHRASES.get(_singular(phrase))
            if entity is None:
                continue
            covered = sum(_weight(word) for word in phrase) / total
            entity = _qualified(entity, found, start, end)
            key = (covered, end - start, end, " ".join(phrase))
            best[entity] = max(best.get(entity, (0.0, 0, 0, "")), key)
    ranked = sorted(best.items(), key=lambda item: item[1], reverse=True)
    return tuple(Reading(entity, round(key[0], 4), key[3]) for entity, key in ranked)


def _weight(word: str) -> float:
    if word.isdigit():
        return _DIGIT_WEIGHT
    return _FILLER_WEIGHT if word in FILLERS else 1.0


def _singular(phrase: tuple[str, ...]) -> tuple[str, ...]:
    last = phrase[-1]
    return (*phrase[:-1], last[:-1]) if len(last) > 3 and last.endswith("s") else phrase


def _qualified(entity: EntityType, found: tuple[str, ...], start: int, end: int) -> EntityType:
    """An identifier that the rest of the name merely counts or qualifies is none."""
    if entity not in DIRECT or entity == "person_id":
        return entity
    if start > 0 and found[0] in _COUNTING:
        return "flag"
    return "category" if end < len(found) and found[-1] in _ABOUT else entity
