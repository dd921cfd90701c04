"""A filer's whole SAN side, asked for by clients that others have written for real filers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.contract.foreign import CLIENTS, Client, Refused, wrapped
from tests.simulator.api import load
from tests.simulator.call import APIS
from tests.simulator.process import Simulator

MIB = 1 << 20
# netapp-lib leaves the connections of refused logins to the garbage collector, the SDK those of all calls.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
IQN = "iqn.1993-08.org.debian:01:node1"
WWPN = "21:00:00:0e:1e:0a:0b:0c"
SAN = ("clone-create", "fcp-", "igroup-", "iscsi-", "lun-", "portset-")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One filer for this file: each client has a vserver, and an initiator that is logged in, of its own."""
    options = [
        option
        for name in CLIENTS
        for option in ("--volume", f"{name}/vol1", "--volume", f"{name}/vol2", "--initiator", f"{name}/{IQN}")
    ]
    with Simulator(tmp_path_factory.mktemp("filer"), "--seed", "foreign", *options) as simulator:
        yield simulator


class San:
    """A client on its vserver, with what it has called."""

    def __init__(self, kind: type[Client], port: int, vserver: str) -> None:
        self._client = kind(port)
        self.vserver = vserver
        self.called: set[str] = set()

    def __call__(self, api: str, /, **arguments: Any) -> ElementTree.Element:
        """Call an API; underscores in the names of arguments are hyphens on the wire."""
        self.called.add(api)
        given = {name.replace("_", "-"): value for name, value in arguments.items()}
        return self._client.send(api, given, self.vserver)

    def value(self, api: str, name: str, /, **arguments: Any) -> str:
        """One element of an answer."""
        (found,) = self.values(api, name, **arguments)
        return found

    def values(self, api: str, name: str, /, **arguments: Any) -> list[str]:
        """All elements of that name in an answer."""
        return [element.text or "" for element in self(api, **arguments).iter(name)]

    def errno(self, api: str, /, **arguments: Any) -> str:
        """The errno that a call is refused with."""
        with pytest.raises(Refused) as caught:
            self(api, **arguments)
        return caught.value.errno

    def field(self, path: str, name: str) -> str:
        """A field of a LUN."""
        return self.value("lun-get-iter", name, query={"lun-info": {"path": path}})


@pytest.fixture(params=CLIENTS)
def san(request: pytest.FixtureRequest, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[San]:
    """Each client in turn; both verify the filer's certificate as OpenSSL does by default."""
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca))
    yield San(CLIENTS[request.param], simulator.port, request.param)
    # Now, where it is expected, and not in somebody else's test.
    gc.collect()


def test_the_whole_san_side(san: San) -> None:
    """In the order of a LUN's life; every API that this filer has for it is called."""
    _services(san)
    _groups(san)
    _luns(san)
    _settings(san)
    _maps(san)
    _copies(san)
    _ends(san)
    load()
    assert {api for api in APIS if api.startswith(SAN)} - san.called == set()


def _services(san: San) -> None:
    target = san.value("iscsi-node-get-name", "node-name")
    assert san.value("iscsi-service-get-iter", "node-name") == target
    for service in ("iscsi", "fcp"):
        san(f"{service}-service-stop")
        assert san.value(f"{service}-service-get-iter", "is-available") == "false"
        san(f"{service}-service-start")
        assert san.value(f"{service}-service-status", "is-available") == "true"
    assert san.values("iscsi-interface-get-iter", "ip-port") == ["3260", "3260"]
    assert san.value("fcp-node-get-name", "node-name") == san.value("fcp-service-get-iter", "node-name")
    ports = san.values("fcp-port-name-get-iter", "port-name")
    assert san.values("fcp-interface-get-iter", "port-name") == ports
    assert san.values("iscsi-initiator-get-iter", "initiator-nodename") == [IQN, IQN]
    assert len(san.values("iscsi-session-get-iter", "target-session-id")) == 2
    assert san.values("fcp-initiator-get-iter", "adapter") == []
    assert san.value("lun-initiator-logged-in", "logged-in", initiator=IQN) == "true"
    assert san.errno("iscsi-initiator-get-auth", initiator=IQN) == "13112"
    assert san.value("iscsi-initiator-get-default-auth", "auth-type") == "none"
    assert san.values("iscsi-initiator-auth-get-iter", "initiator") == ["default"]


