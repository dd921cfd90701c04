"""Mirrors of the simulated filer, and what else keeps or makes identities of LUNs in whole volumes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import copies
from tests.simulator.filer import Filer
from tests.simulator.model import MIB
from tests.simulator.provision import add_volume
from tests.unit.zapi import ask, errno_of, texts

SOURCE, COPY = "/vol/vol1/a", "/vol/dr/a"
ENDS = {"source-volume": "vol1", "destination-volume": "dr"}


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with a LUN that begins with "old", and an igroup."""
    filer = Filer(tmp_path, seed="mirrors", strict=True)
    ask(filer, "lun-create-by-size", {"path": SOURCE, "size": 10 * MIB, "comment": "mine"})
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    write(filer, SOURCE, b"old")
    return filer


def write(filer: Filer, path: str, data: bytes) -> None:
    with filer.state.contents.path(filer.luns["svm1", path].uuid).open("r+b") as file:
        file.write(data)


def read(filer: Filer, path: str) -> bytes:
    with filer.state.contents.path(filer.luns["svm1", path].uuid).open("rb") as file:
        return file.read(3)


def states(filer: Filer) -> list[str]:
    return texts(ask(filer, "snapmirror-get-iter"), "mirror-state")


def is_read_only(filer: Filer, path: str) -> tuple[list[str], list[str]]:
    """What both listings say."""
    query = {"query": {"lun-info": {"path": path}}}
    listings = ask(filer, "lun-get-iter", query), ask(filer, "lun-list-info", {"path": path})
    return (texts(listings[0], "read-only"), texts(listings[1], "read-only"))


def test_a_mirror_is_read_only_until_it_is_broken_off(filer: Filer) -> None:
    copies.mirror(partial(ask, filer), "vol1", "dr")
    assert states(filer) == ["snapmirrored"]
    assert (is_read_only(filer, COPY), is_read_only(filer, SOURCE)) == (
        (["true"], ["true"]),
        (["false"], ["false"]),
    )
    found = ask(
        filer, "volume-get-iter", {"query": {"volume-attributes": {"volume-id-attributes": {"name": "dr"}}}}
    )
    assert (texts(found, "type"), texts(found, "is-data-protection-mirror")) == (["dp"], ["true"])
    ask(filer, "snapmirror-break", ENDS)
    assert (states(filer), is_read_only(filer, COPY)) == (["broken-off"], (["false"], ["false"]))
    assert errno_of(filer, "lun-resize", {"path": COPY, "size": 20 * MIB}) == 0
    assert errno_of(filer, "lun-create-by-size", {"path": "/vol/dr/b", "size": 10 * MIB}) == 0


def test_what_is_refused_in_a_mirror(filer: Filer) -> None:
    copies.mirror(partial(ask, filer), "vol1", "dr")
    add_volume(filer.state, "svm1", "vol2")
    lun, new = {"path": COPY}, {"path": "/vol/dr/b"}
    refused: dict[str, dict[str, Any]] = {
        "lun-create-by-size": {**new, "size": 10 * MIB},
        "lun-destroy": {**lun, "force": "true"},
        "lun-resize": {**lun, "size": 20 * MIB},
        "lun-move": {**lun, "new-path": "/vol/dr/b"},
        "lun-set-comment": {**lun, "comment": "x"},
        "lun-offline": lun,
        "lun-online": lun,
        "lun-set-attribute": {**lun, "name": "n", "value": "v"},
        "lun-unset-attribute": {**lun, "name": "n"},
        "lun-set-serial-number": {**lun, "serial-number": "<&>?*[]$aBc1"},
        "lun-set-space-reservation-info": {**lun, "enable": "false"},
        "lun-set-qos-policy-group": {**lun, "qos-policy-group": "none"},
        "file-assign-qos": {"volume": "dr", "file": "a", "qos-policy-group-name": "none"},
        "lun-move-start": pair(COPY, "/vol/vol2/a"),
        "lun-copy-start": pair(SOURCE, "/vol/dr/b"),
        "qtree-create": {"volume": "dr", "qtree": "q"},
        "snapshot-create": {"volume": "dr", "snapshot": "s"},
    }
    for api, arguments in refused.items():
        assert errno_of(filer, api, arguments) == 13043, api
    clone = {"volume": "dr", "source-path": "a", "destination-path": "b"}
    assert errno_of(filer, "clone-create", clone) == 14928
    assert [lun.path for lun in filer.luns.values() if lun.volume == "dr"] == [COPY]


