"""Declarations: what is accepted, and what the refusals say."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from synth_assets.domain import Column, Domain, as_instant
from synth_assets.errors import DomainError


def test_a_domain_is_read_from_the_spec() -> None:
    domain = Domain.from_spec(
        {
            "age": {"bounds": [0, 120], "bins": 12},
            "sex": {"categories": ["Female", "Male"]},
            "born": {"bounds": ["1900-01-01", date(2030, 1, 1)]},
            'we "ird 🙂': {},
        }
    )
    assert domain["age"] == Column(bounds=(0, 120), bins=12)
    assert domain["sex"].categories == ("Female", "Male")
    assert domain['we "ird 🙂'] == domain["unheard of"] == Column()
    assert set(domain.project(["age", "unheard of"]).columns) == {"age"}


def test_a_domain_is_a_value() -> None:
    domain = Domain.from_spec({"age": {"bounds": [0, 120]}})
    assert domain == Domain.from_spec({"age": Column(bounds=(0, 120))})
    assert Domain.model_validate_json(domain.model_dump_json()) == domain
    with pytest.raises(ValidationError):
        domain["age"].bins = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("declared", "rule"),
    [
        ({"bounds": [5, 1]}, "least value first"),
        ({"bounds": [0, float("inf")]}, "finite"),
        ({"bounds": [0, float("nan")]}, "finite"),
        ({"bounds": [0, "2020-01-01"]}, "both be numbers or both be dates"),
        ({"bounds": ["2021-01-01", "2020-01-01"]}, "least value first"),
        ({"bounds": ["low", "high"]}, "ISO 8601"),
        ({"bounds": [1]}, "columns.c.bounds"),
        ({"bounds": [0, 1], "categories": ["a"]}, "not both"),
        ({"bins": 4}, "declare bounds"),
        ({"bounds": [0, 1], "bins": 0}, "bins \\(0\\)"),
        ({"categories": []}, "between 1 and"),
        ({"categories": ["a", "a"]}, "differ"),
        ({"bound": [0, 1]}, "columns.c.bound: .*; a column knows bounds, categories and bins"),
    ],
)
def test_a_wrong_declaration_names_the_column_and_the_rule(declared: dict[str, Any], rule: str) -> None:
    with pytest.raises(DomainError, match=rule) as refusal:
        Domain.from_spec({"c": declared})
    assert "columns.c" in str(refusal.value)


def test_bounds_may_be_moments() -> None:
    assert as_instant("2020-01-02") == as_instant(date(2020, 1, 2)) == datetime(2020, 1, 2)
    assert as_instant("2020-01-02 03:04:05+02:00") == datetime(2020, 1, 2, 3, 4, 5)
    assert as_instant(datetime(2020, 1, 2, 3)) == datetime(2020, 1, 2, 3)
    assert as_instant(7) is None
    assert as_instant(7.5) is None
