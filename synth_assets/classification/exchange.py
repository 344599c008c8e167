"""The same facts in the words of others: SDV's metadata (JSON, spec V1) and SmartNoise SQL's (YAML), written and read.

Both say less than a verdict. SDV knows types and whether they are personal, not what a column does to people;
SmartNoise knows types, bounds and who is protected. What they cannot say is left out, never guessed: reading yields
decisions only where the document decides. What does not belong here: reading files, rows.

Sources: the pages "Metadata JSON" and "Sdtypes" of docs.sdv.dev; "Metadata" of docs.smartnoise.org/sql.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synth_assets.classification.classifier import ColumnVerdict
from synth_assets.classification.vocabulary import DIRECT, EntityType, Role, role_of
from synth_assets.errors import SpecError

ROWS_OF_A_UNIT = 5
"""Rows of one person that a description declares to be read, where people have several."""


@dataclass(frozen=True)
class Declared:
    """What a document says about one column; its fields are those of the spec's decisions."""

    role: Role | None = None
    type: EntityType | None = None
    subtype: str | None = None
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class TableFacts:
    """A table as such documents describe it.

    Attributes:
        columns: what was decided, by column; columns without a decision are missing.
        unit: the column that says who is protected.
        max_rows_per_unit: rows of one unit that may be read; None where the document does not say.
    """

    columns: Mapping[str, Declared] = field(default_factory=dict)
    unit: str | None = None
    max_rows_per_unit: int | None = None


@dataclass(frozen=True)
class Described:
    """A table to be described: its verdicts, who is protected, declared bounds.

    Attributes:
        many_rows: whether a unit has several rows.
    """

    name: str
    verdicts: Sequence[ColumnVerdict]
    unit: str | None = None
    many_rows: bool = False
    bounds: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    max_rows_per_unit: int | None = None


Reference = tuple[str, str, str, str]
"""A table, its column, the table and the key that the column's values are of."""

# -- SDV -------------------------------------------------------------------------------------------------------------

_SDTYPES: dict[EntityType, str] = {
    "person_name": "name",
    "first_name": "first_name",
    "last_name": "last_name",
    "middle_name": "first_name_nonbinary",
    "email": "email",
    "phone": "phone_number",
    "national_id": "ssn",
    "passport": "passport_number",
    "credit_card": "credit_card_number",
    "iban": "iban",
    "bank_account": "bban",
    "license_plate": "license_plate",
    "vin": "vin",
    "ip_address": "ipv4_address",
    "mac_address": "mac_address",
    "username": "user_name",
    "street_address": "street_address",
    "address_part": "secondary_address",
    "photo": "image_url",
    "free_text_pii": "paragraph",
    "city": "city",
    "region": "administrative_unit",
    "postcode": "postcode",
    "country": "country",
    "latitude": "latitude",
    "longitude": "longitude",
    "nationality": "current_country",
    "language": "language_name",
    "timezone": "timezone",
    "occupation": "job",
    "name_title": "prefix",
    "password": "password",
    "card_cvv": "credit_card_security_code",
    "card_expiry": "credit_card_expire",
    "card_type": "credit_card_provider",
    "bic": "swift11",
    "organization": "company",
    "url": "url",
    "text": "text",
}
"""Functions of Faker's that SDV takes for the type of a personal column."""
_MORE: dict[str, EntityType] = {
    "first_name_male": "first_name",
    "first_name_female": "first_name",
    "ipv6_address": "ip_address",
    "ipv4": "ip_address",
    "ipv6": "ip_address",
    "address": "street_address",
    "building_number": "address_part",
    "street_name": "street_address",
    "country_code": "country",
    "state": "region",
    "state_abbr": "region",
    "zipcode": "postcode",
    "date_of_birth": "date_of_birth",
    "free_email": "email",
    "company_email": "email",
    "ascii_email": "email",
    "credit_card_full": "credit_card",
    "msisdn": "phone",
    "swift8": "bic",
    "swift": "bic",
    "sentence": "text",
}
_TYPES: dict[str, EntityType] = {sdtype: entity for entity, sdtype in _SDTYPES.items()} | _MORE
_COMMON = frozenset({"boolean", "categorical", "datetime", "numerical", "id", "unknown"})
_KEYS: frozenset[EntityType] = frozenset({"person_id", "record_id"})
_AMOUNTS: frozenset[EntityType] = frozenset(
    {"measure", "amount", "age", "salary", "financial", "health", "household", "hr_evaluation", "date_of_birth", "date"}
)
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "U", "DOUBLE", "FLOAT", "DECIMAL")


