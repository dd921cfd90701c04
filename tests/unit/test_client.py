"""Queries against the simulated filer: pages, wildcards, and what the records hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count, repeat
from typing import Any, Callable

import pytest

from dataontap import client, config
from dataontap.client.array import FcPort, Igroup, LunMap, Pool
from dataontap.client.found import Found, VolumeProblem
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.luns import lun_at
from dataontap.deadline import Deadline
from dataontap.errors import ConfigError, OntapError, Refusal
from tests.simulator import provision
from tests.simulator.model import Session
from tests.unit.stage import Stage

MIB = 1024 * 1024
WWPN = "20:00:00:25:b5:00:0a:01"
FC_INTERFACE: dict[str, object] = {"vserver": "svm1", "interface-name": "svm1_fc_1"}
VERSION = "<major-version>1</major-version><minor-version>180</minor-version>"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no number of records and has 0"),
        ("<num-records>1</num-records>", "1 records and has 0"),
        ("<attributes-list><lun-info/></attributes-list><num-records>2</num-records>", "2 records and has 1"),
    ],
)
def test_an_answer_that_lost_its_content_is_not_an_empty_one(content: str, problem: str) -> None:
    """A verb that took it for "there is no such LUN" would forget one that is there."""
    answer = f'<netapp version="1.180"><results status="passed">{content}</results></netapp>'
    hollow = CmodeClient(NaServer(lambda document: answer.encode()))
    with pytest.raises(OntapError, match=f"^the answer to lun-get-iter announces {problem}$"):
        hollow.get_lun_by_args(path="/vol/vol1/a")


def answering(*pages: str) -> CmodeClient:
    """A client of a filer that answers with these pages, one a call."""
    return answered(iter(pages))


def answered(pages: Iterator[str]) -> CmodeClient:
    """The same, for any number of pages."""

    def send(document: bytes) -> bytes:
        return f'<netapp version="1.180"><results status="passed">{next(pages)}</results></netapp>'.encode()

    return CmodeClient(NaServer(send))


def page(*records: str, tag: str = "", errors: Iterable[tuple[str, str]] = ()) -> str:
    """A page of an answer; ``errors`` are names of volumes, each with a reason."""
    rows = f"<attributes-list>{''.join(records)}</attributes-list>" if records else ""
    more = f"<next-tag>{tag}</next-tag>" if tag else ""
    failed = "".join(
        f"<volume-error><errno>13042</errno><name>{name}</name><reason>{reason}</reason></volume-error>"
        for name, reason in errors
    )
    broken = f"<volume-errors>{failed}</volume-errors>" if failed else ""
    return f"{rows}{more}<num-records>{len(records)}</num-records>{broken}"


def lun(path: str) -> str:
    """A LUN as the filer lists it."""
    fields = f"<path>{path}</path><size>4194304</size><serial-number>abcdefghijkl</serial-number>"
    return f"<lun-info>{fields}<creation-timestamp>1</creation-timestamp></lun-info>"


def lun_map(path: str, igroup: str) -> str:
    """A LUN's map as the filer lists it."""
    place = f"<path>{path}</path><initiator-group>{igroup}</initiator-group>"
    return f"<lun-map-info>{place}<lun-id>7</lun-id></lun-map-info>"


def igroup(name: str) -> str:
    """An initiator group as the filer lists it."""
    return f"<initiator-group-info><initiator-group-name>{name}</initiator-group-name></initiator-group-info>"


def pool(name: str) -> str:
    """A volume as the filer lists it."""
    identity = f"<volume-id-attributes><name>{name}</name></volume-id-attributes>"
    return f"<volume-attributes>{identity}</volume-attributes>"


OFFLINE = VolumeProblem("vol1", "is offline (errno 13042)")
NAMELESS = VolumeProblem("", "cannot be told (errno 13042)")


def test_an_answer_that_lacks_a_volume_says_so() -> None:
    """A verb that took it for "there is no such LUN" would let Ganeti forget one that is there."""
    errors = [("vol1", "is\n offline"), ("", "cannot be told")]
    found = answering(page(errors=errors)).get_lun_by_args(path="/vol/*/v")
    assert (list(found), found.problems) == ([], (OFFLINE, NAMELESS))
    assert [str(problem) for problem in found.problems] == [
        "volume vol1 could not be listed: is offline (errno 13042)",
        "a volume could not be listed: cannot be told (errno 13042)",
    ]


