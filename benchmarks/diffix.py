"""``diffix`` beside syndiffix 1.0.8: the same trees, the same noise, and what they cost.

    python benchmarks/diffix.py conformance [--golden tests/diffix/golden] [--data DIR]     needs the peer
    python benchmarks/diffix.py quality TABLE.csv [--peer] [--target COLUMN]
    python benchmarks/diffix.py risk TABLE.csv [--splits 4] [--attacks 1000]     needs Anonymeter, too
    python benchmarks/diffix.py singling TABLE.csv [--splits 4] [--predicates 2500]
    python benchmarks/diffix.py pace [--rows 10000000]

The peer lives in ``.peers/syndiffix``, made with
``python -m venv .peers/syndiffix; .peers/syndiffix/bin/pip install syndiffix==1.0.8 "pandas<3"``. Prints JSON.
``conformance`` makes small tables (like taxi rides, like census rows, with nulls, ties, outliers, units with many rows
and two kinds of units), asks the peer for all nodes and buckets without noise, compares, and writes tables and answers
as golden files, nodes as a digest. Nodes that differ are those in which the peer shows the value of too few units.

``risk`` fits four fifths of a table's rows, and has Anonymeter (its environment is that of ``evaluation.py``) attack as
many of them as are left over for control; the same for other fifths, as one run tells little. Its correction for
samples of unequal size finds a risk of .1 in a table of fresh people; equal ones need none. Predicates of three columns
that isolate a row are so rare that 100,000 are tried. What the peer made is kept under ``.peers/tables``.
``singling`` is that attack alone, by the same rules in numpy, with as many predicates as it takes to tell.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.evaluation import ANONYMETER
from benchmarks.evaluation import ask as ask_anonymeter
from benchmarks.evaluation import peer as anonymeter
from benchmarks.synthesis import Utility, distances
from synth_assets.diffix.harvest import harvest
from synth_assets.diffix.parameters import Anonymization
from synth_assets.synthesis import Diffix
from tests.diffix.tables import buckets, digest, forest, nodes, noisy_counts

ROOT = Path(__file__).parents[1]
PEER = ROOT / ".peers/syndiffix/bin/python"
ADULT = ["age", "hours-per-week"]
SALTS = 400
ATTEMPTS = 100_000
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


def conformance(golden: Path | None, data: Path | None) -> dict[str, Any]:
    """Compare without noise, then the noise; keep the peer's answers, of Adult only what tells no row."""
    given = tables()
    answers = ask("trees", list(given.values()))
    report: dict[str, Any] = {name: compare(t, a) for (name, t), a in zip(given.items(), answers, strict=True)}
    for (name, each), answer in zip(given.items(), answers, strict=True):
        leaking = leaks(grown(each), answer["nodes"])
        keep(golden, name, {**each, **kept(answer), "leaks": leaking, "buckets": answer["buckets"]})
    if data:
        real = pd.read_csv(data / "adult_raw.csv")[ADULT]
        adult = table([real[name].to_numpy(dtype=float) for name in ADULT])
        (answer,) = ask("trees", [adult])
        report["adult"] = compare(adult, answer)
        buckets = {key: {"buckets": len(found), "sha256": digest(found)} for key, found in answer["buckets"].items()}
        keep(golden, "digests/adult", {"columns": ADULT, **kept(answer), "buckets": buckets})
    drawn = ask("noise", [given["census"]])
    keep(golden, "noise/census", {"salts": SALTS, "nodes": {key: Counter(found) for key, found in drawn.items()}})
    return {**report, "noise": compare_noise(given["census"], drawn)}


def keep(golden: Path | None, name: str, document: dict[str, Any]) -> None:
    if golden is not None:
        path = golden / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, separators=(",", ":")) + "\n")


def kept(answer: dict[str, Any]) -> dict[str, Any]:
    """Nodes as digests, and how many rows each tree stands for."""
    trees = {key: {"nodes": len(found), "sha256": digest(found)} for key, found in answer["nodes"].items()}
    return {"trees": trees, "rows": answer["rows"]}


def leaks(made: Any, theirs: dict[str, Any]) -> dict[str, Any]:
    """The peer's nodes that show a value where ours show an interval."""
    found = {}
    for key, listed in theirs.items():
        ours = {json.dumps(node) for node in nodes(made.tree(tuple(int(part) for part in key.split(","))))}
        found[key] = [node for node in listed if json.dumps(node) not in ours]
    return {key: listed for key, listed in found.items() if listed}


