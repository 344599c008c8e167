"""What a column's name says: words in thirty languages, in full or in short, weighed by how much of it they cover.

A name is cut into words, glued words into their parts, and each is read as itself, as its English meaning and as its
kind (a person, a thing, an event). A phrase of the dictionary is found where all its words are, in any order.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice, takewhile

from synth_assets.classification import dictionary
from synth_assets.classification.dictionary import FILLERS
from synth_assets.classification.lexicon import PREFIXES, by_word
from synth_assets.classification.vocabulary import DIRECT, NAMES, PLACE_LIKE, QUASI, SENSITIVE, EntityType

_WORD = re.compile(
    r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+"
    r"|[А-ЯЁЄІЇҐЎ]?[а-яёєіїґў]+|[А-ЯЁЄІЇҐЎ]+"
    r"|(?:[^\W\d_a-zA-Z]|[\u0900-\u0dff\u0e31-\u0e4e])+"  # with the vowel signs of Indian scripts and of Thai
)
_FOLDS = str.maketrans({
    "ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ð": "d", "þ": "th", "ı": "i", "æ": "ae",
    "œ": "oe",
})  # fmt: skip
_ALPHABETIC = re.compile(r"[\u0370-\u058f]")  # Greek, Cyrillic, Armenian: words of letters, unlike signs
_HIRAGANA = re.compile(r"[ぁ-ゟ]+")
_MARKED = re.compile(r"[a-z]{1,3}(?=[A-Z])")
_SOLO = frozenset({
    "first", "last", "given", "middle", "family", "second", "title", "name", "native", "origin", "account", "plate",
    "photo", "signature", "login", "handle", "alias", "building", "house", "street", "work", "gang", "initials",
    "relationship", "partner", "church", "party", "union", "sentence", "place", "area",
    "token", "pin", "secret", "comp", "birth", "school", "insurance",
})  # fmt: skip
"""Words that mean something by themselves and often something else beside others: a last scan is no last name."""
_NEARLY_ALL, _SOLO_WEIGHT = 0.75, 0.6
_FILLER_WEIGHT = 0.25
_PERSON_WEIGHT = 0.4
_NOUN_WEIGHT = 0.6  # of a noun for a person behind words that say nothing else: `treating physician`
_UNKNOWN_WEIGHT = 0.8  # of a word that nobody knows: its head says more
_DIGIT_WEIGHT = 0.1

_COUNTING = frozenset(
    {"flag", "is", "has", "cnt", "count", "num", "verified", "n", "nbr", "anzahl", "nb", "allow", "opt"}
)
_ABOUT = frozenset(
    {"type", "flag", "verified", "status", "count", "promotion", "kind", "category", "preference", "consent", "optin"}
    | {"provider", "length", "valid", "confirmed", "domain", "score", "attempts", "rating", "bounced", "format", "yn"}
)
_CURRENCIES = frozenset({"currency", "ccy", "waluta", "moneda", "moeda", "devise", "valuta", "wahrung", "waehrung"})
_SMALL = frozenset({"on", "in", "at", "as", "by", "was", "not", "or", "any", "are"})
"""English words that are words of another meaning elsewhere: `phone_on_file` has no date in it."""
_OF_MANY = frozenset({"average", "avg", "mean", "median", "capita", "andel", "anteil", "mediana", "mediane", "medel"})
"""Words for what an area or a group has together: nobody's age is a median."""
_LINKS = ("", "s", "n", "en", "es", "er", "e", "i", "o")
_ENDINGS = frozenset({"id", "nr", "no", "dt", "nm", "cd", "yn", "ip", "yr", "tm", "dtc"})
_SHORT = frozenset({
    "geb", "dat", "str", "typ", "bic", "vat", "ean", "sku", "cvv", "vin", "url", "mac", "plz", "ort", "nom", "sex",
    "tel", "fax", "zip", "dob", "cod", "cpf", "cep", "fec", "nac", "nat", "dni", "ddn", "ini", "fin", "adr", "num",
    "kod", "pat", "cli", "emp", "usr", "prod", "inc", "tot", "vor", "tlf", "rue", "dep", "lid", "mob", "per", "kto",
    "ktr", "via", "cap", "raz", "ing", "mat", "key", "ref",
})  # fmt: skip
"""Words of three letters that others are glued to; more of them would be found in any long word."""
_HEADS = (
    "datum", "date", "dat", "passwort", "password", "nummer", "number", "telefon", "adresse", "preis", "betrag",
    "kosten", "anzahl", "status", "gehalt", "kennung", "beginn", "ende", "bezeichnung", "menge",
)  # fmt: skip
_SHORTENED = 7  # letters; longer words are no beginnings of others
_WHOLE = frozenset({
    "diabetologo", "valid", "paid", "grid", "solid", "liquid", "rapid", "covid", "hybrid", "android", "kid", "bid",
    "iphone", "estate",
})  # fmt: skip


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