def _groups(san: San) -> None:
    group = {"initiator_group_name": "g"}
    san("igroup-create", **group, initiator_group_type="mixed", os_type="linux")
    assert san.errno("igroup-create", **group, initiator_group_type="iscsi") == "9004"
    for initiator in (IQN, WWPN):
        san("igroup-add", **group, initiator=initiator)
    assert san.errno("igroup-add", **group, initiator=IQN) == "9008"
    assert san.errno("igroup-add", **group, initiator="nonsense") == "13001"
    san("igroup-remove", **group, initiator=WWPN)
    assert san.errno("igroup-remove", **group, initiator=WWPN) == "9007"
    san("igroup-set-attribute", **group, attribute="alua", value="true")
    san("igroup-rename", **group, initiator_group_new_name="node1")
    query = {"initiator-group-info": {"initiators": {"initiator-info": {"initiator-name": IQN}}}}
    assert san.values("igroup-get-iter", "initiator-group-name", query=query) == ["node1"]
    assert san.values("igroup-list-info", "initiator-name") == [IQN]
    assert san.value("lun-get-inquiry-info", "vendor-id", initiator_group_name="node1") == "NETAPP"
    san("portset-create", portset_name="p", portset_type="iscsi")
    san("portset-add", portset_name="p", portset_port_name=f"{san.vserver}_iscsi_1")
    san("igroup-bind-portset", initiator_group_name="node1", portset_name="p")
    assert san.values("portset-get-iter", "portset-port-name") == [f"{san.vserver}_iscsi_1"]
    san("igroup-unbind-portset", initiator_group_name="node1")
    san("portset-remove", portset_name="p", portset_port_name=f"{san.vserver}_iscsi_1")
    san("portset-destroy", portset_name="p")


def _luns(san: San) -> None:
    new = {"path": "/vol/vol1/a", "size": 10 * MIB, "ostype": "linux", "use_exact_size": "True"}
    assert int(san.value("lun-get-minsize", "min-size", type="linux")) <= 10 * MIB
    assert int(san.value("lun-get-maxsize", "without-snapshot-reserve", path="/vol/vol1", type="linux")) > MIB
    assert san.value("lun-create-by-size", "actual-size", **new, space_reservation_enabled="False") == str(
        10 * MIB
    )
    assert san.errno("lun-create-by-size", **new) == "9012"
    for change, errno in {
        ("path", "/vol/none/a"): "9036",
        ("path", "/vol/vol1/q/a"): "9020",
        ("size", "1"): "9041",
        ("ostype", "plan9"): "13115",
        ("size", "2199023255552"): "28",
    }.items():
        assert san.errno("lun-create-by-size", **{**new, "path": "/vol/vol1/b", change[0]: change[1]}) == errno
    path = {"path": "/vol/vol1/a"}
    assert san.value("lun-resize", "actual-size", **path, size=20 * MIB) == str(20 * MIB)
    assert san.errno("lun-resize", **path, size=20 * MIB) == "9042"
    assert san.errno("lun-resize", **path, size=10 * MIB) == "9033"
    assert san.value("lun-resize", "actual-size", **path, size=16 * MIB, force="true") == str(16 * MIB)
    assert san.value("lun-get-geometry", "size", **path) == str(16 * MIB)
    assert san.value("lun-get-occupied-size", "occupied-size", **path) == "0"
    assert san.values("lun-list-info", "path") == ["/vol/vol1/a"]


def _settings(san: San) -> None:
    path = {"path": "/vol/vol1/a"}
    comment = "<originstname+x> & 'more' \"text\""
    san("lun-set-comment", **path, comment=comment)
    assert san.value("lun-get-comment", "comment", **path) == comment
    serial = san.value("lun-get-serial-number", "serial-number", **path)
    assert san.field("/vol/vol1/a", "serial-number") == serial
    assert san.value("lun-get-vdisk-attributes", "path", serial_number=serial) == "/vol/vol1/a"
    san("lun-offline", **path)
    assert san.errno("lun-offline", **path) == "9014"
    san("lun-set-serial-number", **path, serial_number="<&>?*[]$aBc1")
    assert san.field("/vol/vol1/a", "serial-number") == "<&>?*[]$aBc1"
    san("lun-online", **path)
    assert san.errno("lun-online", **path) == "9015"
    san("lun-set-space-reservation-info", **path, enable="true")
    assert san.value("lun-get-space-reservation-info", "is-enabled", **path) == "true"
    san("lun-set-attribute", **path, name="fstype", value="ext4")
    assert san.value("lun-get-attribute", "value", **path, name="fstype") == "ext4"
    san("lun-unset-attribute", **path, name="fstype")
    assert san.errno("lun-get-attribute", **path, name="fstype") == "9011"
    san("qos-policy-group-create", policy_group=f"fast-{san.vserver}", max_throughput="100iops")
    san("lun-set-qos-policy-group", **path, qos_policy_group=f"fast-{san.vserver}")
    assert san.field("/vol/vol1/a", "qos-policy-group") == f"fast-{san.vserver}"
    assert san.value("lun-has-scsi-reservations", "is-reservation-held", **path) == "false"
    san("lun-clear-persistent-reservation-info", **path)


