"""The report of one product version: one HTML file that needs nothing else, and the same figures as JSON.

The HTML shows distributions of real rows and stays in the restricted zone. The JSON holds scores, counts and names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import duckdb
from jinja2 import Environment, StrictUndefined

from synth_assets.evaluation.attacks import FALSE_ALARM, RISKS
from synth_assets.evaluation.distributions import read_distributions
from synth_assets.evaluation.evaluation import Evaluation
from synth_assets.evaluation.plots import NAMES, pictures

MEANINGS = {
    "column_shapes": "How alike the distributions of single columns are; 1 is the same.",
    "pair_trends": "How alike the relations of two columns are; 1 is the same.",
    "singling_out": "How much more often a description from the product fits exactly one person, if fitted.",
    "linkability": "How much more often two halves of a person's data meet in one synthetic row, if fitted.",
    "inference": "How much more often a person's secret is guessed right from the product, if fitted.",
}


def render_report(
    evaluation: Evaluation,
    con: duckdb.DuckDBPyConnection,
    real: str,
    synthetic: str,
    *,
    title: str,
    facts: Mapping[str, str],
) -> tuple[str, str]:
    """The report as (HTML, JSON).

    ``real`` and ``synthetic`` stand after FROM, as in :func:`~synth_assets.evaluation.evaluation.evaluate`. ``facts``
    are shown as a table; a text with ``;`` becomes a list (the treatments of the columns).
    """
    drawn = pictures(evaluation, read_distributions(con, real, synthetic, evaluation.columns))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(share=_share, embed=_embed)
    template = environment.from_string(
        files("synth_assets.evaluation").joinpath("report.html.j2").read_text(encoding="utf-8")
    )
    html = template.render(
        title=title,
        e=evaluation,
        facts={name: [part.strip() for part in text.split(";") if part.strip()] for name, text in facts.items()},
        drawn=drawn,
        tiles=_tiles(evaluation),
        risks=[getattr(evaluation.attacks, name) for name in RISKS],
        names=NAMES,
        meanings=MEANINGS,
        false_alarm=f"{FALSE_ALARM:.1%}",
    )
    document = {"title": title, "facts": dict(facts), "evaluation": evaluation.model_dump(mode="json")}
    return html, json.dumps(document, indent=1, ensure_ascii=False)


def _tiles(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One tile a criterion."""
    quality = {"column_shapes", "pair_trends"}
    return [
        {
            "name": NAMES[c.name],
            "value": _share(c.value),
            "bound": f"{'at least' if c.name in quality else 'at most'} {c.threshold:g}",
            "passed": c.passed,
            "reason": c.reason,
            "meaning": MEANINGS[c.name],
        }
        for c in evaluation.verdict.criteria
    ]


def _share(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _embed(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()
