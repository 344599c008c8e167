"""Pictures of an evaluation, drawn with matplotlib's objects: no global state, no display, no network."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any

from synth_assets.evaluation.attacks import RISKS, Attack
from synth_assets.evaluation.distributions import Distribution
from synth_assets.evaluation.evaluation import Evaluation
from synth_assets.evaluation.verdict import Criterion

REAL, SYNTHETIC, CONTROL, BASELINE = "#2f5d8a", "#e2883d", "#7f8c9b", "#c9d1da"
GOOD, BAD, INK, GRID = "#2e7d5b", "#b3403a", "#1f2a37", "#e5e9ee"
NAMES = {
    "column_shapes": "column shapes",
    "pair_trends": "pair trends",
    "singling_out": "singling out",
    "linkability": "linkability",
    "inference": "inference",
}
LONGEST = 26


def score_plot(evaluation: Evaluation) -> bytes:
    """A PNG of every criterion with its threshold: scores only, fit to be shown where rows may not be."""
    return criteria_plot(evaluation.verdict.criteria)


def criteria_plot(criteria: Sequence[Criterion]) -> bytes:
    """As :func:`score_plot`, of criteria alone."""
    figure, axes = _figure(6.4, 0.6 + 0.45 * max(1, len(criteria)))
    for place, criterion in enumerate(criteria):
        value = criterion.value
        axes.barh(place, min(value or 0, 1.0), color=GOOD if criterion.passed else BAD, height=0.55)
        axes.plot([min(criterion.threshold, 1.0)] * 2, [place - 0.38, place + 0.38], color=INK, linewidth=1.6)
        unknown = "nothing to measure" if criterion.passed else "not measurable"
        text = unknown if value is None else f"{value:.2f}"
        axes.text(min(0.99, (value or 0)) + 0.015, place, text, va="center", fontsize=9, color=INK)
    axes.set_yticks(range(len(criteria)), [NAMES.get(c.name, c.name.replace("_", " ")) for c in criteria])
    axes.set_xlim(0, 1.12)
    axes.invert_yaxis()
    axes.set_xlabel("score or risk; the dark line is the threshold", fontsize=8, color=CONTROL)
    return _png(figure)


def distribution_plot(distribution: Distribution) -> bytes:
    """Real beside synthetic shares of one column: a histogram of amounts, or bars of categories."""
    if distribution.edges:
        figure, axes = _figure(4.4, 2.5)
        for shares, color, name in (
            (distribution.real, REAL, "real"),
            (distribution.synthetic, SYNTHETIC, "synthetic"),
        ):
            axes.stairs(shares, distribution.edges, fill=True, color=color, alpha=0.25)
            axes.stairs(shares, distribution.edges, color=color, linewidth=1.4, label=name)
        places = [distribution.edges[0], (distribution.edges[0] + distribution.edges[-1]) / 2, distribution.edges[-1]]
        axes.set_xticks(places, distribution.labels)
    else:
        figure, axes = _figure(4.4, max(1.6, 0.55 + 0.24 * len(distribution.labels)))
        for offset, shares, color, name in (
            (-0.2, distribution.real, REAL, "real"),
            (0.2, distribution.synthetic, SYNTHETIC, "synthetic"),
        ):
            axes.barh([k + offset for k in range(len(shares))], shares, height=0.38, color=color, label=name)
        axes.set_yticks(range(len(distribution.labels)), [plain(label) for label in distribution.labels])
        axes.invert_yaxis()
    (axes.yaxis if distribution.edges else axes.xaxis).set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.legend(frameon=False, fontsize=7.5, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0)
    return _png(figure)


def pair_plot(evaluation: Evaluation) -> bytes:
    """A heat map of the pair scores."""
    names = evaluation.columns
    place = {name: k for k, name in enumerate(names)}
    grid: list[list[float]] = [[float("nan")] * len(names) for _ in names]
    for pair in evaluation.quality.pairs:
        a, b = (place[name] for name in pair.columns)
        grid[a][b] = grid[b][a] = float("nan") if pair.score is None else pair.score
    size = max(3.2, 1.6 + 0.42 * len(names))
    figure, axes = _figure(size + 0.9, size)
    from matplotlib.colors import LinearSegmentedColormap

    colors = LinearSegmentedColormap.from_list("agreement", ["#b3403a", "#f3dfc1", "#2e7d5b"])
    image = axes.imshow(grid, cmap=colors, vmin=0.4, vmax=1)
    for a, row in enumerate(grid):
        for b, value in enumerate(row):
            if not isnan(value) and len(names) <= 16:
                axes.text(
                    b, a, f"{value:.2f}", ha="center", va="center", fontsize=6.5, color="white" if value > 0.9 else INK
                )
    labels = [plain(name) for name in names]
    axes.set_xticks(range(len(names)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), labels)
    axes.grid(visible=False)
    bar = figure.colorbar(image, ax=axes, shrink=0.75)
    bar.ax.tick_params(labelsize=7)
    bar.outline.set_visible(False)
    return _png(figure)


def tvd_plot(evaluation: Evaluation) -> bytes:
    """Mean distance of one-, two- and three-way marginals, beside the control sample's."""
    ways = evaluation.marginals.ways
    figure, axes = _figure(5.2, 0.7 + 0.62 * max(1, len(ways)))
    for place, way in enumerate(ways):
        axes.barh(place - 0.18, way.mean, height=0.34, color=SYNTHETIC, label="synthetic" if not place else None)
        axes.text(way.mean, place - 0.18, f" {way.mean:.3f}", va="center", fontsize=8, color=INK)
        if way.reference is not None:
            axes.barh(place + 0.18, way.reference, height=0.34, color=CONTROL, label="control" if not place else None)
            axes.text(way.reference, place + 0.18, f" {way.reference:.3f}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(ways)), [f"{way.width}-way" for way in ways])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.legend(frameon=False, fontsize=8)
    return _png(figure)


def attack_plot(evaluation: Evaluation) -> bytes:
    """Success rates of every attack on fitted people, on control people and of blind guessing, with intervals."""
    attacks = [attack for name in RISKS for attack in getattr(evaluation.attacks, name).attacks]
    figure, axes = _figure(7.6, 0.8 + 0.52 * max(1, len(attacks)))
    for place, attack in enumerate(attacks):
        rates = (
            (attack.main, SYNTHETIC, "fitted"),
            (attack.control, REAL, "control"),
            (attack.baseline, BASELINE, "guessing"),
        )
        for offset, (rate, color, name) in zip((-0.26, 0, 0.26), rates, strict=True):
            error = [[rate.value - rate.low], [rate.high - rate.value]]
            axes.barh(
                place + offset,
                rate.value,
                height=0.24,
                color=color,
                xerr=error,
                label=name if not place else None,
                error_kw={"elinewidth": 0.9, "ecolor": INK},
            )
    axes.set_yticks(range(len(attacks)), [attack_label(attack) for attack in attacks])
    axes.set_xlim(0, 1.02)
    axes.invert_yaxis()
    axes.set_xlabel("share of guesses that came true", fontsize=8, color=CONTROL)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    return _png(figure)


def contribution_plot(risk: Mapping[str, Any]) -> bytes:
    """What each quasi-identifier adds to the units that all of them single out together."""
    found = risk["contributions"]
    shapley = all(one["shapley"] is not None for one in found)
    units = max(risk["attackers"]["units"], 1)
    figure, axes = _figure(5.2, 0.8 + 0.4 * len(found))
    for place, one in enumerate(found):
        share = (one["shapley"] if shapley else one["drop"]) / units
        axes.barh(place, share, height=0.6, color=REAL)
        axes.text(share, place, f" {share:.1%}", va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(found)), [plain(one["column"]) for one in found])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.2%}")
    axes.xaxis.get_major_locator().set_params(nbins=4)
    axes.set_xlabel("share of all units" if shapley else "alone only because of it", fontsize=8, color=CONTROL)
    return _png(figure)


