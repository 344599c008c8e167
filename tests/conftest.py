"""Settings of the whole suite."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("steady", deadline=None)  # machines are shared: an example that is slow has not failed
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of the whole platform first: they take longest, and no worker shall be left alone with one at the end."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)