def test_the_errors_of_every_page_are_kept_each_once() -> None:
    errors = [("vol1", "is offline")]
    pages = [
        page(lun("/vol/vol2/v"), tag="a", errors=errors),
        page(tag="b"),
        page(lun("/vol/vol3/v"), errors=[*errors, ("vol4", "is offline")]),
    ]
    found = answering(*pages).get_lun_by_args(path="/vol/*/v")
    assert [lun.path for lun in found] == ["/vol/vol2/v", "/vol/vol3/v"]
    assert [problem.volume for problem in found.problems] == ["vol1", "vol4"]


@pytest.mark.parametrize(
    ("query", "concerned"),
    [
        ({}, "vol1 vol10 vol2 !odd"),
        ({"path": ""}, "vol1 vol10 vol2 !odd"),
        ({"path": "/vol/*/v"}, "vol1 vol10 vol2 !odd"),
        ({"path": "*v"}, "vol1 vol10 vol2 !odd"),
        ({"comment": "*dataontap:1:*"}, "vol1 vol10 vol2 !odd"),
        ({"path": "/vol/vol1/v"}, "vol1 !odd"),
        ({"path": "/vol/vol1/q/v"}, "vol1 !odd"),
        ({"path": "/vol/vol1/*"}, "vol1 !odd"),
        ({"path": "/vol/vol1*/v"}, "vol1 vol10 !odd"),
        ({"path": "/vol/vol1/a|/vol/vol2/b"}, "vol1 vol2 !odd"),
        ({"path": "/vol/vol3/v"}, "!odd"),
        ({"path": "/vol/VOL1/v"}, "!odd"),
    ],
)
def test_which_volumes_a_question_concerns(query: dict[str, str], concerned: str) -> None:
    """What is no volume's name may mean any."""
    errors = [(name, "is offline") for name in ("vol1", "vol10", "vol2", "!odd")]
    found = answering(page(errors=errors)).get_lun_by_args(**query)
    assert [problem.volume for problem in found.problems] == concerned.split()


# Every other list, asked so that it concerns vol1 only or every volume.
ONE_VOLUMES: dict[str, Callable[[CmodeClient], object]] = {
    "maps": lambda client: client.get_lun_map(lun_at("/vol/vol1/v")),
    "pools": lambda client: client.get_pools(["vol1", "vol3"]),
}
ALL_VOLUMES: dict[str, Callable[[CmodeClient], object]] = {
    "igroup's maps": lambda client: client.get_igroup_maps("ganeti"),
    "igroups": lambda client: client.get_igroups("ganeti"),
    "target": lambda client: client.get_iscsi_service_details(),
    "portals": lambda client: client.get_iscsi_target_details(),
    "FC service": lambda client: client.is_fcp_enabled(),
    "FC ports": lambda client: client.get_fc_target_ports(),
    "vservers": lambda client: client.get_admin_vservers(),
    "capabilities": lambda client: client.get_capabilities(),
}


@pytest.mark.parametrize("listing", [*ONE_VOLUMES, *ALL_VOLUMES])
def test_other_lists_have_to_be_complete(listing: str) -> None:
    ask = {**ONE_VOLUMES, **ALL_VOLUMES}[listing]
    with pytest.raises(OntapError, match=r"^volume vol1 could not be listed: is offline \(errno 13042\)$"):
        ask(answering(page(errors=[("vol1", "is offline")])))
    with pytest.raises(OntapError, match="^a volume could not be listed: .*; and 1 more$"):
        ask(answering(page(errors=[("", "cannot be told"), ("vol1", "is offline")])))
    other = answering(page(errors=[("vol2", "is offline")]))
    if listing in ONE_VOLUMES:
        assert not ask(other)
    else:
        with pytest.raises(OntapError, match="^volume vol2 could not"):
            ask(other)


def test_the_reason_of_a_filer_is_cut_to_what_fits_into_a_message() -> None:
    long = VolumeProblem("v" * 40, f"{'x' * 80} (errno 13042)")
    found = answering(page(errors=[(long.volume, "x" * 500)])).get_lun_by_args()
    assert found.problems == (long,)
    (odd,) = answering(page(errors=[("", "\x9b31m&#x85;")])).get_lun_by_args().problems
    assert str(odd) == "a volume could not be listed: ?31m (errno 13042)"


