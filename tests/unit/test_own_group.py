"""The node's own group: made when missing, filled, and refused with another machine's initiator."""

from __future__ import annotations

import pytest

from dataontap.errors import ConfigError, DeviceError, VolumeError
from dataontap.volume.requests import Creation
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, MIB, NODE1, PATH, VOLUME

pytestmark = pytest.mark.usefixtures("group_per_node")


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
            VolumeError, match=f"^IGROUP: {NODE1} is an igroup for fcp, not for iscsi; see STORAGE_PROTOCOL$"
        ):
            stage.provider.create(CREATION)

    def test_a_name_that_gets_too_long(self, stage: Stage) -> None:
        stage.become("n" * 95)
        with pytest.raises(ConfigError, match="IGROUP: longer than the 96 characters that ONTAP allows: "):
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
