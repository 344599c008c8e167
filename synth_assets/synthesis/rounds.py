"""One round of an adaptive method: choose the marginal that the model is most wrong about, measure it, fit again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

import numpy as np

from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.cliques import Clique, tree_cells
from synth_assets.synthesis.estimation import Estimate, Noisy
from synth_assets.synthesis.selection import Table, score

SELECTION = Fraction(1, 10)
"""The part of a round's share that chooses; the rest measures."""
EVENED = 0.85
"""The part of a measurement's raw noise that is expected to be left after the fit, as the fit evens it out."""
TOLERANCE = 2e-3
"""Fits between rounds need not be as good as the last one; see :data:`~synth_assets.synthesis.estimation.TOLERANCE`."""
CELL_BYTES = 8


def cells_of(megabytes: float) -> float:
    """The cells of tables that take so much memory."""
    return megabytes * 2**20 / CELL_BYTES


def first_deviation(allowance: Allowance, share: Fraction) -> float:
    """The standard deviation of what a round of ``share`` measures, in rows; spends nothing."""
    return math.sqrt(allowance.variance(share * (1 - SELECTION)))


def fitting(estimate: Estimate, table: Table, candidates: Iterable[Clique], most: float, widest: float) -> list[Clique]:
    """The candidates of ``widest`` cells at the most that leave the model with ``most`` cells at the most.

    Those that the model holds already cost nothing.
    """
    tree, groups = estimate.tree, estimate.groups
    alone = {clique[0] for clique in tree.cliques if len(clique) == 1}

    def fits(nodes: Clique) -> bool:
        linked = tuple(node for node in nodes if node not in alone)
        hung_on = len(linked) < len(nodes) and (len(linked) < 2 or tree.holder(linked) is not None)
        if hung_on and tree.cells + table.cells(nodes) <= most:
            return True  # one more table on the tree: no need to build it
        return tree.holder(nodes) is not None or tree_cells(tree.sizes, [*groups, nodes]) <= most

    return [nodes for nodes in candidates if table.cells(nodes) <= widest and fits(nodes)]


def take_round(
    estimate: Estimate, table: Table, allowance: Allowance, share: Fraction, weights: Mapping[Clique, float]
) -> tuple[Clique, bool]:
    """Choose among the candidates in ``weights``, measure and fit, for ``share`` of the budget.

    Returns the marginal and whether the model moved by more than noise alone would move it.
    """
    paid = share * (1 - SELECTION)
    variance = allowance.variance(paid)
    deviation = math.sqrt(variance)
    model = estimate.calibrated()
    candidates = list(weights)
    guesses = {nodes: model.marginal(nodes) * estimate.total for nodes in candidates}
    scores = [score(table.count(nodes), guesses[nodes], EVENED * deviation, weights[nodes]) for nodes in candidates]
    turn = len(estimate.measured) - len(estimate.sizes) + 1
    picked = allowance.choose(np.array(scores, dtype=np.int64), share * SELECTION, f"choice {turn}")
    nodes = candidates[picked]
    noisy = allowance.measure(table.count(nodes), paid, f"marginal {turn}").astype(np.float64)
    estimate.add(Noisy(nodes, noisy, np.full(noisy.shape, variance)))
    estimate.fit(TOLERANCE)
    moved = float(np.abs(estimate.calibrated().marginal(nodes) * estimate.total - guesses[nodes]).sum())
    return nodes, moved > math.sqrt(2 / math.pi) * deviation * noisy.size
