"""What happens to a column that nobody wrote a treatment for: its role and entity type decide, and doubt suppresses."""

from __future__ import annotations

from typing import Protocol

from synth_assets.classification.vocabulary import EntityType, Role
from synth_assets.deidentification.treatments import AnyTreatment, Fake, FakeKind, Keep, Pseudonymize, Suppress

FAKE_OF: dict[EntityType, FakeKind] = {
    "person_name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "middle_name": "middle_name",
    "email": "email",
    "phone": "phone",
    "username": "username",
    "national_id": "national_id",
    "street_address": "street_address",
    "iban": "iban",
    "credit_card": "credit_card",
    "ip_address": "ip_address",
}
"""Direct identifiers that can be replaced by fakes; the others are suppressed."""

WITHHELD: frozenset[EntityType] = frozenset({"text", "free_text_pii", "photo", "password", "card_cvv", "card_expiry"})
"""Never given by default whatever the role: free text may name anybody, secrets have no use downstream."""


class Judged(Protocol):
    """What is known about a column; a ``ColumnVerdict`` is one."""

    @property
    def entity_type(self) -> EntityType:
        """What the column holds."""

    @property
    def role(self) -> Role:
        """What it does to people."""


def default_treatment(verdict: Judged) -> AnyTreatment:
    """The treatment that a verdict calls for.

    Direct identifiers get fakes where there are any, keys of people pseudonyms; other direct identifiers, free text,
    secrets and undecided columns are suppressed; the rest is kept.
    """
    if verdict.role == "undecided" or verdict.entity_type in WITHHELD:
        return Suppress()
    if verdict.role != "direct_identifier":
        return Keep()
    if verdict.entity_type == "person_id":
        return Pseudonymize()
    fake = FAKE_OF.get(verdict.entity_type)
    return Fake(fake=fake) if fake else Suppress()


def resolve_treatment(verdict: Judged, *, is_unit: bool = False) -> AnyTreatment:
    """As :func:`default_treatment`; the privacy unit's own column is always pseudonymized."""
    return Pseudonymize() if is_unit else default_treatment(verdict)
