"""The simulated filer's manners: framing, strictness, versions, tunnelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.provision import add_account, add_vserver
from tests.unit.zapi import NAMESPACE, Arguments, Refused, ask, document, errno_of, texts

LUN = {"path": "/vol/vol1/a", "size": 10 << 20}


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer as it comes."""
    return Filer(tmp_path, seed="test")


def test_answers_are_framed_as_recorded_ones(filer: Filer) -> None:
    assert filer(document("lun-create-by-size", LUN)) == (
        b"<?xml version='1.0' encoding='UTF-8' ?>\n"
        b"<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n"
        b"<netapp version='1.180' xmlns='http://www.netapp.com/filer/admin'>\n"
        b'<results status="passed"><actual-size>10485760</actual-size></results></netapp>'
    )
    assert b'<results status="passed"/></netapp>' in filer(document("lun-offline", {"path": LUN["path"]}))
    assert filer(document("lun-destroy", {"path": "/vol/vol1/b"})).endswith(
        b'<results reason="entry doesn&apos;t exist" status="failed" errno="15661"></results></netapp>'
    )


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"garbage",
        b"<netapp",
        b"<other/>",
        b"<netapp/>",
        f"<netapp xmlns='{NAMESPACE}'><a/><b/></netapp>".encode(),
        b"<netapp xmlns='http://elsewhere'><lun-get-iter/></netapp>",
        b"<netapp version='2.0'><lun-get-iter/></netapp>",
        b"<!DOCTYPE netapp [<!ENTITY a 'b'>]><netapp><lun-get-iter/></netapp>",
        b"<!DOCTYPE netapp [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><netapp><lun-get-comment><path>&x;</path>"
        b"</lun-get-comment></netapp>",
    ],
)
def test_what_is_not_one_call_is_an_api_error(filer: Filer, broken: bytes) -> None:
    assert b'status="failed" errno="13001"' in filer(broken)


def test_doctype_and_unknown_root_attributes_are_borne(filer: Filer) -> None:
    request = (
        b"<?xml version='1.0' encoding='utf-8'?><!DOCTYPE netapp SYSTEM 'file:/etc/netapp_filer.dtd'>"
        b"<netapp xmlns='http://www.netapp.com/filer/admin' version='1.21'"
        b" nmsdk_version='9.5' nmsdk_platform='x'>"
        b"<system-get-version/></netapp>"
    )
    assert b'status="passed"' in filer(request)


def test_padding_around_values_does_not_count(filer: Filer) -> None:
    ask(filer, "lun-create-by-size", LUN)
    assert texts(ask(filer, "lun-get-comment", {"path": "\n /vol/vol1/a \n"}), "comment") == [""]


@pytest.mark.parametrize(
    ("arguments", "errno"),
    [
        ({"path": "/vol/vol1/a"}, 13001),
        ({**LUN, "colour": "red"}, 13001),
        ({**LUN, "size": "10M"}, 13115),
        ({**LUN, "size": "-1"}, 13115),
        ({**LUN, "size": "9" * 30}, 13115),
        ({**LUN, "space-reservation-enabled": "yes"}, 13115),
        ({**LUN, "space-reservation-enabled": "TRUE"}, 0),
        ({**LUN, "ostype": "plan9"}, 13115),
        ({**LUN, "path": {"a": "b"}}, 13115),
    ],
)
def test_arguments_are_checked(filer: Filer, arguments: Arguments, errno: int) -> None:
    assert errno_of(filer, "lun-create-by-size", arguments) == errno


def test_a_doubled_argument_is_refused(filer: Filer) -> None:
    twice = document("lun-get-comment", {"path": "/vol/vol1/a"}).replace(
        b"</path>", b"</path><path>/vol/vol1/b</path>"
    )
    assert b'errno="13001"' in filer(twice)


def test_unknown_apis_have_their_two_texts(filer: Filer) -> None:
    with pytest.raises(Refused, match=r"^13005 Unable to find API: lun-fly on data vserver svm1$"):
        ask(filer, "lun-fly")
    with pytest.raises(Refused, match=r"^13005 Unable to find API: lun-fly$"):
        ask(filer, "lun-fly", vserver=None)


