"""Quality and cost of the private synthesizers and of their peers on a real table, and our pace on made ones.

    python benchmarks/synthesis.py quality TABLE.csv [--domain FILE.json] [--columns NAME ...] [--target NAME]
        [--methods mst aim ...] [--epsilon 0.1 1 10] [--runs 5] [--peers [NAME ...]]
    python benchmarks/synthesis.py pace [--rows 10000000] [--columns 15] [--method mst]

``quality``: per tool, method and epsilon, the mean over the runs of the total variation distances of all one- and
two-way and 50 three-way marginals (numbers cut at 20 quantiles of the real column, a heavy minimum apart), NIST's score
(1000 less 1000 times the two-way distance), the median over the runs too, and with ``--target`` the gap in AUC of
boosted trees that are trained on synthetic instead of real rows. Every table is made by a process of its own, ours
(``synthesis_own.py``) as the peers' (``synthesis_peer.py``), and CPU seconds are of that whole process, with imports,
reading, writing and children, on one thread of linear algebra. ``--domain`` declares what is public (for Adult: what
its description at UCI says), as ``columns:`` of a spec does.

``--peers`` makes ``.peers/dpmm`` and ``.peers/datasynthesizer`` on the first run (pip reads the package index). A run
of a peer takes up to half an hour; what it made is kept under ``.peers/tables`` and not made again.

``pace``: CPU seconds and peak memory of one fit of made rows and of sampling as many. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
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

from synth_assets.storage import literal
from synth_assets.synthesis import synthesizer

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".peers"
PACKAGES = {
    "dpmm": ["dpmm==0.1.9", "numpy<2", "pandas<2.2", "scikit-learn<1.6"],
    "datasynthesizer": ["DataSynthesizer==0.1.13", "numpy<2", "pandas<2.2"],
}
METHODS = ("independent", "mst", "privbayes", "aim")
PEER_METHODS = {"dpmm": ("mst", "privbayes", "aim"), "datasynthesizer": ("datasynthesizer",)}
BINS, TRIPLES = 20, 50
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


# -------------------------------------------------------------------------------------------------------- the scores
def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, na_values=[""])


def amount(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and column.nunique() > BINS


def codes_of(real: pd.Series, made: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Both columns as codes over one set of cells."""
    if amount(real):
        known = real.dropna().to_numpy(float)
        cuts = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
        edges = cuts[:-1] if (known == cuts[0]).mean() > 1 / BINS else cuts[1:-1]
        values = (real.to_numpy(float), pd.to_numeric(made, errors="coerce").astype("float64").to_numpy())
        first, second = (np.where(np.isnan(v), len(edges) + 1, np.searchsorted(edges, v)) for v in values)
        return first, second
    both, _ = pd.factorize(pd.concat([labels(real), labels(made)]), use_na_sentinel=False)
    return both[: len(real)], both[len(real) :]


def labels(column: pd.Series) -> pd.Series:
    """Values as text: 3, 3.0 and "3" are one label."""
    texts = column.astype("object").map(lambda value: str(value).strip(), na_action="ignore")
    return texts.map(lambda text: text.removesuffix(".0"), na_action="ignore")


def distance(real: list[np.ndarray], made: list[np.ndarray]) -> float:
    """The total variation distance of two joint distributions."""
    flat = [np.zeros(len(side[0]), dtype=np.int64) for side in (real, made)]
    for first, second in zip(real, made, strict=True):
        size = max(first.max(), second.max(initial=0)) + 1
        flat = [flat[0] * size + first, flat[1] * size + second]
    cells, _ = pd.factorize(np.concatenate(flat))
    counts = [np.bincount(part, minlength=cells.max() + 1) for part in np.split(cells, [len(flat[0])])]
    return float(np.abs(counts[0] / counts[0].sum() - counts[1] / max(counts[1].sum(), 1)).sum() / 2)


