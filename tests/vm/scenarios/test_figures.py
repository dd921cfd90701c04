"""What attach of an absent LUN costs, by the first implementation's way and ours, with 1 and with 100 LUNs here.

Both in one run, turn by turn.  The first way is its three commands and its looking each second.  Ours is the
script, less what it takes to start and to ask the filer for a LUN (for one that there is not): the first way had a
script around it, too, and in emulation Python's start is most of either.  What that takes is printed beside.

The seconds scatter with what else the machine does; the commands that disks and targets are asked do not.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from functools import partial
from typing import Callable

import pytest

from tests.simulator.process import Simulator
from tests.testbed.product import PYTHON
from tests.vm import firstway
from tests.vm.machine import EXTSTORAGE, Machine, select_nothing
from tests.vm.storage import Storage

MANY = 100
SOME = 20  # LUNs, where commands are counted
TRACING = "/sys/kernel/tracing"
BATCH = 20  # at a time
TURNS_WITH_ONE, TURNS_WITH_MANY = 7, 5  # those with one LUN are short
CALM = 5  # seconds without an event
IDLE = 0.5  # of that time the processors have nothing to do
RUNS = 15
TRACE = "/run/figures.strace"
PRESENT = 1.6  # at most, times a bare interpreter's start
# How much faster, with one LUN and with many; and how much longer our script may take with many than with one.
FASTER_WITH_ONE, FASTER_WITH_MANY, GROWTH = 1.5, 4.0, 1.3


def timed(work: Callable[[], object]) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def turns(node: Machine, storage: Storage, title: str, number: int) -> tuple[float, float, float]:
    """The median of each way, of a ``number`` of turns, and that of our whole script."""
    old, whole, asked, left = [], [], [], []
    for turn in range(number):
        lun = storage.make(f"old-{turn}", 200)
        grow_calm(node)
        old.append(timed(partial(firstway.attach, node, lun)))
        left.append(devices(node, lun.naa))
        drop(node, lun.naa)
        storage.destroy(lun.name)
        lun = storage.make(f"ours-{turn}", 201)
        grow_calm(node)
        asked.append(timed(partial(node.script, "attach", "there-is-none")))
        whole.append(timed(partial(node.attach, lun.name)))
        assert node.script("detach", lun.name).status == 0
        assert devices(node, lun.naa) == 0
        storage.destroy(lun.name)
        print(
            f"{title}, turn {turn + 1}: {old[-1]:.1f} s the first way, {whole[-1] - asked[-1]:.1f} s ours, "
            f"and {asked[-1]:.1f} s for the script in either",
            flush=True,
        )
    ours = [script - start for script, start in zip(whole, asked)]
    print(f"\n{title}: the first way {show(old)}, ours {show(ours)}, the script in either {show(asked)}")
    print(f"after its detach the first way leaves {left[0]} devices of the LUN, ours none")
    assert min(left) > 0
    return statistics.median(old), statistics.median(ours), statistics.median(whole)


def grow_calm(node: Machine) -> None:
    """Wait until udev and multipathd are done with what was before.

    The first way keeps them busy: multipathd still goes through its maps when there are no more events. And that
    LUNs came or went is told to the kernel with the next command to each other one, an event for each: multipathd
    sends one within 20 seconds, in the midst of a turn; so here is one now.
    """
    node.shell(
        "for path in /sys/block/sd*; do dd if=/dev/${path##*/} of=/dev/null bs=4K count=1 iflag=direct; done"
    )

    def is_calm() -> bool:
        settled = node.run("udevadm", "settle", "--timeout=100").status == 0
        began = moment(node)
        select_nothing(CALM)
        events, idle, passed = (now - then for then, now in zip(began, moment(node)))
        calm = settled and events == 0 and idle >= IDLE * passed
        if not calm:
            print(f"not calm yet: {events} events, idle for {idle / passed:.0%}, settled: {settled}", flush=True)
        return calm

    node.await_that(is_calm, "calm", limit=300)


def moment(node: Machine) -> tuple[int, int, int]:
    """The number of events until now, the ticks that processors were idle or waited for disks, and all ticks.

    Source: proc_stat(5).
    """
    events, _, *ticks = node.shell("cat /sys/kernel/uevent_seqnum; head -n 1 /proc/stat").split()
    spent = [int(kind) for kind in ticks]
    return int(events), sum(spent[3:5]), sum(spent)


def devices(node: Machine, naa: str) -> int:
    """How many of the node's devices are the LUN's, its map among them."""
    return int(node.shell('grep -ls "$1" /sys/block/*/device/wwid /sys/block/*/dm/uuid | wc -l', naa))


def bring(node: Machine, number: int) -> None:
    """Let the node have all LUNs that there are, ``number`` of them."""
    node.see_all()
    seconds = node.await_that(lambda: len(node.maps()) == number, f"{number} maps", limit=600)
    node.shell("udevadm settle --timeout=600", limit=660)
    print(f"{number} maps, the last ones after {seconds:.0f} s", flush=True)


def drop(node: Machine, naa: str) -> None:
    """What the first way leaves is taken away by hand, for the next turn."""
    node.shell(
        'paths=$(grep -l "naa.$1" /sys/block/sd*/device/wwid); '
        'for try in $(seq 20); do multipath -f "3$1" && break; sleep 0.3; done; '
        'for path in $paths; do echo 1 >"${path%wwid}delete"; done',
        naa,
    )


def show(seconds: list[float]) -> str:
    """For people."""
    return f"{statistics.median(seconds):.1f} s ({', '.join(f'{one:.1f}' for one in sorted(seconds))})"


@pytest.mark.parametrize("luns", [1, 20])
def test_attach_of_a_present_lun(node: Machine, storage: Storage, simulator: Simulator, luns: int) -> None:
    """Both paths are asked who they are: no filer, no program, and not much more time than Python's own start."""
    for number in range(luns):
        storage.make(f"volume-{number}", mib=4)
        device = node.attach(f"volume-{number}")
    name = f"volume-{luns - 1}"
    assert len(node.paths(storage.lun(name).naa)) == 2
    before = len(simulator.requests())
    bare, ours = [], []
    for _ in range(RUNS):
        bare.append(node.run(PYTHON, "-c", "pass").seconds)
        attached = node.script("attach", name)
        assert attached.stdout.strip() == device
        ours.append(attached.seconds)
    assert [str(one.api) for one in simulator.requests()[before:]] == []
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"\nattach of a present LUN, {luns} here: {ratio:.2f} x a bare interpreter: {show(bare)}; {show(ours)}")
    trace = ("strace", "-f", "-e", "trace=execve,socket,connect", "-o", TRACE, f"{EXTSTORAGE}/dataontap/attach")
    # Without HOME Python itself asks who this user is, by nscd's socket.
    assert node.run(*trace, environ={"VOL_NAME": name, "HOME": "/root"}).stdout.strip() == device
    calls = node.shell(f"grep -oE '(execve|socket|connect)[(]' {TRACE}").split()
    assert calls == ["execve("]
    assert ratio <= PRESENT
    for number in range(luns):
        assert node.script("detach", f"volume-{number}").status == 0


