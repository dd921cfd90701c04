"""Which LUN of a volume's name is the volume: its own path, its tag with its serial number, its maps."""

from __future__ import annotations

from typing import Callable

import pytest

from dataontap.client.zapi.luns import lun_at
from dataontap.errors import OntapError, TransportError, VolumeError
from dataontap.volume.candidates import is_copy, names_itself
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Volume
from tests.simulator import copies
from tests.unit.stage import Stage
from tests.unit.volume import (
    CREATION,
    EXCLUSIVE,
    METADATA,
    MIB,
    NODE1,
    PATH,
    RESET,
    SNAPSHOT,
    VOLUME,
    growth,
)

pytestmark = pytest.mark.usefixtures("group_per_node")

ELSEWHERE = "/vol/vol2/v"
OLD = "dataontap:1:cluster.example:u-1:disk"

Verb = Callable[[DataOnTapProvider], object]
VERBS: dict[str, Verb] = {
    "attach": lambda provider: provider.attach(VOLUME),
    "open": lambda provider: provider.open(EXCLUSIVE),
    "setinfo": lambda provider: provider.setinfo(METADATA),
    "grow": lambda provider: provider.grow(growth(64, 96)),
    "snapshot": lambda provider: provider.snapshot(SNAPSHOT),
}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


def stop(stage: Stage) -> None:
    """As when an instance is stopped: its LUN is mapped to nobody."""
    stage.provider.detach(VOLUME)


@pytest.fixture
def copied(made: Stage) -> Stage:
    """The volume is stopped, and there is a copy of its LUN in another pool."""
    stop(made)
    copies.lun_copy(made.ask, PATH, ELSEWHERE)
    return made


@pytest.fixture
def orphaned(copied: Stage) -> Stage:
    """The copy is all that is left."""
    copied.ask("lun-destroy", {"path": PATH})
    return copied


class TestACopyElsewhere:
    """``lun copy``, a FlexClone that was split and a mirror that was broken leave the name and the comment."""

    def test_is_told_by_its_serial_number(self, copied: Stage) -> None:
        original, copy = copied.client.get_lun_by_args(path="/vol/*/v")
        assert (original.comment, names_itself(original), is_copy(original)) == (copy.comment, True, False)
        assert (names_itself(copy), is_copy(copy)) == (False, True)

    @pytest.mark.parametrize("mapped", [False, True], ids=["unmapped", "mapped"])
    def test_is_never_destroyed(self, copied: Stage, mapped: bool, caplog: pytest.LogCaptureFixture) -> None:
        if mapped:
            copied.ask("lun-map", {"path": ELSEWHERE, "initiator-group": NODE1})
        for _ in range(2):
            copied.provider.remove(VOLUME)
        assert copied.paths == [ELSEWHERE]
        assert "/vol/vol2/v is a copy: its tag was written for another LUN; ignoring it" in caplog.text

    @every_verb
    def test_serves_no_verb(self, orphaned: Stage, verb: Verb) -> None:
        before = orphaned.filer.luns["svm1", ELSEWHERE]
        with pytest.raises(
            VolumeError, match="no LUN in vol1; the LUN in vol2 is a copy; if it is the disk's: gnt"
        ):
            verb(orphaned.provider)
        assert orphaned.filer.luns["svm1", ELSEWHERE] == before

    @pytest.mark.parametrize(
        "stage_copy",
        [
            lambda ask: copies.flexclone(ask, "vol1", "copy", split=True),
            lambda ask: copies.flexclone(ask, "vol1", "copy"),
            lambda ask: copies.mirror(ask, "vol1", "copy"),
            lambda ask: copies.mirror(ask, "vol1", "copy", broken=True),
        ],
        ids=["split FlexClone", "FlexClone", "mirror", "broken mirror"],
    )
    def test_is_one_whatever_made_it(self, made: Stage, stage_copy: Callable[[object], None]) -> None:
        stop(made)
        stage_copy(made.ask)
        for _ in range(2):
            made.provider.remove(VOLUME)
        assert made.paths == ["/vol/copy/v"]

    def test_does_not_hinder_the_volume(self, copied: Stage) -> None:
        copied.provider.attach(VOLUME)
        copied.provider.open(EXCLUSIVE)
        assert (copied.groups(PATH), copied.groups(ELSEWHERE)) == ([NODE1], [])

    def test_does_not_hinder_a_creation(self, orphaned: Stage) -> None:
        orphaned.provider.create(CREATION)
        assert orphaned.paths == [PATH, ELSEWHERE]

    def test_of_a_snapshot_is_no_left_over(self, made: Stage) -> None:
        made.provider.snapshot(SNAPSHOT)
        made.provider.attach(Volume({}, "v.snap", "u-2"))
        copies.lun_copy(made.ask, "/vol/vol1/v.snap", "/vol/vol2/v.snap")
        made.provider.remove(Volume({}, "v.snap", "u-2"))
        made.provider.remove(Volume({}, "v.snap", "u-2"))
        assert made.paths == [PATH, "/vol/vol2/v.snap"]

    def test_the_volume_elsewhere_and_its_copy_at_a_third_place(self, copied: Stage) -> None:
        """POOL has changed: only the one with its own serial number is the volume."""
        copied.options["POOL"] = "vol3"
        copied.provider.attach(VOLUME)
        assert (copied.groups(PATH), copied.groups(ELSEWHERE)) == ([NODE1], [])
        copied.provider.remove(VOLUME)
        assert copied.paths == [ELSEWHERE]


