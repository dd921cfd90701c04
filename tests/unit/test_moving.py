"""Moving a volume between groups: from one for all nodes to one per node, and back; disks with their own."""

from __future__ import annotations

import pytest

from dataontap.errors import DeviceError, VolumeError
from dataontap.volume.placement import spread
from tests.unit.stage import Stage
from tests.unit.volume import EXCLUSIVE, MIB, NODE1, NODE2, PATH, SHARED, VOLUME, make

pytestmark = pytest.mark.usefixtures("group_per_node")


class TestMoving:
    @pytest.fixture
    def fixed(self, stage: Stage) -> Stage:
        """A volume made in a group of all nodes, which volumes are to leave now."""
        stage.options["IGROUP"] = "ganeti"
        initiator = "iqn.1993-08.org.debian:01:node1.example"
        stage.ask("igroup-add", {"initiator-group-name": "ganeti", "initiator": initiator})
        make(stage)
        stage.options.update(IGROUP="g-{node}", FORMER_IGROUP="ganeti")
        return stage

    def test_attach_leaves_it_there(self, fixed: Stage) -> None:
        fixed.provider.attach(VOLUME)
        assert fixed.groups(PATH) == ["ganeti"]

    def test_an_exclusive_open_moves_it(self, fixed: Stage) -> None:
        fixed.provider.open(EXCLUSIVE)
        assert fixed.groups(PATH) == [NODE1]

    def test_a_shared_one_does_not(self, fixed: Stage) -> None:
        fixed.provider.open(SHARED)
        assert fixed.groups(PATH) == ["ganeti"]

    def test_a_running_instance_stays(self, fixed: Stage) -> None:
        fixed.host.held_by = ["process 7 (qemu)"]
        fixed.provider.open(EXCLUSIVE)
        assert fixed.groups(PATH) == ["ganeti"]

    def test_a_map_that_is_refused_puts_the_old_one_back(self, fixed: Stage) -> None:
        before = fixed.filer.luns["svm1", PATH].maps
        fixed.ask("igroup-create", {"initiator-group-name": NODE1, "initiator-group-type": "fcp"})
        with pytest.raises(VolumeError, match="is an igroup for fcp"):
            fixed.provider.open(EXCLUSIVE)
        assert fixed.filer.luns["svm1", PATH].maps == before

    def test_a_volume_in_another_pool_that_has_no_tag_is_not_lost(self, stage: Stage) -> None:
        """The first implementation's: mapped to nobody, nothing else would tell it from a copy."""
        stage.ask("lun-create-by-size", {"path": "/vol/vol2/v", "size": 64 * MIB})
        stage.ask("lun-map", {"path": "/vol/vol2/v", "initiator-group": "ganeti"})
        stage.options["FORMER_IGROUP"] = "ganeti"
        stage.provider.open(EXCLUSIVE)
        stage.provider.detach(VOLUME)
        assert stage.groups("/vol/vol2/v") == []
        stage.provider.attach(VOLUME)
        assert stage.groups("/vol/vol2/v") == [NODE1]

    @pytest.fixture
    def back(self, fixed: Stage) -> Stage:
        """It is in node1's group, and to leave that again."""
        fixed.provider.open(EXCLUSIVE)
        fixed.options.update(IGROUP="ganeti", FORMER_IGROUP="g-{node}")
        for node in ("node1", "node2"):
            initiator = f"iqn.1993-08.org.debian:01:{node}.example"
            fixed.initiators[f"{node}.example"] = initiator
            if initiator not in fixed.filer.igroups["svm1", "ganeti"].initiators:
                fixed.ask("igroup-add", {"initiator-group-name": "ganeti", "initiator": initiator})
        return fixed

    def test_and_back(self, back: Stage) -> None:
        """At another id: a node that was fenced may have queued something for the one that it knows."""
        had = back.filer.luns["svm1", PATH].maps[NODE1]
        back.provider.open(EXCLUSIVE)
        assert back.groups(PATH) == ["ganeti"]
        assert back.filer.luns["svm1", PATH].maps["ganeti"] != had == next(spread("v", 4095))

    def test_meanwhile_other_nodes_get_it_by_their_old_groups(self, back: Stage) -> None:
        """The one for all nodes cannot have it as long as one node's has it."""
        back.become("node2.example").provider.attach_anew(VOLUME)
        assert back.groups(PATH) == [NODE1, NODE2]
        back.provider.attach(VOLUME)
        back.provider.open(EXCLUSIVE)
        assert back.groups(PATH) == ["ganeti"]

    def test_a_stopped_one_comes_at_another_id_too(self, back: Stage) -> None:
        back.ask("lun-unmap", {"path": PATH, "initiator-group": NODE1})
        back.provider.attach(VOLUME)
        assert back.groups(PATH) == ["ganeti"]
        assert back.filer.luns["svm1", PATH].maps["ganeti"] != next(spread("v", 4095))

    def test_ids_of_the_group_for_all_nodes_are_not_taken_for_free(self, back: Stage) -> None:
        """A node sees LUNs by that and by its own, and under one id only one."""
        back.ask("lun-create-by-size", {"path": "/vol/vol1/w", "size": 64 * MIB})
        first = next(spread("v", 4095))
        back.ask("lun-unmap", {"path": PATH, "initiator-group": NODE1})
        back.ask("lun-map", {"path": PATH, "initiator-group": NODE1, "lun-id": 4})
        back.ask("lun-map", {"path": "/vol/vol1/w", "initiator-group": "ganeti", "lun-id": first})
        back.become("node2.example").provider.attach(VOLUME)
        assert back.filer.luns["svm1", PATH].maps[NODE2] != first

    def test_one_that_stays_is_taken_from_other_nodes(self, made: Stage) -> None:
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        made.become("node2.example").provider.attach(VOLUME)
        made.become("node1.example").host.held_by = ["process 7 (qemu)"]
        made.provider.open(EXCLUSIVE)
        assert made.groups(PATH) == [NODE1]

    def test_a_former_group_of_another_node_is_not_this_ones(self, made: Stage) -> None:
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        made.become("node2.example").provider.attach(VOLUME)
        take: dict[str, object] = {"path": PATH, "initiator-group": "fast-node2.example"}
        made.wire.meanwhile(
            "lun-map-get-iter",
            lambda: made.wire.meanwhile("lun-map-get-iter", lambda: made.ask("lun-unmap", take)),
        )
        with pytest.raises(VolumeError, match="another node opens"):
            made.provider.open(EXCLUSIVE)

    def test_from_one_group_per_node_to_another(self, made: Stage) -> None:
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        made.become("node2.example").provider.attach(VOLUME)
        assert made.groups(PATH) == ["fast-node2.example", NODE1]
        made.provider.open(EXCLUSIVE)
        assert made.groups(PATH) == ["fast-node2.example"]


