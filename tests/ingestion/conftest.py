"""A connection with the keyed macros and an empty schema ``out``."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from tests.ingestion.tables import connect


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = connect()
    yield connection
    connection.close()
