"""The report of a table of figures: how far each is from the truth, and whether its stated error held.

Computed from real rows; stays in the restricted zone. No attack is tried: the figures are sums over groups with noise,
and what any attack can learn from them is bounded by the epsilon in the ledger.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from math import ceil, isfinite
from typing import Any

from pydantic import BaseModel, ConfigDict

from synth_assets.evaluation.attacks import RISKS
from synth_assets.evaluation.verdict import Acceptance, Criterion, Verdict, decide
from synth_assets.statistics.moments import ALPHA

FALSE_ALARM = 1e-4
"""How often a table whose errors are stated rightly fails for having missed too many, at the most."""
SHOWN = 2000
"""Figures that the page shows; the JSON has them all."""

Figure = dict[str, Any]


class EntryReview(BaseModel):
    """The figures of one statistic of one column: how many, how many within their error, how far off they are.

    ``relative_error`` is the median of |value - truth| over the size of the truth, or over the mean size where that is
    more; None where the truth is zero everywhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    statistic: str
    of: str | None
    figures: int
    within: int
    relative_error: float | None


class Review(BaseModel):
    """All that was measured about a table of figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entries: tuple[EntryReview, ...]
    verdict: Verdict
    figures: tuple[Figure, ...]


def review_figures(table: Sequence[Figure], truth: Sequence[Figure], accept: Acceptance) -> Review:
    """Compare a released table with the same figures without noise; rows are found by what they are figures of.

    A figure without a true value (a mean of no row) is shown and not judged.
    """
    true_values = {_key(row): row["value"] for row in truth}
    figures = []
    for row in table:
        true = true_values.get(_key(row))
        known = true is not None and isfinite(true)
        within = abs(row["value"] - true) <= row["error"] * (1 + 1e-9) + 1e-9 if known else None
        figures.append({**row, "truth": true if known else None, "within": within})
    judged = [figure for figure in figures if figure["truth"] is not None]
    entries = [_entry(name, [f for f in judged if _name(f) == name]) for name in dict.fromkeys(map(_name, judged))]
    criteria = [_within(judged), _relative(entries, accept.relative_error), *(_untried(name, accept) for name in RISKS)]
    return Review(entries=tuple(entries), verdict=decide(criteria), figures=tuple(figures))


def _name(figure: Figure) -> tuple[str, str | None]:
    return figure["statistic"], figure["of"]


def _key(row: Figure) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in row.items() if name not in {"value", "error"})


def _group(figure: Figure) -> tuple[Any, ...]:
    return tuple(value for key, value in _key(figure) if key not in {"statistic", "at"})


def _entry(name: tuple[str, str | None], figures: list[Figure]) -> EntryReview:
    from statistics import fmean, median

    usual = fmean(abs(figure["truth"]) for figure in figures)
    off = [abs(f["value"] - f["truth"]) / max(abs(f["truth"]), usual) for f in figures] if usual > 0 else []
    return EntryReview(
        statistic=name[0],
        of=name[1],
        figures=len(figures),
        within=sum(figure["within"] for figure in figures),
        relative_error=median(off) if off else None,
    )


def _within(judged: list[Figure]) -> Criterion:
    """Fails where more figures lie outside their stated error than chance explains.

    Figures of one column and one group share their noise, so that they may be missed together: chance is that of as
    many groups as there are, each with as many figures as any has.
    """
    if not judged:
        return _criterion("figures_within_error", None, 1 - ALPHA, False, "not measurable: no figure has a true value")
    from scipy.stats import binom

    together = max(Counter(_group(figure) for figure in judged).values())
    groups = ceil(len(judged) / together)
    allowed = min(len(judged), together * int(binom.isf(FALSE_ALARM, groups, ALPHA)))
    missed = sum(not figure["within"] for figure in judged)
    share, least = 1 - missed / len(judged), 1 - allowed / len(judged)
    said = "as chance allows" if missed <= allowed else "more than chance explains: the stated errors are wrong"
    reason = f"{missed} of {len(judged)} figures lie outside their 95 % interval, {said}"
    return _criterion("figures_within_error", share, least, missed <= allowed, reason)


def _relative(entries: list[EntryReview], threshold: float) -> Criterion:
    measured = [entry for entry in entries if entry.relative_error is not None]
    if not measured:
        reason = "not measurable: the truth of every figure is zero or unknown"
        return _criterion("relative_error", None, threshold, False, reason)
    worst = max(measured, key=lambda entry: entry.relative_error or 0.0)
    value = worst.relative_error or 0.0
    what = worst.statistic + (f" of {worst.of}" if worst.of is not None else "")
    relation = "keeps" if value <= threshold else "exceeds"
    reason = f"{what}: half of the figures are off by {value:.1%} or less, which {relation} the bound {threshold:.0%}"
    return _criterion("relative_error", value, threshold, value <= threshold, reason)


def _untried(name: str, accept: Acceptance) -> Criterion:
    reason = "nothing to attack: figures over groups, no rows; the epsilon in the ledger bounds what they can tell"
    return _criterion(name, None, getattr(accept, name), True, reason)


def _criterion(name: str, value: float | None, threshold: float, passed: bool, reason: str) -> Criterion:
    return Criterion(name=name, value=value, threshold=threshold, passed=passed, reason=reason)


def render_review(review: Review, *, title: str, facts: Mapping[str, str]) -> tuple[str, str]:
    """The report as (HTML, JSON); ``facts`` are shown as a table."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = files("synth_assets.statistics").joinpath("report.html.j2").read_text(encoding="utf-8")
    columns = [name for name in (review.figures[0] if review.figures else {}) if name != "within"]
    html = environment.from_string(text).render(
        title=title, review=review, facts=facts, columns=columns, figures=review.figures[:SHOWN]
    )
    document = {"title": title, "facts": dict(facts), "review": review.model_dump(mode="json")}
    return html, json.dumps(document, indent=1, ensure_ascii=False)
