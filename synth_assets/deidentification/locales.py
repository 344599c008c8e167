"""Names of the person's own country: which locale a word for a country, a nationality or a language tells.

Rows of several locales stand in one table, and their fakes must differ as those of one locale do. So each locale lends
only words that no other has: a name that two know is that of the first of :data:`HOMES`, and one that is a woman's here
and a man's there nobody's. Little is lost, as surnames are made of two words.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import duckdb

from synth_assets.deidentification.fakes import GENDERED, Digits, fake_expression, longer, place_expression
from synth_assets.deidentification.pools import PoolName, Pools, apart_names
from synth_assets.deidentification.treatments import FakeKind
from synth_assets.storage import literal

NAMES: frozenset[FakeKind] = GENDERED | {"last_name"}
"""Kinds whose words follow the person's country."""

_PLACES = 2**44
"""Each locale's places lie apart from those of the others; none has more."""

HOMES: dict[str, tuple[str, str]] = {
    # locale: (countries and nationalities, languages), each word in small letters, set apart by commas
    "no_NO": ("norway, no, nor, norwegian, norge", "no, nb, nn, nob, nor, norwegian, norsk"),
    "da_DK": ("denmark, dk, dnk, danish, dane, danmark", "da, dan, danish, dansk"),
    "sv_SE": ("sweden, se, swe, swedish, swede, sverige", "sv, swe, swedish, svenska"),
    "fi_FI": ("finland, fi, fin, finnish, finn, suomi", "fi, fin, finnish, suomi"),
    "nl_NL": ("netherlands, the netherlands, holland, nl, nld, dutch, nederland", "nl, nld, dut, dutch, nederlands"),
    "pt_PT": ("portugal, pt, prt, portuguese, brazil, br, bra, brazilian, brasil", "pt, por, portuguese, português"),
    "it_IT": ("italy, it, ita, italian, italia", "it, ita, italian, italiano"),
    "es_ES": (
        "spain, es, esp, spanish, spaniard, españa, mexico, mx, mex, mexican, méxico, argentina, ar, arg, argentine, "
        "argentinian, colombia, co, col, colombian, chile, cl, chl, chilean, peru, pe, per, peruvian, perú",
        "es, spa, spanish, español, castellano",
    ),
    "fr_FR": ("france, fr, fra, french", "fr, fra, fre, french, français"),
    "pl_PL": ("poland, pl, pol, polish, pole, polska", "pl, pol, polish, polski"),
    "cs_CZ": ("czechia, czech republic, cz, cze, czech, česko", "cs, ces, cze, czech, čeština"),
    "sk_SK": ("slovakia, sk, svk, slovak, slovensko", "sk, slk, slo, slovak, slovenčina"),
    "hu_HU": ("hungary, hu, hun, hungarian, magyarország", "hu, hun, hungarian, magyar"),
    "ro_RO": ("romania, ro, rou, romanian, românia", "ro, ron, rum, romanian, română"),
    "tr_TR": ("turkey, türkiye, turkiye, tr, tur, turkish, turk", "tr, tur, turkish, türkçe"),
    "de_DE": (
        "germany, de, deu, ger, german, deutschland, deutsch, austria, at, aut, austrian, österreich",
        "de, deu, ger, german, deutsch",
    ),
    "en_US": (
        "united states, united states of america, usa, us, american, united kingdom, uk, gb, gbr, great britain, "
        "british, england, english, ireland, ie, irl, irish, australia, au, aus, australian, new zealand, nz, nzl",
        "en, eng, english",
    ),
    "ru_RU": ("russia, russian federation, ru, rus, russian, россия", "ru, rus, russian, русский"),
    "uk_UA": ("ukraine, ua, ukr, ukrainian, україна", "uk, ukr, ukrainian, українська"),
    "el_GR": ("greece, gr, grc, greek, ελλάδα", "el, ell, gre, greek, ελληνικά"),
    "bg_BG": ("bulgaria, bg, bgr, bulgarian, българия", "bg, bul, bulgarian, български"),
    "ja_JP": ("japan, jp, jpn, japanese, 日本", "ja, jpn, japanese, 日本語"),
    "zh_CN": ("china, cn, chn, chinese, 中国", "zh, zho, chi, chinese, mandarin, 中文"),
    "ko_KR": ("south korea, korea, republic of korea, kr, kor, korean, 대한민국", "ko, kor, korean, 한국어"),
    "he_IL": ("israel, il, isr, israeli, ישראל", "he, heb, hebrew, עברית"),
}


