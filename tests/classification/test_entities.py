"""Every entity type in a table about people, and what only looks like it: a new type without cases fails."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from synth_assets.classification import ColumnVerdict, classify
from synth_assets.classification.vocabulary import ENTITY_TYPES, EntityType, role_of
from synth_assets.demo.generator import generate
from synth_assets.starter import scan
from synth_assets.storage import columns_of

SHARED = Path(__file__).parents[2] / "../shared/data"

ROWS = 120


def _one_of(*words: str) -> str:
    listed = ", ".join("'" + word.replace("'", "''") + "'" for word in words)
    return f"[{listed}][1 + i * 11 % {len(words)}]"


_GIVEN = _one_of("Anna", "Robert", "Michael", "Jennifer", "Linda", "David", "Maria")
_FAMILY = _one_of("Smith", "Johnson", "Miller", "Garcia", "Wilson", "Taylor", "Moore")
_CODE = "'K' || lpad((i * 37 % 997)::VARCHAR, 4, '0')"
_DAY = "DATE '2019-03-01' + (i * 11)::INT"
_DIGITS = "(410000000 + i * 7919)::VARCHAR"
_WORDS = "'some words about this and that ' || i"
_FLAG = "i % 3 = 0"
_NUMBER = "i * 13 % 87"
_MONEY = "i * 137 % 9000 + 0.5"

Case = tuple[str, str]
"""A column's name and SQL of its values from a row number ``i``."""

