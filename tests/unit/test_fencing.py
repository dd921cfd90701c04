"""An exclusive open takes the LUN from all other nodes; a closed volume asks the filer for nothing."""

from __future__ import annotations

import pytest

from dataontap.errors import VolumeError
from tests.unit.stage import Stage
from tests.unit.volume import EXCLUSIVE, NODE1, NODE2, PATH, SHARED, VOLUME

pytestmark = pytest.mark.usefixtures("group_per_node")


class TestFencing:
    @pytest.fixture
    def shared(self, made: Stage) -> Stage:
        """Attached on both nodes, in the hands of node2."""
        made.provider.attach(VOLUME)
        made.become("node2.example").provider.attach(VOLUME)
        return made

    def test_an_exclusive_open_takes_it_from_every_other_node(self, shared: Stage) -> None:
        shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE2]
        assert len(shared.wire.calls) <= 5  # 3 where the device is on record, which there is none of on this stage

    def test_between_nodes_over_iscsi_and_over_fc(self, made: Stage) -> None:
        """Each has a group of its own protocol, and takes the LUN from the other's."""
        made.options.update(FC_ATTACH_COMMANDS=made.options["ISCSI_ATTACH_COMMANDS"], FC_DETACH_COMMANDS=())
        made.initiators["node2.example"] = "20:00:00:25:b5:00:00:02"
        made.provider.attach(VOLUME)
        made.options["STORAGE_PROTOCOL"] = "fc"
        made.become("node2.example").provider.attach(VOLUME)
        made.provider.open(EXCLUSIVE)
        assert made.filer.igroups["svm1", NODE2].protocol == "fcp"
        assert made.groups(PATH) == [NODE2]
        made.options["STORAGE_PROTOCOL"] = "iscsi"
        made.become("node1.example").provider.attach(VOLUME)
        made.provider.open(EXCLUSIVE)
        assert made.groups(PATH) == [NODE1]

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
        assert f"{PATH} is also mapped to backup, which is not ours" in caplog.text

    def test_open_maps_what_was_taken_away(self, shared: Stage) -> None:
        shared.provider.open(EXCLUSIVE)
        shared.become("node1.example").provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE1]

    def test_a_closed_volume_is_named_without_asking_or_mapping(self, shared: Stage) -> None:
        shared.provider.close(VOLUME)
        shared.become("node1.example").provider.open(EXCLUSIVE)
        shared.become("node2.example")
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
