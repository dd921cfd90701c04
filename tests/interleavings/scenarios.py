"""What runs at the same time, and in which state of the volume it begins."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from tests.interleavings.baton import Fault


@dataclass(frozen=True)
class Script:
    """What one process does, one after the other. It ends with the first verb that fails.

    An action is a verb of ``verbs``, or what a guest does: "start", "stop", "move". It is done on ``node``, unless
    it names another one: "attach@node2".
    """

    node: str
    actions: tuple[str, ...]

    @property
    def nodes(self) -> set[str]:
        """Where it acts."""
        return {action.partition("@")[2] or self.node for action in self.actions}

    def with_exchanged_nodes(self) -> Script:
        """The same for node2 that this is for node1, and the other way round."""
        other = {"node1": "node2", "node2": "node1"}
        split = [action.partition("@") for action in self.actions]
        return Script(other[self.node], tuple(verb + at + other.get(node, "") for verb, at, node in split))

    def __str__(self) -> str:
        return f"{self.node}: {', '.join(self.actions)}"


@dataclass(frozen=True)
class Scenario:
    """Scripts that run at the same time, on a ground of ``grounds``, from one of its states.

    ``bound`` is the most pre-emptions, None any number. Each run has a single fault of the kinds ``faults``, if
    there are any.
    """

    ground: str
    start: str
    scripts: tuple[Script, ...]
    faults: tuple[str, ...] = ()
    bound: int | None = None

    def __str__(self) -> str:
        fault = f", one fault ({', '.join(self.faults)})" if self.faults else ""
        bound = "" if self.bound is None else f", {self.bound} pre-emptions"
        return f"{self.ground}, {self.start}: {' | '.join(map(str, self.scripts))}{fault}{bound}"


PAIRED = (
    *("create", "attach", "detach", "remove", "grow", "snapshot"),
    *("setinfo", "open", "share", "close", "pre-move", "post-remove"),
)
TWO = "two nodes"
STATES = ("none", "stopped", "runs", "both", "fenced")
_ALIKE = ("none", "stopped")  # to both nodes
FAULTS = ("crash", "lost", "late")


def verbs_of(verb: str) -> tuple[str, ...]:
    """A verb, and the guest that Ganeti starts after an exclusive open."""
    return (verb, "start") if verb == "open" else (verb,)


def pair(start: str, one: str, other: str, *, faults: tuple[str, ...] = (), bound: int | None = None) -> Scenario:
    """A verb on each of two nodes."""
    scripts = (Script("node1", verbs_of(one)), Script("node2", verbs_of(other)))
    return Scenario(TWO, start, scripts, faults, bound)


def pairs(start: str) -> Iterator[tuple[str, str]]:
    """The pairs of verbs in a state: each once if both nodes are alike in it, else for each node."""
    if start in _ALIKE:
        return itertools.combinations_with_replacement(PAIRED, 2)
    return itertools.product(PAIRED, PAIRED)


# Ganeti's sequences, as jobs that may break off at any step.
ATTACH = ("attach", "open")
MIGRATE = (
    *("attach@node2", "close@node2", "attach@node1", "share@node1", "attach@node2", "share@node2", "move@node2"),
    *("attach@node1", "close@node1", "attach@node2", "open@node2", "attach@node1", "detach@node1"),
)
ABORTED = (
    *("attach@node2", "close@node2", "attach@node1", "share@node1", "attach@node2", "share@node2"),
    *("attach@node2", "close@node2", "attach@node2", "detach@node2", "attach@node1", "open@node1"),
)
EXPORT = ("attach", "snapshot", "attach", "open", "attach snapshot", "detach snapshot", "remove snapshot")
JOBS: dict[str, tuple[str, Script]] = {
    "add": ("none", Script("node1", ("create", "attach", "open", "setinfo", *ATTACH, *ATTACH, "start"))),
    "start": ("stopped", Script("node1", (*ATTACH, *ATTACH, "start"))),
    "stop": ("runs", Script("node1", ("stop", "attach", "detach"))),
    "migrate": ("runs", Script("node1", MIGRATE)),
    "aborted migrate": ("runs", Script("node1", ABORTED)),
    "cleanup of a migrate": (
        "both",
        Script("node1", ("attach@node2", "close@node2", "attach@node1", "open@node1")),
    ),
    "failover": (
        "runs",
        Script("node2", ("stop@node1", "close@node1", "detach@node1", *ATTACH, *ATTACH, "start")),
    ),
    "failover from a dead node": ("runs", Script("node2", (*ATTACH, *ATTACH, "start"))),
    "remove": ("runs", Script("node1", ("stop", "attach", "detach", "remove", "post-remove"))),
    "remove of what is left elsewhere": ("both", Script("node1", ("stop", "detach", "remove", "cleanup@node2"))),
    "export": ("runs", Script("node1", EXPORT)),
    "grow": ("both", Script("node1", ("attach", "open", "attach", "grow", "attach"))),
}


def _both(ground: str, start: str, one: str, other: str, *actions: str, bound: int | None = None) -> Scenario:
    return Scenario(ground, start, (Script(one, actions), Script(other, actions)), bound=bound)


START = (*ATTACH, "start")
GROUNDED = (
    _both("twins", "stopped", "node1", "node2", *START, bound=1),
    _both("twins", "no groups", "node1", "node2", *START, bound=1),
    Scenario(
        "twins",
        "runs",
        (Script("node3", (*START, "stop", "detach", "attach@node2", "open@node2", "start@node2")),),
    ),
    _both("namesakes", "no groups", "node1", "node1-too", *START, bound=1),
    *(
        Scenario("restored", "runs", (Script("b1", verbs), Script("node1", ("attach", "open"))))
        for verbs in (START, ("pre-move",), ("remove",), ("post-remove",))
    ),
    Scenario("elsewhere", "runs", (Script("node1", ("stop", "attach", "detach")), Script("node2", START))),
    Scenario("elsewhere", "stopped", (Script("node1", ("remove",)), Script("node2", ("attach",)))),
    _both("moving", "stopped", "node1", "node2", "open", "start", bound=1),
    Scenario("moving", "stopped", (Script("node1", ("open", "start")), Script("node2", ("attach",))), bound=1),
)
# node2 has an earlier version.
UPGRADE = "upgrade"


def upgraded(start: str) -> list[Scenario]:
    """All pairs: in the state "runs" the volume is node1's, in "runs there" node2's."""
    return [
        Scenario(UPGRADE, start, (Script("node1", verbs_of(one)), Script("node2", verbs_of(other))))
        for one, other in itertools.product(PAIRED, PAIRED)
    ]


UPGRADED_JOBS = tuple(
    scenario
    for start, script in JOBS.values()
    for scenario in (
        Scenario(UPGRADE, start, (script,), FAULTS),
        Scenario(UPGRADE, f"{start} there", (script.with_exchanged_nodes(),), FAULTS),
    )
)
# Two processes of one node.
SAME_NODE = tuple(
    Scenario(TWO, start, (Script("node1", verbs_of(one)), Script("node1", verbs_of(other))))
    for start, one, other in (
        ("stopped", "attach", "attach"),
        ("stopped", "attach", "detach"),
        ("stopped", "open", "detach"),
        ("runs", "attach", "attach"),
        ("both", "close", "open"),
    )
)
THREE = tuple(
    Scenario(
        "three nodes", start, tuple(Script(f"node{n + 1}", verbs_of(v)) for n, v in enumerate(verbs)), bound=2
    )
    for start, verbs in (
        ("stopped", ("attach", "attach", "open")),
        ("stopped", ("open", "open", "open")),
        ("runs", ("detach", "open", "open")),
        ("runs", ("attach", "open", "remove")),
        ("both", ("open", "open", "attach")),
        ("both", ("close", "open", "pre-move")),
    )
)


# A map request that the filer carries out only after another node has taken the LUN: the node that was fenced may
# see the LUN again. Its paths are at the id of a later request, and so see nothing until something scans the node.
LATE_MAP = Scenario(
    TWO,
    "stopped",
    (Script("node1", verbs_of("open")), Script("node2", verbs_of("open"))),
    ("late map",),
    bound=1,
)


def by_default() -> list[Scenario]:
    """All pairs without a fault, also where one node has an earlier version; with one fault where both nodes have
    the device.
    """
    return [
        *(pair(start, *verbs) for start in STATES for verbs in pairs(start)),
        *GROUNDED,
        *upgraded("runs there"),
        *(pair("both", *verbs, faults=FAULTS, bound=2) for verbs in pairs("both")),
        LATE_MAP,
    ]


def by_name() -> list[Scenario]:
    """The rest: a fault in the other states, Ganeti's jobs, one node, three nodes."""
    return [
        *(Scenario(TWO, start, (script,), FAULTS) for start, script in JOBS.values()),
        *upgraded("runs"),
        *UPGRADED_JOBS,
        *SAME_NODE,
        *THREE,
        *(pair("runs", *verbs, faults=FAULTS, bound=2) for verbs in pairs("runs")),
        *(pair("fenced", *verbs, faults=FAULTS, bound=2) for verbs in pairs("fenced")),
        *(pair("none", *verbs, faults=FAULTS, bound=1) for verbs in pairs("none")),
        *(pair("stopped", *verbs, faults=FAULTS, bound=1) for verbs in pairs("stopped")),
    ]


def faults_of(scenario: Scenario, who: int, kind: str, nth: int) -> list[Fault | None]:
    """This fault for the script with this number."""
    return [Fault(kind, nth) if number == who else None for number in range(len(scenario.scripts))]
