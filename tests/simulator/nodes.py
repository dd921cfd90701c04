"""The cluster's two nodes, an HA pair, and which of them has what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulator.filer import Filer
    from tests.simulator.model import Volume

NODES = ("cluster1-01", "cluster1-02")
MODEL = "FAS2750"


def node_of(filer: Filer, volume: Volume) -> str:
    """The node whose aggregate a volume is on: it owns the LUNs there, the best paths lead to it."""
    return filer.state.aggregates[volume.aggregate,].node
