"""Igroups and maps of the simulated filer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.unit.zapi import ask, errno_of, texts

IQN = "iqn.1993-08.org.debian:01:abc"
OTHER = "iqn.1993-08.org.debian:01:def"


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with LUNs a to d, and igroup g with one initiator."""
    filer = Filer(tmp_path, seed="test")
    for name in "abcd":
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/{name}", "size": 10 << 20})
    group(filer, "g", IQN)
    return filer


def group(filer: Filer, name: str, *initiators: str, kind: str = "iscsi") -> None:
    """A new igroup."""
    ask(
        filer,
        "igroup-create",
        {"initiator-group-name": name, "initiator-group-type": kind, "os-type": "linux"},
    )
    for initiator in initiators:
        ask(filer, "igroup-add", {"initiator-group-name": name, "initiator": initiator})


def lun_map(filer: Filer, lun: str, igroup: str = "g", lun_id: int | None = None) -> int:
    """Map, and tell the errno, or the LUN id when it passed."""
    options = {} if lun_id is None else {"lun-id": lun_id}
    arguments = {"path": f"/vol/vol1/{lun}", "initiator-group": igroup, **options}
    errno = errno_of(filer, "lun-map", arguments)
    return errno or filer.luns["svm1", f"/vol/vol1/{lun}"].maps[igroup]


def test_ids_are_the_smallest_free_ones(filer: Filer) -> None:
    assert lun_map(filer, "a") == 0
    assert lun_map(filer, "b", lun_id=2) == 2
    assert lun_map(filer, "c") == 1
    assert lun_map(filer, "d") == 3
    ask(filer, "lun-unmap", {"path": "/vol/vol1/a", "initiator-group": "g"})
    assert lun_map(filer, "a") == 0


def test_mapping_is_refused_with_ontaps_errnos(filer: Filer) -> None:
    assert lun_map(filer, "a", lun_id=7) == 7
    assert lun_map(filer, "a") == 9023
    assert lun_map(filer, "b", lun_id=7) == 9024
    assert lun_map(filer, "b", lun_id=4096) == 13115
    assert lun_map(filer, "b", "nobody") == 9003
    assert lun_map(filer, "z") == 9017
    assert errno_of(filer, "lun-unmap", {"path": "/vol/vol1/b", "initiator-group": "g"}) == 9016
    assert errno_of(filer, "lun-unmap", {"path": "/vol/vol1/b", "initiator-group": "nobody"}) == 9003
    assert errno_of(filer, "lun-unmap", {"path": "/vol/vol1/z", "initiator-group": "g"}) == 9017


def test_rules_hold_across_igroups_with_a_common_initiator(filer: Filer) -> None:
    group(filer, "same", IQN)
    group(filer, "other", OTHER)
    assert lun_map(filer, "a", lun_id=5) == 5
    assert lun_map(filer, "a", "same") == 9009
    assert lun_map(filer, "b", "same", lun_id=5) == 9024
    assert lun_map(filer, "a", "other", lun_id=5) == 5
    assert lun_map(filer, "b", lun_id=0) == 0
    assert lun_map(filer, "c", "same") == 1


def test_joining_an_igroup_cannot_break_the_rules(filer: Filer) -> None:
    group(filer, "same_lun", OTHER)
    group(filer, "same_id", OTHER)
    assert (lun_map(filer, "a", lun_id=5), lun_map(filer, "b", lun_id=6)) == (5, 6)
    assert lun_map(filer, "a", "same_lun", lun_id=8) == 8
    assert lun_map(filer, "c", "same_id", lun_id=6) == 6
    for name in ("same_lun", "same_id"):
        assert errno_of(filer, "igroup-add", {"initiator-group-name": name, "initiator": IQN}) == 9009
    ask(filer, "lun-unmap", {"path": "/vol/vol1/c", "initiator-group": "same_id"})
    assert errno_of(filer, "igroup-add", {"initiator-group-name": "same_id", "initiator": IQN}) == 0


