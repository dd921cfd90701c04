"""attach: what it asks the filer, and which LUNs it refuses."""

from __future__ import annotations

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import TransportError, VolumeError
from dataontap.volume.requests import Metadata
from tests.unit.stage import Stage
from tests.unit.volume import EXCLUSIVE, METADATA, MIB, PATH, TAG, VOLUME


class TestAttach:
    """What the filer decides; real devices are for the contract level."""

    def test_of_an_absent_lun(self, stage: Stage) -> None:
        with pytest.raises(VolumeError, match="there is no LUN of this name in vol1; check POOL"):
            stage.provider.attach(VOLUME)

    def test_of_a_lun_that_was_deleted_on_the_filer(self, created: Stage) -> None:
        """POOL was right when its device came."""
        created.ask("lun-destroy", {"path": PATH, "force": True})
        with pytest.raises(
            VolumeError, match="^there is no LUN of this name in vol1; its device is here: was the LUN del"
        ):
            created.provider.setinfo(Metadata({}, "v", "u-1", "x"))

    def test_the_cluster_has_another_name_now(self, stage: Stage) -> None:
        """The LUN's tag follows, Ganeti's text stays; so that ``verify orphans`` goes on with it."""
        former = f"originstname+a {TAG}".replace("cluster.example", "former.example")
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": former})
        stage.provider.attach(VOLUME)
        assert stage.comment(PATH) == f"originstname+a {stage.tag(PATH)}"
        stage.provider.detach(VOLUME)
        stage.provider.attach(VOLUME)
        assert "lun-set-comment" not in stage.wire.calls

    def test_the_cluster_has_another_name_now_and_may_not_say_so(self, stage: Stage) -> None:
        former = TAG.replace("cluster.example", "former.example")
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": former})
        stage.wire.lose("lun-set-comment", after=False, error=refusal("lun-set-comment", "13003", "injected"))
        assert stage.provider.attach(VOLUME)
        assert stage.comment(PATH) == former

    def test_a_volume_in_another_pool_from_before_the_cluster_was_renamed(self, created_per_node: Stage) -> None:
        """Its instance is stopped, so it is mapped to nobody; its tag has its serial number."""
        created_per_node.provider.setinfo(METADATA)
        created_per_node.provider.detach(VOLUME)
        created_per_node.cluster = "renamed.example"
        created_per_node.options["POOL"] = "vol2"
        assert created_per_node.provider.attach(VOLUME)
        assert created_per_node.comment(PATH) == f"originstname+a {created_per_node.tag(PATH)}"
        assert "renamed.example" in created_per_node.comment(PATH)

    def test_the_device_goes_while_the_filer_is_asked(self, created: Stage) -> None:
        """The command of a detach that was killed goes on, and takes it down."""
        created.wire.meanwhile("lun-map-get-iter", created.host.devices.clear)
        scans = len(created.host.scans)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert len(created.host.scans) == scans + 1

    def test_of_an_offline_lun(self, created: Stage) -> None:
        created.ask("lun-offline", {"path": PATH})
        with pytest.raises(VolumeError, match="its LUN in vol1 is offline on the filer; set it online there"):
            created.provider.attach(VOLUME)

    def test_asks_twice_and_maps_what_is_not_mapped(self, created: Stage) -> None:
        created.provider.setinfo(METADATA)
        created.host.devices.clear()
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert created.wire.calls == ["lun-get-iter", "lun-map-get-iter"]
        created.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        created.host.devices.clear()
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert created.wire.calls == ["lun-get-iter", "lun-map"]
        assert created.groups(PATH) == ["ganeti"]

    def test_a_filer_that_is_away(self, created: Stage) -> None:
        """A living device is enough; without one there is nothing to be done."""
        created.wire.lose("lun-get-iter", after=False)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        created.host.devices.clear()
        created.wire.lose("lun-get-iter", after=False)
        with pytest.raises(TransportError, match="timed out"):
            created.provider.attach(VOLUME)

    def test_a_lun_that_grew_elsewhere(self, created: Stage) -> None:
        created.ask("lun-resize", {"path": PATH, "size": 96 * MIB})
        created.host.scans.clear()
        created.provider.attach(VOLUME)
        assert len(created.host.scans) == 1
        assert created.host.devices == {"v": 96 * MIB}

    def test_a_volume_that_several_pools_have(self, created: Stage) -> None:
        created.ask("lun-create-by-size", {"path": "/vol/vol2/v", "size": 64 * MIB})
        created.ask("lun-map", {"path": "/vol/vol2/v", "initiator-group": "ganeti"})
        created.options["POOL"] = "vol3"
        with pytest.raises(VolumeError, match="a LUN of this name in each of the pools vol1, vol2"):
            created.provider.attach(VOLUME)

    def test_fibre_channel_by_configured_commands(self, created: Stage) -> None:
        commands = (("rescan-scsi-bus.sh",), ("multipath", "-r"))
        created.options.update(STORAGE_PROTOCOL="fc", FC_ATTACH_COMMANDS=commands)
        created.host.devices.clear()
        created.host.scans.clear()
        created.provider.attach(VOLUME)
        assert created.host.scans == [*commands]

    def test_open_and_close_ask_nobody(self, created: Stage) -> None:
        provider = created.provider
        provider.open(EXCLUSIVE)
        provider.close(VOLUME)
        assert created.wire.calls == []
