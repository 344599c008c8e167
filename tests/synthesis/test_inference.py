"""Inference against the full joint table; sampling by counts."""

from __future__ import annotations

from functools import reduce
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.synthesis.cliques import Clique, CliqueTree, clique_tree
from synth_assets.synthesis.inference import Calibrated, Floats, Joint, beliefs, expand, marginal, spread

SIZES = [2, 3, 2, 4, 1, 3]
NODES: Clique = tuple(range(len(SIZES)))
groups = st.lists(st.sets(st.integers(0, 5), min_size=1, max_size=3), max_size=7)


def _case(groups: list[set[int]], seed: int) -> tuple[CliqueTree, list[Floats], Floats]:
    """A tree, random potentials with some impossible cells, and the joint table by brute force."""
    tree = clique_tree(SIZES, groups)
    rng = np.random.default_rng(seed)
    potentials = [rng.normal(0, 3, tree.shape(clique)) for clique in tree.cliques]
    next(potential for potential in potentials if potential.size > 1).flat[-1] -= 2000
    parts = zip(tree.cliques, potentials, strict=True)
    total = reduce(np.add, (spread(potential, clique, NODES) for clique, potential in parts), np.zeros(SIZES))
    return tree, potentials, np.exp(total)


def _over(joint: Floats, wanted: Clique) -> Floats:
    return marginal(joint, NODES, wanted)


@given(groups, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_beliefs_are_the_marginals_of_the_joint_table(groups: list[set[int]], seed: int) -> None:
    tree, potentials, joint = _case(groups, seed)
    tables, log_mass = beliefs(tree, potentials)
    assert log_mass == pytest.approx(np.log(joint.sum()))
    for clique, table in zip(tree.cliques, tables, strict=True):
        np.testing.assert_allclose(table, _over(joint, clique) / joint.sum(), atol=1e-12)


@given(groups, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_marginal_is_told(groups: list[set[int]], seed: int) -> None:
    tree, potentials, joint = _case(groups, seed)
    calibrated = Calibrated(tree, beliefs(tree, potentials)[0])
    for size in (1, 2, 3):
        for wanted in combinations(NODES, size):
            np.testing.assert_allclose(calibrated.marginal(wanted), _over(joint, wanted) / joint.sum(), atol=1e-12)


def test_a_clique_tree_samples_its_joint_table() -> None:
    """A triangle and a tail: 10,000 rows differ from expected counts by rounding alone."""
    tree = clique_tree([2, 3, 2, 2], [(0, 1, 2), (1, 3), (2, 3)])
    rng = np.random.default_rng(5)
    tables, _ = beliefs(tree, [rng.normal(0, 1, tree.shape(clique)) for clique in tree.cliques])
    drawn = Joint.of(tree, tables).sample(10_000, rng)
    for clique, table in zip(tree.cliques, tables, strict=True):
        counts = np.zeros(table.shape)
        np.add.at(counts, tuple(drawn[node] for node in clique), 1)
        assert np.abs(counts - 10_000 * table).max() < 12
    assert [codes.size for codes in Joint.of(tree, tables).sample(0, rng)] == [0] * 4


def test_an_impossible_separator_leaves_all_equally_likely() -> None:
    tree = CliqueTree((2, 2), ((0, 1),), (-1,))
    joint = Joint.of(tree, [np.array([[0.5, 0.5], [0, 0]])])
    assert joint.conditionals[0].tolist() == [[0.5, 0.5, 0, 0]]
    chain = Joint.of(
        CliqueTree((2, 2, 2), ((0, 1), (1, 2)), (-1, 0)),
        [np.array([[0.5, 0], [0.5, 0]]), np.array([[0.9, 0.1], [0, 0]])],
    )
    assert chain.conditionals[1].tolist() == [[0.9, 0.1], [0.5, 0.5]]


def test_counts_are_rounded_expectations() -> None:
    given_ = np.repeat([0, 2], [10, 7])
    drawn = expand(given_, np.array([[0.5, 0.25, 0.25], [1, 0, 0], [0, 0, 1.0]]), np.random.default_rng(2))
    assert np.bincount(drawn[:10], minlength=3)[0] == 5
    assert set(np.bincount(drawn[:10], minlength=3)[1:]) <= {2, 3}
    assert (drawn[10:] == 2).all()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_rounding_is_unbiased_in_every_row(place: int) -> None:
    """The mean of 4,000 draws of 1 row with chance 0.3; false alarm below 1e-6 (5 standard deviations)."""
    rng = np.random.default_rng(3)
    conditional = np.tile([0.3, 0.7], (3, 1))
    share = np.mean([expand(np.arange(3), conditional, rng)[place] == 0 for _ in range(4000)])
    assert abs(share - 0.3) < 5 * np.sqrt(0.21 / 4000)
