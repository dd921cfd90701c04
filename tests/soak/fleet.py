"""Runs the lives of all volumes, some at a time, while things go wrong, and compares the filer with the model."""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import IO

from tests.load.machine import FAULTS
from tests.simulator.process import Simulator
from tests.soak.lives import ATTACHED, Step, Volume, life
from tests.soak.node import PASSWORD, Ended, FleetNode, become
from tests.soak.truth import MIB, Truth

TOGETHER = 4  # verbs at the same time
_TRIES = 12  # of a step, before it counts as stuck
_FAULT_SECONDS = 0.7
_REBOOT_SECONDS = 15.0
_LOOK_SECONDS = 30.0
_CRASHES = 0.05  # of all verbs
_CRASH_SECONDS = 0.3
# What detach and attach warn of when the filer does not answer them, although they succeed.
_UNSURE = ("may still be mapped", "but the filer cannot be asked about it")


@dataclass
class Child:
    """The process of a verb, and the pipes to it."""

    pid: int
    step: Step
    volume: Volume
    asks: IO[str]
    tells: IO[str]
    dies_at: float
    ended: Ended | None = None


class Fleet:
    """Nodes and volumes at ``simulator``. The order of a volume's steps depends on ``seed`` only."""

    def __init__(self, directory: Path, simulator: Simulator, seed: int, *, nodes: int, each: int) -> None:
        names = [f"node{number:02}.example" for number in range(1, nodes + 1)]
        self.simulator = simulator
        self.truth = Truth(simulator.state)
        self.nodes = [FleetNode(directory, name, names, simulator) for name in names]
        self.volumes = [
            Volume(number, self.nodes[number % nodes], Random(f"{seed}/{number}"))
            for number in range(nodes * each)
        ]
        self.count: Counter[str] = Counter()
        self.problems: list[str] = []
        self._random = Random(seed)
        self._lives: dict[int, Iterator[Step]] = {}
        self._next: dict[int, list[Step]] = {}  # the last is made first
        self._tries: Counter[int] = Counter()
        self._children: dict[int, Child] = {}  # by the volume's number
        self._selector = selectors.DefaultSelector()
        self._begun = 0

    def soak(self, seconds: float) -> None:
        """Let everything happen for so long, and look at the filer now and then and at the end."""
        now = time.monotonic()
        end, fault, reboot, look = now + seconds, now, now + _REBOOT_SECONDS, now + _LOOK_SECONDS
        while (now := time.monotonic()) < end and not self.problems:
            if now >= fault:
                self._arm()
                fault = now + _FAULT_SECONDS
            if now >= reboot:
                self._reboot(self._random.choice(self.nodes))
                reboot = now + _REBOOT_SECONDS
            if now >= look:
                self.settle()
                look = time.monotonic() + _LOOK_SECONDS
            while len(self._children) < TOGETHER and not self.problems:
                self._start(self._choose())
            self._wait()
        if not self.problems:
            self.settle()

    def settle(self) -> None:
        """End what has begun, without faults, and compare."""
        self.count["faults"] += sum(times for _, times in self.simulator.control.clear())
        while not self.problems:
            begun = [number for number in self._next if self._is_in_the_middle(number)]
            idle = [number for number in begun if number not in self._children]
            for number in idle[: TOGETHER - len(self._children)]:
                self._start(self.volumes[number], crashes=False)
            if not self._children:
                break
            self._wait()
        self.count["looks"] += 1
        self.compare()

    def kill_all(self) -> None:
        """End the processes of all verbs."""
        for child in list(self._children.values()):
            os.kill(child.pid, signal.SIGKILL)
        while self._children:
            self._wait()

    # What is compared

    def compare(self) -> None:
        """Add a problem for each difference between filer, nodes and model."""
        expected = {name: lun for volume in self.volumes for name, lun in volume.luns.items()}
        found = self.truth.luns()
        for name in sorted(found.keys() ^ expected.keys()):
            self.problems.append(f"{name}: {'leaked' if name in found else 'lost'}")
        for name in found.keys() & expected.keys():
            lun, wanted = found[name], expected[name]
            if lun["size"] != wanted.size * MIB:
                self.problems.append(f"{name} has {lun['size']} bytes, not {wanted.size} MiB")
            if wanted.mark not in lun["comment"] or not lun["comment"].startswith(wanted.text):
                self.problems.append(f"{name} has the comment {lun['comment']!r}")
            if wanted.groups is not None and set(lun["maps"]) != wanted.groups:
                self.problems.append(f"{name} is mapped to {sorted(lun['maps'])}, not {sorted(wanted.groups)}")
        at: dict[str, set[str]] = {}
        for volume in self.volumes:
            for name, places in volume.at.items():
                for place in places:
                    at.setdefault(place, set()).add(name)
        # Another volume's scan after a reboot brings up what is mapped; it stays until the detach that is to come.
        lost = {pair for volume in self.volumes for pair in volume.lost}
        for node in self.nodes:
            shown, wanted_here = set(self.truth.mapped_to(node.group)), at.get(node.name, set())
            missing = wanted_here & shown - node.devices
            stale = {name for name in node.devices - shown - wanted_here if (node.name, name) not in lost}
            self.problems += [f"{name} has no device on {node.name}" for name in sorted(missing)]
            self.problems += [f"{name} has a device on {node.name}" for name in sorted(stale)]

    def tell(self, problem: str) -> list[str]:
        """A problem, and the last steps with the LUN that it names."""
        past = [step for volume in self.volumes for step in volume.past]
        return [problem, *(f"  {step}" for step in past if step.split()[1] in problem)]

    # How

    def _choose(self) -> Volume:
        """A volume that waits: one that lives already, or now and then a new one."""
        begun = [self.volumes[number] for number in self._next if number not in self._children]
        if self._begun < len(self.volumes) and (not begun or self._random.random() < 0.3):
            self._begun += 1
            return self.volumes[self._begun - 1]
        return self._random.choice(begun)

    def _is_in_the_middle(self, number: int) -> bool:
        """Whether a step of the volume has failed, or it is being made."""
        return bool(self._tries[number]) or len(self._next[number]) > 1 or self.volumes[number].is_being_made

    def _step(self, volume: Volume) -> Step:
        """The volume's next step."""
        if volume.number not in self._lives:
            self._lives[volume.number] = life(volume, self.nodes)
        steps = self._next.setdefault(volume.number, [])
        if not steps:
            steps.append(next(self._lives[volume.number]))
        step = steps[-1]
        if step.verb in ATTACHED and (step.node.name, step.name) in volume.lost:
            steps.append(volume.attach(step.node, step.name))
        return steps[-1]

    def _start(self, volume: Volume, *, crashes: bool = True) -> None:
        step = self._step(volume)
        question, asking = os.pipe()
        telling, answer = os.pipe()
        pid = os.fork()
        if pid == 0:
            others = [pipe.fileno() for other in self._children.values() for pipe in (other.asks, other.tells)]
            become(step.node, step.verb, step.environ, (asking, telling), [*others, question, answer])
        os.close(asking)
        os.close(telling)
        dies_at = float("inf")
        if crashes and self._random.random() < _CRASHES:
            dies_at = time.monotonic() + self._random.uniform(0, _CRASH_SECONDS)
        child = Child(pid, step, volume, os.fdopen(question), os.fdopen(answer, "w"), dies_at)
        self._children[volume.number] = child
        self._selector.register(child.asks, selectors.EVENT_READ, child)

    def _wait(self) -> None:
        """Answer questions, take down what is to crash, and note what ended."""
        for key, _ in self._selector.select(0.05):
            self._hear(key.data)
        for child in list(self._children.values()):
            if time.monotonic() > child.dies_at:
                self._kill(child)

    def _kill(self, child: Child) -> None:
        child.dies_at = float("inf")
        self.count["crashes"] += 1
        os.kill(child.pid, signal.SIGKILL)

    def _hear(self, child: Child) -> None:
        line = child.asks.readline()
        if line.endswith("\n"):
            words = json.loads(line)
            if words == ["scan"]:
                with suppress(BrokenPipeError):  # it was killed meanwhile
                    print(json.dumps(self.truth.mapped_to(child.step.node.group)), file=child.tells, flush=True)
            else:
                child.ended = Ended(*words)
            return
        self._selector.unregister(child.asks)
        del self._children[child.volume.number]
        child.asks.close()
        with suppress(BrokenPipeError):
            child.tells.close()
        os.waitpid(child.pid, 0)
        self._note(child)

    def _note(self, child: Child) -> None:
        """What became of a step: the next one, or the same once more."""
        step, volume, ended = child.step, child.volume, child.ended
        self.count[step.verb] += 1
        if ended is not None:
            self._judge(step, ended)
        how = self._how(step, ended)
        volume.past.append(f"{step.verb} {step.name} on {step.node.name}: {how}")
        if how == "done":
            step.then()
            if step.verb == "attach":
                volume.lost.discard((step.node.name, step.name))
            self._next[volume.number].pop()
            if not self._next[volume.number]:  # else the step for which it was attached again is to come
                self._tries[volume.number] = 0
            return
        self.count[how] += 1
        self._tries[volume.number] += 1
        if self._tries[volume.number] > _TRIES:
            self.problems.append(f"{step.verb} {step.name} on {step.node.name}: stuck: {ended}")
        if volume.is_being_made:  # Ganeti removes what a failed creation may have left, and begins anew
            self._lives.pop(volume.number, None)
            self._next[volume.number] = [volume.give_up(step.node)]

    @staticmethod
    def _how(step: Step, ended: Ended | None) -> str:
        """How a verb ended; "unsure" if it says itself that the filer may know better."""
        if ended is None:
            return "killed"
        if ended.status:
            return "failed"
        return "unsure" if any(words in line for words in _UNSURE for line in ended.warnings) else "done"

    def _judge(self, step: Step, ended: Ended) -> None:
        lines = ended.stderr.splitlines()
        is_well = len(lines) == (ended.status != 0) and all(len(line) <= 200 for line in lines)
        if not is_well or PASSWORD in ended.stderr:
            self.problems.append(f"{step.verb} {step.name}: {ended.stderr}")

    def _arm(self) -> None:
        trial = self._random.choice(FAULTS)
        self.simulator.control.arm(replace(trial.fault, nth=self._random.randrange(1, 20)))
        self.count["armed"] += 1

    def _reboot(self, node: FleetNode) -> None:
        """Everything on the node ends at once, its verbs too."""
        for child in [child for child in self._children.values() if child.step.node is node]:
            self._kill(child)
        while any(child.step.node is node for child in self._children.values()):
            self._wait()
        node.reboot()
        self.count["reboots"] += 1
        for volume in self.volumes:
            for name, nodes in volume.at.items():
                if node.name in nodes:
                    nodes.discard(node.name)
                    volume.lost.add((node.name, name))
