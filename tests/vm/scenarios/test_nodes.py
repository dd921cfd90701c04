"""Two nodes and a filer, a guest each: who sees a volume, who may write, what a node finds after its reboot, and
fifty volumes at once, for which the filer needs a processor of its own.

Each node has a group of its own.  This guest is the filer, with an interface on each node's cable; each node
reaches both, and so has two paths.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import pytest

from dataontap.client.client_cmode import CmodeClient
from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.testbed.node import Outcome
from tests.vm import machine, writer
from tests.vm.machine import Machine
from tests.vm.scenarios.conftest import DISK, NAME, STATE, Tell
from tests.vm.storage import IGROUP, Storage

ADDRESSES = {"node1": "10.77.1.2", "node2": "10.77.2.2"}
PORTALS = {"node1": "10.77.1.1", "node2": "10.77.2.1"}
PORT = 8443
PER_NODE = "ganeti-{node}"
BOOT_SECONDS = 300
DETACH_SECONDS = 5.0  # at most, beyond what a detach takes here of which nothing is wrong
MOVES = 50
MANY = 50
AT_A_TIME = 10  # as many as Ganeti would have going on one node
PATIENCE = 600  # seconds: they share one emulated processor
WRITTEN = "/tmp/written"  # noqa: S108 - in a guest that has nobody else


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The filer, for other machines."""
    options = ["--iscsi", ",".join(PORTALS.values()), "--listen", f"0.0.0.0:{PORT}"]
    for name, address in ADDRESSES.items():
        options += ["--admit", machine.there(name, address).initiator]
    with Simulator(STATE, *options) as running:
        yield running


@pytest.fixture(scope="module")
def admin(simulator: Simulator) -> Iterator[CmodeClient]:
    """The storage admin's client."""
    with filer.admin(simulator) as client:
        yield client


@pytest.fixture(scope="module")
def pair(admin: CmodeClient) -> tuple[Machine, Machine]:
    """Both nodes, configured."""
    node1, node2 = (machine.there(name, address) for name, address in ADDRESSES.items())
    filer.make_igroup(admin, IGROUP, node1.initiator, node2.initiator)
    for node, other in ((node1, "node2"), (node2, "node1")):
        boot(node)
        node.shell("ip route replace $1 via $2", PORTALS[other], PORTALS[node.name])
        node.configure(
            HOSTNAME=PORTALS[node.name],
            PORT=PORT,
            VERIFY_CERT=False,
            LOGIN="admin",
            PASSWORD="secret",
            CLUSTER_MODE_VSERVER="svm1",
            POOL="vol1",
            IGROUP=PER_NODE,
            LUN_DEVICE_PATH_FORMAT="/dev/disk/filer/{pool}/{name}",
        )
    return node1, node2


@pytest.fixture
def nodes(pair: tuple[Machine, Machine], storage: Storage) -> Iterator[tuple[Machine, Machine]]:
    """Both nodes, clean before and after."""
    yield pair
    for name in storage.names():
        storage.destroy(name)
    for node in pair:
        node.configure(TIMEOUT=None, IGROUP=PER_NODE)
        node.sweep()


def boot(node: Machine, before: str = "") -> str:
    """Wait until the node serves, in another boot than ``before``; returns the id of its boot."""
    ids = [""]

    def serves() -> bool:
        try:
            ids.append(node.run("cat", "/proc/sys/kernel/random/boot_id", limit=5).stdout)
        except (OSError, ValueError):  # nobody there, or gone before the answer
            return False
        return ids[-1] not in {"", before}

    node.await_that(serves, f"{node.name} to come up", limit=BOOT_SECONDS)
    return ids[-1]


class Sequence:
    """Steps on two nodes, and after each what is mapped to whom, and what queues where: as a table."""

    def __init__(self, title: str, nodes: tuple[Machine, Machine], storage: Storage) -> None:
        self._nodes = nodes
        self._storage = storage
        print(f"\n{title:44} {'mapped to':30} {'node1':14} {'node2':14} took")

    def step(self, node: Machine, call: str, **arguments: object) -> object:
        """Let Ganeti do it, and note how things are then."""
        began = time.monotonic()
        result = node.ganeti(call, DISK, **arguments)
        seconds = time.monotonic() - began
        words = ", ".join(f"{key}={value}" for key, value in arguments.items())
        groups = ", ".join(self._storage.groups(NAME)) or "nobody"
        states = [state(one) for one in self._nodes]
        what = f"{node.name}: {call}" + (f" ({words})" if words else "")
        print(f"{what:44} {groups:30} {states[0]:14} {states[1]:14} {seconds:.1f} s")
        return result


def state(node: Machine) -> str:
    """What a node has of the volume, without asking the volume."""
    if not node.maps():
        return "no device"
    return "queues" if "queue_if_no_path" in node.shell("dmsetup table") else "does not queue"


