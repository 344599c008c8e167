"""From noisy marginals to a model: estimation, and what the mechanism knows of its own error."""

from __future__ import annotations

from collections.abc import Sequence

from synth_assets.synthesis.allowance import Allowance, expected_error
from synth_assets.synthesis.compression import Compressed
from synth_assets.synthesis.forest import Edge, Noisy, estimate
from synth_assets.synthesis.learning import Learned
from synth_assets.synthesis.model import Facts, MarginalError, Model


def assemble(
    method: str,
    learned: Learned,
    compressed: Sequence[Compressed],
    pairs: dict[Edge, Noisy],
    allowance: Allowance,
) -> Model:
    """The model of measured columns and measured pairs of their groups."""
    singles = [Noisy(groups.counts, groups.variances) for groups in compressed]
    forest = estimate(singles, pairs, learned.total)
    facts = Facts(
        method=method,
        attributes=tuple(column.attribute for column in learned.columns),
        charge=allowance.charge(method),
        rows=round(learned.total),
        order=forest.order,
        parents=forest.parents,
        errors=_errors(learned, singles, pairs),
    )
    return Model(facts, forest.conditionals, tuple(c.group_of for c in compressed), tuple(c.within for c in compressed))


def _errors(learned: Learned, singles: Sequence[Noisy], pairs: dict[Edge, Noisy]) -> tuple[MarginalError, ...]:
    names = [column.attribute.field.name for column in learned.columns]
    alone = [
        MarginalError(columns=(name,), tvd=expected_error(noisy.variances, learned.total))
        for name, noisy in zip(names, singles, strict=True)
    ]
    joint = [
        MarginalError(columns=(names[a], names[b]), tvd=expected_error(noisy.variances, learned.total))
        for (a, b), noisy in pairs.items()
    ]
    return (*alone, *joint)