class TestACopyAtItsOwnPath:
    """What the storage admin put there: a restored volume, the destination of a mirror."""

    @pytest.fixture
    def there(self, copied: Stage) -> Stage:
        """``gnt-instance modify --disk 0:pool=vol2`` made the copy's path the volume's own."""
        copied.params["pool"] = "vol2"
        return copied

    @every_verb
    def test_is_refused_beside_its_original(self, there: Stage, verb: Verb) -> None:
        before = dict(there.filer.luns)
        with pytest.raises(VolumeError, match="its LUN in vol2 is a copy of the LUN in vol1: remove or rename"):
            verb(there.provider)
        assert dict(there.filer.luns) == before

    def test_serves_alone(self, there: Stage, caplog: pytest.LogCaptureFixture) -> None:
        there.ask("lun-destroy", {"path": PATH})
        there.provider.attach(VOLUME)
        assert there.comment(ELSEWHERE) == f"originstname+a {there.tag(ELSEWHERE)}"
        assert "/vol/vol2/v is a copy: its tag was written for another LUN" in caplog.text
        there.provider.detach(VOLUME)
        there.provider.attach(VOLUME)
        assert "lun-set-comment" not in there.wire.calls
        there.provider.open(EXCLUSIVE)
        there.provider.remove(VOLUME)
        assert there.paths == []

    def test_is_not_served_while_its_original_may_be_there(self, there: Stage) -> None:
        there.wire.lack("lun-get-iter", "vol1", "Volume is offline")
        with pytest.raises(OntapError, match="volume vol1 .*Volume is offline"):
            there.provider.attach(VOLUME)
        there.options["POOL_NAME_SEARCH_PATTERN"] = "vol2"
        there.params["pool"] = there.options["POOL"] = "vol2"
        there.provider.attach(VOLUME)
        assert there.groups(ELSEWHERE) == [NODE1]


class TestMovedToAnotherVolume:
    """The LUN itself, not a copy; the man page says under MOVING A LUN TO ANOTHER VOLUME what these show."""

    @pytest.fixture(params=[None, "vol2"], ids=["Ganeti does not know", "Ganeti knows"])
    def moved(self, request: pytest.FixtureRequest, made: Stage) -> Stage:
        """Its instance runs. ``gnt-instance modify --disk 0:pool=vol2`` comes afterwards, or has come."""
        made.provider.open(EXCLUSIVE)
        copies.lun_move(made.ask, PATH, ELSEWHERE)
        if request.param:
            made.params["pool"] = request.param
        return made

    @every_verb
    def test_serves_every_verb(self, moved: Stage, verb: Verb) -> None:
        device = moved.provider.attach(VOLUME)
        verb(moved.provider)
        assert moved.provider.attach(VOLUME) == device
        assert moved.groups(ELSEWHERE) == [NODE1]

    def test_is_found_again_when_it_was_stopped(self, moved: Stage) -> None:
        stop(moved)
        assert moved.groups(ELSEWHERE) == []
        moved.provider.attach(VOLUME)
        assert moved.groups(ELSEWHERE) == [NODE1]
        moved.provider.remove(VOLUME)
        assert moved.paths == []


