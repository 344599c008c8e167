"""The warehouse as a Dagster resource.

What belongs here: how a process of Dagster opens the warehouse. What does not: anything about what lies in it.
"""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from resources.environment import open_warehouse
from synth_assets.storage import Warehouse


class WarehouseResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Opens the warehouse anew in every step process.

    Attributes:
        root: folder of the warehouse.
    """

    root: str

    def open(self) -> Warehouse:
        """The warehouse; makes the key file on first use."""
        return open_warehouse(Path(self.root))[0]