HOLDS: dict[EntityType, tuple[Case, ...]] = {
    "person_name": (("full_name", f"{_GIVEN} || ' ' || {_FAMILY}"), ("zz9", f"'Dr. ' || {_FAMILY}")),
    "first_name": (("Vorname", _GIVEN), ("zz9", _GIVEN)),
    "last_name": (("apellido_paterno", _FAMILY), ("efternamn", _FAMILY)),
    "middle_name": (("middle_initial", "chr((65 + i % 26)::INT)"),),
    "email": (("contact_mail", "'u' || i || '@b.test'"), ("zz9", "'u' || i || '@b.test'")),
    "phone": (("telefoonnr", "'+31 6 1234' || lpad(i::VARCHAR, 4, '0')"),),
    "national_id": (("ssn", "'219-09-' || lpad((i + 1)::VARCHAR, 4, '0')"), ("rodne_cislo", _DIGITS)),
    "passport": (("passport_no", "'X' || (1000000 + i * 7919)"),),
    "drivers_license": (("driving_licence_number", "'D' || (1000000 + i * 7919)"),),
    "credit_card": (("card_number", "'4' || lpad((i * 7919)::VARCHAR, 15, '0')"),),
    "iban": (("IBAN", "'DE' || lpad((i * 7919)::VARCHAR, 20, '0')"),),
    "bank_account": (("nr_rachunku", "'PL' || lpad((i * 7919)::VARCHAR, 10, '0')"), ("Kontonummer", _DIGITS)),
    "license_plate": (("Kennzeichen", "'B-XY ' || (100 + i)"),),
    "vin": (("vin", "'WVWZZZ1JZ3W' || lpad((386752 + i)::VARCHAR, 6, '0')"),),
    "ip_address": (("client_ip", "'10.0.' || i || '.7'"), ("zz9", "'10.0.' || i || '.7'")),
    "mac_address": (("wifi_mac", "'00:1b:44:11:3a:' || lpad((10 + i % 80)::VARCHAR, 2, '0')"),),
    "username": (("login_name", "'user' || i"), ("handler", _one_of("jsmith", "rgarcia", "kwilson2", "dmiller"))),
    "person_id": (("patient_no", _CODE), ("kpersnr", _CODE), ("mnr", _CODE), ("lidnr", _CODE)),
    "street_address": (("Straße", "'Lindenweg ' || i"), ("zz9", "i || ' Baker Street'")),
    "address_part": (("apartment", "'Apt ' || i"),),
    "photo": (("profile_photo", "'p/' || i || '.jpg'"),),
    "free_text_pii": (("clinical_notes", f"'Called Mr. Smith, ring back on 555-123-4567, ' || {_WORDS}"),),
    "city": (("lieu_naissance", _one_of("Paris", "Lyon", "Nantes", "Nice", "Lille")),),
    "region": (("state_of_residence", _one_of("Ohio", "Texas", "Utah", "Iowa")),),
    "postcode": (("cp", "(10000 + i * 701)::INT"), ("plz", "lpad((i * 701)::VARCHAR, 5, '0')")),
    "country": (("country_of_birth", _one_of("France", "Spain", "Italy", "Poland")),),
    "latitude": (("home_latitude", "48 + i / 997"),),
    "longitude": (("home_longitude", "2 + i / 997"),),
    "geo_point": (("home_location", "'(48.' || (100 + i) || ', 2.' || (200 + i) || ')'"),),
    "date_of_birth": (("GebDat", "DATE '1950-01-01' + (i * 151)::INT"), ("birth_year", "1940 + i % 60")),
    "date_of_death": (("verstorben_am", _DAY),),
    "age": (("leeftijd", "18 + i % 70"), ("age_group", _one_of("18-29", "30-44", "45-64", "65+"))),
    "gender": (("geslacht", _one_of("m", "v")), ("zz9", _one_of("male", "female"))),
    "marital_status": (("estado_civil", _one_of("Soltero", "Casado", "Viudo")),),
    "nationality": (("citizenship", _one_of("French", "Polish", "Dutch")),),
    "language": (("mother_tongue", _one_of("French", "Polish", "Dutch")),),
    "timezone": (("user_timezone", _one_of("Europe/Paris", "Asia/Tokyo")),),
    "education": (("Bildungsabschluss", _one_of("Abitur", "Bachelor", "Master")),),
    "occupation": (("job_title", _one_of("Nurse", "Accountant", "Electrician", "Plumber")),),
    "household": (("number_of_children", "i % 5"),),
    "name_title": (("Anrede", _one_of("Herr", "Frau")),),
    "person_date": (("hire_date", _DAY), ("fecha_ingreso", _DAY)),
    "ethnicity": (("ethnic_group", _one_of("White", "Black", "Asian", "Mixed")),),
    "religion": (("Konfession", _one_of("rk", "ev", "keine")),),
    "diagnosis": (("icd10_code", _one_of("I10.9", "E11.9", "J18.9", "C50.1")), ("zz9", _one_of("Asthma", "Gastritis",
        "Type 2 diabetes", "Otitis media"))),
    "medication": (("medicatie", _one_of("A", "B", "C")), ("zz9", _one_of("Metformin", "Amoxicillin", "Ramipril"))),
    "procedure": (("surgical_procedure", _one_of("appendectomy", "bypass")),),
    "health": (("blood_pressure", "90 + i % 70"), ("smoker", _FLAG)),
    "salary": (("monthly_income", _MONEY), ("placa_zasadnicza", _MONEY)),
    "financial": (("account_balance", _MONEY), ("credit_limit", _MONEY)),
    "hr_evaluation": (("performance_rating", "1 + i % 5"),),
    "sensitive_other": (("trade_union_member", _FLAG), ("zz9", _one_of("straight", "gay", "bisexual", "heterosexual"))),
    "password": (("password_hash", "md5(i::VARCHAR)"),),
    "card_cvv": (("cvv", "(100 + i)::INT"),),
    "card_expiry": (("card_expiry", "lpad((1 + i % 12)::VARCHAR, 2, '0') || '/27'"),),
    "record_id": (("order_id", "1000 + i"), ("invoice_no", _CODE)),
    "url": (("homepage_url", "'https://b.test/' || i"),),
    "category": (("product_category", _one_of("A", "B", "C")), ("ip_rating", _one_of("IP65", "IP67"))),
    "measure": (("visit_count", _NUMBER), ("account_age_days", _NUMBER)),
    "flag": (("email_verified", _FLAG), ("newsletter_optin", _FLAG)),
    "code": (("currency_code", _one_of("EUR", "USD")), ("ean13", "'40' || lpad((i * 7919)::VARCHAR, 11, '0')")),
    "text": (("product_name", _WORDS), ("item_description", _WORDS)),
    "card_type": (("card_brand", _one_of("Visa", "Amex")),),
    "bic": (("swift_bic", "'DEUTDEFF' || (100 + i)"),),
    "date": (("invoice_date", _DAY), ("created_at", _DAY)),
    "organization": (("company_name", "'Firm ' || i || ' GmbH'"),),
    "amount": (("unit_price", _MONEY), ("shipping_cost", _MONEY)),
    "unknown_none": (("zz9", "NULL"),),
}  # fmt: skip
"""What each type looks like beside a person's name and birth; ``zz9`` is a name that says nothing."""

