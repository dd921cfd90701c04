"""The cluster's two nodes, an HA pair, and which of them has what."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulator.filer import Filer
    from tests.simulator.model import Volume

NODES = ("cluster1-01", "cluster1-02")


def partner(node: str) -> str:
    """The other one."""
    return NODES[1 - NODES.index(node)]


def in_charge(filer: Filer, node: str) -> str:
    """The node that does the work of this one: its partner during a takeover."""
    return partner(node) if node == filer.serving.taken_over else node


def node_of(filer: Filer, volume: Volume) -> str:
    """The node that has the volume's aggregate: the best paths to its LUNs lead there."""
    return in_charge(filer, filer.state.aggregates[volume.aggregate,].node)
