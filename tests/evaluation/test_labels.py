from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.anonymity.labels import listed_set
from synth_assets.evaluation.labels import is_integer, is_number, is_time, read_labels, read_sets

DAY = 86_400


def read(labels: list[str], data_type: str) -> dict[str, tuple[float | None, float | None]] | None:
    con = duckdb.connect()
    con.execute("CREATE TABLE given (t VARCHAR)")
    con.executemany("INSERT INTO given VALUES (?)", [[label] for label in labels])
    if not read_labels(con, "read", "SELECT DISTINCT t FROM given", data_type):
        return None
    return {label: (low, high) for label, low, high in con.execute("SELECT label, low, high FROM read").fetchall()}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("[30, 40)", (30, 39)),
        ("(30, 40]", (31, 40)),
        ("[90, )", (90, None)),
        ("[90, inf)", (90, None)),
        ("30-39", (30, 39)),
        (">= 5", (5, None)),
        ("< 5", (None, 4)),
        ("90+", (90, None)),
        ("42", (42, 42)),
        ("-5", (-5, -5)),
        ("*", (None, None)),
        ("NaN", (None, None)),
    ],
)
def test_whole_numbers(label: str, expected: tuple[float | None, float | None]) -> None:
    assert read([label], "INTEGER") == {label: expected}


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("1970", (0, 365 * DAY - 1)),
        ("1970-02", (31 * DAY, 59 * DAY - 1)),
        ("1970-Q1", (0, 90 * DAY - 1)),
        ("1970-1974", (0, (5 * 365 + 1) * DAY - 1)),
        ("1970-01-02", (DAY, DAY)),
    ],
)
def test_dates(label: str, expected: tuple[float, float]) -> None:
    assert read([label], "DATE") == {label: expected}


def test_an_open_end_of_a_real_number_is_just_below() -> None:
    found = read(["[0.5, 1)"], "DOUBLE")
    assert found is not None
    low, high = found["[0.5, 1)"]
    assert low == 0.5
    assert high is not None
    assert 1 - 1e-6 < high < 1


@pytest.mark.parametrize("label", ["young", "[a, 3)", "[1, 2, 3)", "[5, 3)", "1970-13"])
def test_a_text_that_is_no_interval_makes_the_column_a_category(label: str) -> None:
    assert read(["[0, 10)", label], "INTEGER") is None


def test_kinds_of_types() -> None:
    assert is_integer("BIGINT")
    assert not is_integer("DOUBLE")
    assert is_number("DECIMAL(10,2)")
    assert not is_number("VARCHAR")
    assert is_time("TIMESTAMP WITH TIME ZONE")
    assert not is_time("INTERVAL")


def sets(labels: list[str], words: list[str]) -> dict[str, set[str | None]]:
    con = duckdb.connect()
    con.execute("CREATE TABLE given AS SELECT unnest($1::VARCHAR[]) AS t", [labels])
    con.execute("CREATE TABLE words AS SELECT unnest($1::VARCHAR[]) AS t", [words])
    read_sets(con, "read", "SELECT t FROM given", "SELECT t FROM words")
    found: dict[str, set[str | None]] = {}
    for label, member in con.execute("SELECT label, member FROM read").fetchall():
        found.setdefault(label, set()).add(member)
    return found


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("{a, b}", {"a", "b"}),
        ('{"a"}', {"a"}),
        ("{(missing), a}", {None, "a"}),
        ('{"(missing)", a}', {"(missing)", "a"}),
        ('{"", "5"" pipe, {new}"}', {"", '5" pipe, {new}'}),
        ("{90*, a}", {"90*", "a"}),
        ("{a, c}", None),  # no word of the rows
        ("{a, b", None),
        ("{a,b}", None),
        ("{a, a}", None),  # a word of the rows
    ],
)
def test_sets_of_words(label: str, expected: set[str | None] | None) -> None:
    words = ["a", "b", "(missing)", "", '5" pipe, {new}', "{a, a}"]
    assert sets([label], words).get(label) == expected


@given(st.lists(st.one_of(st.none(), st.text('ab,"{} *(missing)', max_size=4)), min_size=1, max_size=4, unique=True))
def test_what_is_written_is_read(words: list[str | None]) -> None:
    known = [word for word in words if word is not None]
    label = listed_set(words, known)
    assert label is not None
    assert sets([label, *known], known) == {label: set(words)}
