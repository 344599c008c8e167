"""A million people, their visits and the bills of the visits: no orphan, no collision, the same relations."""

from __future__ import annotations

import duckdb
import pytest

from synth_assets.deidentification import Reference, deidentify, tally
from synth_assets.storage import install_keys
from tests.deidentification.test_integrity import CLINIC, NAME, PERSON, VISIT, column

PEOPLE = 1_000_000


@pytest.mark.audit
def test_a_million_people_stay_a_million_people() -> None:
    con = duckdb.connect()
    install_keys(con, bytes(range(32)))
    unit = "keyed_int('unit', 'P' || i) AS __unit, false AS __control"
    con.execute(
        f"CREATE TABLE people AS SELECT 'P' || i AS person, 'Name' || i AS name, 'm' || i || '@x.org' AS email, "
        f"(100000000 + i)::VARCHAR AS ssn, printf('+1415%07d', i) AS phone, {unit} FROM range({PEOPLE}) AS r(i)"
    )
    con.execute(
        f"CREATE TABLE visits AS SELECT 'P' || i AS person, 'C' || i % 97 AS clinic, i // 97 * 3 + v AS visit, {unit} "
        f"FROM range({PEOPLE}) AS r(i), range(3) AS q(v) WHERE hash(i, v) % 3 > 0"
    )
    con.execute("CREATE TABLE bills AS SELECT * FROM visits WHERE hash(visit) % 2 = 0")
    people = [
        *(PERSON, NAME),
        column("email", {"fake": "email", "identity": "unit"}, "email"),
        column("ssn", {"fake": "national_id", "identity": "unit"}, "national_id"),
        column("phone", {"fake": "phone", "identity": "unit"}, "phone").model_copy(update={"unique": True}),
    ]
    deidentify(con, "people", people, "t_people", unit="person")
    for name in ("visits", "bills"):
        deidentify(con, name, [PERSON, CLINIC, VISIT], f"t_{name}", unit="person")
    distinct = ", ".join(f"count(DISTINCT {c.name})" for c in people)
    assert con.execute(f"SELECT {distinct} FROM t_people").fetchall() == [(PEOPLE,) * len(people)]
    for many, few, keys in (
        ("visits", "people", ("person",)),
        ("bills", "people", ("person",)),
        ("bills", "visits", ("clinic", "visit")),
    ):
        reference = Reference(many, keys, few, keys)
        before, after = tally(con, reference, many, few), tally(con, reference, f"t_{many}", f"t_{few}")
        assert before == after
        assert (after.orphans, after.pairs) == (0, con.execute(f"SELECT count(*) FROM {many}").fetchall()[0][0])
