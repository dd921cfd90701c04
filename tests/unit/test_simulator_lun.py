"""LUNs of the simulated filer: sizes, states, identities, clones, and every refusal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.model import MIB, TIB
from tests.simulator.provision import add_qtree, add_volume
from tests.unit.zapi import ask, errno_of, texts

GIB = 1 << 30
PATH = "/vol/vol1/a"


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer as it comes."""
    return Filer(tmp_path, seed="test")


def create(filer: Filer, path: str = PATH, size: int = 10 * MIB, **options: str) -> int:
    """A new LUN; its actual size."""
    arguments = {
        "path": path,
        "size": size,
        **{name.replace("_", "-"): value for name, value in options.items()},
    }
    return int(texts(ask(filer, "lun-create-by-size", arguments), "actual-size")[0])


@pytest.mark.parametrize(
    ("size", "actual"),
    [
        (300 * GIB, 322163441664),  # netapp-ontap's documentation
        (450 * GIB, 483247783936),  # a CLI listing in an issue
        (10 * GIB, 10 * GIB),
        (4 * MIB, 4 * MIB),
        (4 * MIB + 1, 5 * MIB),
    ],
)
def test_sizes_are_rounded_as_seen_on_real_filers(filer: Filer, size: int, actual: int) -> None:
    assert create(filer, size=size) == actual
    lun = filer.luns["svm1", PATH]
    assert (lun.size, filer.state.contents.path(lun.uuid).stat().st_size) == (actual, actual)


def test_an_exact_size_stays_and_grows_exactly(filer: Filer) -> None:
    assert create(filer, size=300 * GIB, use_exact_size="true") == 300 * GIB
    grown = ask(filer, "lun-resize", {"path": PATH, "size": 301 * GIB})
    assert texts(grown, "actual-size") == [str(301 * GIB)]


def test_creation_is_refused_with_ontaps_errnos(filer: Filer) -> None:
    create(filer)
    add_volume(filer.state, "svm1", "small", size=100 * MIB)

    def refusal(path: str, size: int = 10 * MIB) -> int:
        return errno_of(filer, "lun-create-by-size", {"path": path, "size": size})

    assert refusal(PATH) == 9012
    assert refusal("/vol/nowhere/a") == 9036
    assert refusal("/vol/vol1/q/a") == 9020
    assert refusal("/vol/vol1/b", size=1) == 9041
    assert refusal("/vol/vol1/b", size=17 * TIB) == 9034
    assert refusal("/vol/small/b", size=101 * MIB) == 28
    assert refusal("/lun/a") == refusal("/vol/vol1/a b") == refusal("/vol/vol1/..") == 13115
    assert create(filer, "/vol/small/b", 101 * MIB, space_reservation_enabled="False") == 101 * MIB
    assert errno_of(filer, "lun-set-space-reservation-info", {"path": "/vol/small/b", "enable": "true"}) == 28


def test_a_lun_can_live_in_a_qtree(filer: Filer) -> None:
    add_qtree(filer.state, "svm1", "vol1", "q")
    create(filer, "/vol/vol1/q/a")
    listed = ask(filer, "lun-get-iter")
    assert [texts(listed, name) for name in ("volume", "qtree", "path")] == [
        ["vol1"],
        ["q"],
        ["/vol/vol1/q/a"],
    ]


def test_resize_is_refused_with_ontaps_errnos(filer: Filer) -> None:
    create(filer)
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 10 * MIB}) == 9042
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 10 * MIB - 1}) == 9042
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 5 * MIB}) == 9033
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 1}) == 9041
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 17 * TIB, "force": "true"}) == 9035
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 2 * TIB}) == 28
    assert errno_of(filer, "lun-resize", {"path": "/vol/vol1/b", "size": 20 * MIB}) == 9017
    assert errno_of(filer, "lun-resize", {"path": PATH, "size": 5 * MIB, "force": "true"}) == 0
    assert filer.luns["svm1", PATH].size == 5 * MIB


def test_geometry_limits_growth_before_ontap_9_5(tmp_path: Path) -> None:
    old = Filer(tmp_path, ontapi=140)
    create(old, space_reservation_enabled="false")
    geometry = ask(old, "lun-get-geometry", {"path": PATH})
    assert texts(geometry, "max-resize-size") == [str(65536 * MIB)]
    assert errno_of(old, "lun-resize", {"path": PATH, "size": 65537 * MIB}) == 9035
    assert errno_of(old, "lun-resize", {"path": PATH, "size": 65536 * MIB}) == 0


def test_destroy_spares_a_lun_in_use(filer: Filer) -> None:
    create(filer)
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    ask(filer, "lun-map", {"path": PATH, "initiator-group": "g"})
    content = filer.state.contents.path(filer.luns["svm1", PATH].uuid)
    assert errno_of(filer, "lun-destroy", {"path": PATH}) == 9013
    assert content.exists()
    ask(filer, "lun-offline", {"path": PATH})
    ask(filer, "lun-destroy", {"path": PATH})
    assert not content.exists()
    assert filer.maps["svm1", "g"] == {}
    assert errno_of(filer, "lun-destroy", {"path": PATH}) == 15661


def test_online_and_offline_know_their_state(filer: Filer) -> None:
    create(filer)
    assert errno_of(filer, "lun-online", {"path": PATH}) == 9015
    assert errno_of(filer, "lun-offline", {"path": PATH}) == 0
    assert errno_of(filer, "lun-offline", {"path": PATH}) == 9014
    assert texts(ask(filer, "lun-get-iter"), "online") == ["false"]
    assert errno_of(filer, "lun-online", {"path": PATH}) == 0