_PLAIN = re.compile(r"[a-z ]+|[a-z ]*\b(PERSON|THING|EVENT)\b[a-z ]*")
_GENDERED = re.compile(r"(?<=[^\W\d_]{3})[/(*:·]-?(in|innen|e|a|o|r|en|euse|rice|trice)\)?(?![^\W\d_])", re.IGNORECASE)


def words(header: str) -> tuple[str, ...]:
    """The words of a column's name in lower case and without accents.

    >>> words("NationalIDNumber"), words("Straße_Nr"), words("Leser/in")
    (('national', 'id', 'number'), ('strasse', 'nr'), ('leser',))
    """
    return tuple(word.lower() for word in _WORD.findall(_fold(_GENDERED.sub("", header))))


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text.translate(_FOLDS))
    return "".join(letter for letter in folded if not unicodedata.combining(letter))


def parts(header: str) -> tuple[str, ...]:
    """The words of a name, with glued ones cut into words that the lexicon knows.

    >>> parts("Geburtsdatum"), parts("usubjid"), parts("mailbox")
    (('geburtsdatum',), ('usubj', 'id'), ('mailbox',))
    """
    return tuple(part for word in words(header) for part in _cut(word))


_KIND_NAMES = {"person": "PERSON", "thing": "THING", "event": "EVENT"}
_SPELT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})


def _spellings(word: str) -> set[str]:
    """How a word is written without accents: `månad` as `manad` or `maanad`."""
    return {word} if word.isascii() else {_fold(word), _fold(word.translate(_SPELT))}


@cache
def _forms() -> dict[str, frozenset[str]]:
    """For each word of the lexicon what it may be read as."""
    found: dict[str, frozenset[str]] = {}
    all_meanings, all_kinds = by_word("meanings"), by_word("kinds")
    for word in all_meanings.keys() | all_kinds.keys():
        meanings = all_meanings.get(word, frozenset())
        forms = meanings.union(all_kinds.get(word, ()), *(all_kinds.get(meaning, ()) for meaning in meanings))
        for spelt in _spellings(word):
            found[spelt] = found.get(spelt, frozenset()) | forms
    return found


@cache
def phrases() -> dict[tuple[str, ...], EntityType]:
    """Every phrase of the dictionary as the words that are looked for."""
    return {_phrase(text): entity for text, entity in dictionary.phrases().items()}


def _phrase(text: str) -> tuple[str, ...]:
    if _PLAIN.fullmatch(text):
        return tuple(text.split())
    capitals = {word.lower() for word in text.split() if word.isupper() and word.isascii()}
    return tuple(_KIND_NAMES.get(word, word) if word in capitals else word for word in words(text))


