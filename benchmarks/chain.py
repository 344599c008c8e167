"""CPU seconds and peak memory of the whole chain, stage by stage.

    python benchmarks/chain.py [--people 20000]
    python benchmarks/chain.py --rows 10000000 [--form parquet] [--folder DIR]

Without ``--rows`` on the demo, inside this process: the stages of every asset summed over assets of a kind, for a
first run and for one with nothing to do. With ``--rows`` on one generated table of 12 columns and two products, each
stage by ``synth-assets run`` in a process of its own, whose start (3 CPU seconds) is included. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb

from resources.environment import open_ledger, open_warehouse
from synth_assets.certification import evaluate_product
from synth_assets.demo import ensure, generate
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import stage_product
from synth_assets.spec import load_spec

NOW = "2026-01-01T00:00:00+00:00"

PEOPLE = """
    SELECT printf('C%08d', i) AS customer_id,
           list_extract(['Ada', 'Bo', 'Cem', 'Dora', 'Emil', 'Fay', 'Gus', 'Hana'], 1 + CAST(a % 8 AS INT)) || ' '
             || list_extract(['Adler', 'Brandt', 'Cole', 'Dietz', 'Ebner', 'Falk', 'Gray'], 1 + CAST(b % 7 AS INT))
             || chr(97 + CAST(c % 26 AS INT)) || chr(97 + CAST(d % 26 AS INT)) AS full_name,
           printf('p%d@mail%d.example.org', i, a % 9) AS email,
           DATE '1930-01-01' + CAST(a % 29000 AS INT) AS birth_date,
           TIMESTAMP '2015-01-01' + INTERVAL (b % 300000000) SECOND AS registered_at,
           CASE WHEN c % 100 < 49 THEN 'male' WHEN c % 100 < 98 THEN 'female' ELSE 'other' END AS sex,
           'Town ' || CAST((d % 40) * (a % 3) AS VARCHAR) AS city,
           list_extract(['basic', 'plus', 'family', 'business'], 1 + CAST(least(a % 4, b % 4) AS INT)) AS plan,
           CAST((c % 7) + (a % 4) * 3 AS INT) AS visits,
           round(1 + ln(1 + (d % 100000) / 100.0) * (1 + a % 4) * 20, 2) AS amount,
           (b % 1000) / 1000.0 AS score,
           printf('%05d', 10000 + (d % 40) * 997) AS postcode
    FROM (SELECT i, hash(i * 4) >> 8 AS a, hash(i * 4 + 1) >> 8 AS b, hash(i * 4 + 2) >> 8 AS c,
                 hash(i * 4 + 3) >> 8 AS d FROM range({rows}) AS t(i))
"""

SPEC = """
sources:
  - name: people
    path: people.{form}
    unit: customer_id
    budget: {{epsilon: 4, delta: 1e-6}}
    columns:
      customer_id: {{role: direct_identifier, type: person_id}}
      sex: {{role: quasi_identifier, categories: [female, male, other]}}
      city: {{role: quasi_identifier, treatment: keep}}
      plan: {{role: insensitive}}
      visits: {{role: insensitive, bounds: [0, 20]}}
      amount: {{role: insensitive, bounds: [0, 1000]}}
      score: {{role: insensitive}}
consumers:
  - name: team
    products:
      - name: synthetic
        source: people
        columns: [sex, city, plan, visits, amount, score]
        synthesizer: {{method: mst, epsilon: 1, delta: 1e-9}}
        accept: {accept}
      - {{name: grouped, source: people, columns: [sex, city, plan, visits], anonymize: {{k: 5}}, accept: {accept}}}
"""
ACCEPT = "{column_shapes: 0, pair_trends: 0, singling_out: 1, linkability: 1, inference: 1}"
STAGES = ("raw", "classified", "deidentified", "staged", "report", "published")


def walk(of: Platform) -> dict[str, float]:
    """CPU seconds a stage, over all sources and products."""
    spent: dict[str, float] = defaultdict(float)
    for source in of.spec.sources:
        for stage in (ingest_source, classify_source):
            spent[stage.__name__] += _seconds(stage, of, source.name)
    for source in of.spec.sources:
        spent["deidentify_source"] += _seconds(deidentify_source, of, source.name)
    for consumer, product in of.spec.products():
        for step in (stage_product, evaluate_product, publish_product):
            spent[step.__name__] += _seconds(step, of, consumer, product)
    return {name: round(seconds, 2) for name, seconds in spent.items()}


def _seconds(function: object, *arguments: object) -> float:
    start = time.process_time()
    function(*arguments)  # type: ignore[operator]
    return time.process_time() - start


def on_the_demo(people: int) -> dict[str, Any]:
    """The demo's graph, twice."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder) / "data", people=people)
        spec = load_spec(ensure(Path(folder)), {})
        warehouse = open_warehouse(spec.root)[0]
        of = Platform(spec, warehouse, open_ledger(warehouse), lambda: NOW, "benchmark")
        first, again = walk(of), walk(of)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"people": people, "cpu_seconds": first, "cpu_seconds_again": again, "peak_mib": round(peak)}


def on_one_table(rows: int, form: str, folder: Path) -> dict[str, Any]:
    """A generated table through the command line, a process for each stage and product."""
    source = folder / f"people.{form}"
    if not source.exists():
        how = "HEADER" if form == "csv" else "FORMAT parquet"
        duckdb.execute(f"COPY ({PEOPLE.format(rows=rows)}) TO '{source}' ({how})")
    spec = folder / "synth.yaml"
    spec.write_text(SPEC.format(form=form, accept=ACCEPT))
    keys = [f"{stage}/people" for stage in STAGES[:3]]
    keys += [f"{stage}/team/{product}" for product in ("synthetic", "grouped") for stage in STAGES[3:]]
    stages = {key: _measured(["run", "--spec", str(spec), "--select", key]) for key in keys}
    return {"rows": rows, "form": form, "mib": source.stat().st_size >> 20, "stages": stages}


def _measured(arguments: list[str]) -> dict[str, float]:
    start = time.monotonic()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "synth_assets", *arguments],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)],
    )
    _, status, used = os.wait4(child, 0)
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "wall_seconds": round(time.monotonic() - start, 1),
        "peak_mib": round(used.ru_maxrss / 1024),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rows", type=int, help="generate one table of so many rows in place of the demo")
    parser.add_argument("--form", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--folder", type=Path, help="where the generated table and its warehouse lie, and stay")
    chosen = parser.parse_args()
    if chosen.rows is None:
        document = on_the_demo(chosen.people)
    else:
        with tempfile.TemporaryDirectory() as folder:
            document = on_one_table(chosen.rows, chosen.form, chosen.folder or Path(folder))
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