class TestDisksWithAnIgroupOfTheirOwn:
    """``igroup=fast-{node}``, which hooks are told by the LUN's tag alone."""

    FAST = ("fast-node1.example", "fast-node2.example")

    @pytest.fixture
    def fast(self, stage: Stage) -> Stage:
        stage.options["ALLOWED_IGROUPS"] = ("fast-{node}",)
        stage.params["igroup"] = "fast-{node}"
        make(stage)
        return stage

    def attach_by_hook(self, stage: Stage) -> None:
        """As the hook does it on node2."""
        stage.params.clear()
        stage.become("node2.example").provider.attach_anew(VOLUME)
        stage.params["igroup"] = "fast-{node}"

    def test_a_running_one_moves(self, fast: Stage) -> None:
        self.attach_by_hook(fast)
        assert fast.groups(PATH) == [*self.FAST]
        fast.provider.attach(VOLUME)
        fast.provider.open(EXCLUSIVE)
        assert fast.groups(PATH) == [self.FAST[1]]
        fast.provider.detach(VOLUME)
        assert fast.groups(PATH) == []

    def test_a_running_one_with_an_old_tag_moves(self, fast: Stage) -> None:
        """Nothing tells the hook, so it maps to the usual group, from where the disk goes on."""
        fast.ask("lun-set-comment", {"path": PATH, "comment": "dataontap:1:cluster.example:u-1:disk"})
        self.attach_by_hook(fast)
        assert fast.groups(PATH) == [self.FAST[0], NODE2]
        fast.provider.attach(VOLUME)
        fast.provider.open(EXCLUSIVE)
        assert fast.groups(PATH) == [NODE2]
        fast.provider.detach(VOLUME)
        assert fast.groups(PATH) == []

    def test_a_stopped_one_starts_where_it_moved_to(self, fast: Stage) -> None:
        fast.provider.detach(VOLUME)
        self.attach_by_hook(fast)
        assert fast.groups(PATH) == [self.FAST[1]]
        fast.provider.attach(VOLUME)
        fast.provider.open(EXCLUSIVE)
        fast.become("node1.example").provider.attach(VOLUME)
        assert fast.groups(PATH) == [*self.FAST]
        fast.provider.remove(VOLUME)
        assert fast.paths == []

    def test_in_a_group_for_all_nodes(self, stage: Stage) -> None:
        """Which lacks node2, while the LUN has an old tag: what the hook maps there goes with the device."""
        stage.options["ALLOWED_IGROUPS"] = ("special",)
        initiator = "iqn.1993-08.org.debian:01:node1.example"
        stage.ask("igroup-create", {"initiator-group-name": "special", "initiator-group-type": "iscsi"})
        stage.ask("igroup-add", {"initiator-group-name": "special", "initiator": initiator})
        stage.params["igroup"] = "special"
        make(stage)
        stage.ask("lun-set-comment", {"path": PATH, "comment": "dataontap:1:cluster.example:u-1:disk"})
        stage.params.clear()
        stage.become("node2.example").provider.attach_anew(VOLUME)
        stage.params["igroup"] = "special"
        assert stage.groups(PATH) == [NODE2, "special"]
        stage.provider.detach(VOLUME)
        assert stage.groups(PATH) == ["special"]

    def test_a_strangers_group_that_has_this_node_shows_it(self, stage: Stage) -> None:
        make(stage)
        stage.provider.detach(VOLUME)
        initiator = "iqn.1993-08.org.debian:01:node2.example"
        stage.ask("igroup-create", {"initiator-group-name": "shared", "initiator-group-type": "iscsi"})
        stage.ask("igroup-add", {"initiator-group-name": "shared", "initiator": initiator})
        stage.ask("lun-map", {"path": PATH, "initiator-group": "shared"})
        with pytest.raises(DeviceError):  # this stage's node has no such group; nothing is mapped twice
            self.attach_by_hook(stage)
        assert stage.groups(PATH) == ["shared"]
