"""How many requests each verb makes, by our own hands and with a group per node, over each API."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest

from dataontap.client.array import Svm
from dataontap.errors import DeviceError
from dataontap.host.sysfs import Nexus
from dataontap.volume.devices import Devices
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Snapshot
from dataontap.volume.site import Site
from dataontap.volume.targets import IscsiTarget, target_of
from tests.simulator.filer import Filer
from tests.unit.rest_wire import Memory, RestWire, client
from tests.unit.stage import Stage
from tests.unit.sysfs import HOSTS, NEXUSES, FakeNode
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, MIB, NODE1, PATH, VOLUME, growth

SNAPSHOT = Snapshot({}, "v", None, "v.snap", 96 * MIB)


class SanNode(FakeNode):
    """A node that sees what the filer maps to its group."""

    def __init__(self, directory: Path, filer: Filer) -> None:
        super().__init__(directory)
        self._filer = filer

    def _target(self) -> dict[str, Any]:
        seen = {}
        for lun_id, path in self._filer.maps.get(("svm1", NODE1), {}).items():
            lun = self._filer.luns["svm1", path]
            for host in HOSTS:
                seen[f"{host}:{lun_id}"] = [f"600a0980{lun.serial.encode().hex()}", lun.size]
        return seen


class Sessions(IscsiTarget):
    """The filer's target, logged in to."""

    is_cached = True

    def __init__(self) -> None:
        self.nodes: list[Collection[str]] = []

    def connect(self, nodes: Collection[str] = ()) -> list[Nexus]:
        self.nodes.append(nodes)
        return NEXUSES

    def learn(self, svm: Svm) -> bool:
        return False

    def known(self) -> list[Nexus]:
        return NEXUSES


class OwnHands(Stage):
    """Two nodes with a group each; the first has a SAN. ``asked`` has the requests of the last verb."""

    def __init__(self, directory: Path, api: str) -> None:
        super().__init__(directory)
        (directory / "node").mkdir()
        self.san = SanNode(directory / "node", self.filer)
        self.sessions = Sessions()
        names = f"{self.san.dev}/disk/{{hostname}}/{{pool}}/{{name}}"
        self.options = {"POOL": "vol1", "IGROUP": "g-{node}", "LUN_DEVICE_PATH_FORMAT": names}
        self.asked: list[str] = self.wire.calls
        if api == "rest":
            wire, memory = RestWire(self.filer), Memory()
            self.asked = wire.requests
            self.connect = lambda deadline: client(wire, memory, self.clock)

    @property
    def site(self) -> Site:
        self.asked.clear()
        site = super().site
        node = replace(self.san.node, deadline=site.deadline)
        devices = Devices(self.settings, node, self.sessions, site.locks, self.san.run)
        return replace(site, devices=devices)


def life(stage: OwnHands) -> Iterator[tuple[str, int]]:
    """Each verb, and how many requests it made."""
    verbs: list[tuple[str, Callable[[DataOnTapProvider], object]]] = [
        ("create (first)", lambda provider: provider.create(CREATION)),
        ("attach (present)", lambda provider: provider.attach(VOLUME)),
        ("open", lambda provider: provider.open(EXCLUSIVE)),
        ("setinfo", lambda provider: provider.setinfo(METADATA)),
        ("grow", lambda provider: provider.grow(growth(64, 96))),
        ("snapshot", lambda provider: provider.snapshot(SNAPSHOT)),
        ("close", lambda provider: provider.close(VOLUME)),
        ("detach", lambda provider: provider.detach(VOLUME)),
        ("attach (absent)", lambda provider: provider.attach(VOLUME)),
    ]
    for row, run in verbs:
        run(stage.provider)
        yield row, len(stage.asked)
    for number in (2, 3):
        group = f"g-node{number}.example"
        if ("svm1", group) not in stage.filer.igroups:
            stage.ask("igroup-create", {"initiator-group-name": group, "initiator-group-type": "iscsi"})
        stage.ask("lun-map", {"path": PATH, "initiator-group": group})
    stage.provider.open(EXCLUSIVE)
    assert stage.groups(PATH) == [NODE1]
    yield "open (two groups taken)", len(stage.asked)
    stage.provider.remove(VOLUME)
    yield "remove", len(stage.asked)
    stage.provider.create(CREATION)
    yield "create", len(stage.asked)


