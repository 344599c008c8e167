"""SDV's and SmartNoise's words for the same facts: what comes back is what went out, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from faker import Faker
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.classification import ColumnVerdict, apply_decisions, role_of
from synth_assets.classification.exchange import (
    _SDTYPES,
    Declared,
    Described,
    TableFacts,
    from_sdv,
    from_smartnoise,
    read_metadata,
    to_sdv,
    to_smartnoise,
)
from synth_assets.classification.vocabulary import DIRECT, ENTITY_TYPES, EntityType, Role
from synth_assets.errors import SpecError


def verdict(
    column: str, entity: EntityType, data_type: str = "VARCHAR", unique: bool = False, role: Role | None = None
) -> ColumnVerdict:
    kind = role or role_of(entity)
    return ColumnVerdict(
        column=column, entity_type=entity, role=kind, confidence=0.9, data_type=data_type, unique=unique
    )


PATIENTS = Described(
    "patients",
    [
        verdict("id", "person_id", unique=True),
        verdict("mail", "email"),
        verdict("town", "city"),
        verdict("shop_town", "city", role="insensitive"),
        verdict("born", "date_of_birth", "DATE"),
        verdict("pay", "salary", "DOUBLE"),
        verdict("smoker", "health", "BOOLEAN"),
        verdict("zz9", "unknown_none", role="undecided"),
    ],
    unit="id",
    bounds={"pay": (0, 9000)},
)
VISITS = Described(
    "visits", [verdict("visit", "record_id", unique=True), verdict("who", "person_id")], "who", many_rows=True
)


def test_sdv_gets_one_document_of_all_tables() -> None:
    document = to_sdv([PATIENTS, VISITS], [("visits", "who", "patients", "id")])
    assert document["METADATA_SPEC_VERSION"] == "V1"
    assert document["tables"]["patients"] == {
        "columns": {
            "id": {"sdtype": "id"},
            "mail": {"sdtype": "email", "pii": True},
            "town": {"sdtype": "city", "pii": True},
            "shop_town": {"sdtype": "city", "pii": False},
            "born": {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"},
            "pay": {"sdtype": "numerical"},
            "smoker": {"sdtype": "boolean"},
            "zz9": {"sdtype": "unknown", "pii": True},
        },
        "primary_key": "id",
    }
    assert document["tables"]["visits"]["sequence_key"] == "who"
    assert document["relationships"] == [
        {
            "parent_table_name": "patients",
            "parent_primary_key": "id",
            "child_table_name": "visits",
            "child_foreign_key": "who",
        }
    ]


def test_sdvs_personal_types_are_functions_of_faker() -> None:
    """SDV takes any of Faker's functions for a type, and nothing else but two of its own."""
    fake, own = Faker("en_US"), {"administrative_unit", "ipv4_address"}
    assert not [name for name in _SDTYPES.values() if name not in own and not hasattr(fake, name)]


def test_what_sdv_decides_comes_back() -> None:
    facts = from_sdv(to_sdv([PATIENTS, VISITS]), "PATIENTS")
    assert facts == TableFacts(
        {
            "mail": Declared("direct_identifier", "email"),
            "town": Declared("quasi_identifier", "city"),
            "shop_town": Declared("insensitive", "city"),
        }
    )
    assert from_sdv(to_sdv([VISITS]), "visits") == TableFacts(
        {"who": Declared("direct_identifier", "person_id")}, "who"
    )


@given(kinds=st.lists(st.sampled_from(ENTITY_TYPES), max_size=12))
def test_a_round_trip_through_sdv_contradicts_no_verdict(kinds: Sequence[EntityType]) -> None:
    """Writing, reading and applying gives the same document again, and moves no column to another role."""
    verdicts = [verdict(f"c{i}", kind) for i, kind in enumerate(kinds)]
    document = to_sdv([Described("t", verdicts)])
    again = apply_decisions(verdicts, from_sdv(document, "t").columns)
    assert [v.role for v in again] == [v.role for v in verdicts]
    assert to_sdv([Described("t", again)]) == document


def test_a_direct_identifier_needs_more_than_a_flag_to_be_given_away() -> None:
    columns = {
        "mail": {"sdtype": "email", "pii": False},
        "town": {"sdtype": "city", "pii": False},
        "code": {"sdtype": "unknown", "pii": False},
        "odd": {"sdtype": "unknown", "pii": True},
        "age": {"sdtype": "numerical"},
    }
    single = {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "columns": columns}
    assert read_metadata(single, "any").columns == {
        "mail": Declared("direct_identifier", "email"),
        "town": Declared("insensitive", "city"),
        "code": Declared("insensitive"),
    }


def test_smartnoise_gets_no_column_that_it_must_not_read() -> None:
    document = to_smartnoise([PATIENTS])
    assert document == {
        "": {
            "patients": {
                "patients": {
                    "max_ids": 1,
                    "row_privacy": False,
                    "id": {"type": "string", "private_id": True},
                    "town": {"type": "string"},
                    "shop_town": {"type": "string"},
                    "born": {"type": "datetime"},
                    "pay": {"type": "float", "lower": 0, "upper": 9000},
                    "smoker": {"type": "boolean"},
                }
            }
        }
    }
    assert to_smartnoise([VISITS])[""]["visits"]["visits"]["max_ids"] == 5
    rows = Described("t", [verdict("rows", "measure", "BIGINT"), verdict("n", "measure", "BIGINT")])
    assert to_smartnoise([rows])[""]["t"]["t"] == {"max_ids": 1, "row_privacy": True, "n": {"type": "int"}}


def test_what_smartnoise_declares_comes_back() -> None:
    facts = read_metadata(to_smartnoise([PATIENTS]) | {"engine": "postgres"}, "patients")
    assert facts == TableFacts(
        {"id": Declared("direct_identifier", "person_id"), "pay": Declared(bounds=(0, 9000))}, "id", 1
    )
    again = Described(
        "patients",
        apply_decisions(PATIENTS.verdicts, facts.columns),
        facts.unit,
        bounds={name: told.bounds for name, told in facts.columns.items() if told.bounds},
        max_rows_per_unit=facts.max_rows_per_unit,
    )
    assert to_smartnoise([again]) == to_smartnoise([PATIENTS])


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"METADATA_SPEC_VERSION": "V1"},
        {"METADATA_SPEC_VERSION": "V1", "tables": {"a": {"columns": {}}, "b": {"columns": {}}}},
        {"METADATA_SPEC_VERSION": "V1", "tables": {"t": {}}},
        {"a": {}, "b": {}},
        {"": {"s": {"a": {}, "b": {}}}},
    ],
)
def test_what_describes_nothing_is_refused(document: object) -> None:
    with pytest.raises(SpecError):
        read_metadata(document, "t")


@pytest.mark.parametrize("bounds", [{"lower": 3}, {"lower": 3, "upper": 3}, {"lower": "a", "upper": "b"}, {}])
def test_half_bounds_are_no_bounds(bounds: dict[str, object]) -> None:
    assert from_smartnoise({"": {"s": {"t": {"age": {"type": "int"} | bounds}}}}, "t").columns == {}


def test_every_direct_identifier_is_personal_to_sdv() -> None:
    for kind in DIRECT - {"person_id"}:
        (column,) = to_sdv([Described("t", [verdict("c", kind)])])["tables"]["t"]["columns"].values()
        assert column.get("pii") is True, kind
