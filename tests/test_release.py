"""Parts of a release that need no run; the whole is in ``test_chain`` and ``test_recovery``."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from synth_assets.deidentification import TreatedColumn, parse_treatment
from synth_assets.products import _still_true, bounded_rows, without_rare_text
from synth_assets.spec import Source
from synth_assets.storage import install_keys


@pytest.mark.parametrize(
    ("declared", "treatment", "kind", "expected"),
    [
        ({"bounds": (0, 90)}, {"top_code": 80}, "BIGINT", {"bounds": (0, 90)}),
        ({"bounds": (18, 95)}, {"generalize": {"width": 10}}, "BIGINT", {"bounds": (10, 90)}),
        ({"bounds": (-5, 5)}, {"generalize": {"width": 4}}, "BIGINT", {"bounds": (-8, 4)}),
        ({"categories": ("North", "Nord", "So")}, {"generalize": {"prefix": 1}}, "VARCHAR", {"categories": ("N", "S")}),
        ({"categories": ("a", "b")}, "keep", "VARCHAR", {"categories": ("a", "b")}),
        ({"categories": ("a", "b")}, "mask", "VARCHAR", {}),
        ({"bounds": ("2024-05-20", "2025-03-02")}, {"generalize": {"date": "quarter"}}, "DATE",
         {"bounds": (date(2024, 4, 1), date(2025, 3, 2))}),
        ({"bounds": ("2024-05-20", "2025-03-02")}, {"generalize": {"date": "year"}}, "DATE",
         {"bounds": (date(2024, 1, 1), date(2025, 3, 2))}),
        ({"bounds": ("2024-05-20", "2025-03-02")}, {"shift": {"days": 20}}, "DATE",
         {"bounds": (date(2024, 4, 30), date(2025, 3, 22))}),
        ({"bounds": ("2024-05-20", "9999-12-31")}, {"shift": {"days": 20}}, "DATE", {}),
    ],
)  # fmt: skip
def test_a_declared_domain_goes_through_the_treatment(
    declared: dict[str, Any], treatment: Any, kind: str, expected: dict[str, Any]
) -> None:
    source = Source.model_validate({"name": "s", "path": "s.csv", "columns": {"c": declared}})
    column = TreatedColumn(
        name="c", data_type=kind, entity_type="category", role="insensitive", treatment=parse_treatment(treatment)
    )
    assert _still_true(column, source, kind) == expected
    assert _still_true(column, source, "OTHER TYPE") == {}


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """Rows of units 1 (five rows), 2 (two rows), 3 and 4 (one row each), and a control unit."""
    con = duckdb.connect()
    install_keys(con, bytes(32))
    con.execute("ATTACH ':memory:' AS d")
    con.execute("CREATE TABLE d.data (word VARCHAR, n INTEGER, __unit UBIGINT, __control BOOLEAN)")
    rows = [("common", 1, 1, False)] * 2 + [("common", i, 1, False) for i in (2, 3, 4)]
    rows += [("common", 5, 2, False), ("rare", 6, 2, False), ("rare", 7, 3, False), ("common", 8, 4, False)]
    con.executemany("INSERT INTO d.data VALUES (?, ?, ?, ?)", [*rows, ("common", 9, 5, True)])
    return con


def test_a_unit_gives_at_most_its_share_of_rows(con: duckdb.DuckDBPyConnection) -> None:
    def counts() -> list[int]:
        rows = con.execute(f"SELECT n FROM {bounded_rows(['word', 'n'], 2)} ORDER BY n").fetchall()
        return [row[0] for row in rows]

    assert len(counts()) == 2 + 2 + 1 + 1
    others = [n for n in counts() if n >= 5]
    assert others == [5, 6, 7, 8]
    con.execute("INSERT INTO d.data SELECT 'new', 100 + range, 9, false FROM range(50)")
    assert [n for n in counts() if n < 100] == [n for n in counts() if n < 5] + others
    con.execute("DELETE FROM d.data WHERE __unit = 1")
    assert [n for n in counts() if n < 100] == others


def test_text_that_few_units_hold_is_withheld(con: duckdb.DuckDBPyConnection) -> None:
    columns = [
        TreatedColumn(
            name=name, data_type=kind, entity_type="category", role="insensitive", treatment=parse_treatment("keep")
        )
        for name, kind in (("word", "VARCHAR"), ("n", "INTEGER"))
    ]

    def words(least: int) -> set[str | None]:
        rows = con.execute(f"SELECT DISTINCT word FROM {without_rare_text(con, columns, least)}").fetchall()
        return {row[0] for row in rows}

    assert words(2) == {"common", "rare"}
    assert words(3) == {"common", None}
    assert words(4) == {None}
