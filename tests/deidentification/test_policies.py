"""HIPAA Safe Harbor as a policy: values by hand, every identifier of the law, and decisions that are weaker."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import ValidationError

from synth_assets.classification import EntityType
from synth_assets.classification.vocabulary import ENTITY_TYPES, Role, role_of
from synth_assets.deidentification import (
    Generalize,
    Keep,
    Mask,
    Policy,
    SafeHarbor,
    Suppress,
    TreatedColumn,
    parse_treatment,
)
from synth_assets.deidentification.harbor import SPARSE
from synth_assets.deidentification.rules import rule_expression
from synth_assets.errors import SpecError
from synth_assets.pipeline import classify_source, deidentify_source, ingest_source
from synth_assets.publication import data_card, render_card
from synth_assets.spec import parse_spec
from tests.workspace import platform_of

AS_OF = date(2026, 6, 30)
LAW = Policy(name="hipaa_safe_harbor", as_of=AS_OF)


def column(
    kind: EntityType, data_type: str = "VARCHAR", role: Role | None = None, unique: bool = False
) -> TreatedColumn:
    return TreatedColumn(
        name="c", data_type=data_type, entity_type=kind, role=role or role_of(kind), treatment="keep", unique=unique
    )


def treated(treatment: Any, value: str) -> Any:
    """A value, as SQL, after a treatment."""
    with duckdb.connect() as con:
        kind = con.execute(f"SELECT typeof({value})").fetchall()[0][0]
        return con.execute(f"SELECT {rule_expression(treatment, 'x', kind)} FROM (SELECT {value} AS x)").fetchall()[0][
            0
        ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'90210'", "902"),
        ("'03601'", "000"),
        ("' 90210-1234 '", "902"),
        ("89301", "000"),
        ("3601", "000"),  # a number that was 03601
        ("10210", "000"),
        ("2139", "021"),
        ("'SW1A 1AA'", None),  # is no ZIP code
        ("'9021'", None),
        ("NULL::VARCHAR", None),
    ],
)
def test_postcodes(value: str, shown: str | None) -> None:
    assert treated(SafeHarbor(part="postcode"), value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("DATE '1985-07-14'", date(1985, 1, 1)),
        ("DATE '1937-01-01'", date(1937, 1, 1)),  # turns 89 in 2026
        ("DATE '1936-12-31'", date(1936, 1, 1)),  # turns 90 in 2026
        ("DATE '1909-03-05'", date(1936, 1, 1)),
        ("'1909-03-05'", date(1936, 1, 1)),
        ("TIMESTAMP '2001-03-05 10:00:00'", date(2001, 1, 1)),
        ("'unknown'", None),
        ("NULL::DATE", None),
        ("DATE 'infinity'", None),
    ],
)
def test_dates_of_birth(value: str, shown: date | None) -> None:
    assert treated(SafeHarbor(part="birth", as_of=AS_OF), value) == shown


def test_the_seventeen_of_the_guidance_are_listed() -> None:
    guidance = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
    assert set(guidance.split()) | {"205", "369"} == set(SPARSE)


def test_every_entity_type_has_what_the_law_asks() -> None:
    kept = {kind for kind in ENTITY_TYPES if isinstance(LAW.treatment(column(kind), "VARCHAR", False), Keep)}
    assert kept == {
        *("country", "gender", "marital_status", "nationality", "language", "timezone", "education", "occupation"),
        *("household", "name_title", "ethnicity", "religion", "diagnosis", "medication", "procedure", "health"),
        *(
            "salary",
            "financial",
            "hr_evaluation",
            "sensitive_other",
            "category",
            "measure",
            "flag",
            "code",
            "card_type",
        ),
        *("bic", "amount", "unknown_none"),
    }


def test_what_remains_of_dates_ages_and_places() -> None:
    assert LAW.treatment(column("date_of_birth", "DATE"), "DATE", False) == SafeHarbor(part="birth", as_of=AS_OF)
    assert LAW.treatment(column("person_date", "DATE"), "DATE", False) == Generalize(date="year")
    assert LAW.treatment(column("category", "TIMESTAMP"), "TIMESTAMP", False) == Generalize(date="year")
    assert LAW.treatment(column("age", "INTEGER"), "INTEGER", False) == parse_treatment({"top_code": 90})
    assert LAW.treatment(column("postcode"), "VARCHAR", False) == SafeHarbor(part="postcode")
    undated = Policy(name="hipaa_safe_harbor")
    for kind, data_type in (("date_of_birth", "DATE"), ("age", "VARCHAR"), ("region", "VARCHAR"), ("date", "BIGINT")):
        asked = undated.treatment(column(kind, data_type), data_type, False)  # type: ignore[arg-type]
        assert isinstance(asked, Suppress), kind
    assert isinstance(LAW.treatment(column("code", unique=True), "VARCHAR", True), Suppress)
    assert isinstance(LAW.treatment(column("measure", role="undecided"), "DOUBLE", False), Suppress)


@pytest.mark.parametrize(
    ("kind", "data_type", "chosen"),
    [
        ("email", "VARCHAR", {"fake": "email"}),
        ("person_id", "VARCHAR", "pseudonymize"),  # a code that is derived from the identifier: paragraph (c)
        ("phone", "VARCHAR", {"mask": {"keep_last": 2}}),
        ("age", "INTEGER", {"top_code": 95}),
        ("age", "INTEGER", {"generalize": {"width": 10}}),
        ("postcode", "VARCHAR", {"generalize": {"prefix": 3}}),
        ("date_of_birth", "DATE", {"generalize": {"date": "year"}}),
        ("person_date", "DATE", {"generalize": {"date": "month"}}),
        ("city", "VARCHAR", "keep"),
    ],
)
def test_what_is_weaker_is_refused(kind: EntityType, data_type: str, chosen: Any) -> None:
    with pytest.raises(
        SpecError, match=r"^here \(.*\) shows more of a column of type \w+ than hipaa_safe_harbor allows"
    ):
        LAW.settle("here", column(kind, data_type), parse_treatment(chosen), False)


@pytest.mark.parametrize(
    ("kind", "data_type", "chosen"),
    [
        ("email", "VARCHAR", "suppress"),
        ("email", "VARCHAR", "mask"),
        ("age", "INTEGER", {"top_code": 80}),
        ("age", "INTEGER", {"generalize": {"edges": [18, 65, 90]}}),
        ("person_date", "DATE", {"generalize": {"date": "year"}}),
        ("region", "VARCHAR", "keep"),  # which only a person knows to be a state
        ("diagnosis", "VARCHAR", "keep"),
        ("postcode", "VARCHAR", {"safe_harbor": {"part": "postcode"}}),
    ],
)
def test_what_is_as_strong_stands(kind: EntityType, data_type: str, chosen: Any) -> None:
    treatment = parse_treatment(chosen)
    assert LAW.settle("here", column(kind, data_type), treatment, False) == treatment


def test_forms() -> None:
    for form in ({"safe_harbor": {"part": "postcode"}}, {"safe_harbor": {"part": "birth", "as_of": "2026-01-01"}}):
        assert parse_treatment(form).to_spec() == form
    with pytest.raises(ValidationError, match="`part: birth` needs it"):
        SafeHarbor(part="birth")
    assert isinstance(parse_treatment("mask"), Mask)


SPEC = """
sources:
  - name: people
    path: people.csv
    unit: id
    policy: {policy}
    columns:
      id: {{role: direct_identifier, type: person_id}}
      born: {{role: quasi_identifier, type: date_of_birth}}
      zip: {{role: quasi_identifier, type: postcode{zip}}}
      years: {{role: quasi_identifier, type: age}}
      note: {{role: undecided}}
