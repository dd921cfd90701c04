"""Who sees a LUN: its id, and its maps from attach to remove."""

from __future__ import annotations

import itertools

import pytest

from dataontap.errors import DeviceError, TransportError, VolumeError
from dataontap.volume.placement import spread
from dataontap.volume.requests import Creation, Metadata, Volume
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, MIB, NODE1, NODE2, PATH, RESET, SNAPSHOT, VOLUME, make

pytestmark = pytest.mark.usefixtures("group_per_node")


def test_each_disk_of_a_hook_has_its_own_patience(made: Stage) -> None:
    """One filer's silence for one disk does not count for the next, half a minute later."""
    made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
    made.provider.setinfo(Metadata({}, "w", "u-2", "originstname+a"))
    provider = made.become("node2.example").provider
    for volume in (VOLUME, Volume({}, "w", "u-2")):
        made.wire.lose("lun-map", after=False, error=RESET)
        assert provider.attach_anew(volume)
        made.clock.sleep(30)


class TestIds:
    def test_every_id_comes_once(self) -> None:
        assert sorted(spread("v", 300)) == list(range(1, 301))
        assert next(spread("v", 4095)) != next(spread("w", 4095))

    def test_another_one_after_a_request_without_an_answer(self, made: Stage) -> None:
        """The filer may carry it out later, when another node has the LUN: not at an id that paths here have."""
        made.provider.detach(VOLUME)
        made.wire.lose("lun-map", after=False, error=RESET)
        made.provider.attach(VOLUME)
        first, second = itertools.islice(spread("v", 4095), 2)
        assert made.filer.luns["svm1", PATH].maps == {NODE1: second}
        assert second != first

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
        made.become("node2.example").provider.attach(VOLUME)
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
        made.become("node2.example").provider.attach(VOLUME)
        made.provider.remove(VOLUME)
        assert made.paths == []

    def test_remove_spares_what_a_stranger_sees(self, made: Stage) -> None:
        made.ask("igroup-create", {"initiator-group-name": "backup", "initiator-group-type": "iscsi"})
        made.ask("lun-map", {"path": PATH, "initiator-group": "backup"})
        with pytest.raises(VolumeError, match="its LUN is also mapped to backup"):
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
        made.provider.snapshot(SNAPSHOT)
        assert made.groups("/vol/vol1/v.snap") == [NODE1]

    def test_a_stopped_volume_in_another_pool_is_found_by_its_tag(self, stage: Stage) -> None:
        stage.options["POOL"] = "vol2"
        make(stage)
        stage.provider.detach(VOLUME)
        stage.options["POOL"] = "vol1"
        stage.provider.attach(VOLUME)
        assert stage.groups("/vol/vol2/v") == [NODE1]
