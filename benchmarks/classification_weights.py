"""Fit the weights of the evidence: how often is a verdict with such signs right?

    python benchmarks/classification_weights.py collect OUT.csv FOLDER...   # labelled tables: labels.csv, tables/*.csv
    python benchmarks/classification_weights.py fit [CSV] [--write]

``classification_evidence.csv`` holds counts and shares of 129 tables as they were met for the first time: 60 that two
strangers made up (the first 25 collected by later rules with the *vocabulary of before* they were seen) and 69 of
public repositories, labelled by two others. With a vocabulary that was mended after the errors on them were known any
weights would come out too sure. Strangers differ from each other more than their tables do: weights of the first 25
alone gave .9 and more to columns of the next 35 of which 87 % were right. Hence ``CAUTION``, taken off the log odds; it
was chosen by the left-out figures, those of a sixteenth of the tables after the other. ``--write`` fits all of them.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np
import yaml

from benchmarks.classification import is_right, labelled
from synth_assets.classification import calibration
from synth_assets.classification.evidence import DECIDED
from synth_assets.classification.tables import Table

EVIDENCE = Path(__file__).with_name("classification_evidence.csv")
WEIGHTS = Path(__file__).parent.parent / "synth_assets/classification/weights.yaml"
PENALTY = 1.0
CAUTION = 0.8
FOLDS = 16


def collect(out: Path, folders: list[Path]) -> None:
    """Write the signs of every decided column beside whether its role is right."""
    rows: list[dict[str, Any]] = []
    seen: dict[tuple[str, str], dict[str, float]] = {}
    honest = calibration.confidence

    def watched(table: Table, index: int) -> float:
        strength = table.findings[index].confidence
        seen[table.name, table.columns[index]] = {"decided": float(strength >= DECIDED)} | calibration.signs(
            table, index
        )
        return strength

    calibration.confidence = watched
    for folder in folders:
        for label, verdict in labelled(folder):
            found = seen[label["table"], verdict.column]
            right = int(is_right((label, verdict)))
            rows.append({"table": label["table"], "right": right} | {k: round(v, 4) for k, v in found.items()})
    calibration.confidence = honest
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def fit(source: Path, write: bool) -> dict[str, Any]:
    """Weights, and what they are worth on tables left out of the fit, beside the strength of before."""
    with source.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if float(row["decided"])]
    names = [name for name in rows[0] if name not in {"table", "right", "decided"}]
    values = np.array([[float(row[name]) for name in names] for row in rows])
    right = np.array([int(row["right"]) for row in rows])
    tables = np.array([row["table"] for row in rows])
    held_out = np.zeros(len(rows))
    for group in np.array_split(np.unique(tables), FOLDS):
        apart = np.isin(tables, group)
        held_out[apart] = _regression(values[~apart], right[~apart]).decision_function(values[apart])
    held_out = 1 / (1 + np.exp(CAUTION - held_out))
    before = 1 / (1 + np.exp(-5 * values[:, names.index("strength")]))
    model = _regression(values, right)
    weights = {"intercept": float(model.intercept_[0]) - CAUTION} | dict(
        zip(names, map(float, model.coef_[0]), strict=True)
    )
    if write:
        head = "# Fitted by benchmarks/classification_weights.py; see there for what from.\n"
        document = {name: round(weight, 3) for name, weight in weights.items()}
        WEIGHTS.write_text(head + yaml.safe_dump(document, sort_keys=False), "utf-8")
    return {
        "columns": len(rows),
        "tables": len(np.unique(tables)),
        "strength by hand": _worth(before, right),
        "fitted, tables left out": _worth(held_out, right),
        "weights": {name: round(weight, 3) for name, weight in weights.items()},
    }


def _regression(values: Any, right: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=PENALTY, max_iter=1000).fit(values, right)


def _worth(chance: Any, right: Any) -> dict[str, Any]:
    """Log loss and Brier score, and of each tenth of confidence the columns and the share that is right."""
    loss = -np.mean(np.log(np.where(right == 1, chance, 1 - chance).clip(1e-6)))
    tenths = {}
    for low in (0.5, 0.6, 0.7, 0.8, 0.9):
        chosen = (chance >= low) & (chance < low + 0.1 + (low == 0.9))
        if chosen.any():
            tenths[f"{low:.1f}"] = {"columns": int(chosen.sum()), "right": round(float(right[chosen].mean()), 3)}
    brier = float(np.mean((chance - right) ** 2))
    below = int((chance < DECIDED).sum())
    return {"log loss": round(float(loss), 4), "brier": round(brier, 4), "below .5": below, "tenths": tenths}


def main() -> None:
    """Collect evidence or fit weights; prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    collecting = verbs.add_parser("collect")
    collecting.add_argument("out", type=Path)
    collecting.add_argument("folders", type=Path, nargs="+")
    fitting = verbs.add_parser("fit")
    fitting.add_argument("source", type=Path, nargs="?", default=EVIDENCE)
    fitting.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.verb == "collect":
        collect(arguments.out, arguments.folders)
    else:
        print(json.dumps(fit(arguments.source, arguments.write), indent=1))


if __name__ == "__main__":
    main()
