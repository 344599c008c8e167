"""Rules over single values, against answers worked by hand and, for masks and bins, against Python's own arithmetic."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.deidentification import Fake, Generalize, Mask, RecordCondition, TreatedColumn, deidentify
from synth_assets.deidentification.forms import parse_treatment
from synth_assets.deidentification.rules import UNIFORM_MASK_LENGTH, rule_expression, suppressed
from synth_assets.errors import SpecError

_CON = duckdb.connect()


def treat(form: Any, data_type: str, value: Any) -> Any:
    treatment = parse_treatment(form)
    expression = rule_expression(treatment, "c", data_type)
    target = treatment.output_type(data_type)
    query = f"SELECT CAST({expression} AS {target}) FROM (SELECT CAST($1 AS {data_type}) AS c)"
    return _CON.execute(query, [value]).fetchall()[0][0]


@pytest.mark.parametrize(
    ("form", "data_type", "value", "expected"),
    [
        ("keep", "INTEGER", 5, 5),
        ("suppress", "INTEGER", 5, None),
        ("mask", "VARCHAR", "Ann", "*" * UNIFORM_MASK_LENGTH),
        ("mask", "VARCHAR", "Annabella Johnson", "*" * UNIFORM_MASK_LENGTH),
        ({"mask": {"keep_last": 4}}, "VARCHAR", "555-123-4567", "********4567"),
        ({"mask": {"keep_first": 1, "keep_last": 1}}, "VARCHAR", "héllo", "h***o"),
        ({"mask": {"keep_first": 2, "character": "é"}}, "VARCHAR", "日本語", "日本é"),
        ({"mask": {"keep_last": 4}}, "VARCHAR", "1234", "****"),
        ({"mask": {"keep_last": 4}}, "VARCHAR", "", ""),
        ({"mask": {"keep_last": 2}}, "INTEGER", 12345, "***45"),
        ({"mask": {"pattern": "[0-9]"}}, "VARCHAR", "AB-123 x9", "AB-*** x*"),
        ({"mask": {"pattern": "[0-9]+", "character": "#"}}, "VARCHAR", "AB-123 x9", "AB-# x#"),
        ({"mask": {"pattern": "(?i)^a.", "character": "\\"}}, "VARCHAR", "AB-1", "\\-1"),
        ({"mask": {"classes": ["digits"]}}, "VARCHAR", "Ünal 12-٣", "Ünal **-*"),
        ({"mask": {"classes": ["letters", "digits"]}}, "VARCHAR", "Ünal-12 é", "****-** *"),
        ({"mask": {"classes": ["uppercase", "spaces"], "character": "x"}}, "VARCHAR", "Öl Ab", "xlxxb"),
        ({"mask": {"classes": ["lowercase"]}}, "VARCHAR", "Öl-q", "Ö*-*"),
        ({"mask": {"classes": ["punctuation", "symbols"]}}, "VARCHAR", "a.b€c]", "a*b*c*"),
        ({"mask": {"classes": ["digits"]}}, "INTEGER", 12, "**"),
        ({"mask": {"classes": ["digits"]}}, "VARCHAR", None, None),
        ({"binary": {"above": 50}}, "INTEGER", 50, False),
        ({"binary": {"above": 50}}, "INTEGER", 51, True),
        ({"binary": {"above": 0.5}}, "VARCHAR", "0.6", True),
        ({"binary": {"above": 50}}, "VARCHAR", "many", None),
        ({"binary": {"above": 50}}, "DOUBLE", float("nan"), None),
        ({"binary": {"above": 50}}, "DOUBLE", None, None),
        ({"generalize": {"width": 10}}, "INTEGER", 29, 20),
        ({"generalize": {"width": 10}}, "INTEGER", 30, 30),
        ({"generalize": {"width": 10}}, "INTEGER", -1, -10),
        ({"generalize": {"width": 10}}, "INTEGER", -10, -10),
        ({"generalize": {"width": 10}}, "UTINYINT", 255, 250),
        ({"generalize": {"width": 10}}, "TINYINT", -128, None),
        ({"generalize": {"width": 0.1}}, "DOUBLE", 0.3, 0.3),
        ({"generalize": {"width": 0.1}}, "DOUBLE", 0.29, 0.2),
        ({"generalize": {"width": 5}}, "DOUBLE", -0.5, -5.0),
        ({"generalize": {"width": 5}}, "DOUBLE", float("inf"), None),
        ({"generalize": {"width": 5}}, "DOUBLE", float("nan"), None),
        ({"generalize": {"width": 5}}, "DECIMAL(9,2)", Decimal("12.50"), 10.0),
        ({"generalize": {"width": 10}}, "VARCHAR", "37", 30.0),
        ({"generalize": {"width": 10}}, "VARCHAR", "thirty", None),
        ({"generalize": {"date": "year"}}, "DATE", date(1999, 12, 31), date(1999, 1, 1)),
        ({"generalize": {"date": "quarter"}}, "DATE", date(2000, 2, 29), date(2000, 1, 1)),
        ({"generalize": {"date": "quarter"}}, "DATE", date(2000, 4, 1), date(2000, 4, 1)),
        ({"generalize": {"date": "month"}}, "TIMESTAMP", datetime(1969, 7, 20, 20, 17), date(1969, 7, 1)),
        ({"generalize": {"date": "year"}}, "VARCHAR", "1970-05-06", date(1970, 1, 1)),
        ({"generalize": {"date": "year"}}, "VARCHAR", "soon", None),
        ({"generalize": {"prefix": 3}}, "VARCHAR", "94025", "940"),
        ({"generalize": {"prefix": 3}}, "VARCHAR", "9", "9"),
        ({"generalize": {"prefix": 2}}, "INTEGER", 94025, "94"),
        ({"generalize": {"edges": [18, 65]}}, "INTEGER", 17, "< 18"),
        ({"generalize": {"edges": [18, 65]}}, "INTEGER", 18, "[18, 65)"),
        ({"generalize": {"edges": [18, 65]}}, "INTEGER", 64, "[18, 65)"),
        ({"generalize": {"edges": [18, 65]}}, "INTEGER", 65, ">= 65"),
        ({"generalize": {"edges": [-1.5]}}, "DOUBLE", -2.0, "< -1.5"),
        ({"generalize": {"edges": [0]}}, "DOUBLE", float("nan"), None),
        ({"top_code": 90}, "INTEGER", 91, 90),
        ({"top_code": 90}, "INTEGER", 90, 90),
        ({"top_code": 90}, "INTEGER", 12, 12),
        ({"bottom_code": 5}, "INTEGER", 4, 5),
        ({"top_code": 90, "bottom_code": 5}, "INTEGER", -7, 5),
        ({"top_code": 1.5}, "INTEGER", 2, 1.5),
        ({"top_code": 90}, "DOUBLE", float("inf"), 90.0),
        ({"bottom_code": 5}, "TINYINT", 4, 5),
        ({"bottom_code": 300}, "TINYINT", 4, None),
        ({"top_code": 90}, "VARCHAR", "95", 90.0),
        ({"top_code": 90}, "VARCHAR", "old", None),
        ({"top_code": date(2020, 1, 1)}, "DATE", date(2021, 5, 5), date(2020, 1, 1)),
        ({"bottom_code": date(2020, 1, 1)}, "TIMESTAMP", datetime(2019, 5, 5), datetime(2020, 1, 1)),
    ],
)
def test_value_worked_by_hand(form: Any, data_type: str, value: Any, expected: Any) -> None:
    treated = treat(form, data_type, value)
    assert treated == expected
    assert treated is None or type(treated) is type(expected)


def test_not_a_number_is_beyond_no_bound() -> None:
    assert treat({"top_code": 90}, "DOUBLE", float("nan")) != 90.0


@pytest.mark.parametrize(
    "form",
    ["mask", {"mask": {"keep_last": 2}}, {"generalize": {"width": 3}}, {"generalize": {"edges": [3]}}, {"top_code": 1}],
)
def test_null_stays_null(form: Any) -> None:
    assert treat(form, "INTEGER", None) is None


@pytest.mark.parametrize(
    ("form", "data_type"),
    [
        ({"top_code": 90}, "BOOLEAN"),
        ({"top_code": 90}, "DATE"),
        ({"top_code": date(2020, 1, 1)}, "INTEGER"),
        ({"generalize": {"width": 10}}, "DATE"),
        ({"generalize": {"date": "year"}}, "INTEGER"),
        ({"generalize": {"edges": [1]}}, "BLOB"),
    ],
)
def test_unsuitable_type_is_refused(form: Any, data_type: str) -> None:
    with pytest.raises(SpecError, match=f"this one is {data_type}"):
        parse_treatment(form).output_type(data_type)


def test_a_fake_is_no_rule_over_one_value() -> None:
    with pytest.raises(SpecError, match="no rule over a single value"):
        rule_expression(Fake(fake="name"), "c", "VARCHAR")


_text = st.text(max_size=30)


@settings(max_examples=150, deadline=None)
@given(value=_text, first=st.integers(0, 5), last=st.integers(0, 5), character=st.sampled_from("*x█é"))
def test_partial_mask_keeps_length_and_ends_only(value: str, first: int, last: int, character: str) -> None:
    if first == last == 0:
        first = 1
    mask = Mask(keep_first=first, keep_last=last, character=character)
    masked = treat(mask.to_spec(), "VARCHAR", value)
    assert len(masked) == len(value)
    if len(value) <= first + last:
        assert masked == character * len(value)
    else:
        assert masked == value[:first] + character * (len(value) - first - last) + value[len(value) - last :]


@settings(max_examples=100, deadline=None)
@given(value=_text)
def test_uniform_mask_tells_nothing(value: str) -> None:
    assert treat("mask", "VARCHAR", value) == "*" * UNIFORM_MASK_LENGTH


@settings(max_examples=150, deadline=None)
@given(value=st.integers(-(2**60), 2**60), width=st.integers(1, 10**9))
def test_integer_bins_are_exact(value: int, width: int) -> None:
    assert treat(Generalize(width=width).to_spec(), "BIGINT", value) == value // width * width


@settings(max_examples=150, deadline=None)
@given(cents=st.integers(-(10**7), 10**7), width=st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5]))
def test_decimal_borders_belong_to_the_bin_above(cents: int, width: float) -> None:
    exact = Fraction(str(width))
    edge = Fraction(cents, 100) // exact * exact
    assert treat({"generalize": {"width": width}}, "DOUBLE", cents / 100) == pytest.approx(float(edge), abs=1e-9)


# -- records ---------------------------------------------------------------------------------------------------------

_ROWS = """(VALUES (1, 'a', 1.5, DATE '2020-01-01', true), (2, 'b', 'nan'::DOUBLE, DATE '2021-01-01', false),
    (3, NULL, NULL, NULL, NULL)) AS t(i, s, d, day, yes)"""
_TYPES = {"i": "INTEGER", "s": "VARCHAR", "d": "DOUBLE", "day": "DATE", "yes": "BOOLEAN"}


@pytest.mark.parametrize(
    ("condition", "left_out"),
    [
        ({"column": "i", "op": "equals", "value": 2}, [2]),
        ({"column": "s", "op": "equals", "value": "a"}, [1]),
        ({"column": "s", "op": "equals", "value": 1}, []),
        ({"column": "s", "op": "in", "value": ["a", "b", "c"]}, [1, 2]),
        ({"column": "s", "op": "is_null"}, [3]),
        ({"column": "i", "op": "above", "value": 1}, [2, 3]),
        ({"column": "i", "op": "below", "value": 2}, [1]),
        ({"column": "d", "op": "above", "value": 1}, [1]),
        ({"column": "day", "op": "above", "value": date(2020, 1, 1)}, [2]),
        ({"column": "yes", "op": "equals", "value": True}, [1]),
        ({"column": "yes", "op": "equals", "value": False}, [2]),
    ],
)
def test_record_condition(condition: dict[str, Any], left_out: list[int]) -> None:
    where = suppressed((RecordCondition.model_validate(condition),), _TYPES)
    found = _CON.execute(f"SELECT i FROM {_ROWS} WHERE {where} ORDER BY i").fetchall()
    assert [row[0] for row in found] == left_out


def test_any_condition_leaves_a_row_out_and_unknown_columns_are_refused() -> None:
    one = RecordCondition(column="i", op="equals", value=1)
    null = RecordCondition(column="s", op="is_null")
    where = suppressed((one, null), _TYPES)
    assert _CON.execute(f"SELECT count(*) FROM {_ROWS} WHERE {where}").fetchall() == [(2,)]
    assert suppressed((), _TYPES) == "false"
    with pytest.raises(SpecError, match="no column `x`"):
        suppressed((RecordCondition(column="x", op="is_null"),), _TYPES)


def over_all(form: Any, data_type: str, values: list[Any]) -> list[Any]:
    """A rule that looks at all values of a column."""
    rows = f"(SELECT unnest($1)::{data_type} AS c)"
    expression = rule_expression(parse_treatment(form), "c", data_type, everybody="v")
    return [row[0] for row in _CON.execute(f"WITH v AS {rows} SELECT {expression} FROM v", [values]).fetchall()]


def test_codes_at_quantiles_are_values_of_the_column() -> None:
    hundred = list(range(1, 101))
    assert over_all({"top_code": {"quantile": 0.9}}, "INTEGER", hundred) == [min(v, 90) for v in hundred]
    both = {"top_code": {"quantile": 0.95}, "bottom_code": {"quantile": 0.05}}
    assert over_all(both, "DOUBLE", [*map(float, hundred), None]) == [float(min(max(v, 5), 95)) for v in hundred] + [
        None
    ]
    days = [date(2020, 1, day) for day in range(1, 11)]
    assert over_all({"bottom_code": {"quantile": 0.5}}, "DATE", days) == [max(day, date(2020, 1, 5)) for day in days]
    assert over_all({"top_code": {"quantile": 0.9}}, "INTEGER", []) == []
    assert not parse_treatment(both).fixed_rule
    assert parse_treatment({"top_code": 9}).fixed_rule


def test_above_the_mean() -> None:
    assert over_all({"binary": {"above": "mean"}}, "DOUBLE", [1, 2, 6, None]) == [False, False, True, None]
    assert over_all({"binary": {"above": "mean"}}, "DOUBLE", [1, float("inf"), 3]) == [False, True, True]
    assert not parse_treatment({"binary": {"above": "mean"}}).fixed_rule
    assert parse_treatment({"binary": {"above": 2}}).fixed_rule


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"suppress": {"op": "above", "value": 2}}, [1, 2, None, None]),
        ({"suppress": {"op": "equals", "value": 2}}, [1, None, 3, None]),
        ({"suppress": {"op": "in", "value": [1, 3]}}, [None, 2, None, None]),
        ({"suppress": {"column": "word", "op": "equals", "value": "b"}}, [1, None, 3, None]),
        ({"suppress": {"column": "word", "op": "is_null"}}, [1, 2, None, None]),
    ],
)
def test_cells_are_suppressed_by_condition(form: Any, expected: list[int | None]) -> None:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE s AS SELECT * FROM (VALUES (1, 'a', 1::UBIGINT, false), (2, 'b', 2, false), (3, NULL, 3, false), "
        "(NULL, 'b', 4, false)) AS t(n, word, __unit, __control)"
    )
    columns = [
        TreatedColumn(name=name, data_type=kind, entity_type="measure", role="insensitive", treatment=treatment)
        for name, kind, treatment in (("n", "INTEGER", form), ("word", "VARCHAR", "suppress"))
    ]
    found = deidentify(con, "s", columns, "t")
    assert [row[0] for row in con.execute("SELECT n FROM t ORDER BY __unit").fetchall()] == expected
    assert found.columns[0].suppressed_cells == 3 - sum(value is not None for value in expected)
    assert found.columns[0].inputs == (("n", "word") if "column" in form["suppress"] else ("n",))


def test_a_condition_on_no_column_is_refused() -> None:
    con = duckdb.connect()
    con.execute("CREATE TABLE s AS SELECT 1 AS n, 1::UBIGINT AS __unit, false AS __control")
    treatment = parse_treatment({"suppress": {"column": "m", "op": "is_null"}})
    column = TreatedColumn(
        name="n", data_type="INTEGER", entity_type="measure", role="insensitive", treatment=treatment
    )
    with pytest.raises(SpecError, match="no column `m`"):
        deidentify(con, "s", [column], "t")
