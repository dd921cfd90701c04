"""Volumes of the simulated filer: their lives, snapshots, FlexClones, qtrees."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.simulator import copies
from tests.simulator.filer import Filer
from tests.simulator.model import MIB
from tests.simulator.provision import add_volume
from tests.unit.zapi import ask, errno_of, texts

NEW = {"volume": "v", "containing-aggr-name": "aggr2", "size": "1g"}


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer as it comes."""
    return Filer(tmp_path, seed="volumes")


def lun(filer: Filer, path: str, data: bytes = b"") -> str:
    """A new LUN that begins with ``data``; its serial number."""
    ask(filer, "lun-create-by-size", {"path": path, "size": 10 * MIB, "comment": "mine"})
    with filer.state.contents.path(filer.luns["svm1", path].uuid).open("r+b") as file:
        file.write(data)
    return filer.luns["svm1", path].serial


def content(filer: Filer, path: str, size: int = 3) -> bytes:
    """How a LUN begins."""
    with filer.state.contents.path(filer.luns["svm1", path].uuid).open("rb") as file:
        return file.read(size)


def listed(filer: Filer, name: str, field: str) -> list[str]:
    """A field of one volume."""
    query = {"volume-attributes": {"volume-id-attributes": {"name": name}}}
    return texts(ask(filer, "volume-get-iter", {"query": query}), field)


def test_a_volume_is_made_and_shown(filer: Filer) -> None:
    ask(filer, "volume-create", {**NEW, "junction-path": "/v", "volume-comment": "hello", "space-reserve": "none"})
    for field, value in {
        "size": str(1 << 30),
        "percentage-snapshot-reserve": "5",
        "containing-aggregate-name": "aggr2",
        "node": "cluster1-02",
        "space-guarantee": "none",
        "junction-path": "/v",
        "comment": "hello",
        "state": "online",
        "is-vserver-root": "false",
        "style-extended": "flexvol",
    }.items():
        assert listed(filer, "v", field) == [value]
    assert listed(filer, "svm1_root", "is-vserver-root") == ["true"]


def test_volumes_are_refused_with_ontaps_errnos(filer: Filer) -> None:
    assert errno_of(filer, "volume-create", {**NEW, "containing-aggr-name": "none"}) == 14420
    assert errno_of(filer, "volume-create", {**NEW, "volume": "vol1"}) == 17
    assert errno_of(filer, "volume-create", {**NEW, "volume": "a-b"}) == 13115
    assert errno_of(filer, "volume-create", {**NEW, "size": "1x"}) == 13115
    assert errno_of(filer, "volume-create", {**NEW, "size": "19m"}) == 13115
    assert errno_of(filer, "volume-create", {**NEW, "space-reserve": "some"}) == 13115
    assert errno_of(filer, "volume-create", {**NEW, "size": "200t"}) == 13062
    assert errno_of(filer, "volume-size", {"volume": "none"}) == 13040
    assert errno_of(filer, "volume-destroy", {"name": "vol1"}) == 13058
    assert errno_of(filer, "volume-rename", {"volume": "vol1", "new-volume-name": "svm1_root"}) == 17
    assert errno_of(filer, "volume-clone-split-start", {"volume": "vol1"}) == 13170


def test_an_offline_volume_and_what_is_in_it(filer: Filer) -> None:
    lun(filer, "/vol/vol1/a")
    ask(filer, "volume-offline", {"name": "vol1"})
    assert errno_of(filer, "volume-offline", {"name": "vol1"}) == 13042
    assert errno_of(filer, "lun-create-by-size", {"path": "/vol/vol1/b", "size": 10 * MIB}) == 13042
    assert errno_of(filer, "lun-resize", {"path": "/vol/vol1/a", "size": 20 * MIB}) == 13042
    clone = {"volume": "vol1", "source-path": "a", "destination-path": "b"}
    assert errno_of(filer, "clone-create", clone) == 14926
    assert texts(ask(filer, "lun-get-iter"), "online") == ["false"]
    ask(filer, "volume-online", {"name": "vol1"})
    assert texts(ask(filer, "lun-get-iter"), "online") == ["true"]
    assert errno_of(filer, "lun-resize", {"path": "/vol/vol1/a", "size": 20 * MIB}) == 0
    ask(filer, "volume-offline", {"name": "vol1"})
    ask(filer, "volume-destroy", {"name": "vol1"})
    assert (filer.luns, list((tmp(filer)).iterdir())) == ({}, [])
    assert listed(filer, "vol1", "name") == []


