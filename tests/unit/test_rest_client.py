"""The REST client: requests, refusals, lists, jobs, and lists that are older than our own changes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from dataontap.client.array import FcPort, Igroup, Lun, LunSpec
from dataontap.client.rest.client import RestClient
from dataontap.client.rest.listing import MOST_EMPTY_PAGES
from dataontap.client.rest.recent import DOUBT_SECONDS, STALE_SECONDS
from dataontap.client.rest.svm import FC_INTERFACES, FC_SERVICES
from dataontap.client.transport import Answer
from dataontap.errors import (
    ApiOff,
    DeadlineError,
    LunExists,
    LunIdTaken,
    LunMapped,
    MapConflict,
    NoSuchIgroup,
    NoSuchLun,
    NotAllowed,
    OntapError,
    Refusal,
    TransportError,
)
from tests.simulator import provision
from tests.simulator.filer import Filer
from tests.simulator.model import Session
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.service import Rest, Trouble
from tests.unit import zapi
from tests.unit.clock import Clock
from tests.unit.rest import ask, respond
from tests.unit.rest_wire import Memory, RestWire, client

MIB = 1 << 20
WWPN = "20:00:00:25:b5:00:0a:01"
SPEC = LunSpec("linux", False, "a comment")
FORMER = "01234567-89ab-cdef-0123-456789abcdef"  # of an SVM that is no more


class Scene:
    """A filer, and clients that are processes of one node."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.filer = Filer(directory, seed="rest")
        self.filer.rest = Rest(self.filer, self.clock)
        provision.add_volume(self.filer.state, "svm1", "vol2")
        self.wire = RestWire(self.filer)
        self.memory = Memory()

    def client(self, **options: Any) -> RestClient:
        return client(self.wire, self.memory, self.clock, **options)

    def make(self, name: str = "v", pool: str = "vol1", *, size: int = 64 * MIB) -> Lun:
        """A LUN that exists, as another process made it."""
        maker = client(RestWire(self.filer), Memory(), self.clock)
        made = maker.create_lun(maker.place(pool, name), size, SPEC)
        assert made is not None
        return made

    def group(self, name: str, *initiators: str) -> None:
        body = {"svm": {"name": "svm1"}, "name": name, "protocol": "iscsi", "os_type": "linux"}
        ask(
            self.filer,
            "POST",
            "/protocols/san/igroups",
            {**body, "initiators": [{"name": each} for each in initiators]},
        )

    def answer(self, request: str, status: int, content: object) -> None:
        """The next answer to a request."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.wire.answers.setdefault(request, []).append(Answer(status, body))

    def refuse(self, request: str, code: str, message: str = "no", status: int = 409) -> None:
        self.answer(request, status, {"error": {"code": code, "message": message}})


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def array(scene: Scene) -> RestClient:
    return scene.client()


class TestALunsLife:
    def test_it_is_created_by_one_request(self, scene: Scene, array: RestClient) -> None:
        made = array.create_lun(array.place("vol1", "v"), 300 << 30, LunSpec("linux", True, "c"))
        assert scene.wire.requests == ["POST luns"]
        assert made is not None
        assert (made.path, made.pool, made.name, made.comment) == ("/vol/vol1/v", "vol1", "v", "c")
        assert made.size == 322163441664, "the filer rounds up: the example of the documentation"
        assert [made] == array.get_luns(made)
        assert made.serial == scene.filer.luns["svm1", "/vol/vol1/v"].serial
        assert made.space_reserved and made.online and not made.mapped
        assert abs(made.created - scene.filer.luns["svm1", "/vol/vol1/v"].created) <= 1

    def test_a_name_that_exists(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        with pytest.raises(LunExists, match=r"^POST luns failed: .* \(code 5374242\)"):
            array.create_lun(lun, MIB, SPEC)
        with pytest.raises(LunExists):
            array.clone_lun(scene.make("w"), lun)

    def test_it_is_found_by_place_and_by_name(self, scene: Scene, array: RestClient) -> None:
        first, second, _ = scene.make("v"), scene.make("v", "vol2"), scene.make("vv")
        assert array.get_luns(first, array.place("vol2", "none")) == [first]
        assert {lun.path for lun in array.get_luns_called("v")} == {first.path, second.path}
        assert len(array.get_lun_list()) == 3
        assert array.get_luns() == []

    def test_a_clone_is_like_its_source(self, scene: Scene, array: RestClient) -> None:
        """A clone loses its source's discard unless it is asked for."""
        source = scene.make()
        ask(
            scene.filer,
            "PATCH",
            f"/storage/luns/{source.uuid}",
            {"space": {"scsi_thin_provisioning_support_enabled": True}},
        )
        (source,) = array.get_luns(source)
        made = array.clone_lun(source, array.place("vol1", "v.snap"))
        assert made is not None
        assert (made.size, made.discard, made.space_reserved) == (source.size, True, False)
        assert made.uuid != source.uuid

    def test_growing_tells_the_real_size(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        assert array.do_direct_resize(lun, (300 << 30) + 1) == scene.filer.luns["svm1", lun.path].size > 300 << 30
        with pytest.raises(Refusal, match="code 5374892"):
            array.do_direct_resize(lun, MIB)

    def test_growing_to_the_size_that_it_has(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        assert array.do_direct_resize(lun, lun.size) == lun.size

    def test_changes_name_the_uuid(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        array.set_lun_comment(lun, "new")
        assert array.get_luns(lun)[0].comment == "new"
        assert array.destroy_lun(lun)
        assert not array.destroy_lun(lun)
        writes = [url.partition("?")[0] for url in scene.wire.urls if not url.startswith("GET")]
        assert writes[:2] == [f"PATCH /api/storage/luns/{lun.uuid}", f"DELETE /api/storage/luns/{lun.uuid}"]

    def test_another_lun_at_the_path_is_left_alone(self, scene: Scene, array: RestClient) -> None:
        old = scene.make()
        assert array.destroy_lun(old)
        new = scene.make()
        assert not scene.client().destroy_lun(old)
        assert scene.client().get_luns(new) == [new]

    def test_a_place_is_looked_up_first(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        assert array.destroy_lun(array.place("vol1", "v"))
        assert scene.wire.requests == ["GET luns", "DELETE luns"]
        with pytest.raises(NoSuchLun, match="there is no LUN /vol/vol1/v"):
            scene.client().set_lun_comment(array.place("vol1", "v"), "c")
        assert scene.client().get_luns(lun) == []


class TestMaps:
    @pytest.fixture
    def lun(self, scene: Scene) -> Lun:
        for name in ("g1", "g2"):
            scene.group(name, f"iqn.1993-08.org.debian:01:{name}")
        return scene.make()

    def test_mapping_and_unmapping(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        assert array.map_lun(lun, "g1", 7)
        (mapping,) = array.get_lun_map(lun)
        assert (mapping.path, mapping.uuid, mapping.igroup, mapping.lun_id) == (lun.path, lun.uuid, "g1", 7)
        assert array.get_igroup_maps("g1") == [mapping]
        assert not array.map_lun(lun, "g1", 7)
        assert array.unmap_lun(lun, "g1")
        assert not array.unmap_lun(lun, "g1")
        assert array.get_lun_map(lun) == array.get_lun_map() == []

    def test_unmapping_takes_one_request_if_the_uuids_are_known(
        self, scene: Scene, array: RestClient, lun: Lun
    ) -> None:
        array.map_lun(lun, "g1", 7)
        scene.wire.requests.clear()
        assert scene.client().unmap_lun(lun, "g1")
        assert scene.wire.requests == ["DELETE lun-maps"]

    def test_a_group_that_was_made_anew(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        """The cached uuid is the former group's: what it says of the map is not believed."""
        array.get_igroups("g1")
        uuid = scene.memory.igroup_uuid("g1").text
        ask(scene.filer, "DELETE", f"/protocols/san/igroups/{uuid}")
        scene.group("g1", "iqn.1993-08.org.debian:01:g1")
        scene.client().map_lun(lun, "g1", 7)
        scene.memory.igroup_uuid("g1").put(uuid or "")
        assert scene.client().unmap_lun(lun, "g1")
        assert array.get_lun_map(lun) == []

    def test_a_cache_that_forgets(self, scene: Scene, lun: Lun) -> None:
        """It only saves time."""
        array = scene.client()
        scene.memory.igroup_uuid("g1").put = lambda text: None  # type: ignore[method-assign]
        array.map_lun(lun, "g1", 7)
        assert scene.client().unmap_lun(lun, "g1")

    def test_a_group_that_is_gone_behind_a_stale_list(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        (group,) = ask(scene.filer, "GET", "/protocols/san/igroups", query={"name": "g1"})["records"]
        array.get_igroups("g1")
        trouble = Trouble(stale_seconds=9)
        respond(scene.filer, "DELETE", f"/protocols/san/igroups/{group['uuid']}", trouble=trouble)
        with pytest.raises(NoSuchIgroup):
            array.add_igroup_initiator("g1", "iqn.1993-08.org.debian:01:x")

    def test_what_is_not_there(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        with pytest.raises(NoSuchIgroup):
            array.map_lun(lun, "none", 1)
        with pytest.raises(NoSuchIgroup):
            array.unmap_lun(lun, "none")
        gone = scene.make("gone")
        array.destroy_lun(gone)
        with pytest.raises(NoSuchLun):
            scene.client().map_lun(gone, "g1", 1)
        with pytest.raises(NoSuchLun):
            scene.client().unmap_lun(gone, "g1")

    def reason(self, array: RestClient, lun: Lun, igroup: str, lun_id: int) -> Refusal | None:
        """Why the LUN is refused, as the client explains it after the refusal."""
        with pytest.raises(Refusal) as caught:
            array.map_lun(lun, igroup, lun_id)
        return array.explain_map(lun, igroup, lun_id, caught.value)

    def test_an_id_that_is_taken(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        array.map_lun(scene.make("other"), "g1", 7)
        assert type(self.reason(array, lun, "g1", 7)) is LunIdTaken

    def test_an_initiator_that_sees_it_through_another_group(
        self, scene: Scene, array: RestClient, lun: Lun
    ) -> None:
        scene.group("twin", "iqn.1993-08.org.debian:01:g1")
        array.map_lun(lun, "twin", 8)
        assert type(self.reason(array, lun, "g1", 7)) is MapConflict

    @pytest.mark.parametrize("code", ["5374999", "1254193"])
    def test_a_refusal_that_no_code_explains(self, scene: Scene, array: RestClient, lun: Lun, code: str) -> None:
        """The maps decide. The refusal itself costs no further request, because the scan lock may be held."""
        array.map_lun(scene.make("other"), "g1", 7)
        array.map_lun(lun, "g2", 9)
        scene.wire.requests.clear()
        for _ in range(3):
            scene.refuse("POST lun-maps", code)
        assert type(self.reason(array, lun, "g1", 7)) is LunIdTaken
        assert scene.wire.requests == ["POST lun-maps", "GET lun-maps", "GET lun-maps"]
        assert self.reason(array, lun, "g2", 9) is None
        assert type(self.reason(array, lun, "g1", 8)) is (MapConflict if code == "1254193" else Refusal)

    def test_a_refusal_that_is_clear_asks_nothing(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        assert type(self.reason(array, lun, "none", 7)) is NoSuchIgroup
        assert scene.wire.requests == ["POST lun-maps"]

    def test_a_map_that_lists_lack_still(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        """The refusal is newer than the list."""
        scene.wire.trouble["POST lun-maps"] = Trouble(stale_seconds=5)
        scene.wire.lost["POST lun-maps"] = True
        with pytest.raises(TransportError):
            array.map_lun(lun, "g1", 7, once=True)
        assert not array.map_lun(lun, "g1", 7, once=True)
        assert [one.lun_id for one in array.get_lun_map(lun)] == [7]

    def test_a_mapped_lun_stays(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        array.map_lun(lun, "g1", 7)
        with pytest.raises(LunMapped):
            array.destroy_lun(lun)

    def test_a_map_whose_answer_was_lost(self, scene: Scene, array: RestClient, lun: Lun) -> None:
        scene.wire.lost["POST lun-maps"] = True
        assert array.map_lun(lun, "g1", 7)
        with pytest.raises(TransportError):
            scene.wire.lost["DELETE lun-maps"] = True
            array.unmap_lun(lun, "g1", once=True)
        assert not array.unmap_lun(lun, "g1")


class TestIgroups:
    def test_their_life(self, scene: Scene, array: RestClient) -> None:
        name = "iqn.1993-08.org.debian:01:NODE1"
        assert array.create_igroup("g", "iscsi", "linux")
        assert not array.create_igroup("g", "iscsi", "linux")
        assert array.add_igroup_initiator("g", name)
        assert not array.add_igroup_initiator("g", name)
        (group,) = array.get_igroups("g", "none")
        assert (group.name, group.protocol, group.initiators) == ("g", "iscsi", (name.lower(),))
        assert array.get_igroups_of([name, "iqn.1993-08.org.debian:01:none"]) == [group]
        assert array.get_igroups_of([]) == array.get_igroups() == []
        assert array.remove_igroup_initiator("g", name)
        assert not array.remove_igroup_initiator("g", name)

    def test_a_group_that_another_node_made_just_now(self, scene: Scene, array: RestClient) -> None:
        """Lists do not show it yet."""
        other = RestWire(scene.filer)
        other.trouble["POST igroups"] = Trouble(stale_seconds=5)
        client(other, Memory(), scene.clock).create_igroup("g", "iscsi", "linux")
        assert not array.create_igroup("g", "iscsi", "linux")
        assert [one.name for one in array.get_igroups("g")] == ["g"]

    def test_messages_name_the_collection(self, scene: Scene, array: RestClient) -> None:
        scene.group("g")
        scene.refuse("DELETE initiators", "4711")
        with pytest.raises(Refusal, match="^DELETE initiators failed: no"):
            array.remove_igroup_initiator("g", "iqn.1993-08.org.debian:01:a")

    def test_an_initiator_of_a_group_with_maps_stays(self, scene: Scene, array: RestClient) -> None:
        scene.group("g", "iqn.1993-08.org.debian:01:a")
        array.map_lun(scene.make(), "g", 1)
        with pytest.raises(Refusal, match="code 1254213"):
            array.remove_igroup_initiator("g", "iqn.1993-08.org.debian:01:a")

    def test_who_is_logged_in(self, scene: Scene, array: RestClient) -> None:
        here, there = "iqn.1993-08.org.debian:01:here", "20:00:00:25:b5:00:00:01"
        provision.add_session(scene.filer.state, "svm1", here)
        provision.add_session(scene.filer.state, "svm1", there)
        assert array.logged_in([here.upper(), "iqn.1993-08.org.debian:01:none"], "iscsi") == {here}
        assert array.logged_in([there.upper()], "fc") == {there}
        assert array.logged_in([], "iscsi") == set()

    @pytest.mark.parametrize("listed", [WWPN.upper(), WWPN.replace(":", ""), WWPN.replace(":", "").upper()])
    def test_wwpns_in_any_form(self, scene: Scene, array: RestClient, listed: str) -> None:
        """A group's, and those of the initiators that are logged in."""
        assert array.create_igroup("g", "fcp", "linux")
        group = scene.filer.igroups["svm1", "g"]
        scene.filer.state.commit(replace(group, initiators=(listed,)), Session("svm1", listed, "svm1_fc_1"))
        expected = [Igroup("g", "fcp", (WWPN,))]
        assert array.get_igroups("g") == array.get_igroups_of([WWPN]) == expected
        assert array.get_igroups_of([f"{WWPN[:-1]}f"]) == []
        assert array.logged_in([WWPN], "fc") == {WWPN}

    def test_an_initiator_is_added_and_removed_in_any_form(self, array: RestClient) -> None:
        """What this process changed is awaited in the form in which the filer lists it."""
        array.create_igroup("g", "fcp", "linux")
        plain = WWPN.replace(":", "").upper()
        assert array.add_igroup_initiator("g", plain)
        (group,) = array.get_igroups("g")
        assert group.initiators == (WWPN,)
        assert array.remove_igroup_initiator("g", plain)
        (group,) = array.get_igroups("g")
        assert group.initiators == ()


class TestLists:
    def test_all_pages(self, scene: Scene) -> None:
        scene.filer.serving = replace(scene.filer.serving, records=2)
        names = {scene.make(f"v{number}").path for number in range(5)}
        assert {lun.path for lun in scene.client().get_lun_list()} == names
        assert scene.wire.requests == ["GET luns"] * 3

    def test_a_first_page_that_is_empty(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        scene.wire.trouble["GET luns"] = Trouble(first_page_is_empty=True)
        assert array.get_luns(lun) == [lun]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ({}, "announces another number of records"),
            ({"records": [], "num_records": 1}, "announces another number of records"),
            ({"records": [{"uuid": "u", "space": {"size": 1}}], "num_records": 1}, "without a name"),
            ({"records": [{"name": "/vol/vol1/v", "space": {"size": 1}}], "num_records": 1}, "no usable uuid"),
            (
                {"records": [{"uuid": "u", "name": "/vol/vol1/other", "space": {"size": 1}}], "num_records": 1},
                "not asked for",
            ),
            (b"<html>", "is not ONTAP's JSON; is HOSTNAME an ONTAP filer"),
            (b"[" * 100000, "is not ONTAP's JSON"),
            ([], "is not ONTAP's JSON"),
        ],
    )
    def test_answers_that_make_no_sense(
        self, scene: Scene, array: RestClient, content: object, message: str
    ) -> None:
        scene.answer("GET luns", 200, content)
        with pytest.raises(OntapError, match=message):
            array.get_luns(array.place("vol1", "v"))

    def test_a_record_twice(self, scene: Scene, array: RestClient) -> None:
        record = {"uuid": "u", "name": "/vol/vol1/v", "space": {"size": 1}}
        scene.answer("GET luns", 200, {"records": [record, record], "num_records": 2})
        with pytest.raises(OntapError, match="lists /vol/vol1/v twice; is CLUSTER_MODE_VSERVER set"):
            array.get_luns(array.place("vol1", "v"))

    @pytest.mark.parametrize("pages", ["the same", "ever new"])
    def test_pages_without_an_end(self, scene: Scene, array: RestClient, pages: str) -> None:
        for number in range(MOST_EMPTY_PAGES + 2):
            link = f"/api/storage/luns?start={number if pages == 'ever new' else 0}"
            scene.answer("GET luns", 200, {"records": [], "num_records": 0, "_links": {"next": {"href": link}}})
        with pytest.raises(OntapError, match="have no end"):
            array.get_lun_list()

    def test_a_next_page_elsewhere(self, scene: Scene, array: RestClient) -> None:
        link = {"next": {"href": "/api/security/accounts?x=1"}}
        scene.answer("GET luns", 200, {"records": [], "num_records": 0, "_links": link})
        with pytest.raises(OntapError, match="the next page of GET /storage/luns is at another path"):
            array.get_lun_list()

    @pytest.mark.parametrize("name", ["a|b", "a..b", "v*", "!v", "a,b", "<1", "a=b"])
    def test_operators_in_names(self, scene: Scene, array: RestClient, name: str) -> None:
        assert array.get_luns(array.place("vol1", name)) == []
        (url,) = scene.wire.urls
        assert f'name="/vol/vol1/{name}"' in unquote(url)

    def test_an_svm_that_does_not_exist(self, scene: Scene) -> None:
        array = scene.client(svm="other")
        assert array.get_lun_list() == []
        with pytest.raises(OntapError, match="the filer has no SVM 'other'; if CLUSTER_MODE_VSERVER is right"):
            array.require_svm()

    def test_an_svm_that_exists(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        array.get_luns(lun)
        array.require_svm()
        assert scene.wire.requests == ["GET luns"], "a LUN proves its SVM"
        scene.client().require_svm()
        assert scene.wire.requests == ["GET luns", "GET svms"]


class TestRefusals:
    @pytest.mark.parametrize("status", [403, 404, 405])
    def test_no_rest_there(self, scene: Scene, array: RestClient, status: int) -> None:
        scene.answer("GET luns", status, b"<html>not here</html>")
        with pytest.raises(ApiOff, match=rf"serves no REST \(HTTP status {status}\)") as caught:
            array.get_lun_list()
        assert caught.value.status == status

    def test_a_wrong_password(self, scene: Scene, array: RestClient) -> None:
        scene.refuse("GET luns", "6691623", "User is not authorized.", 401)
        with pytest.raises(TransportError, match="does not accept LOGIN 'admin' with this PASSWORD"):
            array.get_lun_list()
        assert len(scene.wire.requests) == 1, "refused logins lock an account"

    def test_a_right_that_is_missing(self, scene: Scene, array: RestClient) -> None:
        scene.refuse("GET luns", "6", "not authorized for that command", 403)
        with pytest.raises(NotAllowed, match="verify credentials tells what LOGIN lacks"):
            array.get_lun_list()

    @pytest.mark.parametrize(
        ("status", "content"),
        [(503, b""), (429, b"busy"), (500, b'{"error": {"code": "2", "message": "internal"}}')],
    )
    def test_a_filer_that_is_too_busy(self, scene: Scene, array: RestClient, status: int, content: bytes) -> None:
        scene.answer("GET luns", status, content)
        assert array.get_lun_list() == []
        assert scene.clock.now > 0

    def test_an_svm_that_is_locked(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        for _ in range(3):
            scene.refuse("PATCH luns", "2621573", "Vserver temporarily locked")
        array.set_lun_comment(lun, "c")
        assert scene.wire.requests == ["PATCH luns"] * 4

    def test_a_busy_clone(self, scene: Scene, array: RestClient) -> None:
        source = scene.make()
        scene.refuse("POST luns", "13565952", "LUN clone failed: Device busy")
        assert array.clone_lun(source, array.place("vol1", "c"))
        scene.refuse("POST luns", "13565952", "LUN clone failed: no licence")
        with pytest.raises(Refusal, match="no licence"):
            array.clone_lun(source, array.place("vol1", "d"))

    def test_a_message_is_one_line(self, scene: Scene, array: RestClient) -> None:
        scene.refuse("GET luns", "4711", "two\nlines \x1b[31m" + "x" * 500)
        with pytest.raises(Refusal) as caught:
            array.get_lun_list()
        assert str(caught.value).startswith("GET luns failed: two lines ?[31mx")
        assert len(str(caught.value)) < 200


def test_a_lost_answer_is_no_missing_right(scene: Scene, array: RestClient) -> None:
    """The probes change nothing, so they are sent again."""
    for request in ("GET luns", "POST luns", "PATCH luns", "DELETE lun-maps"):
        scene.wire.lost[request] = True
    assert array.get_missing_rights("iscsi", per_node=False) == []
    assert scene.wire.lost == {}


class TestJobs:
    @pytest.fixture
    def slow(self, scene: Scene) -> Scene:
        scene.filer.serving = replace(scene.filer.serving, job_seconds=40)
        return scene

    def test_a_life_by_jobs(self, slow: Scene) -> None:
        array = slow.client(seconds=1000)
        made = array.create_lun(array.place("vol1", "v"), 64 * MIB, SPEC)
        assert made is not None and made.serial and made.size == 64 * MIB
        array.set_lun_comment(made, "c")
        assert array.do_direct_resize(made, 128 * MIB) == 128 * MIB
        assert array.clone_lun(made, array.place("vol1", "c"))
        assert array.destroy_lun(made)
        assert [lun.path for lun in array.get_lun_list()] == ["/vol/vol1/c"]

    def test_a_job_that_fails(self, scene: Scene, array: RestClient) -> None:
        scene.wire.trouble["POST luns"] = Trouble(job_seconds=40, job_problem=Problem("5374242", "it exists"))
        with pytest.raises(LunExists, match=r"POST luns failed: it exists \(code 5374242\)"):
            array.create_lun(array.place("vol1", "v"), MIB, SPEC)

    def test_a_job_that_does_not_end(self, slow: Scene) -> None:
        array = slow.client(seconds=20)
        with pytest.raises(TransportError, match="waiting for the filer's job of POST luns") as caught:
            array.create_lun(array.place("vol1", "v"), 64 * MIB, SPEC)
        assert caught.value.is_pending

    @pytest.mark.parametrize("content", [{}, {"job": {"uuid": "../luns"}}])
    def test_a_job_without_a_uuid(self, scene: Scene, array: RestClient, content: object) -> None:
        """It is not taken for done."""
        lun = scene.make()
        scene.answer("DELETE luns", 202, content)
        with pytest.raises(TransportError, match="has no usable uuid"):
            array.destroy_lun(lun)

    def test_a_poll_that_comes_to_another_server(self, slow: Scene) -> None:
        """It is not taken for an API that did nothing: the other API would create the LUN once more."""
        slow.filer.serving = replace(slow.filer.serving, job_seconds=20)
        array = slow.client(seconds=1000)
        slow.answer("GET jobs", 404, b"<html>not here</html>")
        made = array.create_lun(array.place("vol1", "v"), 64 * MIB, SPEC)
        assert made is not None and made.name == "v"

    def test_a_look_at_a_job_makes_no_job(self, slow: Scene) -> None:
        """The fuzzer's filer answered each look with 202 and a job, until Python gave up."""
        slow.filer.serving = replace(slow.filer.serving, job_seconds=20)
        array = slow.client(seconds=1000)
        another = "1cd8a442-86d1-11e0-ae1c-123478563412"
        slow.answer("GET jobs", 202, {"job": {"uuid": another}})
        made = array.create_lun(array.place("vol1", "v"), 64 * MIB, SPEC)
        assert made is not None and made.name == "v"
        assert not [url for url in slow.wire.urls if another in url]

    @pytest.mark.parametrize(("code", "status"), [("6", 403), ("4", 404)])
    def test_a_job_that_the_account_may_not_read(self, slow: Scene, code: str, status: int) -> None:
        """Then the object tells."""
        slow.filer.serving = replace(slow.filer.serving, job_seconds=20)
        array = slow.client(seconds=1000)

        def hide() -> None:
            slow.refuse("GET jobs", code, "not authorized for that command", status)

        hide()
        made = array.create_lun(array.place("vol1", "v"), 64 * MIB, SPEC)
        assert made is not None and made.serial
        hide()
        array.set_lun_comment(made, "c")
        assert array.get_luns(made)[0].comment == "c"
        hide()
        assert array.do_direct_resize(made, 128 * MIB) == 128 * MIB
        hide()
        assert array.destroy_lun(made)
        assert array.get_lun_list() == []

    def test_a_hidden_job_that_failed(self, scene: Scene, array: RestClient) -> None:
        scene.wire.trouble["POST luns"] = Trouble(job_seconds=40, job_problem=Problem("5440509", "no space"))
        scene.refuse("GET jobs", "6", "not authorized for that command", 403)
        with pytest.raises(TransportError, match="LOGIN may not read the job of POST luns"):
            array.create_lun(array.place("vol1", "v"), 64 * MIB, SPEC)
        assert scene.clock.now >= STALE_SECONDS, "one absent proves nothing"


class TestStaleLists:
    def test_a_new_lun_that_lists_lack(self, scene: Scene, array: RestClient) -> None:
        scene.wire.trouble["POST luns"] = Trouble(stale_seconds=12)
        lun = array.place("vol1", "v")
        array.create_lun(lun, MIB, SPEC)
        assert [one.path for one in array.get_luns(lun)] == ["/vol/vol1/v"]
        assert 12 <= scene.clock.now < 20

    def test_a_lun_of_another_process(self, scene: Scene) -> None:
        """It is believed to be absent, unless a verb says that it was just made."""
        scene.wire.trouble["POST luns"] = Trouble(stale_seconds=12)
        lun = scene.client().place("vol1", "v")
        scene.client().create_lun(lun, MIB, SPEC)
        assert scene.client().get_luns(lun) == []
        array = scene.client()
        array.expect(lun)
        assert [one.name for one in array.get_luns_called("v")] == ["v"]

    def test_it_does_not_wait_for_ever(self, scene: Scene, array: RestClient) -> None:
        array.expect(array.place("vol1", "v"))
        assert array.get_luns(array.place("vol1", "v")) == []
        assert STALE_SECONDS <= scene.clock.now < STALE_SECONDS + 5

    def test_other_questions_do_not_wait(self, scene: Scene, array: RestClient) -> None:
        array.expect(array.place("vol1", "v"))
        assert array.get_luns(array.place("vol1", "w")) == array.get_luns_called("x") == []
        assert scene.clock.now == 0

    def test_the_deadline_ends_it(self, scene: Scene) -> None:
        array = scene.client(seconds=3)
        array.expect(array.place("vol1", "v"))
        with pytest.raises(DeadlineError, match="until the filer's lists show the last change"):
            array.get_luns(array.place("vol1", "v"))

    def test_own_maps(self, scene: Scene, array: RestClient) -> None:
        scene.group("g", "iqn.1993-08.org.debian:01:a")
        lun = scene.make()
        scene.wire.trouble["POST lun-maps"] = Trouble(stale_seconds=5)
        array.map_lun(lun, "g", 3)
        assert [one.lun_id for one in array.get_lun_map(lun)] == [3]
        scene.wire.trouble["DELETE lun-maps"] = Trouble(stale_seconds=5)
        array.unmap_lun(lun, "g")
        assert array.get_igroup_maps("g") == []

    def test_a_change_of_another_machine_is_seen_at_once(self, scene: Scene, array: RestClient) -> None:
        scene.group("g", "iqn.1993-08.org.debian:01:a")
        lun = scene.make()
        array.map_lun(lun, "g", 3)
        assert array.get_lun_map(lun)
        other = client(RestWire(scene.filer), Memory(), scene.clock)
        other.unmap_lun(lun, "g")
        assert array.get_lun_map(lun) == []
        assert scene.clock.now == 0

    def test_own_igroups_and_members(self, scene: Scene, array: RestClient) -> None:
        scene.wire.trouble["POST igroups"] = Trouble(stale_seconds=5)
        array.create_igroup("g", "iscsi", "linux")
        assert [one.name for one in array.get_igroups("g")] == ["g"]
        scene.wire.trouble["POST initiators"] = Trouble(stale_seconds=5)
        array.add_igroup_initiator("g", "iqn.1993-08.org.debian:01:A")
        assert array.get_igroups("g")[0].initiators == ("iqn.1993-08.org.debian:01:a",)

    @pytest.mark.parametrize("after", [False, True])
    def test_a_creation_whose_answer_was_lost(self, scene: Scene, array: RestClient, after: bool) -> None:
        """One "absent" proves nothing, but a few seconds are enough: a repeated creation gets a true answer."""
        lun = array.place("vol1", "v")
        scene.wire.lost["POST luns"] = after
        with pytest.raises(TransportError):
            array.create_lun(lun, MIB, SPEC)
        assert len(array.get_luns(lun)) == after
        assert (scene.clock.now >= DOUBT_SECONDS) == (not after)

    def test_a_repeated_creation_that_exists(self, scene: Scene, array: RestClient) -> None:
        lun = array.place("vol1", "v")
        scene.wire.trouble["POST luns"] = Trouble(stale_seconds=15)
        scene.wire.lost["POST luns"] = True
        with pytest.raises(TransportError):
            array.create_lun(lun, MIB, SPEC)
        with pytest.raises(LunExists):
            array.create_lun(lun, MIB, SPEC)
        assert len(array.get_luns(lun)) == 1

    @pytest.mark.parametrize("code", ["5374863", "5374886"])
    def test_a_creation_that_failed_and_was_made(self, scene: Scene, array: RestClient, code: str) -> None:
        lun = scene.make()
        scene.refuse("POST luns", code, "some properties could not be set")
        assert array.create_lun(lun, MIB, SPEC) == lun

    def test_a_map_of_a_lun_that_the_filer_does_not_find_yet(self, scene: Scene, array: RestClient) -> None:
        lun = array.place("vol1", "v")
        array.create_lun(lun, MIB, SPEC)
        scene.refuse("POST lun-maps", "5374875", "The specified LUN was not found.", 404)
        with pytest.raises(NoSuchLun) as caught:
            array.map_lun(lun, "g", 1, once=True)
        assert caught.value.transient


class TestSvm:
    def test_the_only_svm_of_an_account(self, scene: Scene) -> None:
        array = scene.client(svm=None)
        assert (array.svm.name, scene.client(svm=None).svm.name) == ("svm1", "svm1")
        assert scene.wire.requests == ["GET svms"], "it is cached"
        assert not array.is_whole_cluster()

    def test_a_renamed_svm(self, scene: Scene) -> None:
        """The next verb goes by the new name."""
        scene.memory.svm().put("former")
        with pytest.raises(
            OntapError, match="the filer has no SVM 'former'; if CLUSTER_MODE_VSERVER is right, try"
        ):
            scene.client(svm=None).require_svm()
        scene.client(svm=None).require_svm()

    def test_the_uuid_is_noted_when_a_lun_is_listed(self, scene: Scene, array: RestClient) -> None:
        lun = scene.make()
        array.get_luns(lun)
        array.get_luns(lun)
        uuid = scene.filer.vservers["svm1",].uuid
        assert scene.memory.noted_svm().text == uuid
        assert ["svm.name=svm1&" in scene.wire.urls[0], f"svm.uuid={uuid}&" in scene.wire.urls[1]] == [True, True]

    @pytest.mark.parametrize("has_lun", [False, True])
    def test_an_svm_that_was_made_anew(self, scene: Scene, has_lun: bool) -> None:
        """An empty list is not believed. The second verb goes by the name, and notes the uuid."""
        if has_lun:
            scene.make()
        note, name = scene.memory.noted_svm(), scene.client().place("vol1", "v")
        note.put(FORMER)
        array = scene.client()
        assert array.get_luns(name) == []
        with pytest.raises(OntapError, match="the filer has no SVM 'svm1'; if CLUSTER_MODE_VSERVER is right, try"):
            array.require_svm()
        assert note.text == scene.filer.vservers["svm1",].uuid
        assert bool(scene.client().get_luns(name)) == has_lun

    def test_nothing_is_created_by_a_note_that_is_too_old(self, scene: Scene) -> None:
        note = scene.memory.noted_svm()
        note.put(FORMER)
        array = scene.client()
        with pytest.raises(Refusal, match="SVM"):
            array.create_lun(array.place("vol1", "v"), MIB, SPEC)
        assert note.text is None
        assert scene.client().create_lun(array.place("vol1", "v"), MIB, SPEC)

    def test_looking_at_the_connection_mends_a_note(self, scene: Scene) -> None:
        note = scene.memory.noted_svm()
        for uuid, left in ((FORMER, None), (scene.filer.vservers["svm1",].uuid,) * 2):
            note.put(str(uuid))
            scene.client().check_connection()
            assert note.text == left

    def test_several_svms(self, scene: Scene) -> None:
        provision.add_vserver(scene.filer.state, "svm2")
        array = scene.client(svm=None)
        assert array.is_whole_cluster()
        with pytest.raises(OntapError, match="LOGIN sees 2 SVMs; CLUSTER_MODE_VSERVER must name the SVM"):
            array.get_lun_list()

    def test_pools_and_target(self, array: RestClient) -> None:
        (pool,) = array.get_pools(["vol1", "none"])
        assert (pool.name, pool.type, pool.is_clone, pool.state) == ("vol1", "rw", False, "online")
        assert pool.size and pool.available
        assert (array.get_iscsi_service_details() or "").startswith("iqn.1992-08.com.netapp:sn.")
        assert {(portal.port, portal.tag, portal.enabled) for portal in array.get_iscsi_target_details()} == {
            (3260, None, True)
        }

    def test_which_nodes_show_a_lun(self, scene: Scene, array: RestClient) -> None:
        assert array.get_reporting_nodes("g1") is None, "ONTAP 9.8 does not know them"
        scene.filer.ontapi = 200
        scene.group("g1", "iqn.1993-08.org.debian:01:g1")
        lun = scene.make()
        array.map_lun(lun, "g1", 7)
        assert array.get_reporting_nodes("g1") == {lun.path: ["cluster1-01", "cluster1-02"]}
        assert array.get_reporting_nodes("none") == {}
        nodes = {portal.node for portal in array.get_iscsi_target_details()}
        assert nodes == {"cluster1-01", "cluster1-02"}

    def test_which_nodes_show_some_luns(self, scene: Scene, array: RestClient) -> None:
        scene.filer.ontapi = 200
        scene.group("g1", "iqn.1993-08.org.debian:01:g1")
        luns = [scene.make(name) for name in "abc"]
        for number, lun in enumerate(luns):
            array.map_lun(lun, "g1", number)
        group = scene.filer.igroups["svm1", "g1"].uuid
        nodes = f"/protocols/san/lun-maps/{luns[0].uuid}/{group}/reporting-nodes"
        (away,) = [one for one in ask(scene.filer, "GET", nodes)["records"] if one["name"] == "cluster1-02"]
        ask(scene.filer, "DELETE", f"{nodes}/{away['uuid']}")
        both = ["cluster1-01", "cluster1-02"]
        found = array.get_reporting_nodes("g1", *luns[:2])
        assert found == {luns[0].path: both[:1], luns[1].path: both}
        assert array.get_reporting_nodes("none", *luns) == {}
        stray = {"lun": {"name": "/vol/vol1/x"}, "igroup": {"name": "g1"}}
        scene.answer("GET lun-maps", 200, {"records": [stray], "num_records": 1})
        with pytest.raises(OntapError, match="with /vol/vol1/x g1, not asked for"):
            array.get_reporting_nodes("g1", *luns)

    def test_where_luns_are_served_over_fibre_channel(self, scene: Scene, array: RestClient) -> None:
        ports = [FcPort(f"20:0{n}:00:a0:98:00:00:02", True, f"cluster1-0{n}") for n in (1, 2)]
        assert array.get_fc_target_ports() == ports
        assert array.is_fcp_enabled() is True
        assert scene.wire.requests == ["GET interfaces", "GET services"]
        (first, *_) = ask(scene.filer, "GET", FC_INTERFACES, query={"name": "svm1_fc_1"})["records"]
        interface = f"{FC_INTERFACES}/{first['uuid']}"
        ask(scene.filer, "PATCH", interface, {"enabled": False})
        assert array.get_fc_target_ports() == [replace(ports[0], enabled=False), ports[1]]
        ask(scene.filer, "DELETE", interface)
        assert array.get_fc_target_ports() == ports[1:]
        service = f"{FC_SERVICES}/{scene.filer.vservers['svm1',].uuid}"
        ask(scene.filer, "PATCH", service, {"enabled": False})
        assert array.is_fcp_enabled() is False
        ask(scene.filer, "DELETE", service)
        assert array.is_fcp_enabled() is None

    @pytest.mark.parametrize(
        ("record", "expected"),
        [
            ({"wwpn": "200100A098000002", "enabled": True}, FcPort("20:01:00:a0:98:00:00:02", True)),
            ({"location": {"node": {"name": "n1"}}}, FcPort("", True, "n1")),
            ({"wwpn": 7, "enabled": False, "location": "n1"}, FcPort("", False)),
        ],
    )
    def test_an_fc_interface_of_which_less_is_told(
        self, scene: Scene, array: RestClient, record: dict[str, object], expected: FcPort
    ) -> None:
        scene.answer("GET interfaces", 200, {"records": [record], "num_records": 1})
        assert array.get_fc_target_ports() == [expected]

    @pytest.mark.parametrize("collection", ["interfaces", "services"])
    def test_a_list_about_fibre_channel_that_is_too_short(
        self, scene: Scene, array: RestClient, collection: str
    ) -> None:
        scene.answer(f"GET {collection}", 200, {"records": [], "num_records": 1})
        with pytest.raises(OntapError, match="announces another number of records than it has"):
            array.get_fc_target_ports() if collection == "interfaces" else array.is_fcp_enabled()

    def test_the_node_that_owns_a_lun(self, scene: Scene, array: RestClient) -> None:
        """It is told with the LUN: after a move of its volume, and after a takeover, the new one."""
        lun = scene.make()

        def owner() -> str:
            (found,) = array.get_luns(lun)
            return found.node

        assert owner() == "cluster1-01"
        zapi.ask(scene.filer, "volume-move-start", {"source-volume": "vol1", "dest-aggr": "aggr2"})
        assert owner() == "cluster1-02"
        scene.filer.serve(taken_over="cluster1-02")
        assert owner() == "cluster1-01"
        assert scene.wire.requests == ["GET luns"] * 3

    @pytest.mark.parametrize(
        ("kind", "message"),
        [
            ({}, ""),
            ({"san_optimized": True}, ""),
            ({"san_optimized": True, "disaggregated": True}, "the filer is an ASA r2"),
            ({"disaggregated": True}, "the filer is an AFX, which has no LUNs"),
        ],
    )
    def test_the_kind_of_filer(self, scene: Scene, kind: dict[str, bool], message: str) -> None:
        scene.answer("GET cluster", 200, {"version": {"full": "NetApp Release 9.18.1"}, **kind})
        for _ in range(2):
            array = scene.client()
            if message:
                with pytest.raises(OntapError, match=message):
                    array.prepare()
            else:
                array.prepare()
        assert scene.wire.requests == ["GET cluster"], "it is cached"

    @pytest.mark.parametrize("code", ["6", "9"])
    def test_a_kind_that_the_account_may_not_ask_for(self, scene: Scene, array: RestClient, code: str) -> None:
        scene.refuse("GET cluster", code, "A Vserver admin cannot use command directory", 403)
        array.prepare()
        array.prepare()
        assert scene.wire.requests == ["GET cluster"]

    def test_a_release_that_knows_no_unknown_fields(self, scene: Scene, array: RestClient) -> None:
        scene.refuse("GET cluster", "262179", 'Unexpected argument "ignore_unknown_fields".', 400)
        array.prepare()
        assert scene.wire.requests == ["GET cluster", "GET cluster"]
