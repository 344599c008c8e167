"""From noisy marginals to a model: estimation, and what the mechanism knows of its own error."""

from __future__ import annotations

from collections.abc import Sequence

from synth_assets.synthesis.allowance import Allowance, expected_error
from synth_assets.synthesis.compression import Compressed, compress
from synth_assets.synthesis.estimation import Estimate, Noisy
from synth_assets.synthesis.learning import Learned
from synth_assets.synthesis.model import Facts, MarginalError, Model
from synth_assets.synthesis.zeros import Barred, kinds, over_groups

MOST_ROWS = 20_000_000
"""A noisy count has no upper end: however it came out, no more rows than this are sampled, unless asked for."""


def compressed_columns(learned: Learned, target: float, barred: Sequence[Barred]) -> list[Compressed]:
    """The columns' cells in groups of ``target`` rows, none across the border of a zero."""
    return [compress(column, target, kinds(barred, i, len(column.counts))) for i, column in enumerate(learned.columns)]


def independent_model(learned: Learned, compressed: Sequence[Compressed], barred: Sequence[Barred]) -> Estimate:
    """The estimate that knows the columns' own marginals, over groups of cells, and what cannot occur."""
    singles = [Noisy((i,), groups.counts, groups.variances) for i, groups in enumerate(compressed)]
    return Estimate.of_singles(singles, learned.total, over_groups(barred, compressed))


def assemble(
    method: str, learned: Learned, compressed: Sequence[Compressed], estimate: Estimate, allowance: Allowance
) -> Model:
    """The model of measured columns and of measured marginals of their groups."""
    estimate.fit()
    joint = estimate.joint()
    facts = Facts(
        method=method,
        attributes=tuple(column.attribute for column in learned.columns),
        charge=allowance.charge(method),
        rows=min(round(learned.total), MOST_ROWS),
        cliques=joint.tree.cliques,
        parents=joint.tree.parents,
        errors=_errors(learned, estimate),
    )
    return Model(facts, joint.conditionals, tuple(c.group_of for c in compressed), tuple(c.within for c in compressed))


def _errors(learned: Learned, estimate: Estimate) -> tuple[MarginalError, ...]:
    """The error of each measured marginal; where one was measured more than once, of the best of its measurements."""
    names = [column.attribute.field.name for column in learned.columns]
    found: dict[tuple[int, ...], float] = {}
    for noisy in estimate.measured:
        tvd = expected_error(noisy.variances, learned.total)
        found[noisy.nodes] = min(tvd, found.get(noisy.nodes, tvd))
    return tuple(MarginalError(columns=tuple(names[i] for i in nodes), tvd=tvd) for nodes, tvd in found.items())