def compare_noise(given: Table, theirs: dict[str, list[int]]) -> dict[str, Any]:
    """Noisy counts of the same nodes over many salts: the least p-value of a test that both come from one law."""
    column = [np.nan if v is None else v for v in given["columns"][0]]
    ours = noisy_counts(column, SALTS, Anonymization())
    large = [key for key in theirs if len(theirs[key]) == ours.get(key, Counter()).total() == SALTS]
    p = [stats.ks_2samp(theirs[key], list(ours[key].elements())).pvalue for key in large]
    shown = [[len(theirs[key]) for key in theirs], [ours.get(key, Counter()).total() for key in theirs]]
    return {
        "nodes_always_shown": len(large),
        "least_p": round(float(min(p)), 4),
        "shown_share": [round(float(np.mean(each)) / SALTS, 4) for each in shown],
    }


def quality(path: Path, peer: bool, target: str | None) -> dict[str, Any]:
    """Distances and CPU seconds of the whole table, of its first numbers as a pair, and of all pairs as tables."""
    real = pd.read_csv(path, keep_default_na=False, na_values=[""])
    salt = bytes(32)
    Diffix().fit(real.iloc[:50, :1], salt=salt)  # imports are not counted
    utility = Utility(real, target) if target else None
    everything = [str(name) for name in real]
    numbers = [name for name in everything if real[name].dtype.kind in "if"]
    chosen: list[tuple[str, list[str], str | None]] = [(" x ".join(n), n, None) for n in [numbers[:1] + numbers[-1:]]]
    chosen += [(f"{len(everything)} columns", everything, None)] if len(everything) > 2 else []
    chosen += [(f"{len(everything)} columns for {target}", everything, target)] if target else []
    report: dict[str, Any] = {}
    for label, columns, goal in chosen:
        started = time.process_time()
        made = Diffix(target=goal).fit(real[columns], salt=salt).sample(rng=np.random.default_rng(0))
        tables = {"diffix": (made, time.process_time() - started)}
        if peer and goal is None:
            tables["syndiffix"] = peer_rows(real[columns], None)
        report[label] = {
            name: {"cpu_s": round(spent, 2), "tvd": distances(real[columns], rows)}
            | ({"auc_gap": round(utility.gap(rows), 4)} if utility and target in columns else {})
            for name, (rows, spent) in tables.items()
        }
    report["all pairs as tables"] = pairs_quality(real, peer)
    return report


def pairs_quality(real: pd.DataFrame, peer: bool) -> dict[str, Any]:
    """A table for every pair of columns; of the peer's, twenty chosen by chance."""
    started = time.process_time()
    model = Diffix(combinations=2).fit(real, salt=bytes(32))
    made = [model.sample_combination(place) for place in range(len(model.combinations))]
    report: dict[str, Any] = {"tables": len(made), "cpu_s": round(time.process_time() - started, 2)}
    if peer:
        chosen = sorted(np.random.default_rng(105).choice(len(made), min(20, len(made)), replace=False))
        pairs = [list(model.combinations[place]) for place in chosen]
        ours = [distances(real[pair], made[place]) for pair, place in zip(pairs, chosen, strict=True)]
        rows, spent = zip(*(peer_rows(real[pair], None) for pair in pairs), strict=True)
        theirs = [distances(real[pair], each) for pair, each in zip(pairs, rows, strict=True)]
        report |= {
            "diffix": [round(float(np.mean([d[way] for d in ours])), 4) for way in range(2)],
            "syndiffix": [round(float(np.mean([d[way] for d in theirs])), 4) for way in range(2)],
            "syndiffix_cpu_s_of_a_table": round(float(np.mean(spent)), 1),
        }
    return report


def peer_rows(part: pd.DataFrame, target: str | None) -> tuple[pd.DataFrame, float]:
    """What the peer makes of rows, and its CPU seconds."""
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder) / "table.csv", Path(folder) / "rows.csv"
        part.to_csv(given, index=False)
        script = Path(__file__).with_name("diffix_peer.py")
        asked: list[str | Path] = [PEER, script, "rows", given, out, *([target] if target else [])]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
        return pd.read_csv(out, keep_default_na=False, na_values=[""]), float(told.split()[-1])


