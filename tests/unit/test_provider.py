"""The verbs, as far as the filer is concerned: what is there afterwards, and how few requests it took."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import (
    ConfigError,
    DataOntapError,
    DeadlineError,
    DeviceError,
    NaApiError,
    OntapError,
    TransportError,
    VolumeError,
)
from dataontap.state.records import caller
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Creation, Growth, Metadata, Opening, Snapshot, Verification, Volume
from tests.simulator import copies
from tests.unit.stage import Clock, Stage, StageHost

MIB = 1024 * 1024
TAG = "dataontap:2:cluster.example:u-1:disk:-"
OLD_TAG = "dataontap:1:cluster.example:u-1:disk"
PATH = "/vol/vol1/v"

UNTRUSTED = TransportError("filer's certificate is not trusted", sent=False)
RESET = TransportError("reset by peer", transient=True)
CREATION = Creation({}, "v", "u-1", 64 * MIB)
VOLUME = Volume({}, "v", "u-1")
OPENING = Opening({}, "v", "u-1", True)
METADATA = Metadata({}, "v", "u-1", "originstname+a")
SNAPSHOT = Snapshot({}, "v", None, "v.snap", 64 * MIB)


def growth(size_mib: int, new_size_mib: int) -> Growth:
    return Growth({}, "v", "u-1", size_mib * MIB, new_size_mib * MIB)


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    stages: list[Stage] = []

    def make(**options: int) -> Stage:
        stages.append(Stage(tmp_path, **options))
        return stages[-1]

    yield make
    for stage in stages:
        stage.filer.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    return make_stage()


@pytest.fixture
def made(stage: Stage) -> Stage:
    """A stage with the volume on it."""
    stage.provider.create(CREATION)
    return stage


@pytest.fixture
def made_per_node(stage: Stage) -> Stage:
    """The same, mapped to the node's own group."""
    stage.options["IGROUP"] = "g-{node}"
    stage.provider.create(CREATION)
    return stage


