from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from synth_assets.planning import over_ceiling, plan, standing
from synth_assets.spec import Spec, load_spec
from tests.workspace import one, product, write_spec

START = datetime(2026, 1, 1, tzinfo=UTC)


def spec_of(folder: Path, consumers: str, ceiling: float = 4.0) -> Spec:
    return load_spec(write_spec(folder, consumers, ceiling), {})


def test_what_is_planned_is_added_up_exactly(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, product("a", epsilon=0.1) + one("b", epsilon=0.1) + one("c", epsilon=0.1), 0.3)
    planned = plan(spec, None, None, START)
    (source,) = planned["sources"]
    assert source["planned"]["epsilon"] == 0.3
    assert source["remaining"] == {"epsilon": 0.3, "delta": 1e-6}
    assert over_ceiling(planned) == []
    assert [release["cached"] for release in planned["releases"]] == [False] * 3


def test_one_cent_too_many_is_over(tmp_path: Path) -> None:
    planned = plan(spec_of(tmp_path, product("a", epsilon=0.3) + one("b", epsilon=0.01), 0.3), None, None, START)
    assert over_ceiling(planned) == ["source people"]


def test_a_consumers_share_bounds_the_sum_of_its_products(tmp_path: Path) -> None:
    two = product("a", epsilon=1.0).replace("  - name: team\n", "  - name: team\n    budget: {epsilon: 1.5}\n")
    planned = plan(spec_of(tmp_path, two + one("b", epsilon=1.0)), None, None, START)
    assert over_ceiling(planned) == ["team's share of source people"]
    assert over_ceiling(plan(spec_of(tmp_path, two), None, None, START)) == []


def test_the_schedule_runs_dry_at_the_tick_that_no_longer_fits(tmp_path: Path) -> None:
    weekly = product("a", epsilon=1.0, extra='schedule: "0 3 * * 1"')
    (source,) = plan(spec_of(tmp_path, weekly, 3.0), None, None, START)["sources"]
    # Mondays after New Year's Day 2026, a Thursday: 5, 12 and 19 January are paid for, the 26th is not.
    assert source["exhausted_at"] == "2026-01-26T03:00:00+00:00"


def test_without_a_schedule_nothing_runs_dry(tmp_path: Path) -> None:
    (source,) = plan(spec_of(tmp_path, product("a")), None, None, START)["sources"]
    assert source["exhausted_at"] is None


def test_a_source_that_was_never_charged_stands_at_its_ceiling(tmp_path: Path) -> None:
    (source,) = standing(spec_of(tmp_path, product("a")), None)["sources"]
    assert source == {
        "source": "people",
        "ceiling": {"epsilon": 4.0, "delta": 1e-6},
        "spent": {"epsilon": 0.0, "delta": 0.0},
        "remaining": {"epsilon": 4.0, "delta": 1e-6},
        "charges": [],
    }


def test_heuristic_tables_are_planned_and_bounded(tmp_path: Path) -> None:
    """Three pairs and a table of k-anonymous rows are four tables."""
    pairs = product("p", "sex, town, pay").replace(
        "{method: independent, epsilon: 1.0}", "{method: diffix, combinations: 2}"
    )
    rows = "      - {name: rows, source: people, columns: [sex, town], anonymize: {k: 3}}\n"
    spec = spec_of(tmp_path, pairs + rows + one("dp"))
    planned = plan(spec, None, None, START)
    assert [release["tables"] for release in planned["releases"]] == [3, 1, 0]
    assert planned["heuristic"] == [{"source": "people", "most": 200, "made": 0, "planned": 4, "fits": True}]
    (tmp_path / "synth.yaml").write_text(
        (tmp_path / "synth.yaml").read_text().replace("control: 0.2", "control: 0.2\n    max_heuristic_releases: 3")
    )
    strict = plan(load_spec(tmp_path / "synth.yaml", {}), None, None, START)
    assert over_ceiling(strict) == ["source people's heuristic releases (max_heuristic_releases)"]
    assert plan(spec_of(tmp_path, product("dp")), None, None, START)["heuristic"] == []
