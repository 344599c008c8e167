"""diffix in the chain: whose the rows are and the warehouse's salt reach it, and the ledger knows what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from resources.environment import dagster_home
from synth_assets.execution import materialize
from synth_assets.spec import load_spec
from synth_assets.storage import derive_key
from synth_assets.synthesis import Diffix
from tests.workspace import command, one, product, read, write_people, write_spec


def test_a_release_knows_units_and_salt_and_is_noted_as_heuristic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []
    fit = Diffix.fit

    def noted(self: Diffix, table: Any, domain: Any = None, **named: Any) -> Any:
        if "units" not in named:  # the look at the declarations, on no row
            return fit(self, table, domain, **named)
        units = len(table.project(f'"{named["units"]}"').distinct().fetchall())
        given.append({**named, "counted": units})
        return fit(self, table, domain, **named)

    monkeypatch.setattr(Diffix, "fit", noted)
    write_people(tmp_path)
    block = product("towns").replace("{method: independent, epsilon: 1.0}", "{method: diffix}")
    path = write_spec(tmp_path, block)
    outcome = materialize(load_spec(path, {}), dagster_home(tmp_path), ())
    assert outcome.success, outcome.failures

    secret = bytes.fromhex((tmp_path / "warehouse" / "secret.key").read_text("ascii").strip())
    assert [fitted["salt"] for fitted in given] == [derive_key(secret, "diffix")]
    assert 380 < given[0]["counted"] < 570  # those of 600 units that are not in the control sample, a fifth
    _, _, ledger = read(path)
    charge = ledger.charges("people")[0]
    assert (charge.event.guarantee, charge.event.mechanism) == ("heuristic", "diffix")
    assert ledger.spent("people").epsilon == 0
    with duckdb.connect(str(tmp_path / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        rows = con.execute("SELECT sex, town FROM towns").fetchall()
    assert abs(len(rows) - given[0]["counted"]) < 30
    assert {sex for sex, _ in rows} == {"Female", "Male"}


PAIRS = product("pairs", "sex, town, pay").replace(
    "{method: independent, epsilon: 1.0}", "{method: diffix, combinations: 2}"
)


def test_every_combination_is_measured_and_published(tmp_path: Path) -> None:
    """One product of three tables: a view for each, a report of all, one entry in the ledger that counts three."""
    write_people(tmp_path)
    path = write_spec(tmp_path, PAIRS)
    outcome = materialize(load_spec(path, {}), dagster_home(tmp_path), ())
    assert outcome.success, outcome.failures
    _, warehouse, ledger = read(path)
    event = ledger.charges("people")[0].event
    assert (event.tables, event.columns) == (3, ("sex", "town", "pay"))
    assert ledger.heuristic_tables("people") == 3

    tables = {"sex x town": 2, "sex x pay": 2, "town x pay": 2}
    with duckdb.connect(str(tmp_path / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        names = [name for (name,) in con.execute("SHOW TABLES").fetchall()]
        assert names == ["pairs", *sorted(f"pairs: {label}" for label in tables)]
        for label, width in tables.items():
            rows = con.execute(f'SELECT * FROM "pairs: {label}"').fetchall()
            assert len(rows[0]) == width
            assert (
                len(rows) == con.execute("SELECT count(*) FROM pairs WHERE combination = ?", [label]).fetchall()[0][0]
            )
            assert 380 < len(rows) < 570
    report = json.loads(warehouse.read_document("reports/team/pairs/report.json"))
    assert list(report["tables"]) == list(tables)
    assert report["verdict"]["passed"]
    assert {c["reason"].split(":")[0] for c in report["verdict"]["criteria"]} <= set(tables)
    html = warehouse.read_document("reports/team/pairs/report.html").decode()
    assert html.count("<iframe") == 3
    card = (tmp_path / "warehouse/published/team/tables/pairs.md").read_text()
    assert "- sex x pay" in card


def test_a_source_has_so_many_heuristic_tables_and_no_more(tmp_path: Path) -> None:
    write_people(tmp_path)
    path = write_spec(tmp_path, PAIRS + one("towns"))
    path.write_text(path.read_text().replace("    control: 0.2\n", "    control: 0.2\n    max_heuristic_releases: 2\n"))
    ended = command("run", "--spec", str(path), cwd=tmp_path)
    assert ended.returncode == 3, ended.stderr
    assert "requested 3, made 0, remaining 2, the most 2" in " ".join((ended.stdout + ended.stderr).split())
    published = tmp_path / "warehouse/published/team/tables"
    assert (published / "towns.parquet").exists()
    assert not (published / "pairs.parquet").exists()
    assert read(path)[2].heuristic_tables("people") == 0
