"""Draw docs/images/diffix_points.png: synthetic points over the demo's real ones, for three methods side by side.

    python -m benchmarks.points [OUT.png]

The table is the demo's own, two columns of it (age and income), the bounds are those of the demo's spec, and every
number is seeded; real and synthetic tables are thinned to as many points. `make docs` runs this.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from synth_assets.demo import generate
from synth_assets.domain import Column, Domain
from synth_assets.evaluation.plots import CONTROL, GRID, INK, REAL, SYNTHETIC
from synth_assets.synthesis import AIM, MST, Diffix

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUT = Path(__file__).parents[1] / "docs" / "images" / "diffix_points.png"
SHOWN = 2_000
X, Y = "age", "income"
BOUNDS = {X: (0, 100), Y: (0, 150_000)}


def tables() -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The real pairs, and those of each method by its label."""
    with tempfile.TemporaryDirectory() as folder:
        real = pd.read_csv(generate(Path(folder))[0])[[X, Y]]
    real[Y] = real[Y].clip(upper=BOUNDS[Y][1])
    domain = Domain(columns={name: Column(bounds=bounds, bins=30) for name, bounds in BOUNDS.items()})
    made = {
        "diffix\nheuristic": Diffix().fit(real, domain, salt=bytes(32)),
        "mst\nε = 1": MST(epsilon=1, delta=1e-9).fit(real, domain, rng=np.random.default_rng(1)),
        "aim\nε = 1": AIM(epsilon=1, delta=1e-9).fit(real, domain, rng=np.random.default_rng(1)),
    }
    return real, {name: model.sample(rng=np.random.default_rng(2)) for name, model in made.items()}


def draw(real: pd.DataFrame, made: dict[str, pd.DataFrame]) -> Any:
    """A panel for each method, real points below synthetic ones."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.2, 3.7), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(made), sharex=True, sharey=True)
    for axes, (label, table) in zip(panels, made.items(), strict=True):
        style(axes, *label.split("\n"))
        for points, color, alpha, name, order in (
            (real, REAL, 0.45, "real", 1),
            (table, SYNTHETIC, 0.55, "synthetic", 2),
        ):
            x, y = thinned(points, seed=order)
            axes.scatter(x, y, s=5, color=color, alpha=alpha, linewidths=0, zorder=order + 1, label=name)
    panels[0].set_ylabel("income, thousands a year", fontsize=9, color=INK)
    panels[-1].legend(
        frameon=False, fontsize=9, ncols=2, loc="lower right", bbox_to_anchor=(1.02, 1.0), borderaxespad=0.1,
        markerscale=3, handletextpad=0.1, columnspacing=0.8, labelcolor=INK,
    )  # fmt: skip
    return figure


def style(axes: Axes, method: str, promise: str) -> None:
    """Name a panel and leave nothing in it but points and a faint grid."""
    title = axes.set_title(method, loc="left", fontsize=12, fontweight="bold", color=INK, pad=8)
    axes.annotate(
        promise, (1, 0.2), xycoords=title, xytext=(7, 0), textcoords="offset points", fontsize=9, color=CONTROL
    )
    axes.set_xlim(14, 100)
    axes.set_ylim(0, 104)
    axes.set_xlabel("age", fontsize=9, color=INK)
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8, colors=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def thinned(table: pd.DataFrame, seed: int) -> tuple[Any, Any]:
    """Ages, moved a little within their year, and incomes of ``SHOWN`` rows that have both."""
    rng = np.random.default_rng(seed)
    rows = table.dropna().sample(SHOWN, random_state=seed)
    return rows[X].to_numpy(float) + rng.uniform(0, 1, len(rows)), rows[Y].to_numpy(float) / 1000


def main() -> None:
    """Draw into the file that is named, or that of the docs."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    draw(*tables()).savefig(out, dpi=150, facecolor="white", metadata={"Software": None})


if __name__ == "__main__":
    main()
