"""The filer and the nodes of a cluster: what a process on a node works with, and the state to begin a run in."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path

from dataontap import config
from dataontap.client.array import Svm
from dataontap.client.retry import Patience
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.host.multipath import Multipath
from dataontap.host.sysfs import Nexus
from dataontap.state.cache import Cache
from dataontap.volume.checks import Checks
from dataontap.volume.devices import Devices
from dataontap.volume.igroups import Igroups
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.reporting import Reporting
from dataontap.volume.site import Site
from tests.interleavings.baton import Process
from tests.interleavings.earlier import EarlierArray
from tests.interleavings.kernel import NEXUS, ModelKernel, ModelNames, ModelNode, ModelSysfs, tools
from tests.interleavings.machine import Disk, Dm, Machine, naa_of
from tests.interleavings.records import ModelCache, ModelLocks, ModelRecords
from tests.interleavings.wire import Late, SharedArray
from tests.simulator import provision
from tests.simulator.filer import Filer
from tests.simulator.model import Key, Lun, Record
from tests.unit.clock import Clock, QuietEvents
from tests.unit.stage import StageCluster

Files = dict[str, tuple[bytes, int, bool]]


class KnownTarget:
    """This node has its session: see ``FilerTarget``."""

    is_cached = True

    def learn(self, svm: Svm) -> bool:
        return False

    def connect(self, nodes: Collection[str] = ()) -> list[Nexus]:
        return [NEXUS]

    def known(self) -> list[Nexus]:
        return [NEXUS]

    def interfaces(self) -> dict[str, str]:
        return {}

    def unreached(self, seconds: float) -> dict[str, str]:
        return {}


@dataclass(frozen=True)
class Seat:
    """A machine in a cluster, what it is called there, and the options of its configuration file."""

    machine: Machine
    node: str
    cluster: str
    nodes: tuple[str, ...]
    options: tuple[tuple[str, object], ...]
    is_earlier: bool = False  # it has an earlier version

    def settings(self) -> Settings:
        """Its configuration."""
        return _settings(str(self.machine.root), self.options)


@cache
def _settings(root: str, options: tuple[tuple[str, object], ...]) -> Settings:
    usual: dict[str, object] = {
        **{"HOSTNAME": "filer", "LOGIN": "admin", "PASSWORD": "secret", "POOL": "vol1", "IGROUP": "g-{node}"},
        **{"LUN_DEVICE_PATH_FORMAT": f"{root}/dev/{{hostname}}/{{pool}}/{{name}}", "LUN_ID_LIMIT": 200},
    }
    text = "".join(f"{name} = {value!r}\n" for name, value in {**usual, **dict(options)}.items())
    return config.parse(text, "machine").with_params({})


@dataclass(frozen=True)
class Start:
    """A state to begin in."""

    records: dict[tuple[str, Key], Record]
    machines: dict[str, tuple[dict[str, Disk], dict[str, Dm], dict[str, str], int, Files]]


@dataclass
class Place:
    """The filer, and the machines by name."""

    directory: Path
    seats: dict[str, Seat] = field(default_factory=dict)
    late: Late = field(default_factory=Late)

    def __post_init__(self) -> None:
        self.filer = Filer(self.directory / "filer", seed="interleavings", strict=True)
        for pool in ("vol1", "vol2", "vol3"):
            provision.add_volume(self.filer.state, "svm1", pool)

    def add(self, name: str, cluster: str, nodes: Sequence[str], *, node: str = "", initiator: str = "") -> None:
        """A machine that is logged in to the filer."""
        initiator = f"iqn.1993-08.org.debian:01:{initiator or name}"
        root = self.directory / name / cluster
        for folder in ("dev", "udev", "run"):
            (root / folder).mkdir(parents=True)
        self.filer.log_in("svm1", initiator)
        machine = Machine(name, root, self.filer, initiator)
        self.seats[name] = Seat(machine, node or name, cluster, tuple(nodes), ())

    def configure(self, **options: object) -> None:
        """The configuration file of all machines, from now on."""
        for name, seat in self.seats.items():
            self.seats[name] = replace(seat, options=tuple(options.items()))

    def provider(self, process: Process) -> DataOnTapProvider:
        """The product, in a process."""
        return DataOnTapProvider(self.site(process))

    def site(self, process: Process) -> Site:
        """What the product works with, in a process."""
        seat = self.seats[process.node]
        settings, machine, clock = seat.settings(), seat.machine, Clock()
        deadline = Deadline(settings.timeout, clock=clock)
        patience = Patience(deadline, clock=clock, sleep=clock.sleep)
        kind = EarlierArray if seat.is_earlier else SharedArray
        array = kind(self.filer, process, patience, self.late, f"g-{seat.node}")
        run = tools(machine, process)
        node = ModelNode(
            ModelSysfs(machine),
            ModelKernel(machine, process),
            Multipath(run, deadline, f"{machine.root}/wwids"),
            ModelNames(machine, process),
            deadline,
            events=partial(QuietEvents, clock=clock),
            machine=machine,
            process=process,
        )
        locks = ModelLocks(deadline, f"{machine.root}/run", process)
        cluster = StageCluster(seat.cluster, seat.node, frozenset({*seat.nodes}))

        def memory(kind: str, of: str) -> Cache:
            cache = ModelCache(kind, of, directory=f"{machine.root}/run")
            cache.process = process
            return cache

        return Site(
            settings,
            cluster,
            deadline,
            lambda: array,
            Devices(settings, node, KnownTarget(), locks, run),
            Igroups(settings, cluster, lambda: array, lambda: [machine.initiator], partial(memory, "igroup")),
            Reporting(lambda: array, partial(memory, "reporting")),
            locks,
            ModelRecords(machine, process, enabled=not settings.debug),
            _no_checks,
        )

    # The state

    def save(self) -> Start:
        """The present state."""
        machines = {}
        for name, seat in self.seats.items():
            one = seat.machine
            dms = {key: replace(dm) for key, dm in one.dms.items()}
            machines[name] = (dict(one.disks), dms, dict(one.recorded), one.made, _files(one.root))
        return Start({(one.kind, one.key): one for one in self.filer.state.records}, machines)

    def restore(self, start: Start) -> None:
        """Put everything back."""
        state = self.filer.state
        now = {(one.kind, one.key): one for one in state.records}
        put = [record for key, record in start.records.items() if now.get(key) is not record]
        state.commit(*put, gone=[record for key, record in now.items() if key not in start.records])
        for record in put:
            if isinstance(record, Lun) and not state.contents.path(record.uuid).exists():
                state.contents.create(record.uuid, record.size)
        for name, (disks, dms, recorded, made, files) in start.machines.items():
            one = self.seats[name].machine
            one.disks, one.recorded, one.made = dict(disks), dict(recorded), made
            one.dms = {key: replace(dm) for key, dm in dms.items()}
            _put_back(one.root, files)
        self.late = Late()

    def lun(self, path: str) -> Lun | None:
        """The LUN at a path."""
        return self.filer.luns.get(("svm1", path))

    def live(self, path: str) -> dict[str, Dm]:
        """The machines with a map of the LUN at this path that reaches it."""
        lun = self.lun(path)
        found = {name: seat.machine.dm(naa_of(lun)) for name, seat in self.seats.items()} if lun else {}
        return {name: dm for name, dm in found.items() if dm and self.seats[name].machine.is_alive(dm)}


def _no_checks() -> Checks:
    raise AssertionError("verify is not run here")


def _files(root: Path) -> Files:
    found: Files = {}
    folders = [str(root)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                state = entry.stat(follow_symlinks=False)
                content = b"" if stat.S_ISBLK(state.st_mode) or not state.st_size else _content(entry.path)
                found[entry.path] = (content, state.st_rdev, state.st_mtime == 0)
    return found


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read()


def _put_back(root: Path, files: Files) -> None:
    now = _files(root)
    for path in now.keys() - files.keys():
        os.unlink(path)
    for path, (content, number, is_old) in files.items():
        if now.get(path) == (content, number, is_old):
            continue
        if path in now:
            os.unlink(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if number:
            os.mknod(path, stat.S_IFBLK | 0o600, number)
        else:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.write(descriptor, content)
            os.close(descriptor)
        if is_old:
            os.utime(path, (0, 0))
