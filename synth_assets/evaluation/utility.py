"""Train on synthetic, test on real: what a model learned from the product is worth on people nobody fitted.

The same gradient boosted trees (scikit-learn) are trained twice, on real and on synthetic rows, and tested on the
control rows. The gap of the two is what the product costs a modeller. Rows are sampled, so that the work is bounded.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from synth_assets.evaluation.sampling import Sample, fetch
from synth_assets.evaluation.tables import CONTROL, REAL, ROWS, SOURCES, SYNTHETIC, Column, Tables

CLASSES = 20
"""Rarer classes than the most frequent real ones are one class together."""
LEAST_ROWS = 20
LEVELS = 254
"""The trees take at most 255 categories a column; rarer ones are treated as missing."""

Matrix = npt.NDArray[Any]


class Fit(BaseModel):
    """Scores of one model on the control rows: accuracy and AUC of classes (one against the rest), or R squared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accuracy: float | None = None
    auc: float | None = None
    r2: float | None = None


class Utility(BaseModel):
    """The two fits and their gap (real minus synthetic); ``reason`` where it could not be measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: str | None
    task: Literal["classification", "regression"] | None = None
    rows: tuple[int, int, int] = (0, 0, 0)
    real: Fit | None = None
    synthetic: Fit | None = None
    gap: Fit | None = None
    reason: str | None = None


def train_and_test(tables: Tables, target: str | None, *, rows: int = 20_000, seed: int) -> Utility:
    """Measure the utility for predicting ``target`` from the other columns; at most ``rows`` rows a source."""
    if target is None:
        return Utility(target=None, reason="the product names no target")
    found = [column for column in tables.columns if column.name == target]
    if not found:
        return Utility(target=target, reason="the target is not a column of the product")
    if len(tables.columns) < 2:
        return Utility(target=target, reason="the target is the only column")
    samples = [
        fetch(tables, f"SELECT * FROM {ROWS} WHERE src = {src} ORDER BY hash(r, {seed}), r LIMIT {rows}")
        for src in (REAL, CONTROL, SYNTHETIC)
    ]
    return _measure(tables, found[0], samples, seed)


def _measure(tables: Tables, column: Column, samples: list[Sample], seed: int) -> Utility:
    task: Literal["classification", "regression"] = "regression" if column.continuous else "classification"
    answers = [_answers(column, sample, samples[REAL]) for sample in samples]
    sizes = (len(answers[0]), len(answers[1]), len(answers[2]))
    for name, size in zip(SOURCES, sizes, strict=True):
        if size < LEAST_ROWS:
            reason = f"{size} {name} rows with a target; at least {LEAST_ROWS} are needed"
            return Utility(target=column.name, task=task, rows=sizes, reason=reason)
    if len(np.unique(answers[CONTROL])) < 2 or len(np.unique(answers[REAL])) < 2:
        reason = "the target is the same in all real or all control rows"
        return Utility(target=column.name, task=task, rows=sizes, reason=reason)
    inputs = [_inputs(tables, column, sample, task == "regression") for sample in samples]
    test = inputs[CONTROL], answers[CONTROL]
    import sklearn.ensemble  # first, because limits reach only the libraries that are loaded
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):  # the trees' threads spin while they wait for a busy core, at ten times the work
        fits = [
            _fit(sklearn.ensemble, tables, column, task, (inputs[src], answers[src]), test, seed)
            for src in (REAL, SYNTHETIC)
        ]
    return Utility(
        target=column.name, task=task, rows=sizes, real=fits[0], synthetic=fits[1], gap=_gap(fits[0], fits[1])
    )


def _answers(column: Column, sample: Sample, real: Sample) -> Matrix:
    """What is predicted: numbers where known, or classes (missing is one; rare ones are pooled)."""
    values = sample.values[column.index]
    if column.continuous:
        return values[~np.isnan(values)]
    known, counts = np.unique(np.nan_to_num(real.values[column.index], nan=-1), return_counts=True)
    common = known[np.argsort(-counts, kind="stable")[: CLASSES - 1]]
    classes = np.nan_to_num(values, nan=-1)
    return np.where(np.isin(classes, common), classes, -2.0)


def _inputs(tables: Tables, column: Column, sample: Sample, regression: bool) -> Matrix:
    """The other columns of the rows that have an answer."""
    keep = ~np.isnan(sample.values[column.index]) if regression else np.ones(len(sample), dtype=bool)
    cells = []
    for other in tables.columns:
        if other is column:
            continue
        values = sample.values[other.index][keep]
        cells.append(values if other.ordered else np.where(values < LEVELS, values, np.nan))
    return np.column_stack(cells)


def _fit(
    trees: Any,
    tables: Tables,
    column: Column,
    task: str,
    train: tuple[Matrix, Matrix],
    test: tuple[Matrix, Matrix],
    seed: int,
) -> Fit:
    categorical = [not other.ordered for other in tables.columns if other is not column]
    settings: dict[str, Any] = {"random_state": seed % 2**32, "categorical_features": categorical}
    if task == "regression":
        from sklearn.metrics import r2_score

        model = trees.HistGradientBoostingRegressor(**settings).fit(*train)
        return Fit(r2=float(r2_score(test[1], model.predict(test[0]))))
    if len(np.unique(train[1])) < 2:  # a product of one class predicts it always
        return Fit(accuracy=float((test[1] == train[1][0]).mean()), auc=0.5)
    # A tenth of the rows says when to stop; it holds every class, which few rows or a class of one do not allow.
    counts = np.unique(train[1], return_counts=True)[1]
    stopping = bool(counts.min() > 1 and len(train[1]) >= 20 * len(counts))
    classifier = trees.HistGradientBoostingClassifier(early_stopping=stopping, **settings).fit(*train)
    shares = classifier.predict_proba(test[0])
    right = float((classifier.predict(test[0]) == test[1]).mean())
    return Fit(accuracy=right, auc=_auc(test[1], shares, list(classifier.classes_)))


def _auc(answers: Matrix, shares: Matrix, classes: list[float]) -> float:
    """The mean over the classes of the control rows of one against the rest; a class never learned counts one half."""
    from sklearn.metrics import roc_auc_score

    found = [
        float(roc_auc_score(answers == c, shares[:, classes.index(c)])) if c in classes else 0.5
        for c in np.unique(answers)
    ]
    return float(np.mean(found))


def _gap(real: Fit, synthetic: Fit) -> Fit:
    def difference(a: float | None, b: float | None) -> float | None:
        return None if a is None or b is None else a - b

    return Fit(
        accuracy=difference(real.accuracy, synthetic.accuracy),
        auc=difference(real.auc, synthetic.auc),
        r2=difference(real.r2, synthetic.r2),
    )