ONLY_LOOKS_LIKE: dict[EntityType, tuple[Case, ...]] = {
    "person_name": (("product_name", _WORDS), ("file_name", "'f' || i || '.csv'"), ("name_count", _NUMBER)),
    "first_name": (("first_visit", _DAY), ("first_order_amount", _MONEY)),
    "last_name": (("last_login", _DAY), ("u_last_scan", _DAY), ("last_score", _NUMBER)),
    "middle_name": (("middle_lane_count", _NUMBER),),
    "email": (("email_verified", _FLAG), ("email_count", _NUMBER), ("email_domain", _one_of("a.test", "b.test"))),
    "phone": (("phone_type", _one_of("home", "work")), ("has_phone", _FLAG), ("phone_calls_count", _NUMBER)),
    "national_id": (("tax_rate", "i / 100"), ("zz9", _DIGITS), ("ssn_verified", _FLAG)),
    "passport": (("has_passport", _FLAG), ("passport_valid", _FLAG)),
    "drivers_license": (("software_license", _one_of("MIT", "GPL")), ("has_drivers_license", _FLAG)),
    "credit_card": (("num_credit_cards", "i % 6"), ("zz9", "(4000000000 + i * 7919)::VARCHAR")),
    "iban": (("iban_valid", _FLAG),),
    "bank_account": (("num_bank_accounts", "i % 6"), ("account_type", _one_of("gold", "basic"))),
    "license_plate": (("plate_thickness_mm", _NUMBER), ("placa_zasadnicza", _MONEY)),
    "vin": (("vintage", "1990 + i % 30"),),
    "ip_address": (("ip_rating", _one_of("IP65", "IP67")), ("ip_count", _NUMBER)),
    "mac_address": (("machine_type", _one_of("a", "b")),),
    "username": (("user_count", _NUMBER), ("user_type", _one_of("basic", "pro"))),
    "person_id": (("order_id", "1000 + i"), ("product_id", _NUMBER), ("customer_count", _NUMBER)),
    "street_address": (("address_type", _one_of("home", "work")), ("address_verified", _FLAG)),
    "address_part": (("suite_version", _one_of("1.0", "2.0")),),
    "photo": (("photo_count", _NUMBER), ("has_photo", _FLAG)),
    "free_text_pii": (("note_count", _NUMBER), ("message_id", "1000 + i")),
    "city": (("capacity", _NUMBER), ("velocity", _NUMBER)),
    "region": (("order_status", _one_of("open", "closed")),),
    "postcode": (("zip_file_size", _NUMBER), ("zz9", "(10000 + i * 701)::INT")),
    "country": (("country_count", _NUMBER), ("landing_page", "'/' || i")),
    "latitude": (("platform", _one_of("web", "app")),),
    "longitude": (("long_description", _WORDS), ("lön", "20000 + i * 137")),
    "geo_point": (("points", _NUMBER), ("loyalty_points", _NUMBER)),
    "date_of_birth": (("invoice_date", _DAY), ("birth_certificate_checked", _FLAG)),
    "date_of_death": (("deadline", _DAY),),
    "age": (("storage", _NUMBER), ("page", _NUMBER), ("account_age_days", "i * 31"), ("vehicle_age", "i % 20")),
    "gender": (("agenda", _WORDS), ("gender_count", _NUMBER), ("zz9", _one_of("D", "E", "F"))),
    "marital_status": (("order_status", _one_of("open", "closed")), ("partner_program", _one_of("gold", "silver"))),
    "nationality": (("national_holiday", _FLAG),),
    "language": (("slang_count", _NUMBER),),
    "timezone": (("delivery_zone", _one_of("A", "B")), ("response_time", _NUMBER)),
    "education": (("degrees_celsius", _NUMBER),),
    "occupation": (("job_id", "1000 + i"), ("position_number", "1000 + i")),
    "household": (("children_menu_price", _MONEY), ("family_plan", _FLAG)),
    "name_title": (("Titel", _one_of(*(f"The long road to somewhere {n}" for n in range(23)))),),
    "person_date": (("delivery_date", _DAY), ("visit_count", _NUMBER)),
    "ethnicity": (("race_distance_km", _NUMBER), ("trace_id", "1000 + i")),
    "religion": (("region_code", _one_of("A", "B")),),
    "diagnosis": (("diagonal_mm", _NUMBER), ("zz9", _one_of("Basis", "Bonus", "Extra"))),
    "medication": (("drug_store_name", "'Store ' || i"), ("zz9", _one_of("Oak", "Pine", "Elm"))),
    "procedure": (("stored_procedure_name", _one_of("sp_a", "sp_b")),),
    "health": (("product_weight", _NUMBER), ("weight g", _NUMBER)),
    "salary": (("total_amount", _MONEY), ("unit_price", _MONEY)),
    "financial": (("balance_sheet_page", _NUMBER),),
    "hr_evaluation": (("product_rating", "1 + i % 5"), ("movie_rating", "1 + i % 5")),
    "sensitive_other": (("party_size", "1 + i % 8"), ("screen_orientation", _one_of("portrait", "landscape"))),
    "password": (("password_length", _NUMBER), ("passwordless", _FLAG), ("passed", _FLAG)),
    "card_cvv": (("cv_url", "'https://b.test/' || i"),),
    "card_expiry": (("contract_expiry_date", _DAY),),
    "record_id": (("person_id", _CODE), ("kidney_score", _NUMBER)),
    "url": (("curl_length", _NUMBER),),
    "category": (("first_name", _GIVEN),),
    "measure": (("ssn", "'219-09-' || lpad((i + 1)::VARCHAR, 4, '0')"),),
    "flag": (("flagged_email", "'u' || i || '@b.test'"),),
    "code": (("postal_code", "lpad((i * 701)::VARCHAR, 5, '0')"),),
    "text": (("full_name", f"{_GIVEN} || ' ' || {_FAMILY}"),),
    "card_type": (("card_number", "'4' || lpad((i * 7919)::VARCHAR, 15, '0')"),),
    "bic": (("bicycle_count", _NUMBER),),
    "date": (("update_count", _NUMBER),),
    "organization": (("full_name", f"{_GIVEN} || ' ' || {_FAMILY}"),),
    "amount": (("ssn", "'219-09-' || lpad((i + 1)::VARCHAR, 4, '0')"),),
    "unknown_none": (("email", "'u' || i || '@b.test'"),),
}
"""Columns in the same table that are not of the type, though their name or their values come near."""


