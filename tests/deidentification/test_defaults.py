from __future__ import annotations

from dataclasses import dataclass

import pytest

from synth_assets.classification import ENTITY_TYPES, EntityType, Role, role_of
from synth_assets.deidentification import Fake, default_treatment, resolve_treatment


@dataclass(frozen=True)
class _Judged:
    entity_type: EntityType
    role: Role


@pytest.mark.parametrize(
    ("entity_type", "role", "expected"),
    [
        ("person_name", "direct_identifier", "fake name"),
        ("email", "direct_identifier", "fake email"),
        ("national_id", "direct_identifier", "fake national_id"),
        ("person_id", "direct_identifier", "pseudonymize"),
        ("passport", "direct_identifier", "suppress"),
        ("free_text_pii", "direct_identifier", "suppress"),
        ("text", "insensitive", "suppress"),
        ("password", "sensitive", "suppress"),
        ("age", "quasi_identifier", "keep"),
        ("diagnosis", "sensitive", "keep"),
        ("measure", "insensitive", "keep"),
        ("measure", "undecided", "suppress"),
        ("age", "direct_identifier", "suppress"),
    ],
)
def test_default(entity_type: EntityType, role: Role, expected: str) -> None:
    assert default_treatment(_Judged(entity_type, role)).describe() == expected


@pytest.mark.parametrize("entity_type", ENTITY_TYPES)
def test_no_direct_identifier_is_kept_and_the_unit_never_is(entity_type: EntityType) -> None:
    judged = _Judged(entity_type, role_of(entity_type))
    if judged.role == "direct_identifier":
        assert default_treatment(judged).kind != "keep"
    assert default_treatment(_Judged(entity_type, "undecided")).kind == "suppress"
    assert resolve_treatment(judged, is_unit=True).kind == "pseudonymize"


def test_fakes_that_look_at_other_rows_are_no_fixed_rule() -> None:
    assert not Fake(fake="name").fixed_rule
    assert Fake(fake="name", identity="unit").fixed_rule
    assert Fake(fake="city").fixed_rule
