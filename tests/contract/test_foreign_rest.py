"""A LUN's whole life over REST, by NetApp's own Python client, netapp-ontap."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from netapp_ontap import NetAppRestError, config
from netapp_ontap.resources import (
    Aggregate,
    Cluster,
    CounterTable,
    FcInterface,
    FcpService,
    Igroup,
    IgroupInitiator,
    IgroupNested,
    IpInterface,
    IscsiService,
    IscsiSession,
    Job,
    Lun,
    LunAttribute,
    LunMap,
    LunMapReportingNode,
    Node,
    Role,
    RolePrivilege,
    Snapshot,
    Svm,
    Volume,
)

from tests.contract.netapp_rest import (
    IQN,
    MIB,
    OTHER,
    WWPN,
    code,
    connection,
    group,
    made,
    mapping,
    names,
    new,
)
from tests.simulator.faults import Fault
from tests.simulator.process import Simulator

# Made for an older marshmallow, which it also asks for.
pytestmark = pytest.mark.filterwarnings("ignore::marshmallow.warnings.ChangedInMarshmallow4Warning")


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One filer of release 9.16.1 for this file."""
    options = ("--release", "9.16.1", "--seed", "foreign", "--volume", "svm1/vol2", "--initiator", f"svm1/{IQN}")
    with Simulator(tmp_path_factory.mktemp("filer"), *options) as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def trust(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library goes by the environment first, where there is such a variable."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(simulator.ca))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def filer(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """The filer, and the library's connection to it. Nothing is left on it.

    The library sends also what it knows to be wrong, and takes no field that NetApp's description does not have.
    """
    monkeypatch.setattr(config, "ENABLE_VALIDATIONS", False)
    monkeypatch.setattr(config, "STRICT_FIELD_ACCEPTANCE", True)
    with connection(simulator):
        yield simulator
        Lun.delete_collection(name="*", allow_delete_while_mapped=True)
        Igroup.delete_collection(name="*", allow_delete_while_mapped=True)


def test_what_the_filer_is(filer: Simulator) -> None:
    cluster = Cluster()
    cluster.get(fields="name,version,san_optimized,disaggregated")
    assert (cluster.version.generation, cluster.version.major, cluster.version.minor) == (9, 16, 1)
    assert (cluster.san_optimized, cluster.disaggregated) == (False, False)
    assert sorted(node.name for node in Node.get_collection(fields="ha")) == ["cluster1-01", "cluster1-02"]
    assert Svm.find(name="svm1").name == "svm1"
    assert Svm.find(name="none") is None
    assert sorted(each.name for each in Aggregate.get_collection()) == ["aggr1", "aggr2"]
    volume = Volume.find(name="vol1", **{"svm.name": "svm1"})
    volume.get(fields="type,state,is_svm_root,clone.is_flexclone,space.available")
    assert (volume.type, volume.state, volume.is_svm_root, volume.clone.is_flexclone) == (
        "rw",
        "online",
        False,
        False,
    )
    assert volume.space.available == 1 << 40
    assert list(Snapshot.get_collection(volume.uuid)) == []
    assert "system" in [table.name for table in CounterTable.get_collection()]


def test_where_the_filer_is_reached(filer: Simulator) -> None:
    service = IscsiService.find(**{"svm.name": "svm1"})
    service.get()
    assert (service.enabled, service.target.name.startswith("iqn.1992-08.com.netapp:sn.")) == (True, True)
    portals = list(IpInterface.get_collection(services="data_iscsi", fields="ip.address,location.node.name,state"))
    assert [(portal.state, portal.ip.address[:8]) for portal in portals] == [("up", "192.0.2.")] * 2
    assert len({portal.location.node.name for portal in portals}) == 2
    ports = list(FcInterface.get_collection(data_protocol="fcp", fields="wwpn"))
    assert [port.wwpn[:2] for port in ports] == ["20", "20"]
    assert FcpService.find().svm.name == "svm1"
    disabled, service = ports[0], FcpService.find()
    disabled.enabled = service.enabled = False
    disabled.patch()
    service.patch()
    disabled.delete()
    service.delete()
    assert [port.wwpn for port in FcInterface.get_collection(fields="wwpn")] == [ports[1].wwpn]
    assert FcpService.find() is None
    FcpService(svm={"name": "svm1"}).post()
    assert FcpService.find(fields="enabled").enabled is True
    sessions = list(IscsiSession.get_collection(**{"initiator.name": IQN}, fields="target_portal_group_tag"))
    assert sorted(session.target_portal_group_tag for session in sessions) == [1028, 1029]
    role = Role.find(name="vsadmin")
    assert [each.access for each in RolePrivilege.get_collection(role.owner.uuid, "vsadmin")] == ["all"]


def test_the_life_of_a_lun(filer: Simulator) -> None:
    lun = new(comment="first")
    lun.post(hydrate=True)
    assert (lun.space.size, lun.comment, len(lun.serial_number)) == (10 * MIB, "first", 12)
    again = Lun(uuid=lun.uuid)
    again.get(fields="**")
    assert (again.serial_number, again.status.mapped, again.auto_delete) == (lun.serial_number, False, False)
    again.comment = "second"
    again.space.size = 20 * MIB
    again.patch(hydrate=True)
    assert (again.comment, again.space.size) == ("second", 20 * MIB)
    again.name = "/vol/vol1/renamed"
    again.patch()
    found = Lun.find(name="/vol/*/renamed", fields="serial_number")
    assert found.serial_number == lun.serial_number
    found.delete()
    assert code(found.delete) == code(again.get) == "5374875"
    assert Lun.find(name="/vol/*/renamed") is None


def test_sizes(filer: Simulator) -> None:
    assert made("a", space={"size": "300GB"}).space.size == 322163441664
    for size, refusal in (("1PB", "5374125"), (1, "5374124"), (-1, "5374123")):
        assert code(new("b", space={"size": size}).post) == refusal
    lun = made("c")
    for size, refusal in ((10 * MIB, "1254226"), (5 * MIB, "5374892"), (1, "5374124"), (1 << 48, "5374125")):
        changed = Lun(uuid=lun.uuid)
        changed.space = {"size": size}
        assert code(changed.patch) == refusal


def test_what_cannot_be_made(filer: Simulator) -> None:
    made("a")
    for body, refusal in (
        ({}, "5374242"),
        ({"name": "/vol/none/b"}, "917927"),
        ({"name": "/vol/vol1/q/b"}, "5242927"),
        ({"name": "b"}, "5374127"),
        ({"name": "/vol/vol1/b&c"}, "5374121"),
        ({"name": "/vol/svm1_root/b"}, "5374237"),
        ({"svm": {"name": "none"}}, "2621462"),
        ({"svm": {}}, "2621707"),
        ({"os_type": "plan9"}, "262197"),
        ({"name": "/vol/vol1/b", "qos_policy": {"name": "none"}}, "5375059"),
        ({"name": "/vol/vol1/b", "space": {"size": 2 << 40, "guarantee": {"requested": True}}}, "5374125"),
        ({"name": "/vol/vol1/b", "space": {}}, "5374884"),
    ):
        assert code(new("a", **body).post) == refusal, body
    assert names(Lun.get_collection()) == ["a"]


def test_clones(filer: Simulator) -> None:
    source = made("a", space={"size": 10 * MIB, "scsi_thin_provisioning_support_enabled": True})
    clone = Lun.from_dict(
        {"svm": {"name": "svm1"}, "name": "/vol/vol1/c", "clone": {"source": {"name": source.name}}}
    )
    clone.post(hydrate=True)
    assert clone.serial_number != source.serial_number
    assert (clone.space.size, clone.space.scsi_thin_provisioning_support_enabled) == (10 * MIB, False)
    clone.space.scsi_thin_provisioning_support_enabled = True
    clone.comment = "tagged"
    clone.patch(hydrate=True)
    assert (clone.comment, clone.space.scsi_thin_provisioning_support_enabled) == ("tagged", True)
    for body, refusal in (
        ({}, "1260136"),
        ({"name": "/vol/vol2/c"}, "1260121"),
        ({"name": "/vol/vol1/d", "os_type": "linux"}, "5374883"),
        ({"name": "/vol/vol1/d", "space": {"size": MIB}}, "5374883"),
        ({"name": "/vol/vol1/d", "comment": "x"}, "5374942"),
        ({"name": "/vol/vol1/d", "clone": {"source": {"name": "/vol/vol1/none"}}}, "5374876"),
        ({"name": "/vol/vol1/d", "clone": {"source": {"uuid": "none"}}}, "5374875"),
    ):
        wrong = {
            "svm": {"name": "svm1"},
            "name": "/vol/vol1/c",
            "clone": {"source": {"name": source.name}},
            **body,
        }
        assert code(Lun.from_dict(wrong).post) == refusal, body
    target = made("b")
    serial = target.serial_number
    overwritten = Lun(uuid=target.uuid)
    overwritten.clone = {"source": {"name": source.name}}
    overwritten.patch(hydrate=True)
    assert overwritten.serial_number == serial


def test_igroups_and_initiators(filer: Simulator) -> None:
    igroup = group("g", IQN.replace("node1", "NODE1"))
    assert [each.name for each in igroup.initiators] == [IQN]
    for name, body, refusal in (
        ("g", {}, "5374023"),
        ("-", {}, "5373958"),
        ("h", {"svm": {"name": "none"}}, "2621462"),
        ("h", {"os_type": "default"}, "262197"),
        ("h", {"initiators": [{"name": WWPN}]}, "5374039"),
        ("h", {"initiators": [{"name": "node1"}]}, "5373993"),
        ("h", {"initiators": [{"name": IQN}], "os_type": "windows"}, "5374732"),
    ):
        wrong = {"svm": {"name": "svm1"}, "name": name, "os_type": "linux", "protocol": "iscsi", **body}
        assert code(Igroup.from_dict(wrong).post) == refusal, body
    second = IgroupInitiator(igroup.uuid, name=OTHER)
    second.post()
    assert code(IgroupInitiator(igroup.uuid, name=OTHER).post) == "5374035"
    assert code(IgroupInitiator(igroup.uuid, name="iqn.1993").post) == "5373969"
    assert code(IgroupInitiator("none", name=OTHER).post) == "5374852"
    assert [each.name for each in IgroupInitiator.get_collection(igroup.uuid)] == [IQN, OTHER]
    assert [each.name for each in Igroup.get_collection(**{"initiators.name": OTHER})] == ["g"]
    second.delete()
    assert code(second.delete) == "5374034"
    igroup.name = "renamed"
    igroup.patch()
    assert Igroup.find(name="renamed").uuid == igroup.uuid
    igroup.delete()
    assert code(igroup.delete) == "5374852"


def test_maps(filer: Simulator) -> None:
    lun, other, igroup = made("a"), made("b"), group("node1", IQN)
    shown = mapping(lun, igroup, logical_unit_number=42)
    shown.post(hydrate=True)
    assert (shown.logical_unit_number, shown.lun.name) == (42, "/vol/vol1/a")
    assert [node.name for node in shown.reporting_nodes] == ["cluster1-01", "cluster1-02"]
    lowest = mapping(other, igroup)
    lowest.post(hydrate=True)
    assert lowest.logical_unit_number == 0
    twin = group("twin", IQN)
    for body, refusal in (
        ({}, "1254207"),
        ({"lun": {"uuid": "none"}}, "1254201"),
        ({"igroup": {"name": "none"}}, "5374878"),
        ({"igroup": {"name": twin.name}}, "1254193"),
        ({"lun": {}}, "5374901"),
        ({"igroup": {}}, "5374902"),
        ({"svm": {"name": "none"}}, "2621462"),
    ):
        assert code(mapping(lun, igroup, **body).post) == refusal, body
    third = made("c")
    assert code(mapping(third, igroup, logical_unit_number=42).post) == "1254324"
    assert code(mapping(third, igroup, logical_unit_number=4096).post) == "262197"
    assert code(third.__class__(uuid=lun.uuid).delete) == "1254197"
    assert code(igroup.delete) == "1254213"
    assert code(IgroupInitiator(igroup.uuid, name=IQN).delete) == "1254213"
    found = list(LunMap.get_collection(**{"igroup.name": "node1"}, fields="logical_unit_number"))
    assert sorted((each.lun.name, each.logical_unit_number) for each in found) == [
        ("/vol/vol1/a", 42),
        ("/vol/vol1/b", 0),
    ]
    nodes = list(LunMapReportingNode.get_collection(lun.uuid, igroup.uuid))
    nodes[0].delete()
    assert code(nodes[1].delete) == "5374608"
    shown.delete()
    assert code(shown.delete) == "5374922"
    assert code(LunMap(**{"lun.uuid": "none", "igroup.uuid": igroup.uuid}).delete) == "5374875"
    assert code(LunMap(**{"lun.uuid": lun.uuid, "igroup.uuid": "none"}).delete) == "5374878"
    lun.delete()
    Lun(uuid=other.uuid).delete(allow_delete_while_mapped=True)
    assert names(Lun.get_collection()) == ["c"]


def test_nested_igroups(filer: Simulator) -> None:
    first, second = group("first", IQN), group("second", OTHER)
    body = {"svm": {"name": "svm1"}, "name": "both", "os_type": "linux", "protocol": "iscsi"}
    both = Igroup.from_dict({**body, "igroups": [{"name": "first"}]})
    both.post(hydrate=True)
    IgroupNested(both.uuid, name="second").post()
    both.get(fields="igroups,initiators,supports_igroups")
    assert [each.name for each in both.igroups] == ["first", "second"]
    assert [each.igroup.name for each in both.initiators] == ["first", "second"]
    first.get(fields="parent_igroups")
    assert [each.name for each in first.parent_igroups] == ["both"]
    assert code(IgroupInitiator(both.uuid, name=IQN).delete) == "5374041"
    assert code(IgroupInitiator(both.uuid, name=WWPN).post) == "5374040"
    assert code(IgroupNested(both.uuid, name="none").post) == "5374878"
    assert code(IgroupNested(both.uuid, name="both").post) == "5374745"
    mapping(made("a"), both).post()
    nested = IgroupNested(both.uuid, uuid=second.uuid)
    assert code(nested.delete) == "1254213"
    nested.delete(allow_delete_while_mapped=True)
    assert code(nested.delete, allow_delete_while_mapped=True) == "5374738"
    assert [each.name for each in IgroupNested.get_collection(both.uuid)] == ["first"]


def test_a_volume_is_changed(filer: Simulator) -> None:
    volume = Volume.find(name="vol2", **{"svm.name": "svm1"})
    volume.size, volume.comment, volume.state = 2 << 40, "larger", "offline"
    volume.patch()
    volume.get(fields="size,comment,state")
    assert (volume.size, volume.comment, volume.state) == (2 << 40, "larger", "offline")
    assert code(new("a", name="/vol/vol2/a").post) == "5374866"
    volume.size, volume.state = 1 << 40, "online"
    volume.patch()
    volume.size = 1
    assert code(volume.patch) == "262197"


def test_takeover_and_switchover(filer: Simulator) -> None:
    """The library's connections are reset; it makes others by itself."""
    lun = made("a")
    filer.control.serve(taken_over="cluster1-01")
    assert sorted(node.state for node in Node.get_collection(fields="state")) == ["taken_over", "up"]
    lun.get(fields="location")
    assert lun.location.node.name == "cluster1-02"
    filer.control.serve(taken_over="")
    filer.control.switch_over()
    svm = Svm.find(name="svm1-mc", fields="subtype")
    assert (svm.subtype, Svm.find(name="svm1")) == ("sync_destination", None)
    lun.get(fields="svm")
    assert (lun.svm.name, lun.svm.uuid) == ("svm1-mc", svm.uuid)
    assert code(new("b").post) == "2621462"
    filer.control.switch_over(back=True)
    assert Svm.find(name="svm1").uuid == svm.uuid


def test_an_asa_r2(tmp_path: Path, trust: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "ENABLE_VALIDATIONS", False)
    with Simulator(tmp_path / "filer", "--kind", "asa-r2", "--release", "9.16.1") as simulator:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(simulator.ca))
        with connection(simulator):
            cluster = Cluster()
            cluster.get(fields="san_optimized,disaggregated")
            assert (cluster.san_optimized, cluster.disaggregated) == (True, True)
            assert code(new("a").post) == "5374127"
            assert (
                code(new("a", name="a", space={"size": MIB, "guarantee": {"requested": True}}).post) == "5376469"
            )