@pytest.mark.parametrize(
    ("ask", "record", "named"),
    [
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v"), lun("/vol/vol1/x"), "/vol/vol1/x"),
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v"), lun("/vol/vol1/V"), "/vol/vol1/V"),
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v"), lun("/vol/vol1/vv"), "/vol/vol1/vv"),
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v"), lun("/vol/vol1/q/v"), "/vol/vol1/q/v"),
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v.1"), lun("/vol/vol1/v-1"), "/vol/vol1/v-1"),
        (lambda client: client.get_lun_by_args(path="/vol/*/v"), lun("/vol/vol1/w"), "/vol/vol1/w"),
        (lambda client: client.get_lun_by_args(path="/vol/a/v|/vol/b/v"), lun("/vol/c/v"), "/vol/c/v"),
        (
            lambda client: client.get_lun_map(lun_at("/vol/vol1/v")),
            lun_map("/vol/vol1/x", "ganeti"),
            "/vol/vol1/x",
        ),
        (lambda client: client.get_igroup_maps("ganeti"), lun_map("/vol/vol1/x", "other"), "other"),
        (lambda client: client.get_igroups("ganeti"), igroup("other"), "other"),
        (lambda client: client.get_igroups("a|b"), igroup("Ab"), "Ab"),
        (lambda client: client.get_pools(["vol1", "vol2"]), pool("vol3"), "vol3"),
        (
            lambda client: client.get_admin_vservers(),
            "<vserver-info><vserver-name>svm1</vserver-name><vserver-type>data</vserver-type></vserver-info>",
            "data",
        ),
    ],
)
def test_a_row_that_was_not_asked_for(ask: Callable[[CmodeClient], Any], record: str, named: str) -> None:
    """A filer that ignores the query names another LUN, which would be mapped, or destroyed."""
    with pytest.raises(
        OntapError, match=f"^the filer answered [a-z-]+-iter with {named}, which was not asked for$"
    ):
        ask(answering(page(record)))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("<volume-id-attributes><name>vol1</name></volume-id-attributes>", Pool("vol1", "rw", is_clone=False)),
        (
            "<volume-id-attributes><name>vol1</name><type>dp</type></volume-id-attributes>"
            "<volume-state-attributes><state>restricted</state></volume-state-attributes>"
            "<volume-space-attributes><size-total>7</size-total><size-available>-1</size-available>"
            "</volume-space-attributes>"
            "<volume-autosize-attributes><is-enabled>true</is-enabled></volume-autosize-attributes>",
            Pool("vol1", "dp", is_clone=False, state="restricted", size=7, available=None, grows=True),
        ),
    ],
)
def test_a_volume_of_which_more_or_less_is_told(told: str, expected: Pool) -> None:
    """Of one that is offline a filer has no sizes to tell."""
    (found,) = answering(page(f"<volume-attributes>{told}</volume-attributes>")).get_pools(["vol1"])
    assert found == expected


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("/vol/vol1/v", "/vol/vol1/v"),
        ("/vol/*/v", "/vol/vol1/v"),
        ("/vol/*/v", "/vol/vol1/qtree/v"),
        ("/vol/vol1/*|/vol/vol2/v", "/vol/vol2/v"),
        ("*", "/vol/vol1/v"),
        ("", "/vol/vol1/v"),
    ],
)
def test_a_row_that_was_asked_for(query: str, path: str) -> None:
    (found,) = answering(page(lun(path))).get_lun_by_args(path=query)
    assert found.path == path


def test_a_long_name_does_not_hide_what_is_wrong_with_it() -> None:
    with pytest.raises(OntapError, match="^the filer answered .*[.]{3}v{60}, which was not asked for$") as caught:
        answering(page(lun(f"/vol/vol1/{'v' * 200}"))).get_lun_by_args(path="/vol/vol1/v")
    assert len(str(caught.value)) < 130


@pytest.mark.parametrize(
    ("ask", "record", "field"),
    [
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v"), lun(""), "path"),
        (lambda client: client.get_lun_by_args(path="/vol/vol1/v"), "<lun-info/>", "path"),
        (lambda client: client.get_lun_map(lun_at("/vol/vol1/v")), lun_map("/vol/vol1/v", ""), "initiator-group"),
        (lambda client: client.get_igroup_maps("ganeti"), lun_map("", "ganeti"), "path"),
        (lambda client: client.get_igroups("ganeti"), igroup(""), "initiator-group-name"),
        (lambda client: client.get_pools(["vol1"]), "<volume-attributes/>", "volume-id-attributes/name"),
        (lambda client: client.get_iscsi_service_details(), "<iscsi-service-info/>", "node-name"),
        (lambda client: client.get_admin_vservers(), "<vserver-info/>", "vserver-name"),
    ],
)
def test_a_row_that_lacks_what_names_it(ask: Callable[[CmodeClient], Any], record: str, field: str) -> None:
    with pytest.raises(OntapError, match=f"^[a-z-]+-iter lists a record without {field}$"):
        ask(answering(page(record)))


