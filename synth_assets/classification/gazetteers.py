"""Lists that values are compared with: names, places, occupations of Faker's providers (MIT), and a few short ones.

What belongs here: the lists. What does not: how much they prove.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

_LANGUAGES = (
    "de_DE",
    "en_GB",
    "en_US",
    "es_ES",
    "es_MX",
    "fr_FR",
    "it_IT",
    "nl_NL",
    "pl_PL",
    "pt_BR",
    "pt_PT",
    "ja_JP",
)
_MARITAL = """
    single married divorced widowed widow widower separated never-married domestic partnership civil union unmarried
    ledig verheiratet geschieden verwitwet lebenspartnerschaft célibataire celibataire marié marie divorcé divorce veuf
    pacsé soltero soltera casado casada divorciado divorciada viudo viuda solteiro solteira viúvo viúva celibe nubile
    coniugato coniugata divorziato vedovo ongehuwd gehuwd gescheiden weduwe kawaler panna żonaty zamężna rozwiedziony
    rozwiedziona wdowiec wdowa wolny wolna
"""
_HONORIFICS = """
    mr mrs ms miss mx dr prof sir lady rev hon herr frau fräulein m mme mlle monsieur madame sr sra srta don doña
    dhr mevr mw pan pani sig sig.ra signora dott ing jr iii ii phd md dds
"""
_RELIGIONS = """
    christian catholic protestant muslim islam hindu hinduism buddhist buddhism jewish judaism sikh atheist agnostic
    orthodox evangelical lutheran baptist methodist mormon jain christianity katholisch evangelisch rk ev musulman
    catholique católico musulmán católica cattolico
"""
_RACES = """
    white black asian hispanic latino caucasian african-american indian native american pacific islander multiracial
    mixed branca preta parda amarela indígena mestizo mestiza
"""


@cache
def gazetteers() -> dict[str, frozenset[str]]:
    """Every list by its name, in lower case."""
    return {
        "given": _collect("person", ("first_names", "first_names_male", "first_names_female")),
        "surname": _collect("person", ("last_names",)),
        "city": _collect("address", ("cities", "city_names", "towns"), shortest=3),
        "country": _collect("address", ("countries",), shortest=4) | _country_codes(),
        "region": _collect(
            "address",
            ("states", "states_abbr", "regions", "estados", "prefectures", "provinces", "departments", "counties"),
        ),
        "job": _collect("job", ("jobs",), shortest=3),
        "marital": frozenset(_MARITAL.split()),
        "honorific": frozenset(_HONORIFICS.split()),
        "religion": frozenset(_RELIGIONS.split()),
        "race": frozenset(_RACES.split()),
    }


def _collect(provider: str, attributes: Sequence[str], shortest: int = 2) -> frozenset[str]:
    found: set[str] = set()
    for language in _LANGUAGES:
        try:
            module = importlib.import_module(f"faker.providers.{provider}.{language}")
        except ModuleNotFoundError:
            continue
        for attribute in attributes:
            found.update(_texts(getattr(module.Provider, attribute, ())))
    return frozenset(text for text in found if len(text) >= shortest)


def _texts(words: Any) -> Iterable[str]:
    """The words of a list, a list of pairs or a mapping, as Faker's providers have them."""
    for word in words:
        for text in (word,) if isinstance(word, str) else word:
            if isinstance(text, str):
                yield text.lower()


def _country_codes() -> frozenset[str]:
    from faker.providers.date_time import Provider

    return frozenset(
        code.lower() for country in Provider.countries for code in (country.alpha_2_code, country.alpha_3_code)
    )


def shares(texts: Sequence[str]) -> dict[str, float]:
    """For each list the share of texts that stand in it; for names those that begin or end with one."""
    if not texts:
        return {}
    lists = gazetteers()
    lowered = [text.lower().strip() for text in texts]
    found = {
        name: sum(text in words or text.rstrip(".") in words for text in lowered) / len(texts)
        for name, words in lists.items()
    }
    tokens = [text.replace(",", " ").split() or [""] for text in lowered]
    given, surname = lists["given"], lists["surname"]
    found["given"] = sum(t[0] in given or (len(t) > 1 and t[-1] in given) for t in tokens) / len(texts)
    found["surname"] = sum(t[-1] in surname or (len(t) > 1 and t[0] in surname) for t in tokens) / len(texts)
    return found
