"""Quality and cost of the private synthesizers on a real table, and their pace on a made one.

    python benchmarks/synthesis.py TABLE.csv [--epsilon 0.1 1 10] [--seeds 3] [--rows 10000000]
        [--domain benchmarks/adult.json] [--target label]

Per method and epsilon: the mean total variation distance of one-, two- and three-way marginals (numbers cut at 20
quantiles of the real column, a heavy minimum apart; 50 triples), and CPU seconds of fitting and sampling. With
``--rows``, also the CPU seconds and the peak memory of ``mst`` on so many made rows of 15 columns. ``--domain``
declares what is public of the table (for Adult: what its description at UCI says), as ``columns:`` of a spec does;
without it everything is learned. ``--target`` is handed to ``aim``. Prints JSON. Noise is seeded: the figures are
repeatable, the models unfit for release.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from synth_assets.domain import Domain
from synth_assets.synthesis import AIM, MST, Independent, Model, PrivBayes, Synthesizer

BINS, TRIPLES = 20, 50


def codes_of(real: pd.Series, made: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Both columns as codes over one set of cells."""
    if pd.api.types.is_numeric_dtype(real) and real.nunique() > BINS:
        known = real.dropna().to_numpy(float)
        cuts = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)))
        edges = cuts[:-1] if (known == cuts[0]).mean() > 1 / BINS else cuts[1:-1]
        values = (real.to_numpy(float), made.astype("float64").to_numpy())
        first, second = (np.where(np.isnan(v), len(edges) + 1, np.searchsorted(edges, v)) for v in values)
        return first, second
    both, _ = pd.factorize(pd.concat([real, made]).astype("object").astype("str"))
    return both[: len(real)], both[len(real) :]


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
        round(float(np.mean([distance([coded[i][0] for i in k], [coded[i][1] for i in k]) for k in keys])), 4)
        for keys in sets
        if keys
    ]


def quality(
    path: Path, epsilons: list[float], seeds: int, domain: Domain, target: str | None
) -> list[dict[str, object]]:
    real = pd.read_csv(path, keep_default_na=False, na_values=[""])
    makers: dict[str, Callable[[float], Synthesizer]] = {
        "independent": lambda e: Independent(epsilon=e, delta=1e-9),
        "mst": lambda e: MST(epsilon=e, delta=1e-9),
        "privbayes": lambda e: PrivBayes(epsilon=e, delta=1e-9),
        "aim": lambda e: AIM(epsilon=e, delta=1e-9, target=target),
    }
    results: list[dict[str, object]] = []
    for name, maker in makers.items():
        for epsilon in epsilons:
            started = time.process_time()
            frames = [sampled(maker(epsilon), path, domain, seed) for seed in range(seeds)]
            seconds = (time.process_time() - started) / seeds
            runs = [distances(real, frame) for frame in frames]
            means = [round(float(np.mean(column)), 4) for column in zip(*runs, strict=True)]
            results.append({"method": name, "epsilon": epsilon, "tvd": means, "cpu_s": round(seconds, 2)})
    return results


def sampled(method: Synthesizer, path: Path, domain: Domain, seed: int) -> pd.DataFrame:
    model: Model = method.fit(path, domain, rng=np.random.default_rng(seed))
    return model.sample(rng=np.random.default_rng(seed))


def pace(rows: int) -> dict[str, object]:
    """``mst`` on made rows: ten text and five number columns, half of them dependent."""
    con = duckdb.connect()
    texts = ", ".join(f"'v' || ((h >> {i}) % {5 + i}) AS t{i}" for i in range(10))
    numbers = ", ".join(f"CAST((h >> {i}) % {10 ** (i + 1)} AS BIGINT) AS n{i}" for i in range(5))
    con.execute(f"CREATE TABLE t AS SELECT {texts}, {numbers} FROM (SELECT hash(i) AS h FROM range({rows}) AS s(i))")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    model = MST(epsilon=1).fit(con.table("t"), rng=np.random.default_rng(0))
    fitted = time.process_time()
    model.sample(100_000)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": rows, "fit_cpu_s": round(fitted - started, 1), "peak_mb": after // 1024, "table_mb": before // 1024}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.1, 1.0, 10.0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--domain", type=Path)
    parser.add_argument("--target")
    chosen = parser.parse_args()
    domain = Domain.from_spec(json.loads(chosen.domain.read_text()) if chosen.domain else {})
    report: dict[str, object] = {"quality": quality(chosen.table, chosen.epsilon, chosen.seeds, domain, chosen.target)}
    if chosen.rows:
        report["pace"] = pace(chosen.rows)
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
