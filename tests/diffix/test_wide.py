from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from synth_assets.diffix.clustering import Cluster, _Plan, choose_clusters
from synth_assets.diffix.dependence import dependence, entropy
from synth_assets.diffix.parameters import Clustering
from synth_assets.diffix.stitching import Microtable, stitch
from synth_assets.synthesis.diffix import Diffix

from .tables import SALT, forest

RNG = np.random.default_rng(4)


def micro(**columns: np.ndarray) -> Microtable:
    return {int(name[1:]): (values.astype(float), values.astype(float)) for name, values in columns.items()}


def test_dependence_by_hand() -> None:
    x = np.repeat([0.0, 1.0], 100)
    free = np.tile([0.0, 1.0], 100)
    made = forest(x, x, free)
    # Of equal columns, the cells off the diagonal are empty (1 each) and those on it hold twice what is expected (1/2);
    # 50 are expected in each, from which independent columns would be off by sqrt(2 / pi * 50) on average.
    chance = np.sqrt(2 / np.pi * 50)
    assert dependence(made, 0, 1) == pytest.approx(0.75 - chance * (1 / 50 + 1 / 100) / 2)
    assert dependence(made, 0, 2) == pytest.approx(0.0)
    assert entropy(made.tree((0,))) == pytest.approx(1.0)


def test_four_columns_are_one_cluster_and_dependent_ones_stay_together() -> None:
    base = [RNG.integers(0, 4, 600).astype(float) for _ in range(3)]
    made = forest(*base[:2], base[0], base[1])
    assert choose_clusters(made, Clustering(), None) == (Cluster(columns=(0, 1, 2, 3)),)
    six = forest(base[0], base[1], base[2], base[0], base[1], base[2])
    for target in (None, 2):
        clusters = choose_clusters(six, Clustering(), target)
        for pair in ((0, 3), (1, 4), (2, 5)):
            assert any(set(pair) <= set(cluster.columns) for cluster in clusters)
        assert set().union(*(cluster.columns for cluster in clusters)) == set(range(6))
        assert all(set(c.stitch) < set(c.columns) for c in clusters)
    assert all(2 in cluster.columns for cluster in clusters)


def test_a_later_cluster_adds_one_column_to_known_ones() -> None:
    columns = [RNG.integers(0, 9, 2000).astype(float)]
    for _ in range(6):
        columns.append(columns[-1] + RNG.integers(0, 2, 2000))
    rule = Clustering(weight=9)
    clusters = choose_clusters(forest(*columns), rule, None)
    known = set(clusters[0].columns)
    for cluster in clusters[1:]:
        assert set(cluster.stitch) <= known
        assert len(set(cluster.columns) - known) == 1
        known |= set(cluster.columns)
    assert known == set(range(7))


def test_who_tells_the_same_twice_comes_second() -> None:
    """Of two parents that are one, and a third that tells less, the third is chosen beside either."""
    links = np.eye(4)
    for a, b, link in ((0, 1, 0.9), (0, 3, 0.5), (1, 3, 0.5), (2, 3, 0.3), (0, 2, 0.1), (1, 2, 0.1)):
        links[a, b] = links[b, a] = link
    plan = _Plan(links, np.full(4, 4.0), np.ones(4), Clustering(weight=12))
    assert plan._beside(3, [0, 1, 2], None).columns == (0, 2, 3)


def test_stitching_puts_equal_values_side_by_side() -> None:
    shared = np.repeat(np.arange(16), 10)
    left = micro(c0=shared, c1=shared * 2)
    right = micro(c0=RNG.permutation(shared), c2=np.zeros(160))
    right[2] = (right[0][0] * 3, right[0][0] * 3)
    clusters = [Cluster(columns=(0, 1)), Cluster(columns=(0, 2), stitch=(0,))]
    joined = stitch(clusters, [left, right], [(0.0, 16.0)] * 3, [True] * 3, 160, RNG)
    assert (joined[1][1] == joined[0][1] * 2).all()
    assert (joined[2][1] == joined[0][1] * 3).all()
    assert sorted(joined[0][1]) == sorted(shared)


def test_the_table_that_is_there_keeps_its_values() -> None:
    left = micro(c0=np.repeat([0, 8], [30, 10]), c1=np.arange(40))
    right = micro(c0=np.repeat([0, 8], [20, 20]), c2=np.repeat([5, 6], [20, 20]))
    clusters = [Cluster(columns=(0, 1)), Cluster(columns=(0, 2), stitch=(0,))]
    joined = stitch(clusters, [left, right], [(0.0, 16.0)] * 3, [True] * 3, 40, RNG)
    assert sorted(joined[1][1]) == list(range(40))
    assert (joined[0][1] == 0).sum() == 30


def test_tables_without_a_shared_column_are_shuffled_together() -> None:
    left, right = micro(c0=np.arange(50)), micro(c1=np.arange(30))
    joined = stitch(
        [Cluster(columns=(0,)), Cluster(columns=(1,))], [left, right], [(0.0, 64.0)] * 2, [True] * 2, 70, RNG
    )
    assert len(joined[0][0]) == len(joined[1][0]) == 70
    assert set(joined[1][1]) == set(range(30))


def test_a_wide_table_keeps_what_hangs_together() -> None:
    n, draw = 4000, np.random.default_rng(0)
    group = draw.integers(0, 3, n)
    frame = pd.DataFrame({f"c{i}": (group + draw.integers(0, 2, n)) * (i + 1) for i in range(7)})
    frame["label"] = np.where(group == 2, "yes", "no")
    for target, loose in ((None, 0.1), ("label", 0.25)):  # with a target, what hangs together without it may come apart
        made = Diffix(target=target).fit(frame, salt=SALT).sample(rng=np.random.default_rng(0))
        assert abs(len(made) - n) < 50
        real, synthetic = (t["c0"].corr((t["label"] == "yes").astype(float)) for t in (frame, made))
        assert abs(real - synthetic) < 0.1
        assert abs(frame["c1"].corr(frame["c2"]) - made["c1"].corr(made["c2"])) < loose
