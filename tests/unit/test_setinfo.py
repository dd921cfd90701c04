"""setinfo: Ganeti's text in the LUN's comment, with our tag."""

from __future__ import annotations

import pytest

from dataontap.errors import VolumeError
from dataontap.volume.requests import Metadata
from tests.unit.stage import Stage
from tests.unit.volume import METADATA, MIB, PATH, TAG


class TestSetinfo:
    def test_keeps_the_tag(self, created: Stage) -> None:
        created.provider.setinfo(METADATA)
        created.provider.setinfo(Metadata({}, "v", "u-1", "originstname+b"))
        assert created.comment(PATH) == f"originstname+b {created.tag(PATH)}"
        assert created.wire.calls == ["lun-get-iter", "lun-set-comment"]

    def test_the_cluster_has_another_name_now(self, stage: Stage) -> None:
        stage.ask(
            "lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": f"x {TAG}".replace("er.", "ed.")}
        )
        stage.provider.setinfo(METADATA)
        assert stage.comment(PATH) == f"originstname+a {stage.tag(PATH)}"

    def test_tags_a_lun_of_the_first_implementation(self, stage: Stage) -> None:
        stage.ask("lun-create-by-size", {"path": PATH, "size": 64 * MIB, "comment": "originstname+old"})
        stage.provider.setinfo(METADATA)
        assert stage.comment(PATH) == f"originstname+a {stage.tag(PATH)}"

    def test_a_lun_that_is_not_there(self, stage: Stage) -> None:
        with pytest.raises(
            VolumeError, match="there is no LUN of this name in vol1; check POOL and CLUSTER_MODE_VSERVER"
        ):
            stage.provider.setinfo(Metadata({}, "v", "u-1", "x"))
