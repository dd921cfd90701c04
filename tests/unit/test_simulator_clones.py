"""clone-create's rarer arguments, and copies and moves between volumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.model import MIB
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
