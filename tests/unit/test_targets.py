"""Where the SVM's LUNs are reached: asked once a day, asked again when what is remembered does not work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from dataontap.client.array import IscsiPortal, Svm
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.errors import DeviceError, OntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_records import Portal
from dataontap.host.iscsi_scope import Scope
from dataontap.host.sysfs import Nexus
from dataontap.state.cache import Cache
from dataontap.volume.site import Site
from dataontap.volume.targets import IscsiTarget
from dataontap.volume.verbs.device import reach
from tests.unit.stage import Stage


class Initiator(Iscsi):
    """Logs in to whatever it is told to, unless it ``refuses`` this many times."""

    def __init__(self) -> None:
        self.told: list[Target] = []
        self.refuses = 0
        self.scope = Scope()

    def portals(self, target: Target) -> tuple[Portal, ...]:
        return self.scope.portals(target.portals)

    def connect(self, target: Target) -> list[Nexus]:
        self.told.append(target)
        if self.refuses:
            self.refuses -= 1
            raise DeviceError("no iSCSI session")
        return [Nexus(2, 0, 0)]


@pytest.fixture
def initiator() -> Initiator:
    return Initiator()


@dataclass(frozen=True)
class Seat:
    """All that reaching the target takes of a site: what verbs do is tried with it."""

    array: Svm
    target: IscsiTarget
    are_ours: bool = True
    nodes: tuple[str, ...] = ()

    @property
    def devices(self) -> Seat:
        return self

    def connect(self) -> Sequence[Nexus]:
        return reach(cast(Site, self), self.nodes)


@pytest.fixture
def target(stage: Stage, initiator: Initiator, tmp_path: Path) -> Seat:
    return Seat(stage.client, IscsiTarget(initiator, Cache("target", "filer", directory=str(tmp_path))))


def test_the_filer_names_target_and_portals(stage: Stage, target: Seat, initiator: Initiator) -> None:
    assert target.connect() == [Nexus(2, 0, 0)]
    (told,) = initiator.told
    assert told.name.startswith("iqn.1992-08.com.netapp:sn.")
    assert len(told.portals) == 2
    assert stage.wire.calls == ["iscsi-service-get-iter", "iscsi-interface-get-iter"]


def test_once_a_day(stage: Stage, target: Seat, initiator: Initiator) -> None:
    target.connect()
    target.connect()
    assert initiator.told[0] == initiator.told[1]
    assert len(stage.wire.calls) == 2


def test_again_when_it_does_not_work(stage: Stage, target: Seat, initiator: Initiator) -> None:
    target.connect()
    initiator.refuses = 1
    assert target.connect() == [Nexus(2, 0, 0)]
    assert len(stage.wire.calls) == 4
    initiator.refuses = 2
    with pytest.raises(DeviceError, match="^no iSCSI session$"):
        target.connect()


def test_networks_of_portals(stage: Stage, target: Seat, initiator: Initiator) -> None:
    """All of the filer's portals are remembered: what the option allows is looked at later, each time."""
    target.connect()
    for portal in initiator.told[0].portals:
        initiator.scope = Scope((f"{portal.address}/32",))
        assert list(target.target.interfaces()) == [str(portal)]
        target.connect()
        assert initiator.told[-1].portals == (portal,)
    assert len(stage.wire.calls) == 2


def test_no_portal_in_the_networks(stage: Stage, target: Seat, initiator: Initiator) -> None:
    """The filer is asked once more: it may have got one by now."""
    target.connect()
    initiator.scope = Scope(("198.51.100.0/24",))
    with pytest.raises(DeviceError, match=r"^no iSCSI portal \(.* and 1 more\) is in ISCSI_NETWORKS"):
        target.connect()
    assert len(stage.wire.calls) == 4


def test_all_nodes_where_the_luns_own_is_not_reached(
    stage: Stage, target: Seat, initiator: Initiator, caplog: pytest.LogCaptureFixture
) -> None:
    """Also if the filer has named its portals just now."""
    initiator.refuses = 1
    assert replace(target, nodes=("cluster1-01",)).connect() == [Nexus(2, 0, 0)]
    assert [len(told.portals) for told in initiator.told] == [1, 2]
    assert len(stage.wire.calls) == 2
    assert "trying all of the filer's current interfaces" in caplog.text
    initiator.told.clear()
    initiator.refuses = 2
    with pytest.raises(DeviceError):
        replace(target, nodes=("cluster1-01",)).connect()


