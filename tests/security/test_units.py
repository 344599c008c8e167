"""The privacy unit's own column never leaves as it is, however the spec writes its name."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from resources.environment import dagster_home
from synth_assets.errors import SpecError
from synth_assets.execution import materialize
from synth_assets.spec import load_spec

SPEC = """\
sources:
  - name: people
    path: people.csv
    unit: {unit}
    control: 0.2
    columns:
      {decision}
      town: {{role: quasi_identifier, treatment: keep}}
consumers:
  - name: team
    products:
      - name: looks
        source: people
        columns: [acct, town]
        {kind}
        accept: {{column_shapes: 0, pair_trends: 0, singling_out: 1, linkability: 1, inference: 1}}
"""


def spec(folder: Path, unit: str, kind: str, decision: str) -> Path:
    rows = "\n".join(f"{70_000 + i},{'north' if i % 2 else 'south'}" for i in range(300))
    (folder / "people.csv").write_text(f"acct,town\n{rows}\n")
    (folder / "synth.yaml").write_text(SPEC.format(unit=unit, kind=kind, decision=decision))
    return folder / "synth.yaml"


@pytest.mark.parametrize("unit", ["acct", "ACCT"])
def test_a_unit_is_pseudonymized_in_rows(tmp_path: Path, unit: str) -> None:
    """Also where nobody decided on its role as an identifier."""
    path = spec(tmp_path, unit, "rows: {share: 1}", "acct: {role: insensitive}")
    read = load_spec(path, {})
    assert materialize(read, dagster_home(read.root)).success
    with duckdb.connect(str(tmp_path / "warehouse/published/team/team.duckdb"), read_only=True) as con:
        values = [row[0] for row in con.execute("SELECT acct FROM looks").fetchall()]
    assert len(values) > 200
    assert all(value.startswith("id_") for value in values)


def test_no_k_anonymous_product_holds_a_pseudonym_of_each_unit(tmp_path: Path) -> None:
    read = load_spec(spec(tmp_path, "acct", "anonymize: {k: 5}", "acct: {role: insensitive}"), {})
    (refused,) = materialize(read, dagster_home(read.root)).failures
    assert (refused.key, refused.error) == ("staged/team/looks", "SpecError")
    assert "`acct` is no quasi-identifier" in refused.text
    assert "in 100% of its cells fewer than k=5 units share one" in refused.text


@pytest.mark.parametrize("unit", ["acct", "ACCT"])
def test_a_unit_nobody_decided_on_is_no_column_of_a_synthetic_product(tmp_path: Path, unit: str) -> None:
    with pytest.raises(SpecError, match="must hold no direct identifier"):
        load_spec(spec(tmp_path, unit, "anonymize: {k: 5}", "other: {role: insensitive}"), {})


def test_a_unit_nobody_decided_on_may_be_among_deidentified_rows(tmp_path: Path) -> None:
    read = load_spec(spec(tmp_path, "acct", "rows: {share: 1}", "town2: {role: insensitive}"), {})
    assert read.product("team/looks")[1].rows is not None
