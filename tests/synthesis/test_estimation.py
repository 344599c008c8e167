"""Estimation against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from synth_assets.synthesis.cliques import Clique
from synth_assets.synthesis.estimation import Estimate, Floats, Noisy
from synth_assets.synthesis.inference import marginal


def _noisy(nodes: Clique, counts: Floats, variance: float = 1.0) -> Noisy:
    return Noisy(nodes, counts, np.full(counts.shape, variance))


def _fitted(singles: list[Noisy], more: list[Noisy], total: float) -> Estimate:
    model = Estimate.of_singles(singles, total)
    for noisy in more:
        model.add(noisy)
    model.fit()
    return model


def _told(model: Estimate, nodes: Clique) -> Floats:
    place = model.tree.holder(nodes)
    assert place is not None
    return marginal(model.tables[place], model.tree.cliques[place], nodes)


@pytest.mark.parametrize("groups", [[(0, 1), (1, 2)], [(0, 1), (1, 2), (2, 3), (0, 3)], [(0, 1, 2), (2, 3)]])
def test_consistent_marginals_are_reproduced(groups: list[Clique]) -> None:
    full = np.random.default_rng(4).random((3, 2, 4, 2)) * 1000

    def over(nodes: Clique) -> Noisy:
        return _noisy(nodes, marginal(full, (0, 1, 2, 3), nodes))

    model = _fitted([over((i,)) for i in range(4)], [over(nodes) for nodes in groups], float(full.sum()))
    assert model.steps < 400
    for nodes in groups:
        np.testing.assert_allclose(_told(model, nodes) * full.sum(), over(nodes).counts, atol=full.sum() * 1e-3)
    assert sum(table.sum() for table in model.tables) == pytest.approx(len(model.tables))


def test_noisy_marginals_become_a_distribution() -> None:
    """The nearest distribution to (-50, 60, 50) of 100 rows is (0, 55, 45)."""
    model = _fitted([_noisy((0,), np.array([-50.0, 60, 50])), _noisy((1,), np.array([100.0, -3]))], [], 100)
    assert _told(model, (0,)) == pytest.approx([0, 0.55, 0.45], abs=1e-2)
    assert _told(model, (1,)) == pytest.approx([1, 0], abs=2e-2)


def test_precise_measurements_outweigh_vague_ones() -> None:
    vague = [_noisy((i,), np.array([50.0, 50]), 1e6) for i in range(2)]
    model = _fitted(vague, [_noisy((0, 1), np.array([[40.0, 0], [0, 60]]))], 100)
    assert _told(model, (0, 1)) == pytest.approx(np.array([[0.4, 0], [0, 0.6]]), abs=1e-2)


def test_two_measurements_are_averaged_by_their_precision() -> None:
    """600 of 1000 with variance 1 and 400 with variance 3 make 550."""
    first, second = np.array([600.0, 400]), np.array([400.0, 600])
    model = _fitted([_noisy((0,), first)], [_noisy((0,), second, 3.0)], 1000)
    assert _told(model, (0,)) == pytest.approx([0.55, 0.45], abs=1e-3)


def test_an_empty_table_has_a_distribution() -> None:
    singles = [_noisy((0,), np.zeros(3)), _noisy((1,), np.array([-4.0]))]
    model = _fitted(singles, [_noisy((0, 1), np.zeros((3, 1)))], 0.0)
    assert all(table.sum() == pytest.approx(1) for table in model.tables)


def test_more_measurements_start_from_the_fit_before() -> None:
    rng = np.random.default_rng(1)
    counts = rng.random((5, 5)) * 100
    singles = [_noisy((0,), counts.sum(1)), _noisy((1,), counts.sum(0))]
    model = _fitted(singles, [_noisy((0, 1), counts)], float(counts.sum()))
    before = _told(model, (0, 1))
    model.fit()
    assert model.steps == 0
    np.testing.assert_array_equal(_told(model, (0, 1)), before)
