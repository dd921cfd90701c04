"""One crash: the state before, the verb that is killed, Ganeti's next verbs, and what is wrong with all that."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dataontap import paths
from tests.crashes.points import Crash
from tests.sweep.judge import WRONG, after_failure
from tests.sweep.lab import Lab
from tests.sweep.scenarios import SNAP, removal
from tests.sweep.trials import ENOUGH
from tests.testbed.hook_calls import NAME
from tests.testbed.node import soon

NOT_KILLED = "it was not killed: its points are not those of the clean run"
# Files that are written in their place: who reads them ignores what is not whole. All others are renamed to it.
_IN_PLACE = {"lock", "scan.lock", "new", "cloning", "closed", "portal"}


@dataclass(frozen=True)
class Verdict:
    """What became of a crash; ``problems`` is what must not be."""

    crash: Crash
    outcome: str
    problems: tuple[str, ...]


def try_out(crash: Crash, lab: Lab) -> Verdict:
    """Kill the verb, and go on as Ganeti does: at once, while programs that the verb had started still run."""
    scenario = crash.scenario
    lab.restore(NAME)
    lab.limit(ENOUGH)
    scenario.prepare(lab)
    lab.quick.watch(crash.label, crash.nth, crash.moment)
    first = scenario.run(lab)
    problems = [] if first.status == -signal.SIGKILL else [f"{NOT_KILLED} ({first.status}: {first.message})"]
    # A child that the verb has just forked closes its copies of the locks in a moment; a program never has any.
    problems += [*locked(lab, patience=20 if crash.label == "fork" else 0), *_torn(lab)]
    outcome, more = after_failure(scenario, first, lab, may_leave=True)
    lab.quick.settle()
    problems += [*more, *(() if scenario.refusal else _left_behind(lab))]
    problems += [f"{name} is not what it was" for name in lab.disturbed()]
    return Verdict(crash, WRONG if problems else outcome, tuple(problems))


def _files(lab: Lab) -> list[Path]:
    """Our files in the node's /run, without temporary ones, which the product never reads."""
    here = lab.node.path(paths.RUN).rglob("*")
    return [file for file in here if file.is_file() and not file.name.startswith(".")]


def locked(lab: Lab, patience: float) -> Iterator[str]:
    """Locks that are held although no process is left that may hold one."""
    for file in _files(lab):
        is_lock = "lock" in str(file.relative_to(lab.node.path(paths.RUN)))
        if is_lock and not soon(partial(_is_free, file), patience):
            yield f"{file.name} is locked"


def _is_free(file: Path) -> bool:
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _torn(lab: Lab) -> Iterator[str]:
    """Files that must be whole and are not."""
    for file in _files(lab):
        name = file.relative_to(lab.node.path(paths.RUN))
        if name.parts[0] not in _IN_PLACE and not file.read_bytes():
            yield f"{name} is empty"


def _left_behind(lab: Lab) -> Iterator[str]:
    """What there is when Ganeti has used and removed the clone that an export made, and then the volume."""
    for path in (*({SNAP} & lab.luns(NAME).keys()), NAME):
        outcome = removal(lab, path.rpartition("/")[2], ("attach", "open", "detach", "remove"))
        if outcome.status != 0:
            yield f"it cannot be used and removed: {outcome.message}"
    copies = [path for path, lun in lab.luns(NAME).items() if lun.comment.endswith(f":{'0' * 24}")]
    for path in lab.luns(NAME).keys() - copies:
        yield f"{path} is left"
    for file in _files(lab):
        if file.name.startswith(NAME):
            yield f"{file.relative_to(lab.node.path(paths.RUN))} is left"
