"""remove: the LUN is gone, and no copy and no other machine's LUN with it."""

from __future__ import annotations

from typing import Callable

import pytest

from dataontap.errors import TransportError, VolumeError
from tests.simulator import copies
from tests.unit.stage import Stage
from tests.unit.volume import MIB, PATH, RESET, TAG, VOLUME


class TestRemove:
    def test_the_lun_is_gone(self, created: Stage) -> None:
        created.provider.remove(VOLUME)
        assert created.paths == []
        assert created.wire.calls == ["lun-map-get-iter", "lun-unmap", "lun-destroy"]

    def test_is_idempotent(self, created: Stage) -> None:
        created.provider.remove(VOLUME)
        created.provider.remove(VOLUME)
        assert created.paths == []

    @pytest.mark.parametrize("api", ["lun-map-get-iter", "lun-unmap", "lun-destroy"])
    @pytest.mark.parametrize("after", [False, True])
    def test_again_after_a_lost_answer(self, created: Stage, api: str, after: bool) -> None:
        created.wire.lose(api, after=after)
        with pytest.raises(TransportError):
            created.provider.remove(VOLUME)
        created.provider.remove(VOLUME)
        assert created.paths == []

    def test_a_lun_that_others_see_stays_and_stays_ours(self, created: Stage) -> None:
        created.ask("igroup-create", {"initiator-group-name": "backup", "initiator-group-type": "iscsi"})
        created.ask("lun-map", {"path": PATH, "initiator-group": "backup"})
        with pytest.raises(
            VolumeError, match="its LUN is also mapped to backup; to remove it, unmap it there first"
        ):
            created.provider.remove(VOLUME)
        assert created.groups(PATH) == ["backup", "ganeti"]

    def test_in_the_pool_it_was_made_in(self, created: Stage) -> None:
        created.ask("lun-create-by-size", {"path": "/vol/vol1/bystander", "size": 64 * MIB})
        created.options["POOL"] = "vol2"
        created.provider.remove(VOLUME)
        assert created.paths == ["/vol/vol1/bystander"]

    @pytest.mark.parametrize("copy", [copies.flexclone, copies.mirror], ids=["FlexClone", "mirror"])
    def test_copies_of_the_pool_are_not_the_volume(self, stage: Stage, copy: Callable[..., None]) -> None:
        """A removal that is tried again must not take the LUN of the same name in a copy of its pool."""
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": TAG})
        copy(stage.ask, "vol1", "copy")
        stage.ask("lun-destroy", {"path": PATH})
        stage.options["IGROUP"] = "g-{node}"  # where an unmapped LUN may be a volume in another pool
        stage.provider.remove(VOLUME)
        assert stage.paths == ["/vol/copy/v"]
        with pytest.raises(VolumeError, match="there is no LUN in vol1; the LUN in copy may be a copy"):
            stage.provider.attach(VOLUME)

    def test_in_another_pool_after_an_answer_was_lost_in_its_own(self, created: Stage) -> None:
        """That the LUN is not there, the second time, must not be taken for its destruction."""
        created.options["POOL"] = "vol2"
        for api in ("lun-map-get-iter", "lun-get-iter", "lun-unmap", "lun-destroy"):
            created.wire.lose(api, after=True, error=RESET)
        created.provider.remove(VOLUME)
        assert created.paths == []

    def test_in_another_pool_again_after_it_was_unmapped(self, created: Stage) -> None:
        created.options["POOL"] = "vol2"
        created.wire.lose("lun-destroy", after=False)
        with pytest.raises(TransportError):
            created.provider.remove(VOLUME)
        assert (created.groups(PATH), created.comment(PATH)) == ([], f"being removed {TAG}")
        created.provider.remove(VOLUME)
        assert created.paths == []

    def test_a_copy_in_another_pool_is_not_the_volume(
        self, created: Stage, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As lun copy leaves it: with our tag in its comment, but mapped to nobody. It is named, and stays."""
        created.ask("lun-create-by-size", {"path": "/vol/vol2/v", "size": 64 * MIB, "comment": TAG})
        for _ in range(2):
            created.provider.remove(VOLUME)
        assert created.paths == ["/vol/vol2/v"]
        assert "/vol/vol2/v has this name, but nothing proves that it is the volume" in caplog.text

    def test_searches_allowed_pools_only(self, created: Stage) -> None:
        created.options.update(POOL="vol2", POOL_NAME_SEARCH_PATTERN="vol2")
        created.provider.remove(VOLUME)
        assert created.paths == [PATH]
