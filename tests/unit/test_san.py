"""A LUN comes, is proven, grows and goes, on a node made of files: what may never happen, and in which order."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from dataontap.errors import DeviceError
from dataontap.host.lun import Answer, Wanted, lun_ids
from dataontap.host.node import Limits
from dataontap.host.sysfs import Sysfs
from tests.unit.sysfs import HOSTS, LENDERS, NEXUSES, FakeNode

MIB = 1024 * 1024
NAA = "600a0980383054723324526c68717745"
HASTY = Limits(map=0.2, hint=0.1, other_paths=0.2, release=0.2, gone=0.5)
OTHER = "600a0980383054723324526c68717746"


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeNode(tmp_path)


def wanted(node: FakeNode, naa: str = NAA, size: int = 64 * MIB) -> Wanted:
    seven_mode = naa.replace("600a0980", "60a98000")
    return Wanted((naa, seven_mode), size, f"{node.dev}/disk/filer/vol1/{naa[-2:]}")


def attach(node: FakeNode, lun: int = 5, naa: str = NAA, size: int = 64 * MIB) -> str:
    one = wanted(node, naa, size)
    node.bring_up.scan(one, [lun], NEXUSES)
    return node.bring_up.settle(one)


@pytest.fixture
def attached(node: FakeNode) -> FakeNode:
    """A LUN at number 5, on two paths."""
    node.show(5, NAA, 64 * MIB)
    assert attach(node) == f"{node.dev}/disk/filer/vol1/45"
    return node


class TestAttach:
    def test_scans_for_the_one_lun_on_each_path(self, attached: FakeNode) -> None:
        assert sorted(attached.happened("scanned")) == ["2:0:0:5", "3:0:0:5"]
        assert attached.devices() == ["dm-0", "sdc5", "sdd5"]
        assert attached.happened("ran") == [f"multipath -a 3{NAA}"]

    def test_again_scans_nothing(self, attached: FakeNode) -> None:
        attach(attached)
        assert len(attached.happened("scanned")) == 2

    def test_paths_without_a_map_are_scanned_anew(self, attached: FakeNode) -> None:
        """A detach was killed after it had flushed the map: multipathd makes none of paths that it knows."""
        attached.run("multipath", "-f", f"3{NAA}", timeout=1)
        assert attach(attached) == wanted(attached).path
        assert sorted(attached.happened("deleted")) == ["sdc5", "sdd5"]
        assert attached.devices() == ["dm-0", "sdc5", "sdd5"]

    def test_but_not_while_one_is_in_use(self, attached: FakeNode) -> None:
        attached.run("multipath", "-f", f"3{NAA}", timeout=1)
        (attached.sysfs / "block/sdc5/holders/vg-lv").mkdir()
        with pytest.raises(DeviceError, match="^sdc5 is in use by vg-lv$"):
            attach(attached)
        assert attached.happened("deleted") == []

    def test_a_file_in_the_names_place_is_named(self, node: FakeNode) -> None:
        """Whoever writes to the name while no device is here makes one (dd does); udev leaves it as it is."""
        node.show(5, NAA, 64 * MIB)
        file = Path(wanted(node).path)
        file.parent.mkdir(parents=True)
        file.touch()
        with pytest.raises(
            DeviceError, match=f"^a file is in the place of the device's link; remove it from {file.parent}$"
        ):
            attach(node)

    def test_one_path_is_enough(self, node: FakeNode) -> None:
        node.show(5, NAA, 64 * MIB, hosts=HOSTS[:1])
        assert attach(node)

    def test_a_large_id_is_looked_for_both_ways(self, node: FakeNode) -> None:
        node.show(300 | 0x4000, NAA, 64 * MIB)
        attach(node, lun=300)
        node.show(301, OTHER, 64 * MIB)
        attach(node, lun=301, naa=OTHER)
        assert lun_ids(node.node.sysfs.luns()) == {300, 300 | 0x4000, 301}

    def test_no_lun_there(self, node: FakeNode) -> None:
        node.limits = HASTY
        with pytest.raises(
            DeviceError, match="^no device came up: no path shows the LUN; has its igroup this node's initiator"
        ):
            attach(node)

    def test_no_map_without_multipathd(self, node: FakeNode) -> None:
        node.served = False
        node.show(5, NAA, 64 * MIB)
        node.limits = replace(Limits(), hint=0.1)  # 40 s for the map are not waited for
        with pytest.raises(DeviceError, match="^no multipath map came up: multipathd does not run; start it$"):
            attach(node)
        assert node.clock.now < 20

    def test_no_map_of_a_lun_that_is_blacklisted(self, node: FakeNode) -> None:
        node.blacklists = True
        node.show(5, NAA, 64 * MIB)
        node.limits = HASTY
        with pytest.raises(DeviceError, match=f"^no multipath map came up: is 3{NAA} blacklisted"):
            attach(node)

    def test_udev_without_our_rules(self, node: FakeNode) -> None:
        node.has_rules = False
        node.show(5, NAA, 64 * MIB)
        node.limits = HASTY
        with pytest.raises(DeviceError, match="^udev made no name for dm-0: is 57-.*rules installed.*/dev/dm-0$"):
            attach(node)

    @pytest.mark.parametrize(("timeout", "seconds"), [(1, (40, 3)), (120, (40, 3)), (600, (200, 15))])
    def test_udev_may_take_its_share_of_a_longer_timeout(
        self, timeout: float, seconds: tuple[float, float]
    ) -> None:
        assert Limits.of(timeout) == Limits(map=seconds[0], release=seconds[1])

    def test_a_lun_that_kept_its_identity_from_7_mode(self, node: FakeNode) -> None:
        kept = NAA.replace("600a0980", "60a98000")
        node.show(5, kept, 64 * MIB)
        attach(node)
        assert node.happened("ran") == [f"multipath -a 3{NAA}", f"multipath -a 3{kept}"]

    def test_another_size_than_the_filer_says(self, node: FakeNode) -> None:
        node.show(5, NAA, 32 * MIB)
        with pytest.raises(DeviceError, match="has 33554432 bytes, its LUN has 67108864 according to the filer"):
            attach(node)

    def test_a_map_of_the_old_size_is_resized(self, attached: FakeNode) -> None:
        attached.show(5, NAA, 96 * MIB)
        attach(attached, size=96 * MIB)
        assert sorted(attached.happened("rescanned")) == ["sdc5", "sdd5"]
        assert f"multipathd resize map 3{NAA}" in attached.happened("ran")

    @pytest.mark.parametrize(("host", "path"), [(HOSTS[0], "sdc5"), (HOSTS[1], "sdd5")])
    def test_a_path_that_is_down_keeps_its_map_small(self, attached: FakeNode, host: int, path: str) -> None:
        """multipathd refuses to resize, or has the path's size for the map's and says ok."""
        attached.show(5, NAA, 96 * MIB)
        attached.show(5, NAA, 64 * MIB, hosts=(host,))
        device = (attached.sysfs / "block" / path).resolve().parents[1]
        device.joinpath("state").write_text("transport-offline\n")
        with pytest.raises(DeviceError, match=f"^3{NAA} keeps its old size, as paths are down: {path}; try again"):
            attached.proof.prove("dm-0", wanted(attached, size=96 * MIB))


class TestWriteProtected:
    """The kernel goes by what it read at a disk's last scan, and a map by what it was made of."""

    REFUSED = "^write-protected: the filer refuses writes to this LUN; check there: volume type dp"

    @pytest.fixture
    def protected(self, node: FakeNode) -> FakeNode:
        """A LUN that came here write-protected, as a mirror's destination is."""
        node.show(5, NAA, 64 * MIB)
        node.protect(5, True)
        attach(node)
        assert [(node.sysfs / "block" / name / "ro").read_text() for name in node.devices()] == ["1\n"] * 3
        return node

    def down(self, node: FakeNode, path: str) -> None:
        (node.sysfs / "block" / path).resolve().parents[1].joinpath("state").write_text("transport-offline\n")

    def test_one_that_can_be_written_to_costs_nothing(self, attached: FakeNode) -> None:
        before = attached.happened("ran")
        attached.proof.require_writable("dm-0")
        assert (attached.happened("ran"), attached.happened("rescanned")) == (before, [])

    def test_refused_after_one_rescan(self, protected: FakeNode) -> None:
        with pytest.raises(DeviceError, match=self.REFUSED):
            protected.proof.require_writable("dm-0")
        assert sorted(protected.happened("rescanned")) == ["sdc5", "sdd5"]
        assert protected.happened("ran") == [f"multipath -a 3{NAA}"], "of such paths a map comes out the same"

    def test_mended_by_one_rescan_and_one_reload(self, protected: FakeNode) -> None:
        protected.protect(6, True)
        protected.show(6, OTHER, 64 * MIB)
        attach(protected, lun=6, naa=OTHER)
        protected.protect(5, False)
        protected.protect(6, False)
        protected.proof.require_writable("dm-0")
        assert sorted(protected.happened("rescanned")) == ["sdc5", "sdd5"]
        assert protected.happened("ran")[2:] == [f"multipathd reload map 3{NAA}"]
        assert (protected.sysfs / "block/dm-1/ro").read_text() == "1\n", "another LUN's map is left alone"

    def test_a_map_that_stayed_read_only(self, protected: FakeNode) -> None:
        """A rescan by anybody does not tell the map."""
        protected.protect(5, False)
        for path in ("sdc5", "sdd5"):
            protected.rescanned(path)
        protected.proof.require_writable("dm-0")
        assert (protected.sysfs / "block/dm-0/ro").read_text() == "0\n"

    def test_one_path_is_enough_to_refuse(self, attached: FakeNode) -> None:
        """A write that a path's target refuses is not tried on another path."""
        attached.protect(5, True, hosts=HOSTS[:1])
        attached.rescanned("sdc5")
        assert (attached.sysfs / "block/dm-0/ro").read_text() == "0\n"
        with pytest.raises(DeviceError, match=self.REFUSED):
            attached.proof.require_writable("dm-0")

    def test_a_path_that_is_down_is_not_believed(self, attached: FakeNode) -> None:
        attached.protect(5, True, hosts=HOSTS[:1])
        attached.rescanned("sdc5")
        self.down(attached, "sdc5")
        attached.proof.require_writable("dm-0")
        assert attached.happened("rescanned") == ["sdc5"]

    def test_but_it_may_keep_its_map_read_only(self, protected: FakeNode) -> None:
        protected.protect(5, False)
        self.down(protected, "sdd5")
        with pytest.raises(DeviceError, match="map is read-only because of sdd5, which is down; try again when"):
            protected.proof.require_writable("dm-0")
        assert protected.happened("rescanned") == ["sdc5"], "it could not answer"
        assert protected.happened("ran") == [f"multipath -a 3{NAA}"]

    def test_multipathd_may_not_do_it_at_first(self, protected: FakeNode) -> None:
        protected.protect(5, False)
        protected.reload_refusals = 1
        protected.proof.require_writable("dm-0")
        assert protected.happened("ran")[1:] == [f"multipathd reload map 3{NAA}"] * 2

    @pytest.mark.parametrize("times", [1, 2])
    def test_it_may_do_it_in_vain(self, protected: FakeNode, times: int) -> None:
        """As long as it remembers that the paths came write-protected."""
        protected.protect(5, False)
        protected.reloads_in_vain = times
        protected.limits = HASTY
        if times == 2:
            with pytest.raises(
                DeviceError, match=f"only the multipath map is read-only; run multipathd reload map 3{NAA}$"
            ):
                protected.proof.require_writable("dm-0")
        else:
            protected.proof.require_writable("dm-0")
        assert protected.happened("ran")[1:] == [f"multipathd reload map 3{NAA}"] * 2

    def test_nor_at_all(self, protected: FakeNode) -> None:
        protected.protect(5, False)
        protected.served = False
        protected.limits = HASTY
        with pytest.raises(
            DeviceError, match=f"only the multipath map is read-only; run multipathd reload map 3{NAA}$"
        ):
            protected.proof.require_writable("dm-0")

    @pytest.mark.parametrize("still", [True, False])
    def test_a_bare_disk(self, node: FakeNode, still: bool) -> None:
        node.wants_maps = False
        node.show(5, NAA, 64 * MIB)
        node.protect(5, True)
        node.bring_up.scan(wanted(node), [5], NEXUSES)
        node.protect(5, still)
        if still:
            with pytest.raises(DeviceError, match=self.REFUSED):
                node.proof.require_writable("sdc5")
        else:
            node.proof.require_writable("sdc5")
        assert node.happened("rescanned") == ["sdc5"]
        assert node.happened("ran") == []

    def test_a_device_of_another_kind_is_not_rescanned(self, node: FakeNode) -> None:
        loop = node.sysfs / "block/loop0"
        loop.mkdir()
        for told in ("0\n", "1\n"):
            (loop / "ro").write_text(told)
            if told == "0\n":
                node.proof.require_writable("loop0")
        with pytest.raises(DeviceError, match="^write-protected: "):
            node.proof.require_writable("loop0")
        assert node.happened("rescanned") == []


