"""Shares of sensitive values: by hand, against plain arithmetic, and over whole tables."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.anonymity import Anonymize, AnonymizedColumn, Hierarchy, anonymize
from synth_assets.anonymity.diversity import Spread
from synth_assets.errors import AnonymityUnreachable

Rows = list[tuple[int, int]]  # a class and a value of each unit


def spread(rows: Rows, ordered: bool = True, values: int = 0) -> Spread:
    pairs = Counter(rows)
    listed = sorted(pairs)
    whole = np.bincount([value for _, value in rows], minlength=values)
    return Spread(
        np.array([c for c, _ in listed]),
        np.array([v for _, v in listed]),
        np.array([pairs[pair] for pair in listed], dtype=np.float64),
        whole / len(rows),
        ordered,
    )


def test_the_salaries_of_the_paper() -> None:
    """Li, Li and Venkatasubramanian, section 4.2: of 3k to 11k, {3k, 4k, 5k} is .375 away and {6k, 8k, 11k} .167."""
    found = spread([(0, 0), (0, 1), (0, 2), (1, 3), (1, 5), (1, 8), (2, 4), (2, 6), (2, 7)])
    assert found.closeness(3)[:2] == pytest.approx([0.375, 1 / 6])


def test_even_and_uneven_classes() -> None:
    rows = [(0, 0), (0, 1), *[(1, 0)] * 3, (1, 1), *[(2, 0)] * 4]
    found = spread(rows, ordered=False)
    assert found.entropy(3) == pytest.approx([2, 4 / 27**0.25, 1])
    assert list(found.recursive(3, 2.0, 2)) == [True, False, False]  # 1 < 2 x 1; 3 > 2 x 1; nothing is behind the first
    assert list(found.recursive(3, 3.1, 2)) == [True, True, False]
    assert list(found.recursive(3, 100.0, 3)) == [False] * 3
    # of all, 8 in 10 have the first value
    assert found.closeness(3) == pytest.approx([0.3, 0.05, 0.2])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=40), st.booleans())
def test_shares_are_what_plain_arithmetic_says(rows: Rows, ordered: bool) -> None:
    found = spread(rows, ordered, 7)
    whole = [sum(v == value for _, v in rows) / len(rows) for value in range(7)]
    for c in {c for c, _ in rows}:
        own = [v for k, v in rows if k == c]
        share = [own.count(value) / len(own) for value in range(7)]
        entropy = -sum(p * math.log(p) for p in share if p)
        assert found.entropy(4)[c] == pytest.approx(math.exp(entropy))
        apart = [sum(share[: i + 1]) - sum(whole[: i + 1]) for i in range(7)]
        distance = (
            sum(map(abs, apart)) / 6 if ordered else sum(abs(p - q) for p, q in zip(share, whole, strict=True)) / 2
        )
        assert found.closeness(4)[c] == pytest.approx(distance, abs=1e-12)
    merged = found.merged(np.array([0, 0, 1, 1]))
    again = spread([(c // 2, v) for c, v in rows], ordered, 7)
    assert merged.closeness(2) == pytest.approx(again.closeness(2), abs=1e-12)
    present = sorted({c for c, _ in rows})
    for i, into in enumerate([[c for c in present if c < 2], [c for c in present if c >= 2]]):
        if into:  # merging makes no class worse: what rules out a node rules out all below it
            assert merged.closeness(2)[i] <= max(found.closeness(4)[into]) + 1e-12
            assert merged.entropy(2)[i] >= min(found.entropy(4)[into]) - 1e-12
            assert merged.recursive(2, 1.5, 2)[i] or not all(found.recursive(4, 1.5, 2)[into])


people = st.lists(
    st.tuples(
        st.integers(0, 19),
        st.sampled_from(["flu", "hiv", None, "none"]),
        st.none() | st.integers(0, 5),
        st.integers(0, 25),
    ),
    min_size=6,
    max_size=60,
)
models = st.sampled_from(
    [{"entropy_l": 1.5}, {"entropy_l": 2.0, "l": 2}, {"recursive": {"c": 2, "l": 2}}, {"t": 0.3}, {"t": 0.15, "l": 2}]
)


@settings(max_examples=50, deadline=None)
@given(people, models, st.sampled_from([0.0, 0.3]))
def test_released_rows_keep_what_the_model_promises(
    con: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]], model: dict[str, Any], limit: float
) -> None:
    """Two sensitive columns, one with an order; units with several rows have one vote; every class is counted again."""
    con.execute("CREATE OR REPLACE TABLE people (age INT, s VARCHAR, pay INT, __unit INT)")
    con.executemany("INSERT INTO people VALUES (?, ?, ?, ?)", rows)
    con.execute("DROP TABLE IF EXISTS released")
    columns = [
        AnonymizedColumn(name="age", data_type="INTEGER", role="quasi_identifier"),
        AnonymizedColumn(name="s", data_type="VARCHAR", role="sensitive"),
        AnonymizedColumn(name="pay", data_type="INTEGER", role="sensitive"),
        AnonymizedColumn(name="__row", data_type="BIGINT", role="insensitive"),
    ]
    params = Anonymize(k=2, suppression_limit=limit, **model)
    query = "(SELECT *, rowid AS __row FROM people)"
    try:
        result = anonymize(con, query, columns, params, "released")
    except AnonymityUnreachable:
        return
    weight = [1 / sum(other[3] == row[3] for other in rows) for row in rows]
    classes: dict[str, list[int]] = {}
    for age, _, _, place in con.execute("SELECT * FROM released").fetchall():
        classes.setdefault(str(age), []).append(place)
    for column in (1, 2):
        order = sorted({row[column] for row in rows}, key=lambda value: (value is not None, value))
        whole = _shares([(row[column], w) for row, w in zip(rows, weight, strict=True)], order)
        for places in classes.values():
            share = _shares([(rows[i][column], weight[i]) for i in places], order)
            entropy = math.exp(-sum(p * math.log(p) for p in share if p))
            assert entropy >= (params.entropy_l or 1) - 1e-8
            assert entropy >= (result.min_entropy_l or 0) - 1e-8
            falling = sorted(share, reverse=True)
            if params.recursive:
                assert falling[0] < params.recursive.c * sum(falling[params.recursive.l - 1 :])
            apart = [sum(share[: i + 1]) - sum(whole[: i + 1]) for i in range(len(order))]
            ordered = sum(map(abs, apart)) / max(len(order) - 1, 1)
            equal = sum(abs(p - q) for p, q in zip(share, whole, strict=True)) / 2
            assert (ordered if column == 2 else equal) <= (params.t or 1) + 1e-8
            assert (ordered if column == 2 else equal) <= (result.max_t or 0) + 1e-8


def _shares(pairs: list[tuple[Any, float]], order: list[Any]) -> list[float]:
    total = sum(weight for _, weight in pairs)
    return [sum(w for v, w in pairs if v == value) / total for value in order]


def test_who_comes_often_has_one_vote(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DROP TABLE IF EXISTS released")
    rows = ", ".join(["('a', 'flu', 1)"] * 8 + ["('a', 'hiv', 2)", "('a', 'flu', 3)", "('a', 'hiv', 4)"])
    columns = [
        AnonymizedColumn(name="q", data_type="VARCHAR", role="quasi_identifier"),
        AnonymizedColumn(name="s", data_type="VARCHAR", role="sensitive"),
    ]
    keep = {"q": Hierarchy(suppressible=False)}
    query = f"SELECT * FROM (VALUES {rows}) AS t(q, s, __unit)"
    result = anonymize(con, query, columns, Anonymize(k=2, entropy_l=1.9, hierarchies=keep), "released")
    assert result.min_entropy_l == pytest.approx(2)
    assert result.max_t == pytest.approx(0)
