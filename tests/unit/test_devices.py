"""A volume's device, by our own hands: what is left of it before its LUN is scanned for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataontap import config
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError
from dataontap.host.commands import Host
from dataontap.host.lun import Wanted
from dataontap.host.node import Limits
from dataontap.host.udev import Names
from dataontap.state.locks import Locks
from dataontap.volume.devices import Devices
from tests.unit.sysfs import NEXUSES, FakeNode

MIB = 1024 * 1024
NAA = "600a0980383054723324526c68717745"
SETTINGS = 'HOSTNAME = "no-filer-of-this-machine"\nLOGIN = "a"\nPASSWORD = "b"\nPOOL = "vol1"\n'


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    """A node that has a LUN as a map, which no name leads to: one that was renamed by hand, say."""
    node = FakeNode(tmp_path)
    node.limits = Limits(map=0.2, hint=0.1, other_paths=0.2, release=0.2, gone=0.5)
    node.show(5, NAA, 64 * MIB)
    wanted = Wanted((NAA,), 64 * MIB, f"{node.dev}/disk/filer/vol1/v")
    node.san.scan(wanted, [5], NEXUSES)
    node.san.settle(wanted)
    return node


@pytest.fixture
def devices(node: FakeNode, tmp_path: Path) -> Devices:
    return Devices(
        config.parse(SETTINGS, "test"),
        host=Host(),
        san=node.san,
        names=Names(f"{tmp_path}/udev"),
        connect=lambda: NEXUSES,
        known=lambda: NEXUSES,
        locks=Locks(Deadline(5), directory=f"{tmp_path}/run"),
        deadline=Deadline(5),
    )


def test_a_dead_map_goes_before_its_paths_come_back(node: FakeNode, devices: Devices) -> None:
    """Although the LUN is mapped for this node: what the map has queued would be written."""
    node.hide(5)
    devices.clear_dead("v", (NAA,))
    assert node.devices() == []


def test_one_that_is_held_is_refused(node: FakeNode, devices: Devices) -> None:
    node.hide(5)
    (node.sysfs / "block/dm-0/holders/dm-7").mkdir()
    with pytest.raises(DeviceError, match="is in use by dm-7"):
        devices.clear_dead("v", (NAA,))


def test_a_living_one_stays(node: FakeNode, devices: Devices) -> None:
    devices.clear_dead("v", (NAA,))
    assert "dm-0" in node.devices()


def test_another_luns_stays(node: FakeNode, devices: Devices) -> None:
    node.hide(5)
    devices.clear_dead("v", (NAA.replace("45", "46"),))
    assert "dm-0" in node.devices()
