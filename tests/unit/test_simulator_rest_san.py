"""Igroups, initiators, maps and what else of the SAN side is asked for over REST; each refusal's code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator import provision
from tests.simulator.filer import LICENCES, Filer
from tests.unit import zapi
from tests.unit.rest import Fields, ask, code, make, records, respond

MIB = 1 << 20
IQN, OTHER, WWPN = "iqn.2001-01.org.example:n1", "iqn.2001-01.org.example:n2", "21:00:00:0e:1e:0a:0b:0c"
IGROUPS, MAPS, LUNS = "/protocols/san/igroups", "/protocols/san/lun-maps", "/storage/luns"
GROUP: Fields = {"svm.name": "svm1", "name": "g", "os_type": "linux", "protocol": "iscsi"}


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[Filer]:
    """A filer of release 9.14.1 with two SVMs, and an initiator that is logged in to the first."""
    filer = Filer(tmp_path, seed="san", ontapi=240)
    provision.add_volume(filer.state, "svm2", "vol1")
    filer.log_in("svm1", IQN)
    yield filer
    filer.close()


def lun(filer: Filer, name: str = "a", svm: str = "svm1") -> str:
    """The uuid of a new LUN."""
    body = {"svm.name": svm, "name": f"/vol/vol1/{name}", "os_type": "linux", "space.size": MIB}
    return str(make(filer, LUNS, body)["uuid"])


def group(filer: Filer, name: str = "g", *initiators: str, svm: str = "svm1") -> str:
    """The uuid of a new igroup."""
    members = {"initiators": [{"name": each} for each in initiators]} if initiators else {}
    return str(make(filer, IGROUPS, {**GROUP, "name": name, "svm.name": svm, **members})["uuid"])


def mapping(filer: Filer, lun_uuid: str, igroup: str, number: int | None = None) -> Fields:
    """The body for a map."""
    chosen = {} if number is None else {"logical_unit_number": number}
    return {"svm.name": "svm1", "lun.uuid": lun_uuid, "igroup.name": igroup, **chosen}


def test_an_igroup_with_its_initiators_in_one_call(filer: Filer) -> None:
    made = make(filer, IGROUPS, {**GROUP, "initiators": [{"name": IQN.upper().replace("IQN", "iqn")}]})
    assert made["initiators"] == [{"name": IQN}], "IQNs are kept in lower case"
    assert (made["protocol"], made["os_type"], made["delete_on_unmap"]) == ("iscsi", "linux", False)
    place = f"{IGROUPS}/{made['uuid']}"
    ask(filer, "PATCH", place, {"name": "h", "comment": "ours", "os_type": "vmware"})
    now = ask(filer, "GET", place)
    assert (now["name"], now["comment"], now["os_type"]) == ("h", "ours", "vmware")
    assert zapi.texts(zapi.ask(filer, "igroup-get-iter"), "initiator-name") == [IQN]
    ask(filer, "DELETE", place)
    assert code(filer, "GET", place) == code(filer, "DELETE", place) == "5374852"


def test_an_igroup_without_initiators_has_none(filer: Filer) -> None:
    assert "initiators" not in ask(filer, "GET", f"{IGROUPS}/{group(filer)}")


def test_the_default_protocol_is_mixed(filer: Filer) -> None:
    assert make(filer, IGROUPS, {"svm.name": "svm1", "name": "g", "os_type": "linux"})["protocol"] == "mixed"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"name": "g"}, "5374023"),
        ({"name": "-x"}, "5373958"),
        ({"name": "x" * 97}, "5373958"),
        ({"os_type": "default"}, "262197"),
        ({"protocol": "nvme"}, "262197"),
        ({"svm.name": "none"}, "2621462"),
        ({"initiators": [{"name": IQN}, {"name": IQN}]}, "5374917"),
        ({"portset": {"name": "none"}}, "5374911"),
        ({"igroups": [{"name": "none"}]}, "5374878"),
        ({"lun_maps": [{"logical_unit_number": 1}]}, "262196"),
    ],
)
def test_what_cannot_be_an_igroup(filer: Filer, change: Fields, refusal: str) -> None:
    group(filer)
    assert code(filer, "POST", IGROUPS, {**GROUP, "name": "new", **change}) == refusal


def test_an_igroup_needs_an_operating_system(filer: Filer) -> None:
    assert code(filer, "POST", IGROUPS, {"svm.name": "svm1", "name": "g"}) == "262186"


@pytest.mark.parametrize(
    ("protocol", "name", "refusal"),
    [
        ("iscsi", "iqn.2001-01", "5373969"),
        ("iscsi", "iqn.2001.org.example", "5373971"),
        ("iscsi", "iqn.2001-13.org.example", "5373971"),
        ("iscsi", "iqn.2001-01.org_example", "5373972"),
        ("iscsi", "eui.0123456789abcde", "5373977"),
        ("iscsi", "eui.0123456789abcdeg", "5373978"),
        ("fcp", "21:00:00:0e:1e:0a:0b", "5373982"),
        ("fcp", "2100:000e:1e0a:0b0c", "5373983"),
        ("mixed", "node1", "5373993"),
        ("mixed", "x" * 97, "5373992"),
        ("iscsi", WWPN, "5374039"),
        ("fcp", IQN, "5374038"),
    ],
)
def test_what_is_no_initiator(filer: Filer, protocol: str, name: str, refusal: str) -> None:
    body = {**GROUP, "protocol": protocol}
    assert code(filer, "POST", IGROUPS, {**body, "initiators": [{"name": name}]}) == refusal
    place = f"{IGROUPS}/{make(filer, IGROUPS, body)['uuid']}/initiators"
    assert code(filer, "POST", place, {"name": name}) == refusal


def test_initiators_come_and_go(filer: Filer) -> None:
    place = f"{IGROUPS}/{group(filer)}/initiators"
    answer = respond(filer, "POST", place, {"name": IQN})
    assert (answer.status, answer.headers["Location"]) == (201, f"/api{place}/{IQN}")
    assert code(filer, "POST", place, {"name": IQN.upper()}) == "5374035"
    assert code(filer, "POST", place, {}) == "5374033"
    many = {"records": [{"name": OTHER}, {"name": "iqn.2001-01.org.example:n3"}]}
    assert ask(filer, "POST", place, many)["num_records"] == 2
    assert code(filer, "POST", place, {"records": []}) == "262197"
    assert len(records(filer, place)) == 3
    assert ask(filer, "GET", f"{place}/{IQN}")["name"] == IQN
    ask(filer, "DELETE", f"{place}/{IQN}")
    assert code(filer, "DELETE", f"{place}/{IQN}") == "5374034"
    assert (code(filer, "GET", f"{place}/{IQN}"), respond(filer, "GET", f"{place}/{IQN}").status) == ("4", 404)
    for method, path in (("GET", f"{IGROUPS}/none/initiators"), ("POST", f"{IGROUPS}/none/initiators")):
        assert code(filer, method, path, {"name": IQN} if method == "POST" else None) == "5374852"


def test_wwpns_are_kept_with_colons(filer: Filer) -> None:
    body = {**GROUP, "protocol": "fcp", "initiators": [{"name": WWPN.replace(":", "").upper()}]}
    assert make(filer, IGROUPS, body)["initiators"] == [{"name": WWPN}]


def test_an_initiator_has_one_operating_system(filer: Filer) -> None:
    group(filer, "g", IQN)
    windows = {**GROUP, "name": "w", "os_type": "windows"}
    assert code(filer, "POST", IGROUPS, {**windows, "initiators": [{"name": IQN}]}) == "5374732"
    place = f"{IGROUPS}/{make(filer, IGROUPS, windows)['uuid']}/initiators"
    assert code(filer, "POST", place, {"name": IQN}) == "5374734"


def test_maps(filer: Filer) -> None:
    a, b, g = lun(filer), lun(filer, "b"), group(filer, "g", IQN)
    answer = respond(filer, "POST", MAPS, mapping(filer, a, "g", 7), query="return_records=true")
    assert (answer.status, answer.headers["Location"]) == (201, f"/api{MAPS}/{a}/{g}")
    (made,) = (answer.content or {})["records"]
    assert (made["logical_unit_number"], made["lun"]["name"]) == (7, "/vol/vol1/a")
    assert [node["name"] for node in made["reporting_nodes"]] == ["cluster1-01", "cluster1-02"]
    assert make(filer, MAPS, mapping(filer, b, "g"))["logical_unit_number"] == 0, "the lowest free one"
    assert zapi.texts(zapi.ask(filer, "lun-map-get-iter"), "lun-id") == ["7", "0"]
    (shown,) = records(filer, MAPS, lun_name="/vol/vol1/a")
    assert (set(shown), shown["igroup"]["name"]) == ({"lun", "igroup", "svm", "_links"}, "g")
    for query in ({"lun_uuid": a}, {"igroup_name": "g"}, {"igroup_uuid": g}, {"logical__unit__number": "7"}):
        assert a in [each["lun"]["uuid"] for each in records(filer, MAPS, **query)]
    assert ask(filer, "GET", f"{LUNS}/{a}", query="fields=lun_maps")["lun_maps"][0]["logical_unit_number"] == 7
    assert ask(filer, "GET", f"{IGROUPS}/{g}", query="fields=lun_maps")["lun_maps"][1]["lun"]["uuid"] == a
    ask(filer, "DELETE", f"{MAPS}/{a}/{g}")
    assert code(filer, "DELETE", f"{MAPS}/{a}/{g}") == "5374922"
    assert ask(filer, "GET", f"{LUNS}/{a}", query="fields=status.mapped")["status"]["mapped"] is False


def test_what_cannot_be_mapped(filer: Filer) -> None:
    a, b = lun(filer), lun(filer, "b")
    group(filer, "g", IQN)
    group(filer, "h", IQN)
    make(filer, MAPS, mapping(filer, a, "g", 7))
    far = lun(filer, "far", svm="svm2")
    for body, refusal in (
        (mapping(filer, a, "g"), "1254207"),
        (mapping(filer, a, "g", 8), "1254207"),
        (mapping(filer, "none", "g"), "1254201"),
        (mapping(filer, far, "g"), "1254201"),
        (mapping(filer, b, "none"), "5374878"),
        (mapping(filer, a, "h"), "1254193"),
        (mapping(filer, b, "g", 7), "1254324"),
        (mapping(filer, b, "h", 7), "1254324"),
        (mapping(filer, b, "g", 4096), "262197"),
        ({"svm.name": "svm1", "igroup.name": "g"}, "5374901"),
        ({"svm.name": "svm1", "lun.uuid": b}, "5374902"),
        ({"lun.uuid": b, "igroup.name": "g"}, "2621707"),
        ({**mapping(filer, b, "g"), "force": True}, "262179"),
        ({**mapping(filer, b, "g"), "lun.name": "/vol/vol1/a"}, "1254201"),
    ):
        assert code(filer, "POST", MAPS, body) == refusal, body
    assert (
        code(filer, "POST", MAPS, mapping(filer, b, "g"), query="additional_reporting_node.name=n9") == "5374920"
    )
    assert len(records(filer, MAPS)) == 1


def test_what_is_not_there_of_a_map(filer: Filer) -> None:
    a, g, far = lun(filer), group(filer), group(filer, "far", svm="svm2")
    for method, igroup in (("GET", "5374852"), ("DELETE", "5374878")):
        assert code(filer, method, f"{MAPS}/none/{g}") == "5374875"
        assert code(filer, method, f"{MAPS}/{a}/none") == code(filer, method, f"{MAPS}/{a}/{far}") == igroup
        assert code(filer, method, f"{MAPS}/{a}/{g}") == "5374922"


def test_mapped_things_stay_unless_the_caller_insists(filer: Filer) -> None:
    a, g = lun(filer), group(filer, "g", IQN)
    make(filer, MAPS, mapping(filer, a, "g"))
    ask(filer, "PATCH", f"{LUNS}/{a}", {"enabled": False})
    for place, refusal in (
        (f"{LUNS}/{a}", "1254197"),
        (f"{IGROUPS}/{g}/initiators/{IQN}", "1254213"),
        (f"{IGROUPS}/{g}", "1254213"),
    ):
        assert code(filer, "DELETE", place) == refusal
        assert code(filer, "DELETE", place, query="allow_delete_while_mapped=false") == refusal
    for place in (f"{IGROUPS}/{g}/initiators/{IQN}", f"{LUNS}/{a}", f"{IGROUPS}/{g}"):
        assert code(filer, "DELETE", place, query="allow_delete_while_mapped=true") is None
    assert (records(filer, MAPS), records(filer, LUNS), records(filer, IGROUPS)) == ([], [], [])


def test_an_initiator_that_would_have_something_twice(filer: Filer) -> None:
    a, b, g, h = lun(filer), lun(filer, "b"), group(filer, "g", IQN), group(filer, "h", OTHER)
    make(filer, MAPS, mapping(filer, a, "g", 1))
    make(filer, MAPS, mapping(filer, b, "h", 1))
    assert code(filer, "POST", f"{IGROUPS}/{h}/initiators", {"name": IQN}) == "1254324"
    ask(filer, "DELETE", f"{MAPS}/{b}/{h}")
    make(filer, MAPS, mapping(filer, a, "h", 2))
    assert code(filer, "POST", f"{IGROUPS}/{g}/initiators", {"name": OTHER}) == "1254193"


def test_reporting_nodes(filer: Filer) -> None:
    a, g = lun(filer), group(filer)
    make(filer, MAPS, mapping(filer, a, "g"))
    place = f"{MAPS}/{a}/{g}/reporting-nodes"
    first, second = records(filer, place)
    ask(filer, "DELETE", f"{place}/{first['uuid']}")
    assert code(filer, "DELETE", f"{place}/{second['uuid']}") == "5374608"
    assert len(zapi.texts(zapi.ask(filer, "lun-map-get-iter"), "node-name")) == 1
    ask(filer, "POST", place, {"name": first["name"]})
    assert code(filer, "POST", place, {"name": "none"}) == "5374920"
    assert code(filer, "POST", place, {}) == "5374923"
    assert code(filer, "GET", f"{MAPS}/{a}/none/reporting-nodes") == "5374852"
    assert len(records(filer, place)) == 2


def test_services_and_interfaces(filer: Filer) -> None:
    (service,) = records(filer, "/protocols/san/iscsi/services", svm_name="svm1", fields="*")
    target = zapi.texts(zapi.ask(filer, "iscsi-node-get-name"), "node-name")[0]
    assert (service["target"]["name"], service["enabled"]) == (target, True)
    query = {"svm_name": "svm1", "services": "data_iscsi", "fields": "ip.address,location.node.name,state"}
    portals = records(filer, "/network/ip/interfaces", **query)
    addresses = zapi.texts(zapi.ask(filer, "iscsi-interface-get-iter"), "ip-address")
    assert sorted(each["ip"]["address"] for each in portals) == sorted(addresses)
    assert sorted(each["location"]["node"]["name"] for each in portals) == ["cluster1-01", "cluster1-02"]
    ports = records(filer, "/network/fc/interfaces", svm_name="svm1", data__protocol="fcp", fields="wwpn")
    names = zapi.texts(zapi.ask(filer, "fcp-port-name-get-iter"), "port-name")
    assert sorted(each["wwpn"] for each in ports) == sorted(names)
    (node,) = records(filer, "/protocols/san/fcp/services", svm_name="svm1", fields="target.name")
    assert node["target"]["name"] == zapi.texts(zapi.ask(filer, "fcp-node-get-name"), "node-name")[0]


def test_ports_of_this_machine_are_the_first_svms(tmp_path: Path) -> None:
    """Where its LUNs are exported over Fibre Channel; another SVM keeps its own."""
    wwpns = ("20:00:0e:00:00:00:00:01", "20:00:0e:00:00:00:00:02")
    filer = Filer(tmp_path, wwpns=wwpns)
    provision.add_vserver(filer.state, "svm2")
    ports = {
        svm: {each["wwpn"] for each in records(filer, "/network/fc/interfaces", svm_name=svm, fields="wwpn")}
        for svm in ("svm1", "svm2")
    }
    assert ports["svm1"] == {*wwpns} == {*zapi.texts(zapi.ask(filer, "fcp-interface-get-iter"), "port-name")}
    assert len(ports["svm2"] - ports["svm1"]) == 2
    filer.close()


def test_a_service_stops(filer: Filer) -> None:
    place = f"/protocols/san/iscsi/services/{filer.vservers['svm1',].uuid}"
    ask(filer, "PATCH", place, {"enabled": False})
    assert ask(filer, "GET", place)["enabled"] is False
    assert zapi.texts(zapi.ask(filer, "iscsi-service-get-iter"), "is-available") == ["false"]
    assert records(filer, "/protocols/san/iscsi/sessions") == [], "a stopped service has no sessions"
    ask(filer, "PATCH", place, {"enabled": True})
    assert ask(filer, "GET", place)["enabled"] is True
    assert code(filer, "GET", "/protocols/san/iscsi/services/none") == "5374078"


@pytest.mark.parametrize(("protocol", "name"), [("iscsi", IQN), ("fcp", WWPN)])
def test_a_service_is_deleted_and_created(filer: Filer, protocol: str, name: str) -> None:
    """It has to be disabled before; ZAPI does not have it any more either."""
    services, svm = f"/protocols/san/{protocol}/services", filer.vservers["svm1",].uuid
    filer.log_in("svm1", name)
    place = f"{services}/{svm}"
    assert code(filer, "DELETE", place) == "5373960"
    ask(filer, "PATCH", place, {"enabled": False})
    ask(filer, "DELETE", place)
    assert [each["svm"]["name"] for each in records(filer, services)] == ["svm2"]
    assert code(filer, "GET", place) == code(filer, "PATCH", place, {"enabled": True}) == "5374078"
    assert zapi.texts(zapi.ask(filer, f"{protocol}-service-get-iter"), "num-records") == ["0"]
    for api in ("service-start", "service-stop", "service-status", "node-get-name"):
        assert zapi.errno_of(filer, f"{protocol}-{api}") == 15661
    assert code(filer, "POST", services, {"svm.name": "svm2"}) == "5374077"
    filer.licences = LICENCES - {protocol}
    assert code(filer, "POST", services, {"svm.name": "svm1"}) == "1115127"
    filer.licences = LICENCES
    ask(filer, "POST", services, {"svm.name": "svm1"})
    assert ask(filer, "GET", place)["enabled"] is True
    ask(filer, "PATCH", place, {"enabled": False})
    ask(filer, "DELETE", place)
    ask(filer, "POST", services, {"svm.uuid": svm, "enabled": False})
    assert ask(filer, "GET", place)["enabled"] is False


def test_an_fc_interface_is_disabled_and_deleted(filer: Filer) -> None:
    filer.log_in("svm1", WWPN)
    (first, second) = records(filer, "/network/fc/interfaces", svm_name="svm1")
    place = f"/network/fc/interfaces/{first['uuid']}"
    assert code(filer, "DELETE", place) == "53280992"
    ask(filer, "PATCH", place, {"enabled": False})
    found = ask(filer, "GET", place)
    assert (found["enabled"], found["state"]) == (False, "down")
    assert len(records(filer, "/network/fc/logins")) == 1
    ask(filer, "DELETE", place)
    assert records(filer, "/network/fc/interfaces", svm_name="svm1") == [second]
    ask(filer, "PATCH", f"/network/fc/interfaces/{second['uuid']}", {"enabled": True})
    assert len(records(filer, "/network/fc/logins")) == 1
    assert code(filer, "PATCH", f"/network/fc/interfaces/{second['uuid']}", {"name": "x"}) == "262196"


def test_who_is_logged_in(filer: Filer) -> None:
    group(filer, "g", IQN)
    sessions = records(filer, "/protocols/san/iscsi/sessions", initiator_name=IQN, fields="*")
    assert [each["igroups"][0]["name"] for each in sessions] == ["g", "g"]
    assert {each["target_portal_group"] for each in sessions} == {"svm1_iscsi_1", "svm1_iscsi_2"}
    assert sessions[0]["connections"][0]["interface"]["ip"]["port"] == 3260
    filer.log_out("svm1", IQN)
    assert records(filer, "/protocols/san/iscsi/sessions") == []
    filer.log_in("svm1", WWPN)
    logins = records(filer, "/network/fc/logins", initiator_wwpn=WWPN, protocol="fcp")
    assert {each["interface"]["name"] for each in logins} == {"svm1_fc_1", "svm1_fc_2"}


def test_a_volume_is_changed(filer: Filer) -> None:
    (volume,) = records(filer, "/storage/volumes", name="vol1", svm_name="svm1")
    place, size = f"/storage/volumes/{volume['uuid']}", 20 << 30
    ask(filer, "PATCH", place, {"size": "20GB", "comment": "x"})
    changed = ask(filer, "GET", place)
    assert (changed["size"], changed["space"]["available"], changed["comment"]) == (size, size, "x")
    lun = {"svm.name": "svm1", "name": "/vol/vol1/t", "os_type": "linux"}
    space = {"size": size // 2, "guarantee": {"requested": True}}
    make(filer, LUNS, {**lun, "space": space})
    for body, refusal in (
        ({"size": size // 2 - MIB}, "262197"),
        ({"size": 1 << 60}, "262197"),
        ({"state": "gone"}, "262197"),
        ({"name": "other"}, "262196"),
        ({"colour": "red"}, "262179"),
    ):
        assert code(filer, "PATCH", place, {"comment": "y", **body}) == refusal, body
    assert ask(filer, "GET", place)["comment"] == "x", "all or nothing"
    ask(filer, "PATCH", place, {"state": "offline"})
    assert code(filer, "POST", LUNS, {**lun, "name": "/vol/vol1/u", "space": space}) == "5374866"
    ask(filer, "PATCH", place, {"state": "online"})
    assert ask(filer, "GET", place)["state"] == "online"


def test_volumes(filer: Filer) -> None:
    zapi.ask(filer, "volume-clone-create", {"volume": "copy", "parent-volume": "vol1"})
    provision.add_volume(filer.state, "svm1", "dp", type_="dp")
    fields = "type,state,style,is_svm_root,clone.is_flexclone,clone.parent_volume.name,space.available,space.size"
    found = {each["name"]: each for each in records(filer, "/storage/volumes", svm_name="svm1", fields=fields)}
    assert [found[name]["type"] for name in ("vol1", "dp")] == ["rw", "dp"]
    assert (found["copy"]["clone"]["is_flexclone"], found["copy"]["clone"]["parent_volume"]["name"]) == (
        True,
        "vol1",
    )
    assert (found["svm1_root"]["is_svm_root"], found["vol1"]["is_svm_root"]) == (True, False)
    before = found["vol1"]["space"]["available"]
    make(
        filer,
        LUNS,
        {"svm.name": "svm1", "name": "/vol/vol1/t", "os_type": "linux"}
        | {"space": {"size": 10 * MIB, "guarantee": {"requested": True}}},
    )
    (now,) = records(filer, "/storage/volumes", svm_name="svm1", name="vol1", fields="space.available,space.used")
    assert (before - now["space"]["available"], now["space"]["used"]) == (10 * MIB, 10 * MIB)
    zapi.ask(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"})
    assert [each["name"] for each in records(filer, f"/storage/volumes/{now['uuid']}/snapshots")] == ["s"]
    assert code(filer, "GET", "/storage/volumes/none") == "918235"
