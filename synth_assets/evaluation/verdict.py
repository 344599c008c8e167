"""What a product must reach to be published, and whether it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from synth_assets.evaluation.attacks import FALSE_ALARM, RiskScore

SCORES = ("column_shapes", "pair_trends")
"""The criteria whose threshold is a lower bound; of all others it is an upper one."""

Share = Annotated[float, Field(ge=0, le=1, strict=True)]


class Acceptance(BaseModel):
    """Thresholds of one product: the least quality and the most risk that its consumer and its source accept.

    ``column_shapes`` and ``pair_trends`` are lower bounds of scores in 0..1; ``singling_out``, ``linkability`` and
    ``inference`` are upper bounds of risks in 0..1; ``relative_error`` is an upper bound for products of figures, which
    have no other. The defaults are what a sound product of a few hundred rows still reaches at epsilon 1; a product of
    many rows should ask for more.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column_shapes: Share = 0.7
    pair_trends: Share = 0.6
    singling_out: Share = 0.2
    linkability: Share = 0.2
    inference: Share = 0.2
    relative_error: Annotated[float, Field(ge=0, le=1e6, strict=True)] = 1.0


class Criterion(BaseModel):
    """One threshold, the value measured for it (None: not measurable, which fails), and why it passed or not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float | None
    threshold: float
    passed: bool
    reason: str


class Verdict(BaseModel):
    """Passed only if every criterion passed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: bool
    criteria: tuple[Criterion, ...]


def judge_score(name: str, value: float | None, threshold: float, reason: str | None) -> Criterion:
    """A score passes at its lower bound or above it; one that could not be measured fails."""
    if value is None:
        return Criterion(
            name=name, value=None, threshold=threshold, passed=False, reason=f"not measurable: {reason or 'no data'}"
        )
    passed = value >= threshold
    relation = "reaches" if passed else "is below"
    return Criterion(
        name=name,
        value=value,
        threshold=threshold,
        passed=passed,
        reason=f"{value:.3f} {relation} the lower bound {threshold:g}",
    )


def judge_risk(score: RiskScore, threshold: float) -> Criterion:
    """A risk fails where some attack's estimate exceeds the threshold and chance does not explain it.

    Why both: with forty control people the estimate of a harmless product strays by 0.2 and more, so that the point
    alone fails sound products at random; an upper bound would fail every product of a small table, a lower bound would
    let a leak pass that is plainly there. By this rule a product that leaks nothing fails with a probability of at most
    :data:`~synth_assets.evaluation.attacks.FALSE_ALARM` over all its attacks together. What a small table cannot show
    is stated as ``detectable`` of each attack. A risk that could not be measured fails.
    """

    def criterion(passed: bool, reason: str) -> Criterion:
        return Criterion(name=score.name, value=score.value, threshold=threshold, passed=passed, reason=reason)

    if score.value is None:
        return criterion(False, f"not measurable: {score.reason}")
    if not score.attacks:
        return criterion(True, f"nothing to attack: {score.reason}")
    over = [attack for attack in score.attacks if attack.risk.value > threshold]
    proved = [attack for attack in over if attack.risk.significant]
    if proved:
        worst = max(proved, key=lambda attack: attack.risk.value)
        return criterion(
            False, f"{worst.kind}: {worst.risk.value:.3f} exceeds the upper bound {threshold:g} beyond chance"
        )
    if over:
        return criterion(
            True,
            f"{score.value:.3f} lies above the upper bound {threshold:g}, but fitted people do not fall more "
            f"often than control people beyond chance (false alarms: at most {FALSE_ALARM:g})",
        )
    return criterion(True, f"{score.value:.3f} keeps the upper bound {threshold:g}")


def decide(criteria: list[Criterion]) -> Verdict:
    """The verdict over all criteria; none at all is a failure."""
    return Verdict(passed=bool(criteria) and all(c.passed for c in criteria), criteria=tuple(criteria))


def worst_of(verdicts: Mapping[str, Verdict]) -> Verdict:
    """The verdict over several tables of one product: each criterion as the table has it that is worst there.

    A table that fails is worse than any that passes; then the nearer to the threshold, or the further beyond it.
    """
    found: dict[str, tuple[tuple[bool, float], Criterion]] = {}
    for table, verdict in verdicts.items():
        for criterion in verdict.criteria:
            score = math.inf if criterion.value is None else _shortfall(criterion)
            named = criterion.model_copy(update={"reason": f"{table}: {criterion.reason}"})
            rank = (not criterion.passed, score)
            if criterion.name not in found or rank > found[criterion.name][0]:
                found[criterion.name] = rank, named
    return decide([criterion for _, criterion in found.values()])


def _shortfall(criterion: Criterion) -> float:
    """How far a value lies on the wrong side of its threshold; negative on the right side."""
    beyond = (criterion.value or 0.0) - criterion.threshold
    return -beyond if criterion.name in SCORES else beyond
