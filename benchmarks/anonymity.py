"""Privacy models: k = 5 on Adult beside anjana, k, l and t beside pycanon, ten million rows.

    python benchmarks/anonymity.py groups [--rows 10000000]       k = 5 and l = 2
    python benchmarks/anonymity.py adult --data DIR               k = 5 with nine quasi-identifiers, by every method
    python benchmarks/anonymity.py values --data DIR              k, l and t of 20 generated and 4 real tables
    python benchmarks/anonymity.py risk [--rows 10000000]         who is found by five quasi-identifiers

Prints JSON. CPU seconds are of the process. The peers have environments of their own: ``python -m venv .peers/pycanon;
.peers/pycanon/bin/pip install pycanon==1.1.0``, and so ``.peers/anjana`` with ``anjana==1.2.3``. anjana is given the
same steps of each column that ours are made from.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.deidentification import PEOPLE, measured
from synth_assets.anonymity import Anonymize, AnonymizedColumn, anonymize, measure_risk
from synth_assets.anonymity.classes import Demand
from synth_assets.anonymity.counting import Table, clean, count_groups, read_table
from synth_assets.anonymity.lattice import Search
from synth_assets.anonymity.recount import Recount
from synth_assets.storage import install_keys

ROOT = Path(__file__).parents[1]
ADULT = (
    *("age", "workclass", "education", "marital-status", "occupation", "relationship", "race", "sex"),
    "native-country",
)
METHODS: dict[str, dict[str, Any]] = {
    "entropy": {},
    "discernibility": {"loss": "discernibility"},
    "average_class_size": {"loss": "average_class_size"},
    "queries": {"loss": "queries", "queries": [["age", "sex"], ["education", "occupation"]]},
    "mondrian": {"method": "mondrian"},
}


def people(rows: int) -> duckdb.DuckDBPyConnection:
    """A table of generated people."""
    con = duckdb.connect()
    install_keys(con, bytes(range(32)))
    con.execute(f"CREATE TABLE people AS {PEOPLE.format(rows=rows)}")
    return con


def groups(rows: int) -> dict[str, Any]:
    """k = 5 and l = 2 over four quasi-identifiers."""
    con = people(rows)
    chosen = {"birth_date": "DATE", "town": "VARCHAR", "sex": "VARCHAR", "age": "INTEGER", "diagnosis": "VARCHAR"}
    columns = [
        AnonymizedColumn(name=n, data_type=t, role="sensitive" if n == "diagnosis" else "quasi_identifier")
        for n, t in chosen.items()
    ]
    found: dict[str, Any] = {"rows": rows}
    listed = ", ".join([*chosen, "__unit"])
    with measured(found, rows):
        made = anonymize(con, f"(SELECT {listed} FROM people)", columns, Anonymize(k=5, l=2), "made")
    return found | made.model_dump(mode="json", include={"min_k", "min_l", "classes", "loss", "optimal"})


def risk(rows: int) -> dict[str, Any]:
    """What combinations of five columns single out, over half a million different rows."""
    con = people(rows)
    found: dict[str, Any] = {"rows": rows}
    with measured(found, rows):
        told = measure_risk(con, "people", ["birth_date", "town", "sex", "age", "diagnosis"], 5)
    return found | {"widest": told.widest, "singled_out": told.singled_out, "story": told.story}


def read_adult(data: Path) -> duckdb.DuckDBPyConnection:
    """Adult, each row a unit."""
    con = duckdb.connect()
    source = str(data / "adult_raw.csv")
    con.execute("CREATE TABLE adult AS SELECT *, row_number() OVER () AS __unit FROM read_csv(?)", [source])
    return con


def quasi(con: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> list[AnonymizedColumn]:
    """Columns of Adult as quasi-identifiers."""
    types = {row[0]: row[1] for row in con.execute("DESCRIBE adult").fetchall()}
    return [AnonymizedColumn(name=name, data_type=types[name], role="quasi_identifier") for name in names]


def search_of(con: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> tuple[Table, Search]:
    """The steps of some columns of Adult, and a search for k = 5 among them."""
    table = read_table(con, "(SELECT * FROM adult)", quasi(con, names), Anonymize(k=5), None)
    base = count_groups(con, table, Anonymize(k=5))
    steps = list(table.steps.values())
    most = int(0.05 * int(base.rows.sum()))
    return table, Search(base, [step.codes for step in steps], [step.counts for step in steps], Demand(5, None, most))


def adult(data: Path) -> dict[str, Any]:
    """The table of the anonymization literature, with generated steps; peers get the same."""
    con = read_adult(data)
    found: dict[str, Any] = {"k": 5, "quasi_identifiers": len(ADULT)}
    keys = ", ".join(f'"{name}"' for name in ADULT)
    for name, params in METHODS.items():
        figures: dict[str, Any] = {}
        with measured(figures, 32_561):
            con.execute("DROP TABLE IF EXISTS made")
            made = anonymize(con, "(SELECT * FROM adult)", quasi(con, ADULT), Anonymize(k=5, **params), "made")
        figures |= made.model_dump(mode="json", include={"rows", "suppressed_rows", "classes", "loss", "optimal"})
        figures |= {"evaluated": made.explanation.get("evaluated"), "lattice": made.explanation.get("lattice")}
        squares = con.execute(f"SELECT sum(n * n) FROM (SELECT count(*) AS n FROM made GROUP BY {keys})").fetchall()
        figures["discernibility"] = int(squares[0][0]) + made.suppressed_rows * (made.rows + made.suppressed_rows)
        found[name] = figures
    found["every_node_of_four_columns"] = exhaust(con, ("age", "education", "race", "native-country"))
    found["anjana"] = beside_anjana(con, data)
    return found


def exhaust(con: duckdb.DuckDBPyConnection, names: tuple[str, ...]) -> dict[str, Any]:
    """What the search finds, and the least of all nodes one by one."""
    search = search_of(con, names)[1]
    outcome = search.run()
    each = [search._judge(node) for node in itertools.product(*(range(top + 1) for top in search.top))]
    clean(con)
    least = min(one.loss for one in each if one is not None)
    return {"nodes": len(each), "least": least, "found": outcome and outcome.loss, "proved": search.proved}


ANJANA = """
import json, sys, time
import numpy as np
import pandas as pd
from anjana.anonymity import k_anonymity
steps = json.load(open(sys.argv[1]))
table = pd.read_csv(sys.argv[2], dtype=str, keep_default_na=False)[list(steps)].copy()
named = {c: {i: np.array(labels, dtype=object) for i, labels in enumerate(levels)} for c, levels in steps.items()}
began = time.process_time()
made = k_anonymity(table.copy(), [], list(steps), 5, 5, named)[list(steps)]
spent = time.process_time() - began
levels = [next(i for i, l in enumerate(steps[c]) if set(made[c]) <= set(l)) for c in steps]
sizes = made.groupby(list(steps)).size().astype(int)
print(json.dumps({"cpu_s": round(spent, 2), "rows": len(made), "classes": len(sizes), "min_k": int(sizes.min()),
                  "levels": levels, "discernibility": int((sizes**2).sum() + (len(table) - len(made)) * len(table))}))
