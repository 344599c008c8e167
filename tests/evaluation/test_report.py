from __future__ import annotations

import json
import re

import duckdb
import pytest

from synth_assets.anonymity import measure_risk
from synth_assets.evaluation import Acceptance, Evaluation, evaluate, render_report, score_plot
from synth_assets.evaluation.distributions import read_distributions
from synth_assets.evaluation.plots import plain
from tests.evaluation.tables import make, people

PNG = b"\x89PNG\r\n\x1a\n"


def rename(table: str) -> str:
    """People under names that SQL, HTML and matplotlib would each like to read otherwise."""
    return f'(SELECT age AS "<b>age</b> ""x""", city AS "$city$ \U0001f600", income AS "select", ill FROM {table})'


NAMES = [('<b>age</b> "x"', "INTEGER"), ("$city$ \U0001f600", "VARCHAR"), ("select", "INTEGER"), ("ill", "BOOLEAN")]


@pytest.fixture(scope="module")
def report() -> tuple[Evaluation, str, str]:
    con = duckdb.connect()
    for name, rows, seed in (("r", 200, 1), ("c", 40, 2), ("f", 200, 3)):
        people(con, name, rows, seed)
    con.execute("UPDATE r SET city = '<script>alert(1)</script> $x' WHERE age < 30")
    real, control, product = rename("r"), rename("c"), rename("f")
    found = evaluate(con, real, control, product, NAMES, target="ill", accept=Acceptance(column_shapes=1), seed=1)
    facts = {"method": "<i>mst</i>", "treatments": "age: keep; name: fake"}
    return found, *render_report(found, con, real, product, title="research/<people>", facts=facts)


def test_the_page_needs_nothing_else(report: tuple[Evaluation, str, str]) -> None:
    _, html, _ = report
    assert html.count("data:image/png;base64,") == len(NAMES) + 3
    assert not re.search(r"https?://|<script|<link|@import|url\(", html)


def test_names_and_values_are_escaped(report: tuple[Evaluation, str, str]) -> None:
    _, html, _ = report
    assert "&lt;b&gt;age&lt;/b&gt;" in html
    assert "research/&lt;people&gt;" in html
    assert "<b>age</b>" not in html
    assert "<i>mst</i>" not in html
    assert "<li>name: fake</li>" in html


def test_the_verdict_stands_first(report: tuple[Evaluation, str, str]) -> None:
    found, html, _ = report
    assert not found.verdict.passed
    assert html.index("is not published") < html.index("Privacy: three attacks")
    assert html.count('class="tile bad"') == sum(not c.passed for c in found.verdict.criteria)


def test_the_json_is_the_evaluation(report: tuple[Evaluation, str, str]) -> None:
    found, _, document = report
    read = json.loads(document)
    assert Evaluation.model_validate(read["evaluation"]) == found
    assert read["title"] == "research/<people>"
    assert "alert" not in document


def test_the_plot_of_scores_is_a_picture(report: tuple[Evaluation, str, str]) -> None:
    assert score_plot(report[0]).startswith(PNG)


def test_who_is_found_by_quasi_identifiers_is_shown(report: tuple[Evaluation, str, str]) -> None:
    con = duckdb.connect()
    for table, seed in (("r", 1), ("f", 3)):
        people(con, table, 200, seed)
    name = make(con, "t", {"x": "INTEGER", "c": "VARCHAR"}, [(1, "a"), (2, "a"), (3, "b"), (3, "b")])
    con.execute("ALTER TABLE t ADD COLUMN __unit BIGINT")
    con.execute("UPDATE t SET __unit = rowid")
    risk = measure_risk(con, name, ["x", "c"], 2)
    shown = {"story": risk.story, **risk.model_dump(mode="json"), "after": risk.attackers.model_dump(mode="json")}
    html, document = render_report(
        report[0], con, rename("r"), rename("f"), title="t", facts={}, reidentification=shown
    )
    assert "2 of 4 units are alone with all quasi-identifiers together. Of up to 2 columns, x single out 50.0%" in html
    assert "x × c" in html
    assert json.loads(document)["reidentification"]["singled_out"] == 2
    assert "who is found" not in report[1]


@pytest.mark.parametrize("rows", [[], [(None, None, None)], [(1, "a", "2020-01-01")]])
def test_degenerate_tables_are_drawn(rows: list[tuple[object, ...]]) -> None:
    con = duckdb.connect()
    columns = {"x": "INTEGER", "c": "VARCHAR", "d": "DATE"}
    name = make(con, "t", columns, rows)
    found = evaluate(con, name, name, name, list(columns.items()), accept=Acceptance(), seed=1)
    html, _ = render_report(found, con, name, name, title="t", facts={})
    assert "Failed" in html
    assert score_plot(found).startswith(PNG)


def test_distributions_by_hand() -> None:
    con = duckdb.connect()
    columns = {"c": "VARCHAR", "x": "INTEGER"}
    real = make(con, "r", columns, [("a", 0), ("a", 0), ("b", 30), (None, None)])
    product = make(con, "s", columns, [("a", 30), ("a", 30)])
    category, amount = read_distributions(con, real, product, ["c", "x"])
    assert dict(zip(category.labels, zip(category.real, category.synthetic, strict=True), strict=True)) == {
        "a": (0.5, 1.0),
        "b": (0.25, 0.0),
        "(missing)": (0.25, 0.0),
    }
    assert (len(amount.edges), amount.labels) == (31, ("0", "15", "30"))
    assert (amount.real[0], amount.real[-1], amount.synthetic[-1]) == pytest.approx((2 / 3, 1 / 3, 1))


def test_rare_categories_are_pooled() -> None:
    con = duckdb.connect()
    name = make(con, "t", {"c": "VARCHAR"}, [(f"v{i:02}",) for i in range(30)])
    (found,) = read_distributions(con, name, name, ["c"])
    assert len(found.labels) == 21
    assert found.labels[-1] == "(10 others)"
    assert sum(found.real) == pytest.approx(1)


def test_labels_are_short_and_no_formulas() -> None:
    assert plain("a" * 50) == "a" * 25 + "…"
    assert plain("$x$") == r"\$x\$"
