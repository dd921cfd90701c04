"""Who may write: in every order in which Ganeti runs the scripts, a LUN is mapped for the right nodes only.

What is mapped after each script comes from the filer's journal, and is printed at the end of the run.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dataontap.client.zapi.luns import lun_at
from tests.cluster.conftest import AddInstance, Make, RecordProperty
from tests.testbed import filer
from tests.testbed.cluster import FIXED, PER_NODE, RUNNING, Cluster, Node
from tests.testbed.instance import Instance
from tests.testbed.node import CONFIG
from tests.testbed.processes import holder
from tests.testbed.recorder import PACKAGED, Recorder, Step, recorded


@pytest.fixture
def per_node(cluster: Cluster) -> Iterator[None]:
    """Each node has a group of its own, whichever form the cluster's other tests have."""
    with cluster.masking(PER_NODE):
        yield


@pytest.fixture
def recorder(cluster: Cluster, per_node: None) -> Iterator[Recorder]:
    """The scripts' runs. Before ``add``, so that instances are removed in the same form."""
    with recorded(cluster) as recorder:
        yield recorder


class Sequences:
    """Operations on one instance, what scripts they ran, and what was mapped after each of these.

    What is about the snapshot that an export makes is marked so; the columns are the snapshot's then.
    """

    def __init__(self, cluster: Cluster, recorder: Recorder) -> None:
        self._cluster = cluster
        self._recorder = recorder
        self._here: dict[tuple[str, str], str] = {}
        self._done = 0
        self._groups = {node.group: node.port for node in cluster.nodes}
        self.volume = ""
        self.lines: list[str] = []

    def mapped(self, moment: float, volume: str = "") -> list[str]:
        """The nodes that the LUN was mapped for; none but nodes' groups are expected."""
        return sorted(self._groups[group] for group in self._recorder.mapped(volume or self.volume, moment))

    def note(self, operation: str) -> list[str]:
        """Take down the scripts that ``operation`` ran; returns the nodes that the LUN is mapped for now."""
        snapshot = f"{self.volume}.snap"
        steps = [step for step in self._recorder.steps() if step.volume in {self.volume, snapshot}][self._done :]
        self._done += len(steps)
        self.lines.append(f"{operation}:")
        for step in steps:
            self._here[step.node, step.volume] = step.here
            mapped = self.mapped(step.ended, step.volume)
            cells = (
                f"{'mapped' if node.port in mapped else '-':7}{self._here.get((node.port, step.volume), 'none'):8}"
                for node in self._cluster.nodes
            )
            about = step.about + " .snap" * (step.volume == snapshot)
            self.lines.append(f"  {about:31}{'  '.join(cells)}".rstrip())
            self._check(step, mapped)
        return self.mapped(float("inf"))

    def _check(self, step: Step, mapped: list[str]) -> None:
        """What has to be so whatever the operation was."""
        before = self.mapped(step.began, step.volume)
        if step.status == 0 and step.verb == "open":
            assert mapped == [step.node] if step.exclusive else step.node in mapped, self.lines
            if step.exclusive:
                others = len(set(before) - {step.node})
                assert len(self._recorder.asked(step)) <= 2 + others, self._recorder.asked(step)
        elif step.status == 0 and step.verb == "detach":
            assert step.node not in mapped, self.lines
            assert step.here == "none"
        elif step.verb in {"attach", "close"}:
            assert set(before) <= set(mapped), self.lines