"""


def beside_anjana(con: duckdb.DuckDBPyConnection, data: Path) -> dict[str, Any]:
    """anjana's choice from the same steps, with the loss that ours puts on it."""
    table, search = search_of(con, ADULT)
    named = {
        step.column.name: [[str(label) for label in own.labels or step.words] for own in step.steps]
        for step in table.steps.values()
    }
    with tempfile.TemporaryDirectory() as folder:
        steps = Path(folder) / "steps.json"
        steps.write_text(json.dumps(named))
        command = [str(ROOT / ".peers/anjana/bin/python"), "-c", ANJANA, str(steps), str(data / "adult_raw.csv")]
        told: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    outcome = search._judge(tuple(told["levels"]))
    clean(con)
    return told | {"loss": outcome and outcome.loss}


PYCANON = """
import json, sys
import pandas as pd
from pycanon import anonymity
answers = []
for path in sys.argv[1:]:
    table = pd.read_csv(path, keep_default_na=False)
    quasi = [name for name in table if name.startswith("q")]
    row = {"k": int(anonymity.k_anonymity(table, quasi)), "l": int(anonymity.l_diversity(table, quasi, ["s"]))}
    row["entropy"] = int(anonymity.entropy_l_diversity(table, quasi, ["s"]))
    c, l = anonymity.recursive_c_l_diversity(table, quasi, ["s"])
    row |= {"recursive_l": int(l), "recursive_c": 0 if c != c else int(c)}
    row |= {f"t_{name}": float(anonymity.t_closeness(table, quasi, [name])) for name in ("s", "n")}
    answers.append(row)
print(json.dumps(answers))
"""
REAL = {
    "adult": ("adult_raw.csv", 'race AS q1, sex AS q2, occupation AS s, "hours-per-week" AS n'),
    "compas": ("compas_two_years.csv", "sex AS q1, age_cat AS q2, race AS s, priors_count AS n"),
    "german_credit": ("german_credit.csv", "Sex AS q1, Housing AS q2, Purpose AS s, Duration AS n"),
    "titanic": ("titanic_train.csv", "Sex AS q1, Pclass AS q2, coalesce(Embarked, '') AS s, SibSp AS n"),
}
"""Real tables: quasi-identifiers, a word and a number; none of the columns has a missing value."""


