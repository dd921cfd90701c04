"""Who sees a LUN: groups per node, ids, fencing, and moving between groups."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataontap.errors import ConfigError, DeviceError, TransportError, VolumeError
from dataontap.volume.masking import spread
from dataontap.volume.requests import Creation, Metadata, Opening, Snapshot, Volume
from tests.unit.stage import Stage

MIB = 1024 * 1024
CREATION = Creation({}, "v", "u-1", 64 * MIB)
VOLUME = Volume({}, "v", "u-1")
PATH = "/vol/vol1/v"
EXCLUSIVE = Opening({}, "v", "u-1", True)
SHARED = Opening({}, "v", "u-1", False)
NODE1, NODE2 = "g-node1.example", "g-node2.example"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Two nodes with a group each, of which node1 acts until told otherwise."""
    stage = Stage(tmp_path)
    stage.options["IGROUP"] = "g-{node}"
    return stage


@pytest.fixture
def made(stage: Stage) -> Stage:
    make(stage)
    return stage


def make(stage: Stage) -> None:
    """A volume, from create to setinfo."""
    stage.provider.create(CREATION)
    stage.provider.setinfo(Metadata({}, "v", "u-1", "originstname+a"))


def on(stage: Stage, node: str) -> Stage:
    """The same stage, acting as that node."""
    stage.become(node)
    return stage