class TestWithoutASerialNumber:
    """LUNs that were tagged before tags had one, or by nobody."""

    @pytest.fixture(params=["", "originstname+a", OLD, f"x {OLD}", "dataontap:2:cluster.example:u-1:disk:-"])
    def old(self, request: pytest.FixtureRequest, made: Stage) -> Stage:
        made.ask("lun-set-comment", {"path": PATH, "comment": request.param})
        return made

    def test_at_its_own_path_it_is_tagged_once(self, old: Stage) -> None:
        text = old.comment(PATH).partition("dataontap:")[0].strip()
        old.provider.attach(VOLUME)
        assert old.comment(PATH) == f"{text} {old.tag(PATH)}".strip()
        assert old.wire.calls.count("lun-set-comment") == 1
        old.provider.attach(VOLUME)
        assert "lun-set-comment" not in old.wire.calls

    def test_elsewhere_and_mapped_it_is_tagged_and_found_afterwards(self, old: Stage) -> None:
        old.options["POOL"] = "vol2"
        old.provider.attach(VOLUME)
        assert old.comment(PATH).endswith(old.tag(PATH))
        stop(old)
        old.provider.attach(VOLUME)
        assert old.groups(PATH) == [NODE1]

    def test_elsewhere_a_tag_that_cannot_be_written_is_an_error(self, old: Stage) -> None:
        """It would not be found any more after the next stop; but one that is in use has to be able to stop."""
        old.options["POOL"] = "vol2"
        old.wire.lose("lun-set-comment", after=False)
        assert old.provider.attach(VOLUME)
        old.wire.lose("lun-set-comment", after=False)
        old.host.devices.clear()
        with pytest.raises(VolumeError, match="; its LUN is not in its disk's pool, so it needs a tag$"):
            old.provider.attach(VOLUME)

    def test_at_its_own_path_it_is_not(self, old: Stage) -> None:
        old.wire.lose("lun-set-comment", after=False)
        assert old.provider.attach(VOLUME)

    @every_verb
    def test_elsewhere_and_unmapped_nothing_proves_it(self, old: Stage, verb: Verb) -> None:
        stop(old)
        old.options["POOL"] = "vol2"
        before = dict(old.filer.luns)
        with pytest.raises(VolumeError, match="LUN in vol1 may be a copy; .* modify --disk N:pool=vol1 INSTANCE"):
            verb(old.provider)
        old.provider.remove(VOLUME)
        assert dict(old.filer.luns) == before

    def test_the_remedy(self, old: Stage) -> None:
        stop(old)
        old.options["POOL"] = "vol2"
        old.params["pool"] = "vol1"
        old.provider.attach(VOLUME)
        assert old.comment(PATH).endswith(old.tag(PATH))

    def test_elsewhere_and_mapped_to_a_stranger_it_is_not_the_volume(self, old: Stage) -> None:
        stop(old)
        old.options["POOL"] = "vol2"
        old.ask("igroup-create", {"initiator-group-name": "esx", "initiator-group-type": "iscsi"})
        old.ask("lun-map", {"path": PATH, "initiator-group": "esx"})
        with pytest.raises(VolumeError, match="the LUN in vol1 may be a copy"):
            old.provider.attach(VOLUME)
        old.provider.remove(VOLUME)
        assert old.paths == [PATH]

    def test_elsewhere_it_hinders_a_creation(self, old: Stage) -> None:
        stop(old)
        old.options["POOL"] = "vol2"
        with pytest.raises(VolumeError, match="there is a LUN of this name in vol1 already; it is left as it is"):
            old.provider.create(CREATION)

    def test_elsewhere_its_removal_is_finished(self, old: Stage) -> None:
        old.options["POOL"] = "vol2"
        old.wire.lose("lun-destroy", after=False)
        with pytest.raises(TransportError):
            old.provider.remove(VOLUME)
        assert old.comment(PATH).startswith("being removed")
        old.provider.remove(VOLUME)
        assert old.paths == []


