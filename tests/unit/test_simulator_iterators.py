"""The simulated filer's listings: queries, pages, desired attributes."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.provision import add_volume, add_vserver
from tests.unit.zapi import Arguments, Refused, ask, errno_of, texts

NAMES = ["a", "b", "c.1", "d", "e"]


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with five LUNs of 10 to 50 MiB on svm1, and one of 10 MiB on svm2."""
    filer = Filer(tmp_path, seed="test", strict=True)
    add_volume(filer.state, "svm2", "vol2")
    for number, name in enumerate(NAMES, 1):
        size = 10 * number << 20
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/{name}", "size": size, "comment": f"is {name}"})
    ask(filer, "lun-create-by-size", {"path": "/vol/vol2/a", "size": 10 << 20}, vserver="svm2")
    return filer


def found(filer: Filer, query: Arguments, vserver: str | None = "svm1") -> list[str]:
    """The last components of the paths of the LUNs that match."""
    listed = ask(filer, "lun-get-iter", {"query": {"lun-info": query}}, vserver=vserver)
    return [path.rsplit("/", 1)[1] for path in texts(listed, "path")]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, NAMES),
        ({"path": ""}, NAMES),
        ({"path": "/vol/vol1/c.1"}, ["c.1"]),
        ({"path": "/vol/*/[ab]"}, []),
        ({"path": "/vol/*/a"}, ["a"]),
        ({"path": "/vol/vol1/a|/vol/vol1/d"}, ["a", "d"]),
        ({"path": "!/vol/vol1/a"}, NAMES[1:]),
        ({"path": "*c?1"}, []),
        ({"size": 10 << 20}, ["a"]),
        ({"size": "010485760"}, ["a"]),
        ({"size": f"{20 << 20}..{40 << 20}"}, ["b", "c.1", "d"]),
        ({"size": f"{40 << 20}.."}, ["d", "e"]),
        ({"size": f"..{10 << 20}"}, ["a"]),
        ({"size": "rubbish"}, []),
        ({"online": "TRUE", "path": "*e"}, ["e"]),
        ({"online": "false"}, []),
        ({"comment": "is *", "volume": "vol1", "size": "!10485760"}, NAMES[1:]),
        ({"comment": "IS a"}, []),
        ({"volume": "vol2"}, []),
        ({"path": "/vol/vol9/a"}, []),
    ],
)
def test_queries(filer: Filer, query: Arguments, names: list[str]) -> None:
    assert found(filer, query) == names


def test_the_cluster_sees_every_vserver(filer: Filer) -> None:
    assert found(filer, {}, vserver=None) == [*NAMES, "a"]
    assert found(filer, {"vserver": "svm2"}, vserver=None) == ["a"]
    assert found(filer, {"path": "/vol/vol2/a"}, vserver=None) == ["a"]
    assert found(filer, {"path": "/vol/vol2/a"}) == []


def test_no_match_is_no_list(filer: Filer) -> None:
    results = ask(filer, "lun-get-iter", {"query": {"lun-info": {"path": "/vol/vol1/z"}}})
    assert [(child.tag, child.text) for child in results] == [("num-records", "0")]


def test_a_field_or_element_that_does_not_exist_is_refused(filer: Filer) -> None:
    assert errno_of(filer, "lun-get-iter", {"query": {"lun-info": {"colour": "red"}}}) == 13001
    assert errno_of(filer, "lun-get-iter", {"query": {"volume-attributes": {}}}) == 13001
    assert errno_of(filer, "lun-get-iter", {"query": {"lun-info": {"path": {"a": "b"}}}}) == 13001
    assert errno_of(filer, "lun-get-iter", {"desired-attributes": {"lun-info": {"colour": ""}}}) == 13001


def test_pages_go_on_where_the_last_one_ended(filer: Filer) -> None:
    page = ask(filer, "lun-get-iter", {"max-records": 2})
    assert texts(page, "next-tag") == [
        "<lun-get-iter-key-td><key-0>svm1</key-0><key-1>/vol/vol1/b</key-1><key-2>vol1</key-2>"
        "<key-3></key-3><key-4>b</key-4></lun-get-iter-key-td>"
    ]
    seen = texts(page, "path")
    # What is new before the mark is not seen, what is gone is not missed.
    ask(filer, "lun-destroy", {"path": "/vol/vol1/b"})
    ask(filer, "lun-create-by-size", {"path": "/vol/vol1/a0", "size": 10 << 20})
    while page.find("next-tag") is not None:
        tag = "\n " + texts(page, "next-tag")[0] + "\n"
        page = ask(filer, "lun-get-iter", {"max-records": 2, "tag": tag})
        seen += texts(page, "path")
    assert seen == [f"/vol/vol1/{name}" for name in NAMES]


def test_twenty_records_make_a_page_and_a_full_last_page_has_no_tag(filer: Filer) -> None:
    for number in range(15):
        ask(filer, "lun-create-by-size", {"path": f"/vol/vol1/x{number}", "size": 10 << 20})
    page = ask(filer, "lun-get-iter")
    assert (texts(page, "num-records"), page.find("next-tag")) == (["20"], None)
    ask(filer, "lun-create-by-size", {"path": "/vol/vol1/y", "size": 10 << 20})
    assert ask(filer, "lun-get-iter").find("next-tag") is not None


