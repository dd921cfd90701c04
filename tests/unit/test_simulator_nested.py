"""Nested igroups: what they have of each other, and what they may not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.unit import zapi
from tests.unit.rest import Fields, ask, code, make, records

IGROUPS, MAPS, LUNS = "/protocols/san/igroups", "/protocols/san/lun-maps", "/storage/luns"
IQN = "iqn.1993-08.org.debian:01:{}".format
NESTED = "fields=name,supports_igroups,initiators,igroups,parent_igroups"


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[Filer]:
    """A filer of release 9.14.1 with two hosts, each in a group of its own, and a group of both."""
    filer = Filer(tmp_path, seed="nested", ontapi=240)
    for name in "ab":
        group(filer, name, initiators=[{"name": IQN(name)}])
    group(filer, "both", igroups=[{"name": "a"}, {"name": "b"}])
    yield filer
    filer.close()


def group(filer: Filer, name: str, **more: object) -> Fields:
    """A new igroup."""
    return make(filer, IGROUPS, body(name, **more))


def body(name: str, **more: object) -> Fields:
    """What makes an igroup."""
    return {"svm.name": "svm1", "name": name, "os_type": "linux", "protocol": "iscsi", **more}


def place(filer: Filer, name: str) -> str:
    """The path of an igroup."""
    return f"{IGROUPS}/{filer.igroups['svm1', name].uuid}"


def initiators(filer: Filer, name: str) -> list[str]:
    """Those of an igroup, as both APIs show them."""
    shown = [each["name"] for each in ask(filer, "GET", place(filer, name)).get("initiators", [])]
    query = {"initiator-group-info": {"initiator-group-name": name}}
    assert zapi.texts(zapi.ask(filer, "igroup-get-iter", {"query": query}), "initiator-name") == shown
    return shown


def mapped(filer: Filer, lun: str, igroup: str) -> str | None:
    """The code of a map that is refused."""
    path = f"/vol/vol1/{lun}"
    if ("svm1", path) not in filer.luns:
        ask(filer, "POST", LUNS, {"svm.name": "svm1", "name": path, "os_type": "linux", "space.size": 1 << 20})
    return code(filer, "POST", MAPS, {"svm.name": "svm1", "lun.name": path, "igroup.name": igroup})


def test_what_is_shown(filer: Filer) -> None:
    both = ask(filer, "GET", place(filer, "both"), query=NESTED)
    assert [each["name"] for each in both["igroups"]] == ["a", "b"]
    assert [(each["name"], each["igroup"]["name"]) for each in both["initiators"]] == [
        (IQN("a"), "a"),
        (IQN("b"), "b"),
    ]
    assert (both["supports_igroups"], "parent_igroups" in both) == (True, False)
    child = ask(filer, "GET", place(filer, "a"), query=NESTED)
    assert [each["name"] for each in child["parent_igroups"]] == ["both"]
    assert (child["supports_igroups"], "igroups" in child, child["initiators"][0].get("igroup")) == (
        False,
        False,
        None,
    )
    assert "igroups" not in ask(filer, "GET", place(filer, "both")), "it costs time, so a client has to ask for it"
    found = records(filer, IGROUPS, initiators_name=IQN("a"))
    assert sorted(each["name"] for each in found) == ["a", "both"]


def test_members_come_and_go_with_their_group(filer: Filer) -> None:
    group(filer, "all", igroups=[{"uuid": filer.igroups["svm1", "both"].uuid}])
    ask(filer, "POST", f"{place(filer, 'a')}/initiators", {"name": IQN("c")})
    assert initiators(filer, "all") == initiators(filer, "both") == [IQN("a"), IQN("c"), IQN("b")]
    zapi.ask(filer, "igroup-remove", {"initiator-group-name": "a", "initiator": IQN("a")})
    assert initiators(filer, "all") == [IQN("c"), IQN("b")]
    ask(filer, "DELETE", f"{place(filer, 'both')}/igroups/{filer.igroups['svm1', 'b'].uuid}")
    assert initiators(filer, "all") == initiators(filer, "both") == [IQN("c")]
    ask(filer, "POST", f"{place(filer, 'both')}/igroups", {"records": [{"name": "b"}]})
    ask(filer, "DELETE", place(filer, "a"))
    assert initiators(filer, "all") == [IQN("b")]
    nested = records(filer, f"{place(filer, 'both')}/igroups")
    assert [each["name"] for each in nested] == ["b"]


def test_initiators_belong_to_the_group_that_has_them_itself(filer: Filer) -> None:
    below = f"{place(filer, 'both')}/initiators"
    assert records(filer, below) == []
    assert code(filer, "GET", f"{below}/{IQN('a')}") == "4"
    assert code(filer, "DELETE", f"{below}/{IQN('a')}") == "5374041"
    assert code(filer, "DELETE", f"{below}/{IQN('x')}") == "5374034"
    assert code(filer, "POST", below, {"name": IQN("x")}) == "5374040"
    for api in ("igroup-add", "igroup-remove"):
        assert zapi.errno_of(filer, api, {"initiator-group-name": "both", "initiator": IQN("a")}) == 13001
    assert code(filer, "POST", f"{place(filer, 'a')}/initiators", {"name": IQN("b")}) == "5374742"


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"igroups": [{"name": "none"}]}, "5374878"),
        ({"igroups": [{"name": "c"}], "initiators": [{"name": IQN("x")}]}, "5374040"),
        ({"igroups": [{"name": "a"}]}, "5374737"),
        ({"igroups": [{"name": "c"}, {"name": "c"}]}, "5374736"),
        ({"igroups": [{"name": "c"}], "os_type": "windows"}, "5374739"),
        ({"igroups": [{"name": "c"}], "protocol": "mixed"}, "5374740"),
        ({"igroups": [{"name": "both"}, {"name": "twin"}]}, "5374742"),
        ({"igroups": [{}]}, "5374878"),
    ],
)
def test_what_cannot_be_nested_at_creation(filer: Filer, more: Fields, refusal: str) -> None:
    group(filer, "c", initiators=[{"name": IQN("c")}])
    group(filer, "twin", initiators=[{"name": IQN("a")}])
    before = dict(filer.igroups)
    assert code(filer, "POST", IGROUPS, {**body("new"), **more}) == refusal
    assert filer.igroups == before


def test_what_cannot_be_nested_later(filer: Filer) -> None:
    for parent, child, refusal in (
        ("both", "both", "5374745"),
        ("both", "a", "5374736"),
        ("a", "both", "5374040"),
        ("both", "none", "5374878"),
    ):
        assert code(filer, "POST", f"{place(filer, parent)}/igroups", {"name": child}) == refusal, (parent, child)
    group(filer, "level2", igroups=[{"name": "both"}])
    assert code(filer, "POST", IGROUPS, body("level1", igroups=[{"name": "level2"}])) == "5374735"
    group(filer, "other", initiators=[{"name": IQN("o")}])
    absent = f"{place(filer, 'both')}/igroups/{filer.igroups['svm1', 'other'].uuid}"
    assert (code(filer, "GET", absent), code(filer, "DELETE", absent)) == ("4", "5374738")


def test_a_map_is_of_all_that_are_nested(filer: Filer) -> None:
    group(filer, "all", igroups=[{"name": "both"}])
    assert mapped(filer, "x", "all") is None
    assert mapped(filer, "x", "a") == "1254193", "it has the LUN already"
    assert mapped(filer, "y", "a") is None
    assert filer.luns["svm1", "/vol/vol1/y"].maps == {"a": 1}, "0 is taken in the group above"
    child = f"{place(filer, 'both')}/igroups/{filer.igroups['svm1', 'b'].uuid}"
    assert code(filer, "DELETE", f"{place(filer, 'b')}/initiators/{IQN('b')}") == "1254213"
    assert code(filer, "DELETE", place(filer, "b")) == "1254213"
    assert code(filer, "DELETE", child) == "5374743"
    assert (
        code(filer, "DELETE", f"{place(filer, 'all')}/igroups/{filer.igroups['svm1', 'both'].uuid}") == "1254213"
    )
    ask(filer, "DELETE", child, query="allow_delete_while_mapped=true")
    assert initiators(filer, "all") == [IQN("a")]


def test_who_joins_gets_nothing_twice(filer: Filer) -> None:
    group(filer, "c", initiators=[{"name": IQN("c")}])
    assert mapped(filer, "x", "both") is mapped(filer, "x", "c") is None
    assert code(filer, "POST", f"{place(filer, 'both')}/igroups", {"name": "c"}) == "1254193"
    assert code(filer, "POST", f"{place(filer, 'a')}/initiators", {"name": IQN("c")}) == "1254193"
    add = {"initiator-group-name": "a", "initiator": IQN("c")}
    assert zapi.errno_of(filer, "igroup-add", add) == 9009
    group(filer, "d", initiators=[{"name": IQN("d")}])
    assert mapped(filer, "y", "d") is None
    assert code(filer, "POST", f"{place(filer, 'both')}/igroups", {"name": "d"}) == "1254324"


def test_earlier_releases_have_none(tmp_path: Path) -> None:
    filer = Filer(tmp_path, ontapi=180)
    one = group(filer, "a")
    assert "supports_igroups" not in one
    assert code(filer, "POST", IGROUPS, body("b", igroups=[{"name": "a"}])) == "262179"
    assert code(filer, "GET", f"{IGROUPS}/{one['uuid']}/igroups") == "3"
    assert code(filer, "GET", IGROUPS, query="fields=igroups") == "262197"
    filer.close()
