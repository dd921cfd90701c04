"""A node that lost a volume to another one: nothing that it writes arrives, and it gets rid of its device."""

from __future__ import annotations

import re
from typing import Callable

import pytest

from tests.vm.machine import Machine
from tests.vm.scenarios.conftest import NAME, Tell
from tests.vm.scenarios.nodes.conftest import PER_NODE
from tests.vm.scenarios.nodes.instance import Instance
from tests.vm.scenarios.nodes.sequence import FAILS, QUEUES, Sequence
from tests.vm.storage import IGROUP, Shown, Storage
from tests.vm.writer import BLOCKS

DETACH_SECONDS = 5.0

Nodes = tuple[Machine, Machine]


def shared_the_old_way(nodes: Nodes, storage: Storage) -> bool:
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


def of_the_owner(block: int) -> str:
    """What the new owner writes there."""
    return f"of the owner, block {block}"


def overwritten(lun: Shown) -> list[int]:
    """The blocks in which something else is than the owner wrote; each is one that the zombie writes to."""
    return [block for block in range(BLOCKS) if lun.holds(block) != of_the_owner(block)]


def lose_and_regain_paths(storage: Storage, *nodes: Machine) -> None:
    """Every session breaks and comes back."""
    storage.switch_all(on=False)
    for node in nodes:
        node.lose_sessions()
    storage.switch_all(on=True)
    for node in nodes:
        node.regain_sessions()


@pytest.mark.parametrize("writes", [True, False], ids=["writing", "idle"])
def test_split_brain(nodes: Nodes, storage: Storage, tell: Tell, writes: bool) -> None:
    """The instance goes on on node1, which nobody can reach, and is started on node2.

    It writes all the time, or has the disk open and only writes after node2 has, and paths have gone and come.
    """
    cut_off, owner = nodes
    lost = shared_the_old_way(nodes, storage)
    sequence = Sequence(
        f"failover from a node that is cut off, its instance {'writing' if writes else 'idle'}", nodes, storage
    )
    device = str(sequence.step(cut_off, "create"))
    plain = plain_detach(cut_off)
    sequence.step(cut_off, "open", exclusive=True)
    lun = storage.lun(NAME)
    zombie = Instance(cut_off, device, idle=not writes)
    if writes:
        cut_off.await_that(lambda: lun.holds(BLOCKS - 1) != "", "the zombie to have written everywhere")

    sequence.step(owner, "assemble")
    sequence.step(owner, "open", exclusive=True)
    assert storage.groups(NAME) == ["ganeti-node2"]
    for block in range(BLOCKS):
        assert owner.write(device, of_the_owner(block), block) == "ok"
    if writes:
        cut_off.await_that(zombie.is_stuck, "the zombie's write to wait")
    lose_and_regain_paths(storage, cut_off, owner)
    if not writes:
        zombie.let_write()
        cut_off.await_that(zombie.is_stuck, "the zombie's write to wait")
    cut_off.see_all()
    cut_off.shell("multipath -r >/dev/null; multipathd reconfigure >/dev/null")
    cut_off.pass_polling()
    assert zombie.is_stuck()
    assert overwritten(lun) == []

    refused = cut_off.script("attach", NAME)
    assert (refused.status, refused.stdout) == (1, ""), refused
    held = cut_off.script("detach", NAME)
    assert held.status == 1
    assert owner.read(device) == of_the_owner(0)
    sequence.step(owner, "shutdown")
    back = cut_off.script("attach", NAME)
    assert (back.status, back.stdout) == (1, ""), back
    assert f"process {zombie.pid} (python3)" in back.stderr
    assert storage.groups(NAME) == []
    assert overwritten(lun) == []

    (advice,) = re.findall(
        "kill -9 the holder, and then run: (multipathd disablequeueing map [0-9a-f]+)", held.stderr
    )
    cut_off.shell(f"kill -9 {zombie.pid}; {advice}")
    cut_off.await_that(zombie.has_ended, "the zombie's end")
    detached = cut_off.script("detach", NAME)
    assert detached.status == 0, detached.stderr
    assert detached.seconds < may_take(plain)
    assert (cut_off.disks(), cut_off.maps()) == ([], {})
    assert sequence.step(cut_off, "assemble") == device
    assert cut_off.read(device) == of_the_owner(0)
    cut_off.pass_polling()
    arrived = overwritten(lun)
    sequence.step(cut_off, "shutdown")
    tell(
        f"fencing (s20 to s28): the fenced node's instance is {'writing' if writes else 'idle'}",
        old=f"one group for all: the owner's data is {'OVERWRITTEN' if lost else 'whole'}",
        ours=f"in {len(arrived)} of {BLOCKS} blocks is what the zombie wrote, after its paths' return, scans and "
        "the volume's own return; attach refuses while it is held",
    )
    assert arrived == []
    assert lost


def may_take(plain: float) -> float:
    """The seconds that a detach may take where one of which nothing is wrong takes ``plain``.

    5 more; where programs take so long to start that ``plain`` is more than that, as in emulation, twice as many.
    """
    return plain + max(DETACH_SECONDS, plain)


def plain_detach(node: Machine) -> float:
    """The seconds of a detach of a volume that is well, here and today; it is attached again."""
    detached = node.script("detach", NAME)
    assert detached.status == 0, detached.stderr
    node.attach(NAME)
    return detached.seconds


def unnoticed(node: Machine, storage: Storage) -> None:
    """multipathd has not looked at the paths since."""
    assert "faulty" not in node.shell("multipathd show paths")


def failed(node: Machine, storage: Storage) -> None:
    """multipathd has seen the paths fail; udev hangs in the map then, unless it was closed."""
    node.await_that(lambda: "faulty" in node.shell("multipathd show paths"), "failed paths", limit=90)


def without_paths(node: Machine, storage: Storage) -> None:
    """The paths are gone; so is the map, if multipathd was quick."""
    node.shell("for disk in /sys/block/sd*; do echo 1 >$disk/device/delete; done")
    node.await_that(lambda: node.disks() == [], "no paths")


def without_sessions(node: Machine, storage: Storage) -> None:
    """The filer's interfaces are down: nothing answers, and the kernel waits for the sessions' return."""
    storage.switch_all(on=False)
    node.lose_sessions()


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize("become", [unnoticed, failed, without_paths, without_sessions])
def test_detach(nodes: Nodes, storage: Storage, become: Callable[[Machine, Storage], None], closed: bool) -> None:
    """Whatever has become of a fenced node's map, detach does not wait for it: after migration, or failover."""
    source, target = nodes
    sequence = Sequence(f"a fenced node's map, {become.__name__}", nodes, storage)
    sequence.step(source, "create")
    plain = plain_detach(source)
    sequence.step(source, "open", exclusive=True)
    sequence.step(target, "assemble")
    if closed:
        sequence.step(source, "close")
    sequence.step(target, "open", exclusive=True)
    assert sequence.states == {source.name: FAILS if closed else QUEUES, target.name: QUEUES}
    become(source, storage)
    detached = source.script("detach", NAME)
    print(f"detach: {detached.seconds:.1f} s, when nothing is wrong {plain:.1f} s")
    assert detached.status == 0, detached.stderr
    assert detached.seconds < may_take(plain)
    assert (source.disks(), source.maps(), source.names()) == ([], {}, [])
    storage.switch_all(on=True)
    target.regain_sessions()
    sequence.step(target, "shutdown")
