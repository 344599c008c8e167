"""Forests: inference against the full joint table, estimation against known answers, sampling by counts."""

from __future__ import annotations

import numpy as np
import pytest

from synth_assets.synthesis.forest import Edge, Forest, Noisy, estimate, expand, grow


def _joint(forest: Forest, sizes: list[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The whole table, by multiplying the conditionals out."""
    out = np.ones(sizes)
    for index in np.ndindex(*sizes):
        for node, parent in enumerate(forest.parents):
            out[index] *= forest.conditionals[node][index[parent] if parent >= 0 else 0, index[node]]
    return out


def _exact(counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Noisy:
    return Noisy(counts, np.ones_like(counts))


def test_trees_are_grown_from_their_best_connected_node() -> None:
    order, parents = grow(5, [(0, 1), (2, 1), (3, 4)])
    assert parents == (1, -1, 1, -1, 3)
    assert order.index(1) < min(order.index(0), order.index(2))
    assert order.index(3) < order.index(4)


def test_consistent_marginals_are_reproduced() -> None:
    rng = np.random.default_rng(4)
    full = rng.random((3, 2, 4, 2)) * 1000
    pairs: list[Edge] = [(0, 1), (1, 2)]
    singles = [_exact(full.sum(axis=tuple(k for k in range(4) if k != i))) for i in range(4)]
    joint = {(a, b): _exact(full.sum(axis=tuple(k for k in range(4) if k not in (a, b)))) for a, b in pairs}
    forest = estimate(singles, joint, float(full.sum()))
    table = _joint(forest, [3, 2, 4, 2]) * full.sum()
    assert table.sum() == pytest.approx(full.sum())
    for a, b in pairs:
        others = tuple(k for k in range(4) if k not in (a, b))
        assert table.sum(axis=others) == pytest.approx(full.sum(axis=others), rel=0.02, abs=full.sum() * 1e-3)


def test_noisy_marginals_become_a_distribution() -> None:
    forest = estimate([_exact(np.array([-50.0, 60, 50])), _exact(np.array([100.0, -3]))], {}, 100)
    assert forest.conditionals[0][0] == pytest.approx([0, 0.55, 0.45], abs=2e-3)
    assert forest.conditionals[1][0] == pytest.approx([1, 0], abs=2e-2)


def test_precise_measurements_outweigh_vague_ones() -> None:
    vague = Noisy(np.array([50.0, 50]), np.array([1e6, 1e6]))
    sharp = Noisy(np.array([[40.0, 0], [0, 60]]), np.ones((2, 2)))
    forest = estimate([vague, vague], {(0, 1): sharp}, 100)
    assert _joint(forest, [2, 2]) == pytest.approx(np.array([[0.4, 0], [0, 0.6]]), abs=5e-3)


def test_an_empty_table_has_a_distribution() -> None:
    forest = estimate([_exact(np.zeros(3)), _exact(np.array([-4.0]))], {(0, 1): _exact(np.zeros((3, 1)))}, 0.0)
    assert all(np.allclose(c.sum(axis=1), 1) for c in forest.conditionals)


def test_counts_are_rounded_expectations() -> None:
    rng = np.random.default_rng(2)
    given = np.repeat([0, 2], [10, 7])
    drawn = expand(given, np.array([[0.5, 0.25, 0.25], [1, 0, 0], [0, 0, 1.0]]), rng)
    assert np.bincount(drawn[:10], minlength=3)[0] == 5
    assert set(np.bincount(drawn[:10], minlength=3)[1:]) <= {2, 3}
    assert (drawn[10:] == 2).all()


def test_rounding_is_unbiased() -> None:
    """The mean of 4,000 draws of 1 row with chance 0.3; false alarm below 1e-6 (5 standard deviations)."""
    rng = np.random.default_rng(3)
    share = np.mean([expand(np.zeros(1, dtype=np.int64), np.array([[0.3, 0.7]]), rng)[0] == 0 for _ in range(4000)])
    assert abs(share - 0.3) < 5 * np.sqrt(0.21 / 4000)


def test_a_forest_samples_its_joint_table() -> None:
    forest = Forest((1, 0), (1, -1), (np.array([[0.2, 0.8], [1.0, 0.0]]), np.array([[0.5, 0.5]])))
    first, second = forest.sample(1000, np.random.default_rng(1))
    table = np.zeros((2, 2))
    np.add.at(table, (first, second), 1)
    assert table.tolist() == [[100, 500], [400, 0]]
    assert forest.sample(0, np.random.default_rng(1))[0].size == 0