def _maps(san: San) -> None:
    mapping = {"path": "/vol/vol1/a", "initiator_group": "node1"}
    assert san.errno("lun-map", **{**mapping, "initiator_group": "none"}) == "9003"
    assert san.value("lun-map", "lun-id-assigned", **mapping, lun_id=42) == "42"
    assert san.errno("lun-map", **mapping) == "9023"
    assert san.errno("lun-clear-persistent-reservation-info", path="/vol/vol1/a") == "9015"
    san("lun-create-by-size", path="/vol/vol1/b", size=10 * MIB)
    assert san.errno("lun-map", path="/vol/vol1/b", initiator_group="node1", lun_id=42) == "9024"
    assert san.value("lun-map", "lun-id-assigned", path="/vol/vol1/b", initiator_group="node1") == "0"
    san("igroup-create", initiator_group_name="twin", initiator_group_type="iscsi")
    san("igroup-add", initiator_group_name="twin", initiator=IQN)
    assert san.errno("lun-map", path="/vol/vol1/a", initiator_group="twin") == "9009"
    assert san.values("lun-map-list-info", "lun-id", path="/vol/vol1/a") == ["42"]
    assert san.values("lun-initiator-list-map-info", "path", initiator=IQN) == ["/vol/vol1/a", "/vol/vol1/b"]
    assert san.value("igroup-lookup-lun", "path", initiator_group_name="node1", lun_id=0) == "/vol/vol1/b"
    reporting = {"path": "/vol/vol1/a", "igroup": "node1", "nodes": {"filer-id": "cluster1-02"}}
    san("lun-map-remove-reporting-nodes", **reporting)
    query = {"lun-map-info": {"path": "/vol/vol1/a"}}
    assert san.values("lun-map-get-iter", "node-name", query=query) == ["cluster1-01"]
    san("lun-map-add-reporting-nodes", **reporting)


def _copies(san: San) -> None:
    clone = {"volume": "vol1", "source_path": "a", "destination_path": "c"}
    san("clone-create", **clone, space_reserve="false")
    assert san.errno("clone-create", **clone) == "14952"
    assert san.errno("clone-create", **{**clone, "source_path": "none"}) == "14935"
    ranges = {"block-range": {"source-block-number": 0, "destination-block-number": 8, "block-count": 8}}
    san("clone-create", **clone, block_ranges=ranges)
    san("snapshot-create", volume="vol1", snapshot="s")
    san("clone-create", **{**clone, "destination_path": "d"}, snapshot_name="s")
    assert san.field("/vol/vol1/d", "mapped") == "false"
    san("lun-move", path="/vol/vol1/d", new_path="/vol/vol1/e")
    assert san.errno("lun-move", path="/vol/vol1/e", new_path="/vol/vol2/e") == "9022"
    pair = {"source-path": "/vol/vol1/e", "destination-path": "/vol/vol2/e"}
    job = san.value("lun-copy-start", "job-uuid", paths={"lun-path-pair": pair}, source_vserver=san.vserver)
    status = {"lun-copy-info": {"job-uuid": job}}
    assert san.value("lun-copy-get-iter", "job-status", query=status) == "complete"
    moved = {"source-path": "/vol/vol1/e", "destination-path": "/vol/vol2/f"}
    job = san.value("lun-move-start", "job-uuid", paths={"lun-path-pair": moved})
    assert san.value("lun-move-get-iter", "job-uuid") == job
    everything = sorted(san.values("lun-get-iter", "path"))
    assert everything == ["/vol/vol1/a", "/vol/vol1/b", "/vol/vol1/c", "/vol/vol2/e", "/vol/vol2/f"]


