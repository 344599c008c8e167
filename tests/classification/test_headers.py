from __future__ import annotations

from collections import Counter
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from synth_assets.classification import dictionary
from synth_assets.classification.headers import phrases, readings, words
from synth_assets.classification.vocabulary import ENTITY_TYPES, ROLES, EntityType, role_of


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("firstName", ("first", "name")),
        ("NationalIDNumber", ("national", "id", "number")),
        ("date_of-birth", ("date", "of", "birth")),
        ("Straße Nr.", ("strasse", "nr")),
        ("płeć", ("plec",)),
        ("PRÉNOM", ("prenom",)),
        ("ipv6", ("ipv", "6")),
        ("КодСотрудника", ("код", "сотрудника")),
        ("Địa chỉ", ("dia", "chi")),
        ("Adı", ("adi",)),
        ("नाम", ("नाम",)),
        ("😀", ()),
        ("", ()),
        ("名前", ("名前",)),
    ],
)
def test_words(header: str, expected: tuple[str, ...]) -> None:
    assert words(header) == expected


@pytest.mark.parametrize(
    ("header", "entity_type"),
    [
        ("FirstName", "first_name"),
        ("customer_last_name", "last_name"),
        ("E-Mail Adresse", "email"),
        ("Geburtsdatum", "date_of_birth"),
        ("fecha_nacimiento", "date_of_birth"),
        ("data urodzenia", "date_of_birth"),
        ("code postal", "postcode"),
        ("PLZ", "postcode"),
        ("Einkommen", "salary"),
        ("dochód", "salary"),
        ("kundenNr", "person_id"),
        ("CustomerID", "person_id"),
        ("order_id", "record_id"),
        ("GENDER_CODE", "gender"),
        ("num_children", "household"),
        ("admission-date", "person_date"),
        ("IBAN", "iban"),
        ("PhoneNumberType", "category"),
        ("has_email", "flag"),
        ("email_verified", "flag"),
        ("marital status", "marital_status"),
        ("cc_cvc", "card_cvv"),
        ("salary_currency", "category"),
        ("marital_status_id", "marital_status"),
        ("emp_status_id", "record_id"),
        ("КодКлиента", "person_id"),
        ("pesel_id", "national_id"),
        ("payout_bank_account_id", "bank_account"),
        ("id_puesto", "record_id"),
        ("municipio_id", "city"),
        ("phone_on_file", "phone"),
        ("property_manager_name", "person_name"),
        ("prescribing_physician", "person_name"),
        ("codiceDiabetologo", "person_id"),
        ("ulname", "last_name"),
        ("average_salary", "measure"),
        ("company_city", "city"),
        ("employer", "organization"),
    ],
)
def test_meaning(header: str, entity_type: EntityType) -> None:
    assert readings(header)[0].entity_type == entity_type


@pytest.mark.parametrize(
    "header", ["passenger_class_xyz", "coverage", "agenda", "bregename", "storage", "stage", "Xq7"]
)
def test_no_substring_counts(header: str) -> None:
    """`age` in `stage` and `storage`, `name` in `bregename` say nothing."""
    found = {reading.entity_type for reading in readings(header) if reading.weight >= 0.5}
    assert not found & {"age", "email", "gender", "person_name", "last_name", "first_name"}


def test_a_total_of_tokens_is_no_secret() -> None:
    assert readings("access_token")[0].entity_type == "password"
    assert "password" not in {reading.entity_type for reading in readings("total_tokens")}


def test_words_of_care_of_stand_in_their_order() -> None:
    assert "address_part" in {reading.entity_type for reading in readings("care_of")}
    assert "address_part" not in {reading.entity_type for reading in readings("type_of_care")}


@pytest.mark.parametrize("header", ["iphone", "estate", "another", "price"])
def test_a_letter_before_a_word_is_no_prefix_of_every_word(header: str) -> None:
    assert not {"phone", "region", "person_name"} & {reading.entity_type for reading in readings(header)}


def test_a_name_torn_apart_is_none() -> None:
    torn, whole = (next(r for r in readings(h) if r.entity_type == "last_name") for h in ("最終DM名称", "last_name"))
    assert torn.weight < 0.5 < whole.weight


def test_weight_is_the_share_of_the_name_that_is_covered() -> None:
    whole, part = readings("email")[0], readings("shipment email colour")
    assert whole.weight == 1.0
    assert next(r for r in part if r.entity_type == "email").weight == pytest.approx(1 / 3, abs=1e-4)
    assert readings("unheard of") == ()


@given(header=st.text(max_size=40))
def test_any_name_is_read(header: str) -> None:
    found = readings(header)
    assert all(0 < reading.weight <= 1 for reading in found)
    assert [r.weight for r in found] == sorted((r.weight for r in found), reverse=True)
    assert len({r.entity_type for r in found}) == len(found)


def test_dictionary_is_folded_and_says_one_thing_per_phrase() -> None:
    """A phrase is read as what the dictionary says, and no two phrases are the same words."""
    kinds = {"PERSON", "THING", "EVENT"}
    assert all(word in kinds or word == word.lower() for text in dictionary.phrases() for word in text.split())
    assert all(phrases()[_phrase(text)] == entity for text, entity in dictionary.phrases().items())
    assert set(phrases().values()) <= set(ENTITY_TYPES)


def _phrase(text: str) -> tuple[str, ...]:
    return tuple(
        part for word in text.split() for part in ((word,) if word.isupper() and word.isascii() else words(word))
    )


def test_every_entity_type_has_a_role() -> None:
    assert {role_of(entity) for entity in ENTITY_TYPES} == set(ROLES) - {"undecided"}
    assert len(set(ENTITY_TYPES)) == len(ENTITY_TYPES) == 68


def test_no_phrase_is_said_twice() -> None:
    """Of a phrase under two types the later would win without a word."""
    text = files("synth_assets.classification").joinpath("dictionary.yaml").read_text("utf-8")
    said = [" ".join(phrase.split()) for phrases in yaml.safe_load(text).values() for phrase in phrases.split(",")]
    assert [phrase for phrase, times in Counter(said).items() if times > 1 or not phrase] == []
