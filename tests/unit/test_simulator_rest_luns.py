"""LUNs over REST: their life, their clones, and each refusal's code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import provision
from tests.simulator.filer import LICENCES, Filer
from tests.unit import zapi
from tests.unit.rest import Fields, ask, code, make, records, respond

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
LUNS = "/storage/luns"
NEW: Fields = {"svm": {"name": "svm1"}, "name": "/vol/vol1/a", "os_type": "linux", "space": {"size": 10 * MIB}}


@pytest.fixture
def filer(tmp_path: Path) -> Iterator[Filer]:
    """A filer of release 9.14.1 with two volumes, a qtree, a mirror, and another SVM."""
    filer = Filer(tmp_path, seed="luns", ontapi=240)
    provision.add_qtree(filer.state, "svm1", "vol1", "q")
    provision.add_volume(filer.state, "svm1", "vol2", 100 * MIB)
    provision.add_volume(filer.state, "svm1", "dp", type_="dp")
    provision.add_volume(filer.state, "svm2", "vol9")
    yield filer
    filer.close()


def test_the_life_of_a_lun(filer: Filer) -> None:
    answer = respond(filer, "POST", LUNS, {**NEW, "comment": "first"}, query="return_records=true")
    (made,) = (answer.content or {})["records"]
    place = answer.headers["Location"].removeprefix("/api")
    assert (answer.status, place) == (201, f"{LUNS}/{made['uuid']}")
    assert made["space"]["size"] == 10 * MIB
    assert (made["enabled"], made["status"]["state"], made["location"]["logical_unit"]) == (True, "online", "a")
    assert zapi.texts(zapi.ask(filer, "lun-get-iter"), "serial-number") == [made["serial_number"]]
    ask(filer, "PATCH", place, {"comment": "second", "space.size": "20M", "enabled": False})
    now = ask(filer, "GET", place)
    assert (now["comment"], now["space"]["size"], now["enabled"]) == ("second", 20 * MIB, False)
    assert {"uuid", "serial_number"} <= {name for name in now if now[name] == made.get(name)}
    ask(filer, "PATCH", place, {"name": "/vol/vol1/q/b"})
    assert [each["name"] for each in records(filer, LUNS)] == ["/vol/vol1/q/b"]
    ask(filer, "PATCH", place, {"name": "/vol/vol2/b"})
    assert ask(filer, "GET", place)["serial_number"] == made["serial_number"], "a moved LUN is the same one"
    assert respond(filer, "DELETE", place).status == 200
    assert code(filer, "GET", place) == code(filer, "DELETE", place) == "5374875"


def test_sizes_are_rounded_up(filer: Filer) -> None:
    """The documentation's example: 300 GiB asked for."""
    assert make(filer, LUNS, {**NEW, "space.size": "300GB", "space": {}})["space"]["size"] == 322163441664


def test_a_lun_is_thin_unless_asked_otherwise(filer: Filer) -> None:
    assert make(filer, LUNS, NEW)["space"]["guarantee"] == {"requested": False, "reserved": False}
    thick = make(filer, LUNS, {**NEW, "name": "/vol/vol1/b", "space": {"size": MIB, "guarantee.requested": True}})
    assert thick["space"]["guarantee"] == {"requested": True, "reserved": True}


