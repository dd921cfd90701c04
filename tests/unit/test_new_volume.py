"""A volume that Ganeti is still making: what fails takes its LUN away again, as long as nothing can be on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import Refusal, TransportError
from dataontap.state.records import caller
from dataontap.volume.provider import DataOnTapProvider
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, PATH, VOLUME


def test_who_runs_the_scripts() -> None:
    pid, began = caller().split(" ")
    assert (int(pid), caller()) == (os.getppid(), f"{pid} {began}")
    assert int(began) > 0


class TestNewVolume:
    """Until setinfo, which ends Ganeti's making of a volume, what fails takes the LUN away again."""

    @pytest.mark.parametrize("api", ["lun-get-iter", "lun-set-comment"])
    def test_setinfo_fails(self, created: Stage, api: str) -> None:
        created.wire.lose(api, after=False, error=refusal(api, "13001", "injected"))
        with pytest.raises(Refusal, match="injected"):
            created.provider.setinfo(METADATA)
        assert (created.paths, created.host.devices) == ([], {})

    def test_attach_fails(self, created: Stage) -> None:
        created.host.devices.clear()
        created.wire.lose("lun-map-get-iter", after=False, error=refusal("lun-map-get-iter", "13001", "injected"))
        with pytest.raises(Refusal, match="injected"):
            created.provider.attach(VOLUME)
        assert (created.paths, created.host.devices) == ([], {})

    def test_an_exclusive_open_fails(self, created_per_node: Stage) -> None:
        created_per_node.wire.lose("lun-map-get-iter", after=False)
        with pytest.raises(TransportError):
            created_per_node.provider.open(EXCLUSIVE)
        assert (created_per_node.paths, created_per_node.host.devices) == ([], {})

    def test_somebody_holds_it(self, created: Stage) -> None:
        created.host.held_by = ["dd (pid 1)"]
        created.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            created.provider.setinfo(METADATA)
        assert created.paths == [PATH]

    def test_another_node_has_it(self, created_per_node: Stage) -> None:
        """Whoever made it by hand, and ran no setinfo, may have data on it."""
        created_per_node.become("node2.example")
        created_per_node.provider.attach(VOLUME)
        created_per_node.become("node1.example")
        created_per_node.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            created_per_node.provider.setinfo(METADATA)
        assert created_per_node.groups(PATH) == ["g-node1.example", "g-node2.example"]
        assert created_per_node.host.devices != {}

    def test_it_is_complete(self, created_per_node: Stage) -> None:
        """From then on it stays, whatever fails."""
        created_per_node.provider.open(EXCLUSIVE)
        created_per_node.provider.setinfo(METADATA)
        created_per_node.wire.lose("lun-map-get-iter", after=False)
        with pytest.raises(TransportError):
            created_per_node.provider.open(EXCLUSIVE)
        created_per_node.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            created_per_node.provider.setinfo(METADATA)
        assert created_per_node.paths == [PATH]

    @pytest.mark.parametrize(
        "verb",
        [
            lambda provider: provider.attach(VOLUME),
            lambda provider: provider.open(EXCLUSIVE),
            lambda provider: provider.setinfo(METADATA),
        ],
        ids=["attach", "open", "setinfo"],
    )
    def test_another_call_of_ganetis_fails(
        self, created_per_node: Stage, verb: Callable[[DataOnTapProvider], object]
    ) -> None:
        """The call that made the volume was killed: since then it may have got an instance's data."""
        created_per_node.caller = "101 2"
        created_per_node.host.devices.clear()
        for api in ("lun-map-get-iter", "lun-set-comment"):
            created_per_node.wire.lose(api, after=False, error=refusal(api, "13001", "injected"))
        with pytest.raises(Refusal, match="injected"):
            verb(created_per_node.provider)
        assert created_per_node.paths == [PATH]

    def test_nobody_knows_who_makes_it(self, stage: Stage) -> None:
        """As where the caller is in another namespace: better a LUN too many."""
        stage.caller = ""
        stage.provider.create(CREATION)
        stage.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            stage.provider.setinfo(METADATA)
        assert stage.paths == [PATH]

    @pytest.mark.parametrize("api", ["lun-map-get-iter", "lun-destroy"])
    def test_it_could_not_be_taken_away_again(self, created: Stage, api: str) -> None:
        """From then on it stays, too: nobody knows what has become of it when something fails again."""
        for name in (api, "lun-set-comment"):
            created.wire.lose(name, after=False, error=refusal(name, "13001", "injected"), times=9)
        with pytest.raises(Refusal, match="injected"):
            created.provider.setinfo(METADATA)
        created.wire.mend()
        created.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            created.provider.setinfo(METADATA)
        assert created.paths == [PATH]

    def test_its_making_was_given_up_long_ago(self, created: Stage) -> None:
        (mark,) = Path(created.directory, created.node, "run", "new").iterdir()
        begun = mark.stat().st_mtime - 901
        os.utime(mark, (begun, begun))
        created.wire.lose("lun-set-comment", after=False)
        with pytest.raises(TransportError):
            created.provider.setinfo(METADATA)
        assert created.paths == [PATH]

    def test_it_is_removed(self, created: Stage) -> None:
        """No mark of it meets the next volume of this name."""
        created.provider.remove(VOLUME)
        assert list(Path(created.directory, created.node, "run", "new").iterdir()) == []