@pytest.mark.parametrize("tag", ["x", "<a/>", escape("<lun-get-iter-key-td/>"), "<volume-get-iter-key-td/>"])
def test_a_tag_of_other_making_is_refused(filer: Filer, tag: str) -> None:
    assert errno_of(filer, "lun-get-iter", {"tag": tag}) == 13115


def test_max_records_is_a_positive_number(filer: Filer) -> None:
    for bad in ("0", "-1", "many"):
        with pytest.raises(Refused, match="13115"):
            ask(filer, "lun-get-iter", {"max-records": bad})


def test_desired_attributes_come_with_the_key(filer: Filer) -> None:
    listed = ask(
        filer, "lun-get-iter", {"max-records": 1, "desired-attributes": {"lun-info": {"size": 0, "uuid": ""}}}
    )
    (lun,) = listed.iter("lun-info")
    assert [field.tag for field in lun] == ["path", "qtree", "size", "uuid", "volume", "vserver"]


def test_a_desired_container_comes_whole(filer: Filer) -> None:
    desired = {"volume-attributes": {"volume-space-attributes": "", "volume-id-attributes": {"uuid": ""}}}
    query = {"volume-attributes": {"volume-id-attributes": {"name": "vol1"}}}
    listed = ask(filer, "volume-get-iter", {"desired-attributes": desired, "query": query})
    (volume,) = listed.iter("volume-attributes")
    assert [group.tag for group in volume] == ["volume-id-attributes", "volume-space-attributes"]
    assert [field.tag for field in volume[0]] == ["name", "owning-vserver-name", "uuid"]
    assert "size-available" in [field.tag for field in volume[1]]


def test_siblings_in_a_query_are_alternatives(filer: Filer) -> None:
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
    ask(filer, "igroup-add", {"initiator-group-name": "g", "initiator": "iqn.1993-08.org.debian:01:b"})
    one = b"<initiator-info><initiator-name>iqn.1993-08.org.debian:01:%s</initiator-name></initiator-info>"
    request = (
        b"<netapp xmlns='http://www.netapp.com/filer/admin' version='1.15' vfiler='svm1'>"
        b"<igroup-get-iter><query><initiator-group-info><initiators>"
        + one % b"a"
        + one % b"b"
        + b"</initiators></initiator-group-info>"
        b"</query></igroup-get-iter></netapp>"
    )
    assert b"<num-records>1</num-records>" in filer(request)


def test_a_lun_is_looked_up_by_its_path(filer: Filer, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsearchable(dict):  # type: ignore[type-arg]
        def __iter__(self) -> object:  # type: ignore[override]
            raise AssertionError("searched")

        values = items = keys = __iter__  # type: ignore[assignment]

    monkeypatch.setattr(filer.state, "luns", Unsearchable(filer.state.luns))
    assert found(filer, {"path": "/vol/vol1/d"}) == ["d"]
    with pytest.raises(AssertionError, match="searched"):
        found(filer, {"path": "/vol/vol1/d*"})


def test_services_and_interfaces_belong_to_their_vserver(filer: Filer) -> None:
    add_vserver(filer.state, "svm3")
    names = set()
    for vserver in ("svm1", "svm2", "svm3"):
        name = texts(ask(filer, "iscsi-node-get-name", vserver=vserver), "node-name")
        assert texts(ask(filer, "iscsi-service-get-iter", vserver=vserver), "node-name") == name
        names.add(name[0])
        for api in ("iscsi-interface-get-iter", "fcp-interface-get-iter"):
            assert texts(ask(filer, api, vserver=vserver), "vserver") == [vserver] * 2
        assert texts(ask(filer, "net-interface-get-iter", vserver=vserver), "vserver") == [vserver] * 4
        portals = texts(ask(filer, "iscsi-interface-get-iter", vserver=vserver), "ip-address")
        assert texts(ask(filer, "net-interface-get-iter", vserver=vserver), "address") == portals
        ports = texts(ask(filer, "fcp-port-name-get-iter", vserver=vserver), "port-name")
        assert texts(ask(filer, "fcp-interface-get-iter", vserver=vserver), "port-name") == ports
    assert len(names) == 3


def test_unknown_fields_are_passed_over_unless_the_filer_is_strict(tmp_path: Path) -> None:
    """Ansible's na_ontap_volume asks for a field "vserver" of volume-id-attributes, which does not exist."""
    filer = Filer(tmp_path, seed="lenient")
    query = {"volume-attributes": {"volume-id-attributes": {"name": "vol1", "vserver": "svm1"}}}
    desired = {"volume-attributes": {"volume-id-attributes": {"name": "", "colour": ""}}}
    listed = ask(filer, "volume-get-iter", {"query": query, "desired-attributes": desired})
    assert (texts(listed, "name"), texts(listed, "size")) == (["vol1"], [])


@pytest.mark.parametrize(
    ("size", "names"),
    [
        (f">{40 << 20}", ["e"]),
        (f">={40 << 20}", ["d", "e"]),
        (f"<{20 << 20}", ["a"]),
        (f"<={20 << 20}", ["a", "b"]),
        (f"{10 << 20}|>{40 << 20}", ["a", "e"]),
    ],
)
def test_numbers_have_bounds(filer: Filer, size: str, names: list[str]) -> None:
    assert found(filer, {"size": size}) == names
