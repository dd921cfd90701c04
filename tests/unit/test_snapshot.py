"""snapshot: a tagged, mapped clone; nothing but an older one of the same name is replaced."""

from __future__ import annotations

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import TransportError, VolumeError
from dataontap.volume.requests import Snapshot, Volume
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, MIB, PATH, RESET, SNAPSHOT, TAG


class TestSnapshot:
    def test_makes_a_tagged_and_mapped_clone(self, created: Stage) -> None:
        created.provider.snapshot(SNAPSHOT)
        clone = created.filer.luns["svm1", "/vol/vol1/v.snap"]
        assert clone.comment == "dataontap:2:cluster.example:u-1:snap:-"
        assert (clone.size, clone.reserved) == (64 * MIB, True)
        assert created.groups(clone.path) == ["ganeti"]
        assert created.wire.calls == ["lun-get-iter", "clone-create", "lun-set-comment", "lun-map"]

    def test_keeps_the_sources_reservation_whatever_is_configured(self, stage: Stage) -> None:
        stage.options["LUN_SPACE_RESERVATION"] = False
        stage.provider.create(CREATION)
        stage.options["LUN_SPACE_RESERVATION"] = True
        stage.provider.snapshot(SNAPSHOT)
        assert not stage.filer.luns["svm1", "/vol/vol1/v.snap"].reserved

    def test_is_as_large_as_asked_for(self, created: Stage) -> None:
        created.provider.snapshot(Snapshot({}, "v", None, "v.snap", 96 * MIB))
        assert created.filer.luns["svm1", "/vol/vol1/v.snap"].size == 96 * MIB
        created.provider.remove(Volume({}, "v.snap", None))
        created.provider.snapshot(Snapshot({}, "v", None, "v.snap", 32 * MIB))
        assert created.filer.luns["svm1", "/vol/vol1/v.snap"].size == 64 * MIB

    def test_replaces_the_clone_of_an_export_that_broke_off(self, created: Stage) -> None:
        created.provider.snapshot(SNAPSHOT)
        first = created.filer.luns["svm1", "/vol/vol1/v.snap"].uuid
        created.provider.snapshot(SNAPSHOT)
        assert created.filer.luns["svm1", "/vol/vol1/v.snap"].uuid != first
        assert created.paths == [PATH, "/vol/vol1/v.snap"]

    def test_replaces_nothing_else(self, created: Stage) -> None:
        created.ask("lun-create-by-size", {"path": "/vol/vol1/v.snap", "size": 64 * MIB, "comment": TAG})
        before = created.filer.luns["svm1", "/vol/vol1/v.snap"]
        with pytest.raises(
            VolumeError, match="the LUN of the snapshot's name in vol1 is no snapshot of this volume"
        ):
            created.provider.snapshot(SNAPSHOT)
        assert created.filer.luns["svm1", "/vol/vol1/v.snap"] == before

    def test_a_clone_of_another_name_is_never_replaced(self, created: Stage) -> None:
        other = Snapshot({}, "v", None, "keep", 64 * MIB)
        created.provider.snapshot(other)
        with pytest.raises(VolumeError, match="in vol1 is no snapshot of this volume"):
            created.provider.snapshot(other)

    def test_takes_nobody_elses_lun_for_its_clone_after_a_lost_answer(self, created: Stage) -> None:
        others = {"path": "/vol/vol1/v.snap", "size": 32 * MIB}
        for error in (RESET, TransportError("timed out")):
            created.wire.lose("clone-create", after=False, error=error)
            created.wire.meanwhile("clone-create", lambda: created.ask("lun-create-by-size", others))
            with pytest.raises(
                VolumeError, match="a LUN of this name in vol1 is not provably ours; see its comment$"
            ):
                created.provider.snapshot(SNAPSHOT)
            assert created.filer.luns["svm1", "/vol/vol1/v.snap"].size == 32 * MIB
            created.ask("lun-destroy", {"path": "/vol/vol1/v.snap"})

    def test_an_old_clone_in_another_pool_would_be_taken_for_it(self, created: Stage) -> None:
        created.options["POOL"] = "vol2"
        created.ask("lun-create-by-size", {"path": "/vol/vol2/v.snap", "size": 64 * MIB})
        with pytest.raises(VolumeError, match="the snapshot's name has a LUN in vol2, another pool"):
            created.provider.snapshot(SNAPSHOT)
        assert created.paths == [PATH, "/vol/vol2/v.snap"]

    @pytest.mark.parametrize("api", ["lun-set-comment", "lun-map"])
    @pytest.mark.parametrize("after", [False, True])
    def test_leaves_nothing_when_an_answer_is_lost(self, created: Stage, api: str, after: bool) -> None:
        created.wire.lose(api, after=after)
        with pytest.raises(TransportError):
            created.provider.snapshot(SNAPSHOT)
        assert created.paths == [PATH]

    @pytest.mark.parametrize("inherits", [True, False])
    @pytest.mark.parametrize("after", [False, True])
    def test_goes_on_after_a_lost_answer(self, created: Stage, inherits: bool, after: bool) -> None:
        created.filer.clones_keep_comment = inherits
        created.wire.lose("clone-create", after=after, error=RESET)
        created.provider.snapshot(SNAPSHOT)
        assert created.comment("/vol/vol1/v.snap") == "dataontap:2:cluster.example:u-1:snap:-"
        assert created.groups("/vol/vol1/v.snap") == ["ganeti"]

    def test_a_scan_brings_the_clone_meanwhile(self, created: Stage) -> None:
        """The map was made although its answer was lost: its device is the clone's, and may be in use."""
        created.wire.lose("lun-map", after=True, error=RESET)

        def scanned() -> None:
            created.host.devices["v.snap"] = 64 * MIB
            created.host.held_by.append("process 7 (udev-worker)")

        created.wire.meanwhile("lun-map-get-iter", scanned)
        created.provider.snapshot(SNAPSHOT)
        assert "v.snap" in created.host.devices
        assert created.groups("/vol/vol1/v.snap") == ["ganeti"]

    @pytest.mark.parametrize("code", ["13001", "13005", "13115"])
    def test_a_filer_of_another_version_than_it_was(self, created: Stage, code: str) -> None:
        created.remember((1, 15))
        created.wire.lose("clone-create", after=False, error=refusal("clone-create", code, "Unable to find API"))
        created.provider.snapshot(SNAPSHOT)
        assert created.groups("/vol/vol1/v.snap") == ["ganeti"]

    def test_of_a_lun_in_another_pool_stays_beside_it(self, created: Stage) -> None:
        created.options["POOL"] = "vol2"
        created.provider.snapshot(SNAPSHOT)
        assert created.paths == [PATH, "/vol/vol1/v.snap"]
