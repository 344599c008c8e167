"""Lists that values are compared with: names, places, occupations of Faker's providers (MIT), and a few short ones.

What belongs here: the lists. What does not: how much they prove.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

_LANGUAGES = (
    "de_DE", "de_AT", "de_CH", "en_GB", "en_US", "en_IE", "en_IN", "en_NZ", "es_ES", "es_MX", "es_AR", "es_CO", "es_CL",
    "fr_FR", "fr_CH", "fr_CA", "it_IT", "nl_NL", "nl_BE", "pl_PL", "pt_BR", "pt_PT", "ja_JP", "cs_CZ", "da_DK", "fi_FI",
    "hr_HR", "hu_HU", "id_ID", "ko_KR", "lt_LT", "lv_LV", "no_NO", "ro_RO", "ru_RU", "sk_SK", "sl_SI", "sv_SE", "tr_TR",
    "uk_UA", "vi_VN", "zh_CN", "zh_TW", "el_GR", "bg_BG", "et_EE", "fa_IR", "he_IL", "hi_IN", "hy_AM", "ka_GE", "th_TH",
)  # fmt: skip
WORDS: dict[str, frozenset[str]] = {
    name: frozenset(text.split())
    for name, text in yaml.safe_load(
        files("synth_assets.classification").joinpath("gazetteers.yaml").read_text("utf-8")
    ).items()
}
"""The short lists, of ``gazetteers.yaml``."""
_MEDICAL = re.compile(
    r"[a-z]{3,}(itis|osis|emia|aemia|carcinoma|pathy|algia|plegia|uria|sclerosis|arthrosis)", re.IGNORECASE
)
_MEDICINAL = re.compile(
    r"[a-z]{3,}(cillin|cilline|mycin|pril|sartan|olol|statin|statine|prazole|prazol|azole|dipine|formin|oxetine"
    r"|triptyline|zepam|zolam|parin|xaban|gliptin|floxacin|cycline|mab|tinib|setron|profen|lukast|thiazide|vir)e?",
    re.IGNORECASE,
)


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
        **{name: WORDS[name] for name in ("marital", "honorific", "religion", "race")},
    }


_SPOKEN = ("diagnosis", "medicine", "orientation", "party", "tongue", "schooling")
"""Lists of which one word in a text is enough."""


def _collect(provider: str, attributes: Sequence[str], shortest: int = 2) -> frozenset[str]:
    found: set[str] = set()
    for language in _LANGUAGES:
        try:
            module = importlib.import_module(f"faker.providers.{provider}.{language}")
        except ModuleNotFoundError:
            continue
        for attribute in attributes:
            words = getattr(module.Provider, attribute, ())
            found.update(_texts(words) if isinstance(words, Iterable) else ())
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
    tokens = [re.split(r"[\s,;/()]+", text.strip(" ,;/()")) for text in lowered]
    given, surname = lists["given"], lists["surname"]
    found["given"] = sum(t[0] in given or (len(t) > 1 and t[-1] in given) for t in tokens) / len(texts)
    found["surname"] = sum(t[-1] in surname or (len(t) > 1 and t[0] in surname) for t in tokens) / len(texts)
    for name in _SPOKEN:
        found[name] = sum(not WORDS[name].isdisjoint(t) for t in tokens) / len(texts)
    for name, ending in (("diagnosis", _MEDICAL), ("medicine", _MEDICINAL)):
        also = sum(any(ending.fullmatch(word) for word in t) for t in tokens) / len(texts)
        found[name] = min(1.0, found[name] + also)
    heads = _job_words()
    found["jobword"] = sum(not heads.isdisjoint((t[0], t[-1])) for t in tokens) / len(texts)
    found["handle"] = sum(_is_handle(text, given, surname) for text in lowered) / len(texts)
    return found


@cache
def _job_words() -> frozenset[str]:
    """Words that begin or end several occupations: engineer, manager, nurse."""
    ends = Counter(word for job in gazetteers()["job"] for word in {job.split()[0], job.split()[-1].split("/")[0]})
    return frozenset(word for word, count in ends.items() if count >= 3 and len(word) > 4)


def _is_handle(text: str, given: frozenset[str], surname: frozenset[str]) -> bool:
    """Whether a text is made like a user name: `jsmith`, `smithj`, `j.smith2`, and is no name itself."""
    word = text.rstrip("0123456789")
    if " " in word or len(word) < 4 or word in surname or word in given:
        return False
    if "." in word or "_" in word:
        first, _, last = word.replace("_", ".").partition(".")
        return last in surname or last in given or (first in surname and len(last) <= 2)
    return any(len(rest) > 3 and rest in surname for rest in (word[1:], word[:-1], word[2:]))