class TestWithoutMaps:
    """MULTIPATH = False: a volume is one bare disk."""

    @pytest.fixture
    def node(self, tmp_path: Path) -> FakeNode:
        node = FakeNode(tmp_path)
        node.wants_maps = False
        return node

    def test_one_disk_comes(self, node: FakeNode) -> None:
        node.show(5, NAA, 64 * MIB)
        for _ in range(2):
            node.bring_up.scan(wanted(node), [5], NEXUSES)
        assert node.happened("scanned") == ["2:0:0:5"]
        assert node.devices() == ["sdc5"]

    def test_another_path_is_tried_when_the_first_has_nothing(self, node: FakeNode) -> None:
        node.show(5, NAA, 64 * MIB, hosts=HOSTS[1:])
        node.bring_up.scan(wanted(node), [5], NEXUSES)
        assert node.happened("scanned") == ["2:0:0:5", "3:0:0:5"]
        assert node.devices() == ["sdd5"]


class TestAnotherLunCameToItsPlace:
    """The hazard: the LUN was destroyed behind the node's back, and a new one got its number."""

    @pytest.fixture
    def swapped(self, attached: FakeNode) -> FakeNode:
        attached.show(5, OTHER, 64 * MIB)
        return attached

    def test_the_old_name_is_never_given_away(self, swapped: FakeNode) -> None:
        with pytest.raises(DeviceError, match=f"^its path sd.[0-9]+ leads to LUN 3{OTHER} now"):
            swapped.proof.prove("dm-0", wanted(swapped))

    def test_the_new_one_gets_a_map_of_its_own(self, swapped: FakeNode) -> None:
        name = attach(swapped, naa=OTHER)
        assert Path(name).readlink() == Path(LENDERS[0])
        assert f"multipathd disablequeueing map 3{NAA}" in swapped.happened("ran")
        assert [one.naa for one in map(Sysfs(str(swapped.sysfs)).map, swapped.devices()) if one] == [OTHER]

    def test_not_while_somebody_holds_the_old_one(self, swapped: FakeNode) -> None:
        (swapped.sysfs / "block/dm-0/holders/dm-7").mkdir()
        swapped.limits = HASTY
        with pytest.raises(DeviceError, match=f"^3{NAA} is in use by dm-7"):
            attach(swapped, naa=OTHER)
        assert swapped.happened("deleted") == []

    def test_growing_the_old_name_does_not_take_the_new_size(self, swapped: FakeNode) -> None:
        with pytest.raises(DeviceError, match="leads to LUN"):
            swapped.proof.prove("dm-0", wanted(swapped, size=96 * MIB))
        assert swapped.happened("rescanned") == []

    def test_another_lun_that_is_well_stays(self, swapped: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
        """The filer says that it is there; but for a group, perhaps, that this node is not in."""
        attach(swapped, naa=OTHER)
        swapped.limits = HASTY
        with pytest.raises(DeviceError, match="^no device came up"):
            attach(swapped)
        assert f"sdd5 at this LUN's address is a healthy path to LUN 3{OTHER}; it is left alone" in caplog.text
        assert swapped.devices() == ["dm-0", "sdc5", "sdd5"]

    def test_a_lun_that_comes_in_the_place_of_the_wanted_one_is_taken_down_again(self, node: FakeNode) -> None:
        """The filer has exchanged the LUN after it had told the id."""
        node.show(5, OTHER, 64 * MIB)
        node.limits = HASTY
        one = wanted(node)
        failed = node.bring_up.scan(one, [5], NEXUSES)
        why = f"the filer shows another LUN (NAA {OTHER}) at this LUN's id 5 now; try again"
        assert failed == [why, why]
        assert node.devices() == []
        with pytest.raises(DeviceError, match=re.escape(f"no device came up: {why}")):
            node.bring_up.settle(one, failed)

    def test_nor_is_it_in_the_way_of_another_id(self, swapped: FakeNode) -> None:
        attach(swapped, naa=OTHER)
        swapped.show(6, NAA, 64 * MIB)
        one = wanted(swapped)
        swapped.bring_up.scan(one, [5, 6], NEXUSES)
        assert swapped.bring_up.settle(one) == one.path

    def test_a_single_stale_path_goes_alone(self, attached: FakeNode) -> None:
        attached.show(5, OTHER, 64 * MIB, hosts=HOSTS[1:])
        attached.show(6, NAA, 64 * MIB)
        attach(attached, lun=6)
        assert attached.happened("deleted") == ["sdd5"]
        assert not any(command.startswith("multipath -f") for command in attached.happened("ran"))


class TestTakeDown:
    def test_map_paths_name_and_permission_go(self, attached: FakeNode) -> None:
        attached.teardown.take_down([NAA])
        assert attached.devices() == []
        assert list((attached.directory / "udev").iterdir()) == []
        assert attached.happened("ran")[-1] == f"multipath -f 3{NAA}"
        attached.teardown.take_down([NAA])

    def test_a_dead_one_stops_queueing_first(self, attached: FakeNode) -> None:
        attached.hide(5)
        attached.teardown.take_down([NAA])
        ran = attached.happened("ran")
        assert ran[-3:] == [
            f"multipathd disablequeueing map 3{NAA}",
            f"dmsetup message 3{NAA} 0 fail_if_no_path",
            f"multipath -f 3{NAA}",
        ]

    def test_a_path_that_is_not_running_is_not_asked(self, attached: FakeNode) -> None:
        for name in ("sdc5", "sdd5"):
            (attached.sysfs / "block" / name).resolve().parents[1].joinpath("state").write_text("blocked\n")
        with pytest.raises(DeviceError, match=f"^none of the paths of 3{NAA} answers"):
            attached.proof.prove("dm-0", wanted(attached))

    def test_one_in_use_stays_whole(self, attached: FakeNode) -> None:
        (attached.sysfs / "block/dm-0/in-use").touch()
        attached.limits = HASTY
        with pytest.raises(DeviceError, match=r"in use by the kernel \(a mount, .*; end that.*map in use"):
            attached.teardown.take_down([NAA])
        assert attached.devices() == ["dm-0", "sdc5", "sdd5"]

    @pytest.mark.parametrize("dead", [True, False])
    def test_what_to_do_about_a_holder(
        self, attached: FakeNode, caplog: pytest.LogCaptureFixture, dead: bool
    ) -> None:
        """One that waits for a LUN which is not there does not even die."""
        (attached.sysfs / "block/dm-0/holders/dm-7").mkdir()
        attached.limits = HASTY
        if dead:
            attached.hide(5)
        with pytest.raises(DeviceError, match="is in use by dm-7; end that, then detach$"):
            attached.teardown.take_down([NAA])
        assert (f"kill -9 the holder, and then run: multipathd disablequeueing map 3{NAA}" in caplog.text) == dead

    def test_others_stay(self, attached: FakeNode) -> None:
        attached.show(6, OTHER, 64 * MIB)
        attach(attached, lun=6, naa=OTHER)
        attached.teardown.take_down([NAA])
        assert attached.devices() == ["dm-1", "sdc6", "sdd6"]


class TestQueueing:
    """What multipathd saw of a map last is not how it is."""

    @pytest.mark.parametrize("queued", [True, False], ids=["seen queueing", "seen not queueing"])
    @pytest.mark.parametrize("configured", ["on", "12 chk", "off"])
    def test_follows_each_time(self, attached: FakeNode, configured: str, queued: bool) -> None:
        attached.no_path_retry = configured
        attached.queued = queued
        for _ in range(2):
            attached.teardown.queue("/dev/dm-0", False)
            assert not attached.queues
            attached.teardown.queue("/dev/dm-0", True)
            assert attached.queues == (configured != "off")

    def test_without_multipathd_it_can_be_stopped(self, attached: FakeNode) -> None:
        attached.served = False
        attached.teardown.queue("/dev/dm-0", False)
        assert not attached.queues
        attached.teardown.queue("/dev/dm-0", True)
        assert not attached.queues


class TestAPathThatCannotBeAsked:
    """It says so in the words of whatever kept it from that."""

    def test_for_want_of_something(self, attached: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
        def ask(path: str) -> Answer:
            raise OSError(24, "Too many open files")

        attached.ask = ask  # type: ignore[method-assign]
        with pytest.raises(DeviceError, match="none of the paths"):
            attached.proof.prove("dm-0", wanted(attached))
        assert "sdc5 does not answer: [Errno 24] Too many open files" in caplog.text

    def test_because_of_a_bug(self, attached: FakeNode) -> None:
        """Nothing is taken down for it."""

        def ask(path: str) -> Answer:
            raise ZeroDivisionError

        attached.ask = ask  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="^in a child: ZeroDivisionError"):
            attached.bring_up.scan(wanted(attached), [5], NEXUSES)
        assert attached.devices() == ["dm-0", "sdc5", "sdd5"]
        assert attached.happened("deleted") == []


class TestWhatAChildReports:
    """What went wrong in a child is in the message, where it is why, and in the log where it is not."""

    WHY = r"\[Errno 5\] Input/output error"

    def test_no_scan_worked(self, node: FakeNode) -> None:
        node.show(5, NAA, 64 * MIB)
        node.limits = HASTY
        node.broken = {f"scan {nexus}" for nexus in NEXUSES}
        one = wanted(node)
        failed = node.bring_up.scan(one, [5], NEXUSES)
        assert len(failed) == 2
        with pytest.raises(
            DeviceError, match=f"^no device came up: the scan for LUN 5 at 2:0:0 failed: {self.WHY}$"
        ):
            node.bring_up.settle(one, failed)

    def test_one_scan_is_enough(self, node: FakeNode, caplog: pytest.LogCaptureFixture) -> None:
        node.show(5, NAA, 64 * MIB)
        node.broken = {f"scan {NEXUSES[0]}"}
        assert attach(node)
        assert "the scan for LUN 5 at 2:0:0 failed: [Errno 5] Input/output error" in caplog.messages

    def test_a_path_that_cannot_be_deleted(self, attached: FakeNode) -> None:
        attached.limits = HASTY
        attached.broken = {"delete sdd5"}
        with pytest.raises(DeviceError, match=f"^sdd5 cannot be deleted: {self.WHY}$"):
            attached.teardown.take_down([NAA])
        assert attached.devices() == ["sdd5"]

    def test_a_size_that_cannot_be_read(self, attached: FakeNode) -> None:
        attached.limits = HASTY
        attached.show(5, NAA, 96 * MIB)
        attached.broken = {"rescan sdd5"}
        with pytest.raises(
            DeviceError,
            match=rf"^the LUN has 100663296 bytes, its .* 67108864 \(the rescan of sdd5 failed: {self.WHY}\)$",
        ):
            attached.proof.prove("dm-0", wanted(attached, size=96 * MIB))

    def test_a_protection_that_cannot_be_read(self, node: FakeNode) -> None:
        node.show(5, NAA, 64 * MIB)
        node.protect(5, True)
        attach(node)
        node.protect(5, False)
        node.broken = {"rescan sdc5"}
        with pytest.raises(DeviceError, match=f"^write-protected, and a rescan of sdc5 failed: {self.WHY}$"):
            node.proof.require_writable("dm-0")

    def test_a_path_that_says_nothing_before_a_map_goes(
        self, attached: FakeNode, caplog: pytest.LogCaptureFixture
    ) -> None:
        """That is why its map stops queueing."""
        for name in ("sdc5", "sdd5"):
            (attached.sysfs / "block" / name).resolve().parents[1].joinpath("state").write_text("blocked\n")
        attached.teardown.take_down([NAA])
        assert f"multipathd disablequeueing map 3{NAA}" in attached.happened("ran")
        assert caplog.messages[:2] == ["sdc5 does not answer: blocked", "sdd5 does not answer: blocked"]
