"""Releases and kinds of filer: how large LUNs may be, and what there is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.kinds import KINDS
from tests.unit import zapi
from tests.unit.rest import Fields, ask, code, make, records, respond

MIB, TIB = 1 << 20, 1 << 40
BEFORE = 17_557_557_870_592
LUNS = "/storage/luns"
NEW: Fields = {"svm.name": "svm1", "name": "/vol/vol1/a", "os_type": "linux"}
Make = Callable[..., Filer]


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[Make]:
    """Makes one filer of a kind and an ONTAPI version."""
    made: list[Filer] = []

    def make(kind: str, ontapi: int) -> Filer:
        made.append(Filer(tmp_path, ontapi=ontapi, kind=KINDS[kind]))
        return made[0]

    yield make
    made[0].close()


@pytest.mark.parametrize(
    ("kind", "ontapi", "most"),
    [
        ("unified", 180, BEFORE),
        ("unified", 220, BEFORE),
        ("unified", 230, 128 * TIB),
        ("asa", 170, BEFORE),
        ("asa", 180, 128 * TIB),
    ],
)
def test_the_largest_lun(filer: Make, kind: str, ontapi: int, most: int) -> None:
    """To the byte, over both APIs, at its creation and later."""
    one = filer(kind, ontapi)
    assert code(one, "POST", LUNS, {**NEW, "space.size": most + 1}) == "5374125"
    assert make(one, LUNS, {**NEW, "space.size": most})["space"]["size"] == most
    small = make(one, LUNS, {**NEW, "name": "/vol/vol1/b", "space.size": MIB})
    place = f"{LUNS}/{small['uuid']}"
    assert code(one, "PATCH", place, {"space.size": most + 1}) == "5374125"
    ask(one, "PATCH", place, {"space.size": most})
    assert ask(one, "GET", place)["space"]["size"] == most
    exact = {"space-reservation-enabled": "false", "use-exact-size": "true"}
    assert zapi.errno_of(one, "lun-create-by-size", {"path": "/vol/vol1/c", "size": most + 512, **exact}) == 9034
    zapi.ask(one, "lun-create-by-size", {"path": "/vol/vol1/c", "size": most, **exact})


def test_large_luns_are_whole_cylinders_too(filer: Make) -> None:
    one = filer("unified", 230)
    made = make(one, LUNS, {**NEW, "space.size": 100 * TIB - 1})
    assert made["space"]["size"] == 100 * TIB, "of 256 MiB each"


def test_a_large_lun_survives_a_restart_and_is_cloned(tmp_path: Path) -> None:
    """Its file is shorter than it is."""
    first = Filer(tmp_path, ontapi=230)
    made = make(first, LUNS, {**NEW, "space.size": 20 * TIB})
    first.close()
    second = Filer(tmp_path, ontapi=230)
    clone = make(second, LUNS, {"svm.name": "svm1", "name": "/vol/vol1/b", "clone.source.uuid": made["uuid"]})
    assert clone["space"]["size"] == 20 * TIB
    second.close()


@pytest.mark.parametrize(
    ("kind", "san_optimized", "disaggregated", "zapi_is"),
    [
        ("unified", False, False, "on"),
        ("asa", True, False, "on"),
        ("asa-r2", True, True, "off"),
        ("afx", False, True, "off"),
    ],
)
def test_what_the_cluster_is(
    filer: Make, kind: str, san_optimized: bool, disaggregated: bool, zapi_is: str
) -> None:
    one = filer(kind, 270)
    cluster = ask(one, "GET", "/cluster", query="fields=san_optimized,disaggregated")
    assert (cluster["san_optimized"], cluster["disaggregated"], one.zapi) == (
        san_optimized,
        disaggregated,
        zapi_is,
    )


def test_earlier_releases_do_not_tell(filer: Make) -> None:
    one = filer("asa", 250)
    assert code(one, "GET", "/cluster", query="fields=version,san_optimized") == "262197"
    lenient = "fields=version,san_optimized&ignore_unknown_fields=true"
    assert "san_optimized" not in ask(one, "GET", "/cluster", query=lenient)


@pytest.mark.parametrize(("kind", "ontapi"), [("asa-r2", 250), ("afx", 260)])
def test_kinds_have_a_first_release(tmp_path: Path, kind: str, ontapi: int) -> None:
    with pytest.raises(ValueError, match="too old for this kind of filer"):
        Filer(tmp_path, ontapi=ontapi, kind=KINDS[kind])


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({"name": "/vol/vol1/a"}, "5374127"),
        ({"name": "0a"}, "5374127"),
        ({"name": "a-b"}, "5374127"),
        ({"name": "a" * 204}, "5374127"),
        ({"name": "a" * 203}, "3"),
        ({"name": "a", "space.guarantee.requested": False}, "5376469"),
        ({"name": "a", "space.scsi_thin_provisioning_support_enabled": True}, "5376469"),
        ({"name": "a", "location.volume.name": "vol1"}, "5376469"),
        ({"name": "a", "clone.source.name": "b"}, "5376469"),
        ({"name": "a", "svm.name": "none"}, "2621462"),
    ],
)
def test_an_asa_r2_refuses_what_is_not_for_it(filer: Make, body: Fields, refusal: str) -> None:
    """The simulator makes no LUN as an ASA r2 does, and says so."""
    one = filer("asa-r2", 260)
    answer = respond(one, "POST", LUNS, {**NEW, "space.size": MIB, **body})
    assert answer.code == refusal
    assert ("simulator" in str(answer.content)) is (refusal == "3")
    assert records(one, LUNS) == records(one, "/storage/volumes") == records(one, "/storage/aggregates") == []


def test_an_afx_has_no_san(filer: Make) -> None:
    one = filer("afx", 270)
    for path in (LUNS, f"{LUNS}/x", "/protocols/san/igroups", "/protocols/san/lun-maps", "/network/fc/interfaces"):
        assert code(one, "GET", path) == "3", path
    assert records(one, "/network/ip/interfaces", services="data_iscsi") == []
    assert [volume["name"] for volume in records(one, "/storage/volumes", name="vol1")] == ["vol1"]
