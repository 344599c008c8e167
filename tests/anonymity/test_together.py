"""A table beside earlier ones of the same rows: nobody stands apart from the company that each had; by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.anonymity import Anonymization, Anonymize, AnonymizedColumn, anonymize
from synth_assets.anonymity.recount import count_torn
from synth_assets.anonymity.together import Earlier, Promise, exposed, smallest
from synth_assets.errors import AnonymityUnreachable


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        yield connection


def members(con: duckdb.DuckDBPyConnection, name: str, classes: dict[int, int]) -> str:
    listed = ", ".join(f"({unit}, {number})" for unit, number in classes.items())
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM (VALUES {listed}) AS t(unit, class)")
    return name


def run(
    con: duckdb.DuckDBPyConnection, values: str, names: str, earlier: Earlier | None, **params: Any
) -> tuple[Anonymization, list[tuple[Any, ...]]]:
    quasi = names.split(", ")[:-1]
    columns = [AnonymizedColumn(name=name, data_type="", role="quasi_identifier") for name in quasi]
    con.execute("DROP TABLE IF EXISTS released")
    con.execute("DROP TABLE IF EXISTS own")
    sql = f"SELECT * FROM (VALUES {values}) AS t({names})"
    made = anonymize(con, sql, columns, Anonymize(**params), "released", earlier=earlier, members="own")
    return made, con.execute("SELECT * FROM released").fetchall()


CROSSED = "('F', 1), ('F', 2), ('M', 3), ('M', 4)"


def test_two_harmless_tables_are_kept_from_telling_all(con: duckdb.DuckDBPyConnection) -> None:
    # by town 1 and 3 were alike, and 2 and 4; by sex 1 and 2 are, and 3 and 4: together everybody would be alone
    before = Earlier((members(con, "towns", {1: 7, 3: 7, 2: 8, 4: 8}),), 2)
    alone, rows = run(con, CROSSED, "sex, __unit", None, k=2)
    assert rows == [("F",), ("F",), ("M",), ("M",)]
    assert smallest(con, ["towns", "own"]) == 1
    beside, rows = run(con, CROSSED, "sex, __unit", before, k=2)
    assert rows == [("*",)] * 4
    assert smallest(con, ["towns", "own"]) == 2
    assert (alone.optimal, beside.optimal) == (True, False)


def test_boxes_keep_company_too(con: duckdb.DuckDBPyConnection) -> None:
    before = Earlier((members(con, "towns", {1: 7, 3: 7, 2: 8, 4: 8}),), 2)
    _, rows = run(con, CROSSED, "sex, __unit", None, k=2, method="mondrian")
    assert {row[0] for row in rows} == {"F", "M"}
    _, rows = run(con, CROSSED, "sex, __unit", before, k=2, method="mondrian")
    assert {row[0] for row in rows} == {"{F, M}"}


def test_the_same_table_again_is_fine(con: duckdb.DuckDBPyConnection) -> None:
    before = Earlier((members(con, "first", {1: 7, 2: 7, 3: 8, 4: 8}),), 2)
    _, rows = run(con, CROSSED, "sex, __unit", before, k=2)
    assert rows == [("F",), ("F",), ("M",), ("M",)]


def test_who_was_left_out_of_all_stays_out(con: duckdb.DuckDBPyConnection) -> None:
    before = Earlier((members(con, "first", {1: 7, 2: 7}), members(con, "second", {3: 1, 4: 1})), 2)
    made, rows = run(con, f"{CROSSED}, ('M', 5)", "sex, __unit", before, k=2)
    assert rows == [("F",), ("F",), ("M",), ("M",)]
    assert (made.suppressed_rows, made.held_back) == (1, 1)
    assert made.story["rows left out"].endswith("1 of units that no earlier table shows")


def test_nobody_may_vanish_alone(con: duckdb.DuckDBPyConnection) -> None:
    # 5 would be left out as too rare, and whoever has the earlier table would see that one of its class is missing
    values = ", ".join(f"('F', {unit})" for unit in range(1, 5)) + ", ('M', 5)"
    _, rows = run(con, values, "sex, __unit", None, k=2, suppression_limit=0.2)
    assert len(rows) == 4
    before = Earlier((members(con, "first", dict.fromkeys(range(1, 6), 1)),), 2)
    _, rows = run(con, values, "sex, __unit", before, k=2, suppression_limit=0.2)
    assert rows == [("*",)] * 5


def test_classes_without_company_are_left_out_if_they_may(con: duckdb.DuckDBPyConnection) -> None:
    # 3 and 4 were in different classes of three: shown alike they would tell each other apart, left out they have 5, 6
    classes = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2}
    sexes = "('F', 1), ('F', 2), ('F', 3), ('F', 4), ('M', 5), ('M', 6)"
    made, rows = run(
        con, sexes, "sex, __unit", Earlier((members(con, "first", classes),), 2), k=2, suppression_limit=0.9
    )
    assert smallest(con, ["first", "own"]) >= 2
    assert len(rows) + made.suppressed_rows == 6


def test_what_no_table_can_mend_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    before = Earlier(
        (members(con, "first", {1: 1, 2: 1, 3: 2, 4: 2}), members(con, "second", {1: 1, 2: 2, 3: 2, 4: 2})), 2
    )
    for method in ("full_domain", "mondrian"):
        with pytest.raises(
            AnonymityUnreachable, match="can be reached, but not beside 2 earlier tables of the same rows"
        ):
            run(con, CROSSED, "sex, __unit", before, k=2, method=method)


def test_other_rows_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    # 1 and 2 stay together, 3 comes from another class, 4 left and 5 came
    members(con, "old", {1: 1, 2: 1, 3: 2, 4: 2})
    members(con, "new", {1: 1, 2: 1, 3: 1, 5: 1})
    assert exposed(con, "new", "old", 2) == (1, 1, 1)
    assert exposed(con, "new", "old", 3) == (3, 1, 1)


cell = st.integers(0, 2)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(cell, cell, st.integers(0, 9)), min_size=4, max_size=30),
    st.dictionaries(st.integers(0, 9), cell, min_size=4),
    st.dictionaries(st.integers(0, 9), cell, min_size=4),
    st.sampled_from(["full_domain", "mondrian"]),
)
def test_whatever_is_made_keeps_everybody_in_company(
    rows: list[tuple[int, int, int]], first: dict[int, int], second: dict[int, int], method: str
) -> None:
    units = {row[2] for row in rows}  # of the same rows
    first, second = ({unit: own for unit, own in table.items() if unit in units} for table in (first, second))
    if not (first and second):
        return
    with duckdb.connect() as con:
        names = (members(con, "first", first), members(con, "second", second))
        values = ", ".join(map(str, rows))
        try:
            run(con, values, "a, b, __unit", Earlier(names, 2), k=2, method=method, suppression_limit=0.5)
        except AnonymityUnreachable as error:
            if "report it" in str(error):
                raise
            return
        seen: dict[tuple[Any, ...], set[int]] = {}
        own = con.execute("SELECT unit, class FROM own").fetchall()
        for unit in {*first, *second, *(unit for unit, _ in own)}:
            for number in [number for who, number in own if who == unit] or [None]:
                seen.setdefault((first.get(unit), second.get(unit), number), set()).add(unit)
        assert all(len(units) >= 2 for units in seen.values())


def promised(
    con: duckdb.DuckDBPyConnection, name: str, shown: Sequence[tuple[int, int | None, str]], **asked: Any
) -> Promise:
    """What an earlier table told: (unit, class, value), a row each, every unit once."""
    listed = ", ".join(f"({unit}, {'NULL' if own is None else own}, '{value}', 1.0)" for unit, own, value in shown)
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM (VALUES {listed}) AS t(unit, class, v0, w)")
    return Promise(name, Anonymize(k=2, **asked), (False,))


def sick(
    con: duckdb.DuckDBPyConnection, rows: list[tuple[str, str, int]], earlier: Earlier, **params: Any
) -> tuple[Anonymization, list[tuple[Any, ...]]]:
    """A table of (sex, disease, unit) beside earlier ones."""
    columns = [
        AnonymizedColumn(name="sex", data_type="VARCHAR", role="quasi_identifier"),
        AnonymizedColumn(name="ill", data_type="VARCHAR", role="sensitive"),
    ]
    con.execute("DROP TABLE IF EXISTS released; DROP TABLE IF EXISTS own; DROP TABLE IF EXISTS told")
    sql = f"SELECT * FROM (VALUES {', '.join(map(str, rows))}) AS t(sex, ill, __unit)"
    made = anonymize(con, sql, columns, Anonymize(**params), "released", earlier=earlier, members="own", told="told")
    return made, con.execute("SELECT sex, count(*) FROM released GROUP BY sex ORDER BY sex").fetchall()


# by sex everybody is among four with both diseases, by town too; of two in both groups both have the same
SICK = [
    *(("F", "flu", 1), ("F", "flu", 2), ("F", "hiv", 3), ("F", "hiv", 4)),
    *(("M", "hiv", 5), ("M", "hiv", 6), ("M", "flu", 7), ("M", "flu", 8)),
]
TOWNS = {1: 7, 2: 7, 3: 8, 4: 8, 5: 7, 6: 7, 7: 8, 8: 8}


def test_values_of_those_who_share_all_groups_are_diverse(con: duckdb.DuckDBPyConnection) -> None:
    company = Earlier((members(con, "towns", TOWNS),), 2)
    assert sick(con, SICK, company, k=2)[1] == [("F", 4), ("M", 4)]
    models: list[dict[str, Any]] = [{"l": 2}, {"entropy_l": 1.9}, {"recursive": {"c": 2, "l": 2}}, {"t": 0.4}]
    for asked in models:
        made, rows = sick(con, SICK, company, k=2, **asked)
        assert rows == [("*", 8)], asked
        assert made.optimal is False
        for method in ("full_domain", "mondrian"):
            assert sum(n for _, n in sick(con, SICK, company, k=2, method=method, **asked)[1]) == 8


def test_what_an_earlier_table_promised_is_kept_by_one_that_promises_nothing(con: duckdb.DuckDBPyConnection) -> None:
    names = (members(con, "towns", TOWNS),)
    shown = [(unit, TOWNS[unit], ill) for _, ill, unit in SICK]
    models: list[dict[str, Any]] = [{"l": 2}, {"t": 0.4}]
    for number, asked in enumerate(models):
        promise = promised(con, f"shown{number}", shown, **asked)
        assert sick(con, SICK, Earlier(names, 2, {0: promise}), k=2)[1] == [("*", 8)]
    lax = promised(con, "lax", shown, t=0.6)
    assert sick(con, SICK, Earlier(names, 2, {0: lax}), k=2)[1] == [("F", 4), ("M", 4)]


def test_who_vanishes_is_diverse_too(con: duckdb.DuckDBPyConnection) -> None:
    # two of one class would be left out as too rare, and whoever has the earlier table would know what both have
    rows = [("F", "flu", 1), ("F", "hiv", 2), ("F", "flu", 3), ("F", "hiv", 4), ("M", "hiv", 5), ("X", "hiv", 6)]
    names = (members(con, "first", dict.fromkeys(range(1, 7), 1)),)
    assert sick(con, rows, Earlier(names, 2), k=2, suppression_limit=0.4)[1] == [("F", 4)]
    promise = promised(con, "before", [(unit, 1, ill) for _, ill, unit in rows], l=2)
    assert sick(con, rows, Earlier(names, 2, {0: promise}), k=2, suppression_limit=0.4)[1] == [("*", 6)]


def test_it_is_counted_again_over_finished_tables(con: duckdb.DuckDBPyConnection) -> None:
    names = (members(con, "towns", TOWNS),)
    sick(con, SICK, Earlier(names, 2), k=2)  # by sex, beside towns
    shown = [(unit, TOWNS[unit], ill) for _, ill, unit in SICK]
    strict, lax = promised(con, "strict", shown, l=2), promised(con, "lax", shown, t=0.6)
    everybody = ["towns", "own"]
    assert count_torn(con, everybody, {0: strict}) == 4
    assert count_torn(con, everybody, {0: lax}) == 0
    assert count_torn(con, ["towns"], {0: strict}) == 0
    left_out = promised(con, "left_out", [(u, own if u > 2 else None, ill) for u, own, ill in shown], l=2)
    assert count_torn(con, everybody, {0: left_out}) == 3  # of those whom the towns do not show nothing is told


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(cell, st.sampled_from("xyz"), st.integers(0, 11)), min_size=6, max_size=30),
    st.dictionaries(st.integers(0, 11), cell, min_size=6),
    st.sampled_from(["full_domain", "mondrian"]),
    st.sampled_from(["l", "t"]),
)
def test_whatever_is_made_keeps_what_was_promised(
    rows: list[tuple[int, str, int]], first: dict[int, int], method: str, model: str
) -> None:
    asked: dict[str, Any] = {"l": 2} if model == "l" else {"t": 0.5}
    values = {unit: ill for _, ill, unit in rows}
    first = {unit: own for unit, own in first.items() if unit in values}
    if not first:
        return
    with duckdb.connect() as con:
        promise = promised(con, "before", [(unit, first.get(unit), ill) for unit, ill in values.items()], **asked)
        company = Earlier((members(con, "first", first),), 2, {0: promise})
        try:
            sick(
                con,
                [(str(sex), ill, unit) for sex, ill, unit in rows],
                company,
                k=2,
                method=method,
                suppression_limit=0.5,
                **asked,
            )
        except AnonymityUnreachable as error:
            if "report it" in str(error):
                raise
            return
        shown = dict(con.execute("SELECT unit, list(class) FROM own GROUP BY unit").fetchall())
        seen: dict[tuple[Any, ...], set[str]] = {}
        for unit, place in first.items():
            for number in shown.get(unit, [None]):
                seen.setdefault((place, number), set()).add(values[unit])
        if model == "l":
            assert all(len(ill) >= 2 for ill in seen.values())
        told = Promise("told", Anonymize(k=2, **asked), (False,))
        assert count_torn(con, ["first", "own"], {0: promise, 1: told}) == 0
