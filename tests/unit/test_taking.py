"""Taking a LUN from other nodes: decided on maps read just before, and anew before each repetition."""

from __future__ import annotations

import pytest

from dataontap.client.zapi.api import refusal
from dataontap.errors import Refusal, TransportError, VolumeError
from tests.unit.stage import Stage
from tests.unit.volume import EXCLUSIVE, MIB, NODE1, NODE2, PATH, VOLUME, make

pytestmark = pytest.mark.usefixtures("group_per_node")

NODES = ("node1.example", "node2.example", "node3.example")
NODE3 = "g-node3.example"
BUSY = TransportError("HTTP status 503", status=503, transient=True)
BUSY_ERRNO = refusal("lun-unmap", "16", "Device busy", transient=True)


@pytest.fixture
def shared(stage: Stage) -> Stage:
    """Attached on three nodes, of which node1 acts."""
    make(stage)
    for node in NODES:
        stage.become(node)
        stage.provider.attach(VOLUME)
    stage.become(NODES[0])
    return stage


def unmap(stage: Stage, *groups: str) -> None:
    for group in groups:
        stage.ask("lun-unmap", {"path": PATH, "initiator-group": group})


class TestOpen:
    def test_its_requests(self, shared: Stage) -> None:
        """Two for each group that is taken, and the own map is seen after the last."""
        shared.provider.open(EXCLUSIVE)
        took = ["lun-map-get-iter", "lun-unmap", "lun-map-get-iter", "lun-unmap", "lun-map-get-iter"]
        assert shared.wire.calls[-5:] == took
        assert shared.groups(PATH) == [NODE1]

    def test_its_requests_where_nothing_is_to_be_taken(self, shared: Stage) -> None:
        shared.provider.open(EXCLUSIVE)
        shared.provider.open(EXCLUSIVE)
        assert "lun-unmap" not in shared.wire.calls
        assert shared.wire.calls[-1] == "lun-map-get-iter"

    @pytest.mark.parametrize("error", [BUSY, BUSY_ERRNO], ids=["503", "busy"])
    def test_one_that_has_lost_while_it_waited_stops(self, shared: Stage, error: Exception) -> None:
        """node1's request to take it from node2 is refused; while it waits, node2 opens it alone."""
        shared.wire.lose("lun-unmap", after=False, error=error)
        shared.wire.meanwhile("lun-unmap", lambda: unmap(shared, NODE1, NODE3))
        with pytest.raises(VolumeError, match="another node opens it at the same time"):
            shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE2]

    @pytest.mark.parametrize("after", [False, True])
    def test_one_that_has_not_goes_on(self, shared: Stage, after: bool) -> None:
        shared.wire.lose("lun-unmap", after=after, error=BUSY)
        shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE1]
        assert shared.wire.calls.count("lun-unmap") == (2 if after else 3)

    def test_between_two_groups_it_looks_again(self, shared: Stage) -> None:
        """After node2's group was taken, node3 opens it alone."""
        shared.wire.meanwhile(
            "lun-unmap",
            lambda: shared.wire.meanwhile("lun-map-get-iter", lambda: unmap(shared, NODE1)),
        )
        with pytest.raises(VolumeError, match="another node opens"):
            shared.provider.open(EXCLUSIVE)
        assert shared.groups(PATH) == [NODE3]

    def test_one_that_is_mapped_again_meanwhile_is_not_taken_twice(self, shared: Stage) -> None:
        again: dict[str, object] = {"path": PATH, "initiator-group": NODE2}
        shared.wire.meanwhile(
            "lun-unmap",
            lambda: shared.wire.meanwhile("lun-map-get-iter", lambda: shared.ask("lun-map", again)),
        )
        with pytest.raises(VolumeError, match="another node opens"):
            shared.provider.open(EXCLUSIVE)
        assert NODE2 in shared.groups(PATH)

    def test_a_refusal_that_is_none_of_these_is_told(self, shared: Stage) -> None:
        shared.wire.lose("lun-unmap", after=False, error=refusal("lun-unmap", "13003", "injected"))
        with pytest.raises(Refusal, match="injected"):
            shared.provider.open(EXCLUSIVE)

    def test_one_that_is_refused_for_ever_ends_in_time(self, shared: Stage) -> None:
        shared.wire.lose("lun-unmap", after=False, error=BUSY, times=1000)
        with pytest.raises(TransportError, match="503"):
            shared.provider.open(EXCLUSIVE)
        assert shared.clock.now <= 120


