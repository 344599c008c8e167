"""Free text: hostile notes in which nothing of a person may be left, and the fakes that stand in its place."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pytest

from synth_assets.classification import EntityType, Role
from synth_assets.deidentification import Deidentification, TreatedColumn, deidentify
from synth_assets.deidentification.free_text import KINDS, PATTERNS, placeholder

Con = duckdb.DuckDBPyConnection

ORDINARY = "the patient was seen and has pain for 3 days; room 42, 500 mg, may come back when this gets worse"
NOTES = [
    "{first} {last} came in. {first}'s mail is {mail}, call {phone}.",
    "{LAST}, {FIRST}: seen with Quirin Abendroth; {last}'s daughter too.",
    "mr {low_last} said ({low_first}) that he has pain",
    "send to {first}(at)mail(dot)test or {mail} or <{mail}>",
    "{first}.{last} / {first}_{last} / {first}-{last} / {first}{last}",
    "record {record}, also MRN{digits} and no. {spaced}",
    "card 4111-1111-1111-1111 exp 04/29, iban DE89 3704 0044 0532 0130 00 and DE89370400440532013000",
    "born 12 March 1961, 1961-03-12, 12.03.1961, March 12th, 1961",
    "from 192.168.77.12 and 2001:db8:85a3::8a2e:370:7334 via https://host.test/{low_first}?q={digits} www.{low_last}",
    "{first_zero_width} {last_accent} was here",
    "\U0001f600{first}\U0001f600{last}; @{low_first}_{low_last}",
    "{first}\n{last}\t{phone}",
    "Schwester Ottilie und Dr. Abendroth haben {first} gesehen",
    "ssn {ssn} {ssn_spaces}",
    "call 0 3 0 1 2 3 4 5 6 7 or (030) 1234567 or 030/1234567",
    "{first} " * 40,
    ORDINARY,
    "",
]
SECRETS = ["first", "last", "record", "digits", "ssn"]


def column(name: str, treatment: Any, kind: EntityType = "text", role: Role = "direct_identifier") -> TreatedColumn:
    return TreatedColumn(name=name, data_type="VARCHAR", entity_type=kind, role=role, treatment=treatment)


COLUMNS = [
    column("n", "keep", "measure", "insensitive"),
    column("id", "pseudonymize", "person_id"),
    column("first", {"fake": "first_name", "identity": "unit"}, "first_name"),
    column("last", "suppress", "last_name"),
    column("record", "suppress", "record_id"),
    column("mail", {"fake": "email", "identity": "unit"}, "email"),
    column("note", {"fake": "text"}),
]


def person(i: int) -> dict[str, str]:
    letters = "".join(chr(97 + int(d)) for d in f"{i:03d}")
    first, last, digits = f"Zacharias{letters}", f"Vanderquist{letters}", str(7_000_000 + i)
    return {
        "id": f"P{i}",
        "first": first,
        "last": last,
        "record": f"HX-{i + 10}",
        "mail": f"{first}.{last}@mail.test".lower(),
        "phone": f"+1 (415) 555-{i:04d}",
        "FIRST": first.upper(),
        "LAST": last.upper(),
        "low_first": first.lower(),
        "low_last": last.lower(),
        "digits": digits,
        "spaced": " ".join(digits),
        "first_zero_width": "\u200b".join(first),
        "last_accent": last.replace("a", "a\u0301"),
        "ssn": f"123-45-{i:04d}",
        "ssn_spaces": f"123 45 {i:04d}",
    }


@pytest.fixture(scope="module")
def treated(con: Con) -> tuple[Con, list[tuple[dict[str, str], str]], Deidentification]:
    """Ten people with every note; the second round is a consumer's."""
    people = [person(i) for i in range(10) for _ in NOTES]
    texts = [note.format(**who) for who, note in zip(people, NOTES * 10, strict=True)]
    rows = [
        (str(n), who["id"], who["first"], who["last"], who["record"], who["mail"], text)
        for n, (who, text) in enumerate(zip(people, texts, strict=True))
    ]
    con.execute("CREATE TABLE s (n TEXT, id TEXT, first TEXT, last TEXT, record TEXT, mail TEXT, note TEXT)")
    con.executemany("INSERT INTO s VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    source = "(SELECT *, keyed_int('unit', id) AS __unit, false AS __control FROM s)"
    found = deidentify(con, source, COLUMNS, "first_round", unit="id")
    deidentify(con, "first_round", COLUMNS, "t", unit="id", female="__female", answers="any")
    told = [row[0] for row in con.execute("SELECT note FROM t ORDER BY n::INT").fetchall()]
    return con, list(zip(people, told, strict=True)), found


def bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


@pytest.mark.parametrize("place", range(len(NOTES)))
def test_nothing_of_a_person_is_left(treated: tuple[Con, list[tuple[dict[str, str], str]], Any], place: int) -> None:
    """Neither as it is written nor with all but letters and digits left out."""
    con, told, _ = treated
    first = [row[0] for row in con.execute("SELECT note FROM first_round ORDER BY n::INT").fetchall()]
    for (who, text), placed in list(zip(told, first, strict=True))[place :: len(NOTES)]:
        for secret in SECRETS:
            assert bare(who[secret]) not in bare(placed)
            assert bare(who[secret]) not in bare(text)
        for word in ("abendroth", "quirin", "ottilie", "4111", "3704", "1961", "192168", "85a3", "1234567", "555"):
            assert word not in bare(placed)
        assert who["id"] not in text


def test_the_same_persons_fakes_stand_in_the_text(treated: tuple[Con, list[tuple[dict[str, str], str]], Any]) -> None:
    con, told, _ = treated
    fakes = con.execute("SELECT first, mail FROM t ORDER BY n::INT").fetchall()
    for place, ((first, mail), (_, text)) in enumerate(zip(fakes, told, strict=True)):
        last = mail.split(".")[1].capitalize()  # that of the person; the column itself is suppressed
        note = place % len(NOTES)
        if note == 0:
            assert text.startswith(f"{first} {last} came in. ")
            assert f"{first}'s *** is {mail}, call +999 " in text
        if note == 1:
            assert text.startswith(f"{last}, {first}: seen with *** ***; {last}'s ")
        if note == 15:
            assert text == f"{first} " * 40
    ordinary = {text for place, (_, text) in enumerate(told) if place % len(NOTES) == 16}
    assert ordinary == {ORDINARY}
    assert [text for place, (_, text) in enumerate(told) if place % len(NOTES) == 17] == [""] * 10


def test_the_first_round_holds_placeholders_and_no_fakes(
    treated: tuple[Con, list[tuple[dict[str, str], str]], Any],
) -> None:
    con, _, found = treated
    texts = [row[0] for row in con.execute("SELECT note FROM first_round ORDER BY n::INT").fetchall()]
    assert texts[0].startswith(f"{placeholder('first_name')} {placeholder('last_name')} ")
    outcome = {column.name: column for column in found.columns}["note"]
    assert not outcome.fixed_rule
    assert set(outcome.inputs) == {"note", "id", "first", "last", "record", "mail"}
    assert {kind for kind, _ in PATTERNS} <= set(KINDS)
    assert con.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name IN ('said', 'listed', 'common')"
    ).fetchall() == [(0,)]


