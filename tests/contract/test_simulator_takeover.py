"""Takeover and giveback, switchover and switchback, as clients of both APIs see them."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from tests.contract.rest_client import LUNS, NEW, Client
from tests.simulator.process import Simulator
from tests.unit.zapi import document, texts

FIRST, SECOND = "cluster1-01", "cluster1-02"
IQN = "iqn.1993-08.org.debian:01:node1"
SERIAL = {"desired-attributes": {"lun-info": {"serial-number": "", "vserver": ""}}}


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[Simulator]:
    """A filer of its own for each test, with an SVM's own address."""
    options = ("--release", "9.14.1", "--initiator", f"svm1/{IQN}", "--account", "svm1/v:secret")
    with Simulator(tmp_path / "filer", *options, "--svm-listen", "svm1=127.0.0.11:0") as simulator:
        yield simulator


@pytest.fixture
def client(filer: Simulator) -> Iterator[Client]:
    """The admin's, over one connection at a time."""
    client = Client(filer)
    yield client
    client.close()


@pytest.fixture
def own(filer: Simulator) -> Iterator[Client]:
    """The SVM's account, at the SVM's address."""
    host, _, port = filer.ready_line.rpartition("svm1=")[2].rpartition(":")
    client = Client(filer, ("v", "secret"), (host, int(port)))
    yield client
    client.close()


def reset(client: Client) -> None:
    """The client's connection has been reset; the next request makes another."""
    with pytest.raises((OSError, http.client.HTTPException, ssl.SSLError)):
        client("GET", "/api/cluster")
    client.close()


def interfaces(client: Client) -> dict[str, tuple[str, bool, str]]:
    """Name -> where it is, whether that is its home, its state."""
    asked = "/api/network/ip/interfaces?fields=state,location.node.name,location.is_home"
    return {
        each["name"]: (each["location"]["node"]["name"], each["location"]["is_home"], each["state"])
        for each in client("GET", asked).content["records"]
    }


def states(client: Client) -> list[str]:
    """Those of the nodes."""
    asked = "/api/cluster/nodes?fields=state&order_by=name"
    return [each["state"] for each in client("GET", asked).content["records"]]


def owner(client: Client) -> str:
    """The node by which the LUN is best reached."""
    (lun,) = client("GET", f"{LUNS}?name=/vol/vol1/a&fields=location.node.name").content["records"]
    return str(lun["location"]["node"]["name"])


def sessions(client: Client) -> int:
    """How many sessions the initiator has."""
    return int(client("GET", "/api/protocols/san/iscsi/sessions").content["num_records"])


def test_takeover_and_giveback(filer: Simulator, client: Client, own: Client) -> None:
    place = client("POST", LUNS, NEW).headers["Location"]
    before = interfaces(client)
    assert set(before) == {
        *("svm1_iscsi_1", "svm1_iscsi_2", "svm1_mgmt", "cluster_mgmt"),
        *(f"{node}_mgmt1" for node in (FIRST, SECOND)),
    }
    assert {(is_home, state) for _, is_home, state in before.values()} == {(True, "up")}
    assert (states(client), owner(client), sessions(own)) == (["up", "up"], FIRST, 2)
    filer.control.serve(taken_over=FIRST)
    for each in (client, own):
        reset(each)
    now = interfaces(client)
    assert now["svm1_mgmt"] == now["cluster_mgmt"] == (SECOND, False, "up"), "what manages the filer moves"
    assert now["svm1_iscsi_1"] == now[f"{FIRST}_mgmt1"] == (FIRST, True, "down"), "the others do not"
    assert now["svm1_iscsi_2"] == (SECOND, True, "up")
    assert set(interfaces(own)) == {"svm1_iscsi_1", "svm1_iscsi_2", "svm1_mgmt"}
    assert (states(client), owner(client), sessions(own)) == (["taken_over", "up"], SECOND, 1)
    assert client("PATCH", place, {"comment": "meanwhile"}).status == 200
    filer.control.serve(taken_over="")
    for each in (client, own):
        reset(each)
    assert interfaces(client) == before
    assert (states(client), owner(client), sessions(own)) == (["up", "up"], FIRST, 2)
    assert client("GET", place).content["comment"] == "meanwhile"


def of_zapi(client: Client, vserver: str | None) -> tuple[bytes, list[str], list[str]]:
    """The answer, and the LUNs' serial numbers and vservers in it."""
    answer = client.zapi(document("lun-get-iter", SERIAL, vserver=vserver)).body
    tree = etree.fromstring(answer)
    return answer, texts(tree, "{*}serial-number"), texts(tree, "{*}vserver")


def test_switchover_and_switchback(filer: Simulator, client: Client, own: Client) -> None:
    """MetroCluster: the SVM has another name at the other site, and the same uuid; so have its LUNs."""
    made = client("POST", f"{LUNS}?return_records=true", NEW)
    serial, place = made.content["records"][0]["serial_number"], made.headers["Location"]
    (before,) = client("GET", "/api/svm/svms?fields=subtype").content["records"]
    assert names(own) == ["svm1"]
    assert of_zapi(client, "svm1")[1:] == ([serial], ["svm1"])
    filer.control.switch_over()
    for each in (client, own):
        reset(each)
    for each in (client, own):
        (after,) = each("GET", "/api/svm/svms?fields=subtype").content["records"]
        assert (after["name"], after["uuid"], after["subtype"]) == ("svm1-mc", before["uuid"], "sync_destination")
        assert each("GET", f"{LUNS}?svm.name=svm1").content["num_records"] == 0
        assert each("GET", f"{LUNS}?svm.name=svm1-mc").content["num_records"] == 1
        assert each("GET", f"{LUNS}?svm.uuid={before['uuid']}").content["num_records"] == 1
        assert each("GET", place).content["serial_number"] == serial
    assert client("POST", LUNS, NEW).code == client("GET", LUNS, X_Dot_SVM_Name="svm1").code == "2621462"
    assert client("POST", LUNS, {**NEW, "svm.name": "svm1-mc"}).code == "5374242"
    assert b'errno="15698"' in of_zapi(client, "svm1")[0]
    assert of_zapi(client, "svm1-mc")[1:] == ([serial], ["svm1-mc"])
    filer.control.switch_over(back=True)
    for each in (client, own):
        reset(each)
        assert each("GET", "/api/svm/svms?fields=subtype").content["records"] == [before]
    assert of_zapi(client, "svm1")[1:] == ([serial], ["svm1"])


def test_a_switchover_lasts_until_the_filer_restarts(filer: Simulator, client: Client) -> None:
    for _ in range(2):
        filer.control.switch_over()
        client.close()
        assert names(client) == ["svm1-mc"], "once is enough"
    filer.restart()
    client.close()
    assert names(client) == ["svm1"]


def names(client: Client) -> list[Any]:
    """Those of the SVMs."""
    return [each["name"] for each in client("GET", "/api/svm/svms").content["records"]]


def test_no_such_node_is_taken_over(filer: Simulator, client: Client) -> None:
    with pytest.raises(Exception, match="taken_over 'n1': there are cluster1-01, cluster1-02"):
        filer.control.serve(taken_over="n1")
    assert states(client) == ["up", "up"]
