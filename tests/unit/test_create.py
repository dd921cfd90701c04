"""create: a whole LUN, mapped and with a device, or none; an existing one is never touched."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import (
    ConfigError,
    DeadlineError,
    DeviceError,
    OntapError,
    Refusal,
    TransportError,
    VolumeError,
)
from dataontap.volume.requests import Creation
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, MIB, NODE2, PATH, RESET, TAG, UNTRUSTED


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

    def test_never_touches_an_existing_lun(self, created: Stage) -> None:
        before = created.filer.luns["svm1", PATH]
        with pytest.raises(VolumeError, match="there is a LUN of this name in vol1 already; it is left as it is"):
            created.provider.create(CREATION)
        assert created.filer.luns["svm1", PATH] == before
        assert created.groups(PATH) == ["ganeti"]

    def test_never_makes_a_second_one_in_another_pool(self, created: Stage) -> None:
        """POOL has changed; the first one has the data, and would not be found again beside the second."""
        created.options["POOL"] = "vol2"
        with pytest.raises(VolumeError, match="there is a LUN of this name in vol1 already; it is left as it is"):
            created.provider.create(CREATION)
        assert created.paths == [PATH]

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
            VolumeError, match="reset by peer; a LUN of this name in vol1 is not provably ours; see its comment$"
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
        error = refusal("lun-create-by-size", "13114", "Timeout: Operation timed out")
        stage.wire.lose("lun-create-by-size", after=True, error=error)
        with pytest.raises(Refusal, match="Operation timed out"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_a_lun_that_another_made_meanwhile_stays(self, stage: Stage) -> None:
        """Even if it bears the same tag: the filer says that this create made nothing."""
        others = {"path": PATH, "size": 64 * MIB, "comment": TAG}
        stage.wire.meanwhile("lun-create-by-size", lambda: stage.ask("lun-create-by-size", others))
        with pytest.raises(Refusal, match="errno 9012"):
            stage.provider.create(CREATION)
        assert stage.paths == [PATH]

    def test_says_when_it_cannot_tell_what_became_of_it(self, stage: Stage) -> None:
        stage.wire.lose("lun-create-by-size", after=True, error=RESET)
        stage.wire.meanwhile(
            "lun-create-by-size", lambda: stage.wire.lose("lun-get-iter", after=False, error=UNTRUSTED)
        )
        with pytest.raises(
            VolumeError,
            match="^.* is not trusted; cannot tell whether its LUN was created in vol1: look on the filer$",
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
        error = refusal("lun-create-by-size", "13114", "Timeout: Operation timed out")
        stage.wire.lose("lun-create-by-size", after=True, error=error)
        stage.wire.lose("lun-destroy", after=False, error=UNTRUSTED, times=9)
        with pytest.raises(Refusal, match="Operation timed out .*; its LUN may be left in vol1$"):
            stage.provider.create(CREATION)
        assert stage.paths == [PATH]

    def test_cleans_up_though_the_filer_fails_at_that_too(self, stage: Stage) -> None:
        stage.wire.lose("lun-map", after=False)
        for api in ("lun-map-get-iter", "lun-destroy"):
            stage.wire.lose(api, after=False, error=refusal(api, "13001", "Job exists"))
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

    def test_the_version_is_remembered(self, created: Stage) -> None:
        created.remember((1, 180))
        created.provider.create(Creation({}, "w", "u-2", 64 * MIB))
        assert created.wire.calls == ["lun-get-iter", "lun-create-by-size", "lun-map"]

    def test_leaves_nothing_when_the_comment_cannot_be_set(self, make_stage: Callable[..., Stage]) -> None:
        stage = make_stage(ontapi=31)
        stage.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_leaves_nothing_when_no_device_comes(self, stage: Stage) -> None:
        """Ganeti would never call remove for a volume that it could make but not attach."""
        stage.host.blind = True
        with pytest.raises(DeviceError, match=r"^no device came up \(waited 0 s\); .*lun igroup show, ISCSI_A"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_a_filer_that_is_always_busy_is_given_up_in_time(self, stage: Stage) -> None:
        """The time for undoing is granted once, not once a try."""
        busy = TransportError("503", status=503, transient=True)
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

    def test_takes_a_dead_luns_device_of_its_name_down(self, created: Stage) -> None:
        created.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        created.ask("lun-destroy", {"path": PATH})
        created.provider.create(replace(CREATION, size=128 * MIB))
        assert created.host.devices == {"v": 128 * MIB}

    def test_makes_nothing_over_a_device_that_cannot_be_taken_down(self, created: Stage) -> None:
        created.options["ISCSI_DETACH_COMMANDS"] = ()
        created.ask("lun-unmap", {"path": PATH, "initiator-group": "ganeti"})
        created.ask("lun-destroy", {"path": PATH})
        with pytest.raises(VolumeError, match="a stale device of this name is here"):
            created.provider.create(CREATION)
        assert created.paths == []

    def test_leaves_nothing_when_there_is_no_such_group(self, stage: Stage) -> None:
        stage.options["IGROUP"] = "nobody"
        with pytest.raises(Refusal, match="9003"):
            stage.provider.create(CREATION)
        assert stage.paths == []

    def test_spares_a_lun_that_somebody_else_made_meanwhile(self, stage: Stage) -> None:
        """Between our look and our create: the filer refuses ours, and what is there is not ours to undo."""
        others = {"path": PATH, "size": 64 * MIB}
        provider = stage.provider
        stage.wire.meanwhile("lun-create-by-size", lambda: stage.ask("lun-create-by-size", others))
        with pytest.raises(Refusal, match="9012"):
            provider.create(CREATION)
        assert stage.paths == [PATH]

    @pytest.mark.usefixtures("group_per_node")
    def test_spares_its_lun_if_another_node_has_it_by_now(self, stage: Stage) -> None:
        """An open on node2 has taken it while this node looked for its device: a guest may write to it."""
        stage.ask("igroup-create", {"initiator-group-name": NODE2, "initiator-group-type": "iscsi"})
        taken: dict[str, object] = {"path": PATH, "initiator-group": NODE2}
        stage.wire.meanwhile("lun-map-get-iter", lambda: stage.ask("lun-map", taken))
        stage.host.fails_after_scan = True
        with pytest.raises(DeviceError, match="after the scan; its LUN may be left in vol1"):
            stage.provider.create(CREATION)
        assert NODE2 in stage.groups(PATH)

    def test_without_a_group_asks_nobody(self, stage: Stage) -> None:
        stage.options.pop("IGROUP")
        with pytest.raises(ConfigError, match="^IGROUP: must be given"):
            stage.provider.create(CREATION)
        assert stage.wire.calls == []
