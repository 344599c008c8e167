"""What the process's environment decides: which spec, which key, where Dagster keeps its records.

What belongs here: every environment variable that the platform reads. What does not: imports of Dagster; the command
line uses these without it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from synth_assets.accounting import Ledger
from synth_assets.demo import ensure
from synth_assets.errors import LedgerError
from synth_assets.spec import Spec, load_spec
from synth_assets.storage import Warehouse, load_secret, require_secret

SPEC_VARIABLE = "SYNTH_ASSETS_SPEC"
"""Names the spec; without it, the demo in ``./synth_demo``."""

KEY_VARIABLE = "SYNTH_ASSETS_KEY"
"""May hold the secret of the warehouse; else a key file in it does."""


def find_spec(given: Path | None = None) -> Path:
    """The spec to use: the given path, else the environment's, else the demo, made where it is missing."""
    if given is not None:
        return given
    named = os.environ.get(SPEC_VARIABLE)
    return Path(named) if named else ensure(Path.cwd() / "synth_demo")


def read_spec(given: Path | None = None) -> Spec:
    """The spec to use, read and checked; ``${NAME}`` in it refers to the environment.

    Raises:
        SpecError: it is missing or wrong.
    """
    return load_spec(find_spec(given), os.environ)


def open_warehouse(root: Path) -> tuple[Warehouse, bool]:
    """The warehouse at ``root``, and whether its key file was made just now.

    Raises:
        SpecError: the key is missing, damaged or readable by others.
    """
    secret, made = load_secret(root, os.environ.get(KEY_VARIABLE))
    require_secret(root, secret)
    return Warehouse(root, secret), made


def open_ledger(warehouse: Warehouse) -> Ledger:
    """The ledger of a warehouse; a new one only where nothing was ever released.

    Raises:
        LedgerError: it is damaged, or missing beside what it should account for.
    """
    path = warehouse.ledger_path
    if path.exists():
        return Ledger.open(path)
    if any(warehouse.published.glob("*/*")) or any((warehouse.restricted / "staged").glob("*/*")):
        raise LedgerError(
            f"{path} is missing although tables were released; restore it from a backup: an empty ledger would grant "
            "every budget a second time"
        )
    with warehouse.lock("ledger"):
        return Ledger.open(path, create=True)


def dagster_home(root: Path) -> Path:
    """Dagster's folder: ``DAGSTER_HOME`` if set, else ``dagster`` in the warehouse, with telemetry off."""
    named = os.environ.get("DAGSTER_HOME")
    if named:
        Path(named).mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(named)
    home = root / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text("telemetry:\n  enabled: false\n", "utf-8")
        (home / ".nux").mkdir(exist_ok=True)
        (home / ".nux" / "nux.yaml").write_text("seen: 1\n", "utf-8")  # no sign-up form over the first page
    return home


def who_else_reads(home: Path) -> str:
    """One sentence where others may read Dagster's folder, which holds exact counts and scores; else nothing."""
    if not stat.S_IMODE(home.stat().st_mode) & 0o077:
        return ""
    return f"others may read {home}, where Dagster keeps exact counts and scores; run `chmod 700` on it"


def child_environment(spec: Path, home: Path) -> Mapping[str, str]:
    """The environment for Dagster's own processes on a spec."""
    return {
        **os.environ,
        SPEC_VARIABLE: str(spec.resolve()),
        "DAGSTER_HOME": str(home.resolve()),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def now() -> datetime:
    """The clock."""
    return datetime.now(UTC).replace(microsecond=0)