def _ends(san: San) -> None:
    mapping = {"path": "/vol/vol1/a", "initiator_group": "node1"}
    assert san.errno("lun-destroy", path="/vol/vol1/a") == "9013"
    san("lun-unmap", **mapping)
    assert san.errno("lun-unmap", **mapping) == "9016"
    assert san.errno("igroup-destroy", initiator_group_name="node1") == "9029"
    for path in san.values("lun-get-iter", "path"):
        san("lun-destroy", path=path, force="True")
    assert san.errno("lun-destroy", path="/vol/vol1/a") == "15661"
    for name in ("node1", "twin"):
        san("igroup-destroy", initiator_group_name=name)
    assert san.values("lun-map-get-iter", "path") == []


def test_pages_are_followed(san: San) -> None:
    names = [f"/vol/vol2/page{number:02}" for number in range(23)]
    for name in names:
        san("lun-create-by-size", path=name, size=10 * MIB, space_reservation_enabled="false")
    seen: list[str] = []
    pages = 0
    tag: dict[str, str] = {}
    while True:
        page = san("lun-get-iter", max_records=10, query={"lun-info": {"path": "/vol/vol2/page*"}}, **tag)
        seen += [element.text or "" for element in page.iter("path")]
        pages += 1
        after = page.findtext("next-tag")
        if not after:
            break
        tag = {"tag": after}
    assert (seen, pages) == (names, 3)
    for name in names:
        san("lun-destroy", path=name)


def test_versions_logins_and_vservers(san: San, simulator: Simulator) -> None:
    assert san.values("system-get-ontapi-version", "minor-version")[0] == "180"
    assert san.values("system-get-version", "generation")[0] == "9"
    assert san.errno("lun-fly") == "13005"
    assert san.errno("system-node-get-iter") == "13005"
    assert "lun-create-by-size" in ",".join(
        san.values("system-user-capability-get-iter", "api-name", max_records=500)
    )
    with pytest.raises(Refused) as caught:
        type(san._client)(simulator.port, password="wrong").send("vserver-get", {}, san.vserver)
    assert caught.value.errno in {"401", "13002"}, "each library has its own word for HTTP 401"
    with pytest.raises(Refused, match="15698"):
        san._client.send("vserver-get", {}, "nowhere")
    assert san.value("vserver-get", "vserver-name") == san.vserver


def test_volumes_by_the_sdks_own_wrapper(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ontap-api-wrapper offers beside LUNs, of which it has none: volumes, qtrees, snapshots, aggregates."""
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca))
    filer = wrapped(simulator.port)
    assert [aggregate.name for aggregate in filer.get_aggregates()] == ["aggr1", "aggr2"]
    assert set(CLIENTS) <= set(filer.get_vservers())
    filer.api.set_vserver("NMSDK")
    volume = filer.create_volume("wrapped", "aggr1", "1g", vserver_name="NMSDK")
    assert filer.has_volume("wrapped")
    assert "wrapped" in [each.name for each in filer.get_volumes(vserver_name="NMSDK")]
    volume.create_qtree("q")
    volume.snapshot_create("s")
    assert volume.has_snap("s")
    volume.snapshot_rename("s", "t")
    assert not volume.has_snap("s")
    volume.snapshot_delete("t")
    assert not volume.has_snap("t")
    volume.offline()
    assert volume.get_state() == "offline"
    volume.delete()
    assert not filer.has_volume("wrapped")


def test_netapp_lib_asks_before_it_logs_in(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the challenge in the answer it would never send its password."""
    monkeypatch.setenv("SSL_CERT_FILE", str(simulator.ca))
    before = len(simulator.requests())
    CLIENTS["netapp-lib"](simulator.port).send("lun-get-iter", {}, "netapp-lib")
    assert [request.http for request in simulator.requests()[before:]] == [401, 200]
    gc.collect()


def test_comments_beyond_ascii(san: San) -> None:
    """The SDK counts a request's characters for its bytes, so what it sends of such a text is cut short."""
    path = "/vol/vol2/comment"
    san("lun-create-by-size", path=path, size=10 * MIB)
    if san.vserver == "NMSDK":
        assert san.errno("lun-set-comment", path=path, comment="\u00fcber") == "13001"
    else:
        san("lun-set-comment", path=path, comment="\u00fcber")
        assert san.field(path, "comment") == "\u00fcber"
    san("lun-destroy", path=path)
