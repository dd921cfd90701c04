"""clone-create's rarer arguments, and copies and moves between volumes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.simulator import copies
from tests.simulator.copies import Ask
from tests.simulator.filer import Filer
from tests.simulator.model import MIB, Lun
from tests.simulator.provision import add_volume
from tests.unit.zapi import Refused, ask, document, errno_of, texts

CLONE = {"volume": "vol1", "source-path": "a", "destination-path": "b"}
BLOCK = 512


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with LUNs a, each of whose first blocks has its number, and b, which is empty."""
    filer = Filer(tmp_path, seed="clones")
    for name in "ab":
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/{name}", "size": 10 * MIB})
    with path(filer, "a").open("r+b") as file:
        for number in range(1, 9):
            file.write(bytes([number]) * BLOCK)
    return filer


def path(filer: Filer, name: str) -> Path:
    """A LUN's content."""
    return filer.state.contents.path(filer.luns["svm1", f"/vol/vol1/{name}"].uuid)


def block_range(source: int, destination: int, count: int) -> dict[str, dict[str, int]]:
    """One range, as an argument."""
    numbers = {"source-block-number": source, "destination-block-number": destination, "block-count": count}
    return {"block-range": numbers}


def test_blocks_are_copied_into_another_lun(filer: Filer) -> None:
    serial = filer.luns["svm1", "/vol/vol1/b"].serial
    assert errno_of(filer, "clone-create", CLONE) == 14952
    ask(filer, "clone-create", {**CLONE, "block-ranges": block_range(1, 4, 3)})
    data = path(filer, "b").read_bytes()
    assert data[: 4 * BLOCK] == bytes(4 * BLOCK)
    assert data[4 * BLOCK : 8 * BLOCK] == b"".join(bytes([number]) * BLOCK for number in (2, 3, 4, 0))
    assert (len(data), filer.luns["svm1", "/vol/vol1/b"].serial) == (10 * MIB, serial)


@pytest.mark.parametrize(
    ("arguments", "errno"),
    [
        ({"block-ranges": block_range(0, 0, 20481)}, 14946),
        ({"block-ranges": block_range(20480, 0, 1)}, 14946),
        ({"block-ranges": block_range(0, 20480, 1)}, 14946),
        ({"block-ranges": block_range(0, 0, 0)}, 14946),
        ({"block-ranges": block_range(0, 0, (1 << 24) + 1)}, 14968),
        ({"block-ranges": {"block-range": {"block-count": 1}}}, 13115),
        ({"block-ranges": block_range(0, 0, 1), "destination-path": "none"}, 14970),
        ({"block-ranges": block_range(0, 0, 1), "space-reserve": "true"}, 14965),
        ({"volume": "none"}, 14925),
        ({"source-path": "none"}, 14935),
        ({"destination-path": "c", "destination-volume": "other"}, 14925),
        ({"destination-path": "q/c"}, 9020),
        ({"destination-path": "c", "is-backup": "maybe"}, 13115),
    ],
)
def test_clones_are_refused_with_ontaps_errnos(filer: Filer, arguments: dict[str, object], errno: int) -> None:
    assert errno_of(filer, "clone-create", {**CLONE, **arguments}) == errno


def test_more_ranges_than_one_call_takes(filer: Filer) -> None:
    many = "".join(
        "<block-range><source-block-number>0</source-block-number>"
        "<destination-block-number>0</destination-block-number><block-count>1</block-count></block-range>"
        for _ in range(33)
    )
    document = (
        "<netapp xmlns='http://www.netapp.com/filer/admin' version='1.15' vfiler='svm1'><clone-create>"
        "<volume>vol1</volume><source-path>a</source-path><destination-path>b</destination-path>"
        f"<block-ranges>{many}</block-ranges></clone-create></netapp>"
    )
    assert b'errno="14967"' in filer(document.encode())


def test_nothing_is_cloned_without_the_licence(tmp_path: Path) -> None:
    poor = Filer(tmp_path, licences=frozenset({"base", "iscsi"}))
    ask(poor, "lun-create-by-size", {"path": "/vol/vol1/a", "size": 10 * MIB})
    assert errno_of(poor, "clone-create", CLONE) == 14956
    assert texts(ask(poor, "license-v2-list-info", vserver=None), "package") == ["base", "iscsi"]