def test_every_sequence(cluster: Cluster, recorder: Recorder, make: Make, record_property: RecordProperty) -> None:
    """An instance's life on three nodes: after each operation the LUN is mapped where it should be."""
    node1, node2, node3 = cluster.nodes
    instance = make()
    instance.add(node2, "64M")
    told = Sequences(cluster, recorder)
    told.volume = instance.volumes[0]
    assert told.note("add, on node2") == ["node2"]
    instance.write(node2, "precious")
    instance.do("info")
    assert told.note("info") == ["node2"]
    instance.do("stop")
    assert told.note("stop") == []
    instance.do("info")
    assert told.note("info of a stopped instance") == ["node2"]
    cluster.gnt("cluster", "verify", "--ignore-errors=ENODESETUP")
    assert told.note("cluster verify") == ["node2"]
    instance.do("start")
    assert told.note("start") == ["node2"]
    # The first LUN that a node gets costs it making its group; after that caches are warm for a day.
    for target in (node3, node2, node3):
        before = len(cluster.simulator.requests())
        instance.do("migrate", "-f", "-n", target.name)
        asked = [str(request.api) for request in cluster.simulator.requests()[before:]]
        assert told.note(f"migrate to {target.port} ({len(asked)} requests)") == [target.port]
    # Over REST the detach of the node whose map was taken also asks whether its igroup still has the cached uuid.
    assert len(asked) <= (10 if cluster.api == "rest" else 9), " ".join(asked)
    assert instance.read(node3, 8) == "precious"

    node2.write(f"{RUNNING}/{instance.name}", "0\n128\n1\n")  # not to be accepted there
    instance.fails("migrate", "-f", "-n", node2.name)
    assert told.note("migrate to node2, which does not accept it") == ["node3"]
    assert (instance.primary, instance.status) == ("node3", "running")
    instance.do("migrate", "--cleanup", "-f", "-n", node1.name)
    assert told.note("migrate --cleanup, the other node being node1") == ["node3"]
    instance.do("failover", "-f", "-n", node2.name)
    assert told.note("failover to node2") == ["node2"]
    assert instance.read(node2, 8) == "precious"
    instance.do("stop")
    told.note("stop")
    instance.do("failover", "-f", "-n", node3.name)
    assert told.note("failover of the stopped instance to node3") == ["node3"]
    refused = instance.fails("recreate-disks")
    assert "there is a LUN" in refused.stdout + refused.stderr
    told.note("recreate-disks, which is refused")
    instance.do("start")
    assert told.note("start") == ["node3"]
    cluster.try_gnt("backup", "export", "-n", node1.name, instance.name)
    assert told.note("export") == ["node3"]
    assert instance.read(node3, 8) == "precious"
    instance.do("remove", "-f")
    assert told.note("remove") == []
    record_property("table", "\n".join(told.lines))


def test_split_brain(
    cluster: Cluster, recorder: Recorder, add: AddInstance, record_property: RecordProperty
) -> None:
    """A node is cut off, its instance goes on elsewhere, and the node comes back with the instance still there."""
    _, node2, node3 = cluster.nodes
    instance = add()
    told = Sequences(cluster, recorder)
    told.volume = instance.volumes[0]
    told.note("add, on node2")
    instance.write(node2, "precious")
    with holder(node2, instance.link()):  # as its qemu would
        with cluster.lan.cut(node2.port):
            cluster.gnt("node", "modify", "--offline", "yes", node2.name)
            instance.do("failover", "-f", "-n", node3.name)
            assert told.note("failover to node3, node2 being cut off") == ["node3"]
            assert instance.read(node3, 8) == "precious"
        cluster.join(node2, "--readd")
        assert told.note("node2 is back, with its instance still running") == ["node3"]
        said = cluster.try_gnt("cluster", "verify", "--ignore-errors=ENODESETUP")
        assert f"instance should not run on node {node2.name}" in said.stdout
        assert told.note("cluster verify") == ["node3"]
        node2.run("touch", CONFIG)  # else its record is good: loop devices cannot be asked who they are
        refused = by_hand(node2, "attach", instance)
        assert "in use by process" in refused
        assert told.note("attach on node2, refused because the old device is in use") == ["node3"]
        refused = by_hand(node2, "open", instance, "VOL_OPEN_EXCLUSIVE=True")
        assert "in use by process" in refused
        assert told.note("exclusive open on node2, as a start there would, refused too") == ["node3"]
    instance.end(node2)
    assert instance.used_link(node3) == instance.link()
    record_property("table", "\n".join(told.lines))