@pytest.mark.parametrize(
    ("query", "paths", "named"),
    [
        ({}, ["/vol/vol2/a"], ["vol1"]),
        ({"path": "/vol/*/a"}, ["/vol/vol2/a"], ["vol1"]),
        ({"path": "/vol/vol1/a"}, [], ["vol1"]),
        ({"path": "/vol/vol1/absent|/vol/vol2/a"}, ["/vol/vol2/a"], ["vol1"]),
        ({"path": "/vol/vol2/a"}, ["/vol/vol2/a"], []),
        ({"path": "/vol/*2/a"}, ["/vol/vol2/a"], []),
    ],
)
def test_a_filer_that_does_not_list_what_is_offline(
    tmp_path: Path, query: dict[str, str], paths: list[str], named: list[str]
) -> None:
    filer = Filer(tmp_path, seed="dark", strict=True, lists_offline=False)
    add_volume(filer.state, "svm1", "vol2")
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    for volume in ("vol1", "vol2"):
        lun(filer, f"/vol/{volume}/a")
        ask(filer, "lun-map", {"path": f"/vol/{volume}/a", "initiator-group": "g"})
    apis = {"lun-get-iter": "lun-info", "lun-map-get-iter": "lun-map-info"}
    assert [ask(filer, api).find("volume-errors") for api in apis] == [None, None]
    ask(filer, "volume-offline", {"name": "vol1"})
    for api, record in apis.items():
        answer = ask(filer, api, {"query": {record: query}})
        assert (texts(answer, "path"), texts(answer, "num-records")) == (paths, [str(len(paths))])
        errors = [{field.tag: field.text for field in error} for error in answer.iter("volume-error")]
        offline = {"errno": "13042", "reason": "Volume vol1 is offline", "vserver": "svm1"}
        assert errors == [{**offline, "name": name} for name in named]
    ask(filer, "volume-online", {"name": "vol1"})
    assert ask(filer, "lun-get-iter").find("volume-errors") is None


def tmp(filer: Filer) -> Path:
    """Where the contents are."""
    return filer.state.contents.path("x").parent


def test_size_name_and_mount_change(filer: Filer) -> None:
    ask(filer, "volume-create", NEW)
    lun(filer, "/vol/v/a")
    assert texts(ask(filer, "volume-size", {"volume": "v", "new-size": "+1g"}), "volume-size") == [str(2 << 30)]
    assert errno_of(filer, "volume-size", {"volume": "v", "new-size": "-2g"}) == 13115
    ask(filer, "volume-mount", {"volume-name": "v", "junction-path": "/x"})
    ask(filer, "snapshot-create", {"volume": "v", "snapshot": "s"})
    ask(filer, "qtree-create", {"volume": "v", "qtree": "q"})
    serial = filer.luns["svm1", "/vol/v/a"].serial
    ask(filer, "volume-rename", {"volume": "v", "new-volume-name": "w"})
    assert filer.luns["svm1", "/vol/w/a"].serial == serial
    assert texts(ask(filer, "snapshot-get-iter"), "volume") == ["w"]
    assert ("svm1", "w", "q") in filer.state.qtrees
    ask(filer, "volume-unmount", {"volume-name": "w"})
    assert listed(filer, "w", "junction-path") == []


