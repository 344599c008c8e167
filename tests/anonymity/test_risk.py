"""Risks of small tables, worked by hand; combinations against counting rows in Python."""

from __future__ import annotations

from itertools import combinations

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.anonymity import Anonymize, AnonymizedColumn, Risk, anonymize, measure_risk, risk

PEOPLE = "('F', 'north', 1), ('F', 'north', 2), ('F', 'south', 3), ('M', 'south', 4), ('M', 'south', 5)"


def table(values: str, names: str = 'sex, "to""wn", __unit') -> str:
    return f"(SELECT * FROM (VALUES {values}) AS t({names}))"


def test_three_attackers_without_a_population(con: duckdb.DuckDBPyConnection) -> None:
    # classes: F north 2, F south 1, M south 2
    found = measure_risk(con, table(PEOPLE), ["sex", 'to"wn'], 2).attackers
    assert (found.units, found.classes) == (5, 3)
    assert found.prosecutor.average == pytest.approx(3 / 5)
    assert (found.prosecutor.highest, found.prosecutor.above) == (1, 1 / 5)
    assert found.journalist == found.prosecutor
    assert found.marketer == pytest.approx(3 / 5)


def test_a_population_hides_people(con: duckdb.DuckDBPyConnection) -> None:
    # in the population 4 are F north, 2 F south and 2 M south; somebody of M north is not in the table
    hidden = "('F', 'north', 7), ('F', 'north', 8), ('F', 'south', 9), ('M', 'north', 10)"
    everybody = ("register", table(f"{PEOPLE}, {hidden}"))
    found = measure_risk(con, table(PEOPLE), ["sex", 'to"wn'], 3, everybody).attackers
    assert found.prosecutor.above == 1
    assert found.journalist.highest == 1 / 2
    assert found.journalist.above == 3 / 5  # those of classes of two
    assert found.marketer == pytest.approx((2 / 4 + 1 / 2 + 2 / 2) / 5)
    assert found.journalist.average == pytest.approx(max(2 / 5, 3 / 8))


def test_a_population_that_lacks_people_of_the_table_makes_nobody_safer(con: duckdb.DuckDBPyConnection) -> None:
    found = measure_risk(con, table(PEOPLE), ["sex"], 2, ("register", table("('F', 'north', 1)"))).attackers
    assert found.journalist.average == pytest.approx(found.prosecutor.average)


def test_combinations_and_contributions(con: duckdb.DuckDBPyConnection) -> None:
    found = measure_risk(con, table(PEOPLE), ["sex", 'to"wn'], 2)
    assert [(one.columns, one.singled_out) for one in found.combinations] == [
        (("sex",), 0),
        (('to"wn',), 0),
        (("sex", 'to"wn'), 1),  # F south
    ]
    assert found.singled_out == 1
    assert [(one.column, one.drop, one.shapley) for one in found.contributions] == [
        ("sex", 1, 0.5),
        ('to"wn', 1, 0.5),
    ]
    assert found.story == 'sex x to"wn single out 20.0% of the units'


def test_fair_shares_of_a_column_that_does_it_alone(con: duckdb.DuckDBPyConnection) -> None:
    # the number alone tells all four apart, the sex alone nobody: it gets nothing
    found = measure_risk(con, table("('F', 1, 1), ('F', 2, 2), ('M', 3, 3), ('M', 4, 4)"), ["sex", 'to"wn'], 2)
    assert [(one.drop, one.shapley) for one in found.contributions] == [(0, 0.0), (4, 4.0)]
    assert sum(one.shapley or 0 for one in found.contributions) == found.singled_out


def test_a_unit_with_several_rows_is_found_by_its_rarest(con: duckdb.DuckDBPyConnection) -> None:
    # unit 1 is alone in the south, and one of three in the north; nobody's row counts for nobody
    rows = table("('F', 'north', 1), ('F', 'south', 1), ('F', 'north', 2), ('F', 'north', 3), ('F', 'west', NULL)")
    found = measure_risk(con, rows, ["sex", 'to"wn'], 2)
    assert (found.attackers.units, found.attackers.classes, found.singled_out) == (3, 2, 1)
    assert found.attackers.prosecutor.average == pytest.approx((1 + 1 / 3 + 1 / 3) / 3)
    assert found.attackers.prosecutor.above == pytest.approx(1 / 3)


@pytest.mark.parametrize("values", ["(1, 1, 1)", "(NULL, NULL, 1)"])
def test_one_person_is_alone_whatever_is_known(con: duckdb.DuckDBPyConnection, values: str) -> None:
    found = measure_risk(con, table(values), ["sex", 'to"wn'], 2)
    assert [one.singled_out for one in found.combinations] == [1, 1, 1]
    assert found.attackers.prosecutor.highest == 1