class TestHooks:
    """They are not told the disk's pool, so that no path is the volume's own."""

    @pytest.mark.parametrize("pool", ["vol1", "vol2", "vol3"])
    def test_the_proven_one_is_taken(self, copied: Stage, pool: str) -> None:
        copied.options["POOL"] = pool
        copied.ask("lun-map", {"path": ELSEWHERE, "initiator-group": NODE1})
        assert copied.provider.attach_anew(VOLUME)
        assert (copied.groups(PATH), copied.groups(ELSEWHERE)) == ([NODE1], [NODE1])

    def test_the_one_that_is_in_use_is_taken_failing_that(self, copied: Stage) -> None:
        copied.ask("lun-set-comment", {"path": PATH, "comment": OLD})
        copied.ask("igroup-create", {"initiator-group-name": "g-node2.example", "initiator-group-type": "iscsi"})
        copied.ask("lun-map", {"path": PATH, "initiator-group": "g-node2.example"})
        assert copied.provider.attach_anew(VOLUME)
        assert copied.groups(PATH) == [NODE1, "g-node2.example"]
        assert copied.comment(PATH) == OLD, "a hook writes no tag"

    def test_two_that_are_in_use_are_an_error(self, copied: Stage) -> None:
        for path in (PATH, ELSEWHERE):
            copied.ask("lun-set-comment", {"path": path, "comment": OLD})
            copied.ask("lun-map", {"path": path, "initiator-group": NODE1})
        with pytest.raises(VolumeError, match="a LUN of this name in each of the pools vol1, vol2"):
            copied.provider.attach_anew(VOLUME)

    def test_one_in_use_nowhere_is_not_needed(self, copied: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """A stopped instance's, with an old tag: its start will tell, on the node that it moves to."""
        copied.ask("lun-set-comment", {"path": PATH, "comment": OLD})
        assert copied.provider.attach_anew(VOLUME) is None
        assert (copied.groups(PATH), copied.groups(ELSEWHERE)) == ([], [])
        assert "v is not attached before the move: /vol/vol1/v is not in use, and its tag" in caplog.text

    def test_a_proven_one_of_another_disk_is_not_taken(self, made: Stage) -> None:
        stop(made)
        assert made.provider.attach_anew(Volume({}, "v", "u-9")) is None

    def test_there_is_none(self, orphaned: Stage) -> None:
        with pytest.raises(VolumeError, match="there is no LUN of this name; see POOL_NAME"):
            orphaned.provider.attach_anew(VOLUME)


class TestSnapshots:
    def test_a_clone_beside_a_volume_elsewhere_is_tagged_with_its_serial_number(self, made: Stage) -> None:
        made.options["POOL"] = "vol2"
        made.provider.snapshot(SNAPSHOT)
        assert made.comment("/vol/vol1/v.snap") == made.tag("/vol/vol1/v.snap", kind="snap")
        snapshot = Volume({}, "v.snap", "u-2")
        made.provider.attach(snapshot)
        made.provider.detach(snapshot)
        made.provider.remove(snapshot)
        assert made.paths == [PATH]

    def test_a_clone_is_tagged_with_it_when_it_is_attached(self, made: Stage) -> None:
        """Ganeti gives a snapshot a disk UUID of its own; the tag keeps its source's."""
        made.provider.snapshot(SNAPSHOT)
        made.provider.attach(Volume({}, "v.snap", "u-2"))
        assert made.comment("/vol/vol1/v.snap") == made.tag("/vol/vol1/v.snap", kind="snap")

    @pytest.mark.parametrize("inherits", [True, False])
    def test_a_clone_without_a_tag_is_known_by_the_note(self, made: Stage, inherits: bool) -> None:
        """The script was killed between the clone and its tag."""
        made.filer.clones_keep_comment = inherits
        made.wire.lose("lun-set-comment", after=False, error=KeyboardInterrupt())  # type: ignore[arg-type]
        made.wire.lose("lun-map-get-iter", after=False, times=9)
        with pytest.raises(KeyboardInterrupt):
            made.provider.snapshot(SNAPSHOT)
        made.wire.mend()
        assert made.paths == [PATH, "/vol/vol1/v.snap"]
        made.provider.snapshot(SNAPSHOT)
        assert made.groups("/vol/vol1/v.snap") == [NODE1]

    @pytest.mark.parametrize("inherits", [True, False])
    def test_without_the_note_it_may_be_somebody_elses(self, made: Stage, inherits: bool) -> None:
        made.filer.clones_keep_comment = inherits
        (source,) = made.client.get_lun_by_args(path="/vol/vol1/v")
        made.client.clone_lun(source, lun_at("/vol/vol1/v.snap"))
        with pytest.raises(VolumeError, match="the LUN of the snapshot's name in vol1 is no snapshot of"):
            made.provider.snapshot(SNAPSHOT)


class TestAnswersThatLackAVolume:
    """A list that says which volumes it lacks is no proof that a LUN is gone."""

    @pytest.fixture
    def lacking(self, made: Stage) -> Stage:
        made.wire.lack("lun-get-iter", "vol1", "Volume is offline")
        made.host.devices.clear()
        return made

    @every_verb
    def test_is_no_proof_that_there_is_no_lun(self, lacking: Stage, verb: Verb) -> None:
        with pytest.raises(
            OntapError, match=r"volume vol1 .*Volume is offline \(errno 13042\); cannot tell whether"
        ):
            verb(lacking.provider)

    def test_removes_nothing_and_says_so(self, lacking: Stage) -> None:
        lacking.ask("lun-unmap", {"path": PATH, "initiator-group": NODE1})
        with pytest.raises(OntapError, match="volume vol1 .*Volume is offline"):
            lacking.provider.remove(VOLUME)
        assert lacking.paths == [PATH]

    def test_in_another_pool_is_no_proof_either(self, lacking: Stage) -> None:
        """The LUN is not at its path, and the volume that lacks may have it."""
        lacking.options["POOL"] = "vol2"
        with pytest.raises(OntapError, match="volume vol1 .*Volume is offline"):
            lacking.provider.remove(VOLUME)

    def test_of_volumes_is_no_proof_that_a_lun_is_a_copy(self, made: Stage) -> None:
        """The filer lists the LUN and not its volume, which may be a FlexClone, or the original."""
        made.ask("lun-set-comment", {"path": PATH, "comment": OLD})
        made.options["POOL"] = "vol2"
        made.wire.lack("volume-get-iter", "vol1", "")
        with pytest.raises(OntapError, match="does not list the volume vol1, which has a LUN of this name"):
            made.provider.remove(VOLUME)
        assert made.paths == [PATH]

    def test_matters_only_where_volumes_may_be(self, lacking: Stage) -> None:
        lacking.options.update(POOL="vol2", POOL_NAME_SEARCH_PATTERN="vol2")
        lacking.provider.remove(VOLUME)
        with pytest.raises(VolumeError, match="there is no LUN of this name in vol2; check POOL"):
            lacking.provider.attach(VOLUME)

    def test_what_was_found_stays_found(self, lacking: Stage) -> None:
        lacking.ask("lun-create-by-size", {"path": ELSEWHERE, "size": 64 * MIB, "comment": "x"})
        lacking.ask("lun-set-comment", {"path": ELSEWHERE, "comment": lacking.tag(ELSEWHERE)})
        lacking.options["POOL"] = "vol3"
        lacking.provider.attach(VOLUME)
        assert lacking.groups(ELSEWHERE) == [NODE1]

    def test_a_creation_goes_on(self, stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """The filer refuses to make a LUN that is there."""
        stage.wire.lack("lun-get-iter", "vol2", "Volume is offline")
        stage.provider.create(CREATION)
        assert stage.paths == [PATH]
        assert "cannot tell for certain whether a LUN of this name exists: volume vol2" in caplog.text

    def test_a_lost_creation_is_not_taken_for_undone(self, stage: Stage) -> None:
        stage.wire.lose("lun-create-by-size", after=True, error=RESET)
        lack = lambda: stage.wire.lack("lun-get-iter", "vol1", "Volume is offline")  # noqa: E731
        stage.wire.meanwhile("lun-create-by-size", lack)
        with pytest.raises(VolumeError, match="^volume vol1 .*; cannot tell whether its LUN was created in vol1"):
            stage.provider.create(CREATION)

    def test_a_living_device_goes_on(self, made: Stage) -> None:
        made.wire.lack("lun-get-iter", "vol1", "Volume is offline")
        assert made.provider.attach(VOLUME) == "/dev/disk/v"
