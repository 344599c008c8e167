"""De-identification: how fast, in how much memory, and that no join breaks.

    python benchmarks/deidentification.py names [--rows 1000000]       consistent unique fakes, beside Faker's
    python benchmarks/deidentification.py table [--rows 10000000]      12 columns, six of them identifiers
    python benchmarks/deidentification.py joins [--rows 1000000]       three related tables about so many people
    python benchmarks/deidentification.py answers [--rows 10000]       errors of randomized answers about so many units

Prints JSON. CPU seconds are of the process; ``names`` runs on one thread. ``table`` writes the encrypted file that the
platform writes; its rows lie in one, too. Privacy models have a script of their own, ``anonymity.py``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from synth_assets.classification import EntityType
from synth_assets.deidentification import TreatedColumn, deidentify
from synth_assets.deidentification.geometric import TruncatedGeometric
from synth_assets.mechanisms import RandomizedResponse
from synth_assets.storage import Warehouse, install_keys

PEOPLE = """
    SELECT printf('C%08d', i) AS id, 'Given' || i % 977 || ' Family' || i AS name, printf('p%d@mail.test', i) AS email,
           printf('%09d', 100000000 + i) AS ssn, printf('+1555%08d', i) AS phone, i % 9000 || ' Street ' || i // 9000
           AS street, DATE '1930-01-01' + (hash(i) % 29000)::INT AS birth_date, (hash(i + 1) % 40)::VARCHAR AS town,
           CASE WHEN hash(i + 2) % 2 = 0 THEN 'male' ELSE 'female' END AS sex, (hash(i + 3) % 90)::INT AS age,
           (hash(i + 4) % 100000) / 100.0 AS amount, (hash(i + 5) % 12)::VARCHAR AS diagnosis,
           keyed_int('unit', i::VARCHAR) AS __unit, i % 10 = 0 AS __control FROM range({rows}) AS r(i)
"""


def column(name: str, treatment: Any, kind: EntityType = "unknown_none", data_type: str = "VARCHAR") -> TreatedColumn:
    """A column as the classifier describes it; identifiers are unique."""
    identifier = not isinstance(treatment, str) or treatment == "pseudonymize"
    role: Any = "direct_identifier" if identifier else "insensitive"
    unique = identifier and name not in {"sex", "town"}
    return TreatedColumn(
        name=name, data_type=data_type, entity_type=kind, role=role, treatment=treatment, unique=unique
    )


def by_unit(kind: str) -> dict[str, str]:
    """The treatment of a person's identifier."""
    return {"fake": kind, "identity": "unit"}


@contextmanager
def measured(into: dict[str, Any], rows: int) -> Iterator[None]:
    """CPU seconds, rows a second and the process's peak so far."""
    started, wall = time.process_time(), time.monotonic()
    yield
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    into |= {"cpu_s": round(spent, 2), "wall_s": round(time.monotonic() - wall, 1), "rows_a_cpu_s": int(rows / spent)}
    into["peak_mib"] = peak


def names(rows: int) -> dict[str, Any]:
    """Distinct values to distinct names, by value and by person, on one thread; and Faker, one call a value."""
    from faker import Faker

    con = duckdb.connect(config={"threads": 1})
    install_keys(con, bytes(range(32)))
    con.execute(
        f"CREATE TABLE people AS SELECT i::VARCHAR AS id, 'Given' || i % 977 || ' Family' || i AS name, "
        f"keyed_int('unit', i::VARCHAR) AS __unit, false AS __control FROM range({rows}) AS r(i)"
    )
    found: dict[str, Any] = {"rows": rows}
    deidentify(con, "(SELECT * FROM people LIMIT 1)", [column("name", {"fake": "name"})], "made")  # loads the pools
    for identity, unit in (("value", None), ("unit", "id")):
        figures: dict[str, Any] = {}
        found[f"by_{identity}"] = figures
        with measured(figures, rows):
            deidentify(con, "people", [column("name", {"fake": "name", "identity": identity})], "made", unit=unit)
        figures["distinct"] = con.execute("SELECT count(DISTINCT name) FROM made").fetchall()[0][0]
    fake = Faker()
    Faker.seed(1)
    figures = {}
    found["faker"] = figures
    with measured(figures, 30_000):
        figures["distinct"] = len({fake.name() for _ in range(30_000)})
    return found


