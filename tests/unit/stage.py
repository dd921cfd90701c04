"""A provider on a stage: the filer is the simulator's object, the node's devices are names, requests go wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Callable, NoReturn

from lxml import etree

from dataontap import config
from dataontap.client.array import Array, Svm
from dataontap.client.retry import Again, Patience
from dataontap.client.zapi.api import NaElement, NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError, DeviceGone, TransportError
from dataontap.findings import Finding
from dataontap.host.iscsi_records import portal_name
from dataontap.host.lvm import Lvm
from dataontap.host.multipath import Multipath
from dataontap.host.node import Node
from dataontap.host.sysfs import Kernel, Sysfs
from dataontap.host.udev import Events, Names
from dataontap.state.cache import Cache, VersionCache
from dataontap.state.locks import Locks
from dataontap.state.records import Records
from dataontap.volume.checks import Checks
from dataontap.volume.cluster import Cluster, Templates
from dataontap.volume.devices import Devices
from dataontap.volume.filer_checks import FilerChecks, Looks
from dataontap.volume.igroups import Igroups
from dataontap.volume.node_checks import NodeChecks
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.reporting import Reporting
from dataontap.volume.site import Site
from dataontap.volume.targets import IscsiTarget, target_of
from tests.simulator import provision
from tests.simulator.filer import Filer
from tests.unit.clock import Clock
from tests.unit.healthy import HealthyNode
from tests.unit.zapi import NAMESPACE, ask

Send = Callable[[bytes], bytes]


class Wire:
    """Between client and filer: notes each call, and loses the ones it is told to."""

    def __init__(self, filer: Filer) -> None:
        self._filer = filer
        self.account = "admin"
        self.calls: list[str] = []
        self._lose: dict[str, tuple[Exception, bool, int]] = {}
        self._meanwhile: dict[str, Callable[[], object]] = {}
        self._lacks: dict[str, tuple[str, str]] = {}

    def lose(self, api: str, *, after: bool, error: Exception | None = None, times: int = 1) -> None:
        """The next ``times`` calls of ``api`` end in ``error``; ``after``: they were carried out all the same."""
        self._lose[api] = (error or TransportError("the connection to the filer failed: timed out"), after, times)

    def mend(self) -> None:
        """No call is lost any more."""
        self._lose.clear()

    def lack(self, api: str, volume: str, reason: str) -> None:
        """From now on the answers to ``api`` lack the rows of a volume, and say so if there is a ``reason``."""
        self._lacks[api] = (volume, reason)

    def meanwhile(self, api: str, action: Callable[[], object]) -> None:
        """Something happens on the filer while the next call of ``api`` is on its way."""
        self._meanwhile[api] = action

    def __call__(self, document: bytes) -> bytes:
        (call,) = NaElement.from_string(document).get_children()
        self.calls.append(call.name)
        self._meanwhile.pop(call.name, lambda: None)()
        if call.name not in self._lose:
            answer = self._filer(document, self.account)
            return without_volume(answer, *self._lacks[call.name]) if call.name in self._lacks else answer
        error, after, times = self._lose.pop(call.name)
        if times > 1:
            self._lose[call.name] = (error, after, times - 1)
        if after:
            self._filer(document, self.account)
        raise error


def without_volume(answer: bytes, volume: str, reason: str) -> bytes:
    """An iterator's answer without the rows of a volume and of what is in it, as if it could not be listed."""
    root = etree.fromstring(answer)
    (results,) = root
    space = f"{{{NAMESPACE}}}"
    (number,) = results.iter(f"{space}num-records")
    left = 0
    for rows in list(results.iter(f"{space}attributes-list")):
        for row in list(rows):
            path = row.findtext(f"{space}path") or ""
            name = row.findtext(f"{space}volume-id-attributes/{space}name")
            if path.startswith(f"/vol/{volume}/") or name == volume:
                rows.remove(row)
        left = len(rows)
        if not left:
            results.remove(rows)
    number.text = str(left)
    if not reason:
        return bytes(etree.tostring(root))
    error = etree.SubElement(etree.SubElement(results, f"{space}volume-errors"), f"{space}volume-error")
    for name, text in (("errno", "13042"), ("name", volume), ("reason", reason)):
        etree.SubElement(error, f"{space}{name}").text = text
    return bytes(etree.tostring(root))