def test_nobody_is_nobody_at_risk(con: duckdb.DuckDBPyConnection) -> None:
    found = measure_risk(con, f"(SELECT * FROM {table('(1, 1, 1)')} WHERE false)", ["sex"], 2)
    assert (found.attackers.units, found.attackers.prosecutor.highest, found.singled_out) == (0, 0, 0)
    assert found.story == "no combination of columns singles anybody out"


def test_a_large_table_has_narrower_combinations(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(risk, "_EFFORT", 6)  # three groups: enough for single columns
    found = measure_risk(con, table(PEOPLE), ["sex", 'to"wn'], 2)
    assert found.widest == 1
    assert [one.shapley for one in found.contributions] == [None, None]
    assert [one.drop for one in found.contributions] == [1, 1]


def test_a_large_table_is_counted_by_a_share_of_its_combinations(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 20,000 people: two columns of 400 and 100 values leave about 20,000 exp(-1/2) alone; one in ten combinations is
    # counted, so that chance alone moves the estimate by 350, and by six times that once in 10^9 tables of this kind
    people = "(SELECT (hash(i) % 400)::INT AS a, (hash(i, 1) % 100)::INT AS b, i AS __unit FROM range(20000) AS r(i))"
    exact = measure_risk(con, people, ["a", "b"], 2)
    assert not exact.estimated
    monkeypatch.setattr(risk, "_EFFORT", 30_000)
    monkeypatch.setattr(risk, "_SAMPLED", 1_600)
    found = measure_risk(con, people, ["a", "b"], 2)
    assert found.estimated
    assert found.widest == 2
    assert found.singled_out == exact.singled_out  # of all columns together, everybody is counted
    assert abs(found.combinations[-1].singled_out - exact.singled_out) < 6 * 350


def test_what_a_model_leaves_to_the_attackers(con: duckdb.DuckDBPyConnection) -> None:
    columns = [AnonymizedColumn(name=n, data_type="VARCHAR", role="quasi_identifier") for n in ("sex", 'to"wn')]
    con.execute("DROP TABLE IF EXISTS released")
    made = anonymize(con, table(PEOPLE), columns, Anonymize(k=2, suppression_limit=0.2), "released")
    assert made.suppressed_rows == 1  # F south; the others are two classes of two
    assert made.attackers is not None
    assert made.attackers.units == 4
    assert made.attackers.prosecutor.average == pytest.approx(1 / 2)
    assert (made.attackers.prosecutor.highest, made.attackers.prosecutor.above) == (1 / 2, 0)


def test_what_a_model_leaves_of_units_with_several_rows(con: duckdb.DuckDBPyConnection) -> None:
    # north: units 1, 2 and 3, south: 1 and 2; so that 1 and 2 are found in the south
    rows = table("('F', 'north', 1), ('F', 'south', 1), ('F', 'north', 2), ('F', 'south', 2), ('F', 'north', 3)")
    columns = [AnonymizedColumn(name='to"wn', data_type="VARCHAR", role="quasi_identifier")]
    con.execute("DROP TABLE IF EXISTS released")
    made = anonymize(con, rows, columns, Anonymize(k=2), "released")
    assert made.attackers is not None
    assert (made.attackers.units, made.attackers.classes) == (3, 2)
    assert made.attackers.prosecutor.average == pytest.approx((1 / 2 + 1 / 2 + 1 / 3) / 3)


cell = st.integers(0, 3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(cell, cell, cell, st.integers(0, 9)), min_size=1, max_size=30))
def test_combinations_are_what_counting_finds(rows: list[tuple[int, int, int, int]]) -> None:
    with duckdb.connect() as con:
        found: Risk = measure_risk(con, table(", ".join(map(str, rows)), "a, b, c, __unit"), ["a", "b", "c"], 2)
    expected = {}
    for width in (1, 2, 3):
        for places in combinations(range(3), width):
            owners: dict[tuple[int, ...], set[int]] = {}
            for row in rows:
                owners.setdefault(tuple(row[place] for place in places), set()).add(row[3])
            expected[tuple("abc"[place] for place in places)] = len(
                set().union(*(units for units in owners.values() if len(units) == 1))
            )
    assert {one.columns: one.singled_out for one in found.combinations} == expected
    assert sum(one.shapley or 0 for one in found.contributions) == pytest.approx(
        found.singled_out - (len({row[3] for row in rows}) == 1)
    )
