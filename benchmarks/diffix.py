"""``diffix`` beside syndiffix 1.0.8: the same trees, the same noise, and what they cost.

    python benchmarks/diffix.py conformance [--golden tests/diffix/golden]     needs the peer
    python benchmarks/diffix.py quality TABLE.csv [--peer] [--target COLUMN]
    python benchmarks/diffix.py pace [--rows 10000000]

The peer lives in ``.peers/syndiffix``, made with
``python -m venv .peers/syndiffix; .peers/syndiffix/bin/pip install syndiffix==1.0.8 "pandas<3"``. Prints JSON.
``conformance`` makes small tables (like taxi rides, like census rows, with nulls, ties, outliers, units with many rows
and two kinds of units), asks the peer for all nodes and buckets without noise, compares, and writes tables and answers
as golden files, nodes as a digest. Nodes that differ are those in which the peer shows the value of too few units.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.synthesis import distances
from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.parameters import Anonymization
from synth_assets.synthesis import Diffix
from tests.diffix.tables import buckets, forest, nodes

ROOT = Path(__file__).parents[1]
PEER = ROOT / ".peers/syndiffix/bin/python"
Table = dict[str, Any]


def tables() -> dict[str, Table]:
    """The tables of the comparison: columns of numbers (None for null) and units (none: every row is one)."""
    rng = np.random.default_rng(20231116)
    n = 400
    ride = rng.exponential(3, n).round(2)
    taxi = [ride, (2.5 + 2.5 * ride + rng.choice([0, 0.5, 1], n)).round(2), rng.integers(1, 7, n)]
    age = np.clip(rng.gamma(6, 6.5, n).round(), 17, 90)
    census = [age, rng.choice([40, 40, 40, 20, 50, 60, 35], n), rng.integers(0, 3, n) * (age > 30)]
    holes = [np.where(rng.random(n) < 0.1, np.nan, rng.normal(0, 20, n).round()) for _ in range(2)]
    far = np.concatenate([[90_000.0, -70_000.0, 4_000.0], rng.normal(50, 15, n - 3).round(1)])
    often = rng.zipf(1.7, n) % 60 + 1
    return {
        "taxi": table(taxi),
        "census": table(census),
        "nulls": table([*holes, np.where(rng.random(n) < 0.02, np.nan, 1.0)]),
        "outliers": table([far, rng.integers(0, 5, n), -far]),
        "ties": table([np.repeat([1.0, 2.0, 1024.0], [200, 150, 50]), rng.integers(0, 2, n), np.zeros(n)]),
        "many_rows": table([rng.normal(0, 3, n).round(1), often + rng.integers(0, 3, n)], [often]),
        "two_units": table([rng.integers(0, 40, n), rng.integers(0, 4, n)], [often, rng.integers(1, 90, n)]),
    }


def table(columns: list[Any], units: list[Any] | None = None) -> Table:
    listed = [[None if np.isnan(v) else float(v) + 0.0 for v in column] for column in columns]  # no negative zero
    return {"columns": listed, "units": [[int(u) for u in kind] for kind in units or []]}


def ask(verb: str, given: list[Table]) -> Any:
    """The peer's answers."""
    with tempfile.TemporaryDirectory() as folder:
        asked, told = Path(folder) / "tables.json", Path(folder) / "answers.json"
        asked.write_text(json.dumps(given))
        subprocess.run([PEER, Path(__file__).with_name("diffix_peer.py"), verb, asked, told], check=True)
        return json.loads(told.read_text())


def digest(found: list[Any]) -> str:
    return hashlib.sha256(json.dumps(sorted(found, key=json.dumps)).encode()).hexdigest()


def grown(given: Table, **kept: Any) -> Any:
    columns = [[np.nan if v is None else v for v in column] for column in given["columns"]]
    return forest(*columns, units=given["units"] or None, rows_per_unit=99 if given["units"] else 1, **kept)


def compare(given: Table, answer: dict[str, Any]) -> dict[str, int]:
    """How many nodes, buckets and totals there are, and how many differ."""
    made = grown(given)
    counts = {"nodes": 0, "different_nodes": 0, "buckets": 0, "different_buckets": 0, "different_totals": 0}
    for key, theirs in answer["nodes"].items():
        columns = tuple(int(part) for part in key.split(","))
        ours = {json.dumps(node) for node in nodes(made.tree(columns))}
        counts["nodes"] += len(theirs)
        counts["different_nodes"] += len(ours ^ {json.dumps(node) for node in theirs})
        if len(columns) == 1:
            own = [[*interval, count] for (interval,), count in buckets(harvest(made, columns)) if count]
            counts["buckets"] += len(own)
            counts["different_buckets"] += own != answer["buckets"][key]
        else:
            counts["different_totals"] += int(harvest(made, columns).count.sum()) != answer["rows"][key]
    return counts