def test_luns_are_copied_and_moved_between_volumes(filer: Filer) -> None:
    add_volume(filer.state, "svm1", "vol2")
    add_volume(filer.state, "svm2", "far")
    serial = filer.luns["svm1", "/vol/vol1/a"].serial

    def pair(source: str, destination: str) -> dict[str, object]:
        return {"paths": {"lun-path-pair": {"source-path": source, "destination-path": destination}}}

    elsewhere = {"source-vserver": "svm1", "destination-vserver": "svm2"}
    started = ask(filer, "lun-copy-start", {**pair("/vol/vol1/a", "/vol/far/a"), **elsewhere}, vserver=None)
    copy = filer.luns["svm2", "/vol/far/a"]
    assert copy.serial != serial
    assert filer.state.contents.path(copy.uuid).read_bytes() == path(filer, "a").read_bytes()
    query = {"query": {"lun-copy-info": {"job-uuid": texts(started, "job-uuid")[0]}}}
    assert texts(ask(filer, "lun-copy-get-iter", query, vserver=None), "job-status") == ["complete"]
    ask(filer, "lun-move-start", pair("/vol/vol1/a", "/vol/vol2/moved"))
    assert filer.luns["svm1", "/vol/vol2/moved"].serial == serial
    assert texts(ask(filer, "lun-move-get-iter"), "destination-path") == ["/vol/vol2/moved"]
    assert errno_of(filer, "lun-move-start", pair("/vol/vol1/a", "/vol/vol2/x")) == 9017
    assert errno_of(filer, "lun-move-start", pair("/vol/vol1/b", "/vol/vol2/moved")) == 9012
    assert errno_of(filer, "lun-copy-start", pair("/vol/vol1/b", "/vol/vol2/moved")) == 9012
    identities = [(lun.uuid, lun.serial) for lun in filer.luns.values()]
    assert len({uuid for uuid, _ in identities}) == len({serial for _, serial in identities}) == len(identities)
    twice = document("lun-move-start", pair("/vol/vol1/b", "/vol/vol2/x"))
    doubled = twice.replace(
        b"</paths>", twice[twice.index(b"<lun-path-pair>") : twice.index(b"</paths>")] + b"</paths>"
    )
    assert b'errno="13115"' in filer(doubled)
    with pytest.raises(Refused, match="^15698 "):
        ask(filer, "lun-copy-start", {**pair("/vol/vol1/b", "/vol/vol2/b")}, vserver=None)


def test_move_of_a_lun_keeps_what_hosts_know_it_by(filer: Filer) -> None:
    add_volume(filer.state, "svm1", "vol2")
    mapped(filer, "/vol/vol1/a")
    before = filer.luns["svm1", "/vol/vol1/a"]
    copies.lun_move(partial(ask, filer), "/vol/vol1/a", "/vol/vol2/moved")
    after = filer.luns["svm1", "/vol/vol2/moved"]
    assert (after.uuid, after.serial, after.maps) == (before.uuid, before.serial, {"g": 3})
    assert ("svm1", "/vol/vol1/a") not in filer.luns


def mapped(filer: Filer, path: str) -> None:
    """Show a LUN to an igroup, by one node only."""
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    ask(filer, "lun-map", {"path": path, "initiator-group": "g", "lun-id": 3})
    ask(
        filer,
        "lun-map-remove-reporting-nodes",
        {"path": path, "igroup": "g", "nodes": {"filer-id": "cluster1-02"}},
    )


def split_clone(ask: Ask) -> None:
    copies.flexclone(ask, "vol1", "copy", split=True)


def lun_copy(ask: Ask) -> None:
    ask("volume-create", {"volume": "copy", "containing-aggr-name": "aggr1", "size": "1g"})
    copies.lun_copy(ask, "/vol/vol1/a", "/vol/copy/a")


WAYS: dict[str, Callable[[Ask], None]] = {
    "lun copy": lun_copy,
    "FlexClone": lambda ask: copies.flexclone(ask, "vol1", "copy"),
    "split clone": split_clone,
    "mirror": lambda ask: copies.mirror(ask, "vol1", "copy"),
    "broken mirror": lambda ask: copies.mirror(ask, "vol1", "copy", broken=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_carries_everything_but_identity_and_maps(filer: Filer, way: str) -> None:
    """That is what makes copies dangerous: the tag in the comment names the volume, too."""
    ask(filer, "lun-set-comment", {"path": "/vol/vol1/a", "comment": "originstname+x <tag>"})
    ask(filer, "lun-set-space-reservation-info", {"path": "/vol/vol1/a", "enable": "false"})
    mapped(filer, "/vol/vol1/a")
    WAYS[way](partial(ask, filer))
    source, copy = filer.luns["svm1", "/vol/vol1/a"], filer.luns["svm1", "/vol/copy/a"]

    def told(lun: Lun) -> tuple[object, ...]:
        return (lun.comment, lun.size, lun.reserved, lun.ostype, lun.online)

    assert told(copy) == told(source) == ("originstname+x <tag>", 10 * MIB, False, "image", True)
    assert (source.maps, copy.maps, copy.reporting) == ({"g": 3}, {}, {})
    assert filer.state.contents.path(copy.uuid).read_bytes() == path(filer, "a").read_bytes()
    identities = [(lun.uuid, lun.serial) for lun in filer.luns.values()]
    assert len({uuid for uuid, _ in identities}) == len({serial for _, serial in identities}) == len(identities)
    writable = errno_of(filer, "lun-set-comment", {"path": copy.path, "comment": "changed"}) == 0
    assert writable == (way != "mirror")
    query = {"query": {"volume-attributes": {"volume-id-attributes": {"name": "copy"}}}}
    volume = ask(filer, "volume-get-iter", query)
    assert texts(volume, "type") == (["rw"] if writable else ["dp"])
    assert len(texts(volume, "volume-clone-parent-attributes")) == (way == "FlexClone")