def risk(path: Path, splits: int, attacks: int) -> dict[str, Any]:
    """Anonymeter's attacks on what this and the peer make of the same rows: a mean of risks, its 95 % interval."""
    real = pd.read_csv(path, keep_default_na=False, na_values=[""])
    found: dict[str, dict[str, list[list[float]]]] = {"diffix": {}, "syndiffix": {}}
    for split, name, fitted, control, product in products(real, splits, path.stem):
        told = attacked(fitted.sample(len(control), random_state=split), control, product, attacks)
        for attack, rates in told.items():
            found[name].setdefault(attack.split(":")[0] if "inference" in attack else attack, []).append(rates)
        print(f"split {split}, {name}: {json.dumps(told)}", file=sys.stderr, flush=True)
    return {attack: {name: pooled(found[name][attack], attacks) for name in found} for attack in found["diffix"]}


def products(
    real: pd.DataFrame, splits: int, stem: str
) -> Iterator[tuple[int, str, pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """For each split what this and the peer make of four fifths of the rows, with those and with the rest."""
    for split in range(splits):
        held = np.random.default_rng(split).random(len(real)) < 0.2
        fitted, control = real[~held], real[held]
        own = Diffix().fit(fitted, salt=bytes([split + 1]) * 32).sample(rng=np.random.default_rng(split))
        yield split, "diffix", fitted, control, own
        yield split, "syndiffix", fitted, control, kept_rows(fitted, f"{stem}-syndiffix-split{split}")


def kept_rows(fitted: pd.DataFrame, label: str) -> pd.DataFrame:
    """What the peer makes of rows, from an earlier run if there is one."""
    kept = ROOT / ".peers/tables" / f"{label}.csv"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        peer_rows(fitted, None)[0].to_csv(kept, index=False)
    return pd.read_csv(kept, keep_default_na=False, na_values=[""])


def attacked(
    fitted: pd.DataFrame, control: pd.DataFrame, product: pd.DataFrame, attacks: int
) -> dict[str, list[float]]:
    """For each attack how often it was right about fitted people, and about others."""
    names, amounts = list(fitted), [name for name in fitted if fitted[name].dtype.kind in "if"]
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder) / f"{name}.csv") for name in ("real", "control", "product")}
        for name, table in zip(files, (fitted, control, product), strict=True):
            table.to_csv(files[name], index=False)
        job = {**files, "attacks": attacks, "attempts": ATTEMPTS, "halves": [names[::2], names[1::2]]}
        job |= {"amounts": amounts, "texts": [column for column in names if column not in amounts]}
        told, _ = ask_anonymeter(anonymeter(ROOT / ".peers", "anonymeter"), ANONYMETER, job)
    return {attack: [round(rate, 5) for rate in each["rates"][:2]] for attack, each in told.items() if "rates" in each}


def singling(path: Path, splits: int, wanted: int) -> dict[str, Any]:
    """Singling out by three columns, of as many fitted rows as there are for control; pooled as in ``risk``."""
    real = pd.read_csv(path, keep_default_na=False, na_values=[""])
    found: dict[str, list[list[int]]] = {"diffix": [], "syndiffix": []}
    for split, name, fitted, control, product in products(real, splits, path.stem):
        rng = np.random.default_rng(split)
        numbers = [str(column) for column in real if real[column].dtype.kind in "if"]
        sides = Sides([product, fitted.sample(len(control), random_state=split), control], numbers)
        hits = sides.isolated(isolating(sides, product, numbers, wanted, rng))
        found[name].append([len(hits), *hits.sum(axis=0).tolist()])
    report = {}
    for name, counts in found.items():
        tries, main, rest = np.array(counts).sum(axis=0)
        rates = np.array([main, rest]) / tries
        error = 1.96 * np.sqrt((rates * (1 - rates)).sum() / tries)
        risk = [round(float((rates[0] - rates[1] + side * error) / (1 - rates[1])), 4) for side in (0, -1, 1)]
        report[name] = {"predicates": int(tries), "rates": rates.round(4).tolist(), "risk": risk}
    return report


Predicate = list[tuple[str, str, Any]]


