"""What goes wrong on the filer, on the way to it and on nodes: nothing is lost, nothing is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from tests.cluster.conftest import AddInstance, Make
from tests.simulator.faults import Fault
from tests.testbed.calls import spelled, told
from tests.testbed.cluster import Cluster, Node
from tests.testbed.filer import destroy
from tests.testbed.processes import holder
from tests.testbed.recorder import recorded


def changes(cluster: Cluster) -> list[str]:
    """The calls that change something on the filer, each once."""
    calls = ("lun-create-by-size", "lun-map", "lun-set-comment", "lun-resize", "lun-unmap", "lun-destroy")
    return sorted({spelled(call, cluster.api) for call in calls})


@contextlib.contextmanager
def configured(node: Node, **options: object) -> Iterator[None]:
    """The provider has these options on the node meanwhile."""
    node.configure(**options)
    try:
        yield
    finally:
        node.configure()


@pytest.mark.parametrize(("api", "nth"), [("lun-create-by-size", 1), ("lun-map", 1), ("lun-map", 2)])
def test_add_that_the_filer_refuses(cluster: Cluster, node2: Node, make: Make, api: str, nth: int) -> None:
    """The first disk or the second of three cannot be made: nothing of any of them stays."""
    fault = Fault("errno", api=spelled(api, cluster.api), nth=nth, errno="13001", reason="injected")
    message = f"{told(api, cluster.api)} failed: injected"
    with cluster.control.armed_with(fault), pytest.raises(AssertionError, match=message):
        make().add(node2, "16M", "16M", "16M")
    assert cluster.leftovers() == []


def test_add_where_no_device_comes(cluster: Cluster, node2: Node, make: Make) -> None:
    """Attach would fail after create, and Ganeti forget the volume: so create itself fails, and undoes it."""
    with (
        configured(node2, ISCSI_ATTACH_COMMANDS=(("true",),), TIMEOUT=3),
        pytest.raises(AssertionError, match="no device came up"),
    ):
        make().add(node2, "16M")
    assert cluster.leftovers() == []


def test_answers_that_are_lost(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """Each change was made, but nobody heard of it; and the filer is away for a while: all goes on as ever."""
    lost = [Fault("reset", api=api, after=True) for api in changes(cluster)]
    with cluster.control.armed_with(*lost):
        instance = add()
        instance.write(node2, "precious")
        instance.do("grow-disk", then=("0", "32M"))
        cluster.control.arm(Fault("takeover", seconds=4))
        instance.do("migrate", "-f", "-n", node3.name)
        assert (instance.read(node3, 8), instance.size(node3)) == ("precious", 96)
        instance.do("remove", "-f")
        assert [struck for _, struck in cluster.control.armed()] == [1] * (len(lost) + 1)
    assert cluster.leftovers() == []


def test_the_filer_cannot_be_reached(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """What runs goes on and can be stopped; a start and a migration fail before anything has changed."""
    instance = add()
    instance.write(node2, "precious")
    with cluster.lan.cut("filer"):
        refused = instance.fails("migrate", "-f", "-n", node3.name)
        assert "filer.example" in refused.stdout + refused.stderr
        assert (instance.primary, instance.status, instance.seen()) == ("node2", "running", ["node2"])
        instance.do("stop")
        assert instance.seen() == []
        instance.fails("start")
    instance.do("start")
    assert instance.read(node2, 8) == "precious"


def test_removal_that_the_filer_refuses(cluster: Cluster, node2: Node, add: AddInstance) -> None:
    """Ganeti tries for half a minute and then keeps the instance, which can be removed later."""
    instance = add()
    instance.do("stop")
    call = spelled("lun-destroy", cluster.api)
    refusal = Fault("errno", api=call, errno="13001", reason="injected", times=None)
    with cluster.control.armed_with(refusal):
        instance.fails("remove", "-f")
    assert list(cluster.luns()) == instance.volumes


def test_a_source_that_cannot_let_go(cluster: Cluster, node2: Node, node3: Node, add: AddInstance) -> None:
    """Somebody has the disk open: the migration goes well, the device stays until a later removal."""
    instance = add()
    instance.write(node2, "precious")
    with holder(node2, instance.link()):
        instance.do("migrate", "-f", "-n", node3.name)
        assert (instance.primary, instance.read(node3, 8)) == ("node3", "precious")
        assert instance.seen() == ["node2", "node3"]


def test_a_removal_while_another_node_uses_the_disk(cluster: Cluster, node3: Node, add: AddInstance) -> None:
    """The LUN that Ganeti dropped silently is not destroyed under somebody's hands."""
    instance = add()
    volume, link = instance.volumes[0], instance.link()
    instance.do("migrate", "--cleanup", "-f", "-n", node3.name)
    instance.do("stop")
    path = cluster.luns()[volume].path
    with holder(node3, link), cluster.admin() as admin:
        admin.server.send_request("lun-offline", {"path": path})
        instance.do("remove", "-f")
        assert volume in cluster.luns()
        assert cluster.seen(volume) == ["node3"]
        admin.server.send_request("lun-online", {"path": path})
    said = cluster.gnt("cluster", "command", f"/usr/bin/python3 -I -m dataontap.cleanup {volume}").stdout
    assert "return code = 1" not in said
    with cluster.admin() as admin:
        destroy(admin, path)


