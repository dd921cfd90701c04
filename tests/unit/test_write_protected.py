"""A device that refuses to be written to: which verbs refuse it, and what they leave behind."""

from __future__ import annotations

import pytest

from dataontap.errors import DeviceError
from tests.unit.stage import Stage, StageHost
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, MIB, PATH, VOLUME, growth


class HeldAtFirst(StageHost):
    """A node whose device is in use when it is to be taken down for the first time."""

    times = 0

    def holders(self, device: str) -> list[str]:
        self.times += 1
        return ["process 271 ((udev-worker))"] if self.times == 1 else []


class TestWriteProtected:
    """A device that nobody can write to is none for an instance; but one that has it must be able to let it go."""

    REFUSED = "^write-protected: "

    def test_a_device_that_attach_brings_up_is_refused(self, created: Stage) -> None:
        created.provider.detach(VOLUME)
        created.protect("v", True)
        for _ in range(2):
            with pytest.raises(DeviceError, match=self.REFUSED):
                created.provider.attach(VOLUME)
            assert created.host.devices == {}, "the next attach would take it for an instance's"
        created.protect("v", False)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"

    def test_that_it_cannot_be_taken_down_is_said(self, created: Stage, caplog: pytest.LogCaptureFixture) -> None:
        created.provider.detach(VOLUME)
        created.protect("v", True)
        created.host.held_by = ["process 4711 (qemu)"]
        with pytest.raises(DeviceError, match=self.REFUSED):
            created.provider.attach(VOLUME)
        assert caplog.text.count("cannot take the device down: ") == 1

    def test_udev_may_still_look_into_it(self, created: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """So it is tried more than once to take it down."""
        created.provider.detach(VOLUME)
        created.protect("v", True)
        created.host = HeldAtFirst(created.filer)
        with pytest.raises(DeviceError, match=self.REFUSED):
            created.provider.attach(VOLUME)
        assert created.host.devices == {}
        assert "cannot take the device down" not in caplog.text

    def test_one_that_is_here_is_named_with_a_warning(
        self, created: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        created.protect("v", True)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_also_if_it_was_scanned_for(self, created: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """Because it is too small: instances run with such a device, too."""
        created.ask("lun-resize", {"path": PATH, "size": 96 * MIB})
        created.protect("v", True)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert len(created.host.scans) == 2
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_also_if_udev_cannot_give_the_name(self, created: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """It is below /dev that udev makes links; a LUN's map that is here is the volume's then."""
        created.host.devices.clear()
        (naa, _) = created.client.get_lun_by_args(path=PATH)[0].naas
        uuid = created.directory / "sys/block/dm-0/dm/uuid"
        uuid.parent.mkdir(parents=True)
        uuid.write_text(f"mpath-3{naa}\n")
        created.protect("v", True)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_also_while_the_filer_is_away(self, created: Stage, caplog: pytest.LogCaptureFixture) -> None:
        created.protect("v", True)
        created.wire.lose("lun-get-iter", after=False)
        assert created.provider.attach(VOLUME) == "/dev/disk/v"
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_create_leaves_nothing(self, stage: Stage) -> None:
        stage.protect("v", True)
        with pytest.raises(DeviceError, match=self.REFUSED):
            stage.provider.create(CREATION)
        assert (stage.paths, stage.host.devices) == ([], {})

    def test_open_refuses_and_takes_it_from_nobody(self, created_per_node: Stage) -> None:
        created_per_node.provider.setinfo(METADATA)
        created_per_node.become("node2.example")
        created_per_node.provider.attach(VOLUME)
        created_per_node.protect("v", True)
        with pytest.raises(DeviceError, match=self.REFUSED):
            created_per_node.provider.open(EXCLUSIVE)
        assert created_per_node.groups(PATH) == ["g-node1.example", "g-node2.example"]
        assert created_per_node.host.devices == {"v": 64 * MIB}, "it was here"

    def test_grow_and_detach_do_not_care(self, created: Stage) -> None:
        created.protect("v", True)
        created.provider.grow(growth(64, 96))
        created.provider.detach(VOLUME)
        assert created.host.devices == {}