@cache
def _containing() -> dict[str, list[tuple[str, ...]]]:
    """For each word the phrases that begin with it."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for phrase in phrases():
        found.setdefault(phrase[0], []).append(phrase)
    return found


@cache
def _known() -> frozenset[str]:
    return frozenset(_forms()) | {word for phrase in phrases() for word in phrase}


@cache
def _sorted() -> list[str]:
    return sorted(_known())


@lru_cache(maxsize=8192)
def _cut(word: str) -> tuple[str, ...]:
    """A word that nobody knows as known ones, where it can be cut into such without a rest."""
    if word in _known() or word in FILLERS or word in _WHOLE or word.isdigit():
        return (word,)
    if not word.isascii() and not _ALPHABETIC.match(word) and (found := _segments(word)):
        return found
    return _pieces(word, 4) or _head(word) or _lettered(word) or (word,)


def _segments(word: str) -> tuple[str, ...] | None:
    """A word of a script without spaces as the longest known words in it; what lies between stays as it is."""
    found, rest, place = [], "", 0
    while place < len(word):
        length = next((n for n in range(len(word) - place, 0, -1) if word[place : place + n] in _known()), 0)
        if length and rest:
            found.append(rest)
            rest = ""
        if length:
            found.append(word[place : place + length])
        else:
            rest += word[place]
        place += length or 1
    return (*found, rest) if rest and found else tuple(found) or None


def _head(word: str) -> tuple[str, ...] | None:
    """A compound of which only the last part is known: `geraetepasswort` is a password of something."""
    for head in _HEADS:
        rest = word.removesuffix(head)
        if rest != word and len(rest) >= 4:
            return (rest, head)
    return None


def _lettered(word: str) -> tuple[str, ...] | None:
    """A word behind one letter that says whose column it is: `ulname`, `bsalary`; only what is somebody's."""
    rest = word[1:]
    known = word.isascii() and len(rest) >= _LETTERED and (rest,) in phrases() and word not in _WHOLE
    return (word[0], rest) if known and phrases()[rest,] in DIRECT | QUASI | SENSITIVE else None


_LETTERED = 5


def _pieces(word: str, most: int) -> tuple[str, ...] | None:
    smallest = 3 if word.isascii() else 4 if _ALPHABETIC.match(word) else 1
    if word in _known() and _whole_enough(word):
        return (word,)
    if most == 1:
        return None
    for length in range(len(word) - 1, smallest - 1, -1):
        head, rest = word[:length], word[length:]
        if head not in _known() or not _whole_enough(head):
            continue
        if rest in _ENDINGS:
            return (head, rest)
        for link in _LINKS if word.isascii() else ("",):
            if rest.startswith(link) and (tail := _pieces(rest[len(link) :], most - 1)) and _long(head, *tail):
                return (head, *tail)
    return None


def _whole_enough(piece: str) -> bool:
    return not piece.isascii() or len(piece) > 3 or piece in _SHORT


def _long(*pieces: str) -> bool:
    """Whether pieces are long enough for a word to be cut there: `st-age` and `cover-age` are no ages."""
    if not pieces[0].isascii():
        return True
    return pieces[-1] not in {"age", "ages", "ate", "ion", "ing", "ant", "act", "art", "ist"} and sum(
        map(len, pieces)
    ) >= 3.5 * len(pieces)


@cache
def meanings_of(word: str) -> frozenset[str]:
    """What a word may be read as: itself, its singular, its English meanings, its kind."""
    found = {word, *_forms().get(word, ())}
    if len(found) == 1 and word.endswith(_SPECIALISTS) and len(word) > _SHORTENED:
        found.add("PERSON")
    if len(word) > 3 and word.endswith("s"):
        one = f"{word[:-3]}y" if word.endswith("ies") else word[:-1]
        found |= {one, *_forms().get(one, ())}
    if len(found) == 1 and word not in _known() and 4 <= len(word) <= _SHORTENED:
        meanings = {
            _forms().get(known) or frozenset({known}) for known in _beginning(word) if len(known) < 2.5 * len(word)
        }
        if len(meanings) == 1:
            found |= next(iter(meanings))
    return frozenset(found)


def _beginning(word: str) -> Iterable[str]:
    """The known words that begin with this one."""
    return takewhile(lambda known: known.startswith(word), islice(_sorted(), bisect_left(_sorted(), word), None))


def kinds(word: str) -> frozenset[str]:
    """Whether a word is a noun for a PERSON, a THING or an EVENT."""
    singular = next((word[:-cut] for cut in (1, 2) if word.endswith("es"[-cut:]) and word[:-cut] in _forms()), word)
    found = _forms().get(word) or _forms().get(singular, frozenset())
    return (found or meanings_of(word)) & {"PERSON", "THING", "EVENT"}