class TestGroups:
    def test_the_group_is_made_with_the_nodes_initiator_alone(self, made: Stage) -> None:
        group = made.filer.igroups["svm1", NODE1]
        assert (group.protocol, group.ostype) == ("iscsi", "linux")
        assert group.initiators == ("iqn.1993-08.org.debian:01:node1.example",)
        assert made.groups(PATH) == [NODE1]

    def test_it_is_looked_at_once_a_day(self, made: Stage) -> None:
        made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert "igroup-get-iter" not in made.wire.calls

    def test_one_that_was_removed_meanwhile_is_made_again(self, made: Stage) -> None:
        made.provider.remove(VOLUME)
        made.ask("igroup-destroy", {"initiator-group-name": NODE1})
        made.provider.create(CREATION)
        assert made.groups(PATH) == [NODE1]

    def test_a_race_for_making_it(self, stage: Stage) -> None:
        group: dict[str, object] = {"initiator-group-name": NODE1}
        stage.wire.meanwhile(
            "igroup-create", lambda: stage.ask("igroup-create", {**group, "initiator-group-type": "iscsi"})
        )
        initiator: dict[str, object] = {**group, "initiator": "iqn.1993-08.org.debian:01:node1.example"}
        stage.wire.meanwhile("igroup-add", lambda: stage.ask("igroup-add", initiator))
        stage.provider.create(CREATION)
        assert stage.groups(PATH) == [NODE1]

    def test_one_with_another_machines_initiator_is_refused(self, stage: Stage) -> None:
        stage.ask("igroup-create", {"initiator-group-name": NODE1, "initiator-group-type": "iscsi"})
        stage.ask("igroup-add", {"initiator-group-name": NODE1, "initiator": "iqn.1993-08.org.debian:01:else"})
        with pytest.raises(
            VolumeError,
            match=f"^IGROUP: another machine's initiator is in {NODE1}; .*: iqn.1993-08.org.debian:01:else$",
        ):
            stage.provider.create(CREATION)
        assert stage.paths == []

    @pytest.mark.parametrize(
        ("protocol", "problem"),
        [
            ("iscsi", "initiator name; see /etc/iscsi/init.*"),
            ("fc", "Fibre Channel port with a WWPN; see /sys/.*"),
        ],
    )
    def test_a_node_without_an_initiator(self, stage: Stage, protocol: str, problem: str) -> None:
        stage.options["STORAGE_PROTOCOL"] = protocol
        stage.initiators["node1.example"] = ""
        with pytest.raises(DeviceError, match=f"^this node has no {problem}$"):
            stage.provider.create(CREATION)

    def test_one_of_another_protocol_is_refused(self, stage: Stage) -> None:
        stage.ask("igroup-create", {"initiator-group-name": NODE1, "initiator-group-type": "fcp"})
        with pytest.raises(
            VolumeError, match=f"^IGROUP: {NODE1} is a group for fcp, not for iscsi; see STORAGE_PROTOCOL$"
        ):
            stage.provider.create(CREATION)

    def test_a_name_that_gets_too_long(self, stage: Stage) -> None:
        stage.become("n" * 95)
        with pytest.raises(ConfigError, match="has more than the 96 characters that ONTAP takes"):
            stage.provider.create(CREATION)

    def test_an_initiator_that_is_missing_is_added(self, stage: Stage) -> None:
        stage.ask("igroup-create", {"initiator-group-name": NODE1, "initiator-group-type": "iscsi"})
        stage.provider.create(CREATION)
        assert len(stage.filer.igroups["svm1", NODE1].initiators) == 1

    def test_an_initiator_that_changed_is_added(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """The old one stays, because LUNs may be in use by it; and it is not taken for another machine's."""
        new = made.initiators["node1.example"] = "iqn.1993-08.org.debian:01:anew"
        made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        old = "iqn.1993-08.org.debian:01:node1.example"
        assert made.filer.igroups["svm1", NODE1].initiators == (old, new)
        assert f"{NODE1} still has {old}, which this node had before; see lun igroup remove" in caplog.text
        made.provider.remove(VOLUME)
        made.provider.create(CREATION)
        assert "igroup-get-iter" not in made.wire.calls

    def test_one_that_was_emptied_is_filled_again_when_no_device_comes(self, made: Stage) -> None:
        initiator = "iqn.1993-08.org.debian:01:node1.example"
        made.ask("igroup-remove", {"initiator-group-name": NODE1, "initiator": initiator, "force": True})
        made.host.devices.clear()
        made.host.blind = True
        with pytest.raises(DeviceError):
            made.provider.attach(VOLUME)
        made.host.blind = False
        made.provider.attach(VOLUME)
        assert made.filer.igroups["svm1", NODE1].initiators == (initiator,)


class TestIds:
    def test_every_id_comes_once(self) -> None:
        assert sorted(spread("v", 300)) == list(range(1, 301))
        assert next(spread("v", 4095)) != next(spread("w", 4095))

    def test_it_is_asked_for(self, made: Stage) -> None:
        assert made.filer.luns["svm1", PATH].maps == {NODE1: next(spread("v", 4095))}

    def test_the_next_one_if_it_is_taken(self, stage: Stage) -> None:
        stage.options["LUN_ID_LIMIT"] = 6
        for number in range(6):
            stage.provider.create(Creation({}, f"v{number}", None, 64 * MIB))
        assert sorted(stage.filer.maps["svm1", NODE1]) == [1, 2, 3, 4, 5, 6]
        with pytest.raises(VolumeError, match="no LUN id up to LUN_ID_LIMIT is free in g-node1"):
            stage.provider.create(CREATION)


class TestLife:
    def test_attach_maps_and_takes_nobodys_away(self, made: Stage) -> None:
        on(made, "node2.example").provider.attach(VOLUME)
        assert made.groups(PATH) == [NODE1, NODE2]

    def test_detach_unmaps_last(self, made: Stage) -> None:
        made.provider.attach(VOLUME)
        made.provider.detach(VOLUME)
        assert (made.groups(PATH), made.host.devices) == ([], {})
        made.provider.detach(VOLUME)

    def test_detach_does_not_need_the_filer(self, made: Stage) -> None:
        made.wire.lose("lun-unmap", after=False)
        made.provider.detach(VOLUME)
        assert (made.groups(PATH), made.host.devices) == ([NODE1], {})

    def test_remove_unmaps_our_groups_only(self, made: Stage) -> None:
        on(made, "node2.example").provider.attach(VOLUME)
        made.provider.remove(VOLUME)
        assert made.paths == []

    def test_remove_spares_what_a_stranger_sees(self, made: Stage) -> None:
        made.ask("igroup-create", {"initiator-group-name": "backup", "initiator-group-type": "iscsi"})
        made.ask("lun-map", {"path": PATH, "initiator-group": "backup"})
        with pytest.raises(VolumeError, match="its LUN is mapped to backup too"):
            made.provider.remove(VOLUME)
        assert made.groups(PATH) == ["backup", NODE1]

    def test_a_held_leftover_refuses_the_map(self, made: Stage) -> None:
        made.host.held_by = ["process 7 (qemu)"]
        made.ask("lun-unmap", {"path": PATH, "initiator-group": NODE1})
        with pytest.raises(DeviceError, match="its device is in use by process 7"):
            made.provider.attach(VOLUME)
        assert made.groups(PATH) == []

    def test_a_leftover_that_went_is_not_named_when_the_filer_goes_away(self, made: Stage) -> None:
        made.ask("lun-unmap", {"path": PATH, "initiator-group": NODE1})
        made.wire.lose("lun-map", after=False)
        with pytest.raises(TransportError):
            made.provider.attach(VOLUME)
        assert made.host.devices == {}

    def test_a_snapshot_is_mapped_for_the_node(self, made: Stage) -> None:
        made.provider.snapshot(Snapshot({}, "v", None, "v.snap", 64 * MIB))
        assert made.groups("/vol/vol1/v.snap") == [NODE1]

    def test_a_stopped_volume_in_another_pool_is_found_by_its_tag(self, stage: Stage) -> None:
        stage.options["POOL"] = "vol2"
        make(stage)
        stage.provider.detach(VOLUME)
        stage.options["POOL"] = "vol1"
        stage.provider.attach(VOLUME)
        assert stage.groups("/vol/vol2/v") == [NODE1]


class TestFencing:
    @pytest.fixture
    def shared(self, made: Stage) -> Stage:
        """Attached on both nodes, in the hands of node2."""
        made.provider.attach(VOLUME)
        on(made, "node2.example").provider.attach(VOLUME)
        return made

    def test_an_exclusive_open_takes_it_from_every_other_node(self, shared: Stage) -> None:
        shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE2]
        assert len(shared.wire.calls) <= 5  # 3 where the device is on record, which there is none of on this stage

    def test_two_that_open_it_at_once_do_not_both_succeed(self, shared: Stage) -> None:
        shared.wire.meanwhile(
            "lun-unmap", lambda: shared.ask("lun-unmap", {"path": PATH, "initiator-group": NODE2})
        )
        with pytest.raises(VolumeError, match="another node opens it at the same time"):
            shared.provider.open(EXCLUSIVE)

    def test_of_two_that_map_it_at_once_the_last_has_it(self, made: Stage) -> None:
        """Both have read that it is mapped to nobody."""
        made.provider.detach(VOLUME)
        made.ask("igroup-create", {"initiator-group-name": NODE2, "initiator-group-type": "iscsi"})
        made.wire.meanwhile("lun-map", lambda: made.ask("lun-map", {"path": PATH, "initiator-group": NODE2}))
        made.provider.open(EXCLUSIVE)
        assert made.groups(PATH) == [NODE1]

    def test_one_that_took_its_time_does_not_take_it_from_a_faster_one(self, shared: Stage) -> None:
        def be_faster() -> None:
            shared.ask("lun-unmap", {"path": PATH, "initiator-group": NODE2})

        shared.wire.meanwhile("lun-map-get-iter", lambda: shared.wire.meanwhile("lun-map-get-iter", be_faster))
        with pytest.raises(VolumeError, match="another node opens it at the same time"):
            shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE1]

    def test_a_shared_one_does_not(self, shared: Stage) -> None:
        shared.provider.open(SHARED)
        assert shared.groups(PATH) == [NODE1, NODE2]

    def test_without_fencing_it_does_not_either(self, shared: Stage) -> None:
        shared.options["FENCING"] = False
        shared.provider.open(EXCLUSIVE)
        shared.provider.close(VOLUME)
        assert (shared.groups(PATH), shared.wire.calls) == ([NODE1, NODE2], [])

    def test_a_group_that_is_not_ours_keeps_it(self, shared: Stage, caplog: pytest.LogCaptureFixture) -> None:
        shared.ask("igroup-create", {"initiator-group-name": "backup", "initiator-group-type": "iscsi"})
        shared.ask("lun-map", {"path": PATH, "initiator-group": "backup"})
        shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == ["backup", NODE2]
        assert f"{PATH} is mapped to backup too, which is not ours" in caplog.text

    def test_open_maps_what_was_taken_away(self, shared: Stage) -> None:
        shared.provider.open(EXCLUSIVE)
        on(shared, "node1.example").provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE1]

    def test_a_closed_volume_is_named_without_asking_or_mapping(self, shared: Stage) -> None:
        shared.provider.close(VOLUME)
        on(shared, "node1.example").provider.open(EXCLUSIVE)
        on(shared, "node2.example")
        provider = shared.provider
        assert provider.attach(VOLUME) == "/dev/disk/v"
        assert (shared.wire.calls, shared.groups(PATH)) == ([], [NODE1])

    def test_open_and_detach_take_the_mark_away(self, shared: Stage) -> None:
        shared.provider.close(VOLUME)
        shared.provider.open(SHARED)
        provider = shared.provider
        provider.attach(VOLUME)
        assert "lun-get-iter" in shared.wire.calls
        shared.provider.close(VOLUME)
        shared.provider.detach(VOLUME)
        provider = shared.provider
        provider.attach(VOLUME)
        assert "lun-get-iter" in shared.wire.calls

    def test_a_fixed_group_fences_nobody(self, shared: Stage) -> None:
        shared.options["IGROUP"] = "ganeti"
        provider = shared.provider
        provider.open(EXCLUSIVE)
        provider.close(VOLUME)
        assert shared.wire.calls == []


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
        with pytest.raises(VolumeError, match="is a group for fcp"):
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
        on(back, "node2.example").provider.attach_anew(VOLUME)
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
        on(back, "node2.example").provider.attach(VOLUME)
        assert back.filer.luns["svm1", PATH].maps[NODE2] != first

    def test_one_that_stays_is_taken_from_other_nodes(self, made: Stage) -> None:
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        on(made, "node2.example").provider.attach(VOLUME)
        on(made, "node1.example").host.held_by = ["process 7 (qemu)"]
        made.provider.open(EXCLUSIVE)
        assert made.groups(PATH) == [NODE1]

    def test_a_former_group_of_another_node_is_not_this_ones(self, made: Stage) -> None:
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        on(made, "node2.example").provider.attach(VOLUME)
        take: dict[str, object] = {"path": PATH, "initiator-group": "fast-node2.example"}
        made.wire.meanwhile(
            "lun-map-get-iter",
            lambda: made.wire.meanwhile("lun-map-get-iter", lambda: made.ask("lun-unmap", take)),
        )
        with pytest.raises(VolumeError, match="another node opens"):
            made.provider.open(EXCLUSIVE)

    def test_from_one_group_per_node_to_another(self, made: Stage) -> None:
        made.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        on(made, "node2.example").provider.attach(VOLUME)
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
        on(stage, "node2.example").provider.attach_anew(VOLUME)
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
        on(fast, "node1.example").provider.attach(VOLUME)
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
        on(stage, "node2.example").provider.attach_anew(VOLUME)
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