@pytest.mark.parametrize(
    ("ask", "record", "named"),
    [
        (lambda client: client.get_lun_by_args(path="/vol/*"), lun("/vol/vol1/v"), "/vol/vol1/v"),
        (lambda client: client.get_lun_map(lun_at("/vol/vol1/v")), lun_map("/vol/vol1/v", "g"), "/vol/vol1/v g"),
        (lambda client: client.get_igroups("*"), igroup("g"), "g"),
        (lambda client: client.get_pools(["vol1"]), pool("vol1"), "vol1"),
    ],
)
def test_a_row_that_comes_twice(ask: Callable[[CmodeClient], Any], record: str, named: str) -> None:
    """On one page or on two: they may be two LUNs in two SVMs, or pages that do not fit together."""
    twice = f"^[a-z-]+-iter lists {named} twice; is CLUSTER_MODE_VSERVER set[?]$"
    for pages in ([page(record, record)], [page(record, tag="a"), page(record)]):
        with pytest.raises(OntapError, match=twice):
            ask(answering(*pages))


def test_a_luns_maps_to_several_groups_are_no_repetition() -> None:
    pages = [page(lun_map("/vol/vol1/v", "a"), tag="x"), page(lun_map("/vol/vol1/v", "b"))]
    assert [one.igroup for one in answering(*pages).get_lun_map(lun_at("/vol/vol1/v"))] == ["a", "b"]


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        (lambda: repeat(page(lun("/vol/vol1/v"), tag="a")), "the same next-tag came twice"),
        (lambda: (page(lun(f"/vol/vol1/{n}"), tag=f"{n % 3}") for n in count()), "the same next-tag came twice"),
        (lambda: (page(tag=f"{n}") for n in count()), "more than 20 in a row are empty"),
        (lambda: (page(lun(f"/vol/vol1/{n}"), tag=f"{n}") for n in count()), "there are more than 2000"),
        (
            lambda: (page(lun(f"/vol/vol1/{n}" + "x" * 4_000_000), tag=f"{n}") for n in range(40)),
            "they have more than 64 MiB of text",
        ),
    ],
)
def test_pages_without_end(pages: Callable[[], Iterator[str]], why: str) -> None:
    with pytest.raises(OntapError, match=f"^the pages of lun-get-iter have no end: {why}$"):
        answered(pages()).get_lun_by_args(path="/vol/*")


def test_some_pages_may_be_empty() -> None:
    """Over REST a page is, when the filer did not find a record in time; over ZAPI nobody knows."""
    empty = [page(tag=f"{n}") for n in range(20)]
    again = [page(tag=f"again {n}") for n in range(20)]
    pages = [*empty, page(lun("/vol/vol1/a"), tag="a"), *again, page(lun("/vol/vol1/b"))]
    assert [lun.path for lun in answering(*pages).get_lun_by_args(path="/vol/*")] == ["/vol/vol1/a", "/vol/vol1/b"]


def test_every_page_is_read(stage: Stage) -> None:
    for number in range(230):
        stage.ask("lun-create-by-size", {"path": f"/vol/vol1/lun{number:03}", "size": 4 * MIB})
    luns = stage.client.get_lun_by_args(path="/vol/vol1/*")
    assert isinstance(luns, Found)
    assert luns.problems == ()
    assert [lun.path for lun in luns] == [f"/vol/vol1/lun{number:03}" for number in range(230)]
    assert stage.wire.calls == ["lun-get-iter"] * 3


def test_a_lun(stage: Stage) -> None:
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB, "comment": "a <b> & c"})
    (lun,) = stage.client.get_lun_by_args(path="/vol/vol1/v")
    assert lun.serial == stage.filer.luns["svm1", "/vol/vol1/v"].serial
    assert len(lun.serial) == 12
    assert (lun.size, lun.comment, lun.online, lun.mapped) == (4 * MIB, "a <b> & c", True, False)


def test_no_lun(stage: Stage) -> None:
    assert stage.client.get_lun_by_args(path="/vol/vol1/v") == []
    assert stage.client.get_lun_map(lun_at("/vol/vol1/v")) == []


