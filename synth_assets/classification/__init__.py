"""Classification: what each column of a table holds, and what that does to the people in it."""

from synth_assets.classification.classifier import ColumnVerdict, classify
from synth_assets.classification.decisions import apply_decisions
from synth_assets.classification.evidence import DECIDED
from synth_assets.classification.vocabulary import ENTITY_TYPES, ROLES, EntityType, Role, role_of

__all__ = [
    "DECIDED",
    "ENTITY_TYPES",
    "ROLES",
    "ColumnVerdict",
    "EntityType",
    "Role",
    "apply_decisions",
    "classify",
    "role_of",
]
