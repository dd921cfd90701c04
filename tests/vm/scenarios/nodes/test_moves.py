"""Live migration: both nodes have the volume for a while, and no write is lost."""

from __future__ import annotations

import time

from tests.vm import writer
from tests.vm.machine import Machine
from tests.vm.scenarios.conftest import DISK, NAME
from tests.vm.scenarios.nodes.instance import Instance
from tests.vm.scenarios.nodes.sequence import FAILS, NONE, QUEUES, Sequence
from tests.vm.storage import Storage

MOVES = 50


def test_there_and_back(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """Ganeti's order of calls (3.0.2, instance_migration.py); data is written and read at each turn."""
    here, there = nodes
    sequence = Sequence("migration, there and back", nodes, storage)
    device = str(sequence.step(here, "create"))
    sequence.step(here, "open", exclusive=True)
    assert sequence.states == {here.name: QUEUES, there.name: NONE}
    lun = storage.lun(NAME)
    for number in (1, 2):
        assert here.write(device, f"before move {number}") == "ok"
        assert sequence.step(there, "assemble") == device
        sequence.step(there, "close")
        assert sequence.states == {here.name: QUEUES, there.name: FAILS}
        sequence.step(here, "open", exclusive=False)
        sequence.step(there, "open", exclusive=False)
        assert sequence.states == {here.name: QUEUES, there.name: QUEUES}
        assert storage.groups(NAME) == ["ganeti-node1", "ganeti-node2"]
        assert there.read(device) == f"before move {number}"
        assert here.write(device, f"during move {number}") == "ok"
        sequence.step(here, "close")
        sequence.step(there, "open", exclusive=True)
        assert sequence.states == {here.name: FAILS, there.name: QUEUES}
        assert storage.groups(NAME) == [f"ganeti-{there.name}"]
        assert there.read(device) == f"during move {number}"
        assert there.write(device, f"after move {number}") == "ok"
        sequence.step(here, "shutdown")
        assert (here.disks(), here.maps(), here.names()) == ([], {}, [])
        assert lun.holds() == f"after move {number}"
        here, there = there, here
    sequence.step(here, "shutdown")


def test_fifty_moves(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """Of an instance that writes all the time: each finds all that was written on the node before it."""
    here, there = nodes
    device = str(here.ganeti("create", DISK))
    here.ganeti("open", DISK, exclusive=True)
    lun = storage.lun(NAME)
    instance = Instance(here, device)
    began = time.monotonic()
    for number in range(1, MOVES + 1):
        assert there.ganeti("assemble", DISK) == device
        there.ganeti("close", DISK)
        here.ganeti("open", DISK, exclusive=False)
        there.ganeti("open", DISK, exclusive=False)
        instance.move(there)
        here.ganeti("close", DISK)
        there.ganeti("open", DISK, exclusive=True)
        here.ganeti("shutdown", DISK)
        assert storage.groups(NAME) == [f"ganeti-{there.name}"]
        assert (here.disks(), here.maps()) == ([], {})
        here, there = there, here
        if number % 5 == 0:
            print(f"{number} moves after {time.monotonic() - began:.0f} s", flush=True)
    seconds = time.monotonic() - began
    instance.stop()
    assert all(lun.holds(block) == text for block, text in writer.expected(instance.last + 1).items())
    print(f"\n{MOVES} moves in {seconds:.0f} s, {instance.last} writes, none lost")
    here.ganeti("shutdown", DISK)
