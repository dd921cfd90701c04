"""Space on the simulated filer: reserved and thin LUNs, snapshot reserve, guarantees, and 28 when it is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator import provision, space
from tests.simulator.filer import Filer
from tests.simulator.model import MIB
from tests.unit.zapi import ask, errno_of, texts

GIB = 1 << 30


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer whose volume v has 100 MiB, 20 of them for snapshots."""
    filer = Filer(tmp_path, seed="space")
    arguments = {"volume": "v", "containing-aggr-name": "aggr1", "size": "100m", "percentage-snapshot-reserve": 20}
    ask(filer, "volume-create", arguments)
    return filer


def create(filer: Filer, name: str, size: int, *, reserved: bool = True, volume: str = "v") -> int:
    """The errno that a new LUN is refused with."""
    arguments = {"path": f"/vol/{volume}/{name}", "size": size, "space-reservation-enabled": reserved}
    return errno_of(filer, "lun-create-by-size", arguments)


def shown(filer: Filer, name: str, volume: str = "v") -> int:
    """One of volume-space-attributes."""
    query = {"volume-attributes": {"volume-id-attributes": {"name": volume}}}
    return int(texts(ask(filer, "volume-get-iter", {"query": query}), name)[0])


def write(filer: Filer, name: str, size: int) -> None:
    """What a host would write to the beginning of a LUN."""
    content = filer.state.contents.path(filer.luns["svm1", f"/vol/v/{name}"].uuid)
    with content.open("r+b") as file:
        file.write(b"x" * size)


def test_reserved_luns_fill_a_volume_up_to_its_snapshot_reserve(filer: Filer) -> None:
    assert create(filer, "a", 60 * MIB) == 0
    assert (shown(filer, "size-used"), shown(filer, "size-available")) == (60 * MIB, 20 * MIB)
    assert shown(filer, "percentage-size-used") == 75
    assert create(filer, "b", 21 * MIB) == 28
    assert create(filer, "b", 20 * MIB) == 0
    assert errno_of(filer, "lun-resize", {"path": "/vol/v/b", "size": 21 * MIB}) == 28
    ask(filer, "lun-destroy", {"path": "/vol/v/a"})
    assert errno_of(filer, "lun-resize", {"path": "/vol/v/b", "size": 80 * MIB}) == 0
    assert errno_of(filer, "clone-create", clone("b", "c")) == 28
    assert errno_of(filer, "clone-create", {**clone("b", "c"), "space-reserve": "false"}) == 0


def clone(source: str, destination: str) -> dict[str, str]:
    """Arguments for a clone in v."""
    return {"volume": "v", "source-path": source, "destination-path": destination}


def test_thin_luns_take_what_is_written(filer: Filer) -> None:
    assert create(filer, "thin", 10 * GIB, reserved=False) == 0
    assert (shown(filer, "size-used"), shown(filer, "size-available")) == (0, 80 * MIB)
    write(filer, "thin", 30 * MIB)
    assert shown(filer, "size-used") == 30 * MIB
    listed = ask(filer, "lun-get-iter", {"query": {"lun-info": {"volume": "v"}}})
    assert texts(listed, "size-used") == [str(30 * MIB)]
    assert create(filer, "a", 51 * MIB) == 28
    assert create(filer, "a", 50 * MIB) == 0
    assert errno_of(filer, "lun-set-space-reservation-info", {"path": "/vol/v/thin", "enable": "true"}) == 28


def test_a_reservation_counts_what_a_lun_holds_already(filer: Filer) -> None:
    assert create(filer, "thin", 60 * MIB, reserved=False) == 0
    write(filer, "thin", 30 * MIB)
    assert create(filer, "a", 20 * MIB) == 0
    assert errno_of(filer, "lun-set-space-reservation-info", {"path": "/vol/v/thin", "enable": "True"}) == 0
    assert shown(filer, "size-available") == 0


def test_a_volume_without_a_guarantee_shares_its_aggregate(filer: Filer) -> None:
    provision.add_aggregate(filer.state, "tiny", 200 * MIB)
    made = {"containing-aggr-name": "tiny", "size": "1g", "percentage-snapshot-reserve": 0}
    assert errno_of(filer, "volume-create", {**made, "volume": "thick"}) == 13062
    assert errno_of(filer, "volume-create", {**made, "volume": "n1", "space-reserve": "none"}) == 0
    assert errno_of(filer, "volume-create", {**made, "volume": "n2", "space-reserve": "none"}) == 0
    assert create(filer, "a", 150 * MIB, volume="n1") == 0
    assert shown(filer, "size-available", "n2") == 50 * MIB
    assert create(filer, "b", 51 * MIB, volume="n2") == 28
    assert errno_of(filer, "volume-create", {**made, "volume": "small", "size": "60m"}) == 13062
    assert errno_of(filer, "volume-create", {**made, "volume": "small", "size": "50m"}) == 0
    space_of = texts(ask(filer, "aggr-get-iter", vserver=None), "size-used")
    assert str(200 * MIB) in space_of


def test_the_largest_lun_is_what_is_left(filer: Filer) -> None:
    create(filer, "a", 30 * MIB)
    left = ask(filer, "lun-get-maxsize", {"path": "/vol/v", "type": "linux"})
    assert texts(left, "without-snapshot-reserve") == [str(50 * MIB)]
    assert errno_of(filer, "lun-get-maxsize", {"path": "/vol/none", "type": "linux"}) == 9017
    assert texts(ask(filer, "lun-get-occupied-size", {"path": "/vol/v/a"}), "occupied-size") == [str(30 * MIB)]


def test_accounts_are_kept_across_every_change(filer: Filer) -> None:
    """What is told is what a count over all LUNs gives, whatever was done to them."""
    create(filer, "a", 10 * MIB)
    create(filer, "b", 20 * MIB, reserved=False)
    ask(filer, "lun-resize", {"path": "/vol/v/a", "size": 15 * MIB})
    ask(filer, "lun-set-space-reservation-info", {"path": "/vol/v/b", "enable": "true"})
    ask(filer, "lun-move", {"path": "/vol/v/a", "new-path": "/vol/v/c"})
    ask(filer, "volume-rename", {"volume": "v", "new-volume-name": "w"})
    ask(filer, "lun-destroy", {"path": "/vol/w/b"})
    volume = filer.volumes["svm1", "w"]
    assert space.used(filer, volume) == sum(lun.size for lun in filer.luns.values()) == 15 * MIB
    assert filer.state.indexes.reserved["svm1", "v"] == 0
    filer.close()
    again = Filer(filer_directory(filer))
    assert space.used(again, again.volumes["svm1", "w"]) == 15 * MIB


def filer_directory(filer: Filer) -> Path:
    """Where a filer keeps its state."""
    return filer.state.contents.path("x").parents[1]


def test_there_are_not_more_luns_in_a_volume_than_it_takes(tmp_path: Path) -> None:
    filer = Filer(tmp_path, luns_per_volume=2)
    assert [create(filer, name, 10 * MIB, volume="vol1") for name in "abc"] == [0, 0, 9158]