@pytest.mark.parametrize("verb", ["attach", "open", "close"])
@pytest.mark.parametrize("where", ["node2", "node3"])
def test_migration_that_breaks_off(cluster: Cluster, add: AddInstance, where: str, verb: str) -> None:
    """A script fails on the source or the target: the instance goes on in one place, and can be migrated then."""
    _, node2, node3 = cluster.nodes
    instance = add()
    instance.write(node2, "precious")
    (node,) = (node for node in cluster.nodes if node.port == where)
    with recorded(cluster) as recorder, recorder.failing(node, verb):
        instance.fails("migrate", "-f", "-n", node3.name)
    # The guest has moved when the source is closed, and Ganeti does not take that back.
    here, there = (node3, node2) if (where, verb) == ("node2", "close") else (node2, node3)
    assert (instance.primary, instance.status) == (here.port, "running")
    assert instance.read(here, 8) == "precious"
    instance.do("migrate", "-f", "-n", there.name)
    assert (instance.primary, instance.seen()) == (there.port, [there.port])
    assert instance.read(there, 8) == "precious"


@pytest.mark.parametrize("operation", ["stop", "failover", "migrate"])
def test_a_detach_that_fails(cluster: Cluster, node2: Node, node3: Node, add: AddInstance, operation: str) -> None:
    """Ganeti warns at most, and goes on; the device that is left is found again, or taken away by the removal."""
    instance = add()
    instance.write(node2, "precious")
    with recorded(cluster) as recorder, recorder.failing(node2, "detach"):
        instance.do(operation, *(() if operation == "stop" else ("-f", "-n", node3.name)))
        assert [step.status for step in recorder.steps("detach", "node2")][:1] == [1]
    assert "node2" in instance.seen()
    if operation == "stop":
        instance.do("start")
    here = node2 if operation == "stop" else node3
    assert (instance.primary, instance.read(here, 8)) == (here.port, "precious")


def test_operations_whose_answers_are_lost(
    cluster: Cluster, node2: Node, node3: Node, add: AddInstance, make: Make
) -> None:
    """Whatever an admin does: each first change of a kind is made, but nobody hears of it; all goes on as ever."""
    instance, renamed = add(), make()
    instance.write(node2, "precious")
    second = ("--disk", "add:size=16M,provider=dataontap")

    def have_lost(*expected: str) -> None:
        struck = {fault.api for fault, times in cluster.control.clear() if times}
        assert struck >= {spelled(call, cluster.api) for call in expected}

    def lose_answers(*expected: str) -> None:
        have_lost(*expected)
        for api in changes(cluster):
            cluster.control.arm(Fault("reset", api=api, after=True))

    with cluster.control.armed_with():
        lose_answers()
        instance.do("reboot")
        instance.do("modify", *second)
        lose_answers("lun-create-by-size", "lun-map", "lun-set-comment")
        instance.do("failover", "-f", "-n", node3.name)
        assert instance.read(node3, 8) == "precious"
        instance.do("stop")
        instance.do("modify", "--disk", "1:remove")
        lose_answers("lun-unmap", "lun-destroy")
        instance.do("start")
        cluster.try_gnt("backup", "export", "-n", cluster.master.name, instance.name)
        instance.do("stop")
        instance.rename(renamed.name)
        have_lost("lun-set-comment", "lun-destroy")
        (volume,) = renamed.volumes
        with cluster.admin() as admin:
            destroy(admin, cluster.luns()[volume].path)
        lose_answers()
        renamed.do("recreate-disks")
        renamed.do("reinstall", "-f")
        renamed.do("start")
        lose_answers("lun-create-by-size", "lun-map")
    assert renamed.volumes == list(cluster.luns()) == [volume]
    assert renamed.read(node3, len(renamed.name), at=0) == renamed.name
    if cluster.ganeti == "3.0.2":
        cluster.try_gnt("backup", "remove", instance.name)


def test_stop_and_start_when_attach_fails(cluster: Cluster, node2: Node, add: AddInstance) -> None:
    """Ganeti then does not detach; the device that is left is found again."""
    instance = add()
    instance.write(node2, "precious")
    with recorded(cluster) as recorder, recorder.failing(node2, "attach"):
        instance.do("stop")
        assert instance.seen() == ["node2"]
        instance.fails("start")
    instance.do("start")
    assert instance.read(node2, 8) == "precious"
