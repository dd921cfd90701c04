"""Random verbs of several nodes under random faults, and a model that says what must come of them.

The model knows what an admin may expect: each volume's LUN, to its comment and its data, and which nodes have its
device. A verb that fails under a fault may leave the state before it or the one after it, or what it says; then it
is tried again, without a fault, as Ganeti would, and must succeed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Optional

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.load.site import GROUP, NODES, Seat, Site
from tests.simulator.faults import LISTS, OF_REST, OF_ZAPI, Fault
from tests.sweep.trials import TRIALS, Trial
from tests.testbed.inventory import MIB, SERIAL, Lun, View
from tests.testbed.node import Node, Outcome, device_size, read, write

CLUSTER = "cluster.example"
METADATA = "originstname+new"
# Those that cost no waiting, let the filer be reached again, and can befall every call: others would strike so
# rarely that the examples would be of no use.
FAULTS = [
    trial
    for trial in TRIALS
    if Node.api in trial.over
    and trial.timeout > 30
    and not trial.cut_off
    and trial.fault.kind not in LISTS | {"unready"}
    and trial.fault.kind not in (OF_ZAPI if Node.api == "rest" else OF_REST)
]

nodes = st.sampled_from(NODES)
picks = st.integers(0, 1000)
FATAL = [trial for trial in FAULTS if not trial.borne]
# (trial, the number of the call that it befalls); a verb may make fewer calls, and one in three goes undisturbed.
faults = st.one_of(st.none(), *(st.tuples(st.sampled_from(which), st.integers(1, 4)) for which in (FAULTS, FATAL)))
Befall = Optional[tuple[Trial, int]]


@dataclass
class Volume:
    """A disk of Ganeti's; ``nodes`` are those that have its device."""

    name: str
    uuid: str
    lun: Lun
    nodes: set[str] = field(default_factory=set)
    snapshot: Lun | None = None

    @property
    def path(self) -> str:
        """Where its LUN is."""
        return f"/vol/vol1/{self.name}"

    @property
    def tag(self) -> str:
        """What says that it is ours."""
        return f"dataontap:2:{CLUSTER}:{self.uuid}"

    def view(self) -> View:
        """What the filer has of it."""
        return {self.path: self.lun, **({f"{self.path}.snap": self.snapshot} if self.snapshot else {})}


