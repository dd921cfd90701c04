"""Instances move: their data is on the node where they are, and nowhere else."""

from __future__ import annotations

from tests.cluster.conftest import AddInstance
from tests.testbed.cluster import Cluster, Node


def test_migrate_there_and_back(node2: Node, node3: Node, add: AddInstance) -> None:
    """The target has the data, the source no device any more."""
    instance = add("64M", "16M")
    instance.write(node2, "precious")
    instance.write(node2, "second", disk=1)
    for source, target in ((node2, node3), (node3, node2)):
        instance.do("migrate", "-f", "-n", target.name)
        assert (instance.primary, instance.status) == (target.port, "running")
        assert [instance.seen(0), instance.seen(1)] == [[target.port]] * 2
        assert instance.used_link(target) == instance.link()
        assert instance.read(target, 8) == "precious"
        assert instance.read(target, 6, disk=1) == "second"
        instance.write(target, f"from {target.port}", at=2 << 20)
        assert instance.name not in source.run("ls", "/run/ganeti/instance-disks").stdout


def test_migrate_cleanup(node2: Node, node3: Node, add: AddInstance) -> None:
    """Ganeti leaves the disk on the other node; a removal takes it off there, too."""
    instance = add()
    instance.write(node2, "precious")
    instance.do("migrate", "--cleanup", "-f", "-n", node3.name)
    assert (instance.primary, instance.status) == ("node2", "running")
    assert instance.read(node2, 8) == "precious"
    assert instance.seen() == ["node2", "node3"]
    instance.do("migrate", "-f", "-n", node3.name)
    assert instance.seen() == ["node3"]
    instance.do("migrate", "--cleanup", "-f", "-n", node2.name)
    assert instance.seen() == ["node2", "node3"]


def test_failover_of_a_running_instance(node2: Node, node3: Node, add: AddInstance) -> None:
    """It stops on the source and starts on the target."""
    instance = add()
    instance.write(node2, "precious")
    instance.do("failover", "-f", "-n", node3.name)
    assert (instance.primary, instance.status, instance.seen()) == ("node3", "running", ["node3"])
    assert instance.read(node3, 8) == "precious"


def test_failover_of_a_stopped_instance(node2: Node, node3: Node, add: AddInstance) -> None:
    """It moves without being started; the pre-failover hook brings the disk to the target, where it stays."""
    instance = add()
    instance.write(node2, "precious")
    instance.do("stop")
    instance.do("failover", "-f", "-n", node3.name)
    assert (instance.primary, instance.status) == ("node3", "ADMIN_down")
    assert "node2" not in instance.seen()
    instance.do("start")
    assert instance.seen() == ["node3"]
    assert instance.read(node3, 8) == "precious"


def test_failover_from_an_offline_node(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """The offline node is not asked, and goes on; when it is back, a removal takes its device off."""
    instance = add()
    instance.write(node2, "precious")
    with cluster.offline(node2):
        instance.do("failover", "-f", "-n", node3.name)
        assert (instance.primary, instance.status) == ("node3", "running")
        assert instance.read(node3, 8) == "precious"
        assert instance.seen() == ["node2", "node3"]
    instance.end(node2)
    instance.do("remove", "-f")
    assert cluster.leftovers() == []


def test_failover_from_a_dead_node(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """Power fails: the instance goes on elsewhere, and comes back when the node is back."""
    instance = add()
    instance.write(node2, "precious")
    node2.stop()
    with cluster.offline(node2):
        instance.do("failover", "-f", "-n", node3.name)
        assert (instance.primary, instance.status, instance.seen()) == ("node3", "running", ["node3"])
        assert instance.read(node3, 8) == "precious"
        node2.start()
        node2.boot(cluster.lan)
        node2.run("/etc/init.d/ganeti", "start")
    instance.do("migrate", "-f", "-n", node2.name)
    assert (instance.primary, instance.seen()) == ("node2", ["node2"])
    assert instance.read(node2, 8) == "precious"
