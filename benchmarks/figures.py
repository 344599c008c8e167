"""Private figures beside diffprivlib's tools: how far off each is, for one epsilon each, on a real table.

    python benchmarks/figures.py TABLE.csv [--epsilon 0.1 0.5 1] [--runs 20]

Each line is one question about Adult's columns, with the whole epsilon for it: the mean absolute error over the runs
and the CPU seconds of one run. diffprivlib gets the bounds, the groups in separate calls (each row is in one group) and
its own accountant; it takes n as public in means and variances, and adds noise to floats, which ours never does.
Ours also states an error beside each figure: ``covered`` is how often the truth lies within it. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from synth_assets.domain import Domain
from synth_assets.statistics import Statistics, true_figures

RACES = ["White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"]
BOUNDS = {"age": (0, 120), "hours-per-week": (0, 99), "capital-gain": (0, 99_999)}
DOMAIN = Domain.from_spec(
    {**{name: {"bounds": list(pair)} for name, pair in BOUNDS.items()}, "race": {"categories": RACES}}
)
AT = (0.25, 0.5, 0.75)

Peer = Callable[[pd.DataFrame, float], list[float]]


def by_race(tool: Callable[[Any, float], list[float]]) -> Peer:
    """A tool run on each group; the groups are disjoint, so that each gets the whole epsilon."""
    return lambda frame, epsilon: [v for race in RACES for v in tool(frame[frame["race"] == race], epsilon)]


def moment(name: str, column: str) -> Callable[[Any, float], list[float]]:
    from diffprivlib import BudgetAccountant, tools

    def tell(frame: Any, epsilon: float) -> list[float]:
        accountant, values = BudgetAccountant(epsilon, 0), frame[column].to_numpy()
        return [float(getattr(tools, name)(values, epsilon=epsilon, bounds=BOUNDS[column], accountant=accountant))]

    return tell


def rows(frame: pd.DataFrame, epsilon: float) -> list[float]:
    """Its count is cut off at the length of what it is given, so each group is counted in the whole column."""
    from diffprivlib import BudgetAccountant, tools

    groups = [(frame["race"] == race).to_numpy() for race in RACES]
    return [float(tools.count_nonzero(g, epsilon=epsilon, accountant=BudgetAccountant(epsilon, 0))) for g in groups]


def cut(column: str) -> Callable[[Any, float], list[float]]:
    from diffprivlib import BudgetAccountant, tools

    return lambda frame, epsilon: [
        float(v)
        for v in tools.quantile(
            frame[column].to_numpy(),
            list(AT),
            epsilon=epsilon,
            bounds=BOUNDS[column],
            accountant=BudgetAccountant(epsilon * (1 + 1e-9), 0),
        )
    ]


QUESTIONS: dict[str, tuple[dict[str, Any], Callable[[], Peer]]] = {
    "count by race": ({"count": {"by": ["race"]}}, lambda: rows),
    "mean age": ({"mean": {"of": "age"}}, lambda: moment("mean", "age")),
    "mean age by race": ({"mean": {"of": "age", "by": ["race"]}}, lambda: by_race(moment("mean", "age"))),
    "sum capital-gain": ({"sum": {"of": "capital-gain"}}, lambda: moment("sum", "capital-gain")),
    "variance hours": ({"variance": {"of": "hours-per-week"}}, lambda: moment("var", "hours-per-week")),
    "quartiles age": ({"quantiles": {"of": "age"}}, lambda: cut("age")),
    "quartiles age by race": ({"quantiles": {"of": "age", "by": ["race"]}}, lambda: by_race(cut("age"))),
    "quartiles capital-gain": ({"quantiles": {"of": "capital-gain"}}, lambda: cut("capital-gain")),
}


def ours(con: duckdb.DuckDBPyConnection, block: Statistics, runs: int) -> tuple[np.ndarray, dict[str, float]]:
    """The truth of the figures of known groups, and how far off they are."""
    started = time.process_time()
    frames = [block.release(con, "adult", DOMAIN, rows_per_unit=1) for _ in range(runs)]
    seconds = (time.process_time() - started) / runs
    truth = true_figures(block, con, "adult", DOMAIN, frames[0].learned, rows_per_unit=1)
    known = truth["race"].isin(RACES).to_numpy() if "race" in truth else np.ones(len(truth), dtype=bool)
    true = truth["value"].to_numpy()[known]
    off = np.abs(np.stack([made.frame["value"].to_numpy()[known] for made in frames]) - true)
    error = np.stack([made.frame["error"].to_numpy()[known] for made in frames])
    covered = float((off <= error + 1e-9).mean())
    return true, {"error": float(off.mean()), "covered": round(covered, 3), "cpu_s": round(seconds, 3)}


def peer(frame: pd.DataFrame, tool: Peer, epsilon: float, true: np.ndarray, runs: int) -> dict[str, float | str]:
    """The same of diffprivlib."""
    started = time.process_time()
    try:
        answers = [tool(frame, epsilon) for _ in range(runs)]
    except RuntimeError as error:  # its exponential mechanism has no candidate where many values are equal
        return {"fails": str(error).split(".")[0]}
    seconds = (time.process_time() - started) / runs
    order = np.array(answers)
    if len(true) == order.shape[1] and len(true) == len(RACES) * len(AT):  # ours tells level by level
        order = order.reshape(runs, len(RACES), len(AT)).transpose(0, 2, 1).reshape(runs, -1)
    return {"error": float(np.abs(order - true).mean()), "cpu_s": round(seconds, 3)}


def clusters(con: duckdb.DuckDBPyConnection, frame: pd.DataFrame, epsilon: float, runs: int) -> dict[str, object]:
    """K-means of age and hours, by the mean squared distance (in units of the bounds) over that without privacy."""
    import diffprivlib.models as models
    from diffprivlib import BudgetAccountant
    from sklearn.cluster import KMeans

    names = ["age", "hours-per-week"]
    high = np.array([BOUNDS[name][1] for name in names])
    points = frame[names].to_numpy(float) / high

    def inertia(centres: np.ndarray) -> float:
        return float(((points[:, None, :] - centres[None]) ** 2).sum(axis=2).min(axis=1).mean())

    best = inertia(KMeans(4, n_init=5, random_state=0).fit(points).cluster_centers_)
    block = Statistics.model_validate({"kmeans": {"of": names, "clusters": 4}, "epsilon": epsilon})
    made, theirs = [], []
    for _ in range(runs):
        released = block.release(con, "adult", DOMAIN, rows_per_unit=1).frame
        centres = released[released["statistic"] == "cluster centre"]["value"].to_numpy().reshape(2, 4).T / high
        made.append(inertia(centres) / best)
        model = models.KMeans(
            4, epsilon=epsilon, bounds=(np.zeros(2), np.ones(2)), accountant=BudgetAccountant(epsilon * (1 + 1e-9), 0)
        )
        theirs.append(inertia(model.fit(points).cluster_centers_) / best)
    return {
        "question": "k-means of age x hours, inertia over the best",
        "epsilon": epsilon,
        "ours": {"ratio": round(float(np.mean(made)), 3)},
        "diffprivlib": {"ratio": round(float(np.mean(theirs)), 3)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.1, 0.5, 1.0])
    parser.add_argument("--runs", type=int, default=20)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    con = duckdb.connect()
    con.execute("CREATE TABLE adult AS SELECT * FROM read_csv(?, sample_size = -1)", [str(chosen.table)])
    frame = con.table("adult").df()
    lines: list[dict[str, object]] = []
    for epsilon in chosen.epsilon:
        for name, (figures, tool) in QUESTIONS.items():
            block = Statistics.model_validate({**figures, "epsilon": epsilon})
            true, mine = ours(con, block, chosen.runs)
            theirs = peer(frame, tool(), epsilon, true, chosen.runs)
            lines.append({"question": name, "epsilon": epsilon, "ours": mine, "diffprivlib": theirs})
        lines.append(clusters(con, frame, epsilon, max(3, chosen.runs // 4)))
    json.dump(lines, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
