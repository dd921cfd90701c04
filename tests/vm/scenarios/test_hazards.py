"""LUNs destroyed, exchanged and moved behind the node's back: first the old way, then ours.

multipathd is as Debian has it, without recheck_wwid, unless a test says otherwise: what README recommends must not
be what saves us.
"""

from __future__ import annotations

import pytest

from dataontap import inquiry
from tests.simulator.lio import FLAT_SPACE
from tests.testbed import hook_calls
from tests.vm import firstway
from tests.vm.machine import POLLING, Machine
from tests.vm.scenarios.conftest import Tell
from tests.vm.storage import Storage

A, B = "volume-a", "volume-b"
OF_A, OF_B, GARBAGE = "CONTENT OF VOLUME A", "CONTENT OF VOLUME B", "WRITTEN BY THE INSTANCE OF VOLUME A"
AT = 5


@pytest.fixture(autouse=True)
def multipathd(node: Machine, request: pytest.FixtureRequest) -> None:
    """multipathd with recheck_wwid as the test's parameter ``recheck`` says, no otherwise."""
    recheck = getattr(request.node, "callspec", None)
    value = recheck.params.get("recheck", "no") if recheck else "no"
    node.shell(
        "sed -i 's/recheck_wwid .*/recheck_wwid '$1'/' /etc/multipath.conf && multipathd reconfigure", value
    )


def brought_the_old_way(node: Machine, storage: Storage) -> str:
    """The name of A's device: logged in by the admin, scanned for with all others."""
    lun = storage.make(A, AT, text=OF_A)
    firstway.log_in(node)
    return firstway.attach(node, lun)


def exchange(storage: Storage, *, mib: int = 64) -> None:
    """A is destroyed, and B is where it was, before multipathd can look."""
    lun_id = storage.lun_id(A)
    storage.make(B, mib=mib, text=OF_B)
    storage.unmap(A)
    storage.map(B, lun_id)
    storage.destroy(A)


def brought(node: Machine, storage: Storage) -> str:
    """The name of A's device, brought by us, with its record for the quick way."""
    node.must("create", A, VOL_SIZE="64")
    node.must("setinfo", A, VOL_METADATA="originstname+inst1.example")
    device = node.attach(A)
    assert node.write(device, OF_A) == "ok"
    assert node.attach(A) == device
    return device


def test_lun_that_went(node: Machine, storage: Storage, tell: Tell) -> None:
    """A map without paths queues for ever, and whoever uses it waits."""
    device = brought_the_old_way(node, storage)
    storage.destroy(A)
    writer = node.start_writing(device, GARBAGE)
    node.await_that(lambda: node.is_stuck(writer), "a hung writer")
    node.end(writer)
    hung = node.is_stuck(writer)
    left = len(node.disks()) + len(node.maps())
    node.run("multipathd", "disablequeueing", "maps")
    node.await_that(lambda: not node.is_stuck(writer), "the writer's end")
    node.sweep()

    brought(node, storage)
    storage.destroy(A)
    assert {node.inquire(path)[0] for path in node.disks()} == {inquiry.NO_LUN}
    attached = node.script("attach", A)
    assert attached.status == 1, attached
    assert attached.stdout == ""
    assert "there is no LUN of this name in vol1" in attached.message
    detached = node.script("detach", A)
    assert detached.status == 0, detached.stderr
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])
    tell(
        "A: LUN destroyed behind the node's back",
        old=f"{left} dead devices stay; a write {'hangs, SIGKILL or not' if hung else 'fails'}",
        ours=f"attach says so in {attached.seconds:.0f} s; detach leaves nothing, in {detached.seconds:.0f} s",
    )
    assert hung


def test_hooks(node: Machine, storage: Storage) -> None:
    """One brings a moving instance's disk to its target, the other takes a removed one's device away."""
    device = brought(node, storage)
    call = {
        **hook_calls.MIGRATION,
        "GANETI_NEW_PRIMARY": node.shell("hostname"),
        "GANETI_INSTANCE_DISK0_ID": A,
    }
    hook = "/usr/share/ganeti-extstorage-dataontap/hooks/pre-migrate"
    node.must("detach", A)
    assert node.maps() == {}
    done = node.run(hook, environ=call)
    assert done.status == 0, done
    assert (node.names(), node.read(device)) == ([device], OF_A)
    node.must("detach", A)
    storage.unmap(A)
    storage.make(B, AT, text=OF_B)
    storage.map(A, AT + 1)
    assert node.run(hook, environ=call).status == 0
    assert node.read(device) == OF_A
    holder = node.hold(device)
    storage.destroy(A)
    cleanup = ("python3", "-m", "dataontap.cleanup", A)
    held = node.run(*cleanup)
    assert held.status == 1
    assert f"process {holder} (sleep)" in held.stderr
    node.end(holder)
    refused = node.run(hook, environ=call)
    assert (refused.status, len(node.maps())) == (1, 1), refused
    assert "there is no LUN of this name" in refused.message
    done = node.run(*cleanup)
    assert done.status == 0, done
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


