"""A device that another scan brings up between a verb's take-down and the filer's answer is taken down again.

Configured attach commands of another volume see every LUN of the igroups; so does the kernel over Fibre Channel.
"""

from __future__ import annotations

import contextlib

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import DataOntapError, DeviceError
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, METADATA, MIB, NODE1, PATH, SNAPSHOT, VOLUME

SCANNED = {"v": 64 * MIB}
INJECTED = "13001"


def another_scans(stage: Stage, api: str, **devices: int) -> None:
    """While the filer carries out the next call of ``api``."""
    stage.wire.meanwhile(api, lambda: stage.host.devices.update(devices))


class TestADeviceThatComesAgain:
    @pytest.mark.usefixtures("group_per_node")
    def test_detach(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        another_scans(made, "lun-unmap", **SCANNED)
        made.provider.detach(VOLUME)
        assert (made.groups(PATH), made.host.devices) == ([], {})
        assert "another scan has brought this device up again; taking it down" in caplog.text

    @pytest.mark.parametrize("api", ["lun-unmap", "lun-destroy"])
    def test_remove(self, made: Stage, api: str) -> None:
        another_scans(made, api, **SCANNED)
        made.provider.remove(VOLUME)
        assert (made.paths, made.host.devices) == ([], {})

    def test_a_creation_without_a_device(self, stage: Stage) -> None:
        stage.host.fails_after_scan = True
        another_scans(stage, "lun-destroy", **SCANNED)
        with pytest.raises(DeviceError, match="after the scan"):
            stage.provider.create(CREATION)
        assert (stage.paths, stage.host.devices) == ([], {})

    def test_a_creation_that_setinfo_ends(self, created: Stage) -> None:
        created.wire.lose("lun-set-comment", after=False, error=refusal("lun-set-comment", INJECTED, "injected"))
        another_scans(created, "lun-destroy", **SCANNED)
        with pytest.raises(DataOntapError, match="injected"):
            created.provider.setinfo(METADATA)
        assert (created.paths, created.host.devices) == ([], {})

    @pytest.mark.parametrize("api", ["lun-map", "lun-destroy"])
    def test_a_clone_that_cannot_be_mapped(self, made: Stage, api: str) -> None:
        made.wire.lose("lun-map", after=False, error=refusal("lun-map", INJECTED, "injected"))
        another_scans(made, api, **{"v.snap": 64 * MIB})
        with pytest.raises(DataOntapError, match="injected"):
            made.provider.snapshot(SNAPSHOT)
        assert (made.paths, made.host.devices) == ([PATH], SCANNED)

    def test_a_clone_that_is_replaced(self, made: Stage) -> None:
        made.provider.snapshot(SNAPSHOT)
        another_scans(made, "lun-destroy", **{"v.snap": 64 * MIB})
        made.provider.snapshot(SNAPSHOT)
        assert made.host.devices == SCANNED

    @pytest.mark.usefixtures("group_per_node")
    def test_an_attach_without_a_device(self, made: Stage) -> None:
        made.provider.detach(VOLUME)
        made.host.blind = True
        another_scans(made, "lun-unmap", **SCANNED)
        with pytest.raises(DeviceError, match="no device came up"):
            made.provider.attach(VOLUME)
        assert (made.groups(PATH), made.host.devices) == ([], {})


class TestOurOwnHands:
    @pytest.mark.usefixtures("group_per_node")
    @pytest.mark.parametrize(("protocol", "is_seen"), [("fc", True), ("iscsi", False)])
    def test_over_fibre_channel_the_kernel_scans_a_port_that_is_back(
        self, made: Stage, caplog: pytest.LogCaptureFixture, protocol: str, is_seen: bool
    ) -> None:
        made.provider.detach(VOLUME)
        made.ask("lun-map", {"path": PATH, "initiator-group": NODE1})
        made.options.update(STORAGE_PROTOCOL=protocol, ISCSI_ATTACH_COMMANDS=None, ISCSI_DETACH_COMMANDS=None)
        another_scans(made, "lun-unmap", **SCANNED)
        made.provider.detach(VOLUME)
        assert made.groups(PATH) == []
        assert ("another scan has brought this device up again" in caplog.text) == is_seen


class TestTheOtherScan:
    @pytest.mark.usefixtures("group_per_node")
    @pytest.mark.parametrize(("verb", "api"), [("detach", "lun-unmap"), ("remove", "lun-destroy")])
    def test_is_not_waited_for_long(
        self, made: Stage, caplog: pytest.LogCaptureFixture, verb: str, api: str
    ) -> None:
        with contextlib.ExitStack() as other:
            made.wire.meanwhile(api, lambda: other.enter_context(made.other_locks.scan()))
            getattr(made.provider, verb)(VOLUME)
        assert made.groups(PATH) == []
        assert made.clock.now < 11
        assert "another scan may have brought this device up again" in caplog.text

    def test_a_device_that_cannot_be_taken_down_is_no_news(
        self, made: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        made.options["ISCSI_DETACH_COMMANDS"] = ()
        made.provider.remove(VOLUME)
        assert "no detach commands" in caplog.text
        assert "brought this device up again" not in caplog.text
