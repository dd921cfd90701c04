"""The volume that most tests are about, and what Ganeti asks for it."""

from __future__ import annotations

from dataontap.errors import TransportError
from dataontap.volume.requests import Creation, Growth, Metadata, Opening, Snapshot, Volume
from tests.unit.stage import Stage

MIB = 1024 * 1024
PATH = "/vol/vol1/v"
TAG = "dataontap:2:cluster.example:u-1:disk:-"  # until its serial number is known
NODE1, NODE2 = "g-node1.example", "g-node2.example"  # the nodes' groups where each has its own

VOLUME = Volume({}, "v", "u-1")
CREATION = Creation({}, "v", "u-1", 64 * MIB)
METADATA = Metadata({}, "v", "u-1", "originstname+a")
SNAPSHOT = Snapshot({}, "v", None, "v.snap", 64 * MIB)
EXCLUSIVE = Opening({}, "v", "u-1", True)
SHARED = Opening({}, "v", "u-1", False)

RESET = TransportError("reset by peer", transient=True)
UNTRUSTED = TransportError("filer's certificate is not trusted", sent=False)


def growth(size_mib: int, new_size_mib: int) -> Growth:
    """From the size that Ganeti knows to the one that it wants."""
    return Growth({}, "v", "u-1", size_mib * MIB, new_size_mib * MIB)


def make(stage: Stage) -> None:
    """The volume, from create to setinfo."""
    stage.provider.create(CREATION)
    stage.provider.setinfo(METADATA)