def test_maps(stage: Stage) -> None:
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})
    assert stage.client.map_lun(lun_at("/vol/vol1/v"), "ganeti", 7)
    assert not stage.client.map_lun(lun_at("/vol/vol1/v"), "ganeti")
    uuid = stage.filer.luns["svm1", "/vol/vol1/v"].uuid
    assert stage.client.get_lun_map(lun_at("/vol/vol1/v")) == [LunMap("/vol/vol1/v", uuid, "ganeti", 7)]
    assert stage.client.unmap_lun(lun_at("/vol/vol1/v"), "ganeti")
    assert not stage.client.unmap_lun(lun_at("/vol/vol1/v"), "ganeti")


def test_destroying_without_force_spares_what_is_mapped(stage: Stage) -> None:
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})
    stage.client.map_lun(lun_at("/vol/vol1/v"), "ganeti")
    with pytest.raises(Exception, match="errno 9013"):
        stage.client.destroy_lun(lun_at("/vol/vol1/v"))
    stage.client.unmap_lun(lun_at("/vol/vol1/v"), "ganeti")
    assert stage.client.destroy_lun(lun_at("/vol/vol1/v"))
    assert not stage.client.destroy_lun(lun_at("/vol/vol1/v"))


IQN = "iqn.1993-08.org.debian:01:"


def make_igroup(stage: Stage, name: str, *initiators: str, type_: str = "iscsi") -> None:
    stage.ask("igroup-create", {"initiator-group-name": name, "initiator-group-type": type_})
    for initiator in initiators:
        stage.client.add_igroup_initiator(name, initiator)


def test_the_groups_that_have_any_of_some_initiators(stage: Stage) -> None:
    make_igroup(stage, "one", f"{IQN}a", f"{IQN}b")
    make_igroup(stage, "two", f"{IQN}c")
    make_igroup(stage, "other", f"{IQN}d")
    make_igroup(stage, "empty")
    found = stage.client.get_igroups_of([f"{IQN}c", f"{IQN}A", f"{IQN}z"])
    assert {group.name: group.initiators for group in found} == {
        "one": (f"{IQN}a", f"{IQN}b"),
        "two": (f"{IQN}c",),
    }
    assert stage.client.get_igroups_of([]) == []


def test_an_initiator_leaves_a_group_without_maps(stage: Stage) -> None:
    make_igroup(stage, "g", f"{IQN}a", f"{IQN}b")
    assert stage.client.remove_igroup_initiator("g", f"{IQN}a")
    assert not stage.client.remove_igroup_initiator("g", f"{IQN}a")
    (group,) = stage.client.get_igroups("g")
    assert group.initiators == (f"{IQN}b",)
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})
    stage.client.map_lun(lun_at("/vol/vol1/v"), "g")
    with pytest.raises(Refusal, match="errno 9029"):
        stage.client.remove_igroup_initiator("g", f"{IQN}b")


def test_which_iscsi_initiators_are_logged_in(stage: Stage) -> None:
    for name in ("a", "b"):
        provision.add_session(stage.filer.state, "svm1", f"{IQN}{name}")
    provision.add_session(stage.filer.state, "svm2", f"{IQN}c")
    asked = [f"{IQN}A", f"{IQN}c", f"{IQN}z"]
    assert stage.client.logged_in(asked, "iscsi") == {f"{IQN}a"}
    assert stage.wire.calls == ["iscsi-initiator-get-iter"]
    assert stage.client.logged_in([], "iscsi") == set()


def test_which_fc_initiators_are_logged_in(stage: Stage) -> None:
    here, there, nowhere = (f"20:00:00:25:b5:00:00:0{digit}" for digit in "abc")
    provision.add_session(stage.filer.state, "svm1", here)
    provision.add_session(stage.filer.state, "svm1", there)
    asked = [here.upper(), nowhere]
    assert stage.client.logged_in(asked, "fc") == {here}
    assert stage.wire.calls == ["fcp-initiator-get-iter"]


@pytest.mark.parametrize("listed", [WWPN.upper(), WWPN.replace(":", ""), WWPN.replace(":", "").upper()])
def test_wwpns_in_any_form(stage: Stage, listed: str) -> None:
    """A group's, and those of the initiators that are logged in."""
    stage.ask("igroup-create", {"initiator-group-name": "g", "initiator-group-type": "fcp"})
    group = stage.filer.igroups["svm1", "g"]
    stage.filer.state.commit(replace(group, initiators=(listed,)), Session("svm1", listed, "svm1_fc_1"))
    expected = [Igroup("g", "fcp", (WWPN,))]
    assert stage.client.get_igroups("g") == stage.client.get_igroups_of([WWPN]) == expected
    assert stage.client.get_igroups_of([f"{WWPN[:-1]}f"]) == []
    assert stage.client.logged_in([WWPN], "fc") == {WWPN}