_SPECIALISTS = ("ologist", "ologo", "ologa", "ologue", "ologe", "ologin", "ologista")


@dataclass(frozen=True)
class _Word:
    forms: frozenset[str]
    weight: float


def _words_of(header_parts: Sequence[str], marked: bool) -> list[_Word]:
    """The words of a name with their forms; a meaning of two words stands for two; ``marked`` by its type in front."""
    found = []
    for index, part in enumerate(header_parts):
        mark = marked and index == 0 and part in PREFIXES
        small = part in _SMALL and index < len(header_parts) - 1
        forms = frozenset({part}) if mark or small else meanings_of(part)
        double = next((form for form in sorted(forms) if " " in form), None)
        weight = _weight(part, forms, first=index == 0 and len(header_parts) > 1)
        if double is None:
            found.append(_Word(forms, weight))
        else:
            one, other = double.split(" ", 1)
            found += [_Word(frozenset({one}) | forms, weight / 2), _Word(frozenset({other}), weight / 2)]
    return found


def _weight(word: str, forms: frozenset[str], first: bool) -> float:
    if word.isdigit():
        return _DIGIT_WEIGHT
    if (len(word) == 1 and word.isascii()) or (first and word in PREFIXES):
        return _DIGIT_WEIGHT
    if word in FILLERS or forms & FILLERS or _HIRAGANA.fullmatch(word):
        return _FILLER_WEIGHT
    if forms == {word} and word not in _known():
        return _UNKNOWN_WEIGHT
    return _PERSON_WEIGHT if "PERSON" in forms else 1.0


@lru_cache(maxsize=4096)
def readings(header: str) -> tuple[Reading, ...]:
    """Every meaning of a column's name, the most likely first.

    Of phrases that cover the same share one that is somebody's wins, as ``smoking_flag`` is no less than smoking; then
    one whose words stand in its order, as a card's id is no id card; then the longer, the one nearer to the letter, and
    the later, as the head of a name stands last. A name that counts or qualifies an identifier (``has_email``,
    ``PhoneNumberType``) does not hold one.
    """
    raw = parts(header)
    marked = bool(_MARKED.match(header)) and raw[0] in PREFIXES | _COUNTING
    found = _words_of(raw, marked)
    total = sum(word.weight for word in found)
    best: dict[EntityType, tuple[float, bool, bool, int, int, int, str]] = {}
    least = (0.0, False, False, 0, 0, 0, "")
    for phrase in _candidates(form for word in found for form in word.forms):
        used = _places(phrase, found)
        if used is None:
            continue
        if "of" in phrase and used != sorted(used):
            continue  # `type of care` is no `care of`
        covered = sum(found[place].weight for place in used) / total
        entity = _qualified(phrases()[phrase], raw[marked:], phrase)
        literal = sum(word in raw for word in phrase) - sum(word.isupper() for word in phrase)
        personal = entity in QUASI or entity in SENSITIVE
        alone = len(phrase) == 1 and phrase[0] in _SOLO and covered < _NEARLY_ALL
        torn = entity in NAMES and max(used) - min(used) >= len(phrase)  # `last DM name` is no last name
        if alone or torn:
            covered *= _SOLO_WEIGHT
        key = (round(covered, 4), personal, used == sorted(used), len(phrase), literal, max(used), " ".join(phrase))
        best[entity] = max(best.get(entity, least), key)
    if key_of := _key_of(raw):
        best[key_of] = max(best.get(key_of, least), (0.9, True, True, 2, 0, 0, "a key"))
    plain = all(word.forms == {part} for word, part in zip(found, raw[:-1], strict=False))
    if len(raw) > 1 and kinds(raw[-1]) == {"PERSON"} and plain:
        best["person_name"] = max(best.get("person_name", least), (_NOUN_WEIGHT, True, True, 1, 0, 0, "PERSON"))
    if len(raw) > 2 and raw[-1] == "name" and kinds(raw[-2]) == {"PERSON"}:
        best["person_name"] = max(best.get("person_name", least), (0.9, True, True, 2, 0, 0, "a name"))
    ranked = sorted(best.items(), key=lambda item: item[1], reverse=True)
    return tuple(Reading(entity, min(key[0], 1.0), key[-1]) for entity, key in ranked)