def pair(source: str, destination: str) -> dict[str, Any]:
    return {"paths": {"lun-path-pair": {"source-path": source, "destination-path": destination}}}


def test_a_mirrors_luns_can_be_seen(filer: Filer) -> None:
    copies.mirror(partial(ask, filer), "vol1", "dr")
    mapping = {"path": COPY, "initiator-group": "g"}
    assert errno_of(filer, "lun-map", mapping) == errno_of(filer, "lun-unmap", mapping) == 0


@pytest.mark.parametrize("type_", ["dp", "ls"])
def test_no_lun_is_made_in_a_mirror_of_the_providers_making(filer: Filer, type_: str) -> None:
    add_volume(filer.state, "svm1", "m", type_=type_)
    assert errno_of(filer, "lun-create-by-size", {"path": "/vol/m/a", "size": 10 * MIB}) == 13043


def test_a_transfer_brings_what_the_source_is_and_keeps_identities(filer: Filer) -> None:
    ask(filer, "qtree-create", {"volume": "vol1", "qtree": "q"})
    ask(filer, "lun-create-by-size", {"path": "/vol/vol1/gone", "size": 10 * MIB})
    copies.mirror(partial(ask, filer), "vol1", "dr")
    ask(filer, "lun-map", {"path": COPY, "initiator-group": "g"})
    before = filer.luns["svm1", COPY]
    write(filer, SOURCE, b"new")
    ask(filer, "lun-set-comment", {"path": SOURCE, "comment": "changed"})
    ask(filer, "lun-resize", {"path": SOURCE, "size": 20 * MIB})
    ask(filer, "lun-destroy", {"path": "/vol/vol1/gone"})
    for name in ("b", "c"):
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/q/{name}", "size": 10 * MIB})
    assert read(filer, COPY) == b"old"
    ask(filer, "snapmirror-update", {"destination-location": "svm1:dr"})
    after = filer.luns["svm1", COPY]
    assert (after.uuid, after.serial, after.maps) == (before.uuid, before.serial, before.maps)
    assert (after.comment, after.size, read(filer, COPY)) == ("changed", 20 * MIB, b"new")
    assert sorted(lun.path for lun in filer.luns.values() if lun.volume == "dr") == [
        "/vol/dr/a",
        "/vol/dr/q/b",
        "/vol/dr/q/c",
    ]
    assert len({lun.serial for lun in filer.luns.values()}) == len(filer.luns) == 6
    assert ("svm1", "dr", "q") in filer.state.qtrees
    assert {file.name for file in filer.state.contents.path("x").parent.iterdir()} == {
        lun.uuid for lun in filer.luns.values()
    }


def test_a_broken_mirror_can_become_one_again(filer: Filer) -> None:
    copies.mirror(partial(ask, filer), "vol1", "dr", broken=True)
    serial = filer.luns["svm1", COPY].serial
    ask(filer, "lun-set-comment", {"path": COPY, "comment": "diverged"})
    write(filer, COPY, b"own")
    assert errno_of(filer, "snapmirror-update", ENDS) == 13001
    ask(filer, "snapmirror-resync", ENDS)
    copy = filer.luns["svm1", COPY]
    assert (copy.comment, copy.serial, read(filer, COPY)) == ("mine", serial, b"old")
    assert is_read_only(filer, COPY) == (["true"], ["true"])
    ask(filer, "snapmirror-destroy", ENDS)
    assert (states(filer), filer.volumes["svm1", "dr"].type) == ([], "dp")


def test_a_mirror_is_another_vservers(filer: Filer) -> None:
    add_volume(filer.state, "svm2", "dr", type_="dp")
    ends = {"source-location": "svm1:vol1", "destination-location": "svm2:dr"}
    assert errno_of(filer, "snapmirror-create", ends) == 15698
    for api in ("snapmirror-create", "snapmirror-initialize"):
        ask(filer, api, ends, vserver="svm2")
    assert filer.luns["svm2", COPY].comment == "mine"
    assert states(filer) == []
    assert texts(ask(filer, "snapmirror-get-destination-iter"), "destination-location") == ["svm2:dr"]


