"""Whole tables: worked by hand, and drawn at random with the promise counted again from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from synth_assets.anonymity import Anonymization, Anonymize, AnonymizedColumn, Hierarchy, anonymize
from synth_assets.errors import AnonymityUnreachable, SpecError
from synth_assets.storage import quote

ADULT = Path(__file__).parents[2] / "../shared/data/adult_raw.csv"


def columns(quasi: Sequence[str], sensitive: Sequence[str] = (), other: Sequence[str] = ()) -> list[AnonymizedColumn]:
    roles = [(quasi, "quasi_identifier"), (sensitive, "sensitive"), (other, "insensitive")]
    return [
        AnonymizedColumn.model_validate({"name": name, "data_type": "VARCHAR", "role": role})
        for names, role in roles
        for name in names
    ]


def run(
    con: duckdb.DuckDBPyConnection, values: str, names: str, chosen: list[AnonymizedColumn], **params: Any
) -> tuple[Anonymization, list[tuple[Any, ...]]]:
    con.execute("DROP TABLE IF EXISTS released")
    query = f"SELECT * FROM (VALUES {values}) AS t({names})"
    result = anonymize(con, query, chosen, Anonymize(**params), "released")
    return result, con.execute("SELECT * FROM released").fetchall()


def test_a_table_that_is_anonymous_stays_as_it_is(con: duckdb.DuckDBPyConnection) -> None:
    result, rows = run(con, "('F', 1), ('M', 2), ('F', 3), ('M', 4)", "sex, __unit", columns(["sex"]), k=2)
    assert rows == [("F",), ("F",), ("M",), ("M",)]
    assert (result.loss, result.min_k, result.classes, result.suppressed_rows) == (0, 2, 2, 0)
    assert result.levels["sex"].level == 0
    assert result.optimal


def test_half_of_two_equal_columns_is_lost(con: duckdb.DuckDBPyConnection) -> None:
    # each column holds 4 of the 8 bits; suppressing one makes two classes of two
    values = "('F', 'r', 1), ('F', 'b', 2), ('M', 'r', 3), ('M', 'b', 4)"
    result, rows = run(con, values, "sex, color, __unit", columns(["sex", "color"]), k=2, suppression_limit=0)
    assert result.loss == pytest.approx(0.5)
    assert sorted(sum(cell == "*" for cell in row) for row in rows) == [1, 1, 1, 1]


def test_ages_become_the_narrowest_intervals_that_do(con: duckdb.DuckDBPyConnection) -> None:
    values = "(31, 1), (33, 2), (38, 3), (45, 4), (47, 5), (41, 6)"
    ages = {"age": Hierarchy(widths=(5, 10, 20))}
    result, rows = run(con, values, "age, __unit", columns(["age"]), k=3, suppression_limit=0, hierarchies=ages)
    assert rows == [("[30, 40)",)] * 3 + [("[40, 50)",)] * 3
    assert (result.levels["age"].level, result.levels["age"].levels) == (2, 4)  # 20 would say the same as 10
    # 6 rows in all, halves of 3: 6 log2(3) of 6 log2(6) bits
    assert result.loss == pytest.approx(0.613147, abs=1e-6)


def test_a_unit_with_many_rows_counts_once(con: duckdb.DuckDBPyConnection) -> None:
    values = "(30, 1), (30, 1), (30, 1), (30, 1), (40, 2), (40, 3)"
    result, rows = run(con, values, "age, __unit", columns(["age"]), k=2, suppression_limit=0)
    assert rows == [("*",)] * 6
    assert result.min_k == 3


def test_a_unit_in_several_classes_is_one_when_they_merge(con: duckdb.DuckDBPyConnection) -> None:
    values = "(31, 1), (38, 1), (33, 2)"
    with pytest.raises(AnonymityUnreachable, match="has 2 units; the largest k is 2; ask"):
        run(con, values, "age, __unit", columns(["age"]), k=3)
    result, _ = run(con, values, "age, __unit", columns(["age"]), k=2, suppression_limit=0)
    assert (result.classes, result.min_k, result.rows) == (1, 2, 3)


def test_a_file_beside_groups_is_refused() -> None:
    with pytest.raises(ValidationError, match="give `groups`, or `file`, from which they are read; not both"):
        Hierarchy(groups=({"a": "b"},), file="groups.csv")


def test_few_odd_rows_are_left_out(con: duckdb.DuckDBPyConnection) -> None:
    values = ", ".join([f"('a', {i})" for i in range(19)] + ["('b', 19)"])
    result, rows = run(con, values, "x, __unit", columns(["x"]), k=2)
    assert rows == [("a",)] * 19
    assert (result.suppressed_rows, result.rows, result.min_k) == (1, 19, 19)
    result, rows = run(con, values, "x, __unit", columns(["x"]), k=2, suppression_limit=0.049)
    assert rows == [("*",)] * 20


def test_each_class_shows_several_sensitive_values(con: duckdb.DuckDBPyConnection) -> None:
    values = "('F', 'flu', 1), ('F', 'flu', 2), ('M', 'flu', 3), ('M', NULL, 4)"
    chosen = columns(["sex"], ["diagnosis"])
    kept, rows = run(con, values, "sex, diagnosis, __unit", chosen, k=2, suppression_limit=0)
    assert {row[0] for row in rows} == {"F", "M"}
    assert kept.min_l == 1
    diverse, rows = run(con, values, "sex, diagnosis, __unit", chosen, k=2, l=2, suppression_limit=0)
    assert {row[0] for row in rows} == {"*"}
    assert diverse.min_l == 2  # flu and NULL
    half, rows = run(con, values, "sex, diagnosis, __unit", chosen, k=2, l=2, suppression_limit=0.5)
    assert {row[0] for row in rows} <= {"*", "M"}
    assert half.min_l == 2
    offers = "with l=3 no k of 2 or more is possible; with k alone the largest k is 4; with k=2 the largest l is 2"
    with pytest.raises(AnonymityUnreachable, match=offers):
        run(con, values, "sex, diagnosis, __unit", chosen, k=2, l=3)


def test_the_story_says_what_was_done_and_why(con: duckdb.DuckDBPyConnection) -> None:
    rows = [f"({30 + i}, 's{i % 2}', {i})" for i in range(10)] + ["(71, 's0', 20)"]
    rows += [f"(50, 's0', {30 + i})" for i in range(3)]
    wanted = {"age": Hierarchy(widths=(10,), suppressible=False)}
    chosen = columns(["age"], ["s"])
    result, _ = run(con, ", ".join(rows), "age, s, __unit", chosen, k=2, l=2, suppression_limit=0.3, hierarchies=wanted)
    assert (result.suppressed_rows, result.few_units) == (4, 1)
    assert sum(level.loss for level in result.levels.values()) <= result.loss + 1e-12
    assert result.story["rows left out"] == (
        "4 (28.6%); 1 in groups of too few units; 3 in groups whose sensitive values did not suffice"
    )
    assert result.story["generalized"].startswith("age: intervals of 10 (step 1 of 1), loss 0.")
    assert "proved least" in result.story["loss"]


def test_every_sensitive_column_must_be_diverse(con: duckdb.DuckDBPyConnection) -> None:
    values = "('F', 'flu', 1, 1), ('F', 'hiv', 1, 2), ('M', 'flu', 1, 3), ('M', 'hiv', 2, 4)"
    chosen = columns(["sex"], ["diagnosis", "ward"])
    result, rows = run(con, values, "sex, diagnosis, ward, __unit", chosen, k=2, l=2, suppression_limit=0)
    assert {row[0] for row in rows} == {"*"}
    assert result.min_l == 2


def test_null_is_a_value_of_its_own(con: duckdb.DuckDBPyConnection) -> None:
    values = "(NULL, 1), (NULL, 2), (7, 3), (7, 4)"
    result, rows = run(con, values, "x, __unit", columns(["x"]), k=2)
    assert rows == [(7,), (7,), (None,), (None,)]
    assert result.classes == 2
    result, rows = run(con, values, "x, __unit", columns(["x"]), k=3)
    assert rows == [("*",)] * 4


@pytest.mark.parametrize("values", ["('a', 1), ('a', 2)", "('a', 1), ('a', 1), ('a', 1), ('a', 2)"])
def test_a_table_of_fewer_units_than_k_is_refused(con: duckdb.DuckDBPyConnection, values: str) -> None:
    with pytest.raises(AnonymityUnreachable, match="k=3 cannot be reached"):
        run(con, values, "x, __unit", columns(["x"]), k=3)
    assert con.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]


@pytest.mark.parametrize("quasi", [["x"], []])
def test_an_empty_table_is_refused(con: duckdb.DuckDBPyConnection, quasi: list[str]) -> None:
    chosen = columns(quasi, other=["y"])
    with pytest.raises(AnonymityUnreachable, match="no rows"):
        anonymize(con, "(SELECT 1 AS x, 2 AS y, 3 AS __unit LIMIT 0)", chosen, Anonymize(k=2), "released")


def test_without_quasi_identifiers_the_table_is_one_class(con: duckdb.DuckDBPyConnection) -> None:
    result, rows = run(con, "(1, 1), (2, 2)", "y, __unit", columns([], other=["y"]), k=2)
    assert rows == [(1,), (2,)]
    assert (result.classes, result.min_k, result.loss) == (1, 2, 0)


def test_identifiers_and_undecided_columns_are_hidden(con: duckdb.DuckDBPyConnection) -> None:
    chosen = [
        AnonymizedColumn(name="name", data_type="VARCHAR", role="direct_identifier"),
        AnonymizedColumn(name="what", data_type="INTEGER", role="undecided"),
        *columns(["sex"]),
    ]
    result, rows = run(con, "('Ann', 1, 'F', 1), ('Bea', 2, 'F', 2)", "name, what, sex, __unit", chosen, k=2)
    assert rows == [("*", "*", "F")] * 2
    assert result.explanation["hidden_columns"] == ["name", "what"]


def test_a_column_that_may_not_be_suppressed_can_make_k_unreachable(con: duckdb.DuckDBPyConnection) -> None:
    keep = {"sex": Hierarchy(suppressible=False)}
    values = ", ".join([f"('F', {i})" for i in range(4)] + [f"('M', {i})" for i in range(4, 6)])
    with pytest.raises(AnonymityUnreachable, match=r"the largest k is 2; as asked, 33\.3% of the rows"):
        run(con, values, "sex, __unit", columns(["sex"]), k=3, hierarchies=keep)


def test_groups_and_prefixes_as_a_person_wants_them(con: duckdb.DuckDBPyConnection) -> None:
    jobs = Hierarchy(groups=({"nurse": "health", "doctor": "health", "cook": "food", "waiter": "food"},))
    values = "('nurse', '12345', 1), ('doctor', '12399', 2), ('cook', '99111', 3), ('waiter', '99222', 4)"
    wanted = {"job": jobs, "zip": Hierarchy(prefixes=(3, 2))}
    result, rows = run(con, values, "job, zip, __unit", columns(["job", "zip"]), k=2, l=None, hierarchies=wanted)
    assert rows == [("food", "99*"), ("food", "99*"), ("health", "12*"), ("health", "12*")]
    assert result.levels["job"].meaning == "groups, step 1"


def test_groups_from_a_file(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "jobs.csv"
    path.write_text(
        "nurse;health;care;*\ndoctor;health;care;*\ncook;food;trade;*\n'waiter, head';food;trade;*\n", "utf-8"
    )
    read = Hierarchy.model_validate({"file": "jobs.csv"}, context={"folder": tmp_path})
    assert read.groups[0] == {"nurse": "health", "doctor": "health", "cook": "food", "'waiter, head'": "food"}
    assert read.groups[1:] == ({"health": "care", "food": "trade"}, {"care": "*", "trade": "*"})
    values = "('nurse', 1), ('doctor', 2), ('cook', 3), ('cook', 4)"
    result, rows = run(
        con, values, "job, __unit", columns(["job"]), k=2, suppression_limit=0, hierarchies={"job": read}
    )
    assert rows == [("food",), ("food",), ("health",), ("health",)]
    assert (result.levels["job"].level, result.levels["job"].meaning) == (1, "groups, step 1")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("a,b\nc\n", "as many in all of them"),
        ("alone\n", "a value and its groups"),
        ("", "a value and its groups"),
        ("a,x,one\nb,x,two\n", "record 2: a name stands in two groups"),
        (None, "cannot be read"),
    ],
)
def test_files_that_are_no_hierarchy_are_refused(tmp_path: Path, text: str | None, match: str) -> None:
    if text is not None:
        (tmp_path / "h.csv").write_text(text)
    with pytest.raises(ValidationError, match=match):
        Hierarchy.model_validate({"file": "h.csv"}, context={"folder": tmp_path})


def test_types_of_every_kind_are_generalized_or_hidden(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP TABLE IF EXISTS released")
    query = (
        "SELECT DATE '2019-01-01' + i::INT * 40 AS d, TIMESTAMP '2019-01-01' + INTERVAL (i * 40) DAY AS t, "
        "(i / 7)::DECIMAL(9, 3) AS n, CASE WHEN i = 3 THEN 'nan'::DOUBLE WHEN i = 4 THEN 'inf'::DOUBLE ELSE i / 3 END "
        "AS f, i % 2 = 0 AS b, uuid() AS u, ['x', i::VARCHAR] AS l, i::BIGINT * 900719925474 AS big, i AS __unit "
        "FROM range(60) AS r(i)"
    )
    chosen = columns(["d", "t", "n", "f", "b", "u", "l", "big"])
    result = anonymize(con, query, chosen, Anonymize(k=2, suppression_limit=0.1), "released")
    assert result.min_k >= 2
    assert con.execute("SELECT count(*) FROM released").fetchall()[0][0] == result.rows


@pytest.mark.parametrize("values", ["i * 0.37", "i * 7919", "DATE '1900-01-01' + (i * 13)::INT"])
def test_columns_of_many_values_start_at_a_coarser_step(con: duckdb.DuckDBPyConnection, values: str) -> None:
    con.execute("DROP TABLE IF EXISTS released")
    query = f"SELECT {values} AS x, i AS __unit FROM range(1500) AS r(i)"
    result = anonymize(con, query, columns(["x"]), Anonymize(k=5, suppression_limit=0), "released")
    assert 1 < result.classes < 1000
    assert result.min_k >= 5
    (text,) = con.execute("SELECT any_value(x) FROM released").fetchall()[0]
    assert isinstance(text, str)


def test_names_of_columns_and_of_the_target_are_free(con: duckdb.DuckDBPyConnection) -> None:
    names = ['se"x 🙂', "select", "rowid", "c0"]
    values = ", ".join(f"('F', 1, 2, 3, {i})" for i in range(3))
    listed = ", ".join(map(quote, [*names, "__unit"]))
    con.execute('DROP TABLE IF EXISTS "re""leased"')
    query = f"(SELECT * FROM (VALUES {values}) AS t({listed}))"
    chosen = columns(names[:2], names[2:3], names[3:])
    anonymize(con, query, chosen, Anonymize(k=3), '"re""leased"')
    described = con.execute('DESCRIBE "re""leased"').fetchall()
    assert [row[0] for row in described] == names  # and no `__unit`


def test_requests_that_make_no_sense_are_refused(con: duckdb.DuckDBPyConnection) -> None:
    values = "('a', 1), ('b', 2)"
    with pytest.raises(SpecError, match="needs a sensitive column"):
        run(con, values, "x, __unit", columns(["x"]), k=2, l=2)
    with pytest.raises(SpecError, match="`y` is not a quasi-identifier"):
        run(con, values, "x, __unit", columns(["x"]), k=2, hierarchies={"y": Hierarchy()})
    with pytest.raises(SpecError, match="widths do not suit column `x`"):
        run(con, values, "x, __unit", columns(["x"]), k=2, hierarchies={"x": Hierarchy(widths=(5,))})
    for block in ({"k": 1}, {"k": 2, "l": 1}, {"k": 2, "suppression_limit": 1}, {"k": 2, "t": 1}):
        with pytest.raises(ValidationError):
            Anonymize.model_validate(block)
    for steps in ({"widths": [5, 12]}, {"prefixes": [2, 3]}, {"widths": [5], "prefixes": [2]}, {"widths": [0]}):
        with pytest.raises(ValidationError):
            Hierarchy.model_validate(steps)


ages = st.none() | st.integers(0, 99)
zips = st.none() | st.sampled_from(["12345", "12399", "12999", "99111", "9"])
table = st.lists(
    st.tuples(ages, zips, st.booleans(), st.sampled_from(["flu", "hiv", None, "none"]), st.integers(0, 15)),
    min_size=1,
    max_size=60,
)


@settings(max_examples=40, deadline=None)
@given(table, st.integers(2, 4), st.sampled_from([None, 2, 3]), st.sampled_from([0.0, 0.05, 0.3]))
def test_every_class_hides_k_units_and_l_values(
    con: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]], k: int, diversity: int | None, limit: float
) -> None:
    """The rows are numbered in an insensitive column, so that the promise is counted from the source's units."""
    con.execute("CREATE OR REPLACE TABLE people (age INT, zip VARCHAR, b BOOLEAN, s VARCHAR, __unit INT, n INT)")
    con.executemany("INSERT INTO people VALUES (?, ?, ?, ?, ?, ?)", [(*row, i) for i, row in enumerate(rows)])
    con.execute("DROP TABLE IF EXISTS released")
    params = Anonymize(k=k, l=diversity, suppression_limit=limit)
    chosen = columns(["age", "zip", "b"], ["s"], ["n"])
    try:
        result = anonymize(con, "(SELECT * FROM people)", chosen, params, "released")
    except AnonymityUnreachable:
        assert len({row[4] for row in rows}) < k or len({row[3] for row in rows}) < (diversity or 0)
        return
    classes: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    released = con.execute("SELECT * FROM released").fetchall()
    for *quasi, sensitive, n in released:
        assert sensitive == rows[n][3]
        _check_truth(rows[n], quasi)
        classes.setdefault(tuple(quasi), []).append(rows[n])
    assert min(len({row[4] for row in members}) for members in classes.values()) == result.min_k >= k
    assert min(len({row[3] for row in members}) for members in classes.values()) == result.min_l
    assert diversity is None or (result.min_l or 0) >= diversity
    assert len(released) == result.rows
    assert len(rows) - len(released) == result.suppressed_rows <= limit * len(rows)
    assert len(classes) == result.classes