def test_move_keeps_identity_and_maps(filer: Filer) -> None:
    create(filer)
    create(filer, "/vol/vol1/b")
    add_volume(filer.state, "svm1", "vol2")
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    ask(filer, "lun-map", {"path": PATH, "initiator-group": "g"})
    serial = filer.luns["svm1", PATH].serial
    assert errno_of(filer, "lun-move", {"path": PATH, "new-path": "/vol/vol1/b"}) == 9012
    assert errno_of(filer, "lun-move", {"path": PATH, "new-path": "/vol/vol2/a"}) == 9022
    assert errno_of(filer, "lun-move", {"path": "/vol/vol1/z", "new-path": "/vol/vol1/c"}) == 9017
    assert errno_of(filer, "lun-move", {"path": PATH, "new-path": "/vol/vol1/c"}) == 0
    assert filer.luns["svm1", "/vol/vol1/c"].serial == serial
    assert filer.maps["svm1", "g"] == {0: "/vol/vol1/c"}
    assert ("svm1", PATH) not in filer.luns


def test_comments_are_kept_whole(filer: Filer) -> None:
    create(filer, comment='a <b> & "c"')
    assert texts(ask(filer, "lun-get-iter"), "comment") == ['a <b> & "c"']
    assert errno_of(filer, "lun-set-comment", {"path": PATH, "comment": "x" * 255}) == 13115
    assert errno_of(filer, "lun-set-comment", {"path": PATH, "comment": "ü" * 254}) == 0
    assert texts(ask(filer, "lun-get-comment", {"path": PATH}), "comment") == ["ü" * 254]
    assert errno_of(filer, "lun-set-comment", {"path": PATH, "comment": ""}) == 0
    assert texts(ask(filer, "lun-get-iter"), "comment") == []


def test_attributes(filer: Filer) -> None:
    create(filer)
    assert errno_of(filer, "lun-get-attribute", {"path": PATH, "name": "fstype"}) == 9011
    ask(filer, "lun-set-attribute", {"path": PATH, "name": "fstype", "value": "ext4"})
    assert texts(ask(filer, "lun-get-attribute", {"path": PATH, "name": "fstype"}), "value") == ["ext4"]


def test_serials_are_nasty_distinct_and_the_same_from_the_same_seed(filer: Filer, tmp_path: Path) -> None:
    paths = [f"/vol/vol1/{number}" for number in range(40)]
    for path in paths:
        create(filer, path)
    serials = [filer.luns["svm1", path].serial for path in paths]
    assert len(set(serials)) == len(paths)
    assert all(re.fullmatch(r"[A-Za-z0-9/#$%&*+<=>?\[!\]^~@-]{12}", serial) for serial in serials)
    assert all(set(serial) & set("&<>*?[]$") for serial in serials)
    assert set("&<>*?[]$") <= set("".join(serials))
    again, other = Filer(tmp_path / "again", seed="test"), Filer(tmp_path / "other")
    create(again, paths[0])
    create(other, paths[0])
    assert again.luns["svm1", paths[0]].serial == serials[0]
    assert other.luns["svm1", paths[0]].serial not in serials
    assert texts(ask(filer, "lun-get-serial-number", {"path": paths[0]}), "serial-number") == [serials[0]]


def test_a_clone_has_its_sources_data_and_an_identity_of_its_own(filer: Filer) -> None:
    create(filer, size=16 * MIB, comment="source", space_reservation_enabled="false")
    source = filer.luns["svm1", PATH]
    with filer.state.contents.path(source.uuid).open("r+b") as content:
        content.seek(9 * MIB)
        content.write(b"data")
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    ask(filer, "lun-map", {"path": PATH, "initiator-group": "g"})
    clone = {"volume": "vol1", "source-path": "a", "destination-path": "b"}
    assert errno_of(filer, "clone-create", {**clone, "volume": "vol9"}) == 14925
    assert errno_of(filer, "clone-create", {**clone, "source-path": "z"}) == 14935
    assert errno_of(filer, "clone-create", clone) == 0
    assert errno_of(filer, "clone-create", clone) == 14952
    made = filer.luns["svm1", "/vol/vol1/b"]
    assert (made.size, made.reserved, made.comment, made.is_clone) == (source.size, False, "source", True)
    assert (made.maps, made.serial != source.serial) == ({}, True)
    file = filer.state.contents.path(made.uuid)
    assert file.read_bytes() == filer.state.contents.path(source.uuid).read_bytes()
    assert file.stat().st_blocks * 512 < MIB


def test_a_clones_comment_is_a_choice(tmp_path: Path) -> None:
    filer = Filer(tmp_path, clones_keep_comment=False)
    create(filer, comment="source")
    ask(
        filer,
        "clone-create",
        {"volume": "vol1", "source-path": "a", "destination-path": "b", "space-reserve": "False"},
    )
    assert filer.luns["svm1", "/vol/vol1/b"].comment == ""


def test_smallest_size_and_snapshots(filer: Filer) -> None:
    assert texts(ask(filer, "lun-get-minsize", {"type": "linux"}), "min-size") == [str(4 * MIB)]
    assert errno_of(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"}) == 0
    assert errno_of(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"}) == 13020
    assert errno_of(filer, "snapshot-create", {"volume": "vol9", "snapshot": "s"}) == 13040