def test_attributes(filer: Simulator) -> None:
    lun = made("a", attributes=[{"name": "fstype", "value": "ext4"}])
    one = LunAttribute(lun.uuid, name="label", value="x")
    one.post()
    assert {each.name for each in LunAttribute.get_collection(lun.uuid)} == {"fstype", "label"}
    assert code(LunAttribute(lun.uuid, name="label", value="y").post) == "5374930"
    one.delete()
    assert code(one.delete) == "5374931"


def test_pages_are_followed(filer: Simulator) -> None:
    wanted = [f"page{number:02}" for number in range(7)]
    for name in wanted:
        new(name, MIB).post()
    before = len(filer.requests())
    assert names(Lun.get_collection(max_records=3)) == wanted
    assert [request.api for request in filer.requests()[before:]] == ["GET /storage/luns"] * 3
    ordered = Lun.get_collection(max_records=3, order_by="name desc", name="/vol/vol1/page0*")
    assert [lun.name[-1] for lun in ordered] == list("6543210")
    assert Lun.count_collection(name="!*/page00") == 6
    with filer.control.armed_with(Fault("unready", api="GET /storage/luns")):
        assert names(Lun.get_collection()) == wanted, "an empty page is not the last"
    Lun.patch_collection({"comment": "all"}, name="/vol/vol1/page*")
    assert Lun.count_collection(comment="all") == 7
    Lun.delete_collection(name="/vol/vol1/page0[0-9]|/vol/vol1/page0*")
    assert names(Lun.get_collection()) == []


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ({"colour": "red"}, "262179"),
        ({"fields": "colour"}, "262197"),
        ({"space.size": "big"}, "262197"),
        ({"max_records": 0}, "262197"),
        ({"order_by": "colour"}, "262197"),
        ({"return_timeout": 121}, "262197"),
    ],
)
def test_wrong_questions(filer: Simulator, query: dict[str, Any], refusal: str) -> None:
    assert code(lambda: list(Lun.get_collection(**query))) == refusal