class Sides:
    """Tables side by side (the product, fitted rows, control rows), texts as codes that they share."""

    def __init__(self, tables: list[pd.DataFrame], numbers: list[str]) -> None:
        self.columns: list[dict[str, np.ndarray]] = [{} for _ in tables]
        for name in tables[0]:
            both = pd.concat([table[name] for table in tables])
            values = both.to_numpy(float) if name in numbers else pd.factorize(both.astype(str))[0]
            ends = np.cumsum([len(table) for table in tables])[:-1]
            for side, part in zip(self.columns, np.split(values, ends), strict=True):
                side[str(name)] = part

    def matching(self, side: int, predicate: Predicate) -> int:
        """How many rows of a table a predicate is true of."""
        mask = np.ones(len(next(iter(self.columns[side].values()))), dtype=bool)
        for name, relation, value in predicate:
            values = self.columns[side][name]
            mask &= values == value if relation == "==" else values >= value if relation == ">=" else values <= value
        return int(mask.sum())

    def isolated(self, predicates: list[Predicate]) -> np.ndarray:
        """For each predicate whether it isolates a fitted row, and a control row."""
        return np.array([[self.matching(side, each) == 1 for side in (1, 2)] for each in predicates])


def isolating(
    sides: Sides, product: pd.DataFrame, numbers: list[str], wanted: int, rng: np.random.Generator
) -> list[Predicate]:
    """Predicates of three columns of a row of the product that are true of no other; a number extends to its side."""
    names, found = [str(name) for name in product], {}
    medians = {name: float(np.nanmedian(sides.columns[0][name])) for name in numbers}
    for _ in range(400 * wanted):
        row, chosen = int(rng.integers(len(product))), sorted(rng.choice(names, 3, replace=False))
        predicate = []
        for name in chosen:
            value = sides.columns[0][name][row]
            side = ("<=", ">=")[int(value > medians[name])] if name in numbers else "=="
            predicate.append((str(name), side, value))
        if sides.matching(0, predicate) == 1:
            found[str(predicate)] = predicate
        if len(found) == wanted:
            break
    return list(found.values())


def pooled(rates: list[list[float]], attacks: int) -> list[float]:
    """The risk (Giomi et al. 2023, section 4) of all runs together, and the ends of its interval."""
    each = np.array(rates)
    main, control = each.mean(axis=0)
    error = 1.96 * np.sqrt((each * (1 - each) / attacks).sum()) / len(each)
    return [round(float((main - control + side * error) / (1 - control)), 4) for side in (0, -1, 1)]


def pace(rows: int) -> dict[str, Any]:
    """Two columns of whole numbers and two of reals, in the engine."""
    con = duckdb.connect()
    normal = "sqrt(-2 * ln((hash(i, 1) % 1000003 + 1) / 1000004.0)) * cos((hash(i, 2) % 1000003) / 159155.0)"
    report: dict[str, Any] = {"rows": rows}
    for name, columns in (
        ("whole", "CAST(40 + 15 * z AS INTEGER) AS a, CAST(hash(i, 3) % 100 + 5 * z AS INTEGER) AS b"),
        ("real", "exp(z) AS x, exp(z) + (hash(i, 4) % 1000003) / 1e6 AS y"),
    ):
        con.execute(
            f"CREATE OR REPLACE TABLE t AS SELECT {columns}, hash(i) AS unit"
            f" FROM (SELECT i, {normal} AS z FROM range({rows}) AS s(i))"
        )
        started = time.process_time()
        model = Diffix().fit(con.table("t"), units="unit", salt=bytes(32))
        fitted = time.process_time()
        model.sample(rng=np.random.default_rng(0))
        report[name] = {
            "fit_cpu_s": round(fitted - started, 1),
            "sample_cpu_s": round(time.process_time() - fitted, 1),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    asked = verbs.add_parser("conformance")
    asked.add_argument("--golden", type=Path)
    asked.add_argument("--data", type=Path)
    of = verbs.add_parser("quality")
    of.add_argument("table", type=Path)
    of.add_argument("--peer", action="store_true")
    of.add_argument("--target")
    at = verbs.add_parser("risk")
    at.add_argument("table", type=Path)
    at.add_argument("--splits", type=int, default=4)
    at.add_argument("--attacks", type=int, default=1000)
    by = verbs.add_parser("singling")
    by.add_argument("table", type=Path)
    by.add_argument("--splits", type=int, default=4)
    by.add_argument("--predicates", type=int, default=2500)
    verbs.add_parser("pace").add_argument("--rows", type=int, default=10_000_000)
    chosen = parser.parse_args()
    if chosen.verb == "conformance":
        report = conformance(chosen.golden, chosen.data)
    elif chosen.verb == "quality":
        report = quality(chosen.table, chosen.peer, chosen.target)
    elif chosen.verb == "risk":
        report = risk(chosen.table, chosen.splits, chosen.attacks)
    elif chosen.verb == "singling":
        report = singling(chosen.table, chosen.splits, chosen.predicates)
    else:
        report = pace(chosen.rows)
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