def test_attach_of_an_absent_lun(node: Machine, storage: Storage) -> None:
    """With few and with many LUNs here; and detach leaves nothing where the old way left all."""
    storage.make("first", 1)
    firstway.log_in(node)
    firstway.attach(node, storage.lun("first"))
    old_one, our_one, whole_one = turns(node, storage, "attach with 1 LUN on the node", TURNS_WITH_ONE)
    for number in range(2, MANY + 1):
        storage.make(f"more-{number}", number, mib=4)
        if number % BATCH == 0:
            bring(node, number)
    old_many, our_many, whole_many = turns(node, storage, f"attach with {MANY} LUNs on the node", TURNS_WITH_MANY)
    print(
        f"faster: {old_one / our_one:.2f} x with 1, {old_many / our_many:.2f} x with {MANY}; "
        f"our whole script with {MANY} against 1: {whole_many / whole_one:.2f} x"
    )
    assert old_one / our_one >= FASTER_WITH_ONE
    assert old_many / our_many >= FASTER_WITH_MANY
    assert whole_many / whole_one <= GROWTH


class Asked:
    """The INQUIRY and REPORT LUNS commands that the kernel sends while this lasts, by the LUN's number.

    The kernel counts them (Documentation/trace/events.rst, scsi_dispatch_cmd_start): a scan is made of them.
    """

    def __init__(self, node: Machine) -> None:
        self._node = node
        self.by_lun: Counter[int] = Counter()

    def __enter__(self) -> Asked:
        self._node.shell(f"mountpoint -q {TRACING} || mount -t tracefs tracefs {TRACING}; cd {TRACING}; {COUNT}")
        return self

    def __exit__(self, *_: object) -> None:
        lines = self._node.shell(f"cd {TRACING}; echo 0 >events/scsi/enable; grep -o ' lun=[0-9]*' trace || :")
        self.by_lun.update(int(line.partition("=")[2]) for line in lines.splitlines())


COUNT = """
    echo 0 >events/scsi/enable
    echo >trace
    echo 'opcode == 0x12 || opcode == 0xa0' >events/scsi/scsi_dispatch_cmd_start/filter
    echo 1 >events/scsi/scsi_dispatch_cmd_start/enable
"""


def asked_by_both_ways(node: Machine, storage: Storage, title: str) -> tuple[int, int]:
    """How many commands each way sends for one LUN; ours sends none to another LUN."""
    lun = storage.make("old", 200)
    grow_calm(node)
    with Asked(node) as old:
        firstway.attach(node, lun)
    drop(node, lun.naa)
    storage.destroy(lun.name)
    lun = storage.make("ours", 201)
    grow_calm(node)
    with Asked(node) as ours:
        node.attach(lun.name)
    assert node.script("detach", lun.name).status == 0
    storage.destroy(lun.name)
    print(f"{title}: the first way {show_asked(old, 200)}; ours {show_asked(ours, 201)}", flush=True)
    assert {*ours.by_lun} == {201}
    return old.by_lun.total(), ours.by_lun.total()


def show_asked(asked: Asked, lun_id: int) -> str:
    """For people."""
    others = asked.by_lun.total() - asked.by_lun[lun_id]
    return f"{asked.by_lun[lun_id]} commands to the LUN, {others} to others"


def test_what_an_attach_asks(node: Machine, storage: Storage) -> None:
    """Ours asks the one LUN, and not more often with many LUNs here."""
    storage.make("first", 1)
    firstway.log_in(node)
    firstway.attach(node, storage.lun("first"))
    _, one = asked_by_both_ways(node, storage, "INQUIRY and REPORT LUNS with 1 LUN on the node")
    for number in range(2, SOME + 1):
        storage.make(f"more-{number}", number, mib=4)
    bring(node, SOME)
    old_many, many = asked_by_both_ways(node, storage, f"INQUIRY and REPORT LUNS with {SOME} LUNs on the node")
    assert many <= one
    assert many < old_many