_PEOPLE = f"{_GIVEN} AS given_name, DATE '1950-01-01' + (i * 97)::INT AS date_of_birth, 'N' || i AS citizen_number"
_OPAQUE = "zz9"


def _verdicts(cases: list[Case], name: str = "") -> dict[Case, ColumnVerdict]:
    """The verdicts on columns that stand in one table of people."""
    con = duckdb.connect()
    columns = ", ".join(f'{values} AS "{name}"' for name, values in cases)
    con.execute(f"CREATE TABLE t AS SELECT {_PEOPLE}, {columns} FROM range({ROWS}) r(i)")
    found = {v.column: v for v in classify(con, "t", columns_of(con, "t"), table_name=name)}
    return {case: found[case[0]] for case in cases}


@pytest.fixture(scope="module")
def verdicts() -> dict[Case, ColumnVerdict]:
    """Of all cases: those with a name in two tables, those without one each in its own."""
    found: dict[Case, ColumnVerdict] = {}
    for table in (HOLDS, ONLY_LOOKS_LIKE):
        cases = list(dict.fromkeys(case for cases in table.values() for case in cases))
        named = {case[0]: case for case in cases if case[0] != _OPAQUE}
        found |= _verdicts(list(named.values()))
        for case in cases:
            if case[0] == _OPAQUE:
                found |= _verdicts([case])
    return found


