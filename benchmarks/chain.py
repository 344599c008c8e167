"""CPU seconds and peak memory of the whole chain on the demo, stage by stage.

    python benchmarks/chain.py [--people 20000]

Prints JSON: the stages of every asset summed over assets of a kind, for a first run and for one with nothing to do.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from resources.environment import open_ledger, open_warehouse
from synth_assets.certification import evaluate_product
from synth_assets.demo import ensure, generate
from synth_assets.pipeline import Platform, classify_source, deidentify_source, ingest_source
from synth_assets.publication import publish_product
from synth_assets.release import stage_product
from synth_assets.spec import load_spec

NOW = "2026-01-01T00:00:00+00:00"


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    people = parser.parse_args().people
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder) / "data", people=people)
        spec = load_spec(ensure(Path(folder)), {})
        warehouse = open_warehouse(spec.root)[0]
        of = Platform(spec, warehouse, open_ledger(warehouse), lambda: NOW, "benchmark")
        first, again = walk(of), walk(of)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    document = {"people": people, "cpu_seconds": first, "cpu_seconds_again": again, "peak_mib": round(peak)}
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
