"""NetApp's own client library takes the simulator for a filer: a LUN's life, and every expected refusal."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from netapp_lib.api.zapi import zapi

from tests.simulator.process import Simulator

MIB = 1 << 20
# The library leaves the connections of refused logins to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PATH = "/vol/vol1/disk0"
CLONE = "/vol/vol1/disk0.snap"
INITIATOR = "iqn.1993-08.org.debian:01:node1"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One simulator for this file."""
    with Simulator(tmp_path_factory.mktemp("filer"), "--seed", "netapp-lib") as simulator:
        yield simulator


class Client:
    """NaServer with answers and refusals in a form that tests can compare."""

    def __init__(self, port: int, password: str = "secret") -> None:  # noqa: S107 - a simulator's
        self.server = zapi.NaServer(
            "127.0.0.1", transport_type="https", username="admin", password=password, port=port
        )
        self.server.set_api_version(1, 15)
        self.server.set_vserver("svm1")

    def call(self, api: str, **arguments: Any) -> Any:
        """The ``results`` of a passed call."""
        request = zapi.NaElement(api)
        request.translate_struct({name.replace("_", "-"): value for name, value in arguments.items()})
        return self.server.invoke_successfully(request, enable_tunneling=True)

    def value(self, api: str, name: str, **arguments: Any) -> str:
        """One element of a passed call's results."""
        return str(self.call(api, **arguments).get_child_content(name))

    def refusal(self, api: str, **arguments: Any) -> str:
        """The code of the NaApiError that the call ends in."""
        with pytest.raises(zapi.NaApiError) as caught:
            self.call(api, **arguments)
        return str(caught.value.code)

    def lun(self, path: str = PATH) -> dict[str, str]:
        """lun-info of one LUN."""
        listed = self.call("lun-get-iter", query={"lun-info": {"path": path}})
        (lun,) = listed.get_child_by_name("attributes-list").get_children()
        return {field.get_name().rpartition("}")[2]: field.get_content() or "" for field in lun.get_children()}


@pytest.fixture
def client(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Verifies the simulator's certificate: OpenSSL takes its CA from the environment."""
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca))
    yield Client(simulator.port)
    # Now, where it is expected, and not in somebody else's test.
    gc.collect()


def make(client: Client, path: str, size: int = 10 * MIB) -> None:
    """A LUN."""
    client.call("lun-create-by-size", path=path, size=str(size), ostype="linux", space_reservation_enabled="False")


def test_versions_and_logins(client: Client, simulator: Simulator) -> None:
    version = client.server.invoke_successfully(zapi.NaElement("system-get-ontapi-version"))
    assert version.get_child_content("minor-version") == "180"
    tuple_ = client.call("system-get-version").get_child_by_name("version-tuple").get_children()[0]
    assert [tuple_.get_child_content(name) for name in ("generation", "major", "minor")] == ["9", "8", "0"]
    assert Client(simulator.port, password="wrong").refusal("vserver-get") == "401"  # noqa: S106
    assert client.refusal("lun-fly") == "13005"
    client.server.set_vserver("nowhere")
    assert client.refusal("vserver-get") == "15698"


def test_a_luns_life(client: Client) -> None:
    group = {"initiator_group_name": "node1"}
    client.call("igroup-create", **group, initiator_group_type="iscsi", os_type="linux")
    assert client.refusal("igroup-create", **group, initiator_group_type="iscsi") == "9004"
    client.call("igroup-add", **group, initiator=INITIATOR)
    assert client.refusal("igroup-add", **group, initiator=INITIATOR) == "9008"
    assert client.refusal("igroup-add", **group, initiator="nonsense") == "13001"
    assert client.refusal("igroup-add", initiator_group_name="nobody", initiator=INITIATOR) == "9003"

    make(client, PATH)
    assert client.refusal("lun-create-by-size", path=PATH, size="10485760") == "9012"
    assert client.refusal("lun-create-by-size", path="/vol/nowhere/x", size="10485760") == "9036"
    assert client.refusal("lun-create-by-size", path="/vol/vol1/x", size="1") == "9041"
    assert client.refusal("lun-create-by-size", path="/vol/vol1/x", size="10485760", ostype="plan9") == "13115"
    assert client.refusal("lun-create-by-size", path="/vol/vol1/x") == "13001"

    comment = "<originstname+x> & \u00fcber"
    client.call("lun-set-comment", path=PATH, comment=comment)
    assert client.value("lun-get-comment", "comment", path=PATH) == comment
    serial = client.lun()["serial-number"]
    assert (len(serial), bool(set(serial) & set("&<>*?[]$"))) == (12, True)

    _mapped(client)
    _resized(client)
    _cloned_and_moved(client, serial)
    _ended(client)