_CODED: frozenset[EntityType] = frozenset({"gender", "marital_status", "ethnicity", "religion", "age"})
_CODED_TOO: frozenset[EntityType] = _CODED | {"hr_evaluation", "diagnosis", "nationality", "language"}
"""What a few codes stand for: ``gender_id`` is a gender."""


def _key_of(raw: Sequence[str]) -> EntityType | None:
    """Whose key a name with an `id` in it is, by the noun that stands nearest before it, or after a leading `id`."""
    places = [place for place, word in enumerate(raw) if "id" in meanings_of(word)]
    if not places or len(raw) < 2:
        return None
    if len(raw) > 2 and phrases().get(tuple(raw[:-1])) in _CODED_TOO:
        return None
    rest = tuple(word for place, word in enumerate(raw) if place != places[-1])
    known = next((entity for start in range(len(rest)) if (entity := _named(rest[start:]))), None)
    if known in _NUMBERED:
        return known
    known = _named(rest)
    if known in PLACE_LIKE:
        return None
    if known == "occupation":
        return "record_id"
    before = [*reversed(raw[: places[-1]])] or raw[1:]
    if before[0] in _ABOUT_PEOPLE:
        return "record_id"
    nearest = next((found for word in before if (found := kinds(word) & {"PERSON", "THING"})), None)
    if nearest is None:
        named = raw[-1] == "id" and before[0] in _known() and len(before[0]) > 3
        return (
            "record_id"
            if named and not any(phrases().get((form,)) in _CODED for form in meanings_of(before[0]))
            else None
        )
    return "person_id" if "PERSON" in nearest else "record_id"


def _named(raw: Sequence[str]) -> EntityType | None:
    """What one or two words mean by themselves, in their own language or in English."""
    if len(raw) != 1:
        return phrases().get(tuple(raw))
    own = phrases().get((raw[0],))
    return own or next((phrases()[form,] for form in sorted(meanings_of(raw[0])) if (form,) in phrases()), None)


_NUMBERED: frozenset[EntityType] = frozenset({"national_id", "passport", "drivers_license", "bank_account", "iban"})
"""What is a number itself: a `pesel_id` is a PESEL."""
_ABOUT_PEOPLE = frozenset(
    {"status", "score", "type", "category", "class", "level", "grade", "reason", "rating", "group"}
)
"""What people have a few kinds of: `emp_status_id` is no employee."""


def _candidates(forms: Iterable[str]) -> Iterable[tuple[str, ...]]:
    return [phrase for form in dict.fromkeys(forms) for phrase in _containing().get(form, ())]


def _places(phrase: tuple[str, ...], found: Sequence[_Word]) -> list[int] | None:
    """Where the words of a phrase stand in a name; None unless all do, each in its own place."""
    used: list[int] = []
    for word in phrase:
        place = next((i for i, candidate in enumerate(found) if i not in used and word in candidate.forms), None)
        if place is None:
            return None
        used.append(place)
    return used


_SECRETS: frozenset[EntityType] = frozenset({"password", "card_cvv", "card_expiry"})


def _qualified(entity: EntityType, raw: Sequence[str], phrase: tuple[str, ...]) -> EntityType:
    """An identifier that the rest of the name merely counts or qualifies is none."""
    if _OF_MANY & set(raw) and (entity in QUASI or entity == "salary"):
        return "measure"
    if entity in {"salary", "financial"} and raw[-1] in _CURRENCIES and raw[-1] not in phrase:
        return "code"
    if entity not in DIRECT | _SECRETS or entity == "person_id" or len(raw) <= 1:
        return entity
    if raw[0] == "total" and entity in _SECRETS:
        return "measure"
    if raw[0] in _COUNTING and raw[0] not in phrase and not meanings_of(raw[0]) & set(phrase):
        return "flag"
    about = raw[-1] in _ABOUT and raw[-1] not in phrase
    return "category" if about else entity