def test_volumes_are_modified_by_query(filer: Filer) -> None:
    ask(filer, "volume-create", NEW)
    attributes = {
        "volume-attributes": {
            "volume-space-attributes": {"size": "2g", "space-guarantee": "none", "percentage-snapshot-reserve": 0}
        }
    }
    query = {"volume-attributes": {"volume-id-attributes": {"name": "v"}}}
    done = ask(filer, "volume-modify-iter", {"query": query, "attributes": attributes})
    assert texts(done, "num-succeeded") == ["1"]
    assert [listed(filer, "v", field)[0] for field in ("size", "space-guarantee")] == [str(2 << 30), "none"]
    assert listed(filer, "vol1", "space-guarantee") == ["volume"]


def test_a_snapshot_keeps_the_data_of_its_moment(filer: Filer) -> None:
    lun(filer, "/vol/vol1/a", b"old")
    snapshot = {"volume": "vol1", "snapshot": "s"}
    ask(filer, "snapshot-create", {**snapshot, "comment": "then"})
    assert errno_of(filer, "snapshot-create", snapshot) == 13020
    with filer.state.contents.path(filer.luns["svm1", "/vol/vol1/a"].uuid).open("r+b") as file:
        file.write(b"new")
    clone = {"volume": "vol1", "source-path": "a", "destination-path": "b", "snapshot-name": "s"}
    assert errno_of(filer, "clone-create", {**clone, "snapshot-name": "none"}) == 13021
    ask(filer, "clone-create", clone)
    assert (content(filer, "/vol/vol1/a"), content(filer, "/vol/vol1/b")) == (b"new", b"old")
    found = ask(filer, "snapshot-get-iter")
    assert [texts(found, name) for name in ("name", "comment", "busy")] == [["s"], ["then"], ["false"]]
    ask(filer, "snapshot-rename", {"volume": "vol1", "current-name": "s", "new-name": "t"})
    assert errno_of(filer, "snapshot-delete", snapshot) == 13021
    ask(filer, "snapshot-delete", {**snapshot, "snapshot": "t"})
    assert {file.name for file in tmp(filer).iterdir()} == {each.uuid for each in filer.luns.values()}