def test_started_on_two_nodes_by_mistake(
    cluster: Cluster, recorder: Recorder, add: AddInstance, record_property: RecordProperty
) -> None:
    """Two nodes attach and open a disk at the same time, again and again: never do both have it after that."""
    _, node2, node3 = cluster.nodes
    instance = add()
    instance.write(node2, "precious")
    told = Sequences(cluster, recorder)
    told.volume = instance.volumes[0]
    path = cluster.luns()[told.volume].path

    def start(node: Node) -> int:
        for verb in ("attach", "open"):
            outcome = node.try_run(
                "env",
                f"VOL_NAME={told.volume}",
                "EXTP_PROVIDER=dataontap",
                "VOL_OPEN_EXCLUSIVE=True",
                f"{PACKAGED}/{verb}",
            )
            if outcome.status:
                return outcome.status
        return 0

    with cluster.admin() as admin, ThreadPoolExecutor() as pool:
        for turn in range(8):
            if turn % 2:  # a stopped instance's is mapped to nobody
                for node in (node2, node3):
                    admin.unmap_lun(lun_at(path), node.group)
            statuses = list(pool.map(start, (node2, node3)))
            mapped = told.mapped(float("inf"))
            told.lines.append(
                f"  turn {turn}: status on node2, node3: {statuses}; mapped for {mapped or 'nobody'}"
            )
            assert mapped == sorted(
                node.port for node in (node2, node3) if node.group in cluster.luns()[told.volume].maps
            )
            assert len(mapped) <= 1, told.lines
            assert mapped or any(statuses), told.lines
    assert start(node2) == 0
    by_hand(node3, "detach", instance, status=0)
    assert told.mapped(float("inf")) == ["node2"]
    assert instance.read(node2, 8) == "precious"
    record_property("table", "\n".join(told.lines))


def test_without_fencing(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """Ganeti's own care is all there is then: a node that is cut off keeps its LUN, until it detaches it."""
    with cluster.masking(PER_NODE, FENCING=False):
        instance = add()
        volume = instance.volumes[0]
        instance.do("migrate", "-f", "-n", node3.name)
        assert list(cluster.luns()[volume].maps) == [node3.group]
        instance.do("migrate", "-f", "-n", node2.name)
        with cluster.lan.cut(node2.port):
            cluster.gnt("node", "modify", "--offline", "yes", node2.name)
            instance.do("failover", "-f", "-n", node3.name)
            assert sorted(cluster.luns()[volume].maps) == [node2.group, node3.group]
        cluster.join(node2, "--readd")
        instance.end(node2)
        by_hand(node2, "detach", instance, status=0)
        assert list(cluster.luns()[volume].maps) == [node3.group]
        instance.do("remove", "-f")


def by_hand(node: Node, verb: str, instance: Instance, *more: str, status: int = 1) -> str:
    """Run one of the packaged scripts on a node, for the instance's first disk; it has to end so. What it said."""
    variables = (f"VOL_NAME={instance.volumes[0]}", "EXTP_PROVIDER=dataontap", *more)
    outcome = node.try_run("env", *variables, f"{PACKAGED}/{verb}")
    assert outcome.status == status, outcome
    return outcome.stderr


@contextlib.contextmanager
def without_group(cluster: Cluster, name: str) -> Iterator[None]:
    """The storage admin destroys an empty group, and makes it again at the end."""
    with cluster.admin() as admin:
        admin.server.send_request("igroup-destroy", {"initiator-group-name": name})
        yield
        filer.make_igroup(admin, name, *(node.initiator for node in cluster.nodes))


def test_move_to_groups_per_node_and_back(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """Running instances stay as they are and work; each volume moves when its instance is started or moved."""
    with cluster.masking(FIXED):
        stays, moves = add(), add()
        volume = moves.volumes[0]
        stays.write(node2, "one")
        moves.write(node2, "two")
    with cluster.masking(PER_NODE, FORMER_IGROUP=FIXED):
        with holder(node2, stays.link()):  # as its qemu would
            stays.do("info")
            stays.do("grow-disk", then=("0", "32M"))
            assert list(cluster.luns()[stays.volumes[0]].maps) == [FIXED]
        moves.do("stop")
        moves.do("start")
        assert list(cluster.luns()[volume].maps) == [node2.group]
        moves.do("migrate", "-f", "-n", node3.name)
        stays.do("migrate", "-f", "-n", node3.name)
        for instance in (stays, moves):
            assert list(cluster.luns()[instance.volumes[0]].maps) == [node3.group]
        assert (stays.read(node3, 3), moves.read(node3, 3)) == ("one", "two")
    with cluster.masking(PER_NODE), without_group(cluster, FIXED):
        for instance in (stays, moves):
            instance.do("stop")
            instance.do("start")
            assert list(cluster.luns()[instance.volumes[0]].maps) == [node3.group]
    with cluster.masking(FIXED, FORMER_IGROUP=PER_NODE):
        for instance in (stays, moves):
            instance.do("stop")
            instance.do("start")
            assert list(cluster.luns()[instance.volumes[0]].maps) == [FIXED]
        assert (stays.read(node3, 3), moves.read(node3, 3)) == ("one", "two")
        for instance in (stays, moves):
            instance.do("remove", "-f")
