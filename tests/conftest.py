"""Settings of the whole suite."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None)  # machines are shared: an example that is slow has not failed
settings.load_profile("steady")


HEAVY = ["diffprivlib", "matplotlib.figure", "pandas", "scipy.stats", "sklearn.ensemble", "synth_assets.certification"]
FORKED = ["tests.accounting.test_processes", "tests.test_recovery", "tests.test_storage"]
# The server of real processes is one for a whole run, and imports once what each of them would.
multiprocessing.get_context("forkserver").set_forkserver_preload(["__main__", *HEAVY, *FORKED])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of the whole platform first: they take longest, and no worker shall be left alone with one at the end."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)
