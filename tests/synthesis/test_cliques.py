"""Clique trees: their rules on random graphs, and two worked by hand."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from synth_assets.synthesis.cliques import CliqueTree, clique_tree, tree_cells


def test_a_chain_is_its_own_tree() -> None:
    tree = clique_tree([2, 3, 4, 5], [(0, 1), (1, 2)])
    assert set(tree.cliques) == {(0, 1), (1, 2), (3,)}
    assert sorted(tree.separators) == [(), (), (1,)]
    assert tree.cells == 6 + 12 + 5
    assert tree.holder((2,)) == tree.cliques.index((1, 2))
    assert tree.holder((0, 3)) is None


def test_a_square_gets_the_cheaper_diagonal_or_any_of_equal_fill() -> None:
    tree = clique_tree([2, 9, 2, 9], [(0, 1), (1, 2), (2, 3), (0, 3)])
    assert set(tree.cliques) == {(0, 1, 2), (0, 2, 3)}
    assert tree.separators == ((), (0, 2))


def _holds_its_rules(tree: CliqueTree) -> None:
    """Running intersection: what a clique shares with those before it lies in its separator."""
    before: set[int] = set()
    for clique, parent, separator in zip(tree.cliques, tree.parents, tree.separators, strict=True):
        assert before & set(clique) == set(separator)
        assert parent < len(tree.cliques)
        before |= set(clique)
    assert before == set(range(len(tree.sizes)))
    assert not any(set(a) <= set(b) or set(b) <= set(a) for a, b in combinations(tree.cliques, 2))


groups = st.lists(st.sets(st.integers(0, 7), min_size=1, max_size=3), max_size=12)


@given(groups, st.lists(st.integers(1, 5), min_size=8, max_size=8))
@settings(max_examples=100, deadline=None)
def test_every_group_lies_in_a_clique_of_a_proper_tree(groups: list[set[int]], sizes: list[int]) -> None:
    tree = clique_tree(sizes, groups)
    _holds_its_rules(tree)
    assert all(tree.holder(group) is not None for group in groups)
    assert tree.cells == tree_cells(sizes, groups)
