"""Where the SVM's LUNs are reached: asked once a day, asked again when what is remembered does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataontap.client.client_base import IscsiPortal
from dataontap.client.client_cmode import CmodeClient
from dataontap.errors import DeviceError, OntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.sysfs import Nexus
from dataontap.memory import Memory
from dataontap.targets import IscsiTarget
from tests.unit.stage import Stage


class Initiator(Iscsi):
    """Logs in to whatever it is told to, unless it ``refuses`` this many times."""

    def __init__(self) -> None:
        self.told: list[Target] = []
        self.refuses = 0

    def connect(self, target: Target) -> list[Nexus]:
        self.told.append(target)
        if self.refuses:
            self.refuses -= 1
            raise DeviceError("no iSCSI session")
        return [Nexus(2, 0, 0)]


@pytest.fixture
def initiator() -> Initiator:
    return Initiator()


@pytest.fixture
def target(stage: Stage, initiator: Initiator, tmp_path: Path) -> IscsiTarget:
    client = stage.client
    return IscsiTarget(lambda: client, initiator, Memory("target", "filer", directory=str(tmp_path)))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_the_filer_names_target_and_portals(stage: Stage, target: IscsiTarget, initiator: Initiator) -> None:
    assert target.connect() == [Nexus(2, 0, 0)]
    (told,) = initiator.told
    assert told.name.startswith("iqn.1992-08.com.netapp:sn.")
    assert len(told.portals) == 2
    assert stage.wire.calls == ["iscsi-service-get-iter", "iscsi-interface-get-iter"]


def test_once_a_day(stage: Stage, target: IscsiTarget, initiator: Initiator) -> None:
    target.connect()
    target.connect()
    assert initiator.told[0] == initiator.told[1]
    assert len(stage.wire.calls) == 2


def test_again_when_it_does_not_work(stage: Stage, target: IscsiTarget, initiator: Initiator) -> None:
    target.connect()
    initiator.refuses = 1
    assert target.connect() == [Nexus(2, 0, 0)]
    assert len(stage.wire.calls) == 4
    initiator.refuses = 2
    with pytest.raises(DeviceError, match="^no iSCSI session$"):
        target.connect()


class Liar(CmodeClient):
    """A filer that says ``name`` of its target and ``address`` of its portal."""

    def __init__(self, name: str | None, address: str) -> None:
        self._name = name
        self._address = address

    def get_iscsi_service_details(self) -> str | None:
        return self._name

    def get_iscsi_target_details(self) -> list[IscsiPortal]:
        return [IscsiPortal(self._address, 3260, 1, enabled=True)]


@pytest.mark.parametrize(
    ("name", "address", "problem"),
    [
        (None, "192.0.2.1", "the SVM has no iSCSI service"),
        ("iqn.a/../../etc", "192.0.2.1", "names an iSCSI target that is none: 'iqn.a/../../etc'"),
        ("iqn.a", "-rf", "names an iSCSI portal that is none"),
    ],
)
def test_what_the_filer_says_is_not_believed_blindly(
    initiator: Initiator, tmp_path: Path, name: str | None, address: str, problem: str
) -> None:
    memory = Memory("target", directory=str(tmp_path))
    with pytest.raises(OntapError, match=problem):
        IscsiTarget(lambda: Liar(name, address), initiator, memory).connect()
    assert initiator.told == []