def test_jobs(filer: Simulator) -> None:
    made_by_a_job = Fault("job", api="POST /storage/luns", seconds=0.2, after=True)
    with filer.control.armed_with(made_by_a_job):
        answer = new("a").post(poll=False)
        job = answer.http_response.json()["job"]
        assert (answer.http_response.status_code, answer.is_job) == (202, True)
    assert Job(uuid=job["uuid"]).get().http_response.json()["state"] in {"running", "success"}
    with filer.control.armed_with(made_by_a_job):
        new("b").post()
    assert names(Lun.get_collection()) == ["a", "b"], "the library has waited for the job"
    with filer.control.armed_with(made_by_a_job):
        answer = new("c").post(poll=False, return_timeout=20)
        assert (answer.http_response.status_code, answer.is_job) == (201, True)
    fails = Fault(
        "job", api="PATCH /storage/luns/{uuid}", seconds=0.1, errno="524486", reason="The volume is busy."
    )
    lun = Lun.find(name="/vol/vol1/a")
    lun.comment = "x"
    with filer.control.armed_with(fails), pytest.raises(NetAppRestError, match="The volume is busy"):
        lun.patch()
    unreadable = Fault("errno", api="GET /cluster/jobs/{uuid}", errno="6", reason="not authorized")
    done = Fault("job", api="PATCH /storage/luns/{uuid}", seconds=0.1, after=True)
    with filer.control.armed_with(done, unreadable), pytest.raises(NetAppRestError, match="not authorized"):
        lun.patch()


def test_what_was_made_is_not_seen_yet(filer: Simulator) -> None:
    with filer.control.armed_with(Fault("stale", api="POST /storage/luns", seconds=600)):
        lun = new("stale")
        lun.post(hydrate=True)
        assert lun.name == "/vol/vol1/stale", "hydrate asks by uuid"
        assert Lun.find(name="/vol/vol1/stale") is None
    lun.delete()


def test_logins(simulator: Simulator) -> None:
    with connection(simulator, password="wrong"), pytest.raises(NetAppRestError) as caught:
        Cluster().get()
    assert caught.value.status_code == 401


def test_the_library_knows_all_that_is_shown(filer: Simulator) -> None:
    made("a")
    mapping(Lun.find(name="/vol/vol1/a"), group("g", IQN)).post()
    kinds = [Lun, LunMap, Igroup, Svm, Volume, Aggregate, Node, IpInterface, FcInterface]
    for kind in [*kinds, IscsiService, FcpService, Role, CounterTable]:
        found = list(kind.get_collection(fields="**"))
        assert found, kind
        found[0].get(fields="**")
    assert len(list(IscsiSession.get_collection(fields="**"))) == 2, "it does not find one of these by itself"