def test_mirrors_are_refused(filer: Filer) -> None:
    new = {"volume": "dr", "containing-aggr-name": "aggr2", "size": "20m", "volume-type": "dp"}
    ask(filer, "volume-create", new)
    assert errno_of(filer, "snapmirror-initialize", ENDS) == 15661
    assert errno_of(filer, "snapmirror-create", {**ENDS, "source-volume": "none"}) == 13040
    assert errno_of(filer, "snapmirror-create", {**ENDS, "destination-volume": "none"}) == 13040
    assert errno_of(filer, "snapmirror-create", {"source-volume": "dr", "destination-volume": "vol1"}) == 13001
    assert errno_of(filer, "snapmirror-create", {**ENDS, "relationship-type": "vault"}) == 13115
    ask(filer, "snapmirror-create", ENDS)
    assert errno_of(filer, "snapmirror-create", ENDS) == 13130
    assert errno_of(filer, "snapmirror-break", ENDS) == 15000
    ask(filer, "lun-resize", {"path": SOURCE, "size": 40 * MIB})
    assert errno_of(filer, "snapmirror-initialize", ENDS) == 15907
    ask(filer, "volume-size", {"volume": "dr", "new-size": "1g"})
    ask(filer, "volume-offline", {"name": "dr"})
    assert errno_of(filer, "snapmirror-initialize", ENDS) == 13042
    ask(filer, "volume-online", {"name": "dr"})
    ask(filer, "snapmirror-initialize", ENDS)
    assert errno_of(filer, "snapmirror-initialize", ENDS) == 13001
    assert errno_of(filer, "snapmirror-update", {**ENDS, "source-volume": "other"}) == 15661
    for end in ("vol1", "dr"):
        assert errno_of(filer, "volume-destroy", {"name": end, "unmount-and-offline": "true"}) == 13001


def test_a_mirror_follows_the_names_of_its_volumes(filer: Filer) -> None:
    copies.mirror(partial(ask, filer), "vol1", "dr")
    for old, name in (("vol1", "prod"), ("dr", "far")):
        ask(filer, "volume-rename", {"volume": old, "new-volume-name": name})
    shown = ask(filer, "snapmirror-get-iter")
    assert texts(shown, "source-location") + texts(shown, "destination-location") == ["svm1:prod", "svm1:far"]
    ask(filer, "snapmirror-update", {"destination-volume": "far"})


def test_a_flexclone_of_a_mirror_can_be_written(filer: Filer) -> None:
    copies.mirror(partial(ask, filer), "vol1", "dr")
    copies.flexclone(partial(ask, filer), "dr", "trial")
    assert errno_of(filer, "lun-set-comment", {"path": "/vol/trial/a", "comment": "x"}) == 0


def test_a_volume_keeps_its_luns_identities_wherever_it_goes(filer: Filer) -> None:
    """Volume move and volume rename: hosts see the same LUNs after as before."""
    ask(filer, "lun-map", {"path": SOURCE, "initiator-group": "g"})
    before = filer.luns["svm1", SOURCE]
    ask(filer, "volume-move-start", {"source-volume": "vol1", "dest-aggr": "aggr2"})
    assert texts(ask(filer, "volume-move-get-iter"), "phase") == ["completed"]
    assert texts(ask(filer, "lun-get-iter"), "node") == ["cluster1-02"]
    assert filer.luns["svm1", SOURCE] == before
    ask(filer, "volume-rename", {"volume": "vol1", "new-volume-name": "prod"})
    after = filer.luns["svm1", "/vol/prod/a"]
    assert (after.uuid, after.serial, after.maps) == (before.uuid, before.serial, before.maps)
    move = {"source-volume": "prod", "dest-aggr": "aggr2"}
    assert errno_of(filer, "volume-move-start", move) == 13115
    assert errno_of(filer, "volume-move-start", {**move, "dest-aggr": "none"}) == 14420
    assert errno_of(filer, "volume-move-start", {**move, "source-volume": "none"}) == 13040
    move["dest-aggr"] = "aggr1"
    assert errno_of(filer, "volume-move-start", {**move, "perform-validation-only": "true"}) == 0
    assert texts(ask(filer, "lun-get-iter"), "node") == ["cluster1-02"]
    ask(filer, "volume-offline", {"name": "prod"})
    assert errno_of(filer, "volume-move-start", move) == 13042