def distances(real: pd.DataFrame, made: pd.DataFrame) -> list[float]:
    """Mean distance of one-, two- and (some) three-way marginals."""
    coded = [codes_of(real[name], made[name]) for name in real]
    triples = list(combinations(range(len(coded)), 3))
    if len(triples) > TRIPLES:
        chosen = np.random.default_rng(0).choice(len(triples), TRIPLES, replace=False)
        triples = [triples[i] for i in sorted(chosen)]
    sets: list[list[tuple[int, ...]]] = [
        [(i,) for i in range(len(coded))],
        list(combinations(range(len(coded)), 2)),
        [*triples],
    ]
    return [
        round(float(np.mean([distance([coded[i][0] for i in k], [coded[i][1] for i in k]) for k in keys])), 5)
        for keys in sets
        if keys
    ]


class Utility:
    """What boosted trees learn of ``target``, tested on a fifth of the real rows."""

    def __init__(self, real: pd.DataFrame, target: str) -> None:
        from sklearn.model_selection import train_test_split

        self._target = target
        self._amounts = {name: amount(real[name]) for name in real if name != target}
        train, self._test = train_test_split(real, test_size=0.2, random_state=0, stratify=labels(real[target]))
        self._levels = {
            name: {level: code for code, level in enumerate(labels(train[name]).value_counts().index[:254])}
            for name, scaled in self._amounts.items()
            if not scaled
        }
        self._best = self._auc(train)

    def gap(self, made: pd.DataFrame) -> float:
        """How much less AUC the synthetic rows give than the real ones."""
        return self._best - self._auc(made)

    def _auc(self, rows: pd.DataFrame) -> float:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.metrics import roc_auc_score

        scales = [not scaled for scaled in self._amounts.values()]
        model = HistGradientBoostingClassifier(random_state=0, categorical_features=scales)
        model.fit(self._coded(rows), labels(rows[self._target]))
        truth = (labels(self._test[self._target]) == model.classes_[1]).to_numpy()
        return float(roc_auc_score(truth, model.predict_proba(self._coded(self._test))[:, 1]))

    def _coded(self, rows: pd.DataFrame) -> np.ndarray:
        columns = [
            pd.to_numeric(rows[name], errors="coerce").to_numpy(float)
            if scaled
            else labels(rows[name]).map(self._levels[name]).to_numpy(float)
            for name, scaled in self._amounts.items()
        ]
        return np.column_stack(columns)


# ------------------------------------------------------------------------------------------------------ making tables
def run(command: list[str | Path]) -> dict[str, float]:
    """Run a process to its end: its CPU seconds, those of its children among them, and its peak memory."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {"cpu_s": round(usage.ru_utime + usage.ru_stime, 1), "peak_mb": usage.ru_maxrss // 1024}


def environment(name: str) -> Path:
    """The Python of a peer's own environment, made on the first use."""
    python = PEERS / name / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS / name], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[name]], check=True, stdout=sys.stderr)
    return python


def made_by_peer(tool: str, method: str, epsilon: float, given: list[Path], label: str) -> tuple[pd.DataFrame, Any]:
    """A peer's table, from an earlier run if there is one."""
    kept = PEERS / "tables"
    kept.mkdir(parents=True, exist_ok=True)
    rows, cost = (kept / f"{label}-{method}-{epsilon:g}{end}" for end in (".csv", ".json"))
    if not cost.exists():
        script = Path(__file__).with_name("synthesis_peer.py")
        usage = run([environment(tool), script, method, str(epsilon), *given, rows])
        cost.write_text(json.dumps(usage))
    return read(rows), json.loads(cost.read_text())


def made_by_us(method: str, epsilon: float, given: list[Path], target: str | None) -> tuple[pd.DataFrame, Any]:
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        script = Path(__file__).with_name("synthesis_own.py")
        usage = run([sys.executable, script, method, str(epsilon), *given, rows, *([target] if target else [])])
        return read(rows), usage