def test_where_lun_maps_are_served_over_fibre_channel(stage: Stage) -> None:
    """ZAPI does not tell which interfaces are disabled."""
    ports = [FcPort(f"20:0{n}:00:a0:98:00:00:02", True, f"cluster1-0{n}") for n in (1, 2)]
    assert stage.client.get_fc_target_ports() == ports
    assert stage.client.is_fcp_enabled() is True
    assert stage.wire.calls == ["fcp-interface-get-iter", "fcp-service-get-iter"]
    stage.ask("net-interface-modify", {**FC_INTERFACE, "administrative-status": "down"})
    assert stage.client.get_fc_target_ports() == ports
    stage.ask("net-interface-delete", FC_INTERFACE)
    assert stage.client.get_fc_target_ports() == ports[1:]
    stage.ask("fcp-service-stop", {})
    assert stage.client.is_fcp_enabled() is False
    stage.filer.state.commit(replace(stage.filer.vservers["svm1",], without=("fcp",)))
    assert stage.client.is_fcp_enabled() is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("<port-name>200100A098000002</port-name>", FcPort("20:01:00:a0:98:00:00:02", True)),
        ("<current-node>n1</current-node>", FcPort("", True, "n1")),
        ("<port-name>odd</port-name>", FcPort("odd", True)),
    ],
)
def test_an_fc_interface_of_which_less_is_told(told: str, expected: FcPort) -> None:
    (found,) = answering(page(f"<fcp-interface-info>{told}</fcp-interface-info>")).get_fc_target_ports()
    assert found == expected


def test_an_fc_service_of_which_nothing_is_told() -> None:
    assert answering(page("<fcp-service-info/>")).is_fcp_enabled() is True
    assert answering(page()).is_fcp_enabled() is None


def test_which_nodes_show_a_lun(stage: Stage) -> None:
    places = [lun_at(f"/vol/vol1/{name}") for name in "abc"]
    for number, place in enumerate(places):
        stage.ask("lun-create-by-size", {"path": place.path, "size": 4 * MIB})
        stage.client.map_lun(place, "ganeti", number)
    away: dict[str, object] = {"path": places[0].path, "igroup": "ganeti", "nodes": {"node-name": "cluster1-02"}}
    stage.ask("lun-map-remove-reporting-nodes", away)
    both = ["cluster1-01", "cluster1-02"]
    of_all = {place.path: both for place in places} | {places[0].path: both[:1]}
    assert stage.client.get_reporting_nodes("ganeti") == of_all
    some = stage.client.get_reporting_nodes("ganeti", *places[:2])
    assert some == {place.path: of_all[place.path] for place in places[:2]}
    assert stage.client.get_reporting_nodes("other", *places) == {}


def test_only_the_reporting_nodes_of_one_lun_are_asked_for() -> None:
    """A filer that ignores the query is not believed."""
    filer = answering(VERSION, page(lun_map("/vol/vol1/x", "ganeti")))
    with pytest.raises(OntapError, match="^the filer answered lun-map-get-iter with /vol/vol1/x, which was not"):
        filer.get_reporting_nodes("ganeti", lun_at("/vol/vol1/v"))


def test_the_node_that_owns_a_lun(stage: Stage) -> None:
    """It is told with the LUN: after a move of its volume, and after a takeover, the new one."""
    stage.ask("lun-create-by-size", {"path": "/vol/vol1/v", "size": 4 * MIB})

    def owner() -> str:
        (found,) = stage.client.get_luns(lun_at("/vol/vol1/v"))
        return found.node

    assert owner() == "cluster1-01"
    stage.ask("volume-move-start", {"source-volume": "vol1", "dest-aggr": "aggr2"})
    assert owner() == "cluster1-02"
    stage.filer.serve(taken_over="cluster1-02")
    assert owner() == "cluster1-01"
    assert stage.wire.calls == ["lun-get-iter"] * 3


def test_seven_mode_has_no_client_yet() -> None:
    settings = config.parse("HOSTNAME='h'\nLOGIN='l'\nPASSWORD='p'\nSTORAGE_FAMILY='ontap_7mode'", "f")
    with pytest.raises(ConfigError, match="^STORAGE_FAMILY: 'ontap_7mode' is not supported yet"):
        client.connect(settings, Deadline(1), "f")