def home_expression(column: str, language: bool) -> str:
    """SQL of the locale that a word tells; NULL where it tells none. ``column`` is SQL of a text."""
    word = f"lower(trim({column}))"
    if language:  # of tags such as de-CH the first part
        word = f"regexp_replace({word}, '^([a-z]{{2,3}})[-_].*$', '\\1')"
    told = [
        f"WHEN {word} IN ({', '.join(literal(name.strip()) for name in words[language].split(','))}) THEN '{locale}'"
        for locale, words in HOMES.items()
    ]
    return f"CASE {' '.join(told)} END"


def locale_of_country(code: str) -> str | None:
    """The locale of a country's code of two letters; None where it is none of :data:`HOMES`.

    >>> locale_of_country("de"), locale_of_country("gb"), locale_of_country("xx")
    ('de_DE', 'en_US', None)
    """
    words = {word.strip(): locale for locale, (countries, _) in HOMES.items() for word in countries.split(",")}
    return words.get(code)


@lru_cache(maxsize=1)
def _apart() -> dict[str, dict[PoolName, tuple[str, ...]]]:
    return apart_names(tuple(HOMES))


class Homes:
    """The names of several locales.

    Args:
        pools: those of the source's own locale, which are those of people without a known country, too, if the locale
            is one of :data:`HOMES`; else people without one have English names.
        occurring: the locales that rows tell.
    """

    def __init__(self, pools: Pools, occurring: set[str]) -> None:
        known = _apart()
        self.own = pools.locale if pools.locale in known else "en_US"
        self.pools = {
            locale: Pools(pools.locale, (f"{pools.locale}_of_{locale}", known[locale]))
            for locale in sorted({*occurring, self.own})
            if locale in known
        }

    def install(self, con: duckdb.DuckDBPyConnection) -> None:
        """Load the lists into session variables of ``con``."""
        for pools in self.pools.values():
            pools.install(con)

    def fake(self, kind: FakeKind, digits: Digits, home: str) -> str:
        """SQL of the fake of a name; ``home`` is SQL of a locale."""
        return self._each(home, lambda _, pools: fake_expression(kind, digits, pools))

    def place(self, kind: FakeKind, digits: Digits, home: str) -> str:
        """SQL of the place of a name among those of all locales."""
        first = {locale: number * _PLACES for number, locale in enumerate(HOMES)}
        return self._each(
            home, lambda locale, pools: f"({place_expression(kind, digits, pools)} + {first[locale]}::UBIGINT)"
        )

    def longer(self, kind: FakeKind) -> tuple[int, int]:
        """As of :func:`~synth_assets.deidentification.fakes.longer`, in every locale."""
        most = [longer(kind, pools) for pools in self.pools.values()]
        return min(one[0] for one in most), min(one[1] for one in most)

    def _each(self, home: str, make: Callable[[str, Pools], str]) -> str:
        made = {locale: make(locale, pools) for locale, pools in self.pools.items()}
        rest = made.pop(self.own)
        cases = " ".join(f"WHEN '{locale}' THEN {sql}" for locale, sql in made.items())
        return f"CASE {home} {cases} ELSE {rest} END" if made else rest


__all__ = ["HOMES", "NAMES", "Homes", "home_expression", "locale_of_country"]
