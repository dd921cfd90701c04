"""What becomes of a volume: the steps that Ganeti makes, one after the other, and what is true after each."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Callable

from tests.soak.node import CLUSTER, FleetNode

# Verbs for which Ganeti has attached the volume on the node before.
ATTACHED = frozenset({"setinfo", "open", "close", "grow", "snapshot", "detach"})
_TEXT = "originstname+"


@dataclass(frozen=True)
class Step:
    """A verb on a node. ``then`` is what is true after its success."""

    node: FleetNode
    verb: str
    name: str
    variables: dict[str, str]
    then: Callable[[], None]

    @property
    def environ(self) -> dict[str, str]:
        """What the script is told."""
        return {"VOL_NAME": self.name, **self.variables}


@dataclass
class Expected:
    """A LUN as it should be. ``groups`` is None where it does not matter."""

    size: int
    mark: str
    text: str = ""
    groups: set[str] | None = field(default_factory=set)


@dataclass
class Volume:
    """A volume's place in the fleet: its LUNs by their names, and the nodes that have devices of it."""

    number: int
    home: FleetNode
    random: Random
    luns: dict[str, Expected] = field(default_factory=dict)
    at: dict[str, set[str]] = field(default_factory=dict)  # the names of nodes, by the LUNs' names
    lost: set[tuple[str, str]] = field(default_factory=set)  # nodes rebooted since they attached the LUN
    past: deque[str] = field(default_factory=lambda: deque(maxlen=12))  # the last steps, and how they ended
    uuid: str = ""
    name: str = ""

    @property
    def is_being_made(self) -> bool:
        """Whether its creation has not ended: if a step of it fails, Ganeti removes the volume."""
        return self.name not in self.luns or not self.luns[self.name].text

    def give_up(self, node: FleetNode) -> Step:
        """What Ganeti does after a creation that failed."""
        self.luns.pop(self.name, None)
        self.at.pop(self.name, None)
        return self.step(node, "remove", _nothing)

    def step(self, node: FleetNode, verb: str, then: Callable[[], None], **variables: str) -> Step:
        """A step with the volume itself."""
        return Step(node, verb, self.name, {"VOL_UUID": self.uuid, **variables}, then)

    def renew(self) -> None:
        """Another name, for the next life."""
        self.uuid = str(uuid.UUID(int=self.random.getrandbits(128)))
        self.name = f"{self.uuid}.ext.disk0"

    def attach(self, node: FleetNode, name: str | None = None) -> Step:
        """The volume, or its snapshot, on a node."""
        which = name or self.name

        def then() -> None:
            self.at.setdefault(which, set()).add(node.name)
            groups = self.luns[which].groups
            if groups is not None:
                groups.add(node.group)

        return Step(node, "attach", which, {"VOL_UUID": self.uuid}, then)

    def detach(self, node: FleetNode, name: str | None = None) -> Step:
        """The same, the other way round."""
        which = name or self.name

        def then() -> None:
            self.at.get(which, set()).discard(node.name)
            groups = self.luns[which].groups
            if groups is not None:
                groups.discard(node.group)

        return Step(node, "detach", which, {"VOL_UUID": self.uuid}, then)

    def remove(self, node: FleetNode, name: str | None = None) -> Step:
        """The LUN is gone."""
        which = name or self.name

        def then() -> None:
            self.luns.pop(which, None)
            self.at.pop(which, None)

        return Step(node, "remove", which, {"VOL_UUID": self.uuid}, then)

    def open(self, node: FleetNode) -> Step:
        """For this node alone."""

        def then() -> None:
            self.luns[self.name].groups = {node.group}

        return self.step(node, "open", then, VOL_OPEN_EXCLUSIVE="True")

    def close(self, node: FleetNode) -> Step:
        """Nothing changes at the filer."""
        return self.step(node, "close", _nothing)

    def setinfo(self, node: FleetNode) -> Step:
        """Ganeti's text."""
        text = f"{_TEXT}inst{self.random.randrange(10**6)}"

        def then() -> None:
            self.luns[self.name].text = text

        return self.step(node, "setinfo", then, VOL_METADATA=text)

    def grow(self, node: FleetNode) -> Step:
        """By some MiB."""
        old = self.luns[self.name].size
        new = old + self.random.randrange(1, 4)

        def then() -> None:
            self.luns[self.name].size = new

        return self.step(node, "grow", then, VOL_SIZE=str(old), VOL_NEW_SIZE=str(new))

    def create(self, node: FleetNode) -> Step:
        """A new LUN."""
        size = self.random.randrange(4, 9)
        mark = f"dataontap:2:{CLUSTER}:{self.uuid}:disk:"

        def then() -> None:
            self.luns[self.name] = Expected(size, mark, groups={node.group})
            self.at[self.name] = {node.name}

        return self.step(node, "create", then, VOL_SIZE=str(size))

    def snapshot(self, node: FleetNode) -> Step:
        """A clone."""
        clone = f"{self.name}.snap"
        size = self.luns[self.name].size

        def then() -> None:
            mark = f"dataontap:2:{CLUSTER}:{self.uuid}:snap:"
            self.luns[clone] = Expected(size, mark, groups=None)

        return self.step(node, "snapshot", then, VOL_SNAPSHOT_NAME=clone, VOL_SNAPSHOT_SIZE=str(size))


def _nothing() -> None:
    pass


def life(volume: Volume, nodes: Sequence[FleetNode]) -> Iterator[Step]:
    """Lives without an end. Each step is made again until it succeeds."""
    chance = volume.random
    while True:
        here = volume.home
        volume.renew()
        yield volume.create(here)
        yield volume.attach(here)
        yield volume.open(here)
        yield volume.setinfo(here)
        for _ in range(chance.randrange(2, 12)):
            act = chance.choice(("restart", "grow", "migrate", "failover", "export", "setinfo"))
            other = chance.choice([node for node in nodes if node is not here])
            yield from _act(volume, act, here, other)
            here = other if act in {"migrate", "failover"} else here
        yield volume.attach(here)
        yield volume.detach(here)
        yield volume.remove(here)


def _act(volume: Volume, act: str, here: FleetNode, other: FleetNode) -> Iterator[Step]:
    if act == "restart":
        yield volume.close(here)
        yield volume.detach(here)
        yield volume.attach(here)
        yield volume.open(here)
    elif act == "grow":
        yield volume.grow(here)
    elif act == "setinfo":
        yield volume.setinfo(here)
    elif act == "migrate":
        yield volume.attach(other)
        yield volume.close(here)
        yield volume.open(other)
        yield volume.detach(here)
    elif act == "failover":  # the former node is cleaned up when it is back
        yield volume.attach(other)
        yield volume.open(other)
        yield volume.detach(here)
    else:
        clone = f"{volume.name}.snap"
        yield volume.snapshot(here)
        yield volume.attach(here, clone)
        yield volume.detach(here, clone)
        yield volume.remove(here, clone)
