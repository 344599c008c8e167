"""Compare the scores with SDMetrics and the risks with Anonymeter, each in an environment of its own.

    python benchmarks/evaluation.py [--data ../shared/data] [--peers .peers] [--rows 5000] [--attacks 300]

Makes ``.peers/sdmetrics`` and ``.peers/anonymeter`` on the first run (pip reads the package index). For each real table
a copy, a bootstrap and a column-wise shuffle of the fitted rows and a fresh sample are scored by all three. Prints one
JSON document: the largest difference of any score, and each risk with its interval beside the peer's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from synth_assets.evaluation import Acceptance, Effort, Evaluation, Limits, evaluate
from synth_assets.evaluation.tables import side_by_side
from synth_assets.storage import literal, quote

PACKAGES = {"sdmetrics": ["sdmetrics==0.32.0", "pandas<3"], "anonymeter": ["anonymeter==1.1.0", "numpy<1.27"]}
TABLES = {
    "social_network_ads.csv": (["Gender", "Age", "EstimatedSalary", "Purchased"], "Purchased", 0.2),
    "adult_raw.csv": (
        ["age", "workclass", "education", "marital-status", "occupation", "sex", "hours-per-week", "label"],
        "label",
        0.25,
    ),
}
SDMETRICS = """
import itertools, json, sys, warnings
import pandas as pd
from sdmetrics.column_pairs import ContingencySimilarity, CorrelationSimilarity
from sdmetrics.reports.single_table import QualityReport
from sdmetrics.single_column import BoundaryAdherence, CategoryAdherence, KSComplement, TVComplement
warnings.simplefilter("ignore")
job = json.load(sys.stdin)
amounts = set(job["amounts"])
read = lambda path: pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={c: str for c in job["texts"]})
real, product = read(job["real"]), read(job["product"])
names = list(real)
columns = {c: (KSComplement if c in amounts else TVComplement).compute(real[c], product[c]) for c in names}
validity = {c: (BoundaryAdherence if c in amounts else CategoryAdherence).compute(real[c], product[c]) for c in names}
pairs = {}
for a, b in itertools.combinations(names, 2):
    r, s = real[[a, b]].copy(), product[[a, b]].copy()
    if a in amounts and b in amounts:
        pairs[a + "|" + b] = CorrelationSimilarity.compute(r, s)
    else:
        cut = [c for c in (a, b) if c in amounts]
        pairs[a + "|" + b] = ContingencySimilarity.compute(r, s, continuous_column_names=cut or None)
report = QualityReport()
kinds = {c: {"sdtype": "numerical" if c in amounts else "categorical"} for c in names}
report.generate(real, product, {"columns": kinds}, verbose=False)
shapes = dict(zip(*(report.get_properties()[k] for k in ("Property", "Score"))))
json.dump({"columns": columns, "validity": validity, "pairs": pairs, "report": shapes}, sys.stdout)
"""
ANONYMETER = """
import json, sys, warnings
import pandas as pd
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator
warnings.simplefilter("ignore")
job = json.load(sys.stdin)
read = lambda path: pd.read_csv(path, keep_default_na=False, na_values=[""], dtype={c: str for c in job["texts"]})
real, control, product = (read(job[k]) for k in ("real", "control", "product"))
n, out = min(job["attacks"], len(real), len(control)), {}
def note(name, make, **settings):
    try:
        evaluator = make().evaluate(**settings)
        result, risk = evaluator.results(), evaluator.risk()
        rates = [r.value for r in (result.attack_rate, result.control_rate, result.baseline_rate)]
        out[name] = {"risk": risk.value, "low": risk.ci[0], "high": risk.ci[1], "rates": rates}
    except Exception as error:
        out[name] = {"error": type(error).__name__}
for mode in ("univariate", "multivariate"):
    note("singling_out: " + mode, lambda: SinglingOutEvaluator(
        ori=real, syn=product, control=control, n_attacks=job["attacks"], n_cols=3, seed=1,
        max_attempts=job["attempts"],
    ), mode=mode)
note("linkability: two halves", lambda: LinkabilityEvaluator(
    ori=real, syn=product, control=control, n_attacks=n, aux_cols=tuple(job["halves"])), n_jobs=1)
for secret in real:
    note("inference: " + secret, lambda: InferenceEvaluator(
        ori=real, syn=product, control=control, n_attacks=n, secret=secret,
        aux_cols=[c for c in real if c != secret], regression=secret in job["amounts"]), n_jobs=1)
json.dump(out, sys.stdout)
"""


def peer(folder: Path, name: str) -> Path:
    """The interpreter of a peer's environment, made on first use."""
    python = folder / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder / name], check=True)
        subprocess.run([python, "-m", "pip", "-q", "install", *PACKAGES[name]], check=True)
    return python