consumers:
  - name: team
    products:
      - name: table
        source: people
        columns: [id, born, zip, years, note]
        rows: {{rare: 2}}
"""


def test_a_spec_that_is_weaker_is_refused_before_any_data(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"columns\.zip\.treatment \(keep\) shows more"):
        parse_spec(SPEC.format(policy="hipaa_safe_harbor", zip=", treatment: keep"), tmp_path / "synth.yaml", {})
    with pytest.raises(SpecError, match="policy"):
        parse_spec(SPEC.format(policy="gdpr", zip=""), tmp_path / "synth.yaml", {})


def test_a_source_under_the_policy(tmp_path: Path) -> None:
    lines = [
        f"{i},{1930 + i % 60}-05-06,{'03601' if i % 2 else '90210'},{96 - i % 60},seen {i % 7}" for i in range(120)
    ]
    (tmp_path / "people.csv").write_text("id,born,zip,years,note\n" + "\n".join(lines) + "\n")
    (tmp_path / "synth.yaml").write_text(SPEC.format(policy="{name: hipaa_safe_harbor, as_of: 2026-01-01}", zip=""))
    platform = platform_of(tmp_path / "synth.yaml")
    spec, warehouse = platform.spec, platform.warehouse
    ingest_source(platform, "people")
    classify_source(platform, "people")
    deidentify_source(platform, "people")
    with warehouse.connect() as con:
        warehouse.attach(con, "deidentified/people", "d")
        told = con.execute(
            "SELECT count(id), count(note), min(born), max(years), list_sort(list(DISTINCT zip)) FROM d.data"
        )
        assert told.fetchall() == [(0, 0, date(1936, 1, 1), 90, ["000", "902"])]
    consumer, product = spec.product("team/table")
    card = data_card(platform, consumer, product, [], {"digest": "0" * 64, "made": {}}, (), 0)
    assert "Not promised: that nobody knows otherwise" in card["policy"]["promise"]
    assert "**Policy hipaa_safe_harbor.**" in render_card(card)
    assert json.dumps(card)
