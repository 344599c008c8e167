"""Whether a table is about people, whose keys it has, and whose its places and firms are."""

from __future__ import annotations

import pytest

from tests.classification.test_subjects import verdicts

PERSON = {"customer_id": "'C' || i", "first_name": "'Ann'", "last_name": "'Lee'"}


@pytest.mark.parametrize("column", ["company", "employer", "Company Name"])
def test_an_employer_is_somebodys(column: str) -> None:
    firms = {column: "'Firm ' || i % 9"}
    assert verdicts(PERSON | firms, "contacts")[column].role == "quasi_identifier"
    assert verdicts({"model": "'M' || i", "price": "i * 1.5"} | firms, "laptops")[column].role == "insensitive"


def test_the_place_of_an_employer_is_somebodys_and_a_shops_is_not() -> None:
    columns = PERSON | {"company_city": "['Rome', 'Oslo', 'Bern'][1 + i % 3]", "store_city": "'Rome'"}
    found = verdicts(columns, "employees")
    assert found["company_city"].role == "quasi_identifier"
    assert found["store_city"].role == "insensitive"


def test_ages_and_sexes_are_peoples_whatever_the_table_is_called() -> None:
    columns = {"gender": "['Male', 'Female'][1 + i % 2]", "age": "18 + i % 60", "customer_type": "'new'"}
    found = verdicts(columns, "flight_ratings")
    assert (found["gender"].role, found["age"].role) == ("quasi_identifier", "quasi_identifier")


def test_orders_that_say_where_their_customers_live() -> None:
    columns = {
        "user_email": "'u' || i || '@mail.test'",
        "shipping_address": "i || ' Main Street'",
        "shipping_city": "['Rome', 'Oslo', 'Bern'][1 + i % 3]",
        "subtotal": "i * 1.5",
    }
    found = verdicts(columns, "orders")
    assert found["shipping_address"].role == "direct_identifier"
    assert found["shipping_city"].role == "quasi_identifier"


def test_a_list_of_addresses_is_where_people_live() -> None:
    columns = {
        "address": "i || ' Main Street'",
        "postal_code": "lpad((i * 37)::VARCHAR, 5, '0')",
        "phone": "'+49 30 12' || i",
    }
    assert verdicts(columns, "addresses")["address"].role == "direct_identifier"


def test_a_list_of_regions_is_about_nobody() -> None:
    names = [
        "Ohio",
        "Texas",
        "Utah",
        "Iowa",
        "Maine",
        "Idaho",
        "Nevada",
        "Oregon",
        "Alaska",
        "Hawaii",
        "Kansas",
        "Vermont",
    ]
    columns = {"unit": f"{names}[1 + i]", "education": "i % 5", "age": "30 + i", "salary": "i * 100.5"}
    assert verdicts(columns | {"qzx": "i"}, "facts", rows=12)["unit"].role in {"insensitive", "quasi_identifier"}
    del columns["salary"]
    assert verdicts(columns, "facts", rows=12)["unit"].role == "insensitive"


def test_a_provider_that_is_a_firm_has_no_personal_key() -> None:
    columns = {
        "member_id": "'M' || i",
        "provider_id": "'P' || i % 50",
        "provider_name": "'Hospital ' || i || ' Ltd'",
        "diagnosis_code": "'E' || 10 + i % 9",
    }
    found = verdicts(columns, "claims")
    assert found["provider_id"].role == "insensitive"
    assert found["member_id"].role == "direct_identifier"


def test_codes_of_people_under_an_unknown_name_are_their_keys() -> None:
    columns = {"patient_no": "i", "first_name": "'Ann'", "qzxId": "10000 + i", "qzx": "i % 4"}
    found = verdicts(columns, "patients")
    assert found["qzxId"].entity_type == "person_id"
    assert found["qzx"].role != "direct_identifier"
    assert verdicts({"part": "'A' || i", "qzxId": "10000 + i"}, "parts")["qzxId"].role != "direct_identifier"


def test_a_second_unique_key_of_people_is_a_key_of_people() -> None:
    columns = {"id": "i", "case_number": "'K' || 1000 + i * 7", "age": "20 + i % 60", "sex": "['f', 'm'][1 + i % 2]"}
    assert verdicts(columns, "scores")["id"].role == "direct_identifier"
    assert verdicts(columns | {"case_number": "'K' || i // 2"}, "scores")["id"].role == "insensitive"


def test_medicines_are_nobodys_in_a_catalogue_only() -> None:
    columns = {"drug_name": "['aspirin', 'insulin'][1 + i % 2]", "price": "i * 1.5", "pack_size": "i % 9"}
    assert verdicts(columns, "products")["drug_name"].role == "insensitive"
    assert (
        verdicts({"taking medicine": "i % 2", "walking": "i % 3 % 2"}, "answers")["taking medicine"].role == "sensitive"
    )