def to_sdv(tables: Iterable[Described], references: Iterable[Reference] = ()) -> dict[str, Any]:
    """SDV's metadata of tables: undecided columns are ``unknown`` and personal, so that SDV gives them away to nobody.

    Args:
        references: columns whose values lie in the key of another table.
    """
    described = list(tables)
    keys = {table.name: _primary_key(table) for table in described}
    linked = [
        {"parent_table_name": to, "parent_primary_key": key, "child_table_name": table, "child_foreign_key": column}
        for table, column, to, key in references
        if keys.get(to) == key
    ]
    foreign = {(link["child_table_name"], link["child_foreign_key"]) for link in linked}
    return {
        "METADATA_SPEC_VERSION": "V1",
        "tables": {
            table.name: _sdv_table(table, keys[table.name], {c for t, c in foreign if t == table.name})
            for table in described
        },
        "relationships": linked,
    }


def _primary_key(table: Described) -> str | None:
    unique = [verdict for verdict in table.verdicts if verdict.unique and verdict.entity_type in _KEYS]
    return next((v.column for v in sorted(unique, key=lambda v: v.column != table.unit)), None)


def _sdv_table(table: Described, key: str | None, foreign: set[str]) -> dict[str, Any]:
    columns = {v.column: {"sdtype": "id"} if v.column in {key, *foreign} else _sdv_column(v) for v in table.verdicts}
    document: dict[str, Any] = {"columns": columns}
    if key is not None:
        document["primary_key"] = key
    if table.unit is not None and table.many_rows and table.unit != key:
        columns[table.unit] = {"sdtype": "id"}
        document["sequence_key"] = table.unit
    return document


def _sdv_column(verdict: ColumnVerdict) -> dict[str, Any]:
    kind = verdict.data_type.upper()
    if verdict.role == "undecided":
        return {"sdtype": "unknown", "pii": True}
    if verdict.entity_type in _KEYS:
        return {"sdtype": "id"}
    if sdtype := _SDTYPES.get(verdict.entity_type):
        return {"sdtype": sdtype, "pii": verdict.role != "insensitive"}
    if verdict.role == "direct_identifier":
        return {"sdtype": "unknown", "pii": True}
    if kind == "BOOLEAN":
        return {"sdtype": "boolean"}
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return {"sdtype": "datetime", "datetime_format": "%Y-%m-%d" if kind == "DATE" else "%Y-%m-%d %H:%M:%S"}
    if kind.startswith(_NUMBERS) and verdict.entity_type in _AMOUNTS:
        return {"sdtype": "numerical"}
    return {"sdtype": "categorical"}


def from_sdv(document: Mapping[str, Any], table: str) -> TableFacts:
    """What SDV's metadata decides about a table.

    A personal type brings our type and its role. ``pii: false`` makes a column insensitive, but no direct identifier:
    it says how SDV may treat the values, not that nobody is named by them. The common types say nothing about people,
    and ``unknown`` is what SDV writes where it knows nothing. A ``sequence_key`` is the unit.

    Args:
        table: its name in the document; a document of one table serves any.

    Raises:
        SpecError: the document is none of SDV's, or does not describe the table.
    """
    found = _sdv_found(document, table)
    columns = found.get("columns")
    if not isinstance(columns, Mapping):
        raise SpecError(f"the metadata of `{table}` lists no columns; write `columns` as SDV's metadata spec says")
    decided = {str(name): told for name, column in columns.items() if (told := _from_sdtype(column)) is not None}
    unit = found.get("sequence_key")
    unit = unit if isinstance(unit, str) else None
    if unit is not None:
        decided[unit] = Declared("direct_identifier", "person_id")
    return TableFacts(decided, unit)


