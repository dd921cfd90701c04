"""grow: the size that was asked for, and never less than there was."""

from __future__ import annotations

from typing import Callable

import pytest

from dataontap.client.zapi.luns import lun_at
from dataontap.errors import TransportError, VolumeError
from dataontap.volume.requests import Creation
from tests.unit.stage import Stage
from tests.unit.volume import MIB, PATH, growth


class TestGrow:
    def test_resizes(self, created: Stage) -> None:
        created.provider.grow(growth(64, 128))
        assert created.filer.luns["svm1", PATH].size == 128 * MIB
        assert created.wire.calls == ["lun-get-iter", "lun-resize"]

    def test_again_after_a_lost_answer(self, created: Stage) -> None:
        created.wire.lose("lun-resize", after=True)
        with pytest.raises(TransportError):
            created.provider.grow(growth(64, 128))
        created.provider.grow(growth(64, 128))
        assert created.filer.luns["svm1", PATH].size == 128 * MIB

    def test_refuses_to_shrink(self, created: Stage) -> None:
        with pytest.raises(VolumeError, match="will not shrink it from 64 to 32 MiB"):
            created.provider.grow(growth(64, 32))
        assert created.wire.calls == []

    def test_never_shrinks_a_lun_that_is_larger_than_ganeti_knows(self, created: Stage) -> None:
        created.provider.grow(growth(32, 48))
        assert created.filer.luns["svm1", PATH].size == 64 * MIB
        assert created.wire.calls == ["lun-get-iter"]

    def test_unchanged_is_success(self, make_stage: Callable[..., Stage]) -> None:
        """Rounding: the filer says 9042 to a size that is not the LUN's but rounds up to it."""
        stage = make_stage(ontapi=31)
        stage.provider.create(Creation({}, "v", "u-1", 450 * 1024 * MIB))
        rounded = stage.filer.luns["svm1", PATH].size
        assert stage.client.do_direct_resize(lun_at(PATH), rounded - 1) is None
        assert stage.filer.luns["svm1", PATH].size == rounded
