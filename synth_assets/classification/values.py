"""What a column's values look like: shares of full matches counted in the engine, checksums over a few distinct values.

Nothing here leaves with a value in it: a profile is counts and shares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from synth_assets.classification.gazetteers import shares
from synth_assets.classification.vocabulary import EntityType
from synth_assets.storage import literal, quote

SAMPLE_ROWS = 2000
DISTINCT_VALUES = 400

PATTERNS: dict[str, str] = {
    "email": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
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
    "phone": r"(\+\d[\d ().\-/]{6,18}|\(?\d{2,5}\)?[ .\-/]\(?\d{2,5}\)?([ .\-/]\d{2,5}){1,3}|0\d{1,5}[ /-]\d{4,9})"
    r"( ?x\d+)?",
    "card": r"\d{4}([ -]?)\d{4}([ -]?)\d{4}([ -]?)\d{1,7}|3\d{3}[ -]?\d{6}[ -]?\d{5}",
    "vin": r"[A-HJ-NPR-Z0-9]{17}",
    "date": r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([ T].*)?|\d{1,2}[./-]\d{1,2}[./-](\d{4}|\d{2})([ T].*)?"
    r"|(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
    "flag": r"(?i)(true|false|yes|no|y|n|t|f|0|1|0\.0|1\.0)",
    "digits": r"\d+",
    "number": r"[-+]?[$€£]?\d[\d,]*(\.\d+)?%?",
    "gender": r"(?i)(m|f|w|d|x|k|h|male|female|man|woman|mann|frau|m[aä]nnlich|weiblich|divers|masculino|feminino"
    r"|femenino|homme|femme|hombre|mujer|other|unknown|non-binary|nonbinary)",
    "words": r"[\p{L}'’.\- ]+",
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
    "dial": r"(\+|00)\d[\d ().\-/]{7,18}|0[1-9(][\d ().\-/]{6,17}\d|\(\d{2,5}\) ?[\d .\-/]{5,14}\d"
    r"|1?\d{3}[-. ]\d{3}[-. ]\d{4}(x\d+)?",
    "firm": r"(?i).*\b(inc|llc|ltd|gmbh|ag|plc|group|corp|company|university|hospital|bank|and sons|ltda|sarl|srl|bv|kg"
    r"|school|clinic|insurance|e\.v|s\.a|s\.l|sp\. z o\.o|ohg|e\.g|kgaa|et fils|s\.r\.l|s\.p\.a)\b.*",
    "blood": r"(A|B|AB|O|0) ?[+-]",
    "icd": r"[A-TV-Z]\d{2}\.\d{1,4}",
    "hash": r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[A-Za-z0-9+/]{43}=|\$2[aby]\$.+",
}
"""Anchored when used: a share counts values that match as a whole."""

_CONTAINED = (
    r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|\d{3}-\d{2}-\d{4}|\(?\d{3}\)?[ -]\d{3}[ -]\d{4}"
    r"|\b(Mr|Mrs|Ms|Dr|Herr|Frau|Mme|Sr|Sra)\.? \p{Lu}"
)
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER", "DOUBLE", "FLOAT", "DECIMAL")


@dataclass(frozen=True)
class Profile:
    """Counts and shares of a column's sampled values.

    Attributes:
        values: values that are neither NULL nor empty.
        missing: share of rows without one.
        distinct: different ones among them.
        shares: for each pattern the share of values that match as a whole.
        length: mean length in characters.
        words: mean number of words.
        contained: share of values that contain a mail address, a telephone number or a titled name.
        low, high: the least and the greatest number, where all values are numbers.
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

    @property
    def numeric(self) -> bool:
        """Whether the engine reads the column as numbers."""
        return self.data_type.upper().startswith(_NUMBERS)

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


def sample(con: duckdb.DuckDBPyConnection, relation_sql: str, columns: Sequence[str], target: str) -> int:
    """Put a sample of rows as text into the temporary table ``target``; returns the number of rows of the relation.

    Rows are chosen by their content's hash, so that the same table always gives the same sample.
    """
    rows = int(con.execute(f"SELECT count(*) FROM {relation_sql}").fetchall()[0][0])
    texts = ", ".join(f"nullif(trim({quote(name)}::VARCHAR), '') AS c{i}" for i, name in enumerate(columns))
    step = rows // SAMPLE_ROWS
    where = f"WHERE hash(t) % {step} = 0" if step > 1 else ""
    query = f"CREATE OR REPLACE TEMP TABLE {target} AS SELECT {texts} FROM (SELECT * FROM {relation_sql}) AS t"
    con.execute(f"{query} {where} LIMIT {2 * SAMPLE_ROWS}")
    if rows and not con.execute(f"SELECT count(*) FROM {target}").fetchall()[0][0]:
        con.execute(f"{query} LIMIT {SAMPLE_ROWS}")
    return rows


