"""This node's Fibre Channel ports, and the filer's that they see."""

from __future__ import annotations

import math
import shutil
from functools import partial
from pathlib import Path
from typing import Callable

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import DeviceError
from dataontap.host import fc
from dataontap.host.sysfs import Nexus
from tests.unit.clock import Clock, QuietEvents


def hosts(sysfs: Path, *names: str) -> list[str]:
    """The initiators of a node whose FC hosts have these port names, as the kernel writes them (``0x%llx``)."""
    for number, name in enumerate(names):
        host = sysfs / f"class/fc_host/host{number}"
        host.mkdir(parents=True)
        (host / "port_name").write_text(name)
    return fc.initiators(str(sysfs))


def test_as_ontap_writes_them(tmp_path: Path) -> None:
    assert hosts(tmp_path, "0x21000024ff3dba1c\n", "0x500A098280000001\n") == [
        "21:00:00:24:ff:3d:ba:1c",
        "50:0a:09:82:80:00:00:01",
    ]


@pytest.mark.parametrize(
    "name",
    ["0xffffffffffffffff\n", "0x0\n", "0x0000000000000000\n", "0x21000024ff3dba1\n", "", "unknown\n"],
)
def test_a_port_that_has_no_name_yet(tmp_path: Path, name: str) -> None:
    """Two nodes with all ones in their groups could not both be mapped, and would look like twins."""
    assert hosts(tmp_path, name, "0x21000024ff3dba1c\n") == ["21:00:00:24:ff:3d:ba:1c"]


def test_an_adapter_that_goes_while_we_look(tmp_path: Path) -> None:
    """Its folder is listed, its file cannot be read any more."""
    (tmp_path / "class/fc_host/host0/port_name").mkdir(parents=True)
    assert fc.initiators(str(tmp_path)) == []


def test_a_port_twice(tmp_path: Path) -> None:
    assert hosts(tmp_path, "0x21000024ff3dba1c\n", "0x21000024ff3dba1c\n") == ["21:00:00:24:ff:3d:ba:1c"]


def test_no_fibre_channel(tmp_path: Path) -> None:
    assert fc.initiators(str(tmp_path)) == []


class FabricClock(Clock):
    """Time passes while a verb waits; ``then`` is called each time."""

    def __init__(self, then: Callable[[], None]) -> None:
        super().__init__()
        self._then = then

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self._then()


class Fabric:
    """What the kernel shows of this node's ports, and of the filer's."""

    def __init__(self, sysfs: Path) -> None:
        self.sysfs = sysfs
        self.clock = FabricClock(self._come_back)
        self.comes_back_at = math.inf  # then all remote ports are online

    def port(self, host: int, wwpn: str, state: str = "Online") -> None:
        """Let this node have a port."""
        self._write(f"class/fc_host/host{host}", port_name=wwpn, port_state=state)

    def remote(
        self, rport: str, wwpn: str, *, state: str = "Online", roles: str = "FCP Target", target: int = 0
    ) -> Path:
        """Let the port of ``rport`` see one of the filer's. Returns its folder."""
        return self._write(
            f"class/fc_remote_ports/rport-{rport}",
            port_name=wwpn,
            port_state=state,
            roles=roles,
            scsi_target_id=str(target),
        )

    def _write(self, folder: str, **files: str) -> Path:
        place = self.sysfs / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(f"{text}\n")
        return place

    def _come_back(self) -> None:
        if self.clock.now >= self.comes_back_at:
            for file in self.sysfs.glob("class/fc_remote_ports/*/port_state"):
                file.write_text("Online\n")

    @property
    def fc(self) -> fc.FibreChannel:
        """The product's view of it."""
        events = partial(QuietEvents, clock=self.clock)
        return fc.FibreChannel(Deadline(60, clock=self.clock), str(self.sysfs), events, self.clock)


HERE = ("0x21000024ff3dba1c", "0x21000024ff3dba1d")
THERE = ("0x500a098280000001", "0x500a098280000002")
WWPNS = ("50:0a:09:82:80:00:00:01", "50:0a:09:82:80:00:00:02")


@pytest.fixture
def fabric(tmp_path: Path) -> Fabric:
    """Two ports of this node, each of which sees one port of the filer, and a port of another filer."""
    fabric = Fabric(tmp_path)
    for host in (0, 1):
        fabric.port(host + 2, HERE[host])
        fabric.remote(f"{host + 2}:0-4", THERE[host], target=host)
        fabric.remote(f"{host + 2}:0-5", "0x50060e8000000001", target=7)
        fabric.remote(f"{host + 2}:0-6", HERE[1 - host], roles="FCP Initiator", target=-1)
    return fabric


