"""Free text whose identifiers become the row's own fakes; what is not known to be harmless is hidden. In SQL.

In the first round, of a source, addresses, numbers, dates and links become placeholders, and so do the names of the
row's own person, part by part, in any case, with or without a possessive. Of all other words only those stay that are
written in small letters in the texts of several people and are no name of Faker's lists; the rest, and digits from four
on, become stars. So a name that nobody thought of is hidden because it is rare, and one that is common because it is
listed. In the second round, of a consumer, placeholders become the consumer's fakes.

This is a heuristic: what is said of a person in common words remains said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import duckdb

from synth_assets.deidentification.pools import Pools
from synth_assets.deidentification.treatments import FakeKind
from synth_assets.storage import literal

COMMON = 5
"""A word is common if so many people's texts have it."""

STARS = "***"
_LISTS = ("female", "male", "last")
_MONTH = r"(?:jan|feb|mar|apr|ma[iy]|jun|jul|aug|sep|oct|okt|nov|dec|dez)\pL*"

PATTERNS: tuple[tuple[str, str], ...] = (
    ("url", r"(?i)\b(?:[a-z]{2,8}://|www\.)\S+"),
    ("email", r"(?i)[\pL\pN._%+\-]+\s?(?:@|\(at\)|\[at\])\s?[\pL\pN\-]+(?:\s?(?:\.|\(dot\)|\[dot\])\s?[\pL\pN\-]+)+"),
    ("username", r"@[\pL\pN_.\-]+"),
    (
        "ip_address",
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b|(?i)\b(?:[0-9a-f]{1,4}:){3,7}[0-9a-f]{0,4}|\b[0-9a-f]{1,4}::[0-9a-f:]*",
    ),
    ("iban", r"(?i)\b[a-z]{2}\d{2}(?:[ \-]?[a-z0-9]{4}){2,7}(?:[ \-]?[a-z0-9]{1,3})?\b"),
    ("national_id", r"\b\d{3}[ \-]\d{2}[ \-]\d{4}\b"),
    ("date", r"\b\d{1,4}[./\-]\d{1,2}[./\-]\d{1,4}(?:[T ]\d{1,2}:\d{2}(?::\d{2})?)?\b"),
    ("date", rf"(?i)\b\d{{1,2}}(?:st|nd|rd|th|\.)? {_MONTH}\.?(?:,? \d{{2,4}})?\b"),
    ("date", rf"(?i)\b{_MONTH}\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{2,4}})?\b"),
    ("credit_card", r"\b\d(?:[ \-]?\d){12,18}\b"),
    ("phone", r"\+?\(?\d(?:[\s().\-/]{0,3}\d){6,14}"),
)
"""What is looked for, in this order; each occurrence becomes the placeholder of its kind."""

KINDS: tuple[str, ...] = ("first_name", "last_name", *dict.fromkeys(kind for kind, _ in PATTERNS))
FAKED: tuple[FakeKind, ...] = (
    *("first_name", "last_name", "email", "username", "ip_address", "iban", "credit_card", "national_id", "phone"),
)
"""Kinds whose placeholders become fakes of the row; ``date`` and ``url`` become words."""

_WORDS: Mapping[str, str] = {"date": "[date]", "url": "https://example.org/"}
_ORDINARY = (
    "ali an art bill bird black bond brown bush buck carry case chance chase christian church close cook cross day "
    "dean dolly drew ellen farmer faith field fisher flower ford fox frank gale gene glass grace grant gray green "
    "guy hall hand harmony hart heather hill holly hope house hunt iris ivory jack jade jay joy justice king knight "
    "lake lane lily little long love lynn major man mark mason may melody mercy miles miller moon moss more noble "
    "page parks pat patience penny pearl pitts porter price quick ray reed rich rivers robin rose ruby rusty sage "
    "sally short small stone strong summer taylor terry tony trace tucker van wall ward waters webb west white will "
    "willow winter wise wood woods young"
)
"""Words of everyday language that are names, too: they stay in small letters."""


def placeholder(kind: str) -> str:
    """The private character that stands for a kind."""
    return chr(0xE000 + KINDS.index(kind))


