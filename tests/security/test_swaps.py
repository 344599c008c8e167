"""What lies in the warehouse is taken only for what it is: no other release, certificate, link or stranger's file."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from synth_assets.accounting import Ledger
from synth_assets.errors import LedgerError
from synth_assets.planning import plan
from synth_assets.release import current_release, release_key
from tests.workspace import one, product, publish, read, run, write_people, write_spec


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish(tmp_path_factory.mktemp("swaps"), product("towns"))


@pytest.fixture
def workspace(ready: Path, tmp_path: Path) -> Path:
    shutil.copytree(ready, tmp_path / "w")
    return tmp_path / "w"


def test_an_older_release_under_a_newer_ones_name_is_not_published(workspace: Path) -> None:
    """Both have certificates; the card would name the newer one's epsilon."""
    path = write_spec(workspace, product("towns", epsilon=0.5))
    _, warehouse, _ = read(path)
    exact = warehouse.path(release_key("team/towns", current_release(warehouse, "team/towns")))
    assert run(path).success
    noisy = warehouse.path(release_key("team/towns", current_release(warehouse, "team/towns")))
    assert exact != noisy
    card = (workspace / "warehouse/published/team/tables/towns.json").read_bytes()
    shutil.copy(exact, noisy)
    for layer in ("published", "report"):
        refused = run(path, f"{layer}/team/towns")
        assert [step.error for step in refused.failures] == ["PublicationRefused"]
        assert "holds another release" in refused.failures[0].text
    assert (workspace / "warehouse/published/team/tables/towns.json").read_bytes() == card


def test_a_certificate_that_was_edited_is_refused(workspace: Path) -> None:
    spec, warehouse, ledger = read(workspace / "synth.yaml")
    digest = json.loads((workspace / "warehouse/published/team/tables/towns.json").read_text())["version"]
    ledger.certify("team/towns", "r", digest, False, '{"terms": "t", "criteria": []}', "2026-01-01")
    ledger.record_snapshot("people", "s", "p", "[]", "2026-01-01")  # so that it is not the last entry
    with sqlite3.connect(warehouse.ledger_path) as con:
        con.execute("DROP TRIGGER no_update")
        con.execute(
            "UPDATE entries SET body = json_set(body, '$.passed', json('true')) WHERE kind = 'certificate' "
            "AND NOT json_extract(body, '$.passed')"
        )
    assert Ledger.open(warehouse.ledger_path)  # the last entry is whole
    with pytest.raises(LedgerError, match="was edited"):
        ledger.certificate("team/towns", digest)
    assert spec.root == warehouse.root


def test_two_consumers_of_the_same_product_do_not_block_each_other(workspace: Path) -> None:
    path = workspace / "synth.yaml"
    path.write_text(path.read_text() + "  - name: other\n    products:\n" + one("towns"))
    spec, warehouse, ledger = read(path)
    planned = plan(spec, warehouse, ledger, datetime(2026, 1, 1, tzinfo=UTC))
    assert [release["cached"] for release in planned["releases"]] == [True, False]
    assert run(path).success
    assert ledger.spent("people").epsilon == 2.0
    again = run(path)
    assert again.success, again.failures
    assert ledger.spent("people").epsilon == 2.0
    tables = [workspace / f"warehouse/published/{name}/tables/towns.parquet" for name in ("team", "other")]
    assert tables[0].read_bytes() != tables[1].read_bytes()


def test_a_link_in_a_consumers_folder_is_not_followed(workspace: Path) -> None:
    """Else whoever may write there could have any Parquet file read that the platform can read."""
    tables = workspace / "warehouse/published/team/tables"
    duckdb.sql(f"COPY (SELECT 'QxCanaryWord' AS name) TO '{workspace / 'private.parquet'}'")
    (tables / "loot.parquet").symlink_to(workspace / "private.parquet")
    (tables / "towns.md").unlink()
    refused = run(workspace / "synth.yaml", "published/team/towns")
    assert [step.error for step in refused.failures] == ["PublicationRefused"]
    assert "symbolic link" in refused.failures[0].text


def test_files_that_were_never_published_do_not_enter_the_consumers_database(workspace: Path) -> None:
    tables = workspace / "warehouse/published/team/tables"
    duckdb.sql(f"COPY (SELECT 'QxCanaryWord' AS name) TO '{tables / 'loot.parquet'}'")
    (tables / "towns.md").unlink()
    assert run(workspace / "synth.yaml", "published/team/towns").success
    with duckdb.connect(str(workspace / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        assert con.execute("SHOW TABLES").fetchall() == [("towns",)]


def test_a_release_that_the_ledger_does_not_know_is_not_published(workspace: Path) -> None:
    """As after an older ledger was put back: the table would be given away, and its charge forgotten."""
    path = write_spec(workspace, product("towns", epsilon=0.5))
    older = (workspace / "warehouse/ledger.db").read_bytes()
    assert run(path).success
    (workspace / "warehouse/ledger.db").write_bytes(older)
    refused = run(path, "report/team/towns", "published/team/towns")
    assert [step.error for step in refused.failures] == ["PublicationRefused"]
    assert "the ledger has no release" in refused.failures[0].text


@pytest.mark.parametrize(
    ("declared", "changed", "told"),
    [
        ("categories: [North, South, East, West]", "description: none", "nobody declared the categories of town"),
        ("bounds: [0, 100000], bins: 20", 'bounds: ["2020-01-01", "2021-01-01"]', "bounds must be numbers"),
    ],
)
def test_what_can_never_be_fitted_is_never_charged(tmp_path: Path, declared: str, changed: str, told: str) -> None:
    """Else each tick of a schedule would pay for nothing, until the ceiling is reached."""
    write_people(tmp_path)
    path = write_spec(tmp_path, product("towns", "sex, town, pay"))
    path.write_text(path.read_text().replace(declared, changed))
    for _ in range(2):
        outcome = run(path)
        assert told in outcome.failures[0].text
    assert read(path)[2].charges("people") == []
