"""k-map, delta-presence and other losses on whole tables, worked by hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from synth_assets.anonymity import Anonymization, Anonymize, AnonymizedColumn, Hierarchy, anonymize
from synth_assets.errors import AnonymityUnreachable, SpecError

AGES = {"age": Hierarchy(widths=(10,), suppressible=False)}


def run(
    con: duckdb.DuckDBPyConnection, rows: str, people: str | None, **params: Any
) -> tuple[Anonymization, list[tuple[Any, ...]]]:
    """Ages of a table, and of a population."""
    con.execute("DROP TABLE IF EXISTS released")
    sql = "SELECT * FROM (VALUES {}) AS t(age, __unit)"
    columns = [AnonymizedColumn(name="age", data_type="INTEGER", role="quasi_identifier")]
    population = None if people is None else sql.format(people)
    made = anonymize(con, sql.format(rows), columns, Anonymize(**params), "released", population)
    return made, con.execute("SELECT * FROM released").fetchall()


def test_who_is_alone_in_the_table_may_hide_in_the_population(con: duckdb.DuckDBPyConnection) -> None:
    rows, people = "(31, 1), (42, 2)", "(31, 1), (31, 5), (42, 2), (42, 6), (77, 7)"
    made, shown = run(con, rows, people, k_map=2, population="register")
    assert shown == [(31,), (42,)]
    assert (made.min_k, made.min_k_map, made.loss) == (1, 2, 0)
    assert made.presence == (0.5, 0.5)


def test_the_population_is_generalized_by_the_same_steps(con: duckdb.DuckDBPyConnection) -> None:
    # 38 of the population is no value of the table, and hides 31 once ages are tens
    rows, people = "(31, 1), (42, 2)", "(31, 1), (38, 5), (42, 2), (44, 6)"
    made, shown = run(con, rows, people, k_map=2, population="register", hierarchies=AGES, suppression_limit=0)
    assert shown == [("[30, 40)",), ("[40, 50)",)]
    assert (made.min_k, made.min_k_map, made.classes) == (1, 2, 2)


def test_the_units_of_the_population_count_and_not_its_rows(con: duckdb.DuckDBPyConnection) -> None:
    people = "(31, 1), (31, 1), (31, 1), (38, 1)"
    with pytest.raises(AnonymityUnreachable, match="the table has 1 unit; no k_map of 2 or more is possible"):
        run(con, "(31, 1)", people, k_map=2, population="register", hierarchies=AGES, suppression_limit=0)


def test_a_class_of_which_too_many_are_in_the_table_is_left_out(con: duckdb.DuckDBPyConnection) -> None:
    # of the 31-year-olds one in two is in the table, of the 42-year-olds all
    rows, people = "(31, 1), (31, 2), (42, 3), (42, 4)", "(31, 1), (31, 2), (31, 5), (31, 6), (42, 3), (42, 4)"
    asked = {"k": 2, "delta_presence": (0, 0.5), "population": "register", "hierarchies": AGES}
    made, shown = run(con, rows, people, suppression_limit=0.5, **asked)
    assert shown == [(31,), (31,)]
    assert (made.presence, made.suppressed_rows, made.few_units) == ((0.5, 0.5), 2, 2)
    with pytest.raises(AnonymityUnreachable):
        run(con, rows, people, suppression_limit=0, **asked)


def test_a_lower_bound_of_presence_holds_for_who_is_not_in_the_table(con: duckdb.DuckDBPyConnection) -> None:
    # nobody of 45 is in the table: that they are not is known, unless ages are tens, where half of them are
    rows, people = "(41, 1), (41, 2)", "(41, 1), (41, 2), (45, 3), (45, 4)"
    whole, shown = run(con, rows, people, k=2, delta_presence=(0, 1), population="register", hierarchies=AGES)
    assert shown == [(41,), (41,)]
    asked = {"k": 2, "delta_presence": (0.5, 1), "population": "register", "hierarchies": AGES}
    made, shown = run(con, rows, people, **asked)
    assert shown == [("[40, 50)",), ("[40, 50)",)]
    assert (whole.presence, made.presence) == ((1, 1), (0.5, 0.5))
    with pytest.raises(AnonymityUnreachable):
        run(con, rows, f"{people}, (77, 5)", **asked)


def test_a_unit_of_the_population_in_two_classes_is_one_when_they_merge(con: duckdb.DuckDBPyConnection) -> None:
    rows, people = "(31, 1)", "(31, 1), (38, 1), (33, 2)"
    made, shown = run(con, rows, people, k_map=2, population="register", hierarchies=AGES)
    assert shown == [("[30, 40)",)]
    assert made.min_k_map == 2


def test_a_population_of_another_type_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(SpecError, match="its column `age` is of type VARCHAR, the product's of INTEGER"):
        run(con, "(31, 1)", "('31', 1)", k_map=2, population="register")


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({}, "needs `k`, or `k_map`"),
        ({"k_map": 2}, "need `population`"),
        ({"k": 2, "population": "register"}, "need `population`"),
        ({"k": 2, "population": "register", "delta_presence": (0.5, 0.2)}, "two rising shares"),
        ({"k": 2, "loss": "queries"}, "`queries` and `loss: queries` need each other"),
        ({"k": 2, "queries": [["age"]]}, "`queries` and `loss: queries` need each other"),
        ({"k": 2, "loss": "queries", "queries": [["age", "age"]]}, "each once"),
        ({"k": 2, "method": "mondrian", "loss": "discernibility"}, "takes neither"),
    ],
)
def test_what_does_not_belong_together_is_refused(params: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        Anonymize(**params)


def losing(con: duckdb.DuckDBPyConnection, **params: Any) -> dict[str, int]:
    """The levels chosen for two columns: thirteen people of one sex and two towns, two of the other and one more."""
    people = [("F", "north")] * 7 + [("F", "south")] * 6 + [("M", "west")] * 2
    values = ", ".join(
        f"('{sex}', '{town}', '{'ill' if i % 2 else 'well'}', {i})" for i, (sex, town) in enumerate(people)
    )
    roles = {"sex": "quasi_identifier", "town": "quasi_identifier", "health": "insensitive"}
    columns = [AnonymizedColumn.model_validate({"name": n, "data_type": "", "role": r}) for n, r in roles.items()]
    con.execute("DROP TABLE IF EXISTS released")
    sql = f"SELECT * FROM (VALUES {values}) AS t(sex, town, health, __unit)"
    made = anonymize(con, sql, columns, Anonymize(k=3, suppression_limit=0, **params), "released")
    assert made.optimal
    return {name: level.level for name, level in made.levels.items()}


def test_the_loss_decides_which_column_is_given_up(con: duckdb.DuckDBPyConnection) -> None:
    # two people of three must meet others: either both columns vanish, or rare towns and the sex do
    everything = losing(con)
    assert everything["sex"] > 0
    by_sex = losing(con, loss="queries", queries=[["sex", "health"]], hierarchies={"town": {}})
    assert by_sex["sex"] > 0  # no k of 3 keeps it
    for measure in ("discernibility", "average_class_size"):
        assert losing(con, loss=measure)["town"] <= everything["town"]


def test_a_query_needs_a_quasi_identifier_that_is_shown(con: duckdb.DuckDBPyConnection) -> None:
    for query in (["health"], ["sex", "name"]):
        with pytest.raises(SpecError, match=r"anonymize\.queries: each must list columns that the product shows"):
            losing(con, loss="queries", queries=[query])