def no_programs(*argv: str, timeout: float) -> NoReturn:
    """No test on this stage may start one."""
    raise AssertionError(argv)


class NoTarget(IscsiTarget):
    """Nor may one look for the filer's target: devices come by commands here."""

    def __init__(self) -> None:
        pass

    @property
    def is_cached(self) -> NoReturn:
        raise AssertionError

    def known(self) -> NoReturn:
        raise AssertionError


class StageTarget(NoTarget):
    """What verify finds of the interfaces: ``why`` says for each (address, port) why it is not reached, or ""."""

    def __init__(self, why: Mapping[tuple[str, int], str]) -> None:
        self._why = {portal_name(*place): why for place, why in why.items()}
        self._nodes: dict[str, str] = {}

    def learn(self, svm: Svm) -> bool:
        self._nodes = {str(portal): portal.node for portal in target_of(svm).portals}
        return False

    def interfaces(self) -> dict[str, str]:
        return {place: self._nodes.get(place, "") for place in self._why}

    def unreached(self, seconds: float) -> dict[str, str]:
        return {place: why for place, why in self._why.items() if why}


class NoWaiting(Events):
    """Nothing comes or goes on the stage while a verb waits for it."""

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        return condition()


class StageHost:
    """A node that sees, after each scan, what the filer maps to its group. Its devices are but names and sizes.

    While it is ``blind`` a scan finds nothing. ``scans`` has the command of each.
    """

    ATTACH = (("scan", "{name}"),)
    DETACH = (("drop", "{name}"),)

    def __init__(self, filer: Filer) -> None:
        self._filer = filer
        self.node = "node1.example"
        self.held_by: list[str] = []
        self.blind = False
        self.fails_after_scan = False
        self.scans: list[tuple[str, ...]] = []
        self.devices: dict[str, int] = {}

    def find_device(self, name: str) -> str | None:
        return f"/dev/disk/{name}" if name in self.devices else None

    def run(self, *argv: str, timeout: float) -> str:
        if argv[0] == "drop":
            del self.devices[argv[1]]
            return ""
        self.scans.append(argv)
        if not self.blind:
            own = (f"{kind}-{self.node}" for kind in ("g", "fast", "g-fast"))
            self.devices = self.shown({"ganeti", "special", *own})
        if self.fails_after_scan:
            raise DeviceError("after the scan")
        return ""

    def shown(self, groups: Collection[str]) -> dict[str, int]:
        """The sizes of the LUNs that the filer maps to any of these groups, by their names."""
        mapped = {path for group in groups for path in self._filer.maps.get(("svm1", group), {}).values()}
        return {lun.name: lun.size for lun in self._filer.luns.values() if lun.path in mapped}

    def size(self, device: str) -> int:
        name = device.rpartition("/")[2]
        if name not in self.devices:
            raise DeviceGone("its device disappeared")
        return self.devices[name]

    def holders(self, device: str) -> list[str]:
        return self.held_by


@dataclass(frozen=True)
class StageCluster:
    """A cluster by its name, this node's name, and all nodes'."""

    name: str
    node: str
    nodes: frozenset[str]
    templates: Templates | None = None
    known: Callable[[], dict[str, str | None]] = dict

    def disk_templates(self) -> Templates | None:
        return self.templates

    def volumes(self) -> dict[str, str | None]:
        return self.known()


