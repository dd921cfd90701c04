"""The simulator as a child process, for tests and demonstrations."""

from __future__ import annotations

import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.simulator import requestlog
from tests.simulator.control import Control
from tests.simulator.requestlog import Logged

REPOSITORY = Path(__file__).resolve().parents[2]
START_SECONDS = 300  # an emulated machine on a busy one takes its time
STOP_SECONDS = 10


class Simulator:
    """A running simulator: ``with Simulator(tmp_path) as filer: ... filer.port, filer.ca ...``.

    ``options`` are further command line options; ``enter`` is a command that starts it elsewhere, such as in
    another namespace.  The child ends with this process, however this one ends: it reads a pipe from us and stops
    at its end.
    """

    def __init__(
        self, state: Path, *options: str, port: int = 0, address: str = "127.0.0.1", enter: Sequence[str] = ()
    ) -> None:
        self.state = state
        self.ca = state / "ca.pem"
        self.client_certificate = state / "client.pem"
        self.client_key = state / "client-key.pem"
        self.control = Control(state)
        self.ready_line = ""
        self.port = port
        self._address = address
        self._enter = enter
        self._options = options
        self._child: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """The child's process id."""
        if self._child is None:
            raise RuntimeError("the simulator is not running")
        return self._child.pid

    def start(self) -> None:
        """Start the child and wait for its ready line; on a restart it listens on the same port again."""
        command = [*self._enter, sys.executable, "-m", "tests.simulator", "--lifeline", "--state", str(self.state)]
        self._child = subprocess.Popen(  # noqa: S603 - this very interpreter, no shell
            [*command, "--listen", f"{self._address}:{self.port}", *self._options],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who then stop it in good order
        )
        self.ready_line = self._first_line(self._child)
        self.port = int(self.ready_line.split()[1].rpartition(":")[2])

    def _first_line(self, child: subprocess.Popen[str]) -> str:
        if child.stdout is None:
            raise AssertionError("stdout is a pipe")
        deadline = time.monotonic() + START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            ready = selector.select(deadline - time.monotonic())
        line = child.stdout.readline() if ready else ""
        if not line.startswith("simulator: "):
            self.kill()
            raise RuntimeError(f"the simulator did not start within {START_SECONDS} s: {line!r}")
        return line.rstrip("\n")

    def stop(self) -> None:
        """End the child in good order."""
        if self._child is not None:
            self._child.terminate()
            self._reap()

    def kill(self) -> None:
        """End the child as a power failure would."""
        if self._child is not None:
            self._child.kill()
            self._reap()

    def _reap(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

    def restart(self) -> None:
        """Kill the child and start it again over the same state, on the same port."""
        self.kill()
        self.start()

    def requests(self) -> list[Logged]:
        """Every request so far, refused logins included."""
        return requestlog.read(self.state)

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