def test_a_volume_goes_back_to_a_snapshot(filer: Filer) -> None:
    serial = lun(filer, "/vol/vol1/a", b"old")
    lun(filer, "/vol/vol1/gone")
    ask(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"})
    ask(filer, "lun-destroy", {"path": "/vol/vol1/gone"})
    lun(filer, "/vol/vol1/late")
    with filer.state.contents.path(filer.luns["svm1", "/vol/vol1/a"].uuid).open("r+b") as file:
        file.write(b"new")
    ask(filer, "snapshot-restore-volume", {"volume": "vol1", "snapshot": "s"})
    assert sorted(path for _, path in filer.luns) == ["/vol/vol1/a", "/vol/vol1/gone"]
    assert (filer.luns["svm1", "/vol/vol1/a"].serial, content(filer, "/vol/vol1/a")) == (serial, b"old")


def test_what_a_snapshot_brings_back_has_its_identity_again(filer: Filer) -> None:
    """At its own path. What was put there meanwhile is gone; what went to another volume keeps its own there."""
    replaced, moved = lun(filer, "/vol/vol1/replaced", b"old"), lun(filer, "/vol/vol1/moved", b"old")
    add_volume(filer.state, "svm1", "vol2")
    ask(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"})
    ask(filer, "lun-destroy", {"path": "/vol/vol1/replaced"})
    assert lun(filer, "/vol/vol1/replaced", b"new") != replaced
    copies.lun_move(partial(ask, filer), "/vol/vol1/moved", "/vol/vol2/moved")
    ask(filer, "volume-rename", {"volume": "vol1", "new-volume-name": "vol3"})
    ask(filer, "snapshot-restore-volume", {"volume": "vol3", "snapshot": "s"})
    assert sorted(path for _, path in filer.luns) == ["/vol/vol2/moved", "/vol/vol3/moved", "/vol/vol3/replaced"]
    assert (filer.luns["svm1", "/vol/vol3/replaced"].serial, filer.luns["svm1", "/vol/vol2/moved"].serial) == (
        replaced,
        moved,
    )
    assert content(filer, "/vol/vol3/replaced") == content(filer, "/vol/vol3/moved") == b"old"
    assert len({each.uuid for each in filer.luns.values()} | {each.serial for each in filer.luns.values()}) == 6
    kept = filer.state.snapshots["svm1", "vol3", "s"].luns
    assert {file.name for file in tmp(filer).iterdir()} == {each.uuid for each in filer.luns.values()} | set(kept)


def test_a_flexclone_has_copies_with_identities_of_their_own(filer: Filer) -> None:
    serial = lun(filer, "/vol/vol1/a", b"abc")
    ask(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"})
    ask(filer, "volume-clone-create", {"volume": "c", "parent-volume": "vol1", "parent-snapshot": "s"})
    copy = filer.luns["svm1", "/vol/c/a"]
    assert (copy.comment, copy.maps, content(filer, copy.path)) == ("mine", {}, b"abc")
    assert copy.serial != serial
    lun(filer, "/vol/vol1/after")
    assert len({each.uuid for each in filer.luns.values()} | {filer.volumes["svm1", "c"].uuid}) == 4
    assert listed(filer, "c", "snapshot-name") == ["s"]
    assert texts(ask(filer, "volume-clone-get", {"volume": "c"}), "parent-volume") == ["vol1"]
    assert texts(ask(filer, "volume-clone-get-iter"), "volume") == ["c"]
    assert errno_of(filer, "volume-clone-get", {"volume": "vol1"}) == 15661
    assert texts(ask(filer, "snapshot-get-iter"), "busy") == ["true"]
    assert errno_of(filer, "snapshot-delete", {"volume": "vol1", "snapshot": "s"}) == 13024
    assert errno_of(filer, "volume-destroy", {"name": "vol1", "unmount-and-offline": "true"}) == 15894
    ask(filer, "volume-clone-split-start", {"volume": "c"})
    assert errno_of(filer, "snapshot-delete", {"volume": "vol1", "snapshot": "s"}) == 0
    assert listed(filer, "c", "snapshot-name") == []
    absent = {"volume": "d", "parent-volume": "vol1", "parent-snapshot": "none"}
    assert errno_of(filer, "volume-clone-create", absent) == 13021


def test_qtrees_come_and_go(filer: Filer) -> None:
    qtree = {"volume": "vol1", "qtree": "q"}
    ask(filer, "qtree-create", qtree)
    assert errno_of(filer, "qtree-create", qtree) == 13080
    lun(filer, "/vol/vol1/q/a")
    query = {"query": {"qtree-info": {"volume": "vol1"}}}
    assert texts(ask(filer, "qtree-list-iter", query), "id") == ["0", "1"]
    assert errno_of(filer, "qtree-delete", {"qtree": "/vol/vol1/q"}) == 15671
    assert errno_of(filer, "qtree-delete", {"qtree": "/vol/vol1/r"}) == 15669
    ask(filer, "qtree-delete", {"qtree": "/vol/vol1/q", "force": "true"})
    assert filer.luns == {}


def test_several_volumes_at_one_moment(filer: Filer) -> None:
    volumes = {"volumes": {"volume-name": "vol1"}}
    begun = ask(filer, "cg-start", {"snapshot": "s", "timeout": "relaxed", **volumes})
    assert texts(ask(filer, "snapshot-get-iter"), "name") == ["s"]
    identity = {"cg-id": texts(begun, "cg-id")[0]}
    assert errno_of(filer, "cg-commit", identity) == 0
    assert errno_of(filer, "cg-commit", identity) == 13115
