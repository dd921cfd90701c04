"""An instance, as far as its disk is concerned: a process that writes to it."""

from __future__ import annotations

from tests.vm.machine import Machine

WRITTEN = "/tmp/written"  # noqa: S108 - in a guest that has nobody else
PERMISSION = "/tmp/may-write"  # noqa: S108


class Instance:
    """A process that has the volume open and writes to it, on the one node or the other; see tests.vm.writer.

    An ``idle`` one does not write before it is told to.
    """

    def __init__(self, node: Machine, device: str, *, idle: bool = False) -> None:
        self.node = node
        self.last = -1
        self._device = device
        self._start([PERMISSION] if idle else [])

    def _start(self, options: list[str]) -> None:
        first = str(self.last + 1)
        self.node.shell("rm -f $1", PERMISSION)
        argv = ["python3", "-m", "tests.vm.writer", self._device, first, *options]
        self.pid = self.node.spawn(*argv, output=WRITTEN)
        self.node.await_that(lambda: self.has_ended() or self._said() == "open", "the disk to be open")

    def has_ended(self) -> bool:
        """Whether there is no such process any more."""
        return self.node.status(self.pid) is not None

    def is_stuck(self) -> bool:
        """Whether it waits for its disk, out of any signal's reach."""
        return self.node.is_stuck(self.pid)

    def _said(self) -> str:
        return self.node.shell(f"tail -n 1 {WRITTEN}")

    def let_write(self) -> None:
        """An idle one may write from now on."""
        self.node.shell("touch $1", PERMISSION)

    def move(self, node: Machine) -> None:
        """Stop it here and let it go on there."""
        self.stop()
        self.node = node
        self._start([])

    def stop(self) -> None:
        """Stop it; ``last`` is what it has written."""
        self.node.run("kill", str(self.pid))
        self.node.await_that(self.has_ended, "its end")
        assert self.node.status(self.pid) == 0, self._said()
        self.last = int(self._said())
