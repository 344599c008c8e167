"""Columns that mean nothing by themselves: what they hold follows from what their table is about."""

from __future__ import annotations

import duckdb
import pytest

from synth_assets.classification import ColumnVerdict, classify
from synth_assets.storage import columns_of


def verdicts(columns: dict[str, str], name: str, rows: int = 200) -> dict[str, ColumnVerdict]:
    con = duckdb.connect()
    chosen = ", ".join(f'{sql} AS "{column}"' for column, sql in columns.items())
    con.execute(f"CREATE TABLE t AS SELECT {chosen} FROM range({rows}) AS r(i)")
    return {v.column: v for v in classify(con, "t", columns_of(con, "t"), table_name=name)}


PERSON = {"patient_id": "'P' || i // 2", "age": "20 + i % 60"}
AILING = {"diagnosis": "['asthma', 'gout', 'flu'][1 + i % 3]", "medication": "['aspirin', 'insulin'][1 + i % 2]"}
OWED = {"loan_amount": "1000 + i * 7.5", "account_balance": "i * 3.25", "monthly_income": "2000 + i"}


@pytest.mark.parametrize(
    ("column", "values", "entity_type"),
    [
        ("risk_score", "i % 97", "health"),
        ("outcome", "['better', 'worse', 'same'][1 + i % 3]", "health"),
        ("condition", "['asthmatic', 'anaemic', 'lame'][1 + i % 3]", "diagnosis"),
        ("test_name", "['blood', 'urine', 'xray'][1 + i % 3]", "procedure"),
        ("service_type", "['ward', 'day', 'home'][1 + i % 3]", "procedure"),
        ("follow_up_completed", "i % 2 = 0", "health"),
        ("charge_amount", "i * 1.25", "financial"),
    ],
)
def test_in_a_table_about_health(column: str, values: str, entity_type: str) -> None:
    about_health = verdicts(PERSON | AILING | {column: values}, "stays")[column]
    assert (about_health.entity_type, about_health.role) == (entity_type, "sensitive")
    assert about_health.rule == "what the table is about"


@pytest.mark.parametrize("column", ["risk_score", "outcome", "condition", "test_name", "service_type"])
def test_elsewhere_the_same_is_nobodys(column: str) -> None:
    goods = {"machine": "'M' || i", "colour": "['red', 'blue'][1 + i % 2]", column: "['a', 'b', 'c'][1 + i % 3]"}
    assert verdicts(goods, "machines")[column].role in {"insensitive", "undecided"}


def test_administration_stays_nobodys_among_diagnoses() -> None:
    found = verdicts(PERSON | AILING | {"score_unit": "['mg', 'ml'][1 + i % 2]", "test_code": "'T' || i % 9"}, "stays")
    assert {found[name].role for name in ("score_unit", "test_code")} <= {"insensitive", "undecided"}


@pytest.mark.parametrize(("column", "values"), [("limit", "i * 10"), ("score", "i % 50"), ("paid_amount", "i * 1.5")])
def test_in_a_table_about_money(column: str, values: str) -> None:
    found = verdicts({"customer_id": "'C' || i", "age": "20 + i % 60"} | OWED | {column: values}, "borrowers")[column]
    assert (found.entity_type, found.role) == ("financial", "sensitive")


def test_pay_of_a_payroll_is_a_salary() -> None:
    columns = {"employee_id": "'E' || i // 12", "dept": "['a', 'b'][1 + i % 2]", "amount": "2000 + i * 1.5"}
    assert verdicts(columns, "payroll")["amount"].entity_type == "salary"


def test_marks_of_students_are_their_education() -> None:
    columns = {
        "student_id": "'S' || i",
        "gender": "['f', 'm'][1 + i % 2]",
        "final_score": "40 + (i * 7) % 60",
        "xqz": "30 + (i * 11) % 70",
        "zqx": "i",
    }
    found = verdicts(columns, "students", rows=150)
    assert found["final_score"].entity_type == "education"
    assert found["xqz"].entity_type == "education", "unknown numbers as large as marks"
    assert found["zqx"].entity_type != "education", "numbers of rows are no marks"
    assert verdicts(columns, "machines", rows=150)["final_score"].entity_type != "education"


def test_opaque_columns_of_a_questionnaire_about_health_stay_undecided() -> None:
    asked = {f"{word}": "i % 5" for word in ("insomnia", "anxiety", "depression", "smoking")}
    person = {"age": "20 + i % 60", "gender": "['f', 'm'][1 + i % 2]"}
    assert verdicts(person | asked | {"qzx": "i % 6"}, "answers")["qzx"].role == "undecided"
    assert verdicts(person | asked | {"qzx": "i % 6"}, "patients")["qzx"].role == "sensitive"


def test_opaque_columns_about_offenders_are_sensitive() -> None:
    columns = {"inmate_id": "'I' || i", "age": "20 + i % 60", "offense": "['a', 'b'][1 + i % 2]", "qzx": "i % 4"}
    assert verdicts(columns, "parole_releases")["qzx"].entity_type == "sensitive_other"
