"""Randomized answers: words lead to the outcomes they should, units keep their answers, nobody else changes them."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from synth_assets.deidentification import Randomize, TreatedColumn, answers, code_column, count_query, deidentify
from synth_assets.deidentification.columns import KNOWN_GENDER
from synth_assets.deidentification.randomization import cells, code_expression, outcome_expression, response
from synth_assets.errors import SpecError
from synth_assets.mechanisms import RandomizedResponse
from synth_assets.storage import derive_key, install_keys

Con = duckdb.DuckDBPyConnection
FALSE_ALARM_SIGMAS = 5.7
"""Of a normal law, less than one in 10^6 for the 33 counts of a test together, were the key drawn anew each time."""

TOWN = Randomize(epsilon=1).over(("North", "South"), None, None)


def column(name: str, treatment: Any, data_type: str = "VARCHAR", entity_type: Any = "category") -> TreatedColumn:
    return TreatedColumn(name=name, data_type=data_type, entity_type=entity_type, role="sensitive", treatment=treatment)


def test_every_word_leads_where_the_mechanism_says(con: Con) -> None:
    """At each end of each stretch of words, from each code: the stretches are what the ratio is proved for."""
    mechanism = RandomizedResponse(1.25, 4)
    truth, other = mechanism.truth, mechanism.other
    words = [0, truth - 1, *(truth + k * other + d for k in range(3) for d in (0, other - 1))]
    assert words[-1] == 2**64 - 1
    for code in range(4):
        others = [outcome for outcome in range(4) if outcome != code]
        expected = [code, code, *(outcome for outcome in others for _ in range(2))]
        values = ", ".join(f"({i}, {word}::UBIGINT)" for i, word in enumerate(words))
        query = f"SELECT {outcome_expression(mechanism, f'{code}::UINTEGER', 'w', 3)} FROM (VALUES {values}) AS t(i, w)"
        found = [row[0] for row in con.execute(f"{query} ORDER BY i").fetchall()]
        assert found == [None if outcome == 3 else outcome for outcome in expected]


@pytest.mark.parametrize(
    ("rule", "kind", "values", "codes"),
    [
        (TOWN, "VARCHAR", ["North", "South", "north", "", None], [0, 1, 2, 2, 2]),
        (Randomize(epsilon=1).over((True, False), None, None), "BOOLEAN", [True, False, None], [0, 1, 2]),
        (Randomize(epsilon=1).over((1, 2.5), None, None), "DOUBLE", [1.0, 2.5, 2.0, None], [0, 1, 2, 2]),
        (Randomize(epsilon=1).over(None, (18, 20), None), "BIGINT", [-5, 18, 19, 20, 99, None], [0, 0, 1, 2, 2, 3]),
        (Randomize(epsilon=1).over(None, (0, 9), 3), "TINYINT", [0, 3, 4, 6, 7, 9, 127], [0, 0, 1, 1, 2, 2, 2]),
        (
            Randomize(epsilon=1).over(None, (0, 1), 4),
            "DOUBLE",
            [0.0, 0.24, 0.25, 1.0, -7.0, float("inf"), float("-inf"), float("nan"), None],
            [0, 0, 1, 3, 0, 3, 0, 4, 4],
        ),
        (Randomize(epsilon=1).over(None, (0, 99), 10), "DECIMAL(5,2)", [9.99, 10.0, 98.9], [1, 1, 9]),
    ],
)
def test_values_have_codes(con: Con, rule: Randomize, kind: str, values: list[Any], codes: list[int]) -> None:
    query = f"SELECT {code_expression(rule, 'v', kind)} FROM (SELECT unnest($1)::{kind} AS v)"
    assert [row[0] for row in con.execute(query, [values]).fetchall()] == codes


def test_an_answer_is_the_lower_edge_of_its_cell(con: Con) -> None:
    rule = Randomize(epsilon=1).over(None, (5, 31), 4)
    edges = answers(rule, "INTEGER")
    assert edges == [5, 12, 19, 26]
    query = f"SELECT {code_expression(rule, 'v', 'INTEGER')} AS code, min(v), max(v) FROM range(5, 32) AS r(v)"
    assert con.execute(f"{query} GROUP BY code ORDER BY code").fetchall() == [
        (0, 5, 11),
        (1, 12, 18),
        (2, 19, 25),
        (3, 26, 31),
    ]
    assert cells(rule) + 1 == response(rule).outcomes == 5


def make_people(con: Con, name: str, rows: int, also: str = "") -> None:
    con.execute(
        f"CREATE OR REPLACE TABLE {name} AS SELECT i AS id, CASE WHEN i % 10 < 6 THEN 'North' WHEN i % 10 < 9 THEN "
        f"'South' END AS town, i::UBIGINT * 7919 AS __unit, false AS __control FROM range({rows}) AS r(i) {also}"
    )


def answer(con: Con, source: str, target: str, label: str = "l", rule: Randomize = TOWN) -> None:
    """Both rounds over ``id`` and ``town``."""
    columns = [column("id", "keep", "BIGINT"), column("town", rule)]
    deidentify(con, source, columns, "first_round", unit="id")
    deidentify(con, "first_round", columns, target, unit="id", answers=label)


def test_answers_follow_the_mechanism_and_the_estimate_the_truth(con: Con) -> None:
    make_people(con, "s", 60_000)
    answer(con, "s", "t")
    mechanism = RandomizedResponse(1, 3)
    names = {"North": 0, "South": 1, None: 2}
    counts = {
        (names[raw], names[told]): n
        for raw, told, n in con.execute(
            "SELECT s.town, t.town, count(*) FROM s JOIN t USING (id) GROUP BY ALL"
        ).fetchall()
    }
    true = [36_000, 18_000, 6_000]
    for raw, units in enumerate(true):
        for told in range(3):
            chance = mechanism.p if raw == told else mechanism.q
            off = abs(counts[raw, told] - units * chance) / (units * chance * (1 - chance)) ** 0.5
            assert off < FALSE_ALARM_SIGMAS
    given = dict(con.execute(count_query(TOWN, column("town", TOWN), "t")).fetchall())
    estimates = mechanism.estimate([given[0], given[1], given[None]])
    for (share, error), units in zip(estimates, true, strict=True):
        assert abs(share - units / 60_000) < FALSE_ALARM_SIGMAS * error
        assert error < 0.01


def test_the_first_round_holds_no_value_and_one_code_a_unit(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE s AS SELECT i AS id, CASE WHEN (i + v) % 2 = 0 THEN 'North' ELSE 'South' END AS town, "
        "i::UBIGINT AS __unit, false AS __control FROM range(500) AS r(i), range(4) AS q(v)"
    )
    answer(con, "s", "t")
    own = f'"{code_column("town")}"'
    query = f"SELECT count(town), count(DISTINCT (id, {own})), avg({own}) FROM first_round"
    empty, codes, share = con.execute(query).fetchall()[0]
    assert (empty, codes) == (0, 500)
    assert 0.35 < share < 0.65  # a unit's rows have both, and either is taken
    rows = con.execute("SELECT count(*), count(DISTINCT (id, coalesce(town, '-'))) FROM t").fetchall()
    assert rows == [(2000, 500)]
    assert [row[0] for row in con.execute("DESCRIBE t").fetchall()] == ["id", "town", "__unit", "__control"]


def test_the_same_again_and_another_for_others(con: Con) -> None:
    make_people(con, "s", 4000)
    answer(con, "s", "first")
    answer(con, "(SELECT * FROM s ORDER BY id DESC)", "again")
    assert (
        con.execute("SELECT count(*) FROM first JOIN again USING (id, town)").fetchall()
        == con.execute("SELECT count(town) FROM first").fetchall()
    )
    answer(con, "s", "later", label="another snapshot")
    answer(con, "s", "stricter", rule=Randomize(epsilon=1.0001).over(("North", "South"), None, None))
    install_keys(con, derive_key(bytes(range(32)), "consumer/own/other"), ("randomize",))
    answer(con, "s", "stranger")
    install_keys(con, bytes(range(32)))
    mechanism = RandomizedResponse(1, 3)
    agreeing = sum(p * p for p in (mechanism.p, mechanism.q, mechanism.q))
    for other in ("later", "stricter", "stranger"):
        query = f"SELECT avg((a.town IS NOT DISTINCT FROM b.town)::INT) FROM first a JOIN {other} b USING (id)"
        assert abs(con.execute(query).fetchall()[0][0] - agreeing) < FALSE_ALARM_SIGMAS * 0.5 / 4000**0.5


def test_twin_tables_differ_in_the_one_unit_alone(con: Con) -> None:
    """Another value, or none, or no such unit at all: what the others answer is the same."""
    make_people(con, "s", 300)
    answer(con, "s", "t")
    for twin in (
        "(SELECT * REPLACE (CASE WHEN id = 7 THEN 'Atlantis' ELSE town END AS town) FROM s)",
        "(SELECT * REPLACE (CASE WHEN id = 7 THEN NULL ELSE town END AS town) FROM s)",
        "(SELECT * FROM s WHERE id <> 7)",
        "(SELECT * FROM s UNION ALL SELECT 7, 'South', 7 * 7919, false)",
    ):
        answer(con, twin, "twin")
        changed = "SELECT DISTINCT id FROM (FROM t EXCEPT FROM twin UNION (FROM twin EXCEPT FROM t))"
        assert con.execute(changed).fetchall() in ([], [(7,)])
        outcomes = {row[0] for row in con.execute("SELECT DISTINCT town FROM twin").fetchall()}
        assert outcomes == {"North", "South", None}


def test_a_given_name_does_not_tell_a_randomized_gender(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE s AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'f' ELSE 'm' END AS sex, 'N' || i AS "
        "first, i::UBIGINT AS __unit, false AS __control FROM range(400) AS r(i)"
    )
    sex = column("sex", Randomize(epsilon=1).over(("f", "m"), None, None), entity_type="gender")
    name = column("first", {"fake": "first_name", "identity": "unit"})
    made = {}
    for source in ("s", "(SELECT * REPLACE (CASE WHEN sex = 'f' THEN 'm' ELSE 'f' END AS sex) FROM s)"):
        found = deidentify(con, source, [column("id", "keep", "BIGINT"), sex, name], "t", unit="id")
        made[source] = con.execute(f"SELECT id, first, {KNOWN_GENDER} FROM t ORDER BY id").fetchall()
    assert len(set(map(tuple, made.values()))) == 1
    assert found.lineage["first"] == ("first", "id")


@pytest.mark.parametrize(
    ("domain", "told"),
    [
        ((None, None, None), "no domain is learned"),
        ((None, ("2020-01-01", "2021-01-01"), None), "for dates, declare `categories`"),
        ((None, (0.5, 9.5), None), "needs `bins`"),
        ((None, (0, 5000), None), "1000 values at the most"),
    ],
)
def test_what_is_not_declared_is_refused(domain: tuple[Any, Any, Any], told: str) -> None:
    for how in ("k_ary", "geometric"):
        with pytest.raises(ValueError, match=told):
            Randomize(epsilon=1, mechanism=how).over(*domain)


@pytest.mark.parametrize("domain", [(("a", "b"), None, None), (None, (5, 5), None), (None, (0.0, 1.0), 1)])
def test_noise_needs_an_order(domain: tuple[Any, Any, Any]) -> None:
    with pytest.raises(ValueError, match="needs `bounds` of numbers with two cells at least"):
        Randomize(epsilon=1, mechanism="geometric").over(*domain)


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        (Randomize(epsilon=1).over(None, (0, 9), None), "DOUBLE"),
        (Randomize(epsilon=1).over(None, (0, 9), None), "VARCHAR"),
        (Randomize(epsilon=1).over(None, (0.5, 2.5), 5), "INTEGER"),
    ],
)
def test_a_column_of_another_type_is_refused(rule: Randomize, kind: str) -> None:
    with pytest.raises(SpecError, match="needs a column of"):
        rule.output_type(kind)
