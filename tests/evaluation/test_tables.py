from __future__ import annotations

import duckdb
import pytest

from synth_assets.errors import DomainError
from synth_assets.evaluation.tables import ROWS, SYNTHETIC, side_by_side
from tests.evaluation.tables import make


def test_units_are_counted_once_and_nothing_is_left_behind() -> None:
    con = duckdb.connect()
    real = make(con, "r", {"x": "INTEGER", "__unit": "UBIGINT"}, [(1, 7), (2, 7), (3, 8)])
    control = make(con, "c", {"x": "INTEGER", "__unit": "UBIGINT"}, [(1, 9)])
    product = make(con, "s", {"x": "INTEGER"}, [(1,), (1,)])
    with side_by_side(con, real, control, product, [("x", "INTEGER")]) as tables:
        assert (tables.rows, tables.units) == ((3, 1, 2), (2, 1, 2))
    assert {row[0] for row in con.execute("SHOW TABLES").fetchall()} == {"r", "c", "s"}


def test_names_that_clash_with_the_bookkeeping_or_with_sql() -> None:
    con = duckdb.connect()
    names = ["r", "u", "src", "v0", 'say "hi"', "select", "💊 dose", "a b"]
    rows = [(1, 2, 3, 4, "x", "y", 5.5, True)]
    types = ["INTEGER"] * 4 + ["VARCHAR"] * 2 + ["DOUBLE", "BOOLEAN"]
    columns = dict(zip(names, types, strict=True))
    real = make(con, "t", columns, rows)
    with side_by_side(con, real, real, real, list(columns.items())) as tables:
        assert [column.name for column in tables.columns] == names
        values = con.execute(f"SELECT COLUMNS('^v[0-9]') FROM {ROWS} WHERE src = 0").fetchone()
    assert values == (1, 2, 3, 4, 0, 0, 5.5, 0)


def test_values_without_a_place_on_the_line_are_missing() -> None:
    con = duckdb.connect()
    real = make(con, "t", {"x": "DOUBLE"}, [(float("nan"),), (float("inf"),), (None,), (1.0,)])
    with side_by_side(con, real, real, real, [("x", "DOUBLE")]):
        row = con.execute(f"SELECT count(v0) FROM {ROWS} WHERE src = 0").fetchone()
    assert row == (1,)


def test_numbers_of_other_types_are_compared_as_numbers_and_intervals_are_spread() -> None:
    con = duckdb.connect()
    real = make(con, "r", {"x": "INTEGER", "y": "INTEGER"}, [(30, 1), (35, 2), (39, 3), (41, 4)])
    product = make(con, "s", {"x": "VARCHAR", "y": "DOUBLE"}, [("[30, 40)", 1.0)] * 2 + [("*", 2.0)])
    with side_by_side(con, real, real, product, [("x", "INTEGER"), ("y", "INTEGER")]) as tables:
        x, y = tables.columns
        found = con.execute(f"SELECT v0, lo0, hi0, v1 FROM {ROWS} WHERE src = {SYNTHETIC} ORDER BY v0").fetchall()
    assert x.generalized
    assert not y.generalized
    # Two rows in [30, 40) lie at a quarter and at three quarters; the suppressed one allows all of 30..41.
    assert found == [(32, 30, 39, 1), (37, 30, 39, 1), (None, 30, 41, 2)]


def test_a_moved_value_stands_for_all_that_may_have_been_moved_there() -> None:
    con = duckdb.connect()
    real = make(con, "r", {"x": "INTEGER", "y": "INTEGER"}, [(30, 30), (41, 41)])
    product = make(con, "s", {"x": "INTEGER", "y": "VARCHAR"}, [(33, "[30, 40)"), (None, "*")])
    columns = [("x", "INTEGER"), ("y", "INTEGER")]
    with side_by_side(con, real, real, product, columns, {"x": 5, "y": 5}) as tables:
        assert all(column.bounded for column in tables.columns)
        found = con.execute(f"SELECT v0, lo0, hi0, lo1, hi1 FROM {ROWS} WHERE src = {SYNTHETIC} ORDER BY v0").fetchall()
    assert found == [(33, 28, 38, 25, 44), (None, None, None, 25, 46)]


