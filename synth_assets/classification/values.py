"""What a column's values look like: shares of full matches counted in the engine, checksums over a few distinct values.

Nothing here leaves with a value in it: a profile is counts and shares.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from synth_assets.classification.gazetteers import WORDS, shares
from synth_assets.classification.vocabulary import EntityType
from synth_assets.storage import literal, quote

SAMPLE_ROWS = 2000
DISTINCT_VALUES = 400
_LARGE = 1_000_000  # rows; above, stretches of rows stand for all
_STRETCHES, _STRETCH = 12, 2000


def _one_of(*lists: str) -> str:
    """A pattern of the words of some lists."""
    words = sorted(word for name in lists for word in WORDS[name])
    return f"(?i:{'|'.join(map(re.escape, words))})"


_MONEY = r"R\$|[$€£¥₽]|kr\.?|zł|Kč|Ft|lei|CHF|EUR|USD|GBP|PLN|SEK|NOK|DKK|TL"
PATTERNS: dict[str, str] = {
    "email": r"[^@\s/]+@[^@\s/]+\.[A-Za-z]{2,}",
    "url": r"(https?://|www\.)\S+",
    "ipv4": r"((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)",
    "ipv6": r"([0-9a-fA-F]{0,4}:){3,7}[0-9a-fA-F]{0,4}",
    "mac": r"([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}",
    "uuid": r"\{?[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\}?",
    "iban": r"[A-Z]{2}\d{2} ?[A-Z0-9 ]{11,38}",
    "us_ssn": r"\d{3}-\d{2}-\d{4}",
    "br_cpf": r"\d{3}\.\d{3}\.\d{3}-\d{2}",
    "gb_nino": r"[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]",
    "it_codicefiscale": r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]",
    "es_dni": r"\d{8}-?[A-Z]",
    "numbered": r"[A-Z0-9]{0,6}\d{3}[A-Z0-9.\-/ +]{0,12}[A-Z0-9]",
    "phone": r"(\+\d[\d ().\-/]{6,18}|\(?\d{2,5}\)?[ .\-/]\(?\d{2,5}\)?([ .\-/]\d{2,5}){1,3}|0\d{1,5}[ /-]\d{4,9})"
    r"( ?x\d+)?",
    "card": r"\d{4}([ -]?)\d{4}([ -]?)\d{4}([ -]?)\d{1,7}|3\d{3}[ -]?\d{6}[ -]?\d{5}",
    "vin": r"[A-HJ-NPR-Z0-9]{17}",
    "date": r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})([ T].*)?"
    r"|(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(([01]\d|2[0-3])[0-5]\d([0-5]\d)?)?"
    r"|\d{4}年\d{1,2}月(\d{1,2}日)?"
    r"|(?i:(\d{1,2}[ .\-/]+)?(jan|feb|m[aä]r|apr|ma[iy]|jun|jul|aug|sep|o[ck]t|nov|de[cz])\p{L}{0,6}\.?[ .\-/,']+"
    r"(\d{1,2},? )?(\d{4}|\d{2})([ ,T]+\d{1,2}:\d{2}.*)?)",
    "year": r"(1[89]|20)\d{2}(\.0)?",
    "flag": r"(?i)(true|false|yes|no|y|n|t|f|0|1|0\.0|1\.0)",
    "digits": r"\d+",
    "whole": r"-?\d+(\.0+)?",
    "number": rf"[-+(]?({_MONEY})?\s?-?(\d{{1,3}}([ .,'\x{{a0}}\x{{202f}}]\d{{3}})+|\d+)([.,]\d+)?\s?(%|{_MONEY})?\)?",
    "gender": _one_of("men", "women", "neither") + r"|(?i:trans.*|prefer not to .*)",
    "men": _one_of("men"),
    "women": _one_of("women"),
    "words": r"[\p{L}'’.,\- ]+",
    "titled": r"(?i:mr|mrs|ms|miss|dr|prof|herr|frau|mme|mlle|m|sr|sra|srta|dott|dra|pan|pani|ing|dhr|mevr|mw)\.? "
    r"(?i:(dr|prof|med)\.? )*\p{Lu}[\p{L}'’.\- ]+",
    "handle": r"[A-Za-z][A-Za-z0-9._\-]{2,20}",
    "bare": r"\+?\d{9,13}",
    "person": r"\p{Lu}[\p{L}'’\-]+,? (\p{Lu}\.? )?\p{Lu}[\p{L}'’\-]+( \p{Lu}[\p{L}'’\-]+)?",
    "street": r"(?i)(\d+[a-z]? +[\p{L}'.\- ]+ (st|street|ave|avenue|rd|road|blvd|boulevard|dr|drive|ln|lane|way"
    r"|ct|court|pl|place|terrace|circle|parkway|pkwy|highway|hwy|square)\b.*"
    r"|[\p{L}.\- ]+(stra(ß|ss)e|str\.|weg|platz|allee|gasse) ?\d+.*"
    r"|(\d+,? )?(rue|boulevard|chemin|place|impasse|calle|via|viale|piazza|rua|avenida|av\.|ul\.|ulica|aleja|calzada"
    r"|callejón|corso|largo|travessa|praça|paseo|plaza|alameda) .*\d.*"
    r"|\d+,? (rue|avenue|boulevard|chemin|place) .+|[\p{L}.\- ]+(straat|laan|plein|kade|gracht|dreef|pad) ?\d+.*"
    r"|[\p{L}.\- ]+(ring|damm|ufer|markt) \d+[a-z]?)",
    "point": r"\(?-?\d{1,2}\.\d+, ?-?\d{1,3}\.\d+\)?",
    "postcode": r"\d{2}-\d{3}|\d{5}-\d{3,4}|\d{3}-\d{4}|\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}"
    r"|[A-Z]\d[A-Z] ?\d[A-Z]\d|\d{3} \d{2}",
    "five": r"\d{5}",
    "eastern": r"[王李张張刘劉陈陳杨楊黄黃赵趙吴吳周徐孙孫马馬朱胡郭何高林罗羅郑鄭梁谢謝宋唐"
    r"许許韩韓冯馮邓鄧曹彭曾肖蕭萧田董袁潘于蒋蔡余杜叶葉程苏蘇魏"
    r"吕呂丁任沈姚卢盧姜崔钟鍾谭譚陆陸汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾"
    r"毛郝龚邵万钱严覃武戴莫孔向汤]\p{Han}{1,2}"
    r"|[김이박최정강조윤장임한오서신권황안송전홍유고문양손배백허남심노하곽성차주우구민류나진지"
    r"엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제]"
    r"\p{Hangul}{2}",
    "plain": r"[\p{L}\p{M} .,'’\-]+",
    "lettered": r".*\p{L}{3}.*",
    "house": r"(\p{L}{4,}[\p{L}'’.\-]*|\p{L}+\.?)( [\p{L}'’.\-]+){0,3},? \d{1,4} ?[a-zA-Z]?([ ,/\-].{1,20})?",
    "named": r"\p{Lu}[\p{L}'’\-]+([ ,]+\p{Lu}[\p{L}'’.\-]*){0,3}",
    "dial": r"(\+|00[1-9])\d[\d ().\-/]{7,18}|0[1-9(][\d ().\-/]{6,17}\d|\(\d{2,5}\) ?[\d .\-/]{5,14}\d"
    r"|1?\d{3}[-. ]\d{3}[-. ]\d{4}(x\d+)?",
    "firm": r"(?i).*\b(inc|llc|ltd|gmbh|ag|plc|group|corp|company|university|hospital|bank|and sons|ltda|sarl|srl|bv|kg"
    r"|school|clinic|insurance|e\.v|s\.a|s\.l|sp\. z o\.o|ohg|e\.g|kgaa|et fils|s\.r\.l|s\.p\.a)\b.*",
    "blood": r"(A|B|AB|O|0) ?[+-]",
    "icd": r"[A-TV-Z]\d{2}\.\d{1,4}",
    "hash": r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=|\$2[aby]\$.+",
}
"""Anchored when used: a share counts values that match as a whole."""

_NOTHING = "'', '.', '-', '--', 'na', 'n/a', 'nan', 'null', 'none', '?', '#n/a', '(null)'"
"""What stands in tables for no value, in lower case."""
_CONTAINED = (
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|\d{3}-\d{2}-\d{4}|\(?\d{3}\)?[ -]\d{3}[ -]\d{4}"
    r"|(^|[^\w./])\d{1,3}(\.\d{1,3}){3}\b"
    r"|\b(Mr|Mrs|Ms|Dr|Herr|Frau|Mme|Sr|Sra)\.? \p{Lu}|\b0\d([ .]\d\d){4}\b|\+\d{2}[\d ]{8,12}\b"
)
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER", "DOUBLE", "FLOAT", "DECIMAL")


@dataclass(frozen=True)
class Profile:
    """Counts and shares of a column's sampled values.

    Attributes:
        values: values that are neither NULL nor empty.
        missing: share of rows without one.
        distinct: different ones among them.
        shares: for each pattern the share of values that match as a whole, of the few hundred most frequent.
        length: mean length in characters.
        words: mean number of words.
        contained: share of values that contain a mail address, a telephone number or a titled name.
        low, high: the least and the greatest number, where all values are numbers.
        years: between which years nearly all dates or years lie, where values are such.
        checks: for each checksum the share of distinct values that pass it.
        listed: for each gazetteer the share of distinct values that stand in it.
    """

    data_type: str
    values: int
    missing: float
    distinct: int
    shares: dict[str, float]
    length: float
    words: float
    contained: float
    low: float | None
    high: float | None
    checks: dict[str, float]
    listed: dict[str, float]
    years: tuple[int, int] | None = None

    @property
    def numeric(self) -> bool:
        """Whether the engine reads the column as numbers."""
        return self.data_type.upper().startswith(_NUMBERS)

    @property
    def fractional(self) -> bool:
        """Whether the numbers have digits after the point: amounts and measures, no keys."""
        kind = self.data_type.upper()
        return kind.startswith(("DOUBLE", "FLOAT")) or (kind.startswith("DECIMAL") and not kind.endswith(",0)"))

    @property
    def given_names(self) -> float:
        """Share of distinct values that begin or end with a common given name."""
        return self.listed.get("given", 0.0)

    @property
    def surnames(self) -> float:
        """Share of distinct values that begin or end with a common surname."""
        return self.listed.get("surname", 0.0)

    @property
    def distinct_share(self) -> float:
        """Different values as a share of all sampled ones."""
        return self.distinct / self.values if self.values else 0.0

    def share(self, *patterns: str) -> float:
        """The largest share of the patterns."""
        return max(self.shares[pattern] for pattern in patterns)


def excerpt(con: duckdb.DuckDBPyConnection, relation_sql: str, rows: int) -> str:
    """SQL of a relation's rows, of a large one of a few evenly spaced stretches where the engine can skip to them."""
    plan = con.execute(f"EXPLAIN SELECT * FROM {relation_sql}").fetchall()[0][1] if rows > _LARGE else ""
    if "READ_PARQUET" not in plan and "SEQ_SCAN" not in plan:
        return f"(SELECT * FROM {relation_sql})"
    starts = [rows * i // _STRETCHES for i in range(_STRETCHES)]
    parts = [f"(SELECT * FROM {relation_sql} LIMIT {_STRETCH} OFFSET {start})" for start in starts]
    return f"({' UNION ALL '.join(parts)})"


def sample(con: duckdb.DuckDBPyConnection, relation_sql: str, columns: Sequence[str], target: str) -> int:
    """Put a sample of rows as text into the temporary table ``target``; returns the number of rows of the relation.

    Rows are chosen by their content's hash, so that the same table always gives the same sample.
    """
    rows = int(con.execute(f"SELECT count(*) FROM {relation_sql}").fetchall()[0][0])
    values = [f"trim({quote(name)}::VARCHAR)" for name in columns]
    texts = ", ".join(f"CASE WHEN lower({v}) NOT IN ({_NOTHING}) THEN {v} END AS c{i}" for i, v in enumerate(values))
    shown = excerpt(con, relation_sql, rows)
    step = (_STRETCHES * _STRETCH if "LIMIT" in shown else rows) // SAMPLE_ROWS
    where = f"WHERE hash(t) % {step} = 0" if step > 1 else ""
    query = f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT {texts} FROM {shown} AS t"
    con.execute(f"{query} {where} LIMIT {2 * SAMPLE_ROWS}")
    if rows and not con.execute(f"SELECT count(*) FROM {target}").fetchall()[0][0]:
        con.execute(f"{query} LIMIT {SAMPLE_ROWS}")
    return rows


def profile(con: duckdb.DuckDBPyConnection, sampled: str, columns: Sequence[tuple[str, str]]) -> list[Profile]:
    """Profile every column of a sample made by :func:`sample`; ``columns`` are its source's names and types."""
    if not columns:
        return []
    rows = int(con.execute(f"SELECT count(*) FROM {sampled}").fetchall()[0][0])
    kinds = [data_type for _, data_type in columns]
    values = [
        f"SELECT {i} AS i, {_is_number(kind)} AS plain, c{i} AS c, count(*) AS n FROM {sampled} WHERE c{i} IS NOT NULL "
        f"GROUP BY c{i}"
        for i, kind in enumerate(kinds)
    ]
    con.execute(f"CREATE OR REPLACE TEMP TABLE classified_values AS {' UNION ALL '.join(values)}")
    try:
        counted = {row[0]: row[1:] for row in con.execute(_COUNTS).fetchall()}
        matched = {row[0]: row[1:] for row in con.execute(_MATCHES).fetchall()}
        return [_profile(con, rows, i, kind, counted.get(i), matched.get(i)) for i, kind in enumerate(kinds)]
    finally:
        con.execute("DROP TABLE temp.classified_values")


def _is_number(data_type: str) -> bool:
    return data_type.upper().startswith(_NUMBERS)


def _profile(
    con: duckdb.DuckDBPyConnection,
    rows: int,
    index: int,
    data_type: str,
    counted: tuple[Any, ...] | None,
    matched: tuple[Any, ...] | None,
) -> Profile:
    values, distinct, length, words, contained = counted or (0, 0, 0.0, 0.0, 0.0)
    low, high, first, last, *shared = matched or (None,) * (4 + len(PATTERNS))
    tried = _NUMERIC_PATTERNS if _is_number(data_type) else PATTERNS
    found = {name: float(share or 0) * (name in tried) for name, share in zip(PATTERNS, shared, strict=True)}
    dated = first is not None and last is not None and max(found["date"], found["year"]) > 0.8
    texts = _distinct_texts(con, index) if _needs_texts(found, float(words)) else []
    return Profile(
        data_type=data_type,
        values=int(values),
        missing=1 - int(values) / rows if rows else 0.0,
        distinct=int(distinct),
        shares=found,
        length=float(length),
        words=float(words),
        contained=float(contained),
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        checks=_checks(texts),
        listed=shares(texts) if max(found["words"], found["handle"]) > 0.5 else {},
        years=(int(first or 0), int(last or 0)) if dated else None,
    )


def _number(text: str) -> str:
    """SQL of a written number in the form of the engine: `1.234,50 €` and `1,234.50` are both 1234.50."""
    digits = f"regexp_replace({text}, '[^0-9.,+-]', '', 'g')"
    whole = f"regexp_full_match({digits}, '[-+]?[0-9]{{1,3}}([.,][0-9]{{3}}){{2,}}')"
    other = f"NOT regexp_full_match({text}, {literal(PATTERNS['number'])})"
    return (
        f"CASE WHEN {other} THEN NULL WHEN {whole} THEN regexp_replace({digits}, '[.,]', '', 'g') "
        f"WHEN regexp_matches({digits}, ',[0-9]+$') THEN replace(replace({digits}, '.', ''), ',', '.') "
        f"ELSE replace({digits}, ',', '') END"
    )


def _weighted(expression: str) -> str:
    """SQL of a mean over values, from distinct values and how often they occur (``n``)."""
    return f"coalesce(sum(({expression}) * n) / sum(n), 0)"


_COUNTS = f"""
SELECT i, sum(n), count(*), {_weighted("length(c)")}, {_weighted("length(regexp_replace(c, '[^ ]', '', 'g')) + 1")},
    {_weighted(f"regexp_matches(c, {literal(_CONTAINED)})::INTEGER")}
FROM temp.classified_values GROUP BY i
"""
_YEAR = "try_cast(nullif(regexp_extract(c, '(1[89]|20)[0-9]{2}'), '') AS INTEGER)"
_PATTERN_SHARES = ", ".join(
    _weighted(f"regexp_full_match(c, {literal(pattern)})::INTEGER") for pattern in PATTERNS.values()
)
_MATCHES = f"""
WITH few AS (
    SELECT i, c, n, try_cast(CASE WHEN plain THEN c ELSE {_number("c")} END AS DOUBLE) AS number, {_YEAR} AS year
    FROM temp.classified_values
    QUALIFY row_number() OVER (PARTITION BY i ORDER BY n DESC, hash(c), c) <= {DISTINCT_VALUES}
)
SELECT i, CASE WHEN count(number) = count(*) THEN min(number) END,
    CASE WHEN count(number) = count(*) THEN max(number) END,
    quantile_disc(year, 0.05), quantile_disc(year, 0.95), {_PATTERN_SHARES}
FROM few GROUP BY i
"""
"""All columns at once, so that each pattern is compiled once."""


def _needs_texts(shares: dict[str, float], words: float) -> bool:
    named = (shares["words"] > 0.5 and words < 5) or shares["handle"] > 0.5
    return named or max(shares[p] for p in ("iban", "card", "digits", "vin", "numbered")) > 0.5


def _distinct_texts(con: duckdb.DuckDBPyConnection, index: int) -> list[str]:
    query = f"SELECT c FROM temp.classified_values WHERE i = {index} ORDER BY 1 LIMIT {DISTINCT_VALUES}"
    return [str(text) for (text,) in con.execute(query).fetchall()]


_SUBTYPES: dict[str, tuple[str, str]] = {
    "us_ssn": ("us.ssn", r"\d{9}"),
    "br_cpf": ("br.cpf", r"\d{11}"),
    "it_codicefiscale": ("it.codicefiscale", r"[A-Z0-9]{16}"),
    "es_dni": ("es.dni", r"\d{8}[A-Z]"),
    "es_nie": ("es.nie", r"[XYZ]\d{7}[A-Z]"),
    "pl_pesel": ("pl.pesel", r"\d{11}"),
    "nl_bsn": ("nl.bsn", r"\d{8,9}"),
    "gb_nhs": ("gb.nhs", r"\d{10}"),
    "fr_nir": ("fr.nir", r"[12]\d{4}(\d|A|B)\w{9}"),
    "se_personnummer": ("se.personnummer", r"(\d{2})?\d{10}"),
    "de_idnr": ("de.idnr", r"\d{11}"),
    "fi_hetu": ("fi.hetu", r"\d{6}[+A]?\d{3}\w"),
    "no_fodselsnummer": ("no.fodselsnummer", r"\d{11}"),
    "dk_cpr": ("dk.cpr", r"\d{10}"),
    "be_nn": ("be.nn", r"\d{11}"),
    "ro_cnp": ("ro.cnp", r"\d{13}"),
    "bg_egn": ("bg.egn", r"\d{10}"),
    "hr_oib": ("hr.oib", r"\d{11}"),
    "ee_ik": ("ee.ik", r"\d{11}"),
    "cz_rc": ("cz.rc", r"\d{9,10}|\d{6}/\d{3,4}"),
    "tr_tckimlik": ("tr.tckimlik", r"\d{11}"),
    "cn_ric": ("cn.ric", r"\d{17}[\dX]"),
    "in_aadhaar": ("in_.aadhaar", r"\d{12}"),
    "mx_curp": ("mx.curp", r"[A-Z]{4}\d{6}\w{8}"),
    "cl_rut": ("cl.rut", r"[\d.]{7,10}[\dkK]"),
    "ar_cuit": ("ar.cuit", r"\d{11}"),
    "za_idnr": ("za.idnr", r"\d{13}"),
    "ch_ssn": ("ch.ssn", r"(756)[.\d]{10,13}"),
    "at_vnr": ("at.vnr", r"\d{10}"),
    "gr_amka": ("gr.amka", r"\d{11}"),
    "ie_pps": ("ie.pps", r"\d{7}[A-Z]{1,2}"),
    "pt_nif": ("pt.nif", r"\d{9}"),
}
"""National numbers, the modules of python-stdnum that check them, and their form without spaces and hyphens."""
_OF_THINGS: dict[str, tuple[str, str]] = {
    "ean": ("ean", r"\d{13}|\d{8}"),
    "isbn": ("isbn", r"\d{9}[\dX]|97[89]\d{10}"),
    "br_cnpj": ("br.cnpj", r"\d{14}"),
    "fr_siret": ("fr.siret", r"\d{14}"),
    "it_iva": ("it.iva", r"(IT)?\d{11}"),
}
"""Numbers of goods and firms that a checksum tells from persons'."""
SUBTYPES = tuple(_SUBTYPES)
_NUMERIC_PATTERNS = frozenset({"card", "date", "year", "five", "flag", "digits", "whole", "number", "bare"})
_TRIED, _CHECKED = 12, 100  # distinct values: a first few decide whether a checksum is worth more


def _checks(texts: Sequence[str]) -> dict[str, float]:
    """Shares of distinct values that pass Luhn (cards), mod 97 (IBAN) and checksums of persons, goods and firms."""
    if not texts:
        return {}
    from stdnum import iban, luhn

    compact = [text.replace(" ", "").replace("-", "") if text[:1].isdigit() else text for text in texts]
    passed = {"iban": _passing(iban.is_valid, compact), "luhn": _passing(luhn.is_valid, compact)}
    for subtype, (module, form) in (_SUBTYPES | _OF_THINGS).items():
        if re.fullmatch(form, compact[0], re.IGNORECASE) or re.fullmatch(form, compact[-1], re.IGNORECASE):
            passed[subtype] = _passing(importlib.import_module(f"stdnum.{module}").is_valid, compact)
    if "us_ssn" in passed:  # it has no check digit: the form must speak
        formatted = sum(bool(re.fullmatch(PATTERNS["us_ssn"], text)) for text in texts) / len(texts)
        passed["us_ssn"] = min(passed["us_ssn"], formatted)
    return passed


def _passing(check: Callable[[str], bool], texts: Sequence[str]) -> float:
    few = texts[:_TRIED] if len(texts) <= _TRIED else texts[:: len(texts) // _TRIED]
    share = sum(map(check, few)) / len(few)
    if share < 0.6 or len(few) == len(texts):
        return share
    more = texts[:_CHECKED]
    return sum(map(check, more)) / len(more)


VALUE_TYPES: dict[str, EntityType] = {
    "email": "email",
    "ipv4": "ip_address",
    "mac": "mac_address",
    "ipv6": "ip_address",
    "us_ssn": "national_id",
    "br_cpf": "national_id",
    "it_codicefiscale": "national_id",
    "gb_nino": "national_id",
    "street": "street_address",
    "url": "url",
    "point": "geo_point",
}
"""Patterns that speak for themselves, whatever the column is called."""