def _sdv_found(document: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    if "columns" in document:  # SINGLE_TABLE_V1
        return document
    tables = document.get("tables")
    if not isinstance(tables, Mapping) or not tables:
        raise SpecError("the metadata describes no tables; write them under `tables` as SDV's metadata spec says")
    return _of_name(tables, table)


def _of_name(tables: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    chosen = {str(name).lower(): found for name, found in tables.items()}
    found = next(iter(chosen.values())) if len(chosen) == 1 else chosen.get(table.lower())
    if not isinstance(found, Mapping):
        raise SpecError(f"the metadata does not describe `{table}`; name the table as the file is named")
    return found


def _from_sdtype(column: object) -> Declared | None:
    if not isinstance(column, Mapping):
        return None
    sdtype, personal = column.get("sdtype"), column.get("pii", True) is not False
    if sdtype == "unknown" and not personal:
        return Declared("insensitive")
    entity = _TYPES.get(str(sdtype))
    if sdtype in _COMMON or entity is None:
        return None
    role = role_of(entity) if personal or entity in DIRECT else "insensitive"
    return Declared(role, entity)


# -- SmartNoise ------------------------------------------------------------------------------------------------------

_OPTIONS = frozenset({
    "rows", "rows_exact", "row_privacy", "max_ids", "sample_max_ids", "clamp_counts", "clamp_columns", "use_dpsu",
    "censor_dims",
})  # fmt: skip
"""Words that SmartNoise reads as options of a table; a column of such a name cannot be described."""


def to_smartnoise(tables: Iterable[Described]) -> dict[str, Any]:
    """SmartNoise SQL's metadata of tables.

    Left out, so that no query reads them: direct identifiers but the private id, undecided columns, and columns named
    like an option. The number of rows is left out too, as it is a fact of the rows.
    """
    return {"": {table.name: {table.name: _smartnoise_table(table)} for table in tables}}


def _smartnoise_table(table: Described) -> dict[str, Any]:
    rows = table.max_rows_per_unit or (ROWS_OF_A_UNIT if table.many_rows else 1)
    document: dict[str, Any] = {"max_ids": rows, "row_privacy": table.unit is None}
    for verdict in table.verdicts:
        private = verdict.column == table.unit
        hidden = verdict.role in {"direct_identifier", "undecided"} and not private
        if hidden or verdict.column in _OPTIONS:
            continue
        column: dict[str, Any] = {"type": _simple_type(verdict.data_type)}
        if private:
            column["private_id"] = True
        if verdict.column in table.bounds and column["type"] in {"int", "float"}:
            column["lower"], column["upper"] = table.bounds[verdict.column]
        document[verdict.column] = column
    return document


def _simple_type(data_type: str) -> str:
    kind = data_type.upper()
    if kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return "float"
    if kind.startswith(_NUMBERS):
        return "int"
    if kind.startswith(("DATE", "TIME")):
        return "datetime"
    return "boolean" if kind == "BOOLEAN" else "string"


def from_smartnoise(document: Mapping[str, Any], table: str) -> TableFacts:
    """What SmartNoise SQL's metadata decides about a table: its private id is the unit, bounds are declared bounds.

    Raises:
        SpecError: the document is none of SmartNoise's, or does not describe the table.
    """
    collections = [found for key, found in document.items() if key != "engine"]
    if len(collections) != 1 or not isinstance(collections[0], Mapping):
        raise SpecError(
            "the metadata must hold one collection of schemas; write it as SmartNoise's page on metadata says"
        )
    tables: dict[str, Any] = {}
    for schema in collections[0].values():
        tables |= schema if isinstance(schema, Mapping) else {}
    found = _of_name(tables, table)
    columns = {str(name): c for name, c in found.items() if name not in _OPTIONS and isinstance(c, Mapping)}
    unit = next((name for name, column in columns.items() if column.get("private_id") is True), None)
    decided = {name: told for name, column in columns.items() if (told := _from_column(column)) is not None}
    rows = found.get("max_ids")
    return TableFacts(decided, unit, rows if isinstance(rows, int) and rows > 0 and unit is not None else None)


def _from_column(column: Mapping[str, Any]) -> Declared | None:
    if column.get("private_id") is True:
        return Declared("direct_identifier", "person_id")
    lower, upper = column.get("lower"), column.get("upper")
    if isinstance(lower, int | float) and isinstance(upper, int | float) and lower < upper:
        return Declared(bounds=(lower, upper))
    return None


def read_metadata(document: object, table: str) -> TableFacts:
    """What a document of either kind decides about a table; SDV's names its version.

    Raises:
        SpecError: it is of neither kind, or does not describe the table.
    """
    if not isinstance(document, Mapping) or not document:
        raise SpecError("the metadata is no document of SDV's or SmartNoise's; give SDV's JSON or SmartNoise's YAML")
    return from_sdv(document, table) if "METADATA_SPEC_VERSION" in document else from_smartnoise(document, table)
