"""One node: a namespace with its own configuration, logs, /run and view of devices, and Ganeti's code in it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Callable, ClassVar, Protocol

from tests.simulator.process import Simulator
from tests.testbed.product import PACKAGED, PATH, PYTHON, ROOT, Product
from tests.testbed.starter import starter

FABRIC = ROOT / "tests/simulator/fabric.py"
CONFIG = "/etc/ganeti/extstorage-dataontap.conf"
LINKS = "/run/disk"  # the node's /run is its own, and so are its device links
MOUNT_POINT = Path("/var/lib/ganeti-extstorage-dataontap")
# The nodes of the cluster that each node of the test-bed is in.
CLUSTER = ("node1", "node2", "node3", "primary", "target", "node1.example", "node2.example", "node3.example")


@contextlib.contextmanager
def no_mount_point_left() -> Iterator[None]:
    """Remove the directory that nodes mount their notes on, unless it was there before."""
    was_there = MOUNT_POINT.exists()
    try:
        yield
    finally:
        if not was_there:
            with contextlib.suppress(OSError):  # no node was started, or the package was installed meanwhile
                MOUNT_POINT.rmdir()


class GanetiError(Exception):
    """Ganeti's own error for a call, with the last lines of the script's output in it."""


@dataclass(frozen=True)
class Outcome:
    """How a script ended."""

    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def message(self) -> str:
        """The last line of standard error: *the* message."""
        lines = self.stderr.strip().splitlines()
        return lines[-1] if lines else ""


class Node:
    """A node called ``name``, set up for ``simulator``; use it as a context manager.

    ``options`` are further configuration options, as Python values. ``api`` is API for nodes without that option,
    and API=None leaves the option out of the file, for versions that do not know it.
    """

    api: ClassVar[str] = "rest"

    def __init__(
        self, directory: Path, name: str, product: Product, simulator: Simulator, **options: object
    ) -> None:
        self.name = name
        self.directory = directory
        self._product = product
        self._simulator = simulator
        self._options = options
        self._holder: subprocess.Popen[str] | None = None
        self._calls: subprocess.Popen[str] | None = None

    def __enter__(self) -> Node:
        for part in ("etc-ganeti", "lib-ganeti", "log/ganeti/extstorage", "state"):
            (self.directory / part).mkdir(parents=True)
        (self.directory / "lib-ganeti/ssconf_cluster_name").write_text("cluster.example\n")
        (self.directory / "lib-ganeti/ssconf_node_list").write_text("\n".join({*CLUSTER, self.name}))
        self.configure(**self._options)
        setup = ROOT / "tests/testbed/namespace.sh"
        unshare = ["unshare", "--mount", "--uts", "--propagation", "private"]
        self._holder = subprocess.Popen(
            [*unshare, str(setup), self.name, str(self.directory), *self.fabric_command("clear")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who then take the node down in good order
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise RuntimeError(f"node {self.name} did not come up")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in (self._calls, self._holder):
            if child is not None:
                child.communicate()
        if self._holder is not None and self._holder.returncode != 0:
            raise RuntimeError(f"node {self.name} was not taken down")

    def defaults(self) -> dict[str, object]:
        """The options of a node of the test-bed: fixed group, and the fabric as attach and detach commands."""
        return {
            "API": self.api,
            "HOSTNAME": "127.0.0.1",
            "PORT": self._simulator.port,
            "CA_FILE": str(self._simulator.ca),
            "LOGIN": "admin",
            "PASSWORD": "secret",
            "CLUSTER_MODE_VSERVER": "svm1",
            "POOL": "vol1",
            "IGROUP": "ganeti",
            "TIMEOUT": 30,
            "LUN_DEVICE_PATH_FORMAT": LINKS + "/{hostname}/{pool}/{name}",
            "ISCSI_ATTACH_COMMANDS": (self.fabric_command("attach"),),
            "ISCSI_DETACH_COMMANDS": ((*self.fabric_command("detach"), "--volume", "{name}"),),
        }

    def configure(self, **options: object) -> None:
        """Write the configuration file: the defaults, overridden by ``options``."""
        settings = {**self.defaults(), **options}
        lines = [f"{name} = {value!r}\n" for name, value in settings.items() if (name, value) != ("API", None)]
        file = self.directory / "etc-ganeti/extstorage-dataontap.conf"
        file.touch(mode=0o600)
        file.write_text("".join(lines))

    @property
    def pid(self) -> int:
        """A process that is in the node's namespaces."""
        assert self._holder is not None
        return self._holder.pid

    def run(self, *argv: str, environ: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start a program in the node's namespace, with ``environ`` and nothing else in its environment."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--wd=/", "--"]
        environment = {"PATH": PATH, **(environ or {})}
        return subprocess.Popen([*enter, *argv], env=environment, text=True, start_new_session=True, **options)

    def install_for_all(self, product: Product) -> None:
        """Let the node's Python find the product by itself: what runs by way of ssh gets no variables of ours."""
        if product == PACKAGED:
            return
        command = [PYTHON, "-c", "import site; print(site.getsitepackages()[0])"]
        packages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        assert self.run("mount", "--bind", str(product.library), packages).wait() == 0

    def fabric(self, verb: str, *arguments: str) -> None:
        """Run the fabric on this node: attach, detach or clear."""
        if self.run(*self.fabric_command(verb), *arguments).wait() != 0:
            raise RuntimeError(f"fabric {verb} failed on {self.name}")

    def script(self, verb: str, *arguments: str, **variables: str) -> Outcome:
        """Run one of the provider's scripts as Ganeti would, with these variables.

        Python is running already, unless another script is on its way; ``start_script`` and ``shell`` always start
        it, as Ganeti's own calls do.
        """
        if self._product != PACKAGED:
            program = {"program": str(self._product.scripts / verb), "arguments": arguments, "node": self.pid}
            answer = starter(self._product).ask_if_idle({**program, "environ": self._environ(variables)})
            if answer is not None:
                return Outcome(answer["status"], answer["stdout"], answer["stderr"], answer["seconds"])
        began = time.monotonic()
        child = self.start_script(verb, *arguments, **variables)
        stdout, stderr = child.communicate()
        return Outcome(child.returncode, stdout, stderr, time.monotonic() - began)

    def _environ(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {"PATH": PATH, "PYTHONPATH": str(self._product.library), "LC_ALL": "C", **variables}

    def shell(self, command: str, verb: str, **variables: str) -> Outcome:
        """Let a shell ``command`` start one of the scripts, which it finds as $0."""
        child = self.run(
            "sh",
            "-c",
            command,
            str(self._product.scripts / verb),
            environ=self._environ(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        began = time.monotonic()
        stdout, stderr = child.communicate()
        return Outcome(child.returncode, stdout, stderr, time.monotonic() - began)

    def start_script(self, verb: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start one of the provider's scripts and do not wait for it."""
        return self.run(
            str(self._product.scripts / verb),
            *arguments,
            environ=self._environ(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ganeti(self, call: str, disk: Mapping[str, object], **arguments: object) -> Any:
        """Let Ganeti do ``call`` (see ganeti_calls.Calls) for ``disk``; raises GanetiError when it fails."""
        if self._calls is None:
            self._calls = self.run(
                PYTHON,
                str(ROOT / "tests/testbed/ganeti_calls.py"),
                str(self._product.extstorage),
                "/var/log/ganeti/extstorage",
                environ={"PYTHONPATH": str(self._product.library)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._calls.stdin is not None
        assert self._calls.stdout is not None
        print(json.dumps({"call": call, "disk": disk, **arguments}), file=self._calls.stdin, flush=True)
        answer = json.loads(self._calls.stdout.readline())
        if "error" in answer:
            raise GanetiError(answer["error"])
        return answer["result"]

    def path(self, device: str) -> Path:
        """A path of the node's, as the rest of the machine sees it."""
        return Path(f"/proc/{self.pid}/root{device}")

    def device(self, link: str) -> str:
        """The block device behind one of the node's links; device nodes are the same for all nodes."""
        return os.readlink(self.path(link))

    def log(self) -> str:
        """The provider's log file on this node."""
        return (self.directory / "log/ganeti-extstorage-dataontap.log").read_text(encoding="utf-8")

    def fabric_command(
        self, verb: str, *, igroup: str = "ganeti", initiator: str | None = None
    ) -> tuple[str, ...]:
        """What shows this node what the filer maps to ``igroup``, or to ``initiator``'s, or takes it away."""
        command = [PYTHON, str(FABRIC), verb, "--links", LINKS]
        if verb == "attach":
            who = ["--initiator", initiator] if initiator else ["--igroup", igroup]
            command += ["--state", str(self._simulator.state), *who]
        return tuple(command + ([] if verb == "clear" else ["--hostname", "127.0.0.1"]))


class HasDevices(Protocol):
    """Something with links that lead to block devices of this computer."""

    def device(self, link: str) -> str:
        """The block device behind a link."""


def loops(*below: str) -> list[str]:
    """What is behind this computer's loop devices, of files whose names begin so; by the kernel's account."""
    files = []
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(FileNotFoundError):  # it went while we looked
            files.append(backing.read_text(encoding="utf-8").strip())
    return [file for file in files if file.startswith(below)]


def loops_left(*below: str) -> list[str]:
    """What stays behind loop devices.

    A detached loop device that another process has open just then (a losetup that was after the same free number)
    goes when that process closes it: loop(4), LO_FLAGS_AUTOCLEAR.
    """
    soon(lambda: not loops(*below))
    return loops(*below)


def soon(look: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether this becomes true within ``seconds``."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def read(node: HasDevices, link: str, offset: int, size: int) -> bytes:
    """Bytes from one of the node's devices."""
    with open(node.device(link), "rb", buffering=0) as device:
        device.seek(offset)
        return device.read(size)


def write(node: HasDevices, link: str, offset: int, data: bytes) -> None:
    """Bytes onto one of the node's devices."""
    with open(node.device(link), "r+b", buffering=0) as device:
        device.seek(offset)
        device.write(data)


def device_size(node: HasDevices, link: str) -> int:
    """The size of one of the node's devices, in bytes."""
    with open(node.device(link), "rb") as device:
        return device.seek(0, 2)
