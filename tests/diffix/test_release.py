"""diffix in the chain: whose the rows are and the warehouse's salt reach it, and the ledger knows what it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

from resources.environment import dagster_home
from synth_assets.execution import materialize
from synth_assets.spec import load_spec
from synth_assets.storage import derive_key
from synth_assets.synthesis import Diffix
from tests.workspace import product, read, write_people, write_spec

pytestmark = pytest.mark.xdist_group("chain")


def test_a_release_knows_units_and_salt_and_is_noted_as_heuristic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[dict[str, Any]] = []
    fit = Diffix.fit

    def noted(self: Diffix, table: Any, domain: Any = None, **named: Any) -> Any:
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
