"""Measuring a staged product: how alike it is, what models and attackers learn from it, and the verdict."""

from synth_assets.evaluation.attacks import FALSE_ALARM, Effort
from synth_assets.evaluation.evaluation import Evaluation, Limits, World, evaluate
from synth_assets.evaluation.plots import criteria_plot, score_plot
from synth_assets.evaluation.report import render_combinations, render_report
from synth_assets.evaluation.verdict import Acceptance, Criterion, Verdict, worst_of

__all__ = [
    "FALSE_ALARM",
    "Acceptance",
    "Criterion",
    "Effort",
    "Evaluation",
    "Limits",
    "Verdict",
    "World",
    "criteria_plot",
    "evaluate",
    "render_combinations",
    "render_report",
    "score_plot",
    "worst_of",
]