class TestWhereThisNodeSeesTheFiler:
    def test_the_svms_ports_only(self, fabric: Fabric) -> None:
        assert fabric.fc.connect(WWPNS) == [Nexus(2, 0, 0), Nexus(3, 0, 1)]
        assert fabric.fc.connect(WWPNS[1:]) == [Nexus(3, 0, 1)]
        assert fabric.fc.unreached(WWPNS) == {}

    def test_the_targets_folder_tells_its_number(self, fabric: Fabric) -> None:
        """A driver may number targets in its own way; the kernel makes the folder at the first scan."""
        folder = fabric.remote("2:0-4", THERE[0], target=0)
        (folder / "device/target2:1:9").mkdir(parents=True)
        assert fabric.fc.connect(WWPNS[:1]) == [Nexus(2, 1, 9)]

    def test_a_port_without_a_number_yet(self, fabric: Fabric) -> None:
        fabric.remote("2:0-4", THERE[0], target=-1)
        assert fabric.fc.connect(WWPNS) == [Nexus(3, 0, 1)]
        assert fabric.fc.known(WWPNS) == [Nexus(3, 0, 1)]

    def test_one_that_is_blocked_is_not_waited_for(self, fabric: Fabric) -> None:
        fabric.remote("2:0-4", THERE[0], state="Blocked")
        assert fabric.fc.connect(WWPNS) == [Nexus(3, 0, 1)]
        assert fabric.clock.now == 0
        assert fabric.fc.known(WWPNS) == [Nexus(2, 0, 0), Nexus(3, 0, 1)]
        assert fabric.fc.unreached(WWPNS) == {WWPNS[0]: "its state is Blocked"}

    def block(self, fabric: Fabric) -> None:
        for host in (0, 1):
            fabric.remote(f"{host + 2}:0-4", THERE[host], state="Blocked", target=host)

    def test_all_blocked_and_one_comes_back(self, fabric: Fabric) -> None:
        self.block(fabric)
        fabric.comes_back_at = 3
        assert fabric.fc.connect(WWPNS) == [Nexus(2, 0, 0), Nexus(3, 0, 1)]
        assert 3 <= fabric.clock.now < 4

    def test_all_blocked(self, fabric: Fabric) -> None:
        """It waits once: the second try, after the filer was asked for its ports, fails at once."""
        self.block(fabric)
        ours = fabric.fc
        for _ in range(2):
            with pytest.raises(DeviceError, match=f"do not answer .{WWPNS[0]}: its state is Blocked, {WWPNS[1]}"):
                ours.connect(WWPNS)
        assert 20 <= fabric.clock.now < 21

    def test_not_zoned(self, fabric: Fabric) -> None:
        wwpns = [f"50:0a:09:82:80:00:00:1{number}" for number in range(4)]
        with pytest.raises(
            DeviceError, match=f"sees one of the SVM's .{wwpns[0]}, {wwpns[1]} and 2 more.; check the"
        ):
            fabric.fc.connect(wwpns)
        assert fabric.clock.now == 0
        assert fabric.fc.unreached(wwpns[:1]) == {wwpns[0]: "not seen here"}

    def test_no_port_is_online(self, fabric: Fabric) -> None:
        for folder in fabric.sysfs.glob("class/fc_remote_ports/*"):
            shutil.rmtree(folder)
        for host in (0, 1):
            fabric.port(host + 2, HERE[host], "Linkdown")
        with pytest.raises(DeviceError, match="no FC port .* 21:00:00:24:ff:3d:ba:1c is Linkdown, 21:"):
            fabric.fc.connect(WWPNS)

    def test_no_port(self, tmp_path: Path) -> None:
        with pytest.raises(DeviceError, match="^no FC port of this node is online: it has none; check"):
            Fabric(tmp_path).fc.connect(WWPNS)

    def test_a_port_that_is_no_target(self, fabric: Fabric) -> None:
        """As where the filer's port logged in before its service was on."""
        for host in (0, 1):
            fabric.remote(f"{host + 2}:0-4", THERE[host], roles="unknown")
        with pytest.raises(DeviceError, match="it is no FCP target"):
            fabric.fc.connect(WWPNS)
