"""What docs/diffix.md says holds, on any small table."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.diffix.forest import Forest
from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.parameters import Anonymization
from synth_assets.synthesis.diffix import Diffix

from .tables import EVERYTHING, SALT, forest

rows = st.lists(
    st.tuples(
        st.integers(0, 12), st.sampled_from([-3.5, 0.0, 0.25, 1.0, 7.0, 900.0, float("nan")]), st.integers(1, 30)
    ),
    min_size=4,
    max_size=80,
)
many = st.booleans()


def grown(table: list[tuple[int, float, int]], several: bool, noisy: bool = True) -> tuple[Forest, np.ndarray]:
    data = np.array(table, dtype=float)
    units = data[:, 2].astype(int) if several else np.arange(1, len(data) + 1)
    rule = Anonymization() if noisy else Anonymization(noise_sd=0)
    return forest(
        data[:, 0], data[:, 1], units=[units], rule=rule, rules=EVERYTHING, rows_per_unit=99 if several else 1
    ), units


@given(rows, many)
@settings(max_examples=30, deadline=None)
def test_no_bucket_of_fewer_than_three_units_is_shown(table: list[tuple[int, float, int]], several: bool) -> None:
    made, units = grown(table, several)
    data = np.array(table, dtype=float)
    for columns in ((0,), (1,), (0, 1)):
        found = harvest(made, columns)
        positions = np.stack(
            [np.where(np.isnan(data[:, c]), made.encoded.scales[c].null, data[:, c]) for c in columns], axis=1
        )
        for bucket, count in zip(found.bucket, found.count, strict=True):
            if count == 0 or found.length[bucket] != 1:
                continue
            low, high = found.low[found.start[bucket]], found.high[found.start[bucket]]
            tree = made.tree(columns)
            edges = (low <= tree.low[0]) | (high >= tree.high[0])
            inside = ((positions >= low) & ((positions < high) | (low == high) & (positions == low))).all(axis=1)
            if not edges.any() or (low == high).all():
                assert len(set(units[inside].tolist())) >= 3


@given(rows, many)
@settings(max_examples=30, deadline=None)
def test_every_single_value_that_is_shown_belongs_to_three_units(
    table: list[tuple[int, float, int]], several: bool
) -> None:
    made, units = grown(table, several)
    data = np.array(table, dtype=float)
    for columns in ((0,), (1,), (0, 1)):
        found = harvest(made, columns)
        for place, column in enumerate(columns):
            alone = found.low[:, place] == found.high[:, place]
            for value in np.unique(found.low[alone, place]):
                having = np.where(np.isnan(data[:, column]), made.encoded.scales[column].null, data[:, column]) == value
                assert len(set(units[having].tolist())) >= 3


@given(rows, st.integers(0, 12), st.sampled_from([0.0, 0.25, 7.0, 900.0]), many)
@settings(max_examples=30, deadline=None)
def test_one_more_unit_changes_no_bucket_that_it_is_not_in(
    table: list[tuple[int, float, int]], x: int, y: float, several: bool
) -> None:
    compare_with_one_more(table, (x, y, 77 if several else len(table) + 1), several)


def test_one_more_unit_leaves_most_of_a_large_table_alone() -> None:
    rng = np.random.default_rng(0)
    table = [(int(a), float(b), int(c)) for a, b, c in rng.integers([0, 0, 1], [13, 9, 60], (2000, 3))]
    for several in (False, True):
        assert compare_with_one_more(table, (5, 3.0, 77 if several else 2001), several) > 60


def compare_with_one_more(table: list[tuple[int, float, int]], row: tuple[int, float, int], several: bool) -> int:
    """Hold every node that the stranger of ``row`` is not in against the same node without it; how many there are."""
    before, after = grown(table, several), grown([*table, row], several)
    compared = 0
    for columns in ((0,), (1,), (0, 1)):
        known = answers(before[0], columns, table, several)
        for key, answer in answers(after[0], columns, [*table, row], several).items():
            if row[2] not in key[-1] and key in known:
                assert known[key] == answer
                compared += 1
    return compared


def answers(
    made: Forest, columns: tuple[int, ...], table: list[tuple[int, float, int]], several: bool
) -> dict[Any, Any]:
    """Verdict and count of every node by its intervals, its single values and its units."""
    tree = made.tree(columns)
    owners: dict[tuple[float, ...], set[int]] = {}
    for number, (x, y, unit) in enumerate(table, 1):
        cell = float(x), made.encoded.scales[1].null if np.isnan(y) else y
        owners.setdefault(cell, set()).add(unit if several else number)
    positions = [scale.positions[codes] for scale, codes in zip(made.encoded.scales, made.encoded.codes, strict=True)]
    cells = np.stack(positions, axis=1)[tree.atoms]
    low, high = tree.shown
    found = {}
    for node in range(tree.size):
        held = {tuple(cell) for cell in cells[tree.starts[node] : tree.ends[node]].tolist()}
        inside = frozenset[int]().union(*(owners[cell] for cell in held))
        key = (*low[node].tolist(), *high[node].tolist(), inside)
        found[key] = (bool(tree.passes[node]), int(tree.counts[node]))
    return found


texts = st.lists(
    st.tuples(st.sampled_from(["flu", "flu B", "flu B*3", "cold", "c", ""]), st.text("ab*01", max_size=4)),
    min_size=6,
    max_size=60,
)


@given(texts, st.integers(0, 3))
@settings(max_examples=15, deadline=None)
def test_a_text_that_one_unit_has_never_appears(pairs: list[tuple[str, str]], salt: int) -> None:
    frame = pd.DataFrame({"common": [a for a, _ in pairs], "rare": [f"{a}{b}" for a, b in pairs]})
    frame = pd.concat([frame] * 2, ignore_index=True)
    frame["who"] = list(range(len(pairs))) * 2
    model = Diffix().fit(frame, units="who", rows_per_unit=2, salt=bytes([salt]) * 16)
    sampled = model.sample(400, rng=np.random.default_rng(salt))
    for column in ("common", "rare"):
        owners = frame.groupby(column)["who"].nunique()
        few = set(owners[owners < 3].index)
        assert not few & set(sampled[column].dropna())


@given(texts, st.sampled_from(["combinations", "wide", "target"]), st.integers(3, 8), st.integers(0, 3))
@settings(max_examples=12, deadline=None)
def test_nor_does_it_in_any_of_many_tables_or_in_a_wide_one(
    pairs: list[tuple[str, str]], kind: str, least: int, salt: int
) -> None:
    """Neither the text nor the value of fewer units than asked for, whichever trees a row comes from."""
    rng = np.random.default_rng(salt)
    frame = pd.DataFrame({"common": [a for a, _ in pairs], "rare": [f"{a}{b}" for a, b in pairs]})
    frame["number"] = rng.choice([0.5, 2.0, 7.25, 900.0], len(frame), p=[0.5, 0.4, 0.05, 0.05])
    if kind != "combinations":
        frame["flag"], frame["size"] = rng.integers(0, 2, len(frame)), rng.integers(0, 5, len(frame))
    frame = pd.concat([frame] * 2, ignore_index=True)
    frame["who"] = list(range(len(pairs))) * 2
    method = Diffix(
        least_units=least,
        combinations=2 if kind == "combinations" else None,
        target="common" if kind == "target" else None,
    )
    model = method.fit(frame, units="who", rows_per_unit=2, salt=bytes([salt]) * 16)
    sampled = model.sample(300, rng=rng)
    for column in ("common", "rare"):
        owners = frame.groupby(column)["who"].nunique()
        assert not set(owners[owners < least].index) & set(sampled[column].dropna())
    place = list(frame).index("number")
    owners = frame.groupby("number")["who"].nunique()
    for cluster, part in zip(model._bucket_facts.clusters, model._parts, strict=True):
        if place in cluster.columns:
            k = cluster.columns.index(place)
            alone = part.low[:, k] == part.high[:, k]
            assert all(owners[value] >= least for value in np.unique(part.low[alone, k]))


def test_a_rare_suffix_stays_with_its_owner() -> None:
    names = ["ward nine"] * 40 + ["ward nine, room of J. Roe"] + [f"ward {w}" for w in ("one", "two", "six")] * 20
    frame = pd.DataFrame({"ward": names, "sex": ["f", "m"] * 50 + ["f"], "age": [20, 30, 40, 50] * 25 + [99]})
    for method, table in ((Diffix(), frame[["ward"]]), (Diffix(combinations=2), frame)):
        model = method.fit(table, salt=SALT)
        assert not [text for text in model.sample(2000)["ward"].dropna() if "Roe" in text]


def test_same_rows_same_salt_same_buckets_in_any_order() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=400).round(1), "t": rng.choice(list("abcde"), 400), "u": range(400)})
    mixed = frame.sample(frac=1, random_state=1)
    relation = duckdb.from_df(mixed)
    models = [Diffix().fit(table, units="u", salt=SALT) for table in (frame, mixed, relation)]
    other = Diffix().fit(frame, units="u", salt=bytes(16))
    same, others = (
        [[(part.low.tolist(), part.high.tolist(), part.rows.tolist()) for part in m._parts] for m in group]
        for group in (models, [other])
    )
    assert same[0] == same[1] == same[2]
    assert same[0] != others[0]


def test_a_pair_is_the_same_whichever_column_comes_first() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 300), rng.integers(0, 4, 300)
    one = Diffix().fit(pd.DataFrame({"x": x, "y": y, "u": range(300)}), units="u", salt=SALT)
    two = Diffix().fit(pd.DataFrame({"y": y, "x": x, "u": range(300)}), units="u", salt=SALT)
    counts = [
        dict(zip(((a, b) for a, b in part.low[:, order].tolist()), part.rows.tolist(), strict=True))
        for part, order in ((one._parts[0], [0, 1]), (two._parts[0], [1, 0]))
    ]
    assert abs(sum(counts[0].values()) - sum(counts[1].values())) == 0
    shared = set(counts[0]) & set(counts[1])
    assert len(shared) >= 20
    assert all(abs(counts[0][cell] - counts[1][cell]) <= 1 for cell in shared)


def test_sub_combinations_share_their_trees() -> None:
    made = forest([1.0, 2.0] * 20, [1.0] * 40, [1.0, 2.0, 3.0, 4.0] * 10)
    for pair in combinations(range(3), 2):
        made.tree(pair)
    assert made.tree((0, 1, 2)) is made.tree((0, 1, 2))
    assert made.grounds((0, 1, 2))[0] is made.tree((0, 1))
