"""Geometric answers: no ratio beyond exp(epsilon), words lead where the table says, estimates hit the truth."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import accumulate

import duckdb
import numpy as np
import pytest

from synth_assets.deidentification import Randomize, TreatedColumn, answers, count_query, deidentify, middles
from synth_assets.deidentification.geometric import WORDS, TruncatedGeometric, aliases
from synth_assets.deidentification.randomization import response
from synth_assets.mechanisms import RandomizedResponse

Con = duckdb.DuckDBPyConnection
AGE = Randomize(epsilon=2, mechanism="geometric").over(None, (0, 9), None)
SIGMAS = 5.7
"""Of a normal law, less than one in 10^6 for the 33 estimates of a test together, were the key drawn anew."""


@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1, 2.5, 20, 45, 100])
@pytest.mark.parametrize("cells", [2, 3, 4, 10, 121])
def test_no_answer_is_more_likely_than_it_may_be(epsilon: float, cells: int) -> None:
    """Words are counted over all pairs of truths, of which the most and the least likely are the worst."""
    rows = TruncatedGeometric(epsilon, cells).words()
    assert [len(row) for row in rows] == [cells + 1] * (cells + 1)
    assert {sum(row) for row in rows} == {WORDS}
    with localcontext(prec=120):
        most = Fraction(Decimal(repr(epsilon)).exp()) * (1 - Fraction(1, 10**110))
    worst = max(Fraction(max(column), min(column)) for column in zip(*rows, strict=True))
    assert min(map(min, rows)) >= 1
    assert worst <= most
    assert epsilon > 2.5 or worst > most * (1 - Fraction(1, 10**9))  # and nothing is given away


def test_a_thousand_cells_hold_too() -> None:
    rows = TruncatedGeometric(0.01, 1000).words()
    assert {sum(row) for row in rows} == {WORDS}
    with localcontext(prec=120):
        most = Fraction(Decimal("0.01").exp()) * (1 - Fraction(1, 10**110))
    assert all(Fraction(max(column), min(column)) <= most for column in zip(*rows, strict=True))


def test_the_table_is_that_of_the_definition() -> None:
    """Three cells and a = 1/2: noise falls by half with each cell, the tails are the ends'."""
    mechanism = TruncatedGeometric(2 * math.log(2), 3)
    lost, kept = 7 / 43, 28 / 43  # reach is 4 (3/2) / (5/2) = 12/5, lost (7/5) / (43/5)
    near = [[2 / 3, 1 / 6, 1 / 6], [1 / 3, 1 / 3, 1 / 3], [1 / 6, 1 / 6, 2 / 3]]
    expected = [[*(chance * (1 - lost) for chance in row), lost] for row in near]
    expected.append([*(chance * (1 - kept) for chance in (0.4, 0.2, 0.4)), kept])
    assert mechanism.channel() == pytest.approx(np.array(expected), abs=1e-12)