def ask(python: Path, code: str, job: dict[str, Any]) -> tuple[Any, float]:
    """Run a peer; its answer and its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([python, "-c", code], input=json.dumps(job), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout[done.stdout.index("{") :]), spent


def prepare(con: duckdb.DuckDBPyConnection, path: Path, columns: list[str], share: float, rows: int) -> dict[str, str]:
    """Tables of fitted and control rows, and queries for the products to be scored."""
    names = ", ".join(quote(c) for c in columns)
    con.execute(
        f"CREATE OR REPLACE TABLE people AS SELECT {names}, row_number() OVER (ORDER BY hash(k)) AS k FROM "
        f"(SELECT *, row_number() OVER () AS k FROM read_csv({literal(str(path))}))"
    )
    total = con.execute("SELECT count(*) FROM people").fetchone()
    fitted = min(rows, int((total[0] if total else 0) * (1 - share)))
    control = min(int(fitted * share), (total[0] if total else 0) - fitted)
    con.execute(f"CREATE OR REPLACE TABLE fitted AS SELECT {names} FROM people WHERE k <= {fitted} ORDER BY k")
    con.execute(
        f"CREATE OR REPLACE TABLE control AS SELECT {names} FROM people WHERE k > {fitted} AND k <= {fitted + control}"
    )
    mixed = "SELECT {} FROM people WHERE k <= {} ORDER BY hash(k, {})"
    parts = (f"({mixed.format(quote(c), fitted, seed)})" for seed, c in enumerate(columns))
    con.execute(f"CREATE OR REPLACE TABLE shuffled AS SELECT * FROM {' POSITIONAL JOIN '.join(parts)}")
    con.execute(
        f"CREATE OR REPLACE TABLE bootstrap AS SELECT {names} FROM range({fitted}) AS d(i) "
        f"JOIN people ON k = 1 + hash(i, 9) % {fitted}"
    )
    products = {"copy": "fitted", "bootstrap": "bootstrap", "shuffle": "shuffled"}
    if total and total[0] > 2 * fitted + control:
        con.execute(
            f"CREATE OR REPLACE TABLE fresh AS SELECT {names} FROM people "
            f"WHERE k > {fitted + control} AND k <= {2 * fitted + control}"
        )
        products["fresh"] = "fresh"
    return products


def score_differences(ours: Evaluation, theirs: Any) -> dict[str, float]:
    """The largest absolute difference of any column's and any pair's score, and the two tables' means."""
    pairs = {"|".join(p.columns): p.score for p in ours.quality.pairs}
    known = {name: score for name, score in theirs["pairs"].items() if score == score}
    return {
        "columns": max(abs((c.score or 0) - theirs["columns"][c.column]) for c in ours.quality.columns),
        "validity": max(abs((c.validity or 0) - theirs["validity"][c.column]) for c in ours.quality.columns),
        "pairs": max(abs((pairs[name] or 0) - score) for name, score in known.items()),
        "ours_pair_trends": ours.quality.pair_trends or 0,
        "report_pair_trends": theirs["report"]["Column Pair Trends"],
        "ours_column_shapes": ours.quality.column_shapes or 0,
        "report_column_shapes": theirs["report"]["Column Shapes"],
    }


def risks_side_by_side(ours: Evaluation, theirs: Any) -> Iterator[dict[str, Any]]:
    """Each risk that both have measured."""
    for score in (ours.attacks.singling_out, ours.attacks.linkability, ours.attacks.inference):
        for attack in score.attacks:
            kind = "multivariate" if attack.kind.startswith("multivariate, 3") else attack.kind
            found = theirs.get(f"{attack.name}: {kind}")
            if found is None:
                continue
            entry = {
                "attack": f"{attack.name}: {kind}",
                "ours": [attack.risk.value, attack.risk.low, attack.risk.high],
                "rates": [attack.main.value, attack.control.value, attack.baseline.value],
                "anonymeter": [found.get("risk"), found.get("low"), found.get("high")],
                "anonymeter_rates": found.get("rates", found.get("error")),
            }
            if "risk" in found:
                entry["overlap"] = attack.risk.low <= found["high"] and found["low"] <= attack.risk.high
            yield entry


def compare(con: duckdb.DuckDBPyConnection, name: str, product: str, options: argparse.Namespace) -> dict[str, Any]:
    """One product by all three."""
    columns = [(row[0], row[1]) for row in con.execute("DESCRIBE fitted").fetchall()]
    started = time.process_time()
    limits = Limits(effort=Effort(people=options.attacks, predicates=options.attacks))
    ours = evaluate(con, "fitted", "control", product, columns, accept=Acceptance(), seed=1, limits=limits)
    spent = time.process_time() - started
    with side_by_side(con, "fitted", "control", product, columns) as tables:
        amounts = [c.name for c in tables.columns if c.continuous]
        texts = [c.name for c in tables.columns if not c.ordered]
    halves = next(a for a in ours.attacks.linkability.attacks if a.kind == "two halves").columns
    with tempfile.TemporaryDirectory() as folder:
        job: dict[str, Any] = {
            "amounts": amounts,
            "texts": texts,
            "attacks": options.attacks,
            "attempts": 20_000,
            "halves": [half.split(" + ") for half in halves],
        }
        for key, table in (("real", "fitted"), ("control", "control"), ("product", product)):
            job[key] = str(Path(folder) / f"{key}.csv")
            con.execute(f"COPY {table} TO {literal(job[key])} (HEADER)")
        scores, scores_cpu = ask(peer(options.peers, "sdmetrics"), SDMETRICS, job)
        risks, risks_cpu = ask(peer(options.peers, "anonymeter"), ANONYMETER, job)
    return {
        "table": name,
        "product": product,
        "rows": ours.rows,
        "passed": ours.verdict.passed,
        "cpu_seconds": {"ours": spent, "sdmetrics": scores_cpu, "anonymeter": risks_cpu},
        "scores": score_differences(ours, scores),
        "risks": list(risks_side_by_side(ours, risks)),
    }


def main() -> None:
    root = Path(__file__).parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=root / "../shared/data")
    parser.add_argument("--peers", type=Path, default=root / ".peers")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--attacks", type=int, default=300)
    options = parser.parse_args()
    con = duckdb.connect()
    found = []
    for name, (columns, _, share) in TABLES.items():
        products = prepare(con, options.data / name, columns, share, options.rows)
        found += [compare(con, name, product, options) for product in products.values()]
    json.dump(found, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
