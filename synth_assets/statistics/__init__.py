"""Statistics: figures over groups of rows as a product, each with its error, for one (epsilon, delta).

>>> from synth_assets.statistics import Statistics
>>> Statistics(count={"by": ["sex"]}, epsilon=0.1).cost()
(0.1, 0.0)
"""

from __future__ import annotations

from synth_assets.statistics.block import (
    KINDS,
    Count,
    Histogram,
    KMeans,
    Mean,
    Quantiles,
    Statistics,
    Sum,
    Variance,
)
from synth_assets.statistics.figures import Learned, Released, check_figures, group_names, true_figures
from synth_assets.statistics.review import Review, render_review, review_figures

__all__ = [
    "KINDS",
    "Count",
    "Histogram",
    "KMeans",
    "Learned",
    "Mean",
    "Quantiles",
    "Released",
    "Review",
    "Statistics",
    "Sum",
    "Variance",
    "check_figures",
    "group_names",
    "render_review",
    "review_figures",
    "true_figures",
]