def _check_truth(row: tuple[Any, ...], quasi: list[Any]) -> None:
    """A generalized value must cover the true one."""
    age, code, flag, *_ = row
    if isinstance(quasi[0], str) and quasi[0] != "*":
        low, high = (int(part) for part in quasi[0].strip("[)").split(", "))
        assert low <= age < high
    else:
        assert quasi[0] in {"*", age}
    assert quasi[1] in {"*", "(other)", code} or code.startswith(quasi[1].rstrip("*"))
    assert quasi[2] in {"*", flag}


@pytest.mark.skipif(not ADULT.exists(), reason="needs shared/data/adult_raw.csv beside the repository")
def test_adult_with_nine_quasi_identifiers(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP TABLE IF EXISTS released")
    query = f"SELECT *, row_number() OVER () AS __unit FROM read_csv('{ADULT}') LIMIT 12000"
    quasi = ["age", "workclass", "education", "marital-status", "occupation", "race", "sex", "hours-per-week"]
    chosen = columns([*quasi, "native-country"], ["label"])
    result = anonymize(con, query, chosen, Anonymize(k=5, l=2), "released")
    keys = ", ".join(quote(name) for name in [*quasi, "native-country"])
    sql = f"SELECT min(n), min(l) FROM (SELECT count(*) n, count(DISTINCT label) l FROM released GROUP BY {keys})"
    assert con.execute(sql).fetchall() == [(result.min_k, result.min_l)]
    assert result.min_k >= 5
    assert 0 < result.loss < 0.8
    assert result.optimal
