"""Boxes of small tables, worked by hand; and what is promised, counted again on tables drawn at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.anonymity import Anonymization, Anonymize, AnonymizedColumn, Hierarchy, anonymize
from synth_assets.anonymity.labels import joined_interval
from synth_assets.errors import AnonymityUnreachable


def run(
    con: duckdb.DuckDBPyConnection,
    values: str,
    names: str,
    quasi: Sequence[str],
    sensitive: Sequence[str] = (),
    other: Sequence[str] = (),
    **params: Any,
) -> tuple[Anonymization, list[tuple[Any, ...]]]:
    columns = [AnonymizedColumn(name=name, data_type="", role="quasi_identifier") for name in quasi]
    columns += [AnonymizedColumn(name=name, data_type="", role="sensitive") for name in sensitive]
    columns += [AnonymizedColumn(name=name, data_type="", role="insensitive") for name in other]
    con.execute("DROP TABLE IF EXISTS released")
    query = f"SELECT * FROM (VALUES {values}) AS t({names})"
    made = anonymize(con, query, columns, Anonymize(method="mondrian", **params), "released")
    return made, con.execute("SELECT * FROM released").fetchall()


def test_the_table_of_the_paper(con: duckdb.DuckDBPyConnection) -> None:
    # LeFevre et al. 2006, figure 2: six patients by age, sex and zipcode, k = 2; the age is cut at its median first.
    # Ages that one person has are no ends of an interval: those of the finest step, of two years, are. Three zipcodes
    # are too few for steps, and the first of them, which one person has, is no end either
    people = [(25, "Male", 53711), (25, "Female", 53712), (26, "Male", 53711)]
    people += [(27, "Male", 53710), (27, "Female", 53712), (28, "Male", 53711)]
    values = ", ".join(f"({age}, '{sex}', {zipcode}, {i})" for i, (age, sex, zipcode) in enumerate(people))
    made, rows = run(con, values, "age, sex, zipcode, __unit", ["age", "sex", "zipcode"], k=2)
    assert rows == [
        ("[25, 28)", "{Female, Male}", "[53711, 53712]"),
        ("[25, 28)", "{Female, Male}", "[53711, 53712]"),
        ("[25, 28)", "{Female, Male}", "[53711, 53712]"),
        ("[27, 30)", "{Female, Male}", "*"),
        ("[27, 30)", "{Female, Male}", "*"),
        ("[27, 30)", "{Female, Male}", "*"),
    ]
    assert (made.min_k, made.classes, made.suppressed_rows, made.optimal) == (3, 2, 0, False)


def test_boxes_are_as_fine_as_k_allows(con: duckdb.DuckDBPyConnection) -> None:
    values = ", ".join(f"({i}, {i})" for i in range(8))
    made, rows = run(con, values, "x, __unit", ["x"], k=2)
    assert Counter(rows) == {(text,): 2 for text in ("[0, 2)", "[2, 4)", "[4, 6)", "[6, 8)")}
    # eight values of 3 bits each, of which a pair tells 2
    assert made.loss == pytest.approx(1 / 3)
    assert made.steps == {"x": "an interval of each class's own"}


def test_a_column_that_needs_no_cut_keeps_its_type(con: duckdb.DuckDBPyConnection) -> None:
    made, rows = run(con, "(1, 1), (1, 2), (2, 3), (2, 4)", "x, __unit", ["x"], k=2)
    assert rows == [(1,), (1,), (2,), (2,)]
    assert (made.loss, made.steps) == (0, {"x": "the value itself"})


def test_words_that_belong_together_stay_together(con: duckdb.DuckDBPyConnection) -> None:
    land = {"Lyon": "France", "Ulm": "Germany", "Paris": "France", "Trier": "Germany"}
    values = ", ".join(f"('{town}', {i})" for i, town in enumerate(land))
    made, rows = run(con, values, "town, __unit", ["town"], k=2, hierarchies={"town": Hierarchy(groups=(land,))})
    assert Counter(rows) == {("{Lyon, Paris}",): 2, ("{Trier, Ulm}",): 2}
    assert made.classes == 2


def test_many_words_are_called_by_their_group(con: duckdb.DuckDBPyConnection) -> None:
    land = {f"t{i:02d}": "North" if i < 10 else "South" for i in range(20)}
    values = ", ".join(f"('{town}', {i})" for i, town in enumerate(land))
    made, rows = run(con, values, "town, __unit", ["town"], k=10, hierarchies={"town": Hierarchy(groups=(land,))})
    assert Counter(rows) == {("North",): 10, ("South",): 10}
    _, rows = run(con, values, "town, __unit", ["town"], k=20, hierarchies={"town": Hierarchy(groups=(land,))})
    assert Counter(rows) == {("*",): 20}
    assert made.loss < 1


def test_an_end_that_few_have_is_not_shown(con: duckdb.DuckDBPyConnection) -> None:
    # 20 and 29 are shared by two, 43 and 97 are one person's
    ages = (20, 20, 25, 29, 29, 43, 44, 44, 70, 97)
    values = ", ".join(f"({age}, {i})" for i, age in enumerate(ages))
    made, rows = run(con, values, "age, __unit", ["age"], k=2, hierarchies={"age": Hierarchy(widths=(10, 20))})
    assert Counter(rows) == {("20",): 2, ("[20, 29]",): 3, ("[40, 44]",): 3, ("[70, 100)",): 2}
    assert made.min_k == 2


def test_missing_numbers_have_no_place_in_an_interval(con: duckdb.DuckDBPyConnection) -> None:
    _, rows = run(con, "(NULL, 1), (3, 2), (7, 3), (8, 4)", "x, __unit", ["x"], k=2)
    assert Counter(rows) == {("*",): 2, ("[6, 10)",): 2}
    _, rows = run(con, "(NULL, 1), (NULL, 2), (7, 3), (8, 4)", "x, __unit", ["x"], k=2)
    assert Counter(rows) == {(None,): 2, ("*",): 2}  # a range of two values has no steps


def test_a_cut_must_leave_enough_sensitive_values_on_both_sides(con: duckdb.DuckDBPyConnection) -> None:
    values = "(1, 'a', 1), (2, 'a', 2), (3, 'a', 3), (4, 'b', 4), (5, 'b', 5), (6, 'a', 6)"
    _, rows = run(con, values, "x, s, __unit", ["x"], ["s"], k=2)
    assert {row[0] for row in rows} == {"[0, 4)", "[4, 8)"}
    made, rows = run(con, values, "x, s, __unit", ["x"], ["s"], k=2, l=2)
    assert {row[0] for row in rows} == {"[0, 8)"}
    assert made.min_l == 2


def test_the_whole_table_must_satisfy_the_model(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(AnonymityUnreachable, match="the table has 2 units; the largest k is 2; ask for less"):
        run(con, "(1, 1), (2, 2)", "x, __unit", ["x"], k=3)


@pytest.mark.parametrize(
    ("low", "high", "kind", "text"),
    [
        ("1.5", "2.25", "real", "[1.5, 2.25]"),
        ("-3", "4", "integer", "[-3, 4]"),
        ("[-10, -5)", "[0, 5)", "integer", "[-10, 5)"),
        ("2019-04-01", "2019-05-02", "temporal", "[2019-04-01, 2019-05-02]"),
        ("2019-04", "2019-12", "temporal", "[2019-04-01, 2020-01-01)"),
        ("2019-04", "2019-05", "temporal", "[2019-04-01, 2019-06-01)"),
        ("2019-04-03", "2019-05", "temporal", "[2019-04-03, 2019-06-01)"),
        ("2019-04", "2019-05-02", "temporal", "[2019-04-01, 2019-05-02]"),
        ("3", "[5, 10)", "integer", "[3, 10)"),
        ("[0, 5)", "8", "integer", "[0, 8]"),
        (None, "4", "integer", None),
        ("4", "nan", "real", None),
        ("-infinity", "2019-12", "temporal", None),
    ],
)
def test_intervals_from_one_label_to_another(low: str | None, high: str | None, kind: str, text: str | None) -> None:
    assert joined_interval(low, high, kind) == text


def test_values_beyond_a_thousand_start_at_intervals(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP TABLE IF EXISTS released")
    columns = [
        AnonymizedColumn(name="pay", data_type="BIGINT", role="quasi_identifier"),
        AnonymizedColumn(name="day", data_type="DATE", role="quasi_identifier"),
    ]
    query = "SELECT 7 * i AS pay, DATE '1950-01-01' + (11 * i)::INT AS day, i AS __unit FROM range(2000) AS r(i)"
    made = anonymize(con, query, columns, Anonymize(k=4, method="mondrian"), "released")
    assert 2000 / 4 >= made.classes >= 2000 / 16
    labels = con.execute("SELECT DISTINCT pay, day FROM released ORDER BY ALL").fetchall()
    assert all(pay.startswith("[") and pay.endswith(")") for pay, _ in labels)
    assert all(len(day) == len("[1950-01-01, 1950-03-01)") or len(day) == len("1950-01") for _, day in labels)


def holds(label: str | int | None, value: int | None, word: str | None) -> bool:
    """Whether a label may stand for a number, or for a word."""
    if label in ("*", value if word is None else word):
        return True
    label = str(label)
    if word is not None:
        return word in label or (label.endswith("*") and word.startswith(label[:-1]))
    if value is None:
        return "(missing)" in label
    if not label.startswith("["):
        return str(value) == label
    low, high = label[1:-1].split(", ")
    return int(low) <= value < int(high) + label.endswith("]")


cell = st.one_of(st.none(), st.integers(0, 6))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(cell, cell, st.integers(0, 12), st.integers(0, 2)), min_size=4, max_size=40),
    st.integers(2, 4),
    st.sampled_from([{}, {"l": 2}, {"t": 0.4}, {"entropy_l": 1.5}, {"recursive": {"c": 2, "l": 2}}]),
)
def test_every_box_keeps_what_the_model_promises(
    rows: list[tuple[int | None, int | None, int, int]], k: int, model: dict[str, Any]
) -> None:
    words = [None if b is None else f"w{b}" for _, b, _, _ in rows]
    values = ", ".join(
        f"({'NULL' if a is None else a}, {'NULL' if word is None else repr(word)}, {unit}, {s}, {number})"
        for number, ((a, _, unit, s), word) in enumerate(zip(rows, words, strict=True))
    )
    with duckdb.connect() as con:
        try:
            made, shown = run(con, values, "a, b, __unit, s, n", ["a", "b"], ["s"], ["n"], k=k, **model)
        except AnonymityUnreachable:
            assert len({row[2] for row in rows}) < k or model
            return
    # the independent count has agreed; and each value lies in what stands for it, and nobody is left out
    assert len(shown) == len(rows)
    assert made.min_k >= k
    assert 0 <= made.loss <= 1 + 1e-9
    for a, b, s, number in shown:
        assert s == rows[number][3]
        assert holds(a, rows[number][0], None)
        assert holds(b, None, words[number])
