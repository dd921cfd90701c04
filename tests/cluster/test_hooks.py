"""The packaged hooks, run by Ganeti: what they do, and that it would not be done without them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.cluster.conftest import AddInstance
from tests.testbed.cluster import Cluster, Node
from tests.testbed.filer import destroy
from tests.testbed.recorder import recorded


@contextlib.contextmanager
def hook(cluster: Cluster, directory: str, *, linked: bool) -> Iterator[None]:
    """The package's link in this directory of Ganeti's, or meanwhile none."""
    place = f"/etc/ganeti/hooks/{directory}"
    for node in cluster.nodes:
        assert node.run("ls", place).stdout == "extstorage-dataontap\n"
        if not linked:
            node.run("mv", f"{place}/extstorage-dataontap", "/root/hook")
    try:
        yield
    finally:
        if not linked:
            for node in cluster.nodes:
                node.run("mv", "/root/hook", f"{place}/extstorage-dataontap")


@pytest.mark.parametrize("linked", [True, False], ids=["with", "without"])
def test_a_migration_attach_is_answered_from_the_node(
    cluster: Cluster, node3: Node, add: AddInstance, linked: bool
) -> None:
    """The hook has the disk ready: Ganeti's own attach on the target asks nobody. Without the hook it has to."""
    instance = add()
    with hook(cluster, "instance-migrate-pre.d", linked=linked), recorded(cluster) as recorder:
        instance.do("migrate", "-f", "-n", node3.name)
        asked = [recorder.asked(step) for step in recorder.steps("attach", "node3")]
    assert asked
    assert (asked[0] == []) == linked
    assert asked[1:] == [[]] * (len(asked) - 1)


@pytest.mark.parametrize("linked", [True, False], ids=["with", "without"])
def test_a_disk_that_has_grown_elsewhere(
    cluster: Cluster, node2: Node, node3: Node, add: AddInstance, linked: bool
) -> None:
    """A device that was left on the target has the old size, until the hook sees to it.

    With a group for each node, ``open`` would see to it, too: the LUN is not mapped for the target any more.
    """
    instance = add()
    instance.do("migrate", "--cleanup", "-f", "-n", node3.name)
    assert instance.size(node3) == 64
    instance.do("grow-disk", then=("0", "32M"))
    instance.write(node2, "new room", at=95 << 20)
    assert instance.size(node3) == 64
    with hook(cluster, "instance-migrate-pre.d", linked=linked):
        instance.do("migrate", "-f", "-n", node3.name)
    is_seen = linked or cluster.is_per_node
    assert instance.size(node3) == (96 if is_seen else 64)
    if is_seen:
        assert instance.read(node3, 8, at=95 << 20) == "new room"


@pytest.mark.parametrize("linked", [True, False], ids=["with", "without"])
def test_a_removed_instance_leaves_no_device_on_any_node(
    cluster: Cluster, node1: Node, node3: Node, add: AddInstance, linked: bool
) -> None:
    """Ganeti removes on the primary only; the hook goes to all nodes."""
    instance = add()
    volume = instance.volumes[0]
    for node in (node1, node3):
        instance.do("migrate", "--cleanup", "-f", "-n", node.name)
    assert cluster.seen(volume) == ["node1", "node2", "node3"]
    with hook(cluster, "instance-remove-post.d", linked=linked):
        instance.do("remove", "-f")
    assert volume not in cluster.luns()
    assert cluster.seen(volume) == ([] if linked else ["node1", "node3"])
    if not linked:
        cluster.gnt("cluster", "command", f"/usr/bin/python3 -I -m dataontap.cleanup {volume}")


@pytest.mark.parametrize("linked", [True, False], ids=["with", "without"])
def test_a_lun_that_ganeti_dropped_silently(cluster: Cluster, add: AddInstance, linked: bool) -> None:
    """When attach fails in a removal Ganeti takes the disk for removed; the hook removes the LUN."""
    instance = add()
    instance.do("stop")
    volume = instance.volumes[0]
    path = cluster.luns()[volume].path
    with cluster.admin() as admin:
        admin.server.send_request("lun-offline", {"path": path})  # attach refuses such a LUN
    with hook(cluster, "instance-remove-post.d", linked=linked):
        instance.do("remove", "-f")
    assert not instance.exists
    assert (volume in cluster.luns()) == (not linked)
    if not linked:
        with cluster.admin() as admin:
            destroy(admin, path)
