"""An instance's life on one node, as its admin leads it."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor

from tests.cluster.conftest import AddInstance, Make
from tests.package import readme
from tests.testbed.cluster import OPERATING_SYSTEM, Cluster, Node
from tests.testbed.node import CONFIG


def test_diagnose(cluster: Cluster) -> None:
    """The provider is valid on all nodes, with its parameters."""
    said = cluster.gnt("storage", "diagnose").stdout
    assert "Provider: dataontap" in said
    assert said.count("status: valid (path: /usr/share/ganeti/extstorage/dataontap)") == 3
    assert said.count("[parameters: pool, igroup, lun_ostype, lun_space_reservation]") == 3


def test_add_with_one_disk(cluster: Cluster, node2: Node, add: AddInstance) -> None:
    """A new instance runs on a LUN of its size, which its node has and no other."""
    instance = add("64M")
    (volume,) = instance.volumes
    lun = cluster.luns()[volume]
    assert (lun.size, lun.ostype, lun.reserved, list(lun.maps)) == (64 << 20, "linux", True, [node2.group])
    assert lun.comment.startswith(f"originstname+{instance.name} dataontap:2:cluster.example:")
    assert instance.status == "running"
    assert instance.used_link(node2) == instance.link()
    assert instance.seen() == ["node2"]
    assert instance.read(node2, len(instance.name), at=0) == instance.name  # the OS script's


def test_the_first_instances_as_readme_says(cluster: Cluster, node2: Node, make: Make) -> None:
    """Its commands, but for the OS, the name, the node and the network, which this cluster has others of."""
    (shown,) = readme.blocks("6. The first instance", "text")
    first, second = readme.blocks("6. The first instance", "sh")
    for block, pool in ((first, "vol1"), (second, "fast")):
        instance = make()
        words = shlex.split(block)[:-1]
        given = [OPERATING_SYSTEM if word == "debootstrap+default" else word for word in words]
        here = ["-n", node2.name, "--no-name-check", "--no-ip-check", "--no-nics"]
        said = cluster.master.run(*given, *here, instance.name)
        output = f"{said.stdout}{said.stderr}".replace(instance.name, shlex.split(first)[-1])
        assert readme.in_order(shown, output), output
        (lun,) = (lun for lun in cluster.luns().values() if lun.name == instance.volumes[0])
        assert (lun.path, lun.size, lun.reserved) == (f"/vol/{pool}/{lun.name}", 5 << 30, pool == "vol1")
        assert (instance.status, instance.seen()) == ("running", ["node2"])


def test_the_files_get_to_all_nodes_as_readme_says(cluster: Cluster) -> None:
    """With the modes that they have on the master."""
    commands = readme.block("4. The nodes", "sh", "gnt-cluster copyfile").splitlines()
    files = [shlex.split(command)[-1] for command in commands]
    certificate = next(file for file in files if file != CONFIG)
    cluster.master.write(certificate, "a certificate\n")
    try:
        for command in commands:
            cluster.master.run(*shlex.split(command))
        for file in files:
            first, *others = [
                (node.path(file).read_bytes(), node.path(file).stat().st_mode) for node in cluster.nodes
            ]
            assert others == [first, first]
        assert oct(cluster.master.path(CONFIG).stat().st_mode)[-3:] == "600"
    finally:
        for node in cluster.nodes:
            node.path(certificate).unlink(missing_ok=True)
            node.configure()  # each node has commands of its own there


def test_no_job_starts_while_the_queue_is_drained_as_readme_says(cluster: Cluster) -> None:
    drain, undrain = readme.blocks("Upgrade, roll back, uninstall", "sh")[:2]
    cluster.master.run(*shlex.split(drain))
    try:
        assert "drain" in cluster.try_gnt("cluster", "verify-disks").stderr
    finally:
        cluster.master.run(*shlex.split(undrain))
    cluster.gnt("cluster", "verify-disks")


def test_add_with_three_disks(cluster: Cluster, node2: Node, add: AddInstance) -> None:
    """Each disk is a LUN of its own, with its own parameters and its own data."""
    instance = add("64M", "16M,lun_space_reservation=False", "32M,lun_ostype=windows")
    luns = [cluster.luns()[volume] for volume in instance.volumes]
    assert [(lun.size >> 20, lun.reserved, lun.ostype) for lun in luns] == [
        (64, True, "linux"),
        (16, False, "linux"),
        (32, True, "windows"),
    ]
    for disk in range(3):
        mark = f"{instance.name} disk {disk}"
        assert instance.read(node2, len(mark), disk, at=0) == mark
        assert instance.used_link(node2, disk) == instance.link(disk)


def test_start_stop_reboot_info(node2: Node, add: AddInstance) -> None:
    """A stopped instance has no device, unless somebody asked Ganeti about it; its data stays."""
    instance = add()
    instance.write(node2, "precious")
    instance.do("stop")
    assert (instance.status, instance.seen()) == ("ADMIN_down", [])
    assert f"on primary: {instance.link()}" in instance.do("info").stdout
    assert instance.seen() == ["node2"]
    instance.do("start")
    for kind in ("soft", "hard", "full"):
        instance.do("reboot", f"--type={kind}")
        assert (instance.status, instance.seen()) == ("running", ["node2"])
        assert instance.read(node2, 8) == "precious"
    instance.do("stop")
    instance.do("activate-disks")
    assert instance.read(node2, 8) == "precious"
    instance.do("deactivate-disks")
    assert instance.seen() == []


def test_rename_and_reinstall(cluster: Cluster, node2: Node, add: AddInstance, make: Make) -> None:
    """The LUN's comment follows the name; the OS scripts of both write onto the disk."""
    instance, renamed = add(), make()
    volume = instance.volumes[0]
    tag = cluster.luns()[volume].comment.partition(" ")[2]
    instance.do("stop")
    instance.rename(renamed.name)
    assert renamed.volumes == [volume]
    assert cluster.luns()[volume].comment == f"originstname+{renamed.name} {tag}"
    assert renamed.seen() == []
    renamed.do("reinstall", "-f")
    renamed.do("start")
    assert renamed.read(node2, len(renamed.name), at=0) == renamed.name


def test_two_at_once(cluster: Cluster, node2: Node, add: AddInstance) -> None:
    """Two instances of one node are started and removed in parallel; neither gets the other's disk."""
    instances = [add(), add()]
    for instance in instances:
        instance.write(node2, instance.name)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda instance: instance.do("stop"), instances))
        list(pool.map(lambda instance: instance.do("start"), instances))
        for instance in instances:
            assert instance.used_link(node2) == instance.link()
            assert instance.read(node2, len(instance.name)) == instance.name
        list(pool.map(lambda instance: instance.do("remove", "-f"), instances))
    assert cluster.leftovers() == []