def tables(data: Path) -> dict[str, str]:
    """The queries of all tables, by name."""
    made = {}
    for seed in range(20):
        rows, words, numbers = 200 + 97 * seed, 2 + seed % 5, 2 + seed % 9
        made[f"generated {seed}"] = (
            f"SELECT (hash(i, {seed}) % 3)::INT AS q1, (hash(i, {seed}, 1) % 4)::INT AS q2, 'w' || hash(i, {seed}, 2) "
            f"% {words} AS s, (hash(i, {seed}, 3) % {numbers} + q1)::INT AS n FROM range({rows}) AS r(i)"
        )
    for name, (file, chosen) in REAL.items():
        made[name] = f"SELECT {chosen} FROM read_csv('{data / file}')"
    return made


def reach(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """What the table ``made`` reaches, by our counter."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE counted AS SELECT q1 AS c0, q2 AS c1, s AS c2, n AS c3, rowid AS unit, "
        "1.0::DOUBLE AS w FROM made"
    )
    model = Anonymize(k=2, t=0.5)
    word, number = (
        Recount(con, (0, 1), (place,), ordered, "counted").measure("counted", model)
        for place, ordered in ((2, ()), (3, (3,)))
    )
    reached = {"k": word.min_k, "l": word.min_l or 0, "entropy": int((word.min_entropy_l or 0) + 1e-9)}
    lists = con.execute(
        "SELECT list(n ORDER BY n) FROM (SELECT q1, q2, s, count(*) AS n FROM made GROUP BY ALL) GROUP BY q1, q2"
    ).fetchall()
    least = reached[
        "l"
    ]  # pycanon's c: the rarest value beside the sum from the l-th rarest on; the paper has the others
    recursive_c = max(int(rows[0] / sum(rows[least - 1 :]) + 1) for (rows,) in lists) if least > 1 else 0
    reached |= {"recursive_l": least, "recursive_c": recursive_c}
    return {**reached, "t_s": word.max_t, "t_n": number.max_t}


def values(data: Path) -> dict[str, Any]:
    """What tables reach, by our counter and by pycanon's."""
    con = duckdb.connect()
    mine = []
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, query in tables(data).items():
            con.execute(f"CREATE OR REPLACE TABLE made AS {query}")
            paths.append(str(Path(folder) / f"{name}.csv"))
            con.execute(f"COPY made TO '{paths[-1]}' (HEADER)")
            mine.append(reach(con))
        command = [str(ROOT / ".peers/pycanon/bin/python"), "-c", PYCANON, *paths]
        asked = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = json.loads(asked.stdout.splitlines()[-1])
    apart = {key: max(abs(a[key] - b[key]) for a, b in zip(mine, theirs, strict=True)) for key in mine[0]}
    real = dict(zip(list(REAL), mine[-len(REAL) :], strict=True))
    return {"tables": len(mine), "largest_difference": apart, "real": real}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["groups", "risk", "adult", "values"])
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--rows", type=int, default=10_000_000)
    chosen = parser.parse_args()
    sized = {"groups": groups, "risk": risk}
    read = {"adult": adult, "values": values}
    answers = {}
    for what in chosen.what:
        answers[what] = sized[what](chosen.rows) if what in sized else read[what](chosen.data)
    json.dump(answers, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
