"""Whole tables: people stay one person, values one value, unique columns unique, and nothing raw is left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from synth_assets.classification import EntityType, Role
from synth_assets.deidentification import Deidentification, RecordCondition, TreatedColumn, deidentify
from synth_assets.deidentification.columns import KNOWN_GENDER
from synth_assets.deidentification.identities import names_another
from synth_assets.deidentification.pools import Pools
from synth_assets.errors import SpecError

Con = duckdb.DuckDBPyConnection


def column(
    name: str,
    treatment: Any,
    entity_type: EntityType = "unknown_none",
    data_type: str = "VARCHAR",
    unique: bool = False,
    role: Role = "direct_identifier",
) -> TreatedColumn:
    return TreatedColumn(
        name=name, data_type=data_type, entity_type=entity_type, role=role, treatment=treatment, unique=unique
    )


def one(con: Con, query: str) -> Any:
    return con.execute(query).fetchall()[0][0]


@pytest.fixture(scope="module")
def hospital(con: Con) -> Con:
    """200 patients with 3 visits each; a third of the visits misspell the name; ten doctors."""
    con.execute(
        """
        CREATE TABLE patients AS SELECT 'P' || i AS patient_id, 'Rawfirst' || (i % 50) AS first_name,
            'Rawlast' || i AS last_name, CASE WHEN i % 2 = 0 THEN 'Female' ELSE 'M' END AS sex,
            'raw' || i || '@mail.test' AS email, lpad((900000000 + i)::VARCHAR, 9, '0') AS ssn,
            keyed_int('unit', 'P' || i) AS __unit, i % 10 = 0 AS __control FROM range(200) AS r(i)
        """
    )
    con.execute(
        """
        CREATE TABLE visits AS SELECT v AS visit, 'P' || i AS patient, 'Rawfirst' || (i % 50) || ' Rawlast' || i
            || CASE WHEN v % 3 = 0 AND i % 5 = 0 THEN ' (sic)' ELSE '' END AS patient_name,
            'raw' || i || '@mail.test' AS mail, 'Dr. Rawdoctor' || (v * i % 10) AS doctor_name,
            'Rawcallee' || v || i AS number_dialled, keyed_int('unit', 'P' || i) AS __unit, i % 10 = 0 AS __control
        FROM range(200) AS r(i), range(3) AS q(v)
        """
    )
    return con


PATIENTS = [
    column("patient_id", "pseudonymize", "person_id", unique=True),
    column("first_name", {"fake": "first_name"}, "first_name"),
    column("last_name", {"fake": "last_name"}, "last_name"),
    column("sex", "keep", "gender", role="quasi_identifier"),
    column("email", {"fake": "email"}, "email", unique=True),
    column("ssn", {"fake": "national_id"}, "national_id", unique=True),
]
VISITS = [
    column("visit", "keep", data_type="BIGINT", role="insensitive"),
    column("patient", "pseudonymize", "person_id"),
    column("patient_name", {"fake": "name"}, "person_name"),
    column("mail", {"fake": "email"}, "email"),
    column("doctor_name", {"fake": "name"}, "person_name"),
    column("number_dialled", {"fake": "phone"}, "phone"),
]


@pytest.fixture(scope="module")
def treated(hospital: Con) -> tuple[Con, Deidentification, Deidentification]:
    first = deidentify(hospital, "patients", PATIENTS, "t_patients", unit="patient_id")
    people = "(SELECT __unit, sex AS gender FROM patients)"
    second = deidentify(hospital, "visits", VISITS, "t_visits", unit="patient", people_sql=people)
    return hospital, first, second


def test_a_person_is_one_person_in_both_tables(treated: tuple[Con, Deidentification, Deidentification]) -> None:
    con, patients, visits = treated
    assert (patients.rows, visits.rows) == (200, 600)
    joined = "t_visits AS v JOIN t_patients AS p ON v.patient = p.patient_id"
    assert one(con, f"SELECT count(*) FROM {joined}") == 600
    assert one(con, f"SELECT count(*) FROM {joined} WHERE v.__unit = p.__unit AND v.__control = p.__control") == 600
    agreeing = "patient_name = first_name || ' ' || last_name AND mail = email"
    assert one(con, f"SELECT count(*) FROM {joined} WHERE {agreeing}") == 600
    begins = "starts_with(email, lower(first_name || '.' || last_name))"
    assert one(con, f"SELECT count(*) FROM t_patients WHERE {begins}") == 200
    assert (
        one(
            con,
            "SELECT count(DISTINCT patient_id) FROM t_patients WHERE regexp_full_match(patient_id, 'id_[0-9a-f]{20}')",
        )
        == 200
    )


def test_given_names_have_the_gender_of_the_row(treated: tuple[Con, Deidentification, Deidentification]) -> None:
    con, _, _ = treated
    words = Pools("en_US").words
    rows = con.execute("SELECT sex, first_name FROM t_patients").fetchall()
    assert {sex for sex, _ in rows} == {"Female", "M"}
    assert all(name in words["female" if sex == "Female" else "male"] for sex, name in rows)


def test_strangers_are_faked_by_value(treated: tuple[Con, Deidentification, Deidentification]) -> None:
    con, _, visits = treated
    identity = {outcome.name: outcome.identity for outcome in visits.columns}
    assert identity == {
        "visit": None,
        "patient": None,
        "patient_name": "unit",
        "mail": "unit",
        "doctor_name": "value",  # its name says so
        "number_dialled": "value",  # most patients dial several numbers
    }
    pairs = (
        "(SELECT DISTINCT v.doctor_name AS raw, t.doctor_name AS fake FROM visits AS v "
        "JOIN t_visits AS t ON v.__unit = t.__unit AND v.visit = t.visit)"
    )
    assert con.execute(f"SELECT count(*), count(DISTINCT raw), count(DISTINCT fake) FROM {pairs}").fetchall() == [
        (10, 10, 10)
    ]
    assert one(con, "SELECT count(DISTINCT number_dialled) FROM t_visits") == 600


def test_same_value_gets_the_same_fake_in_tables_without_a_unit(con: Con) -> None:
    for name, count in (("a", 40), ("b", 60)):
        con.execute(
            f"CREATE OR REPLACE TABLE {name} AS SELECT 'N' || i AS name, i::UBIGINT AS __unit, false AS __control "
            f"FROM range({count}) AS r(i)"
        )
        deidentify(con, name, [column("name", {"fake": "name"}, "person_name")], f"t_{name}")
    assert one(con, "SELECT count(*) FROM t_a SEMI JOIN t_b USING (name)") == 40
    assert one(con, "SELECT count(DISTINCT name) FROM t_b") == 60


def test_another_secret_gives_other_fakes(con: Con) -> None:
    from synth_assets.storage import install_keys

    fakes = []
    for secret in (b"1" * 32, b"2" * 32, b"1" * 32):
        other = duckdb.connect()
        install_keys(other, secret)
        other.execute("CREATE TABLE s AS SELECT 'Ann' AS name, 'P1' AS id, 1::UBIGINT AS __unit, false AS __control")
        deidentify(other, "s", [column("name", {"fake": "name"}), column("id", "pseudonymize")], "t")
        fakes.append(other.execute("SELECT name, id FROM t").fetchall())
    assert fakes[0] == fakes[2]
    assert fakes[0][0][0] != fakes[1][0][0]
    assert fakes[0][0][1] != fakes[1][0][1]


@pytest.mark.parametrize(("unit", "rows", "redraws"), [("id", 100_000, (36, 130)), (None, 20_000, (0, 20))])
def test_unique_columns_stay_unique(con: Con, unit: str | None, rows: int, redraws: tuple[int, int]) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE big AS SELECT 'P' || i AS id, 'v' || i AS name, 'v' || i AS email, 'v' || i AS ssn, "
        f"'v' || i AS phone, keyed_int('unit', 'P' || i) AS __unit, false AS __control FROM range({rows}) AS r(i)"
    )
    columns = [
        column("id", "pseudonymize", "person_id", unique=True),
        column("name", {"fake": "name"}, "person_name", unique=True),
        column("email", {"fake": "email"}, "email", unique=True),
        column("ssn", {"fake": "national_id"}, "national_id", unique=True),
        column("phone", {"fake": "phone"}, "phone", unique=True),
    ]
    result = deidentify(con, "big", columns, "t_big", unit=unit)
    counts = ", ".join(f"count(DISTINCT {c.name})" for c in columns)
    assert con.execute(f"SELECT {counts} FROM t_big").fetchall() == [(rows,) * 5]
    redrawn = {outcome.name: outcome.redrawn for outcome in result.columns}
    # of 100,000 draws from 60,980,000 numbers 82 are expected to meet (standard deviation 9), of 20,000 3.3 (1.8),
    # and each takes another's place once in 600 times; the key is fixed, so that the answer is too
    assert redraws[0] < redrawn["ssn"] < redraws[1]
    assert redrawn["email"] == redrawn["id"] == 0
    assert not any(outcome.fixed_rule for outcome in result.columns if outcome.name != "id")


@pytest.mark.parametrize(
    ("kind", "values", "form"),
    [
        ("region", lambda pools: pools.size("region"), r".+"),  # every place there is
        ("job", lambda pools: pools.size("job") - 1, r".+"),
        ("first_name", lambda pools: 20 * pools.size("male"), r"[A-Z][a-z]+(-[A-Z][a-z]+)?"),
        ("last_name", lambda pools: 2 * pools.size("head") * pools.size("last"), r"[A-Z][a-z]+(-[A-Z][a-z]+)?"),
        ("postcode", lambda pools: 99_000, r"\d{5}"),
    ],
)
@pytest.mark.parametrize("unit", ["id", None])
def test_values_may_fill_all_places(
    con: Con, kind: str, values: Callable[[Pools], int], form: str, unit: str | None
) -> None:
    """Places are taken in a fixed way: another order of the rows leads to the same fakes."""
    count = values(Pools("en_US"))
    con.execute(
        f"CREATE OR REPLACE TABLE many AS SELECT i AS id, 'raw' || i AS v, keyed_int('unit', i::VARCHAR) AS __unit, "
        f"false AS __control FROM range({count}) AS r(i)"
    )
    fake = {"fake": kind, "identity": "unit" if unit else "value"}
    columns = [column("id", "keep", data_type="BIGINT"), column("v", fake, unique=True)]
    for name, rows in (("t_rising", "many"), ("t_falling", "(SELECT * FROM many ORDER BY id DESC)")):
        result = deidentify(con, rows, columns, name, unit=unit)
    parts = unit is not None and kind in {"first_name", "last_name"}  # of a person: they follow the full name
    assert (one(con, "SELECT count(DISTINCT v) FROM t_rising") == count) is not parts
    assert one(con, "SELECT count(*) FROM t_rising AS a JOIN t_falling AS b USING (id) WHERE a.v = b.v") == count
    assert one(con, f"SELECT count(*) FROM t_rising WHERE NOT regexp_full_match(v, '{form}')") == 0
    assert result.columns[1].redrawn == 0 if parts else 0 < result.columns[1].redrawn < count
    assert [row[0] for row in con.execute("DESCRIBE t_rising").fetchall()[:4]] == ["id", "v", "__unit", "__control"]


def test_more_values_than_fakes_are_refused_and_nothing_is_left(con: Con) -> None:
    bookkeeping = "i::UBIGINT AS __unit, false AS __control FROM range(60) AS r(i)"
    con.execute(f"CREATE OR REPLACE TABLE s AS SELECT 'raw' || i AS region, {bookkeeping}")
    with pytest.raises(SpecError, match="more values than fakes") as caught:
        deidentify(con, "s", [column("region", {"fake": "region"}, unique=True)], "t_region")
    assert "raw" not in str(caught.value)
    assert not one(con, "SELECT count(*) FROM duckdb_tables() WHERE table_name = 't_region'")
    # twice the same value is no two values
    con.execute(f"CREATE OR REPLACE TABLE s AS SELECT 'same' AS region, {bookkeeping}")
    deidentify(con, "s", [column("region", {"fake": "region"}, unique=True)], "t_region")
    assert one(con, "SELECT count(DISTINCT region) FROM t_region") == 1


def test_no_raw_identifier_is_left(con: Con, tmp_path: Path) -> None:
    """Raw names come from the very lists that the fakes are made of; still none of them comes out."""
    words = Pools("en_US").words
    lists = [list(words["female"]), [word.capitalize() for word in words["last"]]]
    con.execute("CREATE OR REPLACE TABLE lists AS SELECT $1::VARCHAR[] AS f, $2::VARCHAR[] AS l", lists)
    con.execute(
        """
        CREATE OR REPLACE TABLE s AS SELECT i AS id, f[1 + i * 7 % len(f)] || ' ' || l[1 + i % len(l)] AS name,
            lower(f[1 + i * 7 % len(f)] || '.' || l[1 + i % len(l)]) || i || '@example.org' AS email,
            '9' || lpad((i % 100)::VARCHAR, 2, '0') || '-77-' || lpad((i % 10000)::VARCHAR, 4, '0') AS ssn,
            '(555) 01' || lpad(i::VARCHAR, 5, '0') AS phone, 'canary ' || md5(i::VARCHAR) AS note,
            i || ' Main Street' AS street, 'C' || i AS account,
            keyed_int('unit', i::VARCHAR) AS __unit, false AS __control
        FROM range(3000) AS r(i), lists
        """
    )
    fakes: dict[str, Any] = {
        "name": {"fake": "name"},
        "email": {"fake": "email"},
        "ssn": {"fake": "national_id"},
        "phone": {"fake": "phone"},
        "street": {"fake": "street_address"},
        "note": "suppress",
        "account": "pseudonymize",
    }
    columns = [column("id", "pseudonymize", data_type="BIGINT")] + [column(n, t) for n, t in fakes.items()]
    for unit in ("id", None):
        result = deidentify(con, "s", columns, "t", unit=unit)
        path = tmp_path / "t.csv"
        con.execute(f"COPY (SELECT * EXCLUDE (__unit, __control) FROM t) TO '{path}'")
        written = path.read_text("utf-8")
        for name in fakes:
            raw = [row[0] for row in con.execute(f"SELECT {name} FROM s").fetchall()]
            assert not set(raw) & {row[0] for row in con.execute(f"SELECT {name} FROM t").fetchall()}
            assert not [value for value in raw[:400] if value in written and name != "account"]
        note = next(outcome for outcome in result.columns if outcome.name == "note")
        assert (note.suppressed_cells, note.output_type) == (3000, "VARCHAR")


def test_maiden_name_differs_and_nulls_stay(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE s AS SELECT 'L' || i AS last, CASE WHEN i % 2 = 0 THEN 'M' || i END AS maiden, "
        "i::UBIGINT AS __unit, NULL::BOOLEAN AS __control, i AS id FROM range(50) AS r(i)"
    )
    columns = [column(name, {"fake": "last_name"}, "last_name") for name in ("last", "maiden")]
    deidentify(con, "s", columns, "t", unit="id")
    assert con.execute("SELECT count(last), count(maiden), count(*) FILTER (last = maiden) FROM t").fetchall() == [
        (50, 25, 0)
    ]


def test_records_are_suppressed_by_raw_values(hospital: Con) -> None:
    conditions = [
        RecordCondition(column="sex", op="equals", value="M"),
        RecordCondition(column="patient_id", op="in", value=("P0", "P2")),
    ]
    result = deidentify(hospital, "patients", PATIENTS, "t_few", suppress_records=conditions, unit="patient_id")
    assert (result.rows, result.suppressed_rows) == (98, 102)
    assert (
        one(
            hospital,
            "SELECT count(*) FROM t_few SEMI JOIN (SELECT __unit FROM patients WHERE sex = 'M') USING (__unit)",
        )
        == 0
    )


def test_lineage_names_every_column_that_a_value_depends_on(
    treated: tuple[Con, Deidentification, Deidentification],
) -> None:
    _, patients, visits = treated
    assert patients.lineage["first_name"] == ("first_name", "patient_id", "sex")
    assert patients.lineage["ssn"] == ("ssn", "patient_id")
    assert patients.lineage["sex"] == ("sex",)
    assert visits.lineage["doctor_name"] == ("doctor_name",)
    assert patients.pools_digest == Pools("en_US").digest


@pytest.mark.parametrize("rows", [0, 1])
def test_odd_names_and_tiny_tables(con: Con, rows: int) -> None:
    odd = ['na"me', "select", "😀 mail", " ", "c0", "h0", "u"]
    listed = ", ".join("'v' AS \"" + name.replace('"', '""') + '"' for name in odd)
    con.execute(f"CREATE OR REPLACE TABLE s AS SELECT {listed}, 1::UBIGINT AS __unit, true AS __control LIMIT {rows}")
    treatments: list[Any] = [
        {"fake": "name"},
        "mask",
        {"fake": "email"},
        "keep",
        {"fake": "phone"},
        "pseudonymize",
        "suppress",
    ]
    columns = [column(name, form, unique=True) for name, form in zip(odd, treatments, strict=True)]
    result = deidentify(con, "s", columns, "t", unit='na"me')
    assert result.rows == rows
    assert [row[0] for row in con.execute("DESCRIBE t").fetchall()] == [*odd, "__unit", "__control", KNOWN_GENDER]
    assert con.execute('SELECT "select", " " FROM t').fetchall() == [("*" * 8, "v")] * rows


def test_identity_can_be_pinned_and_rows_without_a_unit_fall_back_to_the_value(con: Con) -> None:
    con.execute(
        "CREATE OR REPLACE TABLE s AS SELECT * FROM (VALUES ('Ann', 1::UBIGINT, false), ('Ann', 2, false), "
        "('Bob', 1, false), ('Cy', NULL, false), ('Cy', NULL, false)) AS t(name, __unit, __control)"
    )
    fakes = {}
    for identity in ("unit", "value"):
        deidentify(con, "s", [column("name", {"fake": "name", "identity": identity})], "t", unit="id")
        fakes[identity] = dict(con.execute("SELECT rowid, name FROM t").fetchall())
        raw = dict(con.execute("SELECT rowid, name FROM s").fetchall())
        assert set(raw) == set(fakes[identity])
    by_unit, by_value = list(fakes["unit"].values()), list(fakes["value"].values())
    assert sorted(map(by_unit.count, by_unit)) == [1, 2, 2, 2, 2]
    assert sorted(map(by_value.count, by_value)) == [1, 2, 2, 2, 2]
    assert one(con, "SELECT count(DISTINCT name) FROM t") == 3


def test_unsuitable_treatment_and_unknown_condition_are_refused(con: Con) -> None:
    con.execute("CREATE OR REPLACE TABLE s AS SELECT true AS yes, 1::UBIGINT AS __unit, false AS __control")
    with pytest.raises(SpecError, match="this one is BOOLEAN"):
        deidentify(con, "s", [column("yes", {"top_code": 3}, data_type="BOOLEAN")], "t")
    with pytest.raises(SpecError, match="no column `no`"):
        deidentify(con, "s", [], "t", suppress_records=[RecordCondition(column="no", op="is_null")])


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("doctor_name", True),
        ("EmergencyContactPhone", True),
        ("patient name", False),
        ("drug", False),
        ("email", False),
    ],
)
def test_names_that_name_another(name: str, other: bool) -> None:
    assert names_another(name) is other


def test_equal_texts_have_one_pseudonym_only_as_ids_of_one_type(con: Con) -> None:
    """A patient's number is nobody's SSN, visit or account; a unit is a person, whatever its type."""
    con.execute(
        "CREATE OR REPLACE TABLE ids AS SELECT i AS patient, i::VARCHAR AS ssn, i AS visit, i AS account, "
        "i::VARCHAR AS doctor, i::UBIGINT AS __unit, false AS __control FROM range(50) AS r(i)"
    )
    types: dict[str, EntityType] = {
        "patient": "record_id",
        "ssn": "national_id",
        "visit": "record_id",
        "account": "bank_account",
        "doctor": "person_id",
    }
    columns = [column(name, "pseudonymize", kind, data_type="BIGINT") for name, kind in types.items()]
    deidentify(con, "ids", columns, "t_ids", unit="PATIENT")
    equal = ", ".join(f"sum((a.patient = b.{name})::INT)" for name in types)
    assert con.execute(f"SELECT {equal} FROM t_ids AS a, t_ids AS b").fetchall() == [(50, 0, 0, 0, 50)]
    deidentify(con, "ids", [column("visit", "pseudonymize", "record_id", data_type="BIGINT")], "t_visits_alone")
    assert one(con, "SELECT count(*) FROM t_ids SEMI JOIN t_visits_alone USING (visit)") == 50
    deidentify(con, "ids", [column("doctor", "pseudonymize", "person_id")], "t_doctors", unit="doctor")
    assert one(con, "SELECT count(*) FROM t_ids AS a SEMI JOIN t_doctors AS b ON a.patient = b.doctor") == 50