def test_the_place_in_parts(filer: Filer) -> None:
    parts = {"logical_unit": "a", "volume": {"name": "vol1"}, "qtree": {"name": "q"}}
    made = make(filer, LUNS, {**{name: NEW[name] for name in NEW if name != "name"}, "location": parts})
    assert made["name"] == "/vol/vol1/q/a"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"svm": {}}, "2621707"),
        ({"svm": {"name": "none"}}, "2621462"),
        ({"svm": {"name": "svm1", "uuid": "x"}}, "2621706"),
        ({"name": "/vol/none/a"}, "917927"),
        ({"name": "/vol/vol1/none/a"}, "5242927"),
        ({"name": "a"}, "5374127"),
        ({"name": "/vol/vol1/"}, "5374127"),
        ({"name": "/vol/vol1/a b"}, "5374121"),
        ({"name": "/vol/vol1/.snapshot/s"}, "5374238"),
        ({"name": "/vol/svm1_root/a"}, "5374237"),
        ({"name": "/vol/dp/a"}, "5374129"),
        ({"location": {"volume": {"name": "vol2"}}}, "5374858"),
        ({"location": {"volume": {"uuid": "none"}}}, "918235"),
        ({"location": {"logical_unit": "b"}}, "5374861"),
        ({"location": {"qtree": {"name": "q"}}}, "5374860"),
        ({"name": ""}, "5374859"),
        ({"name": "", "location": {"volume": {"name": "vol1"}}}, "5374862"),
        ({"os_type": "plan9"}, "262197"),
        ({"os_type": "image"}, "262197"),
        ({"space": {"size": -1}}, "5374123"),
        ({"space": {"size": 4095}}, "5374124"),
        ({"space": {"size": 128 * TIB + 1}}, "5374125"),
        ({"space": {"size": 2 * TIB, "guarantee": {"requested": True}}}, "5374125"),
        ({"space": {"size": "large"}}, "5374130"),
        ({"space": {"size": "10X"}}, "5374241"),
        ({"space": {}}, "5374884"),
        ({"comment": "x" * 255}, "262197"),
        ({"comment": 5}, "262197"),
        ({"enabled": True}, "262196"),
        ({"uuid": "x"}, "262196"),
        ({"colour": "red"}, "262179"),
        ({"space": {"colour": "red"}}, "262179"),
        ({"lun_maps": [{"igroup": {"name": "g"}}]}, "262196"),
        ({"attributes": [{"name": "x"}]}, "5374928"),
        ({"attributes": [{"name": "x", "value": "y"}] * 2}, "5374932"),
        ({"attributes": [{"name": "x", "value": "y" * 4092}]}, "5374929"),
        ({"attributes": ["x"]}, "262197"),
        ({"qos_policy": {"name": "none"}}, "5375059"),
        ({"space.size": 5}, "262188"),
    ],
)
def test_what_cannot_be_made(filer: Filer, change: Fields, refusal: str) -> None:
    assert code(filer, "POST", LUNS, {**NEW, **change}) == refusal
    assert records(filer, LUNS) == []


def test_a_lun_that_is_there(filer: Filer) -> None:
    make(filer, LUNS, NEW)
    answer = respond(filer, "POST", LUNS, NEW)
    assert (answer.status, answer.code) == (409, "5374242")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"space.size": 10 * MIB}, "1254226"),
        ({"space.size": 10 * MIB - 1}, "1254226"),
        ({"space.size": 9 * MIB}, "5374892"),
        ({"space.size": 1}, "5374124"),
        ({"space.size": 128 * TIB + 1}, "5374125"),
        ({"space.size": 2 * TIB, "space.guarantee.requested": True}, "5374125"),
        ({"name": "/vol/vol1/b"}, "1254196"),
        ({"name": "/vol/none/b"}, "917927"),
        ({"qos_policy.name": "none"}, "8454243"),
        ({"os_type": "windows"}, "262196"),
        ({"colour": "red"}, "262179"),
        ({"clone.source.name": "/vol/vol1/none"}, "5374876"),
        ({"clone.source.uuid": "none"}, "5374875"),
    ],
)
def test_what_cannot_be_changed(filer: Filer, change: Fields, refusal: str) -> None:
    made = make(filer, LUNS, NEW)
    make(filer, LUNS, {**NEW, "name": "/vol/vol1/b"})
    before = ask(filer, "GET", f"{LUNS}/{made['uuid']}")
    assert code(filer, "PATCH", f"{LUNS}/{made['uuid']}", {**change, "comment": "changed"}) == refusal
    assert ask(filer, "GET", f"{LUNS}/{made['uuid']}") == before, "all or nothing"


