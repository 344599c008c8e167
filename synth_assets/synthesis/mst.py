"""The method ``mst``: a tree of noisy pairs of columns.

McKenna, Miklau and Sheldon 2021, "Winning the NIST Contest: A scalable and general approach to differentially private
synthetic data" (Journal of Privacy and Confidentiality 11:3), with four departures: cells on a scale are merged with
their neighbours; a pair's score is reduced by the error that its own measurement would bring (as in AIM, McKenna et al.
2022); a pair of more cells is measured with a larger part of the budget; whatever the domain leaves open is learned out
of the same budget.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from synth_assets.domain import Domain
from synth_assets.mechanisms import Integers, NoiseSource
from synth_assets.synthesis.allowance import Allowance
from synth_assets.synthesis.assembly import assemble, compressed_columns, independent_model
from synth_assets.synthesis.base import Delta, Epsilon, Guarantee, Synthesizer, allowance_for
from synth_assets.synthesis.compression import Compressed
from synth_assets.synthesis.estimation import Noisy
from synth_assets.synthesis.learning import learn
from synth_assets.synthesis.marginals import MAX_CELLS
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.selection import Table, score
from synth_assets.synthesis.table import Rows
from synth_assets.synthesis.zeros import Zeros, barred_cells, declared_without

SINGLES = Fraction(3, 10)
SINGLES_UNDECLARED = Fraction(4, 10)
"""Where categories have to be found: the share decides which ones stand out."""
SELECTION = Fraction(1, 20)
GROUP_NOISE = 8.0
"""A group of cells holds about this many standard deviations of a pair's noise, at least."""
EVENED = 0.5
"""The part of a measurement's raw noise that is expected to be left after the fit, which evens it out."""
TREE_PULL = 0.1
"""The pull of the fit towards independence; a tree, whose pairs hardly contradict each other, needs little."""

Floats = NDArray[np.float64]
Edge = tuple[int, int]


class MST(Synthesizer):
    """A maximum spanning tree of pairs, chosen and measured with noise, then sampled.

    Of the budget (rho, or epsilon where ``delta`` is 0) three tenths measure single columns, four where categories
    have to be found; a twentieth chooses the tree, and the rest measures its pairs, more of it those of more cells. A
    table of one column spends all on that.

    Attributes:
        zeros: combinations of declared values that cannot occur; see :mod:`~synth_assets.synthesis.zeros`.
    """

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: Literal["mst"] = "mst"
    epsilon: Epsilon
    delta: Delta = 1e-9
    zeros: Zeros = ()

    def cost(self) -> tuple[float, float]:
        """Its parameters."""
        return self.epsilon, self.delta

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        known = declared_without(rows, domain, self.zeros)
        allowance = allowance_for(self.cost(), rows, known, source, rows_per_unit)
        links = len(known) - 1
        singles = SINGLES_UNDECLARED if allowance.hides_categories else SINGLES
        learned = learn(rows, known, allowance, singles if links else Fraction(1))
        noise = allowance.variance(_each(allowance, links)) ** 0.5 if links else 0.0
        barred = barred_cells(rows, self.zeros, learned.columns)
        compressed = compressed_columns(learned, GROUP_NOISE * noise, barred)
        estimate = independent_model(learned, compressed, barred)
        estimate.pull = TREE_PULL
        for noisy in _measure_tree(Table(learned, compressed), compressed, learned.total, allowance):
            estimate.add(noisy)
        return assemble(self.method, learned, compressed, estimate, allowance)


def _each(allowance: Allowance, links: int) -> Fraction:
    """The share of one pair's measurement, before anything is chosen."""
    return (allowance.left - SELECTION) / links


def _measure_tree(table: Table, compressed: Sequence[Compressed], total: float, allowance: Allowance) -> list[Noisy]:
    """Choose a spanning tree, edge by edge, and measure its pairs."""
    candidates = [pair for pair in combinations(range(len(compressed)), 2) if table.cells(pair) <= MAX_CELLS]
    if not candidates:
        return []
    links = len(compressed) - 1
    deviation = allowance.variance(_each(allowance, links)) ** 0.5
    shares = [_shares(groups) for groups in compressed]
    scores = [
        score(table.count((a, b)), np.outer(shares[a], shares[b]) * total, EVENED * deviation) for a, b in candidates
    ]
    tree = _choose_tree(candidates, np.array(scores, dtype=np.int64), links, allowance)
    pairs: list[Noisy] = []
    for pair, share in zip(tree, _divide(allowance.left, [table.cells(pair) for pair in tree]), strict=True):
        variance = allowance.variance(share)
        noisy = allowance.measure(table.count(pair), share, f"pair {len(pairs) + 1}")
        pairs.append(Noisy(pair, noisy.astype(np.float64), np.full(noisy.shape, variance)))
    return pairs


def _divide(share: Fraction, cells: Sequence[int]) -> list[Fraction]:
    """A part of ``share`` for each marginal of so many cells, such that their expected L1 errors add up to the least.

    The error of n cells at a part rho is n times a constant over the root of rho, so that by Lagrange's rule the parts
    go with n to the power of 2/3. How many cells a marginal has is a noisy answer.
    """
    weights = [max(1, round(1000 * count ** (2 / 3))) for count in cells]
    return [share * Fraction(weight, sum(weights)) for weight in weights]


def _shares(groups: Compressed) -> Floats:
    """The noisy marginal as shares, for the independent estimate."""
    counts = np.maximum(groups.counts, 0)
    return counts / counts.sum() if counts.sum() > 0 else np.full(groups.size, 1 / groups.size)


def _choose_tree(candidates: list[Edge], scores: Integers, links: int, allowance: Allowance) -> list[Edge]:
    """Edges of a forest, each chosen by the exponential mechanism among those that join two trees."""
    tree = list(range(links + 1))
    chosen: list[Edge] = []
    for _ in range(links):
        open_ = [k for k, (a, b) in enumerate(candidates) if tree[a] != tree[b]]
        if not open_:
            break
        picked = allowance.choose(scores[open_], SELECTION / links, f"edge {len(chosen) + 1}")
        a, b = candidates[open_[picked]]
        chosen.append((a, b))
        tree = [tree[a] if t == tree[b] else t for t in tree]
    return chosen
