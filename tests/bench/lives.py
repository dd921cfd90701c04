"""The measurements: a volume's life, verb by verb, once to count and several times to time."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field

from dataontap import paths
from tests.bench.figures import Counts, Times
from tests.bench.relay import Relay
from tests.bench.timing import Pair, Stopwatch
from tests.simulator.process import Simulator

PRESENT = "attach (present)"
APIS = ("zapi", "rest")
LIVES = 3  # of each API; with the counting, about a minute
PRESENT_PAIRS = 30


@dataclass(frozen=True)
class Step:
    """A row of the table: a script and the variables that are its own."""

    row: str
    verb: str
    variables: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ".ext.disk0"


SIZE = {"VOL_SIZE": "64"}
FIRST = Step("create (first on a node)", "create", SIZE, ".ext.disk1")
LIFE = (
    FIRST,
    Step("create", "create", SIZE),
    Step("attach (absent)", "attach"),
    Step(PRESENT, "attach"),
    Step("open", "open", {"VOL_OPEN_EXCLUSIVE": "True"}),
    Step("setinfo", "setinfo", {"VOL_METADATA": "originstname+inst1.example"}),
    Step("grow", "grow", {**SIZE, "VOL_NEW_SIZE": "128"}),
    Step("snapshot", "snapshot", {"VOL_SNAPSHOT_NAME": "{name}.snap", "VOL_SNAPSHOT_SIZE": "128"}),
    Step("close", "close"),
    Step("detach", "detach"),
    Step("remove", "remove"),
)


class Volumes:
    """New volumes, whose names all have the same length, that bytes may be compared."""

    def __init__(self) -> None:
        self._number = 0

    def new(self) -> str:
        """A name as Ganeti makes them, without its suffix."""
        self._number += 1
        return f"6b59051c-cb68-467a-a4aa-{self._number:012x}"


def variables(step: Step, volume: str) -> dict[str, str]:
    """What Ganeti sets for a step of a volume's life."""
    name = volume + step.suffix
    always = {"VOL_NAME": name, "VOL_UUID": volume, "EXTP_PROVIDER": "dataontap", "EXTP_ACCESS": "kernelspace"}
    return {**always, **{key: value.format(name=name) for key, value in step.variables.items()}}


def named(api: str, row: str) -> str:
    """A row of one of the APIs."""
    return f"{api}: {row}"


def forget_filer(stopwatch: Stopwatch) -> None:
    """Make the node one that has not yet asked the filer for its version, and for its kind."""
    for cache in ("version", "kind"):
        shutil.rmtree(stopwatch.node.path(f"{paths.RUN}/{cache}"), ignore_errors=True)


def count(stopwatch: Stopwatch, volumes: Volumes, simulator: Simulator, relay: Relay) -> dict[str, Counts]:
    """One life over each API on a node whose filer is the relay; these figures hardly change, so once will do."""
    counts = {}
    for api in APIS:
        stopwatch.node.configure(**stopwatch.options, API=api)
        forget_filer(stopwatch)
        volume = volumes.new()
        for step in LIFE:
            before = len(simulator.requests())
            stopwatch.script(step.verb, variables(step, volume))
            traffic = relay.take()
            requests = len(simulator.requests()) - before
            counts[named(api, step.row)] = Counts(requests, traffic.connections, traffic.sent, traffic.received)
    return counts


def time(stopwatches: Mapping[str, Stopwatch], volumes: Volumes, lives: int = LIVES) -> dict[str, Times]:
    """Several lives, each verb over one API after the other, in pairs with a bare interpreter.

    The attach that matters most comes more often.
    """
    pairs: dict[str, list[Pair]] = {named(api, step.row): [] for api in APIS for step in LIFE}
    for life in range(lives):
        volume = volumes.new()
        for stopwatch in stopwatches.values():
            forget_filer(stopwatch)
        for step in LIFE:
            times = 1 if step.row != PRESENT else max(1, PRESENT_PAIRS // lives + (life < PRESENT_PAIRS % lives))
            for _ in range(times):
                for api, stopwatch in stopwatches.items():
                    pairs[named(api, step.row)].append(stopwatch.pair(step.verb, variables(step, volume)))
    return {row: Times.of(measured) for row, measured in pairs.items()}