def test_a_volume_that_is_offline(filer: Filer) -> None:
    made = make(filer, LUNS, {**NEW, "name": "/vol/vol2/a"})
    zapi.ask(filer, "volume-offline", {"name": "vol2"})
    assert code(filer, "PATCH", f"{LUNS}/{made['uuid']}", {"comment": "x"}) == "5374866"
    assert code(filer, "DELETE", f"{LUNS}/{made['uuid']}") == "5374866"
    status = ask(filer, "GET", f"{LUNS}/{made['uuid']}")["status"]
    assert (status["state"], status["container_state"]) == ("offline", "volume_offline")


class Clones:
    """A source with everything that a clone may inherit."""

    def __init__(self, filer: Filer) -> None:
        self.filer = filer
        zapi.ask(filer, "qos-policy-group-create", {"policy-group": "fast", "vserver": "svm1"}, vserver=None)
        space = {"size": 10 * MIB, "scsi_thin_provisioning_support_enabled": True, "guarantee.requested": True}
        self.source = make(filer, LUNS, {**NEW, "space": space, "comment": "mine", "qos_policy": {"name": "fast"}})
        filer.state.contents.path(self.source["uuid"]).write_bytes(b"data" + bytes(10 * MIB - 4))

    def make(self, **more: Any) -> Fields:
        return make(self.filer, LUNS, {**self.body, **more})

    @property
    def body(self) -> Fields:
        return {"svm.name": "svm1", "name": "/vol/vol1/c", "clone": {"source": {"uuid": self.source["uuid"]}}}


def test_a_clone_loses_discard_and_qos(filer: Filer) -> None:
    clones = Clones(filer)
    assert clones.source["qos_policy"]["name"] == "fast"
    clone = clones.make()
    assert clone["space"]["scsi_thin_provisioning_support_enabled"] is False
    assert "qos_policy" not in clone
    assert (clone["os_type"], clone["space"]["size"], clone["comment"]) == ("linux", 10 * MIB, "mine")
    assert clone["space"]["guarantee"]["requested"] is True
    assert clone["serial_number"] != clones.source["serial_number"]
    assert filer.state.contents.path(clone["uuid"]).read_bytes()[:4] == b"data"


def test_what_a_clone_is_given(filer: Filer) -> None:
    space = {"scsi_thin_provisioning_support_enabled": True, "guarantee": {"requested": False}}
    clone = Clones(filer).make(space=space, qos_policy={"name": "fast"})
    assert clone["space"]["scsi_thin_provisioning_support_enabled"] is True
    assert (clone["space"]["guarantee"]["requested"], clone["qos_policy"]["name"]) == (False, "fast")


def test_a_clone_of_a_snapshot(filer: Filer) -> None:
    clones = Clones(filer)
    zapi.ask(filer, "snapshot-create", {"volume": "vol1", "snapshot": "s"})
    filer.state.contents.path(clones.source["uuid"]).write_bytes(b"late" + bytes(10 * MIB - 4))
    clone = clones.make(clone={"source": {"name": "/vol/vol1/.snapshot/s/a"}})
    assert filer.state.contents.path(clone["uuid"]).read_bytes()[:4] == b"data"
    assert code(filer, "POST", LUNS, {**clones.body, "name": "/vol/vol1/d", "clone.source.name": "x"}) == "5374874"
    missing = {**clones.body, "name": "/vol/vol1/d", "clone": {"source": {"name": "/vol/vol1/.snapshot/t/a"}}}
    assert code(filer, "POST", LUNS, missing) == "5374876"


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"os_type": "linux"}, "5374883"),
        ({"space": {"size": 10 * MIB}}, "5374883"),
        ({"attributes": [{"name": "x", "value": "y"}]}, "5374883"),
        ({"comment": "x"}, "5374942"),
        ({"name": "/vol/vol2/c"}, "1260121"),
        ({"name": "/vol/vol1/a"}, "1260136"),
        ({"clone": {"source": {"uuid": "none"}}}, "5374875"),
        ({"clone": {"source": {"name": "/vol/vol1/none"}}}, "5374876"),
        ({"svm.name": "svm2", "name": "/vol/vol9/c"}, "5374875"),
        ({"qos_policy": {"name": "none"}}, "5375059"),
    ],
)
def test_what_cannot_be_cloned(filer: Filer, change: Fields, refusal: str) -> None:
    clones = Clones(filer)
    assert code(filer, "POST", LUNS, {**clones.body, **change}) == refusal
    assert len(records(filer, LUNS)) == 1