class Stage:
    """What a test looks at: the filer, the calls that reached it, and a provider for each verb."""

    def __init__(self, directory: Path, *, ontapi: int = 180) -> None:
        self.directory = directory
        self.array: Array | None = None  # in the place of the client that speaks ZAPI to the filer
        self.connect: Callable[[Deadline], Array] = self._client  # what each verb does
        self.filer = Filer(directory / "filer", ontapi=ontapi, seed="stage", strict=True)
        provision.add_volume(self.filer.state, "svm1", "vol2")
        self.wire = Wire(self.filer)
        self.make_host: Callable[[], StageHost] = partial(StageHost, self.filer)  # of a node that was not here yet
        self.host = self.make_host()
        self.clock = Clock()
        self.again: Again | None = None  # what happens before a repetition; None: waiting, as on a node
        self.tunnel: str | None = "svm1"
        self.node = "node1.example"
        self.cluster = "cluster.example"
        self.nodes = ["node1.example", "node2.example", "node3.example"]
        self.caller = "100 1"  # the process that runs the scripts
        self.initiators: dict[str, str] = {}  # of nodes whose names for the SAN are not made of their own
        self.healthy = HealthyNode(directory / "root")
        self.templates: Templates | None = None  # which disk templates Ganeti tells that it has
        self.addresses: list[Finding] = []  # what a look at each address in HOSTNAME finds
        self.portals = {("192.0.2.1", 3260): ""}  # where LUNs are served over iSCSI, and why not to be reached
        self._hosts: dict[str, StageHost] = {}
        self._remembered = VersionCache("stage", directory=f"{directory}/run")
        self.params: dict[str, str] = {}  # the disk's, which hooks are not told of
        self.options: dict[str, object] = {
            "POOL": "vol1",
            "IGROUP": "ganeti",
            "ISCSI_ATTACH_COMMANDS": StageHost.ATTACH,
            "ISCSI_DETACH_COMMANDS": StageHost.DETACH,
        }
        self.ask("igroup-create", {"initiator-group-name": "ganeti", "initiator-group-type": "iscsi"})

    @property
    def initiator(self) -> str:
        """This node's name for the SAN; "" is none."""
        return self.initiators.get(self.node, f"iqn.1993-08.org.debian:01:{self.node}")

    def become(self, node: str) -> Stage:
        """Act as another node, with devices and records of its own, from now on."""
        self._hosts[self.node] = self.host
        self.node = node
        self.host = self._hosts.get(node) or self.make_host()
        self.host.node = node
        return self

    def remember(self, version: tuple[int, int]) -> None:
        """What this node takes the filer's version for."""
        self._remembered.put(version)

    def ask(self, api: str, arguments: dict[str, object]) -> None:
        """Do something on the filer behind the provider's back."""
        ask(self.filer, api, arguments)

    def protect(self, name: str, protected: bool) -> None:
        """What the kernel shall say of the volume's device, once it has one."""
        file = self.directory / f"sys/block/{name}/ro"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{int(protected)}\n")

    @property
    def client(self) -> CmodeClient:
        """A new client."""
        return self._client(self._deadline)

    def _client(self, deadline: Deadline) -> CmodeClient:
        again = self.again or Patience(deadline, clock=self.clock, sleep=self.clock.sleep)
        return CmodeClient(NaServer(self.wire, tunnel=self.tunnel, again=again), self._remembered)

    @property
    def _deadline(self) -> Deadline:
        return Deadline(self.settings.timeout, clock=self.clock)

    @property
    def other_locks(self) -> Locks:
        """This node's locks, as another script takes them: its waiting takes no time of the verb's."""
        clock = Clock()
        return self._locks(Deadline(self.settings.timeout, clock=clock), clock)

    def _locks(self, deadline: Deadline, clock: Clock) -> Locks:
        """A lock that is held stays so while its wait passes on the deadline's ``clock``."""

        def wait(descriptor: int, seconds: float) -> bool:
            clock.sleep(seconds)
            return False

        return Locks(deadline, directory=f"{self.directory}/{self.node}/run", wait=wait)

    @property
    def settings(self) -> Settings:
        """The configuration with the disk's ext-params."""
        names = f"{self.directory}/disk/{{hostname}}/{{pool}}/{{name}}"
        usual = {"HOSTNAME": "filer", "LOGIN": "admin", "PASSWORD": "secret", "LUN_DEVICE_PATH_FORMAT": names}
        options = {**usual, **self.options}
        text = "".join(f"{name} = {value!r}\n" for name, value in options.items())
        return config.parse(text, "stage").with_params(self.params)

    @property
    def provider(self) -> DataOnTapProvider:
        """A new provider, as each script makes one."""
        return DataOnTapProvider(self.site)

    @property
    def site(self) -> Site:
        """What the next verb works with."""
        settings = self.settings
        self.wire.calls.clear()
        deadline = self._deadline
        locks = self._locks(deadline, self.clock)
        array = self.array
        connect = (lambda: array) if array else lru_cache(maxsize=None)(lambda: self.connect(deadline))
        devices = Devices(settings, self._node(deadline), NoTarget(), locks, self.host.run)
        cluster = self._ganeti
        igroups = Igroups(
            settings,
            cluster,
            connect,
            initiators=lambda: [self.initiator] if self.initiator else [],
            memory=partial(self._cache, "igroup"),
        )
        records = Records(
            {},
            directory=f"{self.directory}/{self.node}/run",
            config_file=__file__,
            creator=lambda: self.caller,
        )
        checks = partial(self._checks, cluster, connect, igroups)
        reporting = Reporting(connect, partial(self._cache, "reporting"))
        return Site(settings, cluster, deadline, connect, devices, igroups, reporting, locks, records, checks)

    def _cache(self, kind: str, *identity: str) -> Cache:
        return Cache(kind, self.node, *identity, directory=f"{self.directory}/run")

    def _node(self, deadline: Deadline) -> Node:
        host = self.host

        class StageNode(Node):
            """This node, but for the devices, which are the host's."""

            def find_device(self, path_format: str, *, hostname: str, pool: str, name: str) -> str | None:
                return host.find_device(name)

            def size(self, device: str) -> int:
                return host.size(device)

            def holders(self, device: str) -> list[str]:
                return host.holders(device)

            def claims(self, device: str) -> list[str]:
                return []

        sys, names = f"{self.directory}/sys", Names(f"{self.directory}/run/udev")
        multipath = Multipath(no_programs, deadline)
        return StageNode(Sysfs(sys), Kernel(sys), multipath, names, deadline, events=NoWaiting)

    @property
    def _ganeti(self) -> StageCluster:
        return StageCluster(self.cluster, self.node, frozenset({*self.nodes, self.node}), self.templates)

    def _checks(self, cluster: Cluster, client: Callable[[], Array], igroups: Igroups) -> Checks:
        facts = self.healthy.facts
        of_node = NodeChecks(self.settings, cluster, igroups, facts, Lvm(facts))
        looks = Looks(StageTarget(self.portals), lambda: self.addresses)
        of_filer = FilerChecks(self.settings, cluster, client, igroups, looks)
        return Checks(of_node.checks, of_filer.checks)

    def tag(self, path: str, uuid: str = "u-1", kind: str = "disk") -> str:
        """What the tag of the LUN at ``path`` is, once it was written by who knew its serial number."""
        serial = self.filer.luns["svm1", path].serial.encode().hex()
        return f"dataontap:2:{self.cluster}:{uuid}:{kind}:{serial}"

    @property
    def paths(self) -> list[str]:
        """The LUNs' paths on the filer."""
        return sorted(lun.path for lun in self.filer.luns.values())

    def comment(self, path: str) -> str:
        """A LUN's comment on the filer."""
        return self.filer.luns["svm1", path].comment

    def groups(self, path: str) -> list[str]:
        """The igroups that a LUN is mapped to."""
        return sorted(group for (_, group), maps in self.filer.maps.items() if path in maps.values())
