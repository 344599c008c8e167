"""The report of one product version: one HTML file that needs nothing else, and the same figures as JSON.

The HTML shows distributions of real rows and stays in the restricted zone. The JSON holds scores, counts and names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from synth_assets.evaluation.attacks import FALSE_ALARM, RISKS
from synth_assets.evaluation.distributions import read_distributions
from synth_assets.evaluation.evaluation import Evaluation
from synth_assets.evaluation.plots import NAMES, contribution_plot, pictures
from synth_assets.evaluation.verdict import SCORES, Verdict

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
    reidentification: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """The report as (HTML, JSON).

    ``real`` and ``synthetic`` stand after FROM, as in :func:`~synth_assets.evaluation.evaluation.evaluate`. ``facts``
    are shown as a table; a text with ``;`` becomes a list (the treatments of the columns). ``reidentification`` is a
    :class:`~synth_assets.anonymity.Risk` with its ``story`` and what is left ``after`` a privacy model.
    """
    drawn = pictures(evaluation, read_distributions(con, real, synthetic, evaluation.columns))
    if reidentification is not None:
        drawn["contributions"] = contribution_plot(reidentification)
    html = _template("report.html.j2").render(
        title=title,
        e=evaluation,
        facts={name: [part.strip() for part in text.split(";") if part.strip()] for name, text in facts.items()},
        drawn=drawn,
        tiles=_tiles(evaluation.verdict),
        risks=[getattr(evaluation.attacks, name) for name in RISKS],
        names=NAMES,
        meanings=MEANINGS,
        false_alarm=f"{FALSE_ALARM:.1%}",
        found=reidentification,
    )
    document = {"title": title, "facts": dict(facts), "evaluation": evaluation.model_dump(mode="json")}
    if reidentification is not None:
        document["reidentification"] = dict(reidentification)
    return html, json.dumps(document, indent=1, ensure_ascii=False)


def render_combinations(
    evaluations: Mapping[str, Evaluation],
    pages: Mapping[str, str],
    verdict: Verdict,
    *,
    title: str,
    facts: Mapping[str, str],
) -> tuple[str, str]:
    """The report of a product of several tables as (HTML, JSON): the verdict, every table's scores, and ``pages``.

    ``pages`` are the reports of some of the tables, to be opened on the page.
    """
    html = _template("combinations.html.j2").render(
        title=title,
        verdict=verdict,
        tiles=_tiles(verdict),
        tables=evaluations,
        pages=pages,
        facts=facts,
        names=NAMES,
        criteria=[criterion.name for criterion in verdict.criteria],
    )
    tables = {name: evaluation.model_dump(mode="json") for name, evaluation in evaluations.items()}
    document = {"title": title, "facts": dict(facts), "verdict": verdict.model_dump(mode="json"), "tables": tables}
    return html, json.dumps(document, indent=1, ensure_ascii=False)


def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("synth_assets", "evaluation"),
    )
    environment.filters.update(share=_share, embed=_embed)
    return environment.get_template(name)


def _tiles(verdict: Verdict) -> list[dict[str, Any]]:
    """One tile a criterion."""
    return [
        {
            "name": NAMES[c.name],
            "value": _share(c.value),
            "bound": f"{'at least' if c.name in SCORES else 'at most'} {c.threshold:g}",
            "passed": c.passed,
            "reason": c.reason,
            "meaning": MEANINGS[c.name],
        }
        for c in verdict.criteria
    ]


def _share(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _embed(picture: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(picture).decode()
