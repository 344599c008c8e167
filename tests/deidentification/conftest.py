from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from synth_assets.storage import install_keys


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    install_keys(connection, bytes(range(32)))
    yield connection
    connection.close()