class TestRemove:
    def test_its_requests(self, shared: Stage) -> None:
        shared.provider.remove(VOLUME)
        assert shared.wire.calls == [
            *("lun-map-get-iter", "lun-unmap"),
            *("lun-map-get-iter", "lun-unmap"),
            *("lun-map-get-iter", "lun-unmap"),
            "lun-destroy",
        ]

    def test_a_stranger_maps_it_while_it_waits(self, shared: Stage) -> None:
        shared.ask("igroup-create", {"initiator-group-name": "esx", "initiator-group-type": "iscsi"})
        shared.wire.lose("lun-unmap", after=False, error=BUSY)
        esx: dict[str, object] = {"path": PATH, "initiator-group": "esx"}
        shared.wire.meanwhile("lun-unmap", lambda: shared.ask("lun-map", esx))
        with pytest.raises(VolumeError, match="its LUN is also mapped to esx; to remove it, unmap"):
            shared.provider.remove(VOLUME)
        assert shared.groups(PATH) == ["esx", NODE1, NODE2, NODE3]

    @pytest.mark.parametrize("after", [False, True])
    def test_a_destruction_is_repeated(self, shared: Stage, after: bool) -> None:
        shared.wire.lose("lun-destroy", after=after, error=BUSY)
        shared.provider.remove(VOLUME)
        assert shared.paths == []
        assert shared.wire.calls.count("lun-destroy") == (1 if after else 2)

    def test_but_not_of_another_lun(self, shared: Stage, caplog: pytest.LogCaptureFixture) -> None:
        """The first request was carried out, its answer was lost, and a LUN of this name was made since."""
        shared.wire.lose("lun-destroy", after=True, error=BUSY)
        another: dict[str, object] = {"path": PATH, "size": 32 * MIB}
        shared.wire.meanwhile(
            "lun-destroy",
            lambda: shared.wire.meanwhile("lun-get-iter", lambda: shared.ask("lun-create-by-size", another)),
        )
        shared.provider.remove(VOLUME)
        assert shared.filer.luns["svm1", PATH].size == 32 * MIB
        assert "another LUN is at /vol/vol1/v now; not removing it" in caplog.text

    def test_another_removal_was_faster(self, shared: Stage) -> None:
        def be_faster() -> None:
            unmap(shared, NODE1, NODE2, NODE3)
            shared.ask("lun-destroy", {"path": PATH})

        shared.wire.meanwhile("lun-unmap", be_faster)
        shared.provider.remove(VOLUME)
        assert shared.paths == []


class TestMove:
    def test_another_node_moves_it_and_is_faster(self, shared: Stage) -> None:
        shared.options.update(IGROUP="fast-{node}", FORMER_IGROUP="g-{node}")
        shared.ask(
            "igroup-create", {"initiator-group-name": "fast-node2.example", "initiator-group-type": "iscsi"}
        )

        def be_faster() -> None:
            unmap(shared, NODE1, NODE2, NODE3)
            shared.ask("lun-map", {"path": PATH, "initiator-group": "fast-node2.example"})

        shared.wire.lose("lun-unmap", after=False, error=BUSY)
        shared.wire.meanwhile("lun-unmap", be_faster)
        with pytest.raises(VolumeError, match="another node opens it at the same time"):
            shared.provider.open(EXCLUSIVE)
        assert "fast-node2.example" in shared.groups(PATH)
