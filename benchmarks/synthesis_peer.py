"""One synthetic table by a peer, run in an environment of its own; ``benchmarks/synthesis.py`` calls this.

    python synthesis_peer.py METHOD EPSILON TABLE.csv DOMAIN.json ROWS.csv

METHOD is ``mst``, ``privbayes`` or ``aim`` of dpmm, or ``datasynthesizer``. The peer gets the same declared bounds and
categories, and the same budget: dpmm's binning of numbers, which it charges apart from its model, takes a tenth of
epsilon and the model the rest; delta is 1e-9. All other settings are its own.
"""
# mypy: ignore-errors

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pandas as pd

DELTA = 1e-9
BINNING = 0.1
MODEL_SIZE = 80
"""Megabytes: what dpmm's authors say official comparisons with AIM must use."""


def by_dpmm(method, epsilon, frame, declared):
    from dpmm.pipelines import AIMPipeline, MSTPipeline, PrivBayesPipeline

    pipeline = {"mst": MSTPipeline, "privbayes": PrivBayesPipeline, "aim": AIMPipeline}[method]
    domain = {
        name: {"lower": known["bounds"][0], "upper": known["bounds"][1]} if "bounds" in known else dict(known)
        for name, known in declared.items()
    }
    made = pipeline(
        epsilon=epsilon * (1 - BINNING),
        delta=DELTA,
        proc_epsilon=epsilon * BINNING,
        max_model_size=MODEL_SIZE if method == "aim" else None,
        n_jobs=1,
    )
    made.fit(frame, domain=domain)
    return made.generate(n_records=len(frame))


def by_datasynthesizer(epsilon, path, rows):
    """Its correlated mode with one parent; it reads categories and bounds from the data, whatever is declared."""
    from DataSynthesizer.DataDescriber import DataDescriber
    from DataSynthesizer.DataGenerator import DataGenerator

    describer, generator = DataDescriber(), DataGenerator()
    describer.describe_dataset_in_correlated_attribute_mode(dataset_file=path, k=1, epsilon=epsilon)
    with tempfile.TemporaryDirectory() as folder:
        description = str(Path(folder) / "description.json")
        describer.save_dataset_description_to_file(description)
        generator.generate_dataset_in_correlated_attribute_mode(rows, description)
    return generator.synthetic_dataset


def main():
    method, epsilon, table, domain, out = sys.argv[1:]
    frame = pd.read_csv(table, keep_default_na=False, na_values=[""])
    if method == "datasynthesizer":
        made = by_datasynthesizer(float(epsilon), table, len(frame))
    else:
        made = by_dpmm(method, float(epsilon), frame, json.loads(Path(domain).read_text()))
    made.to_csv(out, index=False)


if __name__ == "__main__":
    main()
