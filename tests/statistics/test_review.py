"""The report of a table of figures, on figures worked by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from synth_assets.evaluation import Acceptance
from synth_assets.statistics import render_review, review_figures


def figure(statistic: str, group: str, value: float, error: float = 0.0, of: str | None = None) -> dict[str, Any]:
    return {"statistic": statistic, "of": of, "at": None, "g<i>": group, "value": value, "error": error}


TOLD = [figure("count", "a", 12, 3), figure("count", "b", 5, 3), figure("mean", "a", 2.0, 0.1, "x")]
TRUE = [figure("mean", "a", 2.5, of="x"), figure("count", "b", 4), figure("count", "a", 10)]


def test_figures_are_found_by_what_they_are_of_and_compared() -> None:
    review = review_figures(TOLD, TRUE, Acceptance())
    assert [f["truth"] for f in review.figures] == [10, 4, 2.5]
    assert [f["within"] for f in review.figures] == [True, True, False]
    count, mean = review.entries
    assert [(entry.figures, entry.within) for entry in (count, mean)] == [(2, 2), (1, 0)]
    assert [entry.relative_error for entry in (count, mean)] == pytest.approx([(2 / 10 + 1 / 7) / 2, 0.2])


def test_the_worst_statistic_is_judged_against_the_bound() -> None:
    for bound, passed in ((0.2, True), (0.199, False)):
        review = review_figures(TOLD, TRUE, Acceptance(relative_error=bound))
        (criterion,) = [c for c in review.verdict.criteria if c.name == "relative_error"]
        assert criterion.passed is passed
        assert criterion.value == pytest.approx(0.2)
        assert "mean of x" in criterion.reason


def test_more_misses_than_chance_explains_fail() -> None:
    truth = [figure("count", str(i), 0) for i in range(100)]
    for missed, passed in ((5, True), (14, True), (16, False), (100, False)):
        told = [figure("count", str(i), 5 if i < missed else 0, 1) for i in range(100)]
        review = review_figures(told, truth, Acceptance())
        (criterion,) = [c for c in review.verdict.criteria if c.name == "figures_within_error"]
        assert (criterion.value, criterion.passed) == (1 - missed / 100, passed)


def test_figures_that_share_their_noise_may_be_missed_together() -> None:
    told = [figure(name, "a", 5, 1, "x") for name in ("mean", "variance")]
    truth = [figure(name, "a", 0, of="x") for name in ("mean", "variance")]
    review = review_figures(told, truth, Acceptance())
    assert [c.passed for c in review.verdict.criteria if c.name == "figures_within_error"] == [True]


def test_what_has_no_truth_is_shown_and_not_judged() -> None:
    truth = [figure("mean", "a", float("nan"), of="x")]
    review = review_figures([figure("mean", "a", 50, 50, "x")], truth, Acceptance())
    assert review.figures[0]["truth"] is None
    assert review.entries == ()
    assert not review.verdict.passed
    assert "no figure has a true value" in review.verdict.criteria[0].reason


def test_the_page_escapes_names_and_the_json_has_every_figure() -> None:
    review = review_figures(TOLD, TRUE, Acceptance())
    html, document = render_review(review, title="team/<b>", facts={"source": "people & pets"})
    assert "g&lt;i&gt;" in html
    assert "team/&lt;b&gt;" in html
    assert "people &amp; pets" in html
    assert "<b>" not in html
    assert len(json.loads(document)["review"]["figures"]) == 3
