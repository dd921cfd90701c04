"""REST's query strings: conditions, fields, order, pages; and what is refused of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest

from tests.simulator.filer import Filer, Serving
from tests.simulator.rest.service import Trouble
from tests.simulator.rest.wire import PLAIN
from tests.unit.rest import Fields, ask, code, make, records, respond

MIB = 1 << 20
LUNS = "/storage/luns"


def new(name: str, megabytes: int, **more: Any) -> Fields:
    """The body for a LUN in vol1."""
    return {
        "svm.name": "svm1",
        "name": f"/vol/vol1/{name}",
        "os_type": "linux",
        "space.size": megabytes * MIB,
        **more,
    }


@pytest.fixture(scope="module")
def filer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filer]:
    """Four LUNs, of which one has a comment, another an igroup with two initiators."""
    filer = Filer(tmp_path_factory.mktemp("filer"), seed="queries")
    for name, size in (("a", 10), ("b", 20), ("c.0..1", 30), ("d", 40)):
        make(filer, LUNS, new(name, size, **({"comment": "x|y"} if name == "a" else {})))
    initiators = [{"name": "iqn.2001-01.org.example:1"}, {"name": "iqn.2001-01.org.example:2"}]
    group = {"svm.name": "svm1", "name": "g", "os_type": "linux", "protocol": "iscsi"}
    make(filer, "/protocols/san/igroups", {**group, "initiators": initiators})
    make(filer, "/protocols/san/igroups", {**group, "name": "h", "initiators": initiators[:1]})
    yield filer
    filer.close()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=/vol/vol1/a", "a"),
        ("name=%2Fvol%2Fvol1%2Fa", "a"),
        ("name=/vol/vol1/a|/vol/vol1/b", "ab"),
        ("name=/vol/*/b", "b"),
        ("name=*", "abcd"),
        ("name=!/vol/vol1/a", "bcd"),
        ("name=!*/a", "bcd"),
        ("name=/vol/vol1/c.0..1", "cd"),  # two dots make a range of names
        ('name="/vol/vol1/c.0..1"', "c"),
        ('name="/vol/*/a"', ""),
        ("name=</vol/vol1/b", "a"),
        ("name=/vol/vol1/b../vol/vol1/c.9", "bc"),
        ("space.size=20971520", "b"),
        ("space.size=20MB", "b"),
        ("space.size=20M|30M", "bc"),
        ("space.size=>20M", "cd"),
        ("space.size=>=20M", "bcd"),
        ("space.size=<20M", "a"),
        ("space.size=<=20M", "ab"),
        ("space.size=20M..30M", "bc"),
        ("space.size=..20M", "ab"),
        ("space.size=!20M", "acd"),
        ("comment=null", "bcd"),
        ("comment=!null", "a"),
        ("comment=!other", "a"),  # a record without the field matches nothing
        ('comment="x|y"', "a"),
        ("comment=x|y", ""),
        ("enabled=TRUE", "abcd"),
        ("enabled=!true", ""),
        ("svm=svm1&name=*/a", "a"),  # Cinder's short name
        ("svm.name=other", ""),
        ("location.logical_unit=b", "b"),
        ("location.volume.name=vol1&location.logical_unit=b|d", "bd"),
        ("status.mapped=false&space.size=>30M", "d"),
    ],
)
def test_conditions(filer: Filer, query: str, found: str) -> None:
    page = ask(filer, "GET", LUNS, query=query + "&order_by=name")
    assert "".join(each["name"].rpartition("/")[2][0] for each in page["records"]) == found
    assert page["num_records"] == len(found)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("iqn.2001-01.org.example:1", ["g", "h"]),
        ("iqn.2001-01.org.example:2", ["g"]),
        ("iqn.2001-01.org.example:1,iqn.2001-01.org.example:2", ["g"]),
        ("iqn.2001-01.org.example:2|iqn.2001-01.org.example:1", ["g", "h"]),
    ],
)
def test_lists_match_by_any_of_their_values_and_by_all_of_several(
    filer: Filer, value: str, found: list[str]
) -> None:
    groups = records(filer, "/protocols/san/igroups", initiators_name=value)
    assert sorted(group["name"] for group in groups) == found


def test_fields_are_those_asked_for_and_those_queried(filer: Filer) -> None:
    def shown(**query: str) -> set[str]:
        (only,) = ask(filer, "GET", LUNS, query={"name": "/vol/vol1/a", **query}, accept=PLAIN)["records"]
        return set(only)

    assert shown() == {"uuid", "name"}
    assert shown(enabled="true") == {"uuid", "name", "enabled"}
    assert shown(fields="comment") == {"uuid", "name", "comment"}
    assert shown(fields="space.size,status") == {"uuid", "name", "space", "status"}
    assert "auto_delete" not in shown(fields="*")
    assert "auto_delete" in shown(fields="**")
    assert "auto_delete" in shown(fields="*,auto_delete")
    assert shown(fields="colour,comment", ignore_unknown_fields="true") == {"uuid", "name", "comment"}


def test_part_of_a_container(filer: Filer) -> None:
    (found,) = records(filer, LUNS, name="/vol/vol1/a", fields="space.size,location.volume.name")
    assert (found["space"], found["location"]) == ({"size": 10 * MIB}, {"volume": {"name": "vol1"}})


def test_links_come_only_with_hal(filer: Filer) -> None:
    query = {"name": "/vol/vol1/a", "fields": "svm"}
    with_links = ask(filer, "GET", LUNS, query=query)
    uuid, svm = with_links["records"][0]["uuid"], with_links["records"][0]["svm"]
    assert with_links["records"][0]["_links"]["self"]["href"] == f"/api{LUNS}/{uuid}"
    assert svm["_links"]["self"]["href"] == f"/api/svm/svms/{svm['uuid']}"
    assert with_links["_links"]["self"]["href"].startswith(f"/api{LUNS}?name=")
    without = ask(filer, "GET", LUNS, query=query, accept=PLAIN)
    assert "_links" not in without and "_links" not in without["records"][0]


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("colour=red", "262179"),
        ("name=a&name=b", "262188"),
        ("fields=colour", "262197"),
        ("fields=space.colour", "262197"),
        ("space.size=big", "262197"),
        ("enabled=maybe", "262197"),
        ("max_records=0", "262197"),
        ("max_records=10001", "262197"),
        ("max_records=ten", "262197"),
        ("return_timeout=121", "262197"),
        ("return_records=perhaps", "262197"),
        ("order_by=colour", "262197"),
        ("order_by=name sideways", "262197"),
        ("copy=x", "262179"),
        ("allow_delete_while_mapped=true", "262179"),
        ("serial_number_hex=00", "262179"),
    ],
)
def test_what_is_wrong_in_a_query_is_refused(filer: Filer, query: str, refusal: str) -> None:
    answer = respond(filer, "GET", LUNS, query=query)
    assert (answer.status, answer.code) == (400, refusal)


def test_one_record_has_no_conditions(filer: Filer) -> None:
    uuid = records(filer, LUNS, name="/vol/vol1/a")[0]["uuid"]
    assert code(filer, "GET", f"{LUNS}/{uuid}", query="name=*") == "262179"
    assert ask(filer, "GET", f"/{LUNS}//{uuid}/", query="fields=name")["name"] == "/vol/vol1/a"
    assert code(filer, "GET", f"{LUNS}/{uuid}x") == "5374875"


def test_return_records_false_only_counts(filer: Filer) -> None:
    for query in ("return_records=false", "return_records=false?max_records=10000"):
        content = ask(filer, "GET", LUNS, query=query)
        assert ("records" in content, content["num_records"]) == (False, 4)


def walk(filer: Filer, query: str) -> list[list[str]]:
    """The names of LUNs page by page, as a client follows the links."""
    pages: list[list[str]] = []
    path: str | None = f"/api{LUNS}?{query}"
    while path:
        assert len(pages) < 20, "there is no end"
        way, _, rest = path.removeprefix("/api").partition("?")
        content = ask(filer, "GET", way, query=rest, accept=PLAIN)
        pages.append([each["name"].rpartition("/")[2][0] for each in content["records"]])
        path = content.get("_links", {}).get("next", {}).get("href")
    return pages


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("order_by=name", ["abcd"]),
        ("order_by=name&max_records=4", ["abcd"]),
        ("order_by=name&max_records=3", ["abc", "d"]),
        ("order_by=name&max_records=1", ["a", "b", "c", "d"]),
        ("order_by=name desc&max_records=3", ["dcb", "a"]),
        ("order_by=space.size desc&max_records=2", ["dc", "ba"]),
        ("order_by=comment,name&max_records=2", ["ab", "cd"]),
        ("order_by=comment desc,name desc&max_records=2", ["dc", "ba"]),
        ("order_by=name&max_records=2&space.size=>10M", ["bc", "d"]),
    ],
)
def test_pages(filer: Filer, query: str, pages: list[str]) -> None:
    assert walk(filer, quote(query, safe="=&,>.")) == [list(page) for page in pages]


def test_pages_in_the_order_of_keys_hold_each_record_once(filer: Filer) -> None:
    pages = walk(filer, "max_records=1")
    assert sorted(name for page in pages for name in page) == ["a", "b", "c", "d"]


def test_a_filer_gives_short_pages_and_an_empty_one(tmp_path: Path) -> None:
    filer = Filer(tmp_path, serving=Serving(records=2))
    for name in "abc":
        make(filer, LUNS, new(name, 10))
    assert walk(filer, "order_by=name&max_records=100") == [["a", "b"], ["c"]]
    empty = ask(filer, "GET", LUNS, query="fields=name", trouble=Trouble(first_page_is_empty=True))
    following = empty["_links"]["next"]["href"].partition("?")[2]
    assert (empty["records"], parse_qsl(following)) == ([], [("fields", "name")])
    filer.close()


def test_the_next_page_begins_behind_a_record_that_is_gone(tmp_path: Path) -> None:
    filer = Filer(tmp_path)
    made = {name: make(filer, LUNS, new(name, 10))["uuid"] for name in "abc"}
    first = ask(filer, "GET", LUNS, query="order_by=name&max_records=2")
    ask(filer, "DELETE", f"{LUNS}/{made['b']}")
    following = first["_links"]["next"]["href"].partition("?")[2]
    assert [each["uuid"] for each in ask(filer, "GET", LUNS, query=following)["records"]] == [made["c"]]
    filer.close()