@pytest.mark.parametrize("recheck", ["no", "yes"])
def test_exchanged_lun(node: Machine, storage: Storage, tell: Tell, recheck: str) -> None:
    """Within a polling interval: multipathd never sees a path fail, so recheck_wwid does not help."""
    device = brought_the_old_way(node, storage)
    (path, *_) = node.paths(storage.lun(A).naa)
    exchange(storage)
    b = storage.lun(B)
    seen = node.read(device)
    written = node.write(device, GARBAGE)
    corrupt = b.holds() == GARBAGE
    sysfs, udev = node.cached(path)
    live = node.live(path)
    storage.destroy(B)
    node.sweep()
    assert live == b.naa
    assert b.naa not in (sysfs, udev)

    device = brought(node, storage)
    exchange(storage)
    b = storage.lun(B)
    assert {node.inquire(path) for path in node.disks()} == {(inquiry.NAA, b.naa)}
    attached = node.script("attach", A)
    assert (attached.status, attached.stdout) == (1, "")
    assert "there is no LUN of this name in vol1" in attached.message
    new = node.attach(B)
    assert node.read(new) == OF_B
    assert node.read(device, limit=5) in ("EIO", "hangs")
    assert node.write(device, GARBAGE, limit=5) != "ok"
    assert b.holds() == OF_B
    tell(
        f"B, C, D, s7: LUN exchanged under its id, recheck_wwid {recheck}",
        old=f"A's name reads {seen!r}, writing there: {written}, B is {'OVERWRITTEN' if corrupt else 'whole'};"
        " sysfs and udev say A, INQUIRY says B",
        ours="attach of A refuses, of B brings B's device and takes A's down; B is whole",
    )
    assert (seen, written, corrupt) == (OF_B, "ok", True)


# What may happen to a node meanwhile; "$1" is the LUN's id, and see_all makes the kernel look at all LUNs again.
TARGETED_SCAN = 'for host in /sys/class/scsi_host/host*; do echo "0 0 $1" >$host/scan || :; done'
RESCAN = "see_all"
RELOAD = "multipath -r >/dev/null"
EVENTS = "udevadm trigger --action=change --subsystem-match=block; udevadm settle"


@pytest.mark.parametrize(
    "disturbance",
    [TARGETED_SCAN, RESCAN, RELOAD, f"{RESCAN}; {EVENTS}; {RELOAD}"],
    ids=["scan", "rescan", "reload", "all"],
)
def test_exchanged_lun_after(node: Machine, storage: Storage, disturbance: str) -> None:
    """Whatever has made the kernel, udev and multipathd look again, or half of them."""
    device = brought(node, storage)
    lun_id = storage.lun_id(A)
    exchange(storage)
    b = storage.lun(B)
    node.shell(f"see_all() {{ {node.san.see_all}; }}; {disturbance}", str(lun_id))
    attached = node.script("attach", A)
    assert (attached.status, attached.stdout) == (1, ""), attached
    new = node.attach(B)
    assert node.read(new) == OF_B
    assert {node.live(path) for path in node.paths(b.naa)} == {b.naa}
    assert node.read(device, limit=5) in ("EIO", "hangs")
    assert node.write(device, GARBAGE, limit=5) != "ok"
    assert b.holds() == OF_B
    assert node.script("detach", B).status == 0
    assert node.script("detach", A).status == 0
    assert (node.disks(), node.maps(), node.names()) == ([], {}, [])


def test_exchanged_lun_of_a_running_instance(node: Machine, storage: Storage, tell: Tell) -> None:
    """Its map is held open: nothing may be brought at that id before it is let go."""
    device = brought_the_old_way(node, storage)
    holder = node.hold(device)
    exchange(storage)
    written = node.write(device, GARBAGE)
    corrupt = storage.lun(B).holds() == GARBAGE
    node.end(holder)
    storage.destroy(B)
    node.sweep()

    device = brought(node, storage)
    holder = node.hold(device)
    exchange(storage)
    b = storage.lun(B)
    refused = node.script("attach", B)
    assert (refused.status, refused.stdout) == (1, "")
    assert f"process {holder} (sleep)" in refused.stderr
    again = node.script("attach", A)
    assert (again.status, again.stdout) == (1, "")
    held = node.script("detach", A)
    assert held.status == 1
    assert f"process {holder} (sleep)" in held.stderr
    node.end(holder)
    new = node.attach(B)
    assert node.read(new) == OF_B
    assert b.holds() == OF_B
    tell(
        "F: LUN exchanged while an instance holds its map",
        old=f"the instance of A writes: {written}, B is {'OVERWRITTEN' if corrupt else 'whole'}",
        ours="attach of B, A and detach of A refuse and name the holder; after its end B comes",
    )
    assert corrupt