def test_without_a_licence_nothing_is_cloned(tmp_path: Path) -> None:
    filer = Filer(tmp_path, licences=LICENCES - {"flexclone"})
    made = make(filer, LUNS, NEW)
    clone = {"svm.name": "svm1", "name": "/vol/vol1/c", "clone.source.uuid": made["uuid"]}
    assert code(filer, "POST", LUNS, clone) == "13565952"
    filer.close()


def test_a_lun_is_overwritten_with_a_clone(filer: Filer) -> None:
    clones = Clones(filer)
    target = make(filer, LUNS, {**NEW, "name": "/vol/vol1/b", "space": {"size": 20 * MIB}})
    ask(filer, "PATCH", f"{LUNS}/{target['uuid']}", {"clone.source.uuid": clones.source["uuid"]})
    now = ask(filer, "GET", f"{LUNS}/{target['uuid']}")
    assert (now["serial_number"], now["space"]["size"]) == (target["serial_number"], 10 * MIB)
    assert filer.state.contents.path(target["uuid"]).read_bytes()[:4] == b"data"


def test_changes_by_query_are_of_all_that_match(filer: Filer) -> None:
    for name in "abc":
        make(filer, LUNS, {**NEW, "name": f"/vol/vol1/{name}"})
    query = {"name": "/vol/vol1/a|/vol/vol1/b"}
    assert ask(filer, "PATCH", LUNS, {"comment": "both"}, query=query) == {"num_records": 2}
    assert ask(filer, "DELETE", LUNS, query={"comment": "both"}) == {"num_records": 2}
    assert [each["name"] for each in records(filer, LUNS)] == ["/vol/vol1/c"]
    assert ask(filer, "DELETE", LUNS, query={"comment": "none"}) == {"num_records": 0}


def test_attributes(filer: Filer) -> None:
    place = f"{LUNS}/{make(filer, LUNS, {**NEW, 'attributes': [{'name': 'fs', 'value': 'ext4'}]})['uuid']}"
    assert ask(filer, "GET", place, query="fields=attributes")["attributes"] == [{"name": "fs", "value": "ext4"}]
    ask(filer, "POST", f"{place}/attributes", {"name": "x", "value": "1"})
    assert code(filer, "POST", f"{place}/attributes", {"name": "x", "value": "1"}) == "5374930"
    ask(filer, "PATCH", f"{place}/attributes/x", {"value": "2"})
    assert zapi.texts(zapi.ask(filer, "lun-get-attribute", {"path": "/vol/vol1/a", "name": "x"}), "value") == ["2"]
    ask(filer, "DELETE", f"{place}/attributes/x")
    assert code(filer, "DELETE", f"{place}/attributes/x") == "5374931"
    assert [each["name"] for each in records(filer, f"{place}/attributes")] == ["fs"]
    assert code(filer, "GET", f"{LUNS}/none/attributes") == "5374875"


@pytest.mark.parametrize(
    ("ontapi", "release", "fields", "path"),
    [
        (190, "9.9.1", "reporting_nodes", "/protocols/san/lun-maps"),
        (180, "9.8", "comment", "/protocols/san/igroups"),
        (220, "9.12.1", "connectivity_tracking", "/protocols/san/igroups"),
        (190, "9.9.1", "attributes", LUNS),
        (260, "9.16.1", "serial_number_hex", LUNS),
        (250, "9.15.1", "san_optimized", "/cluster"),
    ],
)
def test_what_a_release_lacks(tmp_path: Path, ontapi: int, release: str, fields: str, path: str) -> None:
    older, newer = (Filer(tmp_path / str(minor), ontapi=minor) for minor in (ontapi, ontapi + 10))
    assert ask(older, "GET", "/cluster")["version"]["full"].startswith(f"NetApp Release {release}:")
    assert code(older, "GET", path, query=f"fields={fields}") == "262197"
    assert code(newer, "GET", path, query=f"fields={fields}") is None
    for filer in (older, newer):
        filer.close()
