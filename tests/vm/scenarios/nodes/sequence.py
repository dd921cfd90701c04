"""What Ganeti does to a volume on two nodes, step by step."""

from __future__ import annotations

import time

from tests.vm.machine import Machine
from tests.vm.scenarios.conftest import DISK, NAME
from tests.vm.storage import Storage

# What a node has of the volume: no device, or one on which I/O waits for paths that are gone, or fails.
NONE, QUEUES, FAILS = "no device", "queues", "does not queue"


class Sequence:
    """Steps on two nodes, and after each what is mapped to whom, and what queues where: as a table.

    ``states`` has what each node has of the volume after the last one.
    """

    def __init__(self, title: str, nodes: tuple[Machine, Machine], storage: Storage) -> None:
        self._nodes = nodes
        self._storage = storage
        self.states: dict[str, str] = {}
        print(f"\n{title:44} {'mapped to':30} {'node1':14} {'node2':14} took")

    def step(self, node: Machine, call: str, **arguments: object) -> object:
        """Let Ganeti do it, and note how things are then."""
        began = time.monotonic()
        result = node.ganeti(call, DISK, **arguments)
        seconds = time.monotonic() - began
        words = ", ".join(f"{key}={value}" for key, value in arguments.items())
        groups = ", ".join(self._storage.groups(NAME)) or "nobody"
        self.states = {one.name: state(one) for one in self._nodes}
        what = f"{node.name}: {call}" + (f" ({words})" if words else "")
        print(f"{what:44} {groups:30} {self.states['node1']:14} {self.states['node2']:14} {seconds:.1f} s")
        return result


def state(node: Machine) -> str:
    """What a node has of the volume, without asking the volume."""
    if not node.maps():
        return NONE
    return QUEUES if "queue_if_no_path" in node.shell("dmsetup table") else FAILS
