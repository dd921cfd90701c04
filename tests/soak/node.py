"""A node of the fleet, and the process of a verb on it."""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import stat
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple, NoReturn

from dataontap.client.rest.api import RestServer
from dataontap.client.rest.client import RestClient
from dataontap.client.rest.recent import Recent
from dataontap.client.retry import Patience
from dataontap.client.transport import Filer, Transport
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.ganeti.environ import REQUESTS, read
from dataontap.ganeti.script import Process, attempt
from dataontap.host.multipath import Multipath
from dataontap.host.node import Node
from dataontap.host.sysfs import Kernel, Sysfs
from dataontap.host.udev import Names
from dataontap.state.cache import Cache
from dataontap.state.locks import Locks
from dataontap.state.records import Records
from dataontap.volume.checks import Checks
from dataontap.volume.devices import Devices
from dataontap.volume.igroups import Igroups
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.reporting import Reporting
from dataontap.volume.requests import Disk
from dataontap.volume.site import Site
from tests.simulator.process import Simulator
from tests.unit.stage import NoTarget, NoWaiting, StageCluster, no_programs

CLUSTER = "cluster.example"
PASSWORD = "secret"
_TIMEOUT = 60
_MAJOR = 511  # of no driver: the devices are names only
Told = Mapping[str, int]


class Ended(NamedTuple):
    """How a verb's process ended, and the warnings that it logged."""

    status: int
    stdout: str
    stderr: str
    warnings: list[str]


class Warnings(logging.Handler):
    """Collects the text of warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``."""
        self.found.append(record.getMessage())


class FleetMemory:
    """What a node caches of the filer, in its own /run."""

    def __init__(self, directory: str) -> None:
        self._cache = partial(Cache, directory=directory)

    def svm(self) -> Cache:
        """See ``FilerCaches``."""
        return self._cache("svm")

    def noted_svm(self) -> Cache:
        """See ``FilerCaches``."""
        return self._cache("noted-svm")

    def kind(self) -> Cache:
        """See ``FilerCaches``."""
        return self._cache("kind")

    def igroup_uuid(self, name: str) -> Cache:
        """See ``FilerCaches``."""
        return self._cache("igroup-uuid", name)