def attack_label(attack: Attack) -> str:
    """The attack in a few words."""
    return plain(f"{NAMES[attack.name]}: {attack.kind}", 44)


def plain(text: str, longest: int = LONGEST) -> str:
    """A label that matplotlib does not read as a formula, cut to a length."""
    short = " ".join(text.split())
    short = short if len(short) <= longest else short[: longest - 1] + "…"
    return short.replace("\\", "/").replace("$", r"\$")


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=140, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_axisbelow(True)
    axes.grid(color=GRID, linewidth=0.8)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a font without some glyph (emoji, scripts) draws a box
        figure.canvas.print_png(buffer)  # savefig would draw twice
    return buffer.getvalue()


def pictures(evaluation: Evaluation, distributions: Sequence[Distribution]) -> dict[str, Any]:
    """Every picture of a report; None where there is nothing to draw."""
    any_attack = any(getattr(evaluation.attacks, name).attacks for name in RISKS)
    return {
        "distributions": [(d.column, distribution_plot(d)) for d in distributions],
        "pairs": pair_plot(evaluation) if any(p.score is not None for p in evaluation.quality.pairs) else None,
        "tvd": tvd_plot(evaluation) if evaluation.marginals.ways else None,
        "attacks": attack_plot(evaluation) if any_attack else None,
    }