def _cases(table: dict[EntityType, tuple[Case, ...]]) -> list[object]:
    return [pytest.param(kind, case, id=f"{kind}-{case[0]}") for kind, cases in table.items() for case in cases]


def test_every_type_has_cases() -> None:
    assert set(HOLDS) == set(ONLY_LOOKS_LIKE) == set(ENTITY_TYPES)
    assert all(HOLDS.values())
    assert all(ONLY_LOOKS_LIKE.values())


@pytest.mark.parametrize(("kind", "case"), _cases(HOLDS))
def test_it_is_found(verdicts: dict[Case, ColumnVerdict], kind: EntityType, case: Case) -> None:
    verdict = verdicts[case]
    assert verdict.entity_type == kind, verdict
    employer = "quasi_identifier" if kind == "organization" else None  # of people: whom they work for
    assert verdict.role == (employer or role_of(kind) if kind != "unknown_none" else "undecided"), verdict


@pytest.mark.parametrize(("kind", "case"), _cases(ONLY_LOOKS_LIKE))
def test_what_looks_like_it_is_not_taken_for_it(
    verdicts: dict[Case, ColumnVerdict], kind: EntityType, case: Case
) -> None:
    verdict = verdicts[case]
    assert verdict.entity_type != kind or verdict.role == "undecided", verdict


def test_the_names_of_companies_are_nobodys() -> None:
    con = duckdb.connect()
    firms = "'Firm ' || i || ' GmbH' AS name, 'Oslo' AS city, 10 + i AS employees, i * 1000 AS revenue"
    con.execute(f"CREATE TABLE t AS SELECT {firms} FROM range({ROWS}) r(i)")
    found = {v.column: v for v in classify(con, "t", columns_of(con, "t"), table_name="companies")}
    assert {v.role for v in found.values()} == {"insensitive"}, found


DEMO = {
    "patients": {"person_id", "first_name", "last_name", "ssn", "email", "phone", "street", "note"},
    "visits": {"person_id", "patient_name", "email"},
    "register": {"citizen_id"},
    "trial": {"subject_id", "patient_name"},
}
DIRECT_IN = {
    "synthea/patients": {"Id", "SSN", "DRIVERS", "PASSPORT", "FIRST", "LAST", "MAIDEN", "ADDRESS"},
    "synthea/conditions": {"PATIENT"},
    "synthea/immunizations": {"PATIENT"},
    "synthea/careplans": {"PATIENT"},
    "synthea/allergies": {"PATIENT"},
}


@pytest.mark.parametrize("table", DIRECT_IN)
def test_syntheas_tables_have_no_wrong_direct_identifier(table: str) -> None:
    file = (SHARED / table).with_suffix(".csv")
    if not file.exists():
        pytest.skip("Synthea's tables are not beside the repository")
    verdicts = scan(file).verdicts
    assert {v.column for v in verdicts if v.role == "direct_identifier"} == DIRECT_IN[table]
    assert not [v.column for v in verdicts if v.role == "undecided"]


def test_the_demos_tables_have_no_wrong_direct_identifier(tmp_path: Path) -> None:
    found = {
        file.stem: {v.column for v in scan(file).verdicts if v.role == "direct_identifier"}
        for file in generate(tmp_path, people=400)
    }
    assert found == DEMO
