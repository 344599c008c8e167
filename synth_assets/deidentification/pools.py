"""Pools: lists of words from Faker, loaded once into the engine, from which fakes are put together.

Faker makes one value per Python call; its lists, indexed by a keyed hash inside the engine, make millions a second.
Surnames are not used as they stand: a fake full name must not be a real person's, so each surname gets an invented
head (`Vel` + `Johnson` = `Veljohnson`). Given names, cities and the like are real words.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import duckdb
from pydantic import AfterValidator

from synth_assets.errors import SpecError

PoolName = Literal[
    "female", "male", "female_ascii", "male_ascii", "head", "head_ascii", "last", "last_ascii",
    "street_suffix", "city", "region", "country", "company_suffix", "job",
]  # fmt: skip

_HEADS: tuple[str, ...] = (
    *("Ael", "Ylv", "Bram", "Cael", "Cor", "Dael", "Dor", "Eld", "Elm", "Fael", "Fen", "Gael", "Gil", "Hael", "Hal"),
    *("Ild", "Jor", "Kael", "Kel", "Lor", "Lun", "Mael", "Mor", "Nael", "Thrael", "Oel", "Ork", "Pael", "Gryn", "Quen"),
    *("Rael", "Dwyr", "Sael", "Sel", "Tael", "Thal", "Uld", "Ulv", "Vael", "Vel", "Wael", "Wen", "Xan", "Yael", "Yor"),
    *("Zael", "Zel", "Brun", "Cren", "Drun", "Fral", "Gwen", "Hrol", "Krel", "Mund", "Nyl", "Pryn", "Rhun", "Skel"),
    *("Tryn", "Vorn", "Wyl", "Ziv"),
)
_FEWEST = 20
"""Names a locale must have of a sort; below, English ones stand in."""

_DRAWS = 2000
_SEED = 20_250_101


class Pools:
    """The word lists of one locale.

    Args:
        locale: a locale of Faker, such as ``en_US``.
        names: lists of names in place of the locale's own, and what tells them apart from these.

    Raises:
        SpecError: Faker does not know the locale.
    """

    def __init__(
        self, locale: str = "en_US", names: tuple[str, Mapping[PoolName, tuple[str, ...]]] | None = None
    ) -> None:
        self.locale = locale
        self.label = locale if names is None else names[0]
        own = _words(locale)
        self.words: Mapping[PoolName, tuple[str, ...]] = own if names is None else {**own, **names[1]}

    @property
    def digest(self) -> str:
        """Identifies the words: other versions of Faker may bring others, and with them other fakes."""
        return hashlib.sha256(json.dumps(self.words, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def home(self) -> str:
        """The country that the words are of; the first of the list where Faker does not say."""
        return _home(self.locale) or self.words["country"][0]

    def install(self, con: duckdb.DuckDBPyConnection) -> None:
        """Load the lists into session variables of ``con``."""
        for name, words in self.words.items():
            con.execute(f"SET VARIABLE {self._variable(name)} = $1", [list(words)])

    def size(self, name: PoolName) -> int:
        """Number of words."""
        return len(self.words[name])

    def pick(self, name: PoolName, number: str) -> str:
        """SQL for the word at ``number`` (SQL of an unsigned number, reduced modulo the list's length)."""
        return f"list_extract(getvariable('{self._variable(name)}'), 1 + ({number} % {self.size(name)})::BIGINT)"

    def _variable(self, name: PoolName) -> str:
        return f"pool_{self.label.lower()}_{name}"


@lru_cache(maxsize=8)
def _home(locale: str) -> str:
    from faker import Faker

    try:
        return str(Faker(locale).current_country())
    except (AttributeError, ValueError):
        return ""


@lru_cache(maxsize=8)
def _words(locale: str) -> dict[PoolName, tuple[str, ...]]:
    try:
        check_locale(locale)
    except ValueError as error:
        raise SpecError(str(error)) from None
    female, male, last = name_words(locale)
    unisex = {*female} & {*male}
    return {
        **_names(*_without(unisex, female, male), last),
        "street_suffix": _listed("address", locale, "street_suffixes")
        or _listed("address", "en_US", "street_suffixes"),
        "city": _drawn(locale, "city"),
        "region": _listed_or_english("address", locale, "states"),
        "country": _listed("address", locale, "countries") or _drawn(locale, "country"),
        "company_suffix": _listed("company", locale, "company_suffixes")
        or _listed("company", "en_US", "company_suffixes"),
        "job": _listed_or_english("job", locale, "jobs"),
    }


def check_locale(locale: str) -> str:
    """The locale, if Faker knows it.

    Raises:
        ValueError: it does not.
    """
    from faker.config import AVAILABLE_LOCALES

    if locale not in AVAILABLE_LOCALES:
        raise ValueError(f"locale ({locale}) is not one of Faker's; write one such as `en_US` or `de_DE`")
    return locale


Locale = Annotated[str, AfterValidator(check_locale)]
"""A locale of Faker, as a spec names it."""


def _without(
    words: set[str], female: tuple[str, ...], male: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(name for name in female if name not in words), tuple(name for name in male if name not in words)


def name_words(locale: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Given names of women and of men, and surnames."""
    return _given_names(locale, "female"), _given_names(locale, "male"), _surnames(locale)


def apart_names(locales: Sequence[str]) -> dict[str, dict[PoolName, tuple[str, ...]]]:
    """The names of each locale that no other one has.

    What several know is the first one's, and what is a woman's name in one and a man's in another is nobody's. A locale
    that is left with too few words of a sort is left out.
    """
    known = {locale: name_words(locale) for locale in locales}
    unisex = {name for female, _, _ in known.values() for name in female} & {
        name for _, male, _ in known.values() for name in male
    }
    latin = _heads({word.lower() for _, _, last in known.values() if _is_latin(last) for word in last}, _HEADS)
    taken, found = set(unisex), {}
    for locale, lists in known.items():
        female, male = _without(taken, *lists[:2])
        last = tuple(word for word in lists[2] if word.lower() not in taken)
        if min(len(female), len(male), len(last)) >= _FEWEST:
            found[locale] = _names(female, male, last, latin if _is_latin(last) else None)
            taken |= {*female, *male, *(word.lower() for word in last)}
    return found


def _is_latin(words: Sequence[str]) -> bool:
    return all(_ascii(word) for word in words)


def _names(
    female: tuple[str, ...], male: tuple[str, ...], last: tuple[str, ...], heads: tuple[str, ...] | None = None
) -> dict[PoolName, tuple[str, ...]]:
    """The lists that names are made of; without ``heads`` those that suit the surnames."""
    if heads is None:
        heads = _heads({word.lower() for word in last}, _HEADS if _is_latin(last) else last)
    return {
        "female": female,
        "male": male,
        "female_ascii": tuple(_ascii(word) or "p" for word in female),
        "male_ascii": tuple(_ascii(word) or "p" for word in male),
        "head": heads,
        "head_ascii": tuple(_ascii(word) or "p" for word in heads),
        "last": tuple(word.lower() for word in last),
        "last_ascii": tuple(_ascii(word) or "p" for word in last),
    }


def _heads(tails: set[str], heads: tuple[str, ...]) -> tuple[str, ...]:
    """The heads that, before surnames, make no real one and none that another head makes of another."""
    invented = heads is _HEADS
    return _unmistakable(tuple(h for h in heads if not (invented and _begins_real(h.lower(), tails))), tails)


def _begins_real(head: str, surnames: set[str]) -> bool:
    """Whether a head with or without a surname behind it makes a surname that exists."""
    return any(word.startswith(head) and (word == head or word[len(head) :] in surnames) for word in surnames)


def _unmistakable(heads: tuple[str, ...], tails: set[str]) -> tuple[str, ...]:
    """The heads of which no two make one surname with different tails: then one head begins with the other."""
    kept: list[str] = []
    for head in heads:
        pairs = [pair for other in kept for pair in ((head, other), (other, head))]
        rests = [more.removeprefix(less) for more, less in pairs if more.startswith(less)]
        if not any(rest + tail in tails for rest in rests for tail in tails):
            kept.append(head)
    return tuple(kept)


def _given_names(locale: str, gender: str) -> tuple[str, ...]:
    """Given names of letters only: two may stand side by side, and must not look like one."""
    found = tuple(name for name in _listed("person", locale, f"first_names_{gender}") if name.isalpha())
    return found if len(found) >= _FEWEST else _listed("person", "en_US", f"first_names_{gender}")


def _surnames(locale: str) -> tuple[str, ...]:
    """Surnames of letters only: a head is put before them."""
    found = {
        word
        for name in ("last_names", "last_names_female", "last_names_male", "last_names_unisex", "unisex_last_names")
        for word in _listed("person", locale, name)
        if word.isalpha()
    }
    return tuple(sorted(found)) if len(found) >= _FEWEST else _surnames("en_US")


def _listed(topic: str, locale: str, attribute: str) -> tuple[str, ...]:
    """A provider's list, sorted; empty where the locale has none."""
    module = importlib.import_module(f"faker.providers.{topic}")
    provider = getattr(_localized(module, topic, locale), attribute, ())
    return tuple(sorted(_texts(provider)))


def _listed_or_english(topic: str, locale: str, attribute: str) -> tuple[str, ...]:
    return _listed(topic, locale, attribute) or _listed(topic, "en_US", attribute)


def _localized(module: Any, topic: str, locale: str) -> Any:
    from faker.utils.loading import list_module

    known = set(list_module(module))
    return importlib.import_module(f"faker.providers.{topic}.{locale}").Provider if locale in known else module.Provider


def _texts(values: Iterable[Any]) -> set[str]:
    """The texts in a provider's list, which may hold pairs (a name and its code)."""
    firsts = (value[0] if isinstance(value, tuple) and value else value for value in values)
    return {text.strip() for text in firsts if isinstance(text, str) and text.strip()}


def _drawn(locale: str, method: str) -> tuple[str, ...]:
    """Words that Faker only makes one by one: a fixed number of draws from a fixed seed."""
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(_SEED)
    draw = getattr(fake, method)
    return tuple(sorted({str(draw()) for _ in range(_DRAWS)}))


def _ascii(word: str) -> str:
    """Lower-case ASCII letters of a word, for mail addresses and user names; empty for other scripts."""
    folded = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode()
    return "".join(letter for letter in folded.lower() if letter.isalpha())
