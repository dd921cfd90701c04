"""Where Ganeti itself loses track of a volume, or believes too much: what happens with this provider.

Ganeti's side is its own code. What the hooks add (a removed instance's devices on other nodes, LUNs that Ganeti
believed gone) is in test_hooks.py; several nodes with one device, in test_life.py and test_sequences.py.
"""

from __future__ import annotations

import pytest

from dataontap.client.zapi.cmode import CmodeClient
from tests.contract.conftest import MakeNode
from tests.testbed.node import GanetiError, Node

NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
UUID = "e5d84ccc-11b6-4f5d-8702-af659b341813"
PATH = f"/vol/vol1/{NAME}"
DISK = {"volume": NAME, "size": 16, "uuid": UUID}


def paths(admin: CmodeClient) -> list[str]:
    return [lun.path for lun in admin.get_lun_by_args(path="/vol/*")]


def test_attach_would_fail_after_create(make_node: MakeNode, admin: CmodeClient) -> None:
    """Ganeti forgets a volume that was made and could not be attached: so it is not left behind."""
    node = make_node(ISCSI_ATTACH_COMMANDS=(("true",),), TIMEOUT=1)
    with pytest.raises(GanetiError, match="create script failed(.|\n)*no device came up"):
        node.ganeti("create", DISK)
    assert paths(admin) == []


def test_attach_fails_in_remove(node: Node, admin: CmodeClient) -> None:
    """Ganeti takes the volume for gone and never runs remove: the LUN stays, tagged, and post-remove finds it."""
    node.ganeti("create", DISK)
    node.ganeti("shutdown", DISK)
    admin.server.send_request("lun-offline", {"path": PATH})
    with pytest.raises(GanetiError, match="is offline on the filer; set it online there"):
        node.ganeti("remove", DISK)
    (lun,) = admin.get_lun_by_args(path=PATH)
    assert lun.comment == f"dataontap:2:cluster.example:{UUID}:disk:-"


def test_attach_in_remove_does_not_fail_for_want_of_a_filer(node: Node, admin: CmodeClient) -> None:
    """A device that is here is enough for attach; remove itself then says that it could not be done."""
    node.ganeti("create", DISK)
    node.ganeti("find", DISK)
    node.configure(PORT=1)
    with pytest.raises(GanetiError, match="remove script failed(.|\n)*refused the connection"):
        node.ganeti("remove", DISK)
    assert paths(admin) == [PATH]
    node.configure()
    with pytest.raises(GanetiError, match="there is no LUN|remove script failed"):
        node.ganeti("remove", {**DISK, "volume": "another"})
    node.ganeti("assemble", DISK)
    node.ganeti("remove", DISK)
    assert paths(admin) == []


def test_recreating_a_disk_that_is_there(node: Node, admin: CmodeClient) -> None:
    """recreate-disks calls create with the same name: nothing of it may be lost."""
    device = node.ganeti("create", DISK)
    with open(node.device(device), "r+b", buffering=0) as disk:
        disk.write(b"precious")
    for uuid in (UUID, "another-uuid"):
        with pytest.raises(GanetiError, match="there is a LUN .* already; it is left as it is"):
            node.ganeti("create", {**DISK, "uuid": uuid})
    with open(node.device(device), "rb", buffering=0) as disk:
        assert disk.read(8) == b"precious"


def test_no_answer_is_a_path_that_is_none(node: Node) -> None:
    """Ganeti starts an instance with whatever attach prints: so that is a device, or attach fails."""
    with pytest.raises(GanetiError, match="attach script failed"):
        node.ganeti("assemble", DISK)
    device = node.ganeti("create", DISK)
    assert node.ganeti("assemble", DISK) == device


def test_detach_of_a_disk_in_use_fails(node: Node) -> None:
    """Ganeti detaches under KVM even when the guest has not let go of the disk."""
    device = node.ganeti("create", DISK)
    with open(node.device(device), "rb"), pytest.raises(GanetiError, match="its device is in use by process"):
        node.ganeti("shutdown", DISK)
    assert node.ganeti("find", DISK) == device


def test_what_is_not_attached_can_be_detached_and_removed(node: Node, admin: CmodeClient) -> None:
    """Ganeti tries both again, and attaches only to detach."""
    node.ganeti("create", DISK)
    for verb in ("detach", "detach", "remove", "remove", "detach"):
        outcome = node.script(verb, VOL_NAME=NAME, VOL_UUID=UUID)
        assert outcome.status == 0, outcome.stderr
    assert paths(admin) == []
