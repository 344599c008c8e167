from __future__ import annotations

from dataclasses import dataclass

import pytest

from synth_assets.classification import ColumnVerdict, EntityType, Role, apply_decisions


@dataclass(frozen=True)
class _Decision:
    role: Role | None = None
    type: EntityType | None = None
    subtype: str | None = None


GUESS = ColumnVerdict(
    column="code",
    entity_type="national_id",
    role="direct_identifier",
    confidence=0.9,
    evidence=("values: counts",),
    subtype="us_ssn",
    data_type="VARCHAR",
    unique=True,
)


def test_no_decision_changes_nothing() -> None:
    assert apply_decisions([GUESS], {}) == [GUESS]
    assert apply_decisions([GUESS], {"other": _Decision(role="sensitive")}) == [GUESS]
    assert apply_decisions([GUESS], {"code": _Decision()}) == [GUESS]


@pytest.mark.parametrize(
    ("decision", "entity_type", "role", "subtype", "note"),
    [
        (
            _Decision(role="insensitive"),
            "national_id",
            "insensitive",
            "us_ssn",
            "contradicts the classifier",
        ),
        (_Decision(type="city"), "city", "quasi_identifier", None, "the classifier takes it for national_id"),
        (_Decision(role="sensitive", type="diagnosis", subtype="icd"), "diagnosis", "sensitive", "icd", "contradicts"),
        (_Decision(role="direct_identifier"), "national_id", "direct_identifier", "us_ssn", "decided in the spec"),
    ],
)
def test_a_person_outranks_the_classifier(
    decision: _Decision, entity_type: EntityType, role: Role, subtype: str | None, note: str
) -> None:
    (decided,) = apply_decisions([GUESS], {"code": decision})
    assert (decided.entity_type, decided.role, decided.subtype) == (entity_type, role, subtype)
    assert (decided.confidence, decided.decided_by, decided.unique) == (1.0, "spec", True)
    assert any(note in line for line in decided.evidence)
    assert GUESS.evidence[0] in decided.evidence


def test_agreement_is_no_contradiction() -> None:
    undecided = GUESS.model_copy(update={"role": "undecided", "confidence": 0.2})
    for verdict in (GUESS, undecided):
        (decided,) = apply_decisions([verdict], {"code": _Decision(role="direct_identifier", type="national_id")})
        assert decided.role == "direct_identifier"
        assert not [line for line in decided.evidence if "contradicts" in line or "takes it" in line]
