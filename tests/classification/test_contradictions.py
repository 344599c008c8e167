"""Values that cannot be what a column's name says, and values with a slip of the pen, which can."""

from __future__ import annotations

import pytest

from tests.classification.test_subjects import verdicts

PERSON = {
    "customer_id": "'C' || i",
    "first_name": "['Ann', 'Bob', 'Eve'][1 + i % 3]",
    "birth_date": "DATE '1950-01-01' + (i * 97)::INT",
}


@pytest.mark.parametrize(
    ("column", "values", "entity_type"),
    [
        ("age", "CASE WHEN i = 7 THEN -1726 ELSE 20 + i % 60 END", "age"),
        ("gender", "CASE WHEN i % 40 = 0 THEN 'of kind ' || i ELSE ['male', 'female'][1 + i % 2] END", "gender"),
        ("email", "md5(i::VARCHAR)", "email"),
        ("user_id", "['u17', 'u18', 'u19'][1 + i % 3]", "person_id"),
        ("admission_date", "'Nov ' || (1 + i % 28) || ', 2013 12:59 AM'", "person_date"),
    ],
)
def test_still_what_the_name_says(column: str, values: str, entity_type: str) -> None:
    assert verdicts(PERSON | {column: values}, "customers")[column].entity_type == entity_type


@pytest.mark.parametrize(
    ("column", "values", "entity_type"),
    [
        ("logins_30d", "i % 9", "username"),
        ("prior_admissions", "i % 6", "person_date"),
        ("score", "'2020-01-' || lpad((1 + i % 28)::VARCHAR, 2, '0')", "measure"),
        ("student", "['yes', 'no'][1 + i % 2]", "person_id"),
        ("last_purchase", "i * 1.37", "person_date"),
        ("address", "['Graz', 'Linz', 'Wels', 'Enns'][1 + i % 4]", "street_address"),
    ],
)
def test_no_longer_what_the_name_says(column: str, values: str, entity_type: str) -> None:
    assert verdicts(PERSON | {column: values}, "customers")[column].entity_type != entity_type


def test_colours_are_no_surnames() -> None:
    colours = "['Gray', 'White', 'Brown', 'Black', 'Green'][1 + i % 5]"
    assert verdicts({"squirrel": "i", "fur_color": colours}, "squirrels")["fur_color"].role != "direct_identifier"


def test_a_street_without_a_number_stays_a_street() -> None:
    streets = "['Abbey', 'Baker', 'Castle', 'Dover'][1 + i % 4] || ' Street'"
    assert verdicts(PERSON | {"street": streets}, "customers")["street"].role == "direct_identifier"
