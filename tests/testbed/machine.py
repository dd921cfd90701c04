"""Machines with a root file system, processes and a network of their own, all of them in this kernel."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.testbed.lan import Lan
from tests.testbed.node import Outcome
from tests.testbed.product import PATH, ROOT

ENVIRONMENT = {"HOME": "/root", "PATH": PATH, "LANG": "C.UTF-8"}
REPOSITORY = "/srv/testbed/repository"
PATIENCE = 300  # seconds that a command may take


class Machine:
    """A machine called ``name`` whose root is an overlay over ``layers``, the topmost first.

    What is written to it stays in ``directory``, also while it is off. ``views`` are directories of this computer
    and where the machine sees them. Use it as a context manager, or ``start`` and ``stop`` it.
    """

    def __init__(
        self, directory: Path, name: str, layers: Sequence[Path], views: Sequence[tuple[Path, str]] = ()
    ) -> None:
        self.name = name
        self.directory = directory
        self._layers = ":".join(str(layer) for layer in layers)
        self._views = [f"{outside}:{inside}" for outside, inside in [*views, (ROOT, REPOSITORY)]]
        self._holder: subprocess.Popen[str] | None = None
        self._init = 0

    @property
    def upper(self) -> Path:
        """What has been written to the machine's root, as a layer for others."""
        return self.directory / "upper"

    @property
    def pid(self) -> int:
        """The machine's first process, as this computer counts."""
        if self._holder is None:
            raise RuntimeError(f"{self.name} is off")
        return self._init

    @property
    def is_on(self) -> bool:
        """Whether it is switched on."""
        return self._holder is not None

    def start(self) -> None:
        """Switch it on."""
        shutil.rmtree(self.directory / "work", ignore_errors=True)  # a volatile overlay is mounted once only
        for part in ("upper", "work", "root"):
            (self.directory / part).mkdir(parents=True, exist_ok=True)
        unshare = ["unshare", "--mount", "--uts", "--net", "--pid", "--fork", "--propagation", "private"]
        script = str(ROOT / "tests/testbed/machine.sh")
        holder = subprocess.Popen(
            [*unshare, script, self.name, str(self.directory), self._layers, *self._views],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who then take the machine down in good order
        )
        assert holder.stdout is not None
        if holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"machine {self.name} did not come up")
        self._init = int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text())
        self._holder = holder
        self.run("ip", "link", "set", "lo", "up")

    def plug_in(self, lan: Lan, address: str) -> None:
        """Connect it to a network, as its host name's first label."""
        lan.plug(self.name.partition(".")[0], self.pid, address)

    def stop(self) -> None:
        """Switch it off at once: its processes are killed, its devices and mounts go."""
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.communicate()
            if holder.returncode:
                raise RuntimeError(f"machine {self.name} went down with status {holder.returncode}")

    def __enter__(self) -> Machine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def popen(self, *argv: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start a program on the machine, as a login of root's would."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--net", "--pid", "--wd=/root", "--"]
        return subprocess.Popen(
            [*enter, *argv],
            env=ENVIRONMENT,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def try_run(self, *argv: str, stdin: str | None = None) -> Outcome:
        """Run a program on the machine to its end, whatever that is."""
        began = time.monotonic()
        child = self.popen(*argv, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        try:
            stdout, stderr = child.communicate(stdin, timeout=PATIENCE)
        except BaseException:
            child.kill()  # what it started goes with the machine, and may keep the pipes open until then
            child.wait()
            raise
        return Outcome(child.returncode, stdout, stderr, time.monotonic() - began)

    def run(self, *argv: str, stdin: str | None = None) -> Outcome:
        """Run a program on the machine; AssertionError with all that it said unless it succeeds."""
        outcome = self.try_run(*argv, stdin=stdin)
        said = f"{outcome.stdout}{outcome.stderr}"
        assert outcome.status == 0, f"{self.name}: {' '.join(argv)} exited {outcome.status}:\n{said}"
        return outcome

    def path(self, inside: str) -> Path:
        """A path of the machine's, as the rest of this computer sees it."""
        return Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine's."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)

    def device(self, link: str) -> str:
        """The block device behind one of the machine's links; device nodes are the same for all."""
        return os.readlink(self.path(link))
