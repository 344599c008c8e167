"""What is learned of columns, on tables worked by hand with the noise off, and statistically with it on."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from synth_assets.domain import Domain
from synth_assets.errors import DomainError
from synth_assets.mechanisms import NoNoise, threshold_for
from synth_assets.synthesis import MST, Independent
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.attributes import Categorical, Numeric
from synth_assets.synthesis.learning import Learned, declared, learn
from synth_assets.synthesis.marginals import code_rows, count_joint, count_one
from synth_assets.synthesis.table import opened

PLENTY = 1e5


def _learn(table: Any, domain: Domain | None = None, epsilon: float = PLENTY, rows_per_unit: int = 1) -> Learned:
    with opened(table) as rows:
        known = declared(rows, domain or Domain())
        allowance = Allowance(epsilon, 1e-6, rows_per_unit, NoNoise(), hides_categories=True)
        return learn(rows, known, allowance, Fraction(1))


def test_categories_are_found_and_counted() -> None:
    table = duckdb.sql("""SELECT * FROM (VALUES ('b'), ('b'), ('b'), ('a'), ('a'), (NULL), ('{rows.source}'), ('it''s'))
        AS t("gro""up"), range(50)""").project('"gro""up"')
    column = _learn(table).columns[0]
    assert isinstance(column.attribute, Categorical)
    assert column.attribute.values == ("a", "b", "it's", "{rows.source}")
    assert column.counts == pytest.approx([100, 150, 50, 50, 0, 50])


def test_rare_categories_are_not_named() -> None:
    table = pd.DataFrame({"c": ["common"] * 5000 + ["rare"] * 5, "n": range(5005)})
    column = _learn(table, epsilon=1.0).columns[0]
    assert isinstance(column.attribute, Categorical)
    assert column.attribute.values == ("common",)
    assert column.counts == pytest.approx([5000, 5, 0], abs=0.01)


def test_whole_numbers_get_a_cell_each() -> None:
    table = duckdb.sql(
        "SELECT CASE WHEN i < 60 THEN 17 WHEN i < 80 THEN 30 WHEN i < 90 THEN 0 END AS n FROM range(100) t(i)"
    )
    column = _learn(table).columns[0]
    assert isinstance(column.attribute, Numeric)
    edges = column.attribute.edges
    assert edges[0] == 0
    assert edges[-1] == 32
    counts = dict(zip(edges, column.counts, strict=True))
    assert counts[17] == pytest.approx(60, abs=0.1)
    assert counts[30] == pytest.approx(20, abs=0.1)
    assert counts[0] == pytest.approx(10, abs=0.1)
    assert column.counts[-1] == 10


def test_bounds_reach_as_far_as_enough_rows_do() -> None:
    table = pd.DataFrame({"n": [100] * 5000 + [10**9] * 3})
    edges = _learn(table, epsilon=1.0).columns[0].attribute
    assert isinstance(edges, Numeric)
    assert (edges.edges[0], edges.edges[-1]) == (64, 128)


def test_the_number_of_rows_is_learned() -> None:
    learned = _learn(pd.DataFrame({"a": [1] * 123, "b": ["x"] * 123}))
    assert learned.total == pytest.approx(123)


def test_declared_domains_are_kept_as_they_are() -> None:
    domain = Domain.from_spec({"sex": {"categories": ["m", "f", "x"]}, "age": {"bounds": [0, 9], "bins": 5}})
    learned = _learn(pd.DataFrame({"sex": ["f", "m", "q", None], "age": [-3, 4, 5, 99]}), domain)
    assert learned.columns[0].counts.tolist() == [1, 1, 0, 1, 1]
    assert learned.columns[1].counts.tolist() == [1, 0, 2, 0, 1]
    assert learned.columns[1].attribute.cells == 5


def test_adding_a_unit_changes_no_schema_and_no_domain() -> None:
    """The twin tables differ by one unit with a new category, a huge number and a far date; with the noise off, what is
    learned is the same to the last cell edge and category."""
    base = {"c": ["a", "b"] * 400, "n": list(range(100, 500)) * 2, "d": pd.to_datetime(["2020-01-01"] * 800)}
    twin = pd.DataFrame(base)
    newcomer = pd.DataFrame({"c": ["never seen"], "n": [10**15], "d": pd.to_datetime(["2199-01-01"])})
    more = pd.concat([twin, newcomer], ignore_index=True)
    for domain in (Domain(), Domain.from_spec({"c": {"categories": ["a"]}, "n": {"bounds": [0, 9]}})):
        one, two = (_learn(t, domain, epsilon=3) for t in (twin, more))
        assert [c.attribute for c in one.columns] == [c.attribute for c in two.columns]
        assert abs(two.total - one.total) == pytest.approx(1)
        for method in (Independent(epsilon=3, delta=1e-6), MST(epsilon=3, delta=1e-6)):
            models = [method.fit(t, domain, rng=NoNoise()) for t in (twin, more)]
            assert models[0].attributes == models[1].attributes
            frames = [m.sample(50) for m in models]
            assert frames[0].dtypes.equals(frames[1].dtypes)


def test_one_unit_cannot_name_a_category_alone() -> None:
    """At the threshold of three rows a unit, a category of three rows passes with probability delta/2 at the most."""
    allowance = Allowance(1.0, 1e-4, 3, NoNoise(), hides_categories=True)
    share = Fraction(1, 4)
    threshold = allowance.threshold(share, Fraction(1, 2))
    noise = allowance.noise(share)
    assert 3 * noise.tail(threshold - 3) <= 1e-4 / 2 / 2
    assert threshold - 3 == threshold_for(noise, 1e-4 / 2 / 2 / 3 * (1 - 1e-9))
    allowance.threshold(share, Fraction(1, 2))
    with pytest.raises(ValueError, match="no delta left"):
        allowance.threshold(share, Fraction(1, 2))


def test_shares_are_spent_once() -> None:
    allowance = Allowance(1.0, 0.0, 2, NoNoise(), hides_categories=False)
    counts = np.array([1, 2])
    assert allowance.measure(counts, Fraction(2, 3), "counts").tolist() == [1, 2]
    assert allowance.choose(np.array([5, 6]), Fraction(1, 3), "choice") == 1
    with pytest.raises(ValueError, match="more asks for"):
        allowance.measure(counts, Fraction(1, 10**9), "more")
    charge = allowance.charge("test")
    assert charge.rho is None
    assert [event.mechanism for event in charge.events] == ["two_sided_geometric", "exponential"]
    assert charge.events[0].scale == pytest.approx(2 / (2 / 3))
    assert charge.scales == tuple(sorted(event.scale for event in charge.events))


def test_the_shares_of_rho_cost_what_is_charged() -> None:
    """Every Gaussian event costs sensitivity^2 / (2 scale^2), every choice (2 sensitivity / scale)^2 / 8."""
    frame = pd.DataFrame({"a": range(300), "b": ["x", "y", "z"] * 100, "c": [True, False, True] * 100})
    for rows_per_unit in (1, 4):
        charge = MST(epsilon=1, delta=1e-6).fit(frame, rows_per_unit=rows_per_unit).charge
        spent = sum(
            (e.sensitivity / e.scale) ** 2 / 2
            if e.mechanism == "discrete_gaussian"
            else (2 * e.sensitivity / e.scale) ** 2 / 8
            for e in charge.events
        )
        assert charge.rho is not None
        assert charge.rho * (1 - 1e-6) <= spent <= charge.rho
        assert {e.sensitivity for e in charge.events} == {rows_per_unit}


def test_unknown_categories_need_a_delta() -> None:
    frame = pd.DataFrame({"town": ["a"], "age": [1], "job": ["b"]})
    with pytest.raises(DomainError, match=r"categories of town, job.*declare `categories` for each, or set `delta`"):
        Independent(epsilon=1).fit(frame)
    Independent(epsilon=1).fit(frame[["age"]])


@pytest.mark.parametrize(
    ("declared_as", "kind", "rule"),
    [
        ({"bounds": [0, 1]}, "VARCHAR", "bounds are for numbers"),
        ({"bounds": [0, 1]}, "BOOLEAN", "bounds are for numbers"),
        ({"bounds": [0, 1]}, "DATE", "its bounds must be dates"),
        ({"bounds": ["2020-01-01", "2021-01-01"]}, "INTEGER", "its bounds must be numbers"),
        ({"bounds": [0.2, 0.8]}, "INTEGER", "there is no value of type INTEGER"),
        ({"categories": ["red"]}, "INTEGER", "the category 'red' is not"),
    ],
)
def test_a_declaration_must_suit_the_type(declared_as: dict[str, Any], kind: str, rule: str) -> None:
    with pytest.raises(DomainError, match=rule):
        Independent(epsilon=1, delta=1e-6).fit(
            duckdb.sql(f"SELECT CAST(NULL AS {kind}) AS c"), Domain.from_spec({"c": declared_as})
        )


def test_codes_are_counted_like_the_engine_counts() -> None:
    con = duckdb.connect()
    con.execute("SELECT setseed(0.5)")
    con.execute("""CREATE TABLE t AS SELECT CAST(random() * 5 AS INTEGER) AS a,
        CASE WHEN random() < 0.2 THEN NULL ELSE 'k' || CAST(random() * 3 AS INTEGER) END AS b FROM range(200000)""")
    domain = Domain.from_spec({"a": {"bounds": [0, 5]}, "b": {"categories": ["k2", "k0", "k1"]}})
    with opened(con.table("t")) as rows:
        attributes = [a for a in declared(rows, domain) if a is not None]
        first, second = code_rows(rows, attributes)
    shape = (attributes[0].cells, attributes[1].cells)
    pairs = count_joint([first, second], shape)
    assert pairs.sum() == 200_000
    assert pairs.sum(axis=1).tolist() == count_one(first, shape[0]).tolist()
    for a, b, n in con.sql("SELECT a, b, count(*) FROM t GROUP BY ALL").fetchall():
        place = {"k2": 0, "k0": 1, "k1": 2, "k3": 3, None: 4}[b]
        assert pairs[a, place] == n


def test_nan_and_infinity_are_missing() -> None:
    table = pd.DataFrame({"x": [float("nan"), float("inf"), -float("inf"), 1.0] * 100})
    learned = _learn(table)
    assert learned.columns[0].counts[-1] == pytest.approx(300)
    as_categories = _learn(table, Domain.from_spec({"x": {"categories": [1.0, 2.5]}}))
    assert as_categories.columns[0].counts.tolist() == [100, 0, 200, 100]


def test_declared_bounds_are_cut_as_finely_as_the_noise_allows() -> None:
    """1,000 rows and noise of 50 make 20, so 16 cells; 0 and both bounds keep cells of their own; `bins` stay."""
    frame = pd.DataFrame({"x": np.arange(1000), "y": np.arange(1000)})
    domain = Domain.from_spec({"x": {"bounds": [-1, 999]}, "y": {"bounds": [0, 999], "bins": 100}})
    model = Independent(epsilon=0.0577, delta=0).fit(frame, domain, rng=NoNoise())
    x, y = model.attributes
    assert isinstance(x, Numeric)
    assert isinstance(y, Numeric)
    assert len(y.edges) == 101
    assert {-1, 0, 1, 999, 1000} <= set(x.edges)
    assert 16 <= len(x.edges) - 1 <= 16 + 5
    precise = MST(epsilon=100).fit(frame, domain).attributes[0]
    assert isinstance(precise, Numeric)
    assert len(precise.edges) > 400