def test_igroups_are_refused_with_ontaps_errnos(filer: Filer) -> None:
    named = {"initiator-group-name": "g"}
    nobody = {"initiator-group-name": "nobody", "initiator": IQN}
    assert errno_of(filer, "igroup-create", {**named, "initiator-group-type": "iscsi"}) == 9004
    assert errno_of(filer, "igroup-create", {"initiator-group-name": "h", "initiator-group-type": "nvme"}) == 13115
    assert (
        errno_of(filer, "igroup-create", {"initiator-group-name": "a b", "initiator-group-type": "iscsi"}) == 13115
    )
    assert errno_of(filer, "igroup-add", {**named, "initiator": IQN}) == 9008
    assert errno_of(filer, "igroup-add", {**named, "initiator": "nonsense"}) == 13001
    assert errno_of(filer, "igroup-add", nobody) == 9003
    assert errno_of(filer, "igroup-remove", nobody) == 9003
    assert errno_of(filer, "igroup-remove", {**named, "initiator": OTHER}) == 9007
    assert errno_of(filer, "igroup-destroy", {"initiator-group-name": "nobody"}) == 9003
    lun_map(filer, "a")
    assert errno_of(filer, "igroup-remove", {**named, "initiator": IQN}) == 9029
    assert errno_of(filer, "igroup-destroy", named) == 9029
    assert errno_of(filer, "igroup-remove", {**named, "initiator": IQN, "force": "True"}) == 0
    assert errno_of(filer, "igroup-destroy", {**named, "force": "true"}) == 0
    assert filer.luns["svm1", "/vol/vol1/a"].maps == {}


def test_fibre_channel_names_have_one_spelling(filer: Filer) -> None:
    group(filer, "f", "2100000E1E0A0B0C", kind="fcp")
    assert filer.igroups["svm1", "f"].initiators == ("21:00:00:0e:1e:0a:0b:0c",)
    again = {"initiator-group-name": "f", "initiator": "21:00:00:0E:1E:0A:0B:0C"}
    assert errno_of(filer, "igroup-add", again) == 9008
    assert errno_of(filer, "igroup-add", {**again, "initiator": IQN}) == 13001
    assert errno_of(filer, "igroup-add", {**again, "initiator-group-name": "g"}) == 13001


def test_igroups_are_listed_with_their_initiators(filer: Filer) -> None:
    group(filer, "empty")
    listed = ask(filer, "igroup-get-iter")
    assert texts(listed, "initiator-group-name") == ["empty", "g"]
    assert len(list(listed.iter("initiators"))) == 1
    ask(filer, "igroup-add", {"initiator-group-name": "g", "initiator": OTHER})

    def having(initiator: str) -> list[str]:
        query = {"initiator-group-info": {"initiators": {"initiator-info": {"initiator-name": initiator}}}}
        return texts(ask(filer, "igroup-get-iter", {"query": query}), "initiator-group-name")

    assert having(IQN) == having(OTHER) == having("*debian*") == ["g"]
    assert having(f"!{IQN}") == ["empty"]
    assert having("iqn.1993-08.org.debian:01:none") == []


def test_maps_are_listed_every_way(filer: Filer) -> None:
    group(filer, "other", OTHER)
    path = {"path": "/vol/vol1/a"}
    assert len(ask(filer, "lun-map-list-info", path).find("initiator-groups")) == 0  # type: ignore[arg-type]
    lun_map(filer, "a", lun_id=3)
    lun_map(filer, "a", "other", lun_id=4)
    lun_map(filer, "b", lun_id=1)
    listed = ask(filer, "lun-map-list-info", path)
    assert (texts(listed, "initiator-group-name"), texts(listed, "lun-id")) == (["g", "other"], ["3", "4"])
    assert errno_of(filer, "lun-map-list-info", {"path": "/vol/vol1/z"}) == 9017

    def found(**query: str) -> list[str]:
        asked = {"query": {"lun-map-info": {name.replace("_", "-"): value for name, value in query.items()}}}
        return texts(ask(filer, "lun-map-get-iter", asked), "lun-id")

    assert found() == ["3", "4", "1"]
    assert found(path="/vol/vol1/a") == ["3", "4"]
    assert found(path="/vol/*") == ["3", "4", "1"]
    assert found(initiator_group="g") == ["3", "1"]
    assert found(initiator_group="g", path="/vol/vol1/b") == ["1"]
    assert found(lun_id="2..3") == ["3"]
    assert found(path="/vol/vol1/z") == found(initiator_group="nobody") == []
    seen = ask(filer, "lun-initiator-list-map-info", {"initiator": IQN})
    assert (texts(seen, "path"), texts(seen, "lun-id")) == (["/vol/vol1/a", "/vol/vol1/b"], ["3", "1"])
    by_id = {"initiator-group-name": "g", "lun-id": 1}
    assert texts(ask(filer, "igroup-lookup-lun", by_id), "path") == ["/vol/vol1/b"]
    assert errno_of(filer, "igroup-lookup-lun", {**by_id, "lun-id": 9}) == 9016
