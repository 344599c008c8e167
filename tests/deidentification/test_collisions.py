"""Moving apart those who met: everybody gets a place of their own, and few have to move."""

from __future__ import annotations

import duckdb
import pytest

from synth_assets.deidentification.collisions import SECOND, forget, move_apart, they_meet

Con = duckdb.DuckDBPyConnection


def take(con: Con, rows: int, sizes: tuple[int, int], also: str = "") -> None:
    """So many identities at keyed places of two parts; each of the first hundred has two rows."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE spots AS SELECT hash(i)::UBIGINT AS n, CASE WHEN i % 3 = 0 THEN "
        f"{SECOND} + (hash(i, 1) % {sizes[1]})::BIGINT ELSE (hash(i, 2) % {sizes[0]})::BIGINT END AS spot "
        f"FROM (SELECT i FROM range({rows}) AS r(i) UNION ALL SELECT i FROM range(100) AS r(i)) {also}"
    )


def places(con: Con, moved: str) -> list[tuple[int, int, int]]:
    """(part, place before, place after) of each identity."""
    query = (
        f"SELECT t.spot // {SECOND}, t.spot % {SECOND}, coalesce(m.again, t.spot % {SECOND}) FROM "
        f"(SELECT DISTINCT n, spot, spot >= {SECOND} AS part FROM spots) AS t "
        f"LEFT JOIN (SELECT n, part, again {moved}) AS m USING (n, part)"
    )
    return con.execute(query).fetchall()


@pytest.mark.parametrize(
    ("rows", "sizes", "moving"),
    [
        (20_000, (10**6, 10**5), 0.05),  # few meet
        (20_000, (15_000, 10_000), 0.9),  # most do
        (20_000, (13_333, 6_667), 1.0),  # every place is taken
        (300, (10**6, 10**6), 0.0),  # nobody meets
    ],
)
def test_everybody_gets_a_place_of_their_own(con: Con, rows: int, sizes: tuple[int, int], moving: float) -> None:
    take(con, rows, sizes)
    if not they_meet(con, "spots"):
        assert moving == 0
        return
    moved = move_apart(con, (0, 0), sizes)
    assert moved is not None
    made = places(con, moved)
    assert len(made) == rows == len({(part, after) for part, _, after in made})
    assert all(0 <= after < sizes[part] for part, _, after in made)
    assert 0 < sum(before != after for _, before, after in made) <= moving * rows
    forget(con)


def test_an_identity_in_both_parts_moves_in_one(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE spots AS "
        f"FROM (VALUES (9, 5), (9, {SECOND} + 5), (2, 5), (2, 5), (1, 6)) AS t(n, spot)"
    )
    assert they_meet(con, "spots")
    moved = move_apart(con, (0, 0), (9, 9))
    assert con.execute(f"SELECT n, part, again {moved} ORDER BY n").fetchall() == [(1, False, 7), (9, False, 6)]
    forget(con)


def test_one_more_than_there_are_places_is_refused(con: Con) -> None:
    take(con, 300, (200, 99))  # a hundred of every third
    assert they_meet(con, "spots")
    assert move_apart(con, (0, 0), (200, 99)) is None
    forget(con)


def test_two_rows_of_one_identity_do_not_meet(con: Con) -> None:
    take(con, 0, (10**9, 10**9))
    con.execute("INSERT INTO spots FROM spots")
    assert not they_meet(con, "spots")
    forget(con)


def test_names_get_ranks(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE spots AS SELECT i::UBIGINT AS n, (i % 5)::BIGINT AS spot FROM range(20) AS r(i)"
    )
    assert they_meet(con, "spots")
    moved = move_apart(con, (3, 3), (5, 5))
    ranks = con.execute(f"SELECT n % 5, again {moved} ORDER BY ALL").fetchall()
    assert ranks == [(spot, again) for spot in range(5) for again in (1, 2, 3)]
    assert move_apart(con, (2, 2), (5, 5)) is None
    forget(con)
