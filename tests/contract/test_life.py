"""A volume's life: Ganeti's own code calls the scripts, the filer and the block devices show what they did."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from dataontap.volume.candidates import serial_of
from tests.contract.conftest import MakeNode
from tests.testbed.node import GanetiError, Node, device_size, read, write

MIB = 1024 * 1024
NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
UUID = "e5d84ccc-11b6-4f5d-8702-af659b341813"
PATH = f"/vol/vol1/{NAME}"
DISK = {"volume": NAME, "size": 32, "uuid": UUID, "name": "root"}
SNAPSHOT = {"volume": f"{NAME}.snap", "size": 32, "uuid": "0a0a0a0a-0000-4000-8000-000000000000"}


def test_ganeti_accepts_the_provider(node: Node) -> None:
    assert node.ganeti("diagnose", DISK) is True


@pytest.mark.parametrize("api", ["rest", "zapi"])
def test_a_whole_life(make_node: MakeNode, admin: CmodeClient, api: str) -> None:
    node, other = make_node("node1", API=api), make_node("node2", API=api)

    device = node.ganeti("create", DISK)
    assert device == f"/run/disk/127.0.0.1/vol1/{NAME}"
    assert stat.S_ISBLK(node.path(device).stat().st_mode)
    assert device_size(node, device) == 32 * MIB
    write(node, device, 8192, b"written before growing")

    node.ganeti("open", DISK, exclusive=True)
    node.ganeti("setinfo", DISK, text="originstname+inst1.example")
    (lun,) = admin.get_lun_by_args(path=PATH)
    assert lun.comment == f"originstname+inst1.example dataontap:2:cluster.example:{UUID}:disk:{serial_of(lun)}"

    node.ganeti("grow", DISK, amount=32)
    assert device_size(node, device) == 64 * MIB
    assert read(node, device, 8192, 22) == b"written before growing"
    write(node, device, 48 * MIB, b"written after growing!")

    assert node.ganeti("snapshot", {**DISK, "size": 64}) == ["dataontap", f"{NAME}.snap"]
    write(node, device, 8192, b"written after snapshot")
    copy = node.ganeti("assemble", SNAPSHOT)
    assert read(node, copy, 8192, 22) == b"written before growing"
    assert read(node, copy, 48 * MIB, 22) == b"written after growing!"
    node.ganeti("shutdown", SNAPSHOT)
    node.ganeti("remove", SNAPSHOT)

    # The way of a migration: the target attaches while the source still has it.
    there = other.ganeti("assemble", DISK)
    other.ganeti("close", DISK)
    other.ganeti("open", DISK, exclusive=True)
    assert read(other, there, 8192, 22) == b"written after snapshot"
    node.ganeti("shutdown", DISK)
    assert not node.path(device).exists()
    assert other.path(there).exists()

    other.ganeti("remove", DISK)
    assert admin.get_lun_by_args(path="/vol/*") == []
    assert not other.path(there).exists()


def test_every_verb_twice(node: Node, admin: CmodeClient) -> None:
    node.ganeti("create", DISK)
    with pytest.raises(GanetiError, match="there is a LUN .* already"):
        node.ganeti("create", DISK)
    for _ in range(2):
        node.ganeti("find", DISK)
        node.ganeti("open", DISK, exclusive=False)
        node.ganeti("setinfo", DISK, text="twice")
        node.ganeti("grow", DISK, amount=8)
        node.ganeti("snapshot", DISK)
        node.ganeti("close", DISK)
        node.ganeti("shutdown", DISK)
    (lun,) = admin.get_lun_by_args(path=PATH)
    assert lun.size == 40 * MIB
    node.ganeti("remove", SNAPSHOT)
    node.ganeti("remove", DISK)
    assert node.script("remove", VOL_NAME=NAME, VOL_UUID=UUID).status == 0


def test_a_disk_is_held_open(node: Node, admin: CmodeClient) -> None:
    device = node.ganeti("create", DISK)
    with open(node.device(device), "rb"):
        for verb in ("detach", "remove"):
            outcome = node.script(verb, VOL_NAME=NAME)
            assert outcome.status == 1
            assert "is in use by process" in outcome.message
    assert node.path(device).exists()
    assert len(admin.get_lun_by_args(path=PATH)) == 1


def test_a_disk_in_a_qtree(make_node: MakeNode, admin: CmodeClient) -> None:
    node = make_node(POOL="vol1/q1")
    device = node.ganeti("create", DISK)
    assert device == f"/run/disk/127.0.0.1/vol1/q1/{NAME}"
    write(node, device, 0, b"in a qtree")
    node.ganeti("snapshot", DISK)
    copy = node.ganeti("assemble", SNAPSHOT)
    assert read(node, copy, 0, 10) == b"in a qtree"
    assert [lun.path for lun in admin.get_lun_by_args(path="/vol/*")] == [
        f"/vol/vol1/q1/{NAME}",
        f"/vol/vol1/q1/{NAME}.snap",
    ]
    node.ganeti("remove", SNAPSHOT)
    node.ganeti("remove", DISK)


def test_two_nodes_see_one_disk_through_devices_of_their_own(make_node: MakeNode) -> None:
    one, two = make_node("node1"), make_node("node2")
    device = one.ganeti("create", DISK)
    assert not Path(two.path(device)).exists()
    two.ganeti("assemble", DISK)
    assert one.device(device) != two.device(device)
    write(one, device, 0, b"seen by both")
    assert read(two, device, 0, 12) == b"seen by both"