def test_a_prefix_stands_for_the_texts_that_it_begins() -> None:
    con = duckdb.connect()
    real = make(con, "r", {"z": "VARCHAR"}, [("90210",), ("90211",), ("77777",), ("11111",)])
    product = make(con, "s", {"z": "VARCHAR"}, [("902*",), ("*",), ("(other)",), ("11111",)])
    with side_by_side(con, real, real, product, [("z", "VARCHAR")]) as tables:
        assert tables.generalized
        codes = con.execute(f"SELECT src, v0 FROM {ROWS} WHERE src <> 1 ORDER BY src, r").fetchall()
    (a, b, c, d), (e, f, g, h) = ([code for src, code in codes if src == which] for which in (0, 2))
    assert a == b == e
    assert f is None
    assert c == g
    assert d == h
    assert len({a, c, d}) == 3


def test_few_repeated_numbers_are_codes() -> None:
    con = duckdb.connect()
    real = make(con, "r", {"flag": "INTEGER", "amount": "INTEGER"}, [(i % 2, i) for i in range(20)])
    with side_by_side(con, real, real, real, [("flag", "INTEGER"), ("amount", "INTEGER")]) as tables:
        assert [column.codes for column in tables.columns] == [True, False]


@pytest.mark.parametrize("columns", [[], [("x", "INTEGER")] * 2, [("nope", "INTEGER")]])
def test_columns_must_be_there_once(columns: list[tuple[str, str]]) -> None:
    con = duckdb.connect()
    real = make(con, "t", {"x": "INTEGER"}, [(1,)])
    with pytest.raises(DomainError, match="column"), side_by_side(con, real, real, real, columns):
        pass


def words_of(real: list[str | None], product: list[str | None]) -> tuple[list[list[str | None]], list[str | None]]:
    """What each row of a product allows, and where it is put, in words."""
    con = duckdb.connect()
    names = [make(con, name, {"w": "VARCHAR"}, [(w,) for w in rows]) for name, rows in (("r", real), ("s", product))]
    with side_by_side(con, names[0], names[0], names[1], [("w", "VARCHAR")]) as tables:
        assert tables.generalized
        texts = dict(con.execute("SELECT code, t FROM evaluation_codes0 WHERE code IS NOT NULL").fetchall())
        sets = tables.columns[0].sets
        rows = con.execute(f"SELECT lo0, hi0, v0 FROM {ROWS} WHERE src = {SYNTHETIC} ORDER BY r").fetchall()
    assert all(low == high for low, high, _ in rows)
    allowed = [sorted((texts.get(c) for c in sets.get(low, ())), key=str) for low, _, _ in rows]
    return allowed, [texts.get(v) for _, _, v in rows]


def test_a_set_allows_its_words_and_its_rows_are_dealt_to_them() -> None:
    real: list[str | None] = ["a", "a", "b", "c", "d", None]
    allowed, placed = words_of(real, ["{a, c}", "{a, c}", "{a, c}", "{a, c}", "b", "{(missing), b}", "*"])
    # d is shown nowhere: it was withheld, and its owner may be the one who is missing.
    assert allowed == [["a", "c"]] * 4 + [["b"], [None, "b", "d"], []]
    assert sorted(str(word) for word in placed[:4]) == ["a", "a", "c", "c"]
    assert placed[4] == "b"
    assert placed[5] in ("b", None)
    assert placed[6] is None


def test_prefixes_and_others_beside_sets() -> None:
    real: list[str | None] = ["901", "902", "903", "904", "77", "88"]
    allowed, placed = words_of(real, ["{901, 902}", "{903, 904}", "90*", "90*", "77", "(other)"])
    assert allowed[0] == ["901", "902"]
    assert set(allowed[2]) == {"901", "902", "903", "904", "90*"}
    assert set(placed[2:4]) <= {"901", "902", "903", "904"}
    assert allowed[4] == ["77"]
    assert "77" not in allowed[5]
    assert {"901", "902", "903", "904"} < set(allowed[5])