class TestCreate:
    def test_makes_a_tagged_and_mapped_lun(self, stage: Stage) -> None:
        stage.provider.create(CREATION)
        lun = stage.filer.luns["svm1", PATH]
        assert (lun.size, lun.comment, lun.reserved) == (64 * MIB, TAG, True)
        assert stage.groups(PATH) == ["ganeti"]
        assert stage.wire.calls == ["system-get-ontapi-version", "lun-get-iter", "lun-create-by-size", "lun-map"]

    def test_on_an_old_filer_the_comment_is_one_more_call_and_sizes_are_rounded(
        self, make_stage: Callable[..., Stage]
    ) -> None:
        stage = make_stage(ontapi=31)
        stage.provider.create(Creation({}, "v", "u-1", 450 * 1024 * MIB))
        lun = stage.filer.luns["svm1", PATH]
        assert lun.comment == TAG
        assert lun.size > 450 * 1024 * MIB
        assert stage.wire.calls[1:] == ["lun-get-iter", "lun-create-by-size", "lun-set-comment", "lun-map"]

    def test_exact_size_where_the_filer_can(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(ontapi=110)
        stage.provider.create(Creation({}, "v", "u-1", 450 * 1024 * MIB))
        assert stage.filer.luns["svm1", PATH].size == 450 * 1024 * MIB

    def test_never_touches_an_existing_lun(self, made: Stage) -> None:
        before = made.filer.luns["svm1", PATH]
        with pytest.raises(VolumeError, match="there is a LUN of this name in vol1 already; it is left as it is"):
            made.provider.create(CREATION)
        assert made.filer.luns["svm1", PATH] == before
        assert made.groups(PATH) == ["ganeti"]

    def test_never_makes_a_second_one_in_another_pool(self, made: Stage) -> None:
        """POOL has changed; the first one has the data, and would not be found again beside the second."""
        made.options["POOL"] = "vol2"
        with pytest.raises(VolumeError, match="there is a LUN of this name in vol1 already; it is left as it is"):
            made.provider.create(CREATION)
        assert made.paths == [PATH]

    @pytest.mark.parametrize("api", ["lun-create-by-size", "lun-map"])
    @pytest.mark.parametrize("after", [False, True])
    def test_leaves_nothing_when_an_answer_is_lost(self, stage: Stage, api: str, after: bool) -> None:
        stage.wire.lose(api, after=after)
        with pytest.raises(TransportError, match="timed out"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    @pytest.mark.parametrize("after", [False, True])
    def test_goes_on_after_a_lost_answer(self, stage: Stage, after: bool) -> None:
        """The LUN that is there now was absent before, and bears our tag with this VOL_UUID."""
        stage.wire.lose("lun-create-by-size", after=after, error=RESET)
        stage.provider.create(CREATION)
        assert (stage.paths, stage.comment(PATH), stage.groups(PATH)) == ([PATH], TAG, ["ganeti"])
        assert stage.wire.calls.count("lun-create-by-size") == (1 if after else 2)

    def test_a_lost_request_that_is_carried_out_late(self, stage: Stage) -> None:
        """After the look whether it had been, and before it is sent again."""
        mine = {"path": PATH, "size": 64 * MIB, "comment": TAG}
        stage.wire.lose("lun-create-by-size", after=False, error=RESET)
        late = partial(stage.ask, "lun-create-by-size", mine)
        stage.wire.meanwhile("lun-create-by-size", lambda: stage.wire.meanwhile("lun-create-by-size", late))
        stage.provider.create(CREATION)
        assert (stage.paths, stage.groups(PATH)) == ([PATH], ["ganeti"])

    def test_takes_nobody_elses_lun_for_its_own_after_a_lost_answer(self, stage: Stage) -> None:
        others = {"path": PATH, "size": 64 * MIB, "comment": "dataontap:2:cluster.example:u-2:disk:-"}
        stage.wire.lose("lun-create-by-size", after=False, error=RESET)
        stage.wire.meanwhile("lun-create-by-size", lambda: stage.ask("lun-create-by-size", others))
        with pytest.raises(
            VolumeError, match="reset by peer; a LUN of this name in vol1 is not provably ours, and stays$"
        ):
            stage.provider.create(CREATION)
        assert stage.comment(PATH) == others["comment"]
        assert stage.groups(PATH) == []

    def test_an_older_filer_takes_no_tag_at_creation(self, tmp_path: Path) -> None:
        """What is there after a lost answer was not before, and nobody has touched it: that has to do."""
        stage = Stage(tmp_path, ontapi=100)
        stage.wire.lose("lun-create-by-size", after=True, error=RESET)
        stage.provider.create(CREATION)
        assert (stage.paths, stage.comment(PATH), stage.groups(PATH)) == ([PATH], TAG, ["ganeti"])
        stage.filer.close()

    def test_leaves_nothing_when_the_filer_fails_and_has_made_it(self, stage: Stage) -> None:
        error = NaApiError("lun-create-by-size", "13114", "Timeout: Operation timed out")
        stage.wire.lose("lun-create-by-size", after=True, error=error)
        with pytest.raises(NaApiError, match="Operation timed out"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_a_lun_that_another_made_meanwhile_stays(self, stage: Stage) -> None:
        """Even if it bears the same tag: the filer says that this create made nothing."""
        others = {"path": PATH, "size": 64 * MIB, "comment": TAG}
        stage.wire.meanwhile("lun-create-by-size", lambda: stage.ask("lun-create-by-size", others))
        with pytest.raises(NaApiError, match="errno 9012"):
            stage.provider.create(CREATION)
        assert stage.paths == [PATH]

    def test_says_when_it_cannot_tell_what_became_of_it(self, stage: Stage) -> None:
        stage.wire.lose("lun-create-by-size", after=True, error=RESET)
        stage.wire.meanwhile(
            "lun-create-by-size", lambda: stage.wire.lose("lun-get-iter", after=False, error=UNTRUSTED)
        )
        with pytest.raises(
            VolumeError,
            match="^.* is not trusted; whether its LUN was made in vol1 is not known: look on the filer$",
        ):
            stage.provider.create(CREATION)

    def test_says_that_its_lun_may_be_left(self, stage: Stage) -> None:
        """Its undoing failed, too. The error is what it was, for those who decide by it."""
        stage.wire.lose("lun-map", after=False)
        stage.wire.lose("lun-destroy", after=False, error=UNTRUSTED, times=9)
        with pytest.raises(TransportError, match="timed out; its LUN may be left in vol1$") as caught:
            stage.provider.create(CREATION)
        assert caught.value.remark == "its LUN may be left in vol1"
        assert stage.paths == [PATH]

    def test_says_so_too_where_the_making_itself_failed(self, stage: Stage) -> None:
        error = NaApiError("lun-create-by-size", "13114", "Timeout: Operation timed out")
        stage.wire.lose("lun-create-by-size", after=True, error=error)
        stage.wire.lose("lun-destroy", after=False, error=UNTRUSTED, times=9)
        with pytest.raises(NaApiError, match="Operation timed out .*; its LUN may be left in vol1$"):
            stage.provider.create(CREATION)
        assert stage.paths == [PATH]

    def test_cleans_up_though_the_filer_fails_at_that_too(self, stage: Stage) -> None:
        stage.wire.lose("lun-map", after=False)
        for api in ("lun-map-get-iter", "lun-destroy"):
            stage.wire.lose(api, after=False, error=NaApiError(api, "13001", "Job exists"))
        with pytest.raises(TransportError, match="timed out"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    @pytest.mark.parametrize("error", [OntapError("the answer is not XML"), DeadlineError("an answer", 1)])
    def test_leaves_nothing_when_the_answer_makes_no_sense(self, stage: Stage, error: Exception) -> None:
        stage.wire.lose("lun-create-by-size", after=True, error=error)
        with pytest.raises(type(error)):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_when_the_filer_was_exchanged_for_an_older_one(self, make_stage: Callable[..., Stage]) -> None:
        """The remembered version makes it send arguments that this filer does not know."""
        stage = make_stage(ontapi=31)
        stage.remember((1, 180))
        stage.provider.create(CREATION)
        assert stage.comment(PATH) == TAG
        assert stage.wire.calls == [
            "lun-get-iter",
            "lun-create-by-size",
            "system-get-ontapi-version",
            "lun-create-by-size",
            "lun-set-comment",
            "lun-map",
        ]

    def test_the_version_is_remembered(self, made: Stage) -> None:
        made.remember((1, 180))
        made.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert made.wire.calls == ["lun-get-iter", "lun-create-by-size", "lun-map"]

    def test_leaves_nothing_when_the_comment_cannot_be_set(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(ontapi=31)
        stage.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_leaves_nothing_when_no_device_comes(self, stage: Stage) -> None:
        """Ganeti would never call remove for a volume that it could make but not attach."""
        stage.host.blind = True
        stage.options["TIMEOUT"] = 1
        with pytest.raises(DeviceError, match=r"^no device came up \(waited 0 s\); .*lun igroup show, ISCSI_A"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_a_filer_that_is_always_busy_is_given_up_in_time(self, stage: Stage) -> None:
        """The time for undoing is granted once, not once a try."""
        busy = TransportError("503", status=503, transient=True)
        stage.clock = Clock()
        stage.wire.lose("lun-create-by-size", after=False, error=busy, times=1000)
        with pytest.raises(TransportError, match="503"):
            stage.provider.create(CREATION)
        assert stage.clock.now < 120 + 20
        assert stage.paths == []

    def test_a_bug_leaves_nothing_either(self, stage: Stage) -> None:
        stage.wire.lose("lun-map", after=True, error=RuntimeError("a bug"))
        with pytest.raises(RuntimeError):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_what_is_removed_again_has_no_device_left(self, stage: Stage) -> None:
        """The device came up, and only then something failed."""
        stage.host.fails_after_scan = True
        with pytest.raises(DeviceError, match="after the scan"):
            stage.provider.create(CREATION)
        assert (stage.paths, stage.host.devices) == ([], {})

    def test_takes_a_dead_luns_device_of_its_name_down(self, made: Stage) -> None:
        made.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        made.ask("lun-destroy", {"path": PATH})
        made.provider.create(replace(CREATION, size=128 * MIB))
        assert made.host.devices == {"v": 128 * MIB}

    def test_makes_nothing_over_a_device_that_cannot_be_taken_down(self, made: Stage) -> None:
        made.options["ISCSI_DETACH_COMMANDS"] = ()
        made.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        made.ask("lun-destroy", {"path": PATH})
        with pytest.raises(VolumeError, match="a device of this name is left here"):
            made.provider.create(CREATION)
        assert made.paths == []

    def test_leaves_nothing_when_there_is_no_such_group(self, stage: Stage) -> None:
        stage.options["IGROUP"] = "nobody"
        with pytest.raises(NaApiError, match="9003"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_spares_a_lun_that_somebody_else_made_meanwhile(self, stage: Stage) -> None:
        """Between our look and our create: the filer refuses ours, and what is there is not ours to undo."""
        others = {"path": PATH, "size": 64 * MIB}
        provider = stage.provider
        stage.wire.meanwhile("lun-create-by-size", lambda: stage.ask("lun-create-by-size", others))
        with pytest.raises(NaApiError, match="9012"):
            provider.create(CREATION)
        assert stage.paths == [PATH]

    def test_without_a_group_asks_nobody(self, stage: Stage) -> None:
        stage.options.pop("IGROUP")
        with pytest.raises(ConfigError, match="^IGROUP: must be given"):
            stage.provider.create(CREATION)
        assert stage.wire.calls == []


class TestRemove:
    def test_the_lun_is_gone(self, made: Stage) -> None:
        made.provider.remove(VOLUME)
        assert made.paths == []
        assert made.wire.calls == ["lun-map-get-iter", "lun-unmap", "lun-destroy"]

    def test_is_idempotent(self, made: Stage) -> None:
        made.provider.remove(VOLUME)
        made.provider.remove(VOLUME)
        assert made.paths == []

    @pytest.mark.parametrize("api", ["lun-map-get-iter", "lun-unmap", "lun-destroy"])
    @pytest.mark.parametrize("after", [False, True])
    def test_again_after_a_lost_answer(self, made: Stage, api: str, after: bool) -> None:
        made.wire.lose(api, after=after)
        with pytest.raises(TransportError):
            made.provider.remove(VOLUME)
        made.provider.remove(VOLUME)
        assert made.paths == []

    def test_a_lun_that_others_see_stays_and_stays_ours(self, made: Stage) -> None:
        made.ask("igroup-create", {"initiator-group-name": "backup", "initiator-group-type": "iscsi"})
        made.ask("lun-map", {"path": PATH, "initiator-group": "backup"})
        with pytest.raises(VolumeError, match="is mapped to backup too; it stays until it is unmapped there"):
            made.provider.remove(VOLUME)
        assert made.groups(PATH) == ["backup", "ganeti"]

    def test_in_the_pool_it_was_made_in(self, made: Stage) -> None:
        made.ask("lun-create-by-size", {"path": "/vol/vol1/bystander", "size": 64 * MIB})
        made.options["POOL"] = "vol2"
        made.provider.remove(VOLUME)
        assert made.paths == ["/vol/vol1/bystander"]

    @pytest.mark.parametrize("copy", [copies.flexclone, copies.mirror], ids=["FlexClone", "mirror"])
    def test_copies_of_the_pool_are_not_the_volume(self, stage: Stage, copy: Callable[..., None]) -> None:
        """A removal that is tried again must not take the LUN of the same name in a copy of its pool."""
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": TAG})
        copy(stage.ask, "vol1", "copy")
        stage.ask("lun-destroy", {"path": PATH})
        stage.options["IGROUP"] = "g-{node}"  # where an unmapped LUN may be a volume in another pool
        stage.provider.remove(VOLUME)
        assert stage.paths == ["/vol/copy/v"]
        with pytest.raises(VolumeError, match="there is no LUN in vol1, that in copy may be a copy"):
            stage.provider.attach(VOLUME)

    def test_in_another_pool_after_an_answer_was_lost_in_its_own(self, made: Stage) -> None:
        """That the LUN is not there, the second time, must not be taken for its destruction."""
        made.options["POOL"] = "vol2"
        for api in ("lun-map-get-iter", "lun-get-iter", "lun-unmap", "lun-destroy"):
            made.wire.lose(api, after=True, error=RESET)
        made.provider.remove(VOLUME)
        assert made.paths == []

    def test_in_another_pool_again_after_it_was_unmapped(self, made: Stage) -> None:
        made.options["POOL"] = "vol2"
        made.wire.lose("lun-destroy", after=False)
        with pytest.raises(TransportError):
            made.provider.remove(VOLUME)
        assert (made.groups(PATH), made.comment(PATH)) == ([], f"being removed {TAG}")
        made.provider.remove(VOLUME)
        assert made.paths == []

    def test_a_copy_in_another_pool_is_not_the_volume(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """As lun copy leaves it: with our tag in its comment, but mapped to nobody. It is named, and stays."""
        made.ask("lun-create-by-size", {"path": "/vol/vol2/v", "size": 64 * MIB, "comment": TAG})
        for _ in range(2):
            made.provider.remove(VOLUME)
        assert made.paths == ["/vol/vol2/v"]
        assert "/vol/vol2/v has this name, too, but nothing proves that it is the volume" in caplog.text

    def test_searches_allowed_pools_only(self, made: Stage) -> None:
        made.options.update(POOL="vol2", POOL_NAME_SEARCH_PATTERN="vol2")
        made.provider.remove(VOLUME)
        assert made.paths == [PATH]


class TestGrow:
    def test_resizes(self, made: Stage) -> None:
        made.provider.grow(growth(64, 128))
        assert made.filer.luns["svm1", PATH].size == 128 * MIB
        assert made.wire.calls == ["lun-get-iter", "lun-resize"]

    def test_again_after_a_lost_answer(self, made: Stage) -> None:
        made.wire.lose("lun-resize", after=True)
        with pytest.raises(TransportError):
            made.provider.grow(growth(64, 128))
        made.provider.grow(growth(64, 128))
        assert made.filer.luns["svm1", PATH].size == 128 * MIB

    def test_refuses_to_shrink(self, made: Stage) -> None:
        with pytest.raises(VolumeError, match="will not shrink it from 64 to 32 MiB"):
            made.provider.grow(growth(64, 32))
        assert made.wire.calls == []

    def test_never_shrinks_a_lun_that_is_larger_than_ganeti_knows(self, made: Stage) -> None:
        made.provider.grow(growth(32, 48))
        assert made.filer.luns["svm1", PATH].size == 64 * MIB
        assert made.wire.calls == ["lun-get-iter"]

    def test_unchanged_is_success(self, make_stage: Callable[..., Stage]) -> None:
        """Rounding: the filer says 9042 to a size that is not the LUN's but rounds up to it."""
        stage = make_stage(ontapi=31)
        stage.provider.create(Creation({}, "v", "u-1", 450 * 1024 * MIB))
        rounded = stage.filer.luns["svm1", PATH].size
        assert stage.client.do_direct_resize(PATH, rounded - 1) is None
        assert stage.filer.luns["svm1", PATH].size == rounded


class TestSnapshot:
    def test_makes_a_tagged_and_mapped_clone(self, made: Stage) -> None:
        made.provider.snapshot(SNAPSHOT)
        clone = made.filer.luns["svm1", "/vol/vol1/v.snap"]
        assert clone.comment == "dataontap:2:cluster.example:u-1:snap:-"
        assert (clone.size, clone.reserved) == (64 * MIB, True)
        assert made.groups(clone.path) == ["ganeti"]
        assert made.wire.calls == ["lun-get-iter", "clone-create", "lun-set-comment", "lun-map"]

    def test_keeps_the_sources_reservation_whatever_is_configured(self, stage: Stage) -> None:
        stage.options["LUN_SPACE_RESERVATION"] = False
        stage.provider.create(CREATION)
        stage.options["LUN_SPACE_RESERVATION"] = True
        stage.provider.snapshot(SNAPSHOT)
        assert not stage.filer.luns["svm1", "/vol/vol1/v.snap"].reserved

    def test_is_as_large_as_asked_for(self, made: Stage) -> None:
        made.provider.snapshot(Snapshot({}, "v", None, "v.snap", 96 * MIB))
        assert made.filer.luns["svm1", "/vol/vol1/v.snap"].size == 96 * MIB
        made.provider.remove(Volume({}, "v.snap", None))
        made.provider.snapshot(Snapshot({}, "v", None, "v.snap", 32 * MIB))
        assert made.filer.luns["svm1", "/vol/vol1/v.snap"].size == 64 * MIB

    def test_replaces_the_clone_of_an_export_that_broke_off(self, made: Stage) -> None:
        made.provider.snapshot(SNAPSHOT)
        first = made.filer.luns["svm1", "/vol/vol1/v.snap"].uuid
        made.provider.snapshot(SNAPSHOT)
        assert made.filer.luns["svm1", "/vol/vol1/v.snap"].uuid != first
        assert made.paths == [PATH, "/vol/vol1/v.snap"]

    def test_replaces_nothing_else(self, made: Stage) -> None:
        made.ask("lun-create-by-size", {"path": "/vol/vol1/v.snap", "size": 64 * MIB, "comment": TAG})
        before = made.filer.luns["svm1", "/vol/vol1/v.snap"]
        with pytest.raises(
            VolumeError, match="there is a LUN /vol/vol1/v.snap already, no snapshot of this volume"
        ):
            made.provider.snapshot(SNAPSHOT)
        assert made.filer.luns["svm1", "/vol/vol1/v.snap"] == before

    def test_a_clone_of_another_name_is_never_replaced(self, made: Stage) -> None:
        other = Snapshot({}, "v", None, "keep", 64 * MIB)
        made.provider.snapshot(other)
        with pytest.raises(VolumeError, match="/vol/vol1/keep already"):
            made.provider.snapshot(other)

    def test_takes_nobody_elses_lun_for_its_clone_after_a_lost_answer(self, made: Stage) -> None:
        others = {"path": "/vol/vol1/v.snap", "size": 32 * MIB}
        for error in (RESET, TransportError("timed out")):
            made.wire.lose("clone-create", after=False, error=error)
            made.wire.meanwhile("clone-create", lambda: made.ask("lun-create-by-size", others))
            with pytest.raises(VolumeError, match="a LUN of this name in vol1 is not provably ours, and stays$"):
                made.provider.snapshot(SNAPSHOT)
            assert made.filer.luns["svm1", "/vol/vol1/v.snap"].size == 32 * MIB
            made.ask("lun-destroy", {"path": "/vol/vol1/v.snap"})

    def test_an_old_clone_in_another_pool_would_be_taken_for_it(self, made: Stage) -> None:
        made.options["POOL"] = "vol2"
        made.ask("lun-create-by-size", {"path": "/vol/vol2/v.snap", "size": 64 * MIB})
        with pytest.raises(VolumeError, match="there is a LUN /vol/vol2/v.snap already, in another pool"):
            made.provider.snapshot(SNAPSHOT)
        assert made.paths == [PATH, "/vol/vol2/v.snap"]

    @pytest.mark.parametrize("api", ["lun-set-comment", "lun-map"])
    @pytest.mark.parametrize("after", [False, True])
    def test_leaves_nothing_when_an_answer_is_lost(self, made: Stage, api: str, after: bool) -> None:
        made.wire.lose(api, after=after)
        with pytest.raises(TransportError):
            made.provider.snapshot(SNAPSHOT)
        assert made.paths == [PATH]

    @pytest.mark.parametrize("inherits", [True, False])
    @pytest.mark.parametrize("after", [False, True])
    def test_goes_on_after_a_lost_answer(self, made: Stage, inherits: bool, after: bool) -> None:
        made.filer.clones_keep_comment = inherits
        made.wire.lose("clone-create", after=after, error=RESET)
        made.provider.snapshot(SNAPSHOT)
        assert made.comment("/vol/vol1/v.snap") == "dataontap:2:cluster.example:u-1:snap:-"
        assert made.groups("/vol/vol1/v.snap") == ["ganeti"]

    def test_of_a_lun_in_another_pool_stays_beside_it(self, made: Stage) -> None:
        made.options["POOL"] = "vol2"
        made.provider.snapshot(SNAPSHOT)
        assert made.paths == [PATH, "/vol/vol1/v.snap"]


class TestSetinfo:
    def test_keeps_the_tag(self, made: Stage) -> None:
        made.provider.setinfo(Metadata({}, "v", "u-1", "originstname+a"))
        made.provider.setinfo(Metadata({}, "v", "u-1", "originstname+b"))
        assert made.comment(PATH) == f"originstname+b {made.tag(PATH)}"
        assert made.wire.calls == ["lun-get-iter", "lun-set-comment"]

    def test_the_cluster_has_another_name_now(self, stage: Stage) -> None:
        stage.ask(
            "lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": f"x {TAG}".replace("er.", "ed.")}
        )
        stage.provider.setinfo(Metadata({}, "v", "u-1", "originstname+a"))
        assert stage.comment(PATH) == f"originstname+a {stage.tag(PATH)}"

    def test_tags_a_lun_of_the_first_implementation(self, stage: Stage) -> None:
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": "originstname+old"})
        stage.provider.setinfo(Metadata({}, "v", "u-1", "originstname+a"))
        assert stage.comment(PATH) == f"originstname+a {stage.tag(PATH)}"

    def test_a_lun_that_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(
            VolumeError, match="there is no LUN of this name in vol1; check POOL and CLUSTER_MODE_VSERVER"
        ):
            stage.provider.setinfo(Metadata({}, "v", "u-1", "x"))


def test_who_runs_the_scripts() -> None:
    pid, began = caller().split(" ")
    assert (int(pid), caller()) == (os.getppid(), f"{pid} {began}")
    assert int(began) > 0


class TestNewVolume:
    """Until setinfo, which ends Ganeti's making of a volume, what fails takes the LUN away again."""

    @pytest.mark.parametrize("api", ["lun-get-iter", "lun-set-comment"])
    def test_setinfo_fails(self, made: Stage, api: str) -> None:
        made.wire.lose(api, after=False, error=NaApiError(api, "13001", "injected"))
        with pytest.raises(NaApiError, match="injected"):
            made.provider.setinfo(METADATA)
        assert (made.paths, made.host.devices) == ([], {})

    def test_attach_fails(self, made: Stage) -> None:
        made.host.devices.clear()
        made.wire.lose("lun-map-get-iter", after=False, error=NaApiError("lun-map-get-iter", "13001", "injected"))
        with pytest.raises(NaApiError, match="injected"):
            made.provider.attach(VOLUME)
        assert (made.paths, made.host.devices) == ([], {})

    def test_an_exclusive_open_fails(self, made_per_node: Stage) -> None:
        made_per_node.wire.lose("lun-map-get-iter", after=False)
        with pytest.raises(TransportError):
            made_per_node.provider.open(OPENING)
        assert (made_per_node.paths, made_per_node.host.devices) == ([], {})

    def test_somebody_holds_it(self, made: Stage) -> None:
        made.host.held_by = ["dd (pid 1)"]
        made.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            made.provider.setinfo(METADATA)
        assert made.paths == [PATH]

    def test_another_node_has_it(self, made_per_node: Stage) -> None:
        """Whoever made it by hand, and ran no setinfo, may have data on it."""
        made_per_node.become("node2.example")
        made_per_node.provider.attach(VOLUME)
        made_per_node.become("node1.example")
        made_per_node.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            made_per_node.provider.setinfo(METADATA)
        assert made_per_node.groups(PATH) == ["g-node1.example", "g-node2.example"]
        assert made_per_node.host.devices != {}

    def test_it_is_complete(self, made_per_node: Stage) -> None:
        """From then on it stays, whatever fails."""
        made_per_node.provider.open(OPENING)
        made_per_node.provider.setinfo(METADATA)
        made_per_node.wire.lose("lun-map-get-iter", after=False)
        with pytest.raises(TransportError):
            made_per_node.provider.open(OPENING)
        made_per_node.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            made_per_node.provider.setinfo(METADATA)
        assert made_per_node.paths == [PATH]

    @pytest.mark.parametrize(
        "verb",
        [
            lambda provider: provider.attach(VOLUME),
            lambda provider: provider.open(OPENING),
            lambda provider: provider.setinfo(METADATA),
        ],
        ids=["attach", "open", "setinfo"],
    )
    def test_another_call_of_ganetis_fails(
        self, made_per_node: Stage, verb: Callable[[DataOnTapProvider], object]
    ) -> None:
        """The call that made the volume was killed: since then it may have got an instance's data."""
        made_per_node.caller = "101 2"
        made_per_node.host.devices.clear()
        for api in ("lun-map-get-iter", "lun-set-comment"):
            made_per_node.wire.lose(api, after=False, error=NaApiError(api, "13001", "injected"))
        with pytest.raises(NaApiError, match="injected"):
            verb(made_per_node.provider)
        assert made_per_node.paths == [PATH]

    def test_nobody_knows_who_makes_it(self, stage: Stage) -> None:
        """As where the caller is in another namespace: better a LUN too many."""
        stage.caller = ""
        stage.provider.create(CREATION)
        stage.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            stage.provider.setinfo(METADATA)
        assert stage.paths == [PATH]

    @pytest.mark.parametrize("api", ["lun-map-get-iter", "lun-destroy"])
    def test_it_could_not_be_taken_away_again(self, made: Stage, api: str) -> None:
        """From then on it stays, too: nobody knows what has become of it when something fails again."""
        for name in (api, "lun-set-comment"):
            made.wire.lose(name, after=False, error=NaApiError(name, "13001", "injected"), times=9)
        with pytest.raises(NaApiError, match="injected"):
            made.provider.setinfo(METADATA)
        made.wire.mend()
        made.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            made.provider.setinfo(METADATA)
        assert made.paths == [PATH]

    def test_its_making_was_given_up_long_ago(self, made: Stage) -> None:
        (mark,) = Path(made.directory, made.node, "run", "new").iterdir()
        begun = mark.stat().st_mtime - 901
        os.utime(mark, (begun, begun))
        made.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            made.provider.setinfo(METADATA)
        assert made.paths == [PATH]

    def test_it_is_removed(self, made: Stage) -> None:
        """No mark of it meets the next volume of this name."""
        made.provider.remove(VOLUME)
        assert list(Path(made.directory, made.node, "run", "new").iterdir()) == []


class TestAttach:
    """What the filer decides; real devices are for the contract level."""

    def test_of_an_absent_lun(self, stage: Stage) -> None:
        with pytest.raises(VolumeError, match="there is no LUN of this name in vol1; check POOL"):
            stage.provider.attach(VOLUME)

    def test_of_a_lun_that_was_deleted_on_the_filer(self, made: Stage) -> None:
        """POOL was right when its device came."""
        made.ask("lun-destroy", {"path": PATH, "force": True})
        with pytest.raises(
            VolumeError, match="^there is no LUN of this name in vol1; its device is here: was it del"
        ):
            made.provider.setinfo(Metadata({}, "v", "u-1", "x"))

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
        stage.wire.lose("lun-set-comment", after=False, error=NaApiError("lun-set-comment", "13003", "injected"))
        assert stage.provider.attach(VOLUME)
        assert stage.comment(PATH) == former

    def test_a_volume_in_another_pool_from_before_the_cluster_was_renamed(self, made_per_node: Stage) -> None:
        """Its instance is stopped, so it is mapped to nobody; its tag has its serial number."""
        made_per_node.provider.setinfo(METADATA)
        made_per_node.provider.detach(VOLUME)
        made_per_node.cluster = "renamed.example"
        made_per_node.options["POOL"] = "vol2"
        assert made_per_node.provider.attach(VOLUME)
        assert made_per_node.comment(PATH) == f"originstname+a {made_per_node.tag(PATH)}"
        assert "renamed.example" in made_per_node.comment(PATH)

    def test_of_an_offline_lun(self, made: Stage) -> None:
        made.ask("lun-offline", {"path": PATH})
        with pytest.raises(VolumeError, match="its LUN in vol1 is offline on the filer; set it online there"):
            made.provider.attach(VOLUME)

    def test_asks_twice_and_maps_what_is_not_mapped(self, made: Stage) -> None:
        made.provider.setinfo(METADATA)
        made.host.devices.clear()
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert made.wire.calls == ["lun-get-iter", "lun-map-get-iter"]
        made.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        made.host.devices.clear()
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert made.wire.calls == ["lun-get-iter", "lun-map"]
        assert made.groups(PATH) == ["ganeti"]

    def test_a_filer_that_is_away(self, made: Stage) -> None:
        """A living device is enough; without one there is nothing to be done."""
        made.wire.lose("lun-get-iter", after=False)
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        made.host.devices.clear()
        made.wire.lose("lun-get-iter", after=False)
        with pytest.raises(TransportError, match="timed out"):
            made.provider.attach(VOLUME)

    def test_a_lun_that_grew_elsewhere(self, made: Stage) -> None:
        made.ask("lun-resize", {"path": PATH, "size": 96 * MIB})
        made.host.scans.clear()
        made.provider.attach(VOLUME)
        assert len(made.host.scans) == 1
        assert made.host.devices == {"v": 96 * MIB}

    def test_a_volume_that_several_pools_have(self, made: Stage) -> None:
        made.ask("lun-create-by-size", {"path": "/vol/vol2/v", "size": 64 * MIB})
        made.ask("lun-map", {"path": "/vol/vol2/v", "initiator-group": "ganeti"})
        made.options["POOL"] = "vol3"
        with pytest.raises(VolumeError, match="a LUN of this name in each of the pools vol1, vol2"):
            made.provider.attach(VOLUME)

    def test_fibre_channel_scans_as_the_first_implementation_did(self, made: Stage) -> None:
        made.options["STORAGE_PROTOCOL"] = "fc"
        made.host.devices.clear()
        made.host.scans.clear()
        made.provider.attach(VOLUME)
        assert made.host.scans == [(("rescan-scsi-bus.sh",), ("multipath", "-r"), ("udevadm", "settle"))]

    def test_open_and_close_ask_nobody(self, made: Stage) -> None:
        provider = made.provider
        provider.open(Opening({}, "v", "u-1", True))
        provider.close(VOLUME)
        assert made.wire.calls == []


class HeldAtFirst(StageHost):
    """A node whose device is in use when it is to be taken down for the first time."""

    times = 0

    def await_release(self, device: str, deadline: Deadline) -> None:
        self.times += 1
        if self.times == 1:
            raise DeviceError("its device is in use by process 271 ((udev-worker))")


class TestWriteProtected:
    """A device that nobody can write to is none for an instance; but one that has it must be able to let it go."""

    REFUSED = "^write-protected: "

    def test_a_device_that_attach_brings_up_is_refused(self, made: Stage) -> None:
        made.provider.detach(VOLUME)
        made.protect("v", True)
        for _ in range(2):
            with pytest.raises(DeviceError, match=self.REFUSED):
                made.provider.attach(VOLUME)
            assert made.host.devices == {}, "the next attach would take it for an instance's"
        made.protect("v", False)
        assert made.provider.attach(VOLUME) == "/dev/disk/v"

    def test_that_it_cannot_be_taken_down_is_said(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        made.provider.detach(VOLUME)
        made.protect("v", True)
        made.host.held_by = ["process 4711 (qemu)"]
        with pytest.raises(DeviceError, match=self.REFUSED):
            made.provider.attach(VOLUME)
        assert caplog.text.count("the device stays: ") == 1

    def test_udev_may_still_look_into_it(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """So it is tried more than once to take it down."""
        made.provider.detach(VOLUME)
        made.protect("v", True)
        made.host = HeldAtFirst(made.filer)
        with pytest.raises(DeviceError, match=self.REFUSED):
            made.provider.attach(VOLUME)
        assert made.host.devices == {}
        assert "the device stays" not in caplog.text

    def test_one_that_is_here_is_named_with_a_warning(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        made.protect("v", True)
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_also_if_it_was_scanned_for(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """Because it is too small: instances run with such a device, too."""
        made.ask("lun-resize", {"path": PATH, "size": 96 * MIB})
        made.protect("v", True)
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert len(made.host.scans) == 2
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_also_if_udev_cannot_give_the_name(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """It is below /dev that udev makes links; a LUN's map that is here is the volume's then."""
        made.host.devices.clear()
        (naa, _) = made.client.get_lun_by_args(path=PATH)[0].naas
        uuid = made.directory / "sys/block/dm-0/dm/uuid"
        uuid.parent.mkdir(parents=True)
        uuid.write_text(f"mpath-3{naa}\n")
        made.protect("v", True)
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_also_while_the_filer_is_away(self, made: Stage, caplog: pytest.LogCaptureFixture) -> None:
        made.protect("v", True)
        made.wire.lose("lun-get-iter", after=False)
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
        assert "/dev/disk/v: write-protected: " in caplog.text

    def test_create_leaves_nothing(self, stage: Stage) -> None:
        stage.protect("v", True)
        with pytest.raises(DeviceError, match=self.REFUSED):
            stage.provider.create(CREATION)
        assert (stage.paths, stage.host.devices) == ([], {})

    def test_open_refuses_and_takes_it_from_nobody(self, made_per_node: Stage) -> None:
        made_per_node.provider.setinfo(METADATA)
        made_per_node.become("node2.example")
        made_per_node.provider.attach(VOLUME)
        made_per_node.protect("v", True)
        with pytest.raises(DeviceError, match=self.REFUSED):
            made_per_node.provider.open(OPENING)
        assert made_per_node.groups(PATH) == ["g-node1.example", "g-node2.example"]
        assert made_per_node.host.devices == {"v": 64 * MIB}, "it was here"

    def test_grow_and_detach_do_not_care(self, made: Stage) -> None:
        made.protect("v", True)
        made.provider.grow(growth(64, 96))
        made.provider.detach(VOLUME)
        assert made.host.devices == {}


class TestVerify:
    def test_all_is_well(self, stage: Stage) -> None:
        stage.provider.verify(Verification({}, Verification.usual))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"POOL": "nowhere"}, "pool: POOL: the SVM has no volume 'nowhere'; see volume show"),
            (
                {"IGROUP": "nobody"},
                "igroup: IGROUP: the SVM has no initiator group 'nobody'; "
                "lun igroup create -igroup nobody -protocol iscsi -ostype linux",
            ),
        ],
    )
    def test_something_is_not(self, stage: Stage, options: dict[str, str], message: str) -> None:
        stage.options.update(options)
        with pytest.raises(VolumeError) as caught:
            stage.provider.verify(Verification({}, Verification.usual))
        assert str(caught.value) == message

    def test_a_cluster_account_needs_a_vserver(self, stage: Stage) -> None:
        stage.tunnel = None
        stage.options["CLUSTER_MODE_VSERVER"] = None
        with pytest.raises(VolumeError, match="^credentials: LOGIN is an account of the whole cluster"):
            stage.provider.verify(Verification({}, ("credentials",)))

    def test_a_refused_account_is_an_answer(self, stage: Stage) -> None:
        refused = TransportError("does not accept LOGIN", status=401)
        stage.wire.lose("system-get-ontapi-version", after=False, error=refused)
        stage.provider.verify(Verification({}, ("connection",)))

    def test_a_filer_that_is_not_there(self, stage: Stage) -> None:
        stage.wire.lose("system-get-ontapi-version", after=False)
        with pytest.raises(DataOntapError, match="^connection: system-get-ontapi-version: the connection to"):
            stage.provider.verify(Verification({}, ("connection",)))