class MovedSessions(Sessions):
    """What is cached is from before the LUN's volume moved to nodes of the filer with portals of their own."""

    has_learnt = False

    def learn(self, svm: Svm) -> bool:
        self.has_learnt = bool(target_of(svm).portals)
        return True

    def connect(self, nodes: Collection[str] = ()) -> list[Nexus]:
        return NEXUSES if self.has_learnt else [Nexus(9, 0, 0)]


@pytest.mark.parametrize("api", ["rest", "zapi"])
def test_portals_that_the_filer_got_after_they_were_cached(tmp_path: Path, api: str) -> None:
    """No path shows the LUN at the portals that are cached, so the filer is asked for them: two requests."""
    stage = OwnHands(tmp_path, api)
    stage.provider.create(CREATION)
    stage.provider.setinfo(METADATA)
    stage.provider.detach(VOLUME)
    stage.sessions = MovedSessions()
    assert stage.provider.attach(VOLUME).endswith("/vol1/v")
    assert len(stage.asked) == REQUESTS["attach (absent)"][0] + 2
    stage.provider.detach(VOLUME)
    stage.san.broken = {"scan 2:0:0", "scan 3:0:0"}
    with pytest.raises(DeviceError, match="no device came up"):
        stage.provider.attach(VOLUME)


@pytest.mark.parametrize("api", ["rest", "zapi"])
class TestReportingNodes:
    """This node only connects to the filer's nodes that show the LUN."""

    OWNER, BOTH = ("cluster1-01",), ("cluster1-01", "cluster1-02")

    @pytest.fixture
    def stage(self, tmp_path: Path, api: str) -> OwnHands:
        stage = OwnHands(tmp_path, api)
        stage.filer.ontapi = 200
        stage.provider.create(CREATION)
        stage.provider.setinfo(METADATA)
        stage.provider.detach(VOLUME)
        return stage

    def test_asked_once_for_each_node(self, stage: OwnHands) -> None:
        """First the LUN's owner alone is connected to: the others are told only after the LUN is mapped."""
        assert stage.sessions.nodes == [self.OWNER, self.BOTH]
        stage.provider.attach(VOLUME)
        assert stage.sessions.nodes == [self.OWNER, self.BOTH, self.BOTH]
        assert len(stage.asked) == 2

    def test_a_lun_that_others_show(self, stage: OwnHands) -> None:
        """No path at the nodes that are cached: all are tried, and the next attach asks again."""
        stage.sessions.nodes.clear()
        stage.san.broken = {"scan 2:0:0", "scan 3:0:0"}
        with pytest.raises(DeviceError, match="no device came up"):
            stage.provider.attach(VOLUME)
        assert stage.sessions.nodes == [self.BOTH, ()]
        stage.san.broken = set()
        stage.sessions.nodes.clear()
        stage.provider.attach(VOLUME)
        assert stage.sessions.nodes == [self.OWNER, self.BOTH]

    def test_a_filer_that_does_not_know_them(self, tmp_path: Path, api: str) -> None:
        """All its nodes show the LUN. That is asked once, too."""
        stage = OwnHands(tmp_path, api)
        stage.filer.ontapi = 21 if api == "zapi" else 180
        stage.provider.create(CREATION)
        stage.provider.setinfo(METADATA)
        stage.provider.detach(VOLUME)
        stage.provider.attach(VOLUME)
        assert stage.sessions.nodes == [self.OWNER, (), ()]
        assert len(stage.asked) == 2


# Over REST, over ZAPI. The model's devices are no block devices, so there is no record of them: attach of a
# present volume and open have the filer look for the LUN, which takes two requests.
REQUESTS = {
    "create (first)": (10, 11),  # asks for the kind or the version, makes the group, asks for reporting nodes
    "attach (present)": (2, 2),
    "open": (3, 3),
    "setinfo": (2, 2),
    "grow": (3, 2),  # no source says that the answer to PATCH tells the size
    "snapshot": (4, 4),
    "close": (0, 0),
    "detach": (2, 2),
    "attach (absent)": (2, 2),
    "open (two groups taken)": (7, 7),
    "remove": (3, 3),
    "create": (3, 4),
}


def test_requests(tmp_path: Path) -> None:
    for api in ("rest", "zapi"):
        (tmp_path / api).mkdir()
    rest, zapi = (dict(life(OwnHands(tmp_path / api, api))) for api in ("rest", "zapi"))
    assert {row: (rest[row], zapi[row]) for row in rest} == REQUESTS