def conformance(golden: Path | None) -> dict[str, Any]:
    """Compare without noise, then the noise; keep the peer's answers."""
    given = tables()
    answers = ask("trees", list(given.values()))
    report: dict[str, Any] = {name: compare(t, a) for (name, t), a in zip(given.items(), answers, strict=True)}
    for (name, each), answer in zip(given.items(), answers, strict=True):
        if golden is not None:
            golden.mkdir(parents=True, exist_ok=True)
            made = grown(each)
            kept = {key: {"nodes": len(found), "sha256": digest(found)} for key, found in answer["nodes"].items()}
            document = {
                **each,
                "trees": kept,
                "leaks": leaks(made, answer["nodes"]),
                "buckets": answer["buckets"],
                "rows": answer["rows"],
            }
            (golden / f"{name}.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
    return {**report, "noise": compare_noise(given["census"])}


def leaks(made: Any, theirs: dict[str, Any]) -> dict[str, Any]:
    """The peer's nodes that show a value where ours show an interval."""
    found = {}
    for key, listed in theirs.items():
        ours = {json.dumps(node) for node in nodes(made.tree(tuple(int(part) for part in key.split(","))))}
        found[key] = [node for node in listed if json.dumps(node) not in ours]
    return {key: listed for key, listed in found.items() if listed}


def compare_noise(given: Table) -> dict[str, Any]:
    """Noisy counts of the same nodes over 400 salts: the least p-value of a test that both come from one law."""
    theirs = ask("noise", [given])
    ours: dict[str, list[int]] = {key: [] for key in theirs}
    for salt in range(400):
        tree = grown(given, rule=Anonymization(), salt=salt.to_bytes(16, "little")).tree((0,))
        for node in nodes(tree):
            key = json.dumps([node[1], node[2]])
            if key in ours and node[6]:
                ours[key].append(node[3])
    large = [key for key in theirs if min(len(theirs[key]), len(ours[key])) == 400]
    p = [stats.ks_2samp(theirs[key], ours[key]).pvalue for key in large]
    shown = [[len(found[key]) / 400 for key in theirs] for found in (theirs, ours)]
    return {
        "nodes_always_shown": len(large),
        "least_p": round(float(min(p)), 4),
        "shown_share": [round(float(np.mean(each)), 4) for each in shown],
    }


def quality(path: Path, peer: bool, target: str | None) -> dict[str, Any]:
    """Distances and CPU seconds of the whole table, of its first numbers as a pair, and of all pairs as tables."""
    real = pd.read_csv(path, keep_default_na=False, na_values=[""])
    salt = bytes(32)
    Diffix().fit(real.iloc[:50, :1], salt=salt)  # imports are not counted
    report: dict[str, Any] = {}
    numbers = [name for name in real if real[name].dtype.kind in "if"]
    pairs = [numbers[:1] + numbers[-1:], *([list(real)] if len(real.columns) > 2 else [])]
    for columns in pairs:
        part = real[columns]
        started = time.process_time()
        made = Diffix(target=target if target in columns else None).fit(part, salt=salt).sample()
        own = {"cpu_s": round(time.process_time() - started, 3), "tvd": distances(part, made)}
        report[" x ".join(map(str, columns)) if len(columns) < 4 else f"{len(columns)} columns"] = {"diffix": own}
        if peer:
            report[list(report)[-1]]["syndiffix"] = peer_quality(part, target if target in columns else None)
    started = time.process_time()
    for pair in combinations(real, 2):
        Diffix().fit(real[list(pair)], salt=salt).sample()
    report["all pairs as tables"] = {"cpu_s": round(time.process_time() - started, 1)}
    return report


def peer_quality(part: pd.DataFrame, target: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "table.csv", Path(folder) / "rows.csv"
        part.to_csv(given, index=False)
        asked: list[str | Path] = [
            PEER,
            Path(__file__).with_name("diffix_peer.py"),
            "rows",
            given,
            out,
            *([target] if target else []),
        ]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        made = pd.read_csv(out, keep_default_na=False, na_values=[""])
        return {"cpu_s": round(float(told.split()[-1]), 1), "tvd": distances(part, made)}


def pace(rows: int) -> dict[str, Any]:
    """Two columns of whole numbers and two of reals, in the engine."""
    con = duckdb.connect()
    normal = "sqrt(-2 * ln((hash(i, 1) % 1000003 + 1) / 1000004.0)) * cos((hash(i, 2) % 1000003) / 159155.0)"
    con.execute(
        f"CREATE TABLE t AS SELECT CAST(40 + 15 * z AS INTEGER) AS a, CAST(hash(i, 3) % 100 + 5 * z AS INTEGER) AS b,"
        f" exp(z) AS x, exp(z) + (hash(i, 4) % 1000003) / 1e6 AS y, hash(i) AS unit"
        f" FROM (SELECT i, {normal} AS z FROM range({rows}) AS s(i))"
    )
    report: dict[str, Any] = {"rows": rows}
    for name, columns in (("whole", "a, b"), ("real", "x, y")):
        started = time.process_time()
        model = Diffix().fit(con.sql(f"SELECT {columns}, unit FROM t"), units="unit", salt=bytes(32))
        fitted = time.process_time()
        model.sample(rng=np.random.default_rng(0))
        report[name] = {
            "fit_cpu_s": round(fitted - started, 1),
            "sample_cpu_s": round(time.process_time() - fitted, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("conformance").add_argument("--golden", type=Path)
    of = verbs.add_parser("quality")
    of.add_argument("table", type=Path)
    of.add_argument("--peer", action="store_true")
    of.add_argument("--target")
    verbs.add_parser("pace").add_argument("--rows", type=int, default=10_000_000)
    chosen = parser.parse_args()
    if chosen.verb == "conformance":
        report = conformance(chosen.golden)
    elif chosen.verb == "quality":
        report = quality(chosen.table, chosen.peer, chosen.target)
    else:
        report = pace(chosen.rows)
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