class FleetNode:
    """A node called ``name``, one of ``names``, with its files below ``directory``."""

    def __init__(self, directory: Path, name: str, names: Sequence[str], simulator: Simulator) -> None:
        self.name = name
        self.cluster = StageCluster(CLUSTER, name, frozenset(names))
        self._root = directory / name
        self.run = str(self._root / "run")
        self._devices = self._root / "disk"
        self._simulator = simulator
        self._devices.mkdir(parents=True)
        self.config = self._root / "conf"
        self.config.touch(mode=0o600)
        self.config.write_text(self._configuration())

    def _configuration(self) -> str:
        options = {
            "HOSTNAME": "127.0.0.1",
            "PORT": self._simulator.port,
            "CA_FILE": str(self._simulator.ca),
            "LOGIN": "admin",
            "PASSWORD": PASSWORD,
            "CLUSTER_MODE_VSERVER": "svm1",
            "POOL": "vol1",
            "IGROUP": "g-{node}",
            "TIMEOUT": _TIMEOUT,
            "LUN_DEVICE_PATH_FORMAT": f"{self._devices}/{{name}}",
            "ISCSI_ATTACH_COMMANDS": (("scan",),),
            "ISCSI_DETACH_COMMANDS": (("drop", "{name}"),),
        }
        return "".join(f"{name} = {value!r}\n" for name, value in options.items())

    @property
    def group(self) -> str:
        """The node's own igroup."""
        return f"g-{self.name}"

    @property
    def devices(self) -> set[str]:
        """The names of the devices that are here."""
        return {file.name for file in self._devices.iterdir() if not file.name.endswith(".size")}

    def reboot(self) -> None:
        """No device, and an empty /run."""
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self._devices)
        self._devices.mkdir()

    # In the verb's process

    def perform(self, verb: str, environ: Mapping[str, str], mapped: Callable[[], Told]) -> Ended:
        """Run a verb as its script does. ``mapped`` tells which LUNs the filer shows to this node."""
        stdout, stderr, warnings = io.StringIO(), io.StringIO(), Warnings()
        logging.getLogger("dataontap").addHandler(warnings)
        process = Process([], environ, stdout, stderr, str(self.config))

        def act(request: Disk, settings: Settings) -> str | None:
            provider = DataOnTapProvider(self._site(settings, environ, mapped))
            answer: str | None = getattr(provider, verb)(request)
            return answer

        status = attempt(verb, environ["VOL_NAME"], process, lambda: read(REQUESTS[verb], environ), act)
        return Ended(status, stdout.getvalue(), stderr.getvalue(), warnings.found)

    def _site(self, settings: Settings, environ: Mapping[str, str], mapped: Callable[[], Told]) -> Site:
        deadline = Deadline(settings.timeout)
        transport = Transport(self._address(settings), deadline)
        patience = Patience(deadline)
        array = RestClient(RestServer(transport, patience), FleetMemory(self.run), "svm1", Recent())
        locks = Locks(deadline, directory=self.run)
        igroups = Igroups(
            settings,
            self.cluster,
            lambda: array,
            initiators=lambda: [f"iqn.1993-08.org.debian:01:{self.name}"],
            memory=lambda group: Cache("igroup", group, directory=self.run),
        )
        devices = Devices(settings, self._host(deadline), NoTarget(), locks, partial(self._program, mapped))
        records = Records(environ, directory=self.run, config_file=str(self.config))
        return Site(
            settings,
            self.cluster,
            deadline,
            lambda: array,
            devices,
            igroups,
            Reporting(lambda: array, partial(Cache, "reporting", directory=self.run)),
            locks,
            records,
            lambda: Checks({}, {}),
        )

    def _address(self, settings: Settings) -> Filer:
        return Filer(
            settings.hostname,
            settings.port,
            ca_file=settings.ca_file,
            login=settings.login,
            password=settings.password,
        )

    def _program(self, mapped: Callable[[], Told], *argv: str, timeout: float) -> str:
        """The configured commands: see what the filer shows, or drop a device."""
        if argv[0] == "drop":
            self._drop(argv[1])
            return ""
        told = mapped()
        for name in self.devices - set(told):
            self._drop(name)
        for name, size in told.items():
            (self._devices / f"{name}.size").write_text(str(size))
            with suppress(FileExistsError):
                number = os.makedev(_MAJOR, hash(name) & 0xFFFFF)
                os.mknod(self._devices / name, stat.S_IFBLK | 0o600, number)
        return ""

    def _drop(self, name: str) -> None:
        for file in (name, f"{name}.size"):
            (self._devices / file).unlink(missing_ok=True)

    def _host(self, deadline: Deadline) -> Node:
        folder = self._devices

        class NamedDevices(Node):
            """A node whose devices are names."""

            def find_device(self, path_format: str, *, hostname: str, pool: str, name: str) -> str | None:
                return str(folder / name) if (folder / name).exists() else None

            def size(self, device: str) -> int:
                return int(Path(f"{device}.size").read_text())

            def holders(self, device: str) -> list[str]:
                return []

            def claims(self, device: str) -> list[str]:
                return []

        sys = str(self._root / "sys")
        multipath = Multipath(no_programs, deadline)
        return NamedDevices(
            Sysfs(sys), Kernel(sys), multipath, Names(f"{self.run}/udev"), deadline, events=NoWaiting
        )


def become(
    node: FleetNode,
    verb: str,
    environ: Mapping[str, str],
    pipes: tuple[int, int],
    others: Collection[int],
) -> NoReturn:
    """Run a verb in this process, which ends with it.

    ``pipes`` lead to the fleet and back; those of ``others`` are closed.
    """
    status = 70
    try:
        for other in others:
            os.close(other)
        with os.fdopen(pipes[0], "w") as asks, os.fdopen(pipes[1]) as told:

            def mapped() -> Told:
                print(json.dumps(["scan"]), file=asks, flush=True)
                found: Told = json.loads(told.readline())
                return found

            ended = node.perform(verb, environ, mapped)
            print(json.dumps(ended), file=asks, flush=True)
            status = 0
    finally:
        os._exit(status)