def quality(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Every method at every epsilon, ours and then the peers'."""
    real = read(chosen.table)
    real = real[chosen.columns or list(real)]
    utility = Utility(real, chosen.target) if chosen.target else None
    results = []
    with tempfile.TemporaryDirectory() as folder:
        table, domain = Path(folder) / "table.csv", chosen.domain or Path(folder) / "domain.json"
        real.to_csv(table, index=False)
        if not chosen.domain:
            domain.write_text("{}")
        given = [table, domain.resolve()]
        for epsilon in chosen.epsilon:
            for method in chosen.methods:
                runs = [made_by_us(method, epsilon, given, chosen.target) for _ in range(chosen.runs)]
                results.append({"tool": "ours", "method": method, "epsilon": epsilon, **scored(real, runs, utility)})
            for tool in chosen.peers:
                for method in PEER_METHODS[tool]:
                    made = [made_by_peer(tool, method, epsilon, given, chosen.table.stem)]
                    results.append({"tool": tool, "method": method, "epsilon": epsilon, **scored(real, made, utility)})
    return results


def scored(real: pd.DataFrame, runs: list[tuple[pd.DataFrame, Any]], utility: Utility | None) -> dict[str, Any]:
    """The scores of several tables of one method, and what they cost."""
    found = np.array([distances(real, made) for made, _ in runs])
    scores: dict[str, Any] = {"runs": len(runs), "tvd": found.mean(axis=0).round(4).tolist()}
    if found.shape[1] > 1:
        scores["nist"] = np.round(1000 * (1 - found[:, 1]), 1).tolist()
        scores["nist_median"] = round(float(np.median(1000 * (1 - found[:, 1]))), 1)
    if utility:
        scores["auc_gap"] = round(float(np.mean([utility.gap(made) for made, _ in runs])), 4)
    return scores | {key: round(float(np.mean([cost[key] for _, cost in runs])), 1) for key in ("cpu_s", "peak_mb")}


def pace(chosen: argparse.Namespace) -> dict[str, Any]:
    """A Parquet file fitted, and as many rows sampled; two thirds of its columns are text, one third numbers."""
    text = chosen.columns * 2 // 3
    texts = [f"'v' || ((h >> {i % 48}) % {5 + i % 10}) AS t{i}" for i in range(text)]
    numbers = [f"CAST((h >> {i % 48}) % {10 ** (i % 5 + 1)} AS BIGINT) AS n{i}" for i in range(chosen.columns - text)]
    source = f"(SELECT hash(i) AS h FROM range({chosen.rows}) AS s(i))"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        with duckdb.connect() as con:
            con.execute(f"COPY (SELECT {', '.join(texts + numbers)} FROM {source}) TO {literal(str(path))}")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.process_time()
        model = synthesizer({"method": chosen.method, "epsilon": 1.0}).fit(path)
        fitted = time.process_time()
        model.sample()
    return {
        **{key: getattr(chosen, key) for key in ("method", "rows", "columns")},
        "fit_cpu_s": round(fitted - started, 1),
        "all_cpu_s": round(time.process_time() - started, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "peak_before_mb": before // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    of = verbs.add_parser("quality")
    of.add_argument("table", type=Path)
    of.add_argument("--domain", type=Path)
    of.add_argument("--columns", nargs="+")
    of.add_argument("--target")
    of.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    of.add_argument("--epsilon", type=float, nargs="+", default=[0.1, 1.0, 10.0])
    of.add_argument("--runs", type=int, default=5)
    of.add_argument("--peers", nargs="*", default=[], choices=PACKAGES)
    on = verbs.add_parser("pace")
    on.add_argument("--rows", type=int, default=10_000_000)
    on.add_argument("--columns", type=int, default=15)
    on.add_argument("--method", default="mst")
    chosen = parser.parse_args()
    json.dump(quality(chosen) if chosen.verb == "quality" else pace(chosen), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