def test_queued_write(node: Machine, storage: Storage, tell: Tell) -> None:
    """A write that waits for a dead LUN is delivered into whatever comes at its id."""
    device = brought_the_old_way(node, storage)
    storage.destroy(A)
    writer = node.start_writing(device, GARBAGE)
    node.await_that(lambda: node.is_stuck(writer), "a hung writer")
    b = storage.make(B, AT, text=OF_B)
    waited = node.await_that(
        lambda: node.status(writer) is not None, "the write to be delivered", limit=3 * POLLING
    )
    corrupt = b.holds() == GARBAGE
    storage.destroy(B)
    node.sweep()

    node.configure(LUN_ID_LIMIT=1)
    device = brought(node, storage)
    storage.destroy(A)
    writer = node.start_writing(device, GARBAGE)
    node.await_that(lambda: node.is_stuck(writer), "a hung writer")
    refused = node.script("create", B, VOL_SIZE="64")
    assert refused.status == 1, refused
    assert storage.names() == []
    node.configure(LUN_ID_LIMIT=2)
    created = node.script("create", B, VOL_SIZE="64")
    assert created.status == 0, created.stderr
    b = storage.lun(B)
    new = node.attach(B)
    assert node.write(new, OF_B) == "ok"
    node.see_all()
    node.shell("multipath -r >/dev/null; multipathd reconfigure")
    node.pass_polling()
    assert node.status(writer) is None
    assert b.holds() == OF_B
    node.run("multipathd", "disablequeueing", "maps")
    node.await_that(lambda: node.status(writer) is not None, "the writer's end")
    assert b.holds() == OF_B
    tell(
        "s13: a write queued for the dead LUN",
        old=f"delivered {waited:.0f} s after B came at its id: B is {'OVERWRITTEN' if corrupt else 'whole'}",
        ours="B never gets an id at which something is left here (none free: refused); the write never arrives",
    )
    assert corrupt


def test_moved_lun_whose_new_paths_came_by_themselves(node: Machine, storage: Storage) -> None:
    """A scan put the new paths into the map beside the old ones, which lead to another LUN and go."""
    device = brought(node, storage)
    lun_id = storage.lun_id(A)
    storage.unmap(A)
    b = storage.make(B, lun_id, text=OF_B)
    storage.map(A, 4000)
    node.shell(TARGETED_SCAN, str(4000 | FLAT_SPACE))
    naa = storage.lun(A).naa
    node.await_that(lambda: len(node.paths(naa)) == 4, "the new paths in the old map")
    holder = node.hold(device)
    assert node.attach(A) == device
    assert [node.live(path) for path in node.paths(naa)] == [naa, naa]
    node.end(holder)
    for _ in range(8):
        assert node.read(device) == OF_A
    assert b.holds() == OF_B


def test_moved_lun_is_not_grown_into_another(node: Machine, storage: Storage, tell: Tell) -> None:
    """A rescan and a resized map give the old name the new LUN's size, without any check."""
    device = brought_the_old_way(node, storage)
    exchange(storage, mib=128)
    node.shell(
        'for d in /sys/block/sd*; do echo 1 > $d/device/rescan; done; multipathd resize map "${1#/dev/mapper/}"',
        device,
    )
    size = int(node.shell("blockdev --getsize64 $(readlink -f $1) || echo 0", device)) >> 20
    storage.destroy(B)
    node.sweep()

    device = brought(node, storage)
    lun_id = storage.lun_id(A)
    storage.unmap(A)
    b = storage.make(B, lun_id, mib=128, text=OF_B)
    storage.map(A, 4000)
    grown = node.script("grow", A, VOL_SIZE="64", VOL_NEW_SIZE="128")
    assert grown.status == 1, grown
    assert f"leads to LUN 3{b.naa} now" in grown.message
    assert int(node.shell("cat /sys/block/$(basename $(readlink -f $1))/size", device)) == 64 * 2048
    assert node.read(node.attach(A)) == OF_A
    assert b.holds() == OF_B
    tell(
        "E: grow where the id shows another LUN by now",
        old=f"A's name has {size} MiB now: B's size",
        ours=f"grow refuses: {grown.message[:110]}; attach then: A, whole",
    )
    assert size == 128
