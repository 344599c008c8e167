"""The search against trying every node, and counts that merge."""

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.anonymity import lattice
from synth_assets.anonymity.classes import Classes, Demand, Incidence, combine
from synth_assets.anonymity.lattice import Outcome, Search
from synth_assets.anonymity.losses import AverageClassSize, Discernibility, Loss, LossName, Queries, Query

# each step is a function of the one before
LEVELS = [np.arange(8), np.arange(8) // 2, np.arange(8) // 4, np.zeros(8, dtype=np.int64)]
SHORT = [np.arange(8), np.zeros(8, dtype=np.int64)]

Row = tuple[int, int, int, int, int]  # three quasi-identifiers, the unit, the sensitive value


def incidence(pairs: set[tuple[int, int]]) -> Incidence:
    listed = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return Incidence(listed[:, 0], listed[:, 1])


LOSSES: list[LossName] = ["entropy", "discernibility", "average_class_size", "queries"]


def search_over(rows: list[Row], demand: Demand, measure: LossName = "entropy") -> Search:
    """All units are listed as roaming, which must count the same as the shortcut for units of one class."""
    keys = sorted({row[:3] for row in rows})
    place = {key: i for i, key in enumerate(keys)}
    base = Classes(
        np.array(keys, dtype=np.uint16).T,
        np.bincount([place[row[:3]] for row in rows]).astype(np.int64),
        np.zeros(len(keys), dtype=np.int64),
        incidence({(place[row[:3]], row[3]) for row in rows}),
        (incidence({(place[row[:3]], row[4]) for row in rows}),),
    )
    counts = [np.bincount([row[column] for row in rows], minlength=8).astype(np.int64) for column in range(3)]
    levels = [LEVELS, SHORT, LEVELS]
    listed = np.array([(place[row[:3]], row[4]) for row in rows], dtype=np.int64)
    exact, many = np.unique(listed, axis=0, return_counts=True)
    queries = [
        Query((0, 2), np.arange(len(keys)), np.zeros(len(keys), dtype=np.int64), base.rows),
        Query((1,), exact[:, 0], exact[:, 1], many),
    ]
    losses: dict[LossName, Loss | None] = {
        "entropy": None,
        "discernibility": Discernibility(base, levels),
        "average_class_size": AverageClassSize(base, levels),
        "queries": Queries(base, levels, queries),
    }
    return Search(base, levels, counts, demand, losses[measure])


def losses_by_hand(rows: list[Row], demand: Demand, node: tuple[int, ...]) -> dict[LossName, float]:
    """The losses other than entropy, from the rows and their definitions."""
    levels = (LEVELS, SHORT, LEVELS)

    def label(row: Row) -> tuple[int, ...]:
        return tuple(int(levels[i][level][row[i]]) for i, level in enumerate(node))

    members: dict[tuple[int, ...], list[Row]] = {}
    for row in rows:
        members.setdefault(label(row), []).append(row)
    good = {
        key: own
        for key, own in members.items()
        if len({row[3] for row in own}) >= demand.k and len({row[4] for row in own}) >= (demand.l or 0)
    }
    kept = [row for own in good.values() for row in own]
    base = Counter(row[:3] for row in rows)
    penalty = sum(len(own) ** 2 for own in good.values()) + (len(rows) - len(kept)) * len(rows)
    least = sum(many**2 for many in base.values())
    found: dict[LossName, float] = {"discernibility": (penalty - least) / max(len(rows) ** 2 - least, 1e-9)}
    classes = len(good) + (len(kept) < len(rows))
    found["average_class_size"] = (len(base) - classes) / max(len(base) - 1, 1)
    errors = []
    for columns, exact in (((0, 2), False), ((1,), True)):
        error = squares = 0.0
        for secret in range(4) if exact else (None,):
            mine = [row for row in rows if secret is None or row[4] == secret]
            left = Counter(tuple(label(row)[i] for i in columns) for row in kept if secret is None or row[4] == secret)
            true = Counter(tuple(row[i] for i in columns) for row in mine)
            for cell in product(*(range(8) for _ in columns)):
                group = tuple(int(levels[i][node[i]][value]) for i, value in zip(columns, cell, strict=True))
                size = math.prod(
                    int((levels[i][node[i]] == number).sum()) for i, number in zip(columns, group, strict=True)
                )
                error += (true[cell] - left[group] / size) ** 2
                squares += true[cell] ** 2
        errors.append(error / squares)
    found["queries"] = sum(errors) / 2
    return found


def by_hand(rows: list[Row], demand: Demand, node: tuple[int, ...]) -> tuple[int, int] | None:
    """Suppressed rows and classes of a node, from the rows; None if it does not satisfy the model."""
    classes: dict[tuple[int, ...], list[Row]] = {}
    levels = (LEVELS, SHORT, LEVELS)
    for row in rows:
        key = tuple(int(levels[i][level][row[i]]) for i, level in enumerate(node))
        classes.setdefault(key, []).append(row)
    good = [
        members
        for members in classes.values()
        if len({row[3] for row in members}) >= demand.k and len({row[4] for row in members}) >= (demand.l or 0)
    ]
    suppressed = len(rows) - sum(map(len, good))
    return (suppressed, len(good)) if good and suppressed <= demand.most_suppressed else None


value = st.integers(0, 7)
rows_of_tables = st.lists(
    st.tuples(value, value, value, st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=40
)


@settings(max_examples=60, deadline=None)
@given(rows_of_tables, st.integers(2, 4), st.sampled_from([None, 2, 3]), st.sampled_from([0.0, 0.1, 0.4]))
def test_the_search_finds_what_trying_every_node_finds(
    rows: list[Row], k: int, diversity: int | None, share: float
) -> None:
    demand = Demand(k, diversity, int(share * len(rows)))
    search, every = search_over(rows, demand), search_over(rows, demand)
    best: Outcome | None = None
    for node in product(range(4), range(2), range(4)):
        found, expected = every._judge(node), by_hand(rows, demand, node)
        assert (found and (found.suppressed_rows, found.classes)) == expected
        if found and (best is None or found.loss < best.loss):
            best = found
    result = search.run()
    assert (result is None) == (best is None)
    if result and best:
        assert search.proved
        assert result.loss == pytest.approx(best.loss, abs=1e-12)
        assert by_hand(rows, demand, result.node) == (result.suppressed_rows, result.classes)
        assert result.loss >= search.bound(result.node) - 1e-12


@settings(max_examples=40, deadline=None)
@given(rows_of_tables, st.integers(2, 4), st.sampled_from([None, 2]), st.sampled_from([0.0, 0.4]))
def test_every_loss_is_what_its_definition_says_and_the_search_proves_its_least(
    rows: list[Row], k: int, diversity: int | None, share: float
) -> None:
    demand = Demand(k, diversity, int(share * len(rows)))
    nodes = list(product(range(4), range(2), range(4)))
    for measure in LOSSES[1:]:
        every = search_over(rows, demand, measure)
        found = {node: every._judge(node) for node in nodes}
        least = min((outcome.loss for outcome in found.values() if outcome), default=None)
        for node, outcome in found.items():
            if outcome is not None:
                assert outcome.loss == pytest.approx(losses_by_hand(rows, demand, node)[measure], abs=1e-9)
                # neither the bound nor the floor of a node is passed by anything at or above it
                for below in product(*(range(level + 1) for level in node)):
                    assert every.bound(below) <= outcome.loss + 1e-9
        search = search_over(rows, demand, measure)
        result = search.run()
        assert (result and result.loss) == (least and pytest.approx(least, abs=1e-12))
        assert result is None or search.proved


def random_rows(count: int, seed: int) -> list[Row]:
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, (8, 8, 8, 1, 3), (count, 5))
    return [(int(a), int(b), int(c), i, int(s)) for i, (a, b, c, _, s) in enumerate(drawn)]


def test_a_search_cut_short_still_finds_a_good_node(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(60, seed=3)
    demand = Demand(4, 2, 3)
    monkeypatch.setattr(lattice, "MOST_VISITS", 2)
    search = search_over(rows, demand)
    result = search.run()
    assert result is not None
    assert not search.proved
    assert by_hand(rows, demand, result.node) == (result.suppressed_rows, result.classes)
    assert result.loss < 1


def test_a_small_cache_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(200, seed=5)
    expected = search_over(rows, Demand(4, 2, 10)).run()
    monkeypatch.setattr(lattice, "_MOST_CACHED", 0)
    assert search_over(rows, Demand(4, 2, 10)).run() == expected


def test_many_wide_columns_do_not_overflow_the_key() -> None:
    codes = np.zeros((9, 3), dtype=np.uint16)
    codes[:, 1:] = 999
    codes[0, 2] = 998  # 1000^9 combinations pass 2^63
    keys = combine(codes)
    assert len(np.unique(keys)) == 3
    codes[0, 2] = 999
    assert len(np.unique(combine(codes))) == 2