def _mapped(client: Client) -> None:
    mapping = {"path": PATH, "initiator_group": "node1"}
    assert client.refusal("lun-map", path=PATH, initiator_group="nobody") == "9003"
    assert client.value("lun-map", "lun-id-assigned", **mapping, lun_id="42") == "42"
    assert client.refusal("lun-map", **mapping) == "9023"
    make(client, "/vol/vol1/other")
    other = {"path": "/vol/vol1/other", "initiator_group": "node1"}
    assert client.refusal("lun-map", **other, lun_id="42") == "9024"
    assert client.value("lun-map", "lun-id-assigned", **other) == "0"
    listed = client.call("lun-map-list-info", path=PATH).get_child_by_name("initiator-groups").get_children()
    assert [group.get_child_content("lun-id") for group in listed] == ["42"]
    found = client.call("lun-map-get-iter", query={"lun-map-info": {"initiator-group": "node1"}})
    assert found.get_child_content("num-records") == "2"


def _resized(client: Client) -> None:
    assert client.refusal("lun-resize", path=PATH, size=str(10 * MIB)) == "9042"
    assert client.refusal("lun-resize", path=PATH, size=str(5 * MIB)) == "9033"
    assert client.value("lun-resize", "actual-size", path=PATH, size=str(20 * MIB)) == str(20 * MIB)
    assert client.refusal("lun-resize", path="/vol/vol1/gone", size=str(20 * MIB)) == "9017"
    assert int(client.value("lun-get-geometry", "max-resize-size", path=PATH)) > 20 * MIB


def _cloned_and_moved(client: Client, serial: str) -> None:
    names = {"volume": "vol1", "source_path": "disk0", "destination_path": "disk0.snap"}
    client.call("clone-create", **names, space_reserve="False")
    assert client.refusal("clone-create", **names) == "14952"
    assert client.refusal("clone-create", **{**names, "source_path": "gone"}) == "14935"
    assert (client.lun(CLONE)["size"], client.lun(CLONE)["mapped"]) == (str(20 * MIB), "false")
    assert client.lun(CLONE)["serial-number"] != serial
    assert client.refusal("lun-move", path=PATH, new_path=CLONE) == "9012"
    client.call("lun-move", path=PATH, new_path="/vol/vol1/moved")
    assert client.lun("/vol/vol1/moved")["serial-number"] == serial
    client.call("lun-move", path="/vol/vol1/moved", new_path=PATH)


def _ended(client: Client) -> None:
    mapping = {"path": PATH, "initiator_group": "node1"}
    assert client.refusal("lun-destroy", path=PATH) == "9013"
    client.call("lun-offline", path=PATH)
    assert client.refusal("lun-offline", path=PATH) == "9014"
    client.call("lun-online", path=PATH)
    assert client.refusal("lun-online", path=PATH) == "9015"
    client.call("lun-unmap", **mapping)
    assert client.refusal("lun-unmap", **mapping) == "9016"
    client.call("lun-destroy", path=PATH)
    assert client.refusal("lun-destroy", path=PATH) == "15661"
    assert client.refusal("igroup-destroy", initiator_group_name="node1") == "9029"
    assert client.refusal("igroup-remove", initiator_group_name="node1", initiator="iqn.1993-08.org.x:y") == "9007"
    client.call("igroup-destroy", initiator_group_name="node1", force="true")
    client.call("lun-destroy", path="/vol/vol1/other")
    client.call("lun-destroy", path=CLONE)


def test_paging_through_all_luns(client: Client) -> None:
    paths = [f"/vol/vol1/page{number:02}" for number in range(23)]
    for path in paths:
        make(client, path)
    seen: list[str] = []
    tag: dict[str, str] = {}
    pages = 0
    while True:
        listed = client.call("lun-get-iter", max_records="10", query={"lun-info": {"path": "*/page*"}}, **tag)
        seen += [
            lun.get_child_content("path") for lun in listed.get_child_by_name("attributes-list").get_children()
        ]
        pages += 1
        if not listed.get_child_content("next-tag"):
            break
        tag = {"tag": listed.get_child_content("next-tag")}
    assert (seen, pages) == (paths, 3)
    empty = client.call("lun-get-iter", query={"lun-info": {"path": "/vol/vol1/none"}})
    assert (empty.get_child_content("num-records"), empty.get_child_by_name("attributes-list")) == ("0", None)


def test_the_library_asks_before_it_logs_in(client: Client, simulator: Simulator) -> None:
    before = len(simulator.requests())
    client.call("lun-get-iter")
    assert [request.http for request in simulator.requests()[before:]] == [401, 200]
