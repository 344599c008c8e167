"""The words of classification: entity types, roles, and the role that an entity type calls for.

What belongs here: names and their fixed meaning. What does not: evidence, thresholds, treatments.
"""

from __future__ import annotations

from typing import Literal, get_args

Role = Literal["direct_identifier", "quasi_identifier", "sensitive", "insensitive", "undecided"]
"""What a column does to the people in the table; ``undecided`` until a person or enough evidence decides."""

DirectType = Literal[
    "person_name",
    "first_name",
    "last_name",
    "middle_name",
    "email",
    "phone",
    "national_id",
    "passport",
    "drivers_license",
    "credit_card",
    "iban",
    "bank_account",
    "license_plate",
    "vin",
    "ip_address",
    "mac_address",
    "username",
    "person_id",
    "street_address",
    "address_part",
    "photo",
    "free_text_pii",
]
QuasiType = Literal[
    "city",
    "region",
    "postcode",
    "country",
    "latitude",
    "longitude",
    "geo_point",
    "date_of_birth",
    "date_of_death",
    "age",
    "gender",
    "marital_status",
    "nationality",
    "language",
    "timezone",
    "education",
    "occupation",
    "household",
    "name_title",
    "person_date",
]
SensitiveType = Literal[
    "ethnicity",
    "religion",
    "diagnosis",
    "medication",
    "procedure",
    "health",
    "salary",
    "financial",
    "hr_evaluation",
    "sensitive_other",
    "password",
    "card_cvv",
    "card_expiry",
]
OtherType = Literal[
    "record_id",
    "url",
    "category",
    "measure",
    "flag",
    "code",
    "text",
    "card_type",
    "bic",
    "date",
    "organization",
    "amount",
    "unknown_none",
]
EntityType = DirectType | QuasiType | SensitiveType | OtherType
"""What a column holds. ``unknown_none`` is a column about which nothing personal is known."""

DIRECT: frozenset[EntityType] = frozenset(get_args(DirectType))
QUASI: frozenset[EntityType] = frozenset(get_args(QuasiType))
SENSITIVE: frozenset[EntityType] = frozenset(get_args(SensitiveType))
OTHER: frozenset[EntityType] = frozenset(get_args(OtherType))
ENTITY_TYPES: tuple[EntityType, ...] = tuple(
    name for group in (DirectType, QuasiType, SensitiveType, OtherType) for name in get_args(group)
)
ROLES: tuple[Role, ...] = get_args(Role)

NAMES: frozenset[EntityType] = frozenset({"person_name", "first_name", "last_name", "middle_name"})
PLACE_LIKE: frozenset[EntityType] = frozenset(
    {"city", "region", "postcode", "country", "latitude", "longitude", "geo_point", "street_address", "address_part"}
)
"""Entity types that say something about people only in a table about people; elsewhere they are a thing's."""


def role_of(entity_type: EntityType) -> Role:
    """The role of an entity type in a table about people.

    >>> role_of("email"), role_of("age"), role_of("salary"), role_of("measure")
    ('direct_identifier', 'quasi_identifier', 'sensitive', 'insensitive')
    """
    if entity_type in DIRECT:
        return "direct_identifier"
    if entity_type in QUASI:
        return "quasi_identifier"
    return "sensitive" if entity_type in SENSITIVE else "insensitive"