class Liar(CmodeClient):
    """A filer that says ``name`` of its target, and of its portals what it is told to."""

    def __init__(self, name: str | None, portals: Sequence[IscsiPortal]) -> None:
        self._name = name
        self._portals = portals

    def get_iscsi_service_details(self) -> str | None:
        return self._name

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        return [*self._portals]


FINE = IscsiPortal("192.0.2.1", 3260, 1028, enabled=True)
ODD = [
    (replace(FINE, address="-rf"), "'-rf' is not an IP address"),
    (replace(FINE, address=""), "'' is not an IP address"),
    (replace(FINE, address="0.0.0.0"), "'0.0.0.0' cannot be a portal's address"),
    (replace(FINE, address="fe80::1%a\nb"), r"'fe80::1%a\\nb' cannot be a portal's address"),
    (replace(FINE, port=0), "192.0.2.1 has no TCP port"),
    (replace(FINE, tag=0), "192.0.2.1 has no portal group tag"),
    (replace(FINE, enabled=False), "'192.0.2.1' is disabled"),
]


@pytest.mark.parametrize(
    ("name", "portals", "problem"),
    [
        (None, [FINE], "the SVM has no iSCSI service"),
        ("iqn.a/../../etc", [FINE], "name of its iSCSI target is not valid: 'iqn.a/../../etc'"),
        ("iqn.a", [], "^the filer has no usable iSCSI portal; see vserver iscsi interface show$"),
        *(("iqn.a", [odd], f"^the filer has no usable iSCSI portal: {problem};") for odd, problem in ODD),
    ],
)
def test_what_the_filer_says_is_not_believed_blindly(
    initiator: Initiator, tmp_path: Path, name: str | None, portals: list[IscsiPortal], problem: str
) -> None:
    cache = Cache("target", directory=str(tmp_path))
    with pytest.raises(OntapError, match=problem):
        Seat(Liar(name, portals), IscsiTarget(initiator, cache)).connect()
    assert initiator.told == []


@pytest.mark.parametrize(("odd", "problem"), ODD)
def test_an_odd_portal_is_left_out(
    initiator: Initiator,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    odd: IscsiPortal,
    problem: str,
) -> None:
    """And said. The others serve, each once."""
    other = replace(FINE, address="2001:db8::2")
    found = [odd, other, replace(other, address="2001:DB8:0::2")]
    Seat(Liar("iqn.a", found), IscsiTarget(initiator, Cache("target", directory=str(tmp_path)))).connect()
    assert initiator.told == [Target("iqn.a", (Portal("2001:db8::2", 3260, 1028),))]
    assert re.search(f"ignoring an iSCSI interface of the filer: {problem}", caplog.text)


def test_a_portal_that_the_filer_describes_by_halves() -> None:
    """It is read all the same."""
    enabled = "<is-interface-enabled>true</is-interface-enabled>"
    interfaces = (
        enabled,
        f"<ip-address>192.0.2.1</ip-address><ip-port>3260</ip-port><tpgroup-tag>1028</tpgroup-tag>{enabled}",
        "<ip-address>192.0.2.3</ip-address><ip-port>many</ip-port><tpgroup-tag>-1</tpgroup-tag>",
    )
    kind = "iscsi-interface-list-entry-info"
    listed = "".join(f"<{kind}>{interface}</{kind}>" for interface in interfaces)
    results = f"<attributes-list>{listed}</attributes-list><num-records>3</num-records>"
    answer = f'<netapp version="1.180"><results status="passed">{results}</results></netapp>'
    client = CmodeClient(NaServer(lambda document: answer.encode()))
    assert client.get_iscsi_target_details() == [
        IscsiPortal("", 0, 0, enabled=True),
        FINE,
        IscsiPortal("192.0.2.3", 0, 0, enabled=False),
    ]
