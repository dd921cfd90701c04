"""Clusters at a filer, each with the states of the volume in which scenarios begin."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable

from tests.interleavings.machine import naa_of
from tests.interleavings.place import Place, Start
from tests.interleavings.verbs import run_quietly
from tests.simulator import copies
from tests.unit.volume import PATH
from tests.unit.zapi import ask

CLUSTER = "cluster"
COPY = "/vol/vol3/v"  # of the volume, with its name


class Ground:
    """A place with states by name. ``followers`` are the nodes on which Ganeti goes on after a run."""

    def __init__(self, directory: Path, nodes: Sequence[str]) -> None:
        self.place = Place(directory)
        self.nodes = nodes
        self.followers = nodes
        self.starts: dict[str, Start] = {}
        self.known: dict[str, str] = {}
        self.admin = partial(ask, self.place.filer)

    def do(self, node: str, *actions: str) -> None:
        """Run verbs alone; "start" and "stop" are the guest's."""
        for action in actions:
            machine, lun = self.place.seats[node].machine, self.place.lun(PATH)
            if action == "start" and lun is not None:
                machine.hold(naa_of(lun))
            elif action == "stop":
                machine.release()
            elif error := run_quietly(self.place, node, action):
                raise error

    def save(self, name: str) -> None:
        """The present state is called so."""
        self.starts[name] = self.place.save()

    def make(self, node: str = "") -> None:
        """A volume that is attached nowhere, with a copy of its own and a stranger's LUN beside it."""
        self.do(node or self.nodes[0], "create", "setinfo", "detach")
        self.admin("igroup-create", {"initiator-group-name": "esx", "initiator-group-type": "iscsi"})
        copies.lun_copy(self.admin, PATH, COPY)
        copies.lun_copy(self.admin, PATH, "/vol/vol1/w")
        self.admin("lun-set-comment", {"path": "/vol/vol1/w", "comment": ""})
        self.admin("lun-map", {"path": "/vol/vol1/w", "initiator-group": "esx"})

    def forget_groups(self) -> None:
        """The nodes have no igroups yet."""
        for seat in self.place.seats.values():
            group = f"g-{seat.node}"
            if ("svm1", group) in self.place.filer.igroups:
                self.admin("igroup-destroy", {"initiator-group-name": group, "force": True})
            shutil.rmtree(seat.machine.root / "run/igroup", ignore_errors=True)


def _of_cluster(directory: Path, nodes: list[str]) -> Ground:
    """Nodes of one cluster, without volumes."""
    ground = Ground(directory, nodes)
    for name in nodes:
        ground.place.add(name, CLUSTER, nodes)
    return ground


def of_nodes(count: int, directory: Path) -> Ground:
    """Nodes of a cluster with an igroup for each."""
    nodes = [f"node{number + 1}" for number in range(count)]
    ground = _of_cluster(directory, nodes)
    ground.save("fresh")
    ground.make()
    for node in nodes:
        ground.do(node, "attach", "detach")
    ground.save("stopped")
    ground.do("node1", "attach", "open", "start")
    ground.save("runs")
    ground.do("node2", "pre-move")
    ground.save("both")
    ground.do("node2", "open", "start")
    ground.save("fenced")
    ground.place.restore(ground.starts["stopped"])
    ground.do("node1", "remove")
    ground.save("none")
    return ground


def upgrade(directory: Path) -> Ground:
    """node2 is not upgraded yet. In the states that end with "there" only that node has known the volume so far.

    Then it has no copy with its name: node2 could not tell it from the volume.
    """
    ground = _of_cluster(directory, ["node1", "node2"])
    ground.place.seats["node2"] = replace(ground.place.seats["node2"], is_earlier=True)
    ground.save("fresh")
    for node, other, there in (("node1", "node2", ""), ("node2", "node1", " there")):
        ground.place.restore(ground.starts["fresh"])
        ground.make(node)
        if there:
            ground.admin("lun-destroy", {"path": COPY})
        ground.save(f"stopped{there}")
        ground.do(node, "attach", "open", "start")
        ground.save(f"runs{there}")
        ground.do(other, "pre-move")
        ground.save(f"both{there}")
        ground.place.restore(ground.starts[f"stopped{there}"])
        ground.do(node, "remove")
        ground.save(f"none{there}")
    return ground


def elsewhere(directory: Path) -> Ground:
    """The LUN is in another pool than the configured one, and DEBUG is on: there are no records."""
    nodes = ["node1", "node2"]
    ground = _of_cluster(directory, nodes)
    ground.make()
    ground.place.configure(POOL="vol2", DEBUG=True)
    for node in nodes:
        ground.do(node, "attach", "detach")
    ground.save("stopped")
    ground.do("node1", "attach", "open", "start")
    ground.save("runs")
    return ground


def moving(directory: Path) -> Ground:
    """A cluster that moves from one igroup for all nodes to an igroup for each."""
    nodes = ["node1", "node2"]
    ground = _of_cluster(directory, nodes)
    ground.make()
    ground.forget_groups()
    ground.admin("igroup-create", {"initiator-group-name": "all", "initiator-group-type": "iscsi"})
    for seat in ground.place.seats.values():
        ground.admin("igroup-add", {"initiator-group-name": "all", "initiator": seat.machine.initiator})
    ground.admin("lun-map", {"path": PATH, "initiator-group": "all"})
    ground.place.configure(FORMER_IGROUP="all")
    ground.save("stopped")
    return ground


def twins(directory: Path) -> Ground:
    """node2 is a clone of node1, with its initiator name."""
    nodes = ["node1", "node2", "node3"]
    ground = Ground(directory, nodes)
    for name in nodes:
        ground.place.add(name, CLUSTER, nodes, initiator=name.replace("2", "1"))
    ground.make()
    ground.followers = ()  # the node that comes first has the volume
    ground.save("stopped")
    ground.do("node1", "attach", "open", "start")
    ground.save("runs")
    ground.place.restore(ground.starts["stopped"])
    ground.forget_groups()
    ground.save("no groups")
    return ground


def namesakes(directory: Path) -> Ground:
    """Two machines have the node's name, each with an initiator of its own. Neither has made the igroup yet."""
    nodes = ["node1", "node2"]
    ground = Ground(directory, nodes)
    for name in ("node1", "node1-too"):
        ground.place.add(name, CLUSTER, nodes, node="node1", initiator=name)
    ground.make()
    ground.followers = ()
    ground.forget_groups()
    ground.save("no groups")
    return ground


def restored(directory: Path) -> Ground:
    """Cluster ``b`` is a copy of this one, on nodes of its own: the same volumes at the same filer."""
    nodes, others = ["node1"], ["b1", "b2"]
    ground = Ground(directory, nodes)
    ground.place.add("node1", CLUSTER, nodes)
    for name in others:
        ground.place.add(name, "b", others)
    ground.make()
    ground.do("node1", "attach", "open", "start")
    ground.save("runs")
    return ground


GROUNDS: dict[str, Callable[[Path], Ground]] = {
    "two nodes": partial(of_nodes, 2),
    "three nodes": partial(of_nodes, 3),
    "upgrade": upgrade,
    "elsewhere": elsewhere,
    "moving": moving,
    "twins": twins,
    "namesakes": namesakes,
    "restored": restored,
}
