"""The method ``mst``: a tree of noisy pairs of columns.

McKenna, Miklau and Sheldon 2021, "Winning the NIST Contest: A scalable and general approach to differentially private
synthetic data" (Journal of Privacy and Confidentiality 11:3), with three departures: cells on a scale are merged with
their neighbours; a pair's score is reduced by the error that its own measurement would bring (as in AIM, McKenna et al.
2022); whatever the domain leaves open is learned out of the same budget.
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
from synth_assets.synthesis.allowance import FIXED_POINT, Allowance
from synth_assets.synthesis.assembly import assemble, independent_model
from synth_assets.synthesis.base import Delta, Epsilon, Guarantee, Synthesizer, allowance_for
from synth_assets.synthesis.compression import Compressed, compress
from synth_assets.synthesis.estimation import Noisy
from synth_assets.synthesis.learning import declared, learn
from synth_assets.synthesis.marginals import MAX_CELLS, SmallCodes, count_pair
from synth_assets.synthesis.model import Model
from synth_assets.synthesis.table import Rows

SINGLES = Fraction(3, 10)
SELECTION = Fraction(1, 10)
PAIRS = Fraction(6, 10)
GROUP_NOISE = 4.0
"""A group of cells holds about this many standard deviations of a pair's noise, at least."""


Floats = NDArray[np.float64]
Edge = tuple[int, int]


class MST(Synthesizer):
    """A maximum spanning tree of pairs, chosen and measured with noise, then sampled.

    Of the budget (rho, or epsilon where ``delta`` is 0) three tenths measure single columns, one tenth chooses the tree
    and six tenths measure its pairs; a table of one column spends all on that.
    """

    guarantee: ClassVar[Guarantee] = "differential_privacy"
    method: Literal["mst"] = "mst"
    epsilon: Epsilon
    delta: Delta = 1e-9

    def cost(self) -> tuple[float, float]:
        """Its parameters."""
        return self.epsilon, self.delta

    def _fit(self, rows: Rows, domain: Domain, source: NoiseSource, rows_per_unit: int) -> Model:
        known = declared(rows, domain)
        allowance = allowance_for(self.cost(), rows, known, source, rows_per_unit)
        links = len(known) - 1
        learned = learn(rows, known, allowance, SINGLES if links else Fraction(1))
        noise = allowance.variance(PAIRS / links) ** 0.5 if links else 0.0
        compressed = [compress(column, GROUP_NOISE * noise) for column in learned.columns]
        codes = [_grouped(column, c) for column, c in zip(learned.codes, compressed, strict=True)]
        estimate = independent_model(learned, compressed)
        for noisy in _measure_tree(codes, compressed, learned.total, allowance):
            estimate.add(noisy)
        return assemble(self.method, learned, compressed, estimate, allowance)


def _grouped(codes: SmallCodes, compressed: Compressed) -> SmallCodes:
    return compressed.group_of.astype(np.uint16)[codes]


def _measure_tree(
    codes: Sequence[SmallCodes], compressed: Sequence[Compressed], total: float, allowance: Allowance
) -> list[Noisy]:
    """Choose a spanning tree, edge by edge, and measure its pairs."""
    sizes = [groups.size for groups in compressed]
    candidates = [(a, b) for a, b in combinations(range(len(sizes)), 2) if sizes[a] * sizes[b] <= MAX_CELLS]
    if not candidates:
        return []
    links = len(sizes) - 1
    deviation = allowance.variance(PAIRS / links) ** 0.5
    shares = [_shares(groups) for groups in compressed]
    scores = np.array(
        [
            _score(count_pair(codes[a], codes[b], (sizes[a], sizes[b])), np.outer(shares[a], shares[b]) * total)
            - round(FIXED_POINT * deviation * np.sqrt(2 / np.pi) * sizes[a] * sizes[b])
            for a, b in candidates
        ],
        dtype=np.int64,
    )
    pairs: list[Noisy] = []
    for a, b in _choose_tree(candidates, scores, links, allowance):
        counts = count_pair(codes[a], codes[b], (sizes[a], sizes[b]))
        noisy = allowance.measure(counts, PAIRS / links, f"pair {len(pairs) + 1}")
        pairs.append(Noisy((a, b), noisy.astype(np.float64), np.full(counts.shape, deviation**2)))
    return pairs


def _shares(groups: Compressed) -> Floats:
    """The noisy marginal as shares, for the independent estimate."""
    counts = np.maximum(groups.counts, 0)
    return counts / counts.sum() if counts.sum() > 0 else np.full(groups.size, 1 / groups.size)


def _score(counts: Integers, guess: Floats) -> int:
    """The L1 distance of the counts from a public guess, in rows times FIXED_POINT, exactly.

    The guess is rounded before rows are compared with it, so that one row moves the distance by one row at the most.
    """
    return int(np.abs(counts * FIXED_POINT - np.rint(guess * FIXED_POINT).astype(np.int64)).sum())


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