def remember(
    con: duckdb.DuckDBPyConnection,
    rows: str,
    text: str,
    people: Sequence[tuple[str, bool]],
    others: Sequence[str],
    pools: Pools,
    table: str,
) -> str:
    """Make a temporary table of texts with their placeholders; return SQL of the key by which a row finds its own.

    Args:
        con: the connection.
        rows: a FROM-able text with the columns below and ``u``, the unit.
        text: SQL of the text.
        people: SQL of the row's names, and of each whether it begins with a given name (else all of it is a surname).
        others: SQL of the row's other identifiers, whose words are hidden.
        pools: lists of names.
        table: its name.
    """
    parts = [f"coalesce({column}::VARCHAR, '')" for column in (text, *(name for name, _ in people), *others)]
    key = f"CASE WHEN {text} IS NOT NULL THEN md5({' || chr(31) || '.join(parts)}) END"
    given, family, hidden = _own_words(people, others)
    own = f"{given} AS given, {family} AS family, {hidden} AS hidden"
    cleaned = f"SELECT {key} AS key, u, {_cleaned(f'{text}::VARCHAR')} AS clean, {own} FROM {rows}"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE said AS SELECT key, u, any_value(clean) AS clean, any_value(given) AS given, "
        f"any_value(family) AS family, any_value(hidden) AS hidden FROM ({cleaned}) "
        "WHERE key IS NOT NULL GROUP BY key, u"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE listed AS SELECT unnest($1::VARCHAR[]) AS word", [_names(pools)])
    words = r"SELECT DISTINCT u, unnest(regexp_extract_all(clean, '[\pL\pM]+')) AS word FROM said"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE common AS SELECT word FROM ({words}) WHERE word = lower(word) AND "
        f"length(word) > 1 GROUP BY word HAVING count(*) >= {COMMON}"
    )
    con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS {_told()}")
    for name in ("said", "listed", "common"):
        con.execute(f"DROP TABLE temp.{name}")
    return key


def finish(text: str, fakes: Mapping[FakeKind, str]) -> str:
    """SQL of a text with its placeholders replaced by the row's fakes."""
    for kind in KINDS:
        word = fakes[kind] if kind in FAKED else literal(_WORDS[kind])
        text = f"replace({text}, {literal(placeholder(kind))}, {word})"
    return text


def _cleaned(text: str) -> str:
    """Characters that cannot be seen and private ones are left out; then patterns become placeholders."""
    cleaned = rf"regexp_replace(nfc_normalize({text}), '[\p{{Cf}}\p{{Co}}]', '', 'g')"
    for kind, pattern in PATTERNS:
        cleaned = f"regexp_replace({cleaned}, {literal(pattern)}, {literal(placeholder(kind))}, 'g')"
    return cleaned


def _own_words(people: Sequence[tuple[str, bool]], others: Sequence[str]) -> tuple[str, str, str]:
    """SQL of three lists of the row's words in small letters: given names, surnames, what else is to be hidden."""
    given = _joined(f"({_words(name)})[:1]" for name, begins in people if begins)
    family = _joined(f"({_words(name)})[{2 if begins else 1}:]" for name, begins in people)
    return given, family, _joined(_words(other) for other in others)


def _words(column: str) -> str:
    """The words and numbers of a cell that have at least two characters."""
    found = rf"regexp_extract_all(lower(nfc_normalize(coalesce({column}::VARCHAR, ''))), '[\pL\pM]+|\pN+')"
    return f"list_filter({found}, lambda w: length(w) > 1)"


def _joined(lists: Iterable[str]) -> str:
    return f"flatten([{', '.join([*lists, '[]::VARCHAR[]'])}])"


def _names(pools: Pools) -> list[str]:
    """Names that are hidden even where they are common."""
    ordinary = set(_ORDINARY.split())
    lists = [words for source in (pools, Pools()) for name, words in source.words.items() if name in _LISTS]
    return sorted({word.lower() for words in lists for word in words} - ordinary)


def _told() -> str:
    """The texts of ``said`` put together again, token by token."""
    parts = r"regexp_extract_all(any_value(clean), '[\pL\pM]+|\pN+|[^\pL\pM\pN]+') AS parts"
    own = ", ".join(f"any_value({name}) AS {name}" for name in ("given", "family", "hidden"))
    texts = f"SELECT key, {own}, {parts} FROM said GROUP BY key"
    tokens = f"SELECT * EXCLUDE (parts), unnest(parts) AS token, generate_subscripts(parts, 1) AS place FROM ({texts})"
    stars = literal(STARS)
    choice = (
        rf"CASE WHEN NOT regexp_matches(token, '[\pL\pM\pN]') THEN token "
        f"WHEN list_contains(given, lower(token)) THEN {literal(placeholder('first_name'))} "
        f"WHEN list_contains(family, lower(token)) THEN {literal(placeholder('last_name'))} "
        f"WHEN list_contains(hidden, lower(token)) THEN {stars} "
        rf"WHEN regexp_matches(token, '\pN') THEN CASE WHEN length(token) < 4 THEN token ELSE {stars} END "
        f"WHEN length(token) = 1 AND (token IN ('I', 'A') OR token = lower(token)) THEN token "
        "WHEN c.word IS NOT NULL AND l.word IS NULL AND (token = lower(token) OR o.word IS NULL) THEN token "
        f"ELSE {stars} END"
    )
    ordinary = f"(SELECT unnest({_ORDINARY.split()!r}) AS word)"
    return (
        f"SELECT key, string_agg({choice}, '' ORDER BY place) AS told FROM ({tokens}) LEFT JOIN common AS c ON "
        "lower(token) = c.word LEFT JOIN listed AS l ON lower(token) = l.word LEFT JOIN "
        f"{ordinary} AS o ON lower(token) = o.word GROUP BY key"
    )
