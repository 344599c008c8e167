"""What names of groups stand for, worked by hand."""

import duckdb

from synth_assets.anonymity import Anonymization, Anonymize, Hierarchy, read_groups_of
from synth_assets.anonymity.reading import sets_of

LANDS = Hierarchy(
    groups=(
        {"Japan": "Asia", "India": "Asia", "Peru": "America"},
        {"Asia": "World", "America": "World"},
    )
)


def test_values_are_called_as_after_so_many_steps() -> None:
    assert LANDS.called(1)["India"] == "Asia"
    assert LANDS.called(2) == dict.fromkeys(["Japan", "India", "Peru", "Asia", "America"], "World")


def test_a_name_is_the_set_of_the_words_that_it_may_be() -> None:
    words = ["India", "Japan", "Peru", "Mars, far"]
    assert sets_of(LANDS, words) == {"Asia": "{India, Japan}", "America": "Peru", "World": "{India, Japan, Peru}"}


def test_a_name_that_is_also_a_word_may_be_that_word() -> None:
    assert sets_of(LANDS, ["Asia", "Japan", "Peru"])["Asia"] == "{Asia, Japan}"


def made(params: Anonymize, meaning: str) -> Anonymization:
    levels = {"home": {"level": 1, "levels": 2, "meaning": meaning}}
    counts = {"rows": 3, "suppressed_rows": 0, "classes": 1, "min_k": 3, "min_l": None, "loss": 0, "optimal": True}
    return Anonymization.model_validate({"k": params.k, "l": None, "levels": levels, **counts, "explanation": {}})


def test_rows_of_the_source_are_called_by_the_step_that_was_reached(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TEMP TABLE people AS SELECT * FROM (VALUES ('Japan', 1), ('Mars', 2), (NULL, 3)) AS t(home, n)")
    params = Anonymize(k=2, hierarchies={"home": LANDS})
    reading = read_groups_of(con, made(params, "groups, step 1"), params, "people")
    assert con.execute(f"SELECT * FROM {reading.of_source('people')} ORDER BY n").fetchall() == [
        ("Asia", 1),
        ("Mars", 2),
        (None, 3),
    ]
    assert reading.of_finished("people") == "people"
    assert read_groups_of(con, made(params, "*"), params, "people").of_source("people") == "people"


def test_names_in_boxes_are_read_as_sets(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE TEMP TABLE members AS SELECT unnest(['Japan', 'India', 'Peru']) AS home")
    con.execute("CREATE TEMP TABLE boxes AS SELECT unnest(['Asia', 'Peru', '{India, Peru}', '*']) AS home")
    params = Anonymize(k=2, method="mondrian", hierarchies={"home": LANDS})
    reading = read_groups_of(con, made(params, "a set of each class's own"), params, "members")
    assert reading.of_source("members") == "members"
    rows = con.execute(f"SELECT home FROM {reading.of_finished('boxes')} ORDER BY 1").fetchall()
    assert rows == [("*",), ("Peru",), ("{India, Japan}",), ("{India, Peru}",)]
