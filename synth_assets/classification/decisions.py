"""A person's decision in the spec outranks the classifier; where they contradict each other the evidence says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from synth_assets.classification.classifier import ColumnVerdict
from synth_assets.classification.vocabulary import EntityType, Role, role_of


class Decision(Protocol):
    """What a person may decide about a column; the spec's ``ColumnDecision`` is one."""

    @property
    def role(self) -> Role | None:
        """What the column does to people."""

    @property
    def type(self) -> EntityType | None:
        """What the column holds."""

    @property
    def subtype(self) -> str | None:
        """A finer kind."""


def apply_decisions(
    verdicts: Sequence[ColumnVerdict], decisions: Mapping[str, Decision], where: str = "the spec"
) -> list[ColumnVerdict]:
    """The verdicts with what people decided put over them.

    A decision on the type alone brings the type's role; one on the role alone keeps the type. Decisions that say
    neither (a treatment, bounds) leave the verdict as it is.

    Args:
        verdicts: of :func:`classify`.
        decisions: by column name; names without a verdict are for the caller to refuse.
        where: what the decisions stand in, for the evidence.
    """
    return [_decide(verdict, decisions.get(verdict.column), f"decided in {where}") for verdict in verdicts]


def _decide(verdict: ColumnVerdict, decision: Decision | None, note: str) -> ColumnVerdict:
    if decision is None or (decision.role is None and decision.type is None):
        return verdict
    entity = decision.type or verdict.entity_type
    role = decision.role or role_of(entity)
    evidence = [note]
    if verdict.role not in (role, "undecided"):
        evidence.append(f"contradicts the classifier: {verdict.role} ({verdict.confidence:.2f})")
    if decision.type is not None and decision.type != verdict.entity_type:
        evidence.append(f"the classifier takes it for {verdict.entity_type}")
    changed: dict[str, Any] = {
        "entity_type": entity,
        "role": role,
        "confidence": 1.0,
        "evidence": (*evidence, *verdict.evidence),
        "subtype": decision.subtype or (verdict.subtype if entity == verdict.entity_type else None),
        "rule": note,
        "decided_by": "spec",
    }
    return verdict.model_copy(update=changed)