class Machine(RuleBasedStateMachine):
    """One example; ``site`` is for all of them."""

    site: ClassVar[Site]

    def __init__(self) -> None:
        super().__init__()
        self.volumes: list[Volume] = []

    @initialize()
    def begin(self) -> None:
        """With nothing."""
        self.site.restore()

    # The verbs

    @precondition(lambda self: len(self.volumes) < 4)
    @rule(node=nodes, size=st.integers(4, 12), fault=faults)
    def create(self, node: str, size: int, fault: Befall) -> None:
        uuid = self.site.new_uuid()
        volume = Volume(f"{uuid}.ext.disk0", uuid, Lun(size, "", (GROUP,)))
        volume.lun = volume.lun._replace(comment=f"{volume.tag}:disk:-")
        self._run(node, "create", volume, fault, volume.view(), {}, VOL_SIZE=str(size))
        volume.nodes.add(node)
        tagged = f"{METADATA} {volume.tag}:disk:{SERIAL}"
        before, volume.lun = volume.view(), volume.lun._replace(comment=tagged)
        # From then on nothing that fails takes it away again; what does before, the sweep knows.
        self._run(node, "setinfo", volume, None, volume.view(), before, VOL_METADATA=METADATA)
        self.volumes.append(volume)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks)
    def create_what_exists(self, node: str, pick: int) -> None:
        volume = self._pick(pick)
        outcome = self._script(node, "create", volume.name, VOL_UUID=volume.uuid, VOL_SIZE="4")
        assert (outcome.status, "already" in outcome.message) == (1, True), outcome.stderr

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults)
    def attach(self, node: str, pick: int, fault: Befall) -> None:
        volume = self._pick(pick)
        self._run(node, "attach", volume, fault, volume.view(), volume.view())
        self._has_device(node, volume)

    @precondition(lambda self: self.volumes)
    @rule(pick=picks)
    def attach_everywhere_at_once(self, pick: int) -> None:
        volume = self._pick(pick)
        with ThreadPoolExecutor(len(NODES)) as pool:
            seats = [self.site.seats[node] for node in NODES]
            outcomes = list(pool.map(lambda seat: seat.quick.script("attach", VOL_NAME=volume.name), seats))
        for node, outcome in zip(NODES, outcomes):
            assert outcome.status == 0, outcome.stderr
            self._has_device(node, volume)

    @rule(node=nodes)
    def attach_what_is_not_there(self, node: str) -> None:
        outcome = self._script(node, "attach", f"{self.site.new_uuid()}.ext.disk0")
        assert (outcome.status, outcome.stdout, "there is no LUN" in outcome.message) == (1, "", True)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults)
    def detach(self, node: str, pick: int, fault: Befall) -> None:
        volume = self._pick(pick)
        self._run(node, "detach", volume, fault, volume.view(), volume.view())
        volume.nodes.discard(node)
        assert not self.site.seats[node].sees(volume.path)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults, more=st.integers(1, 8))
    def grow(self, node: str, pick: int, fault: Befall, more: int) -> None:
        volume = self._pick(pick)
        old, new = volume.lun.size, volume.lun.size + more
        before, volume.lun = volume.view(), volume.lun._replace(size=new)
        self._run(node, "grow", volume, fault, volume.view(), before, VOL_SIZE=str(old), VOL_NEW_SIZE=str(new))
        if node in volume.nodes:
            self._has_device(node, volume)
        # A LUN's paths would tell other nodes its size when they attach next (READ CAPACITY); loop devices have
        # none to ask, and a record that says what the kernel says is good.
        for other in sorted(volume.nodes - {node}):
            self._run(other, "detach", volume, None, volume.view(), volume.view())
            volume.nodes.discard(other)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults, text=st.sampled_from(["inst1", "inst2.example"]))
    def setinfo(self, node: str, pick: int, fault: Befall, text: str) -> None:
        volume = self._pick(pick)
        metadata = f"originstname+{text}"
        before, volume.lun = volume.view(), volume.lun._replace(comment=f"{metadata} {volume.tag}:disk:{SERIAL}")
        self._run(node, "setinfo", volume, fault, volume.view(), before, VOL_METADATA=metadata)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults)
    def snapshot(self, node: str, pick: int, fault: Befall) -> None:
        volume = self._pick(pick)
        before = volume.view()
        unmapped = replace(volume, snapshot=volume.snapshot and volume.snapshot._replace(groups=())).view()
        volume.snapshot = volume.lun._replace(comment=f"{volume.tag}:snap:-")
        between = (before, unmapped, {volume.path: volume.lun})
        name, size = f"{volume.name}.snap", str(volume.lun.size)
        self._run(
            node,
            "snapshot",
            volume,
            fault,
            volume.view(),
            *between,
            VOL_SNAPSHOT_NAME=name,
            VOL_SNAPSHOT_SIZE=size,
        )

    @precondition(lambda self: any(volume.snapshot for volume in self.volumes))
    @rule(node=nodes, pick=picks, fault=faults)
    def export(self, node: str, pick: int, fault: Befall) -> None:
        """Read the snapshot's clone, and remove it."""
        with_one = [volume for volume in self.volumes if volume.snapshot]
        volume = with_one[pick % len(with_one)]
        assert volume.snapshot is not None
        untagged, volume.snapshot = volume.view(), volume.snapshot._replace(comment=f"{volume.tag}:snap:{SERIAL}")
        clone = Volume(f"{volume.name}.snap", "0-snap", volume.snapshot)
        whole = self._run(node, "attach", clone, fault, volume.view(), untagged, whole=volume)
        self._has_device(node, clone)
        self._run(node, "detach", clone, None, whole, whole, whole=volume)
        unmapped = {**whole, clone.path: whole[clone.path]._replace(groups=())}
        volume.snapshot = None
        self._run(node, "remove", clone, fault, volume.view(), whole, unmapped, whole=volume)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults)
    def remove(self, node: str, pick: int, fault: Befall) -> None:
        """As Ganeti does, and its hook on the other nodes after it."""
        volume = self._pick(pick)
        rest = {f"{volume.path}.snap": volume.snapshot} if volume.snapshot else {}
        for verb in ("attach", "detach"):
            self._run(node, verb, volume, None, volume.view(), volume.view())
        unmapped = {volume.path: volume.lun._replace(groups=()), **rest}
        self._run(node, "remove", volume, fault, rest, volume.view(), unmapped)
        if rest:
            snapshot = replace(volume, name=f"{volume.name}.snap")
            self._run(node, "remove", snapshot, None, {}, rest, whole=volume)
        self.volumes.remove(volume)
        for other in {*NODES} - {node}:
            outcome = self.site.seats[other].quick.module("dataontap.cleanup", volume.name)
            assert outcome.status == 0, outcome.stderr
            assert not self.site.seats[other].sees(volume.path)

    @precondition(lambda self: self.volumes)
    @rule(node=nodes, pick=picks, fault=faults, exclusive=st.booleans())
    def open_or_close(self, node: str, pick: int, fault: Befall, exclusive: bool) -> None:
        volume = self._pick(pick)
        view = volume.view()
        self._run(node, "close", volume, fault, view, view)
        self._run(node, "open", volume, fault, view, view, VOL_OPEN_EXCLUSIVE=str(exclusive))

    # What else happens

    @precondition(lambda self: any(volume.nodes for volume in self.volumes))
    @rule(pick=picks, data=st.binary(min_size=1, max_size=90).filter(lambda data: data[-1] != 0))
    def write(self, pick: int, data: bytes) -> None:
        """What the guest does."""
        attached = [volume for volume in self.volumes if volume.nodes]
        volume = attached[pick % len(attached)]
        node = sorted(volume.nodes)[pick % len(volume.nodes)]
        seat = self.site.seats[node]
        write(seat.node, seat.link(volume.path), 0, data.ljust(512, b"\0"))
        volume.lun = volume.lun._replace(data=data)

    @rule(node=nodes)
    def reboot(self, node: str) -> None:
        self.site.seats[node].forget()
        for volume in self.volumes:
            volume.nodes.discard(node)

    @invariant()
    def filer_and_model_agree(self) -> None:
        expected: View = {}
        for volume in self.volumes:
            expected.update(volume.view())
        assert self.site.inventory.luns() == expected

    @invariant()
    def nodes_and_model_agree(self) -> None:
        for name, seat in self.site.seats.items():
            for volume in self.volumes:
                # A scan for one volume shows a node the others of its group, too: only what it asked for must be.
                if name in volume.nodes:
                    assert seat.sees(volume.path), f"{volume.path} on {name}"
                    assert read(seat.node, seat.link(volume.path), 0, 90).rstrip(b"\0") == volume.lun.data

    def teardown(self) -> None:
        """Leave nothing to the next example."""
        self.site.restore()

    # How

    def _pick(self, pick: int) -> Volume:
        return self.volumes[pick % len(self.volumes)]

    def _script(self, node: str, verb: str, name: str, **variables: str) -> Outcome:
        outcome = self.site.seats[node].quick.script(verb, VOL_NAME=name, **variables)
        note(f"{verb} {name} on {node}: {outcome.status} {outcome.message}")
        assert "Traceback" not in outcome.stderr
        assert "secret" not in outcome.stderr
        return outcome

    def _run(
        self,
        node: str,
        verb: str,
        volume: Volume,
        fault: Befall,
        after: View,
        *before: View,
        whole: Volume | None = None,
        **variables: str,
    ) -> View:
        """Run a verb: the filer then has ``after`` of the ``whole`` volume; in vain, one of ``before``.

        Returns what it has at the end.
        """
        if fault is not None:
            trial, nth = fault
            self.site.simulator.control.arm(self._at(trial, nth))
        variables = {"VOL_UUID": volume.uuid, **variables}
        outcome = self._script(node, verb, volume.name, **variables)
        struck = any(times for _, times in self.site.simulator.control.clear())
        if outcome.status != 0:
            assert fault is not None, outcome.stderr
            assert struck, outcome.stderr
            assert not fault[0].borne, outcome.stderr
            assert len(outcome.message) <= 200
            self.site.failures += 1
            assert self._of(whole or volume) in (after, *before), outcome.message
            outcome = self._script(node, verb, volume.name, **variables)
        now = self._of(whole or volume)
        assert outcome.status == 0, outcome.stderr
        if "cannot write the tag" in outcome.stderr:  # attach bears that
            assert struck and now in before, outcome.stderr
        else:
            assert now == after, outcome.stderr
        return now

    @staticmethod
    def _at(trial: Trial, nth: int) -> Fault:
        return replace(trial.fault, nth=nth)

    def _of(self, volume: Volume) -> View:
        luns = self.site.inventory.luns()
        return {path: lun for path, lun in luns.items() if path.startswith(volume.path)}

    def _has_device(self, node: str, volume: Volume) -> None:
        seat: Seat = self.site.seats[node]
        volume.nodes.add(node)
        link = seat.link(volume.path)
        assert device_size(seat.node, link) == volume.lun.size * MIB
        assert read(seat.node, link, 0, 90).rstrip(b"\0") == volume.lun.data


def machine(at: Site) -> Any:
    """The machine at this site."""
    return type("MachineAtSite", (Machine,), {"site": at})
