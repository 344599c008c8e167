"""How often a verdict of its kind is right: signs of the evidence weighed by weights that were fitted, not guessed.

The weights stand in ``weights.yaml``, a regularized logistic regression over columns of tables whose names the
vocabulary had never met (``benchmarks/classification_weights.py``). What does not belong here: what a column holds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.resources import files

import yaml

from synth_assets.classification.context import BESIDE_PEOPLE
from synth_assets.classification.evidence import DECIDED
from synth_assets.classification.tables import THINGS_TOO, Table
from synth_assets.classification.vocabulary import DIRECT, QUASI, SENSITIVE

WEIGHTS: Mapping[str, float] = yaml.safe_load(
    files("synth_assets.classification").joinpath("weights.yaml").read_text("utf-8")
)
_SURE = 0.9
_LEAST = 0.51  # what is decided stays so, however little it is worth
_GUESSED = 0.75  # what looks like names, addresses or keys beside people; too new for a weight of its own


def signs(table: Table, index: int) -> dict[str, float]:
    """What speaks for and against a verdict, each about 0 to 1.

    Among them how familiar the whole table is: where half of the names are unknown, the known ones mislead more often.
    """
    finding, found = table.findings[index], table.profiles[index]
    entity, strength = finding.entity_type, min(finding.confidence, 0.995)
    known = sum(other.confidence >= _SURE for other in table.findings) / len(table.findings)
    rule = finding.rule
    by_values = any(
        word in rule for word in ("form of the values", "list", "common names", "long texts", "checksum of")
    )
    return {
        "strength": math.log(strength / (1 - strength)) / 5,
        "name and values": float(rule in {"name and values", "name and checksum"}),
        "values alone": float(by_values),
        "a noun for people": float(rule.startswith("a noun for people")),
        "the table": float(not by_values and not rule.startswith(("name and", "the column's name", "a noun"))),
        "contradicted": float(any(line.startswith("name says") for line in finding.evidence)),
        "direct": float(entity in DIRECT),
        "quasi": float(entity in QUASI),
        "sensitive": float(entity in SENSITIVE),
        "familiar": known,
        "somebody's or a thing's": float(entity in THINGS_TOO),
        "and the table in doubt": float(entity in THINGS_TOO) * max(0.0, 1 - abs(table.points - 2) / 2),
        "few values": 1 / (1 + found.values / 10),
    }


def confidence(table: Table, index: int) -> float:
    """The share of verdicts of this kind that is right; what the evidence leaves undecided keeps its strength."""
    strength = table.findings[index].confidence
    if strength < DECIDED:
        return strength
    total = WEIGHTS["intercept"] + sum(WEIGHTS.get(name, 0.0) * value for name, value in signs(table, index).items())
    fitted = max(1 / (1 + math.exp(-total)), _LEAST)
    return min(fitted, _GUESSED) if table.findings[index].rule == BESIDE_PEOPLE else fitted