def test_migration_there_and_back(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """Ganeti's order of calls (3.0.2, instance_migration.py); data is written and read at each turn."""
    here, there = nodes
    sequence = Sequence("migration, there and back", nodes, storage)
    device = str(sequence.step(here, "create"))
    sequence.step(here, "open", exclusive=True)
    lun = storage.lun(NAME)
    for number in (1, 2):
        assert here.write(device, f"before move {number}") == "ok"
        assert sequence.step(there, "assemble") == device
        sequence.step(there, "close")
        sequence.step(here, "open", exclusive=False)
        sequence.step(there, "open", exclusive=False)
        assert storage.groups(NAME) == ["ganeti-node1", "ganeti-node2"]
        assert there.read(device) == f"before move {number}"
        assert here.write(device, f"during move {number}") == "ok"
        sequence.step(here, "close")
        sequence.step(there, "open", exclusive=True)
        assert storage.groups(NAME) == [f"ganeti-{there.name}"]
        assert there.read(device) == f"during move {number}"
        assert there.write(device, f"after move {number}") == "ok"
        sequence.step(here, "shutdown")
        assert (here.disks(), here.maps(), here.names()) == ([], {}, [])
        assert lun.holds() == f"after move {number}"
        here, there = there, here
    sequence.step(here, "shutdown")


def shared_the_old_way(nodes: tuple[Machine, Machine], storage: Storage) -> bool:
    """One group for all nodes, as in the first implementation: whether a node overwrites another one's data."""
    cut_off, owner = nodes
    lun = storage.make("shared", 9)
    for node in nodes:
        node.configure(IGROUP=IGROUP)
    devices = [node.attach("shared") for node in nodes]
    assert owner.write(devices[1], "of the owner") == "ok"
    assert cut_off.write(devices[0], "WRITTEN BY THE ZOMBIE") == "ok"
    lost = lun.holds() == "WRITTEN BY THE ZOMBIE"
    for node in nodes:
        node.must("detach", "shared")
        node.configure(IGROUP=PER_NODE)
    storage.destroy("shared")
    return lost


@pytest.mark.parametrize("writes", [True, False], ids=["writing", "idle"])
def test_fencing(nodes: tuple[Machine, Machine], storage: Storage, tell: Tell, writes: bool) -> None:
    """Split brain: the instance goes on on node1, which nobody can reach, and is started on node2."""
    cut_off, owner = nodes
    lost = shared_the_old_way(nodes, storage)
    sequence = Sequence(
        f"failover from a node that is cut off, its instance {'writing' if writes else 'idle'}", nodes, storage
    )
    device = str(sequence.step(cut_off, "create"))
    plain = plain_detach(cut_off)
    sequence.step(cut_off, "open", exclusive=True)
    lun = storage.lun(NAME)
    zombie = cut_off.hold(device)

    sequence.step(owner, "assemble")
    sequence.step(owner, "open", exclusive=True)
    assert storage.groups(NAME) == ["ganeti-node2"]
    writer = cut_off.start_writing(device, "WRITTEN BY THE ZOMBIE") if writes else 0
    assert owner.write(device, "of the owner") == "ok"
    if writes:
        cut_off.await_that(lambda: cut_off.is_stuck(writer) or cut_off.status(writer) not in (None, 0), "no write")
    cut_off.shell("iscsiadm -m node -R >/dev/null; multipath -r >/dev/null; udevadm settle")
    refused = cut_off.script("attach", NAME)
    assert (refused.status, refused.stdout) == (1, ""), refused
    held = cut_off.script("detach", NAME)
    assert held.status == 1
    assert lun.holds() == "of the owner"

    sequence.step(owner, "shutdown")
    back = cut_off.script("attach", NAME)
    assert (back.status, back.stdout) == (1, ""), back
    assert "sleep" in back.stderr
    assert storage.groups(NAME) == []
    cut_off.end(zombie)
    if writes:
        cut_off.end(writer)
        cut_off.run("multipathd", "disablequeueing", "maps")
        cut_off.await_that(lambda: not cut_off.is_stuck(writer), "the zombie's end")
    detached = cut_off.script("detach", NAME)
    assert detached.status == 0, detached.stderr
    assert detached.seconds < plain + DETACH_SECONDS
    assert (cut_off.disks(), cut_off.maps()) == ([], {})
    assert cut_off.ganeti("assemble", DISK) == device
    assert cut_off.read(device) == "of the owner"
    assert cut_off.ganeti("shutdown", DISK) is None
    tell(
        f"fencing (s20 to s28): the fenced node's instance is {'writing' if writes else 'idle'}",
        old=f"one group for all: the owner's data is {'OVERWRITTEN' if lost else 'whole'}",
        ours="mapped to the owner only; 0 writes reached it; attach refuses while it is held",
    )
    assert lost


def plain_detach(node: Machine) -> float:
    """The seconds of a detach of a volume that is well, here and today; it is attached again."""
    detached = node.script("detach", NAME)
    assert detached.status == 0, detached.stderr
    node.attach(NAME)
    return detached.seconds


def unnoticed(node: Machine) -> None:
    """multipathd has not looked at the paths since."""
    assert "faulty" not in node.shell("multipathd show paths")


def failed(node: Machine) -> None:
    """multipathd has seen the paths fail; udev hangs in the map then."""
    node.await_that(lambda: "faulty" in node.shell("multipathd show paths"), "failed paths", limit=90)


def without_paths(node: Machine) -> None:
    """The paths are gone; so is the map, if multipathd was quick."""
    node.shell("for disk in /sys/block/sd*; do echo 1 >$disk/device/delete; done")
    node.await_that(lambda: node.disks() == [], "no paths")


@pytest.mark.parametrize("become", [unnoticed, failed, without_paths])
def test_detach_of_a_fenced_closed_volume(
    nodes: tuple[Machine, Machine], storage: Storage, become: Callable[[Machine], None]
) -> None:
    """Whatever has become of its map, detach does not wait for it."""
    source, target = nodes
    sequence = Sequence(f"a fenced node's map, {become.__name__}", nodes, storage)
    sequence.step(source, "create")
    plain = plain_detach(source)
    sequence.step(source, "open", exclusive=True)
    sequence.step(target, "assemble")
    sequence.step(target, "open", exclusive=True)
    become(source)
    detached = source.script("detach", NAME)
    print(f"detach: {detached.seconds:.1f} s, when nothing is wrong {plain:.1f} s")
    assert detached.status == 0, detached.stderr
    assert detached.seconds < plain + DETACH_SECONDS
    assert (source.disks(), source.maps(), source.names()) == ([], {}, [])
    sequence.step(target, "shutdown")


def test_reboot_with_devices_attached(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """After it nothing is here but open-iscsi's records; attach brings the volume as if for the first time."""
    node, _ = nodes
    device = node.ganeti("create", DISK)
    assert node.write(device, "before the reboot") == "ok"
    before = boot(node)
    node.reboot()
    boot(node, before)
    node.shell("ip route replace $1 via $2", PORTALS["node2"], PORTALS["node1"])
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    assert node.attach(NAME) == device
    assert node.read(device) == "before the reboot"
    assert node.script("detach", NAME).status == 0
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


def test_many_at_once(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """Scripts that wait for each other, for udev and multipathd: each gets its own LUN; then none is left."""
    node, _ = nodes
    names = [f"volume-{number}" for number in range(MANY)]
    for name in names:
        storage.make(name, text=f"of {name}")

    def attach_and_look(name: str) -> str:
        return node.read(node.attach(name), limit=60)

    def detach(name: str) -> Outcome:
        return node.script("detach", name, limit=PATIENCE + 60)

    node.configure(TIMEOUT=PATIENCE)
    began = time.monotonic()
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        seen = list(pool.map(attach_and_look, names))
        attached = time.monotonic()
        assert seen == [f"of {name}" for name in names]
        assert len(node.disks()) == 2 * MANY
        done = list(pool.map(detach, names))
    assert [one.status for one in done] == [0] * MANY, [one.stderr for one in done if one.status]
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    took = time.monotonic() - attached
    print(
        f"\n{MANY} volumes, {AT_A_TIME} at a time: attached in {attached - began:.0f} s, detached in {took:.0f} s"
    )


class Instance:
    """A process that writes to the volume, on the one node or the other."""

    def __init__(self, node: Machine, device: str) -> None:
        self.node = node
        self.last = -1
        self._device = device
        self._start()

    def _start(self) -> None:
        first = str(self.last + 1)
        self._pid = self.node.spawn("python3", "-m", "tests.vm.writer", self._device, first, output=WRITTEN)
        self.node.await_that(lambda: self._ended() or self._said() == "writing", "the first write")

    def _ended(self) -> bool:
        return self.node.status(self._pid) is not None

    def _said(self) -> str:
        return self.node.shell(f"tail -n 1 {WRITTEN}")

    def move(self, node: Machine) -> None:
        """Stop it here and let it go on there."""
        self.stop()
        self.node = node
        self._start()

    def stop(self) -> None:
        """Stop it; ``last`` is what it has written."""
        self.node.run("kill", str(self._pid))
        self.node.await_that(self._ended, "its end")
        assert self.node.status(self._pid) == 0, self._said()
        self.last = int(self._said())


def test_fifty_moves(nodes: tuple[Machine, Machine], storage: Storage) -> None:
    """Migration of an instance that writes all the time: each finds all that was written on the node before it."""
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