def test_a_private_character_in_a_text_becomes_no_fake(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE p AS SELECT $1::VARCHAR AS note, 1::UBIGINT AS __unit, false AS __control, 'x' AS id",
        [placeholder("email") * 3],
    )
    columns = [column("note", {"fake": "text"})]
    deidentify(con, "p", columns, "p1", unit="id")
    assert con.execute("SELECT note FROM p1").fetchall() == [("",)]


def test_rare_words_and_listed_names_are_hidden_even_in_small_letters(con: Con) -> None:
    """``pain`` is in five people's notes, ``gout`` in four, ``jennifer`` in all but a name, ``will`` is a word, too."""
    con.execute(
        "CREATE OR REPLACE TABLE p AS SELECT 'x' || i AS id, 'pain' || CASE WHEN i < 4 THEN ' gout' ELSE '' END || "
        "' jennifer will. Will May' AS note, i::UBIGINT AS __unit, false AS __control FROM range(5) AS r(i)"
    )
    deidentify(con, "p", [column("note", {"fake": "text"})], "p1", unit="id")
    assert sorted(con.execute("SELECT DISTINCT note FROM p1").fetchall()) == [
        ("pain *** *** will. *** ***",),
        ("pain *** will. *** ***",),
    ]
    con.execute("UPDATE p SET __unit = 1")  # one person's words are nobody else's
    deidentify(con, "p", [column("note", {"fake": "text"})], "p1", unit="id")
    assert sorted(con.execute("SELECT DISTINCT note FROM p1").fetchall())[0] == ("*** *** *** ***. *** ***",)


def test_nulls_and_empty_tables(con: Con) -> None:
    con.execute("CREATE OR REPLACE TABLE p (note VARCHAR, name VARCHAR, __unit UBIGINT, __control BOOLEAN)")
    columns = [column("note", {"fake": "text"}), column("name", {"fake": "name"}, "person_name")]
    assert deidentify(con, "p", columns, "p1").rows == 0
    con.execute("INSERT INTO p VALUES (NULL, 'Ann', 1, false), ('Ann', NULL, 2, false)")
    deidentify(con, "p", columns, "p1")
    deidentify(con, "p1", columns, "p2", answers="any")
    assert con.execute("SELECT note FROM p2 ORDER BY note NULLS FIRST").fetchall() == [(None,), ("***",)]
