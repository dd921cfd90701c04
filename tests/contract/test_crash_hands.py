"""Our own hands are killed at each of their steps, on a node made of files; then the next attach or detach comes.

Steps are the programs of multipath, the file with the LUN's name for udev, and the children that query, scan and
delete paths. Such a child goes on without its parent.
"""

from __future__ import annotations

import os
import signal
import tempfile
from functools import partial
from pathlib import Path
from typing import Callable

import pytest

from dataontap.host.lun import Wanted
from tests.sweep.run import numbered
from tests.testbed.crash import AFTER, BEFORE, Watch
from tests.testbed.node import soon
from tests.unit.sysfs import NEXUSES, FakeNode

SIZE = 64 << 20
NAA, OTHER = "600a0980383054723324526c68717745", "600a0980383054723324526c68717746"
OTHERS = ["dm-0", "sdc6", "sdd6"]
Work = Callable[["Mortal"], object]


class Mortal(FakeNode):
    """Its multipath tools tell ``step`` before and after they act, and keep the WWIDs that may have maps."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.step: Callable[[str], None] = lambda label: None
        self._wwids = directory / "wwids"
        self._wwids.touch()

    def run(self, *argv: str, timeout: float) -> str:
        program = " ".join(argv[:2])
        self.step(f"run {program}")
        answer = super().run(*argv, timeout=timeout)
        others = [line for line in self.wwids if line != f"/{argv[-1]}/"]
        if argv[:2] == ("multipath", "-a"):
            self._wwids.write_text("\n".join([*others, f"/{argv[-1]}/"]))
        elif argv[:2] == ("multipath", "-w"):
            self._wwids.write_text("\n".join(others))
        self.step(f"ran {program}")
        return answer

    @property
    def wwids(self) -> list[str]:
        """The lines of /etc/multipath/wwids."""
        return self._wwids.read_text().splitlines()

    @property
    def names(self) -> list[str]:
        """The files that udev reads."""
        return sorted(file.name for file in (self.directory / "udev").glob("[!.]*"))


def come(node: Mortal, naa: str = NAA, lun: int = 5) -> str:
    """As attach does."""
    wanted = Wanted((naa,), SIZE, f"{node.dev}/disk/filer/vol1/{lun}")
    node.bring_up.scan(wanted, [lun], NEXUSES)
    return node.bring_up.settle(wanted)


def go(node: Mortal) -> None:
    """As detach does."""
    node.teardown.take_down([NAA])


def new(directory: Path, *first: Work) -> Mortal:
    """A node with another LUN on it, after these works."""
    node = Mortal(directory)
    node.show(5, NAA, SIZE)
    node.show(6, OTHER, SIZE)
    come(node, OTHER, 6)
    for work in first:
        work(node)
    return node


def killed(node: Mortal, work: Work, *wanted: object) -> tuple[int, list[str]]:
    """Work in a child that is killed at a point; its exit status, and the points it passed."""
    with tempfile.TemporaryFile() as points:
        child = os.fork()
        if child == 0:
            try:
                os.setsid()
                watch = Watch(
                    points.fileno(),
                    wanted or None,  # type: ignore[arg-type]
                    {str(node.directory / "udev"): "udev/"},
                )
                node.step = watch.step
                watch.begin()
                work(node)
                watch.end()
                os._exit(0)
            finally:
                os._exit(1)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert soon(partial(_is_over, child)), "its children do not end"
        points.seek(0)
        return status, points.read().decode().splitlines()


def _is_over(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def came(node: Mortal) -> bool:
    """Whether both LUNs are here, and each has its name."""
    assert come(node) == f"{node.dev}/disk/filer/vol1/5"
    assert come(node, OTHER, 6) == f"{node.dev}/disk/filer/vol1/6"
    devices = ["dm-0", "dm-1", "sdc5", "sdc6", "sdd5", "sdd6"]
    return (node.devices(), node.names) == (devices, [f"mpath-3{NAA}", f"mpath-3{OTHER}"])


def went(node: Mortal) -> bool:
    """Whether the LUN is gone with all that was made for it, and the other one is here."""
    go(node)
    assert come(node, OTHER, 6) == f"{node.dev}/disk/filer/vol1/6"
    return (node.devices(), node.names, node.wwids) == (OTHERS, [f"mpath-3{OTHER}"], [f"/3{OTHER}/"])


@pytest.mark.parametrize("then", [came, went])
@pytest.mark.parametrize(("first", "work"), [((), come), ((come,), go)], ids=["attach", "detach"])
def test_what_was_begun_is_finished_or_undone(
    tmp_path: Path, first: tuple[Work, ...], work: Work, then: Callable[[Mortal], bool]
) -> None:
    status, points = killed(new(tmp_path / "whole", *first), work)
    assert status == 0
    assert {"fork", "run multipath -a" if work is come else "run multipath -f"} <= {*points}
    crashes = [
        (label, nth, moment)
        for label, nth in numbered(points)
        for moment in ((BEFORE,) if label.startswith(("run ", "ran ", "end")) else (BEFORE, AFTER))
    ]
    for number, crash in enumerate(crashes):
        node = new(tmp_path / str(number), *first)
        assert killed(node, work, *crash)[0] == -signal.SIGKILL, crash
        assert then(node), (crash, node.devices(), node.names, node.wwids)