def test_vserver_apis_need_a_vserver_that_exists(filer: Filer) -> None:
    assert errno_of(filer, "lun-create-by-size", LUN, vserver=None) == 13001
    assert errno_of(filer, "lun-create-by-size", LUN, vserver="nowhere") == 15698
    assert errno_of(filer, "system-get-ontapi-version", vserver=None) == 0
    assert errno_of(filer, "system-get-version") == 0


def test_a_vservers_login_reaches_that_vserver_only(filer: Filer) -> None:
    add_vserver(filer.state, "svm2")
    add_account(filer.state, "vsadmin", "x", "svm1")
    seen = ask(filer, "vserver-get-iter", vserver=None, account="vsadmin")
    assert texts(seen, "vserver-name") == ["svm1"]
    assert texts(ask(filer, "vserver-get-iter", vserver=None), "vserver-name") == [
        "cluster1",
        "cluster1-01",
        "cluster1-02",
        "svm1",
        "svm2",
    ]
    with pytest.raises(Refused, match="15698"):
        ask(filer, "vserver-get", vserver="svm2", account="vsadmin")
    with pytest.raises(Refused, match="13002"):
        ask(filer, "vserver-get", account=None)


def test_versions_decide_what_is_understood(tmp_path: Path) -> None:
    old = Filer(tmp_path / "old", ontapi=31)
    assert set(texts(ask(old, "system-get-ontapi-version"), "minor-version")) == {"31"}
    assert "NetApp Release 8.3:" in texts(ask(old, "system-get-version"), "version")[0]
    assert errno_of(old, "lun-create-by-size", {**LUN, "use-exact-size": "true"}) == 13001
    assert errno_of(old, "lun-create-by-size", {**LUN, "comment": "x"}) == 13001
    new = Filer(tmp_path / "new", ontapi=241)
    results = ask(new, "system-get-version")
    assert [texts(results, name)[0] for name in ("generation", "major", "minor")] == ["9", "14", "1"]
    assert errno_of(new, "lun-create-by-size", {**LUN, "use-exact-size": "true", "comment": "x"}) == 0


def test_what_older_releases_lack(tmp_path: Path) -> None:
    mapped = {"path": LUN["path"], "initiator-group": "g"}
    for ontapi, lacks in ((15, True), (31, False)):
        filer = Filer(tmp_path / str(ontapi), ontapi=ontapi)
        assert (texts(ask(filer, "system-get-version"), "generation") == []) == lacks
        assert (errno_of(filer, "system-user-capability-get-iter") == 13005) == lacks
        assert (errno_of(filer, "license-v2-list-info", vserver=None) == 13005) == lacks
        assert (errno_of(filer, "clone-split-status") == 13005) == lacks
        assert (errno_of(filer, "lun-copy-get-iter") == 13005) == lacks
        assert (errno_of(filer, "qos-policy-group-get-iter") == 13005) == lacks
        assert errno_of(filer, "qos-adaptive-policy-group-get-iter") == 13005
        assert (errno_of(filer, "lun-create-by-size", {**LUN, "class": "regular"}) == 13001) == lacks
        ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "iscsi"})
        assert errno_of(filer, "lun-create-by-size", {**LUN, "path": "/vol/vol1/other"}) == 0
        ask(filer, "lun-map", {**mapped, "path": "/vol/vol1/other"})
        assert (texts(ask(filer, "lun-map-get-iter"), "node-name") == []) == lacks


def test_capabilities_and_ems_are_answered(filer: Filer) -> None:
    asked = {"query": {"capability-info": {"object-name": "lun"}}}
    assert "lun-create-by-size" in ",".join(
        texts(ask(filer, "system-user-capability-get-iter", asked), "api-name")
    )
    event = {
        "computer-name": "node1",
        "event-id": 0,
        "event-source": "test",
        "app-version": "1",
        "category": "test",
        "event-description": "hello",
        "log-level": 6,
        "auto-support": "False",
    }
    assert errno_of(filer, "ems-autosupport-log", event) == 0
    assert errno_of(filer, "ems-autosupport-log", {**event, "log-level": 8}) == 13115