def table(rows: int) -> dict[str, Any]:
    """Twelve columns, six of them unique identifiers, from one encrypted file to another."""
    columns = [
        column("id", "pseudonymize", "person_id"),
        column("name", by_unit("name"), "person_name"),
        column("email", by_unit("email"), "email"),
        column("ssn", by_unit("national_id"), "national_id"),
        column("phone", by_unit("phone"), "phone"),
        column("street", by_unit("street_address"), "street_address"),
        column("birth_date", {"generalize": {"date": "year"}}, "date_of_birth", "DATE"),
        column("town", "keep"),
        column("sex", "keep", "gender"),
        column("age", {"top_code": 80}, "age", "INTEGER"),
        column("amount", "keep", data_type="DOUBLE"),
        column("diagnosis", "keep"),
    ]
    found: dict[str, Any] = {"rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder), bytes(range(32)))
        with warehouse.write("raw/people") as con:
            con.execute(f"CREATE TABLE out.data AS {PEOPLE.format(rows=rows)}")
        with measured(found, rows), warehouse.write("deidentified/people") as con:
            warehouse.attach(con, "raw/people", "raw")
            made = deidentify(con, "raw.data", columns, "out.data", unit="id")
        found["redrawn"] = {outcome.name: outcome.redrawn for outcome in made.columns if outcome.redrawn}
        with warehouse.connect() as con:
            warehouse.attach(con, "deidentified/people", "d")
            counts = ", ".join(f"count(DISTINCT {name})" for name in ("id", "name", "email", "ssn", "phone", "street"))
            found["distinct"] = list(con.execute(f"SELECT {counts} FROM d.data").fetchall()[0])
    return found


def joins(rows: int) -> dict[str, Any]:
    """People, their visits and the bills of the visits: orphans, collisions and changed cardinalities afterwards."""
    con = duckdb.connect()
    install_keys(con, bytes(range(32)))
    unit = "keyed_int('unit', i::VARCHAR) AS __unit, i % 10 = 0 AS __control"
    con.execute(f"CREATE TABLE people AS {PEOPLE.format(rows=rows)}")
    con.execute(
        f"CREATE TABLE visits AS SELECT printf('C%08d', i) AS id, 3 * i + v AS visit, "
        f"'Given' || i % 977 || ' Family' || i AS name, {unit} "
        f"FROM range({rows}) AS r(i), range(1 + (hash(i) % 3)::INT) AS q(v)"
    )
    con.execute(
        "CREATE TABLE bills AS SELECT visit, printf('C%08d', visit // 3) AS id, visit % 997 AS amount, __unit, "
        "__control FROM visits WHERE visit % 2 = 0"
    )
    key = column("id", "pseudonymize", "person_id")
    visit = column("visit", "pseudonymize", "record_id", "BIGINT")
    person = column("name", by_unit("name"), "person_name")
    mail = column("email", by_unit("email"), "email")
    found: dict[str, Any] = {"people": rows}
    with measured(found, rows):
        deidentify(con, "people", [key, person, mail], "t_people", unit="id")
        deidentify(con, "visits", [key, visit, person.model_copy(update={"unique": False})], "t_visits", unit="id")
        deidentify(con, "bills", [key, visit], "t_bills", unit="id")
    pairs = [("visits", "people", "id"), ("bills", "visits", "visit"), ("bills", "people", "id")]
    orphans = [f"(SELECT count(*) FROM t_{a} ANTI JOIN t_{b} USING ({on}))" for a, b, on in pairs]
    found["orphans"] = sum(con.execute(f"SELECT {', '.join(orphans)}").fetchall()[0])
    keys = [("people", "id"), ("people", "name"), ("people", "email"), ("visits", "visit"), ("bills", "visit")]
    lost = [f"(SELECT count(DISTINCT {c}) FROM {t}) - (SELECT count(DISTINCT {c}) FROM t_{t})" for t, c in keys]
    found["collisions"] = sum(con.execute(f"SELECT {', '.join(lost)}").fetchall()[0])
    return found


def answers(units: int) -> dict[str, Any]:
    """Root mean squared errors of estimates from randomized answers about so many units, 200 times each.

    True cells are round as ages are, a tenth is missing. Of the mean, in shares of the range; and of shares of cells.
    """
    rng, found = np.random.default_rng(1), {}
    for cells, epsilon in itertools.product((10, 100), (1, 4)):
        true = np.append(np.exp(-0.5 * ((np.arange(cells) + 0.5) / cells - 0.4) ** 2 / 0.04), 0.0)
        true[-1] = true.sum() / 9
        counts = rng.multinomial(units, true / true.sum())
        mean = (np.arange(cells) @ counts[:-1]) / counts[:-1].sum()
        kary, near = RandomizedResponse(epsilon, cells + 1), TruncatedGeometric(epsilon, cells)
        direct = np.full((cells + 1, cells + 1), kary.q) + np.eye(cells + 1) * (kary.p - kary.q)
        for name, channel in (("k_ary", direct), ("geometric", near.channel())):
            rows = [rng.multinomial(n, row / row.sum(), 200) for n, row in zip(counts, channel, strict=True)]
            shares = np.sum(rows, axis=0) / units @ np.linalg.inv(channel)
            means = shares[:, :-1] @ np.arange(cells) / shares[:, :-1].sum(axis=1)
            found[f"{name}, {cells} cells, epsilon {epsilon}"] = {
                "mean": round(float(((means - mean) ** 2).mean() ** 0.5) / (cells - 1), 5),
                "share": round(float(((shares - counts / units) ** 2).mean() ** 0.5), 5),
            }
    return found


SIZES: dict[str, tuple[Callable[[int], dict[str, Any]], int]] = {
    "names": (names, 1_000_000),
    "table": (table, 10_000_000),
    "joins": (joins, 1_000_000),
    "answers": (answers, 10_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=list(SIZES))
    parser.add_argument("--rows", type=int)
    chosen = parser.parse_args()
    told = {}
    for what in chosen.what:
        run, rows = SIZES[what]
        told[what] = run(chosen.rows or rows)
    json.dump(told, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
