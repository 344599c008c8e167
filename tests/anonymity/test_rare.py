"""What k-anonymity leaves exact is withheld where few hold it, and refused where nearly everybody is alone with it."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.anonymity import AnonymizedColumn, nothing_to_generalize, withhold_rare
from synth_assets.errors import SpecError


def withheld(values: str, names: str, roles: dict[str, str], k: int = 2) -> list[tuple[Any, ...]]:
    columns = [AnonymizedColumn.model_validate({"name": n, "data_type": "", "role": r}) for n, r in roles.items()]
    with duckdb.connect() as con:
        sql = withhold_rare(con, f"(SELECT * FROM (VALUES {values}) AS t({names}))", columns, k)
        return con.execute(f"SELECT * FROM {sql} ORDER BY ALL").fetchall()


def test_an_amount_that_one_unit_has_is_withheld() -> None:
    values = "(10, 1), (10, 2), (10, 3), (7, 4), (NULL, 5)"
    rows = [(7, 4), (10, 1), (10, 2), (10, 3), (None, 5)]
    assert withheld(values, "pay, __unit", {"pay": "quasi_identifier"}) == rows  # is generalized instead
    rows[0] = (None, 4)
    for role in ("sensitive", "insensitive"):
        assert withheld(values, "pay, __unit", {"pay": role}) == sorted(rows, key=lambda row: (row[0] is None, row))


def test_the_rows_of_one_unit_are_no_crowd() -> None:
    values = "(10, 1), (10, 2), (7, 3), (7, 3)"
    assert withheld(values, "pay, __unit", {"pay": "sensitive"}) == [(10, 1), (10, 2), (None, 3), (None, 3)]


def test_rare_words_are_withheld_in_every_column() -> None:
    values = "('cook', 1), ('cook', 2), ('astronaut', 3)"
    for role in ("quasi_identifier", "sensitive"):
        assert withheld(values, "job, __unit", {"job": role}) == [("cook", 1), ("cook", 2), (None, 3)]


@pytest.mark.parametrize("values", ["i", "(i * 0.37)::DOUBLE", "DATE '1950-01-01' + i::INT", "'id_' || i"])
def test_a_nearly_unique_column_is_refused_with_the_remedy(values: str) -> None:
    columns = [AnonymizedColumn(name='p"x', data_type="", role="insensitive")]
    sql = f'(SELECT CASE WHEN i < 100 THEN {values} END AS "p""x", i AS __unit FROM range(110) AS r(i))'
    with duckdb.connect() as con, pytest.raises(SpecError) as caught:
        withhold_rare(con, sql, columns, 5)
    text = str(caught.value)
    assert text.startswith('anonymize: `p"x` is no quasi-identifier')
    assert "in 100% of its cells fewer than k=5 units share one" in text
    assert "give it the role `quasi_identifier`" in text


def test_a_table_needs_something_to_generalize() -> None:
    assert nothing_to_generalize([("age", "quasi_identifier"), ("pay", "sensitive")]) is None
    assert nothing_to_generalize([("pay", "sensitive"), ("what", None)]) is None
    assert "(`pay`, `n`)" in (nothing_to_generalize([("pay", "sensitive"), ("n", "insensitive")]) or "")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=40), st.integers(2, 4))
def test_what_stays_is_what_k_units_hold(rows: list[tuple[int, int]], k: int) -> None:
    holders = {x: len({unit for y, unit in rows if x == y}) for x, _ in rows}
    rare = sum(holders[x] < k for x, _ in rows)
    values = ", ".join(map(str, rows))
    if rare > len(rows) / 2:
        with pytest.raises(SpecError):
            withheld(values, "x, __unit", {"x": "sensitive"}, k)
        return
    expected = [(x if holders[x] >= k else None, unit) for x, unit in rows]
    found = withheld(values, "x, __unit", {"x": "sensitive"}, k)
    assert sorted(found, key=str) == sorted(expected, key=str)
