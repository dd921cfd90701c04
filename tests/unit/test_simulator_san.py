"""The SAN's side of the simulated filer: what else there is to igroups, portsets, services, initiators, QoS."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulator.filer import Filer
from tests.simulator.model import MIB, Session
from tests.unit.zapi import ask, errno_of, texts

IQN = "iqn.1993-08.org.debian:01:abc"
WWPN = "21:00:00:0e:1e:0a:0b:0c"
PATH = "/vol/vol1/a"


@pytest.fixture
def filer(tmp_path: Path) -> Filer:
    """A filer with a LUN that is mapped to igroup g."""
    filer = Filer(tmp_path, seed="san")
    ask(filer, "lun-create-by-size", {"path": PATH, "size": 10 * MIB})
    ask(filer, "igroup-create", {"initiator-group-name": "g", "initiator-group-type": "mixed"})
    for initiator in (IQN, WWPN):
        ask(filer, "igroup-add", {"initiator-group-name": "g", "initiator": initiator})
    ask(filer, "lun-map", {"path": PATH, "initiator-group": "g", "lun-id": 7})
    return filer


def test_a_conflict_of_maps_has_the_errno_that_was_chosen(tmp_path: Path) -> None:
    for errno in (9009, 9039):
        filer = Filer(tmp_path / str(errno), map_conflict=errno)
        ask(filer, "lun-create-by-size", {"path": PATH, "size": 10 * MIB})
        for name in "gh":
            ask(filer, "igroup-create", {"initiator-group-name": name, "initiator-group-type": "iscsi"})
            ask(filer, "igroup-add", {"initiator-group-name": name, "initiator": IQN})
        ask(filer, "lun-map", {"path": PATH, "initiator-group": "g"})
        assert errno_of(filer, "lun-map", {"path": PATH, "initiator-group": "h"}) == errno


def test_an_igroup_is_renamed_with_its_maps(filer: Filer) -> None:
    ask(filer, "igroup-create", {"initiator-group-name": "taken", "initiator-group-type": "iscsi"})
    renamed = {"initiator-group-name": "g", "initiator-group-new-name": "h"}
    assert errno_of(filer, "igroup-rename", {**renamed, "initiator-group-new-name": "taken"}) == 9004
    assert errno_of(filer, "igroup-rename", {**renamed, "initiator-group-new-name": "a b"}) == 13115
    ask(filer, "igroup-rename", renamed)
    assert errno_of(filer, "igroup-rename", renamed) == 9003
    assert filer.luns["svm1", PATH].maps == {"h": 7}
    assert (filer.maps["svm1", "g"], filer.maps["svm1", "h"]) == ({}, {7: PATH})


def test_igroups_attributes_change(filer: Filer) -> None:
    def change(attribute: str, value: str) -> int:
        arguments = {"initiator-group-name": "g", "attribute": attribute, "value": value}
        return errno_of(filer, "igroup-set-attribute", arguments)

    assert [change(*pair) for pair in (("alua", "no"), ("os_type", "linux"), ("throttle_reserve", "5"))] == [0] * 3
    assert (change("colour", "red"), change("os_type", "plan9"), change("alua", "perhaps")) == (9026, 13115, 13115)
    shown = ask(filer, "igroup-list-info", {"initiator-group-name": "g"})
    names = ("alua-enabled", "os-type", "throttle-reserve")
    assert [texts(shown, f"initiator-group-{name}")[0] for name in names] == ["false", "linux", "5"]


def test_portsets_and_who_is_bound_to_them(filer: Filer) -> None:
    named = {"portset-name": "p"}
    bound = {**named, "initiator-group-name": "g"}
    port = {**named, "portset-port-name": "svm1_iscsi_1"}
    assert errno_of(filer, "igroup-bind-portset", bound) == 9074
    assert errno_of(filer, "portset-create", {**named, "portset-type": "iscsi"}) == 0
    assert errno_of(filer, "portset-create", {**named, "portset-type": "iscsi"}) == 9075
    assert errno_of(filer, "igroup-bind-portset", bound) == 9082
    assert errno_of(filer, "portset-add", {**port, "portset-port-name": "none"}) == 9083
    assert errno_of(filer, "portset-add", port) == 0
    assert errno_of(filer, "portset-add", port) == 9076
    assert errno_of(filer, "igroup-bind-portset", bound) == 0
    assert errno_of(filer, "igroup-bind-portset", bound) == 9080
    assert texts(ask(filer, "igroup-get-iter"), "initiator-group-portset-name") == ["p"]
    assert texts(ask(filer, "portset-get-iter"), "portset-port-name") == ["svm1_iscsi_1"]
    assert errno_of(filer, "portset-destroy", named) == 9097
    assert errno_of(filer, "igroup-unbind-portset", {"initiator-group-name": "g"}) == 0
    assert errno_of(filer, "igroup-unbind-portset", {"initiator-group-name": "g"}) == 9081
    assert errno_of(filer, "portset-remove", port) == 0
    assert errno_of(filer, "portset-destroy", named) == 0
    made = {"initiator-group-name": "h", "initiator-group-type": "iscsi", "bind-portset": "p"}
    assert errno_of(filer, "igroup-create", made) == 9074


def test_services_are_switched_off_and_on(filer: Filer) -> None:
    assert texts(ask(filer, "iscsi-service-get-iter"), "is-available") == ["true"]
    ask(filer, "iscsi-service-stop")
    assert texts(ask(filer, "iscsi-service-get-iter"), "is-available") == ["false"]
    assert texts(ask(filer, "iscsi-interface-get-iter"), "is-interface-enabled") == ["false", "false"]
    assert texts(ask(filer, "fcp-service-status"), "is-available") == ["true"]
    ask(filer, "iscsi-service-start")
    assert texts(ask(filer, "iscsi-service-status"), "is-available") == ["true"]
    ask(filer, "fcp-service-stop")
    shown = ask(filer, "fcp-service-get-iter")
    assert texts(shown, "is-available") == ["false"]
    assert texts(shown, "node-name") == texts(ask(filer, "fcp-node-get-name"), "node-name")


def test_interfaces_are_on_both_nodes_and_so_are_maps(filer: Filer) -> None:
    nodes = ["cluster1-01", "cluster1-02"]
    for api in ("iscsi-interface-get-iter", "fcp-interface-get-iter"):
        assert texts(ask(filer, api), "current-node") == nodes
    of_protocol = {"query": {"net-interface-info": {"data-protocols": {"data-protocol": "fcp"}}}}
    shown = ask(filer, "net-interface-get-iter", of_protocol)
    ports = texts(ask(filer, "fcp-port-name-get-iter"), "port-name")
    assert (texts(shown, "current-node"), texts(shown, "wwpn"), texts(shown, "address")) == (nodes, ports, [])
    shown = ask(filer, "lun-map-get-iter")
    assert (texts(shown, "node"), texts(shown, "node-name")) == (nodes[:1], nodes)
    ask(filer, "volume-create", {"volume": "v", "containing-aggr-name": "aggr2", "size": "1g"})
    ask(filer, "lun-create-by-size", {"path": "/vol/v/b", "size": 10 * MIB})
    query = {"query": {"lun-info": {"path": "/vol/v/b"}}}
    assert texts(ask(filer, "lun-get-iter", query), "node") == nodes[1:]


def test_nodes_report_a_lun_as_they_are_told(filer: Filer) -> None:
    def change(action: str, node: str, igroup: str = "g") -> int:
        arguments = {"path": PATH, "igroup": igroup, "nodes": {"filer-id": node}}
        return errno_of(filer, f"lun-map-{action}-reporting-nodes", arguments)

    def reporting() -> list[str]:
        return texts(ask(filer, "lun-map-get-iter"), "node-name")

    assert change("remove", "cluster1-02") == 0
    assert reporting() == ["cluster1-01"]
    assert (change("add", "cluster1-09"), change("add", "cluster1-01", "none")) == (13115, 9003)
    assert change("add", "cluster1-02") == 0
    assert reporting() == ["cluster1-01", "cluster1-02"]
    assert change("remove", "cluster1-01") == 0
    mapped = {"path": PATH, "initiator-group": "g"}
    ask(filer, "lun-unmap", mapped)
    assert change("remove", "cluster1-02") == 9016
    ask(filer, "lun-map", mapped)
    assert reporting() == ["cluster1-01", "cluster1-02"]


def test_interfaces_come_and_go(filer: Filer) -> None:
    named = {"interface-name": "lif9"}
    new = {
        **named,
        "role": "data",
        "data-protocols": {"data-protocol": "iscsi"},
        "home-node": "cluster1-02",
        "home-port": "e0c",
        "address": "192.0.2.99",
        "netmask": "255.255.255.128",
    }
    assert errno_of(filer, "net-interface-create", new, vserver=None) == 13001
    assert errno_of(filer, "net-interface-create", {**new, "address": "1.2.3"}) == 13115
    assert errno_of(filer, "net-interface-create", {**new, "netmask": "1.2.3.4"}) == 13115
    assert errno_of(filer, "net-interface-create", {**new, "data-protocols": {"data-protocol": "nfs"}}) == 13115
    assert errno_of(filer, "net-interface-create", {**new, "home-node": "cluster1-09"}) == 13115
    assert errno_of(filer, "net-interface-create", {**new, "vserver": "svm1"}, vserver=None) == 0
    assert errno_of(filer, "net-interface-create", new) == 13130

    def shown(api: str, item: str, field: str) -> str:
        return texts(ask(filer, api, {"query": {item: named}}), field)[0]

    entry = ("iscsi-interface-get-iter", "iscsi-interface-list-entry-info")
    assert shown(*entry, "ip-address") == "192.0.2.99"
    assert shown(*entry, "current-node") == "cluster1-02"
    assert shown("net-interface-get-iter", "net-interface-info", "netmask-length") == "25"
    assert errno_of(filer, "net-interface-delete", named) == 13115
    ask(filer, "net-interface-modify", {**named, "administrative-status": "down", "address": "192.0.2.98"})
    assert (shown(*entry, "is-interface-enabled"), shown(*entry, "ip-address")) == ("false", "192.0.2.98")
    filer.state.commit(Session("svm1", IQN, "lif9"))
    ask(filer, "net-interface-delete", named)
    assert errno_of(filer, "net-interface-modify", named) == 15661
    assert filer.state.sessions == {}


def test_initiators_that_are_logged_in(filer: Filer) -> None:
    assert texts(ask(filer, "iscsi-initiator-get-iter"), "num-records") == ["0"]
    filer.state.commit(Session("svm1", IQN, "svm1_iscsi_1"), Session("svm1", WWPN, "svm1_fc_2"))
    shown = ask(filer, "iscsi-initiator-get-iter")
    names = ("initiator-nodename", "initiator-group-name", "tpgroup-tag")
    assert [texts(shown, name) for name in names] == [[IQN], ["g"], ["1028"]]
    assert texts(ask(filer, "iscsi-session-get-iter"), "initiator-nodename") == [IQN]
    assert texts(ask(filer, "fcp-initiator-get-iter"), "port-name")[0] == WWPN
    for initiator, expected in ((IQN.upper(), "true"), ("iqn.1993-08.org.debian:01:no", "false")):
        asked = ask(filer, "lun-initiator-logged-in", {"initiator": initiator})
        assert texts(asked, "logged-in") == [expected]


def test_initiators_log_in_and_out(filer: Filer) -> None:
    there = {IQN, f"{IQN}2", "iqn.1993-08.org.debian:01:third"}
    for initiator in (*there, WWPN):
        filer.log_in("svm1", initiator.upper())
    filer.log_in("svm2", IQN)

    def iscsi(pattern: str) -> set[str]:
        query = {"query": {"iscsi-initiator-list-entry-info": {"initiator-nodename": pattern}}}
        return set(texts(ask(filer, "iscsi-initiator-get-iter", query), "initiator-nodename"))

    assert iscsi("*") == there
    assert iscsi(f"{IQN}|iqn.1993-08.org.debian:01:absent|*third") == {IQN, "iqn.1993-08.org.debian:01:third"}
    filer.log_out("svm1", IQN)
    filer.log_out("svm1", IQN)
    assert iscsi("*") == there - {IQN}
    assert texts(ask(filer, "lun-initiator-logged-in", {"initiator": IQN}, vserver="svm2"), "logged-in") == [
        "true"
    ]
    connected = {"fcp-connected-initiators": {"fcp-connected-initiator-info": {"port-name": WWPN}}}
    query = {"query": {"fcp-adapter-initiators-info": connected}}
    assert texts(ask(filer, "fcp-initiator-get-iter", query), "adapter") == ["svm1_fc_1", "svm1_fc_2"]
    filer.log_out("svm1", WWPN)
    assert texts(ask(filer, "fcp-initiator-get-iter"), "num-records") == ["0"]


def test_nobody_is_logged_in_to_what_does_not_run(filer: Filer) -> None:
    filer.log_in("svm1", IQN)
    down = {"vserver": "svm1", "interface-name": "svm1_iscsi_1", "administrative-status": "down"}
    ask(filer, "net-interface-modify", down)
    assert texts(ask(filer, "iscsi-initiator-get-iter"), "tpgroup-name") == ["svm1_iscsi_2"]
    ask(filer, "iscsi-service-stop")
    assert texts(ask(filer, "iscsi-initiator-get-iter"), "num-records") == ["0"]
    assert texts(ask(filer, "lun-initiator-logged-in", {"initiator": IQN}), "logged-in") == ["false"]


def test_nobody_has_a_login_of_his_own(filer: Filer) -> None:
    assert errno_of(filer, "iscsi-initiator-get-auth", {"initiator": IQN}) == 13112
    assert texts(ask(filer, "iscsi-initiator-get-default-auth"), "auth-type") == ["none"]
    assert texts(ask(filer, "iscsi-initiator-auth-get-iter"), "initiator") == ["default"]


def test_policy_groups_and_who_bears_them(filer: Filer) -> None:
    group = {"policy-group": "fast", "max-throughput": "1000iops"}
    of_lun = {"path": PATH, "qos-policy-group": "fast"}
    assert errno_of(filer, "lun-set-qos-policy-group", of_lun) == 15661
    assert errno_of(filer, "qos-policy-group-create", {**group, "vserver": "svm1"}, vserver=None) == 0
    assert errno_of(filer, "qos-policy-group-create", group) == 13130
    assert errno_of(filer, "qos-policy-group-create", group, vserver=None) == 13001
    assert errno_of(filer, "lun-set-qos-policy-group", {**of_lun, "qos-adaptive-policy-group": "fast"}) == 13115
    ask(filer, "lun-set-qos-policy-group", of_lun)
    ask(filer, "qos-policy-group-rename", {"policy-group-name": "fast", "new-name": "old-fast"})
    assert texts(ask(filer, "lun-get-iter"), "qos-policy-group") == ["old-fast"]
    unused = {"query": {"qos-policy-group-info": {"policy-group": "old-*"}}}
    assert texts(ask(filer, "qos-policy-group-delete-iter", unused, vserver=None), "num-failed") == ["1"]
    assert errno_of(filer, "qos-policy-group-delete", {"policy-group": "old-fast"}) == 13001
    ask(filer, "lun-set-qos-policy-group", {"path": PATH, "qos-policy-group": "none"})
    assert texts(ask(filer, "qos-policy-group-delete-iter", unused, vserver=None), "num-succeeded") == ["1"]
    adaptive = {"policy-group": "grow", "expected-iops": "100iops/tb", "peak-iops": "500iops/tb"}
    ask(filer, "qos-adaptive-policy-group-create", adaptive)
    ask(filer, "file-assign-qos", {"volume": "vol1", "file": "a", "qos-adaptive-policy-group-name": "grow"})
    assert texts(ask(filer, "lun-get-iter"), "qos-adaptive-policy-group") == ["grow"]
    assert texts(ask(filer, "qos-adaptive-policy-group-get-iter"), "num-workloads") == ["1"]


def test_identities_are_looked_up_and_changed_offline(filer: Filer) -> None:
    serial = filer.luns["svm1", PATH].serial
    assert texts(ask(filer, "lun-get-vdisk-attributes", {"serial-number": serial}), "path") == [PATH]
    assert errno_of(filer, "lun-get-vdisk-attributes", {"serial-number": "x" * 12}) == 9017
    other = {"path": PATH, "serial-number": "abcdefgh1234"}
    assert errno_of(filer, "lun-set-serial-number", other) == 9015
    ask(filer, "lun-offline", {"path": PATH})
    assert errno_of(filer, "lun-set-serial-number", {**other, "serial-number": "short"}) == 13115
    ask(filer, "lun-set-serial-number", other)
    assert texts(ask(filer, "lun-list-info", {"path": PATH}), "serial-number") == ["abcdefgh1234"]


def test_what_else_can_be_asked_of_a_lun(filer: Filer) -> None:
    shown = ask(filer, "lun-get-inquiry-info", {"initiator-group-name": "g"})
    assert [texts(shown, name)[0] for name in ("vendor-id", "product-id")] == ["NETAPP", "LUN C-Mode"]
    assert texts(ask(filer, "lun-has-scsi-reservations", {"path": PATH}), "is-reservation-held") == ["false"]
    assert errno_of(filer, "lun-clear-persistent-reservation-info", {"path": PATH}) == 9015
    ask(filer, "lun-set-attribute", {"path": PATH, "name": "fstype", "value": "ext4"})
    ask(filer, "lun-unset-attribute", {"path": PATH, "name": "fstype"})
    assert errno_of(filer, "lun-unset-attribute", {"path": PATH, "name": "fstype"}) == 9011
    assert texts(ask(filer, "lun-get-space-reservation-info", {"path": PATH}), "is-enabled") == ["true"]
    assert texts(ask(filer, "file-usage-get", {"path": PATH}), "unique-bytes") == [str(10 * MIB)]
    assert texts(ask(filer, "lun-list-info", {"volume-name": "none"}), "path") == []