def test_two_cells_are_randomized_response() -> None:
    """With two values there is no order to use."""
    other = RandomizedResponse(1.5, 3)
    expected = np.full((3, 3), other.q) + np.eye(3) * (other.p - other.q)
    assert TruncatedGeometric(1.5, 2).channel() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("words", [[WORDS - 3, 1, 2], [WORDS // 4] * 4, [1, WORDS // 2, WORDS // 2 - 1, 0, 0]])
def test_slots_have_exactly_the_words_of_their_outcomes(words: list[int]) -> None:
    cuts, other = aliases(words, 8)
    found = [0] * 8
    for slot, cut in enumerate(cuts):
        assert 0 <= cut <= WORDS // 8
        found[slot] += cut
        found[other[slot]] += WORDS // 8 - cut
    assert found == words + [0] * (8 - len(words))


@pytest.mark.parametrize(("epsilon", "cells"), [(1, 2), (2.5, 3), (0.5, 7), (30, 4)])
def test_words_lead_in_sql_where_the_table_says(con: Con, epsilon: float, cells: int) -> None:
    """At both ends of each stretch of words of every slot, in SQL: stretches add up to the table's words."""
    mechanism = TruncatedGeometric(epsilon, cells)
    slots = 2 ** max(1, (2 * cells - 1).bit_length())
    size = WORDS // slots
    for code, row in enumerate(mechanism.words()):
        cuts, _ = aliases(mechanism.noise if code < cells else mechanism.missing, slots)
        stretches = [(i * size + low, i * size + high) for i, c in enumerate(cuts) for low, high in ((0, c), (c, size))]
        stretches = [(low, high) for low, high in stretches if low < high]
        values = ", ".join(f"({n}, {a}::UBIGINT, {b - 1}::UBIGINT)" for n, (a, b) in enumerate(stretches))
        told = [mechanism.outcome(f"{code}::UINTEGER", word) for word in ("a", "b")]
        query = f"SELECT {told[0]}, {told[1]} FROM (VALUES {values}) AS t(n, a, b) ORDER BY n"
        found = [0] * (cells + 1)
        for (low, high), (first, last) in zip(stretches, con.execute(query).fetchall(), strict=True):
            assert first == last
            found[cells if first is None else first] += high - low
        assert found == row


def test_estimates_have_no_bias() -> None:
    """Of what is expected of known values, they make these values exactly."""
    mechanism = TruncatedGeometric(1.5, 5)
    true = np.array([5000, 1000, 0, 3000, 0, 1000])
    expected = (true @ np.array(mechanism.words(), dtype=object) / WORDS).tolist()
    estimates = mechanism.estimate(expected)
    assert [share for share, _ in estimates] == pytest.approx(true / 10_000, abs=1e-9)
    mean, _ = mechanism.mean(expected)
    assert mean == pytest.approx((10 + 90) / 90, abs=1e-9)


def test_errors_are_those_of_many_answers() -> None:
    """Four thousand repetitions: the estimates spread by the error told, within 6 %, about the truth."""
    mechanism, rng = TruncatedGeometric(2, 6), np.random.default_rng(1)
    true, channel = np.array([100, 400, 300, 100, 0, 0, 100]), mechanism.channel()
    parts = [rng.multinomial(n, row / row.sum(), size=4000) for n, row in zip(true, channel, strict=True)]
    drawn = np.sum(parts, axis=0)
    shares = np.array([mechanism.estimate(counts) for counts in drawn])
    means = np.array([mechanism.mean(counts) for counts in drawn])
    off = (shares[:, :, 0].mean(axis=0) - true / 1000) / shares[:, :, 0].std(axis=0) * 4000**0.5
    assert np.abs(off).max() < SIGMAS
    told = np.sqrt((shares[:, :, 1] ** 2).mean(axis=0))
    assert told == pytest.approx(shares[:, :, 0].std(axis=0), rel=0.06)
    assert means[:, 0].mean() == pytest.approx(1300 / 900, abs=0.02)
    spread = means[:, 0].std()
    assert spread * 0.94 < np.sqrt((means[:, 1] ** 2).mean()) < spread * 1.15  # it counts the drawing of units, too


def test_of_too_few_answers_the_mean_alone_is_told() -> None:
    mechanism = TruncatedGeometric(1, 100)
    counts = [10] * 100 + [500]
    assert mechanism.estimate(counts) == []
    mean, error = mechanism.mean(counts)
    assert mean == pytest.approx(49.5)
    assert 1 < error < 10
    assert mechanism.estimate([0] * 101) == []
    assert math.isnan(mechanism.mean([0] * 101)[0])
    assert math.isnan(mechanism.mean([0] * 100 + [9])[0])  # nothing but missing


def test_units_answer_by_the_table(con: Con) -> None:
    """Both rounds over 40,000 units: answers follow each code's row, and the estimates the true values."""
    con.execute(
        "CREATE OR REPLACE TABLE s AS SELECT i AS id, CASE WHEN i % 10 < 9 THEN (i % 10) * 2 END::INTEGER AS age, "
        "i::UBIGINT AS __unit, false AS __control FROM range(40000) AS r(i)"
    )
    columns = [
        TreatedColumn(name=name, data_type=kind, entity_type="age", role="sensitive", treatment=treatment)
        for name, kind, treatment in (("id", "BIGINT", "keep"), ("age", "INTEGER", AGE))
    ]
    deidentify(con, "s", columns, "coded", unit="id")
    assert con.execute("SELECT count(age) FROM coded").fetchall() == [(0,)]
    deidentify(con, "coded", columns, "told", unit="id", answers="l")
    mechanism = response(AGE)
    assert isinstance(mechanism, TruncatedGeometric)
    channel = mechanism.channel()
    codes = "CASE WHEN s.age IS NULL THEN 10 WHEN s.age > 9 THEN 9 ELSE s.age END, coalesce(t.age, 10)"
    query = f"SELECT {codes}, count(*) FROM s JOIN told AS t USING (id) GROUP BY ALL"
    units = {0: 4000, 2: 4000, 4: 4000, 6: 4000, 8: 4000, 9: 16_000, 10: 4000}
    for raw, told, count in con.execute(query).fetchall():
        chance = channel[raw, told]
        assert abs(count - units[raw] * chance) < SIGMAS * (units[raw] * chance * (1 - chance)) ** 0.5
    given = dict(con.execute(count_query(AGE, columns[1], "told")).fetchall())
    mean, error = mechanism.mean([given.get(place, 0) for place in (*range(10), None)])
    assert abs(mean - (0 + 2 + 4 + 6 + 8 + 4 * 9) / 9) < SIGMAS * error < 1


def test_cells_have_middles() -> None:
    """A mean in cells is told as one of numbers."""
    assert middles(AGE, "INTEGER") == (0, 1)
    assert answers(AGE, "INTEGER") == list(range(10))
    wide = Randomize(epsilon=1, mechanism="geometric").over(None, (0, 99), 10)
    assert middles(wide, "INTEGER") == (4.5, 10)
    assert middles(wide, "DOUBLE") == (4.95, 9.9)
    assert list(accumulate([9.9] * 2)) == pytest.approx(answers(wide, "DOUBLE")[1:3])


@pytest.mark.parametrize(("epsilon", "cells"), [(0, 5), (math.inf, 5), (1, 1), (1, 1001)])
def test_no_geometric_answers_without_epsilon_or_order(epsilon: float, cells: int) -> None:
    with pytest.raises(ValueError, match="2 to 1000 cells"):
        TruncatedGeometric(epsilon, cells)