def profile(con: duckdb.DuckDBPyConnection, sampled: str, columns: Sequence[tuple[str, str]]) -> list[Profile]:
    """Profile every column of a sample made by :func:`sample`; ``columns`` are its source's names and types."""
    rows = int(con.execute(f"SELECT count(*) FROM {sampled}").fetchall()[0][0])
    return [_profile(con, sampled, rows, index, data_type) for index, (_, data_type) in enumerate(columns)]


def _profile(con: duckdb.DuckDBPyConnection, sampled: str, rows: int, index: int, data_type: str) -> Profile:
    c = f"c{index}"
    numbers = data_type.upper().startswith(_NUMBERS)
    tried = {name: p for name, p in PATTERNS.items() if not numbers or name in _NUMERIC_PATTERNS}
    matched = [_weighted(f"regexp_full_match({c}, {literal(p)})::INTEGER") for p in tried.values()]
    number = f"try_cast(regexp_replace({c}, '[$€£,%]', '', 'g') AS DOUBLE)"
    counted = f"(SELECT {c}, count(*) AS n FROM {sampled} WHERE {c} IS NOT NULL GROUP BY {c})"
    facts = [
        "coalesce(sum(n), 0)",
        "count(*)",
        _weighted(f"length({c})"),
        _weighted(f"length(regexp_replace({c}, '[^ ]', '', 'g')) + 1"),
        _weighted(f"regexp_matches({c}, {literal(_CONTAINED)})::INTEGER"),
        f"CASE WHEN count({number}) = count({c}) THEN min({number}) END",
        f"CASE WHEN count({number}) = count({c}) THEN max({number}) END",
    ]
    row = con.execute(f"SELECT {', '.join(facts + matched)} FROM {counted}").fetchall()[0]
    measured = dict.fromkeys(PATTERNS, 0.0) | dict(zip(tried, map(float, row[7:]), strict=True))
    texts = _distinct_texts(con, sampled, c) if _needs_texts(measured, float(row[3])) else []
    return Profile(
        data_type=data_type,
        values=int(row[0]),
        missing=1 - int(row[0]) / rows if rows else 0.0,
        distinct=int(row[1]),
        shares=measured,
        length=float(row[2]),
        words=float(row[3]),
        contained=float(row[4]),
        low=None if row[5] is None else float(row[5]),
        high=None if row[6] is None else float(row[6]),
        checks=_checks(texts),
        listed=shares(texts) if measured["words"] > 0.5 else {},
    )


def _weighted(expression: str) -> str:
    """SQL of a mean over values, from distinct values and how often they occur (``n``)."""
    return f"coalesce(sum(({expression}) * n) / sum(n), 0)"


def _needs_texts(shares: dict[str, float], words: float) -> bool:
    named = shares["words"] > 0.5 and words < 5
    return named or max(shares[p] for p in ("iban", "card", "digits", "vin", *_SUBTYPES)) > 0.5


def _distinct_texts(con: duckdb.DuckDBPyConnection, sampled: str, column: str) -> list[str]:
    query = f"SELECT DISTINCT {column} FROM {sampled} WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {DISTINCT_VALUES}"
    return [str(text) for (text,) in con.execute(query).fetchall()]


_SUBTYPES: dict[str, str] = {
    "us_ssn": "us.ssn",
    "br_cpf": "br.cpf",
    "it_codicefiscale": "it.codicefiscale",
    "es_dni": "es.dni",
    "pl_pesel": "pl.pesel",
    "nl_bsn": "nl.bsn",
    "gb_nhs": "gb.nhs",
    "fr_nir": "fr.nir",
    "se_personnummer": "se.personnummer",
    "de_idnr": "de.idnr",
}
"""National numbers and the modules of python-stdnum that check them; the last ones need a name's support."""
for _bare in ("pl_pesel", "nl_bsn", "gb_nhs", "fr_nir", "se_personnummer", "de_idnr"):
    PATTERNS[_bare] = {"se_personnummer": r"(\d{2})?\d{6}[-+]?\d{4}"}.get(_bare, r"\d{9,15}")

SUBTYPES = tuple(_SUBTYPES)
_NUMERIC_PATTERNS = frozenset({"card", "date", "five", "flag", "digits", "number", *_SUBTYPES})


def _checks(texts: Sequence[str]) -> dict[str, float]:
    """Shares of distinct values that pass Luhn (cards), mod 97 (IBAN) and the national checksums."""
    if not texts:
        return {}
    import importlib

    from stdnum import iban, luhn

    checks: dict[str, Callable[[str], bool]] = {"iban": iban.is_valid, "luhn": luhn.is_valid}
    formatted = re.compile(PATTERNS["us_ssn"])
    for subtype, module in _SUBTYPES.items():
        checks[subtype] = importlib.import_module(f"stdnum.{module}").is_valid
    compact = [text.replace(" ", "").replace("-", "") if text[:1].isdigit() else text for text in texts]
    passed = {name: sum(map(check, compact)) / len(texts) for name, check in checks.items()}
    without_digit = sum(bool(formatted.fullmatch(text)) for text in texts) / len(texts)
    return passed | {"us_ssn": min(passed["us_ssn"], without_digit)}  # it has no check digit: the form must speak


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
