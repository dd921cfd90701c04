"""A volume's device, by our own hands: what is left of it before its LUN is scanned for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dataontap import config
from dataontap.deadline import Deadline
from dataontap.errors import DeviceError
from dataontap.host.lun import Wanted
from dataontap.host.node import Limits
from dataontap.host.sysfs import Nexus
from dataontap.host.udev import Names
from dataontap.state.locks import Locks
from dataontap.volume.devices import Devices
from dataontap.volume.targets import IscsiTarget
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
    node.bring_up.scan(wanted, [5], NEXUSES)
    node.bring_up.settle(wanted)
    return node


class Seen(IscsiTarget):
    """The target: where this node sees it."""

    def __init__(self) -> None:
        pass

    def known(self) -> list[Nexus]:
        return NEXUSES


@pytest.fixture
def devices(node: FakeNode, tmp_path: Path) -> Devices:
    locks = Locks(Deadline(5), directory=f"{tmp_path}/run")
    here = replace(node.node, names=Names(f"{tmp_path}/udev"))
    return Devices(config.parse(SETTINGS, "test"), here, Seen(), locks, node.run)


def scan(devices: Devices, naa: str = NAA, lun_id: int = 5) -> bool:
    """Look for a LUN that is mapped for this node; whether nothing of it was here."""
    failed, is_new = devices.scan("v", Wanted((naa,), 64 * MIB, "/dev/disk/filer/vol1/v"), [lun_id], NEXUSES)
    assert failed == []
    return is_new


def test_a_dead_map_goes_before_its_paths_come_back(node: FakeNode, devices: Devices) -> None:
    """Although the LUN is mapped for this node: what the map has queued would be written."""
    node.hide(5)
    assert scan(devices)
    assert node.devices() == []


def test_one_that_is_held_is_refused(node: FakeNode, devices: Devices) -> None:
    node.hide(5)
    (node.sysfs / "block/dm-0/holders/dm-7").mkdir()
    with pytest.raises(DeviceError, match="is in use by dm-7"):
        scan(devices)
    assert len(node.happened("scanned")) == 2, "when it was attached"


def test_a_living_one_stays(node: FakeNode, devices: Devices) -> None:
    scan(devices)
    assert "dm-0" in node.devices()
    assert node.happened("deleted") == []


def test_another_luns_stays(node: FakeNode, devices: Devices) -> None:
    node.hide(5)
    scan(devices, NAA.replace("45", "46"), lun_id=6)
    assert "dm-0" in node.devices()
