"""Dagster's folder holds exact counts and scores: it is private, or the user is told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from resources.environment import dagster_home, who_else_reads


def test_a_folder_that_is_made_here_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert who_else_reads(dagster_home(tmp_path)) == ""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    home = dagster_home(tmp_path)
    assert home == tmp_path / "elsewhere"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert who_else_reads(home) == ""


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_that_others_may_read_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    given = tmp_path / "given"
    given.mkdir()
    given.chmod(mode)
    monkeypatch.setenv("DAGSTER_HOME", str(given))
    told = who_else_reads(dagster_home(tmp_path))
    assert told == f"others may read {given}, where Dagster keeps exact counts and scores; run `chmod 700` on it"
    assert stat.S_IMODE(given.stat().st_mode) == mode  # whose folder it is, their decision
