"""REST beside the records: who may ask what, jobs, what is not to be seen yet, and the two APIs over one state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.simulator import provision, typed
from tests.simulator.filer import Filer, Serving
from tests.simulator.model import Role
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.service import Rest, Trouble
from tests.simulator.rest.wire import Request
from tests.unit import zapi
from tests.unit.rest import Fields, ask, code, make, records, respond

MIB = 1 << 20
LUNS, JOBS = "/storage/luns", "/cluster/jobs"
NEW: Fields = {"svm.name": "svm1", "name": "/vol/vol1/a", "os_type": "linux", "space.size": MIB}


class Clock:
    """A clock that advances only when a test waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return True


@pytest.fixture
def clock() -> Clock:
    """The filer's."""
    return Clock()


@pytest.fixture
def filer(tmp_path: Path, clock: Clock) -> Iterator[Filer]:
    """A filer with two SVMs, each with an account of its own."""
    filer = Filer(tmp_path, seed="service", ontapi=240)
    filer.rest = Rest(filer, clock)
    for name in ("svm1", "svm2"):
        provision.add_volume(filer.state, name, "vol1")
        provision.add_account(filer.state, f"{name}-admin", "secret", name)
    yield filer
    filer.close()


def slow(filer: Filer, clock: Clock, trouble: Trouble, asked: tuple[str, str, Any], **query: Any) -> Any:
    """The answer to a request that befalls some trouble."""
    method, path, body = asked
    return respond(filer, method, path, body, query=query, trouble=trouble, wait=clock.wait)


def test_a_job_is_begun_and_ends(filer: Filer, clock: Clock) -> None:
    answer = slow(filer, clock, Trouble(job_seconds=5), ("POST", LUNS, NEW))
    job = (answer.content or {})["job"]
    assert (answer.status, "Location" in answer.headers) == (202, False)
    assert job["_links"]["self"]["href"] == f"/api{JOBS}/{job['uuid']}"
    running = ask(filer, "GET", f"{JOBS}/{job['uuid']}")
    assert (running["state"], running["description"]) == ("running", "POST /api/storage/luns")
    assert records(filer, LUNS) == []
    clock.wait(5)
    assert len(records(filer, LUNS)) == 1
    done = ask(filer, "GET", f"{JOBS}/{job['uuid']}", query="fields=state,code,message,error")
    assert (done["state"], done["code"], done["message"]) == ("success", 0, "success")


def test_zapi_finds_what_a_job_has_made(filer: Filer, clock: Clock) -> None:
    slow(filer, clock, Trouble(job_seconds=5), ("POST", LUNS, NEW))
    assert zapi.texts(zapi.ask(filer, "lun-get-iter"), "path") == []
    clock.wait(5)
    assert zapi.texts(zapi.ask(filer, "lun-get-iter"), "path") == ["/vol/vol1/a"]


@pytest.mark.parametrize(("timeout", "status"), [(4, 202), (5, 201), (120, 201)])
def test_a_client_waits_for_a_job(filer: Filer, clock: Clock, timeout: int, status: int) -> None:
    began = clock.now
    answer = slow(filer, clock, Trouble(job_seconds=5), ("POST", LUNS, NEW), return_timeout=timeout)
    assert (answer.status, clock.now - began) == (status, min(timeout, 5))
    assert "job" in (answer.content or {}), "also where it has ended"
    assert ("Location" in answer.headers) is (status == 201)


def test_a_job_that_fails_says_why(filer: Filer, clock: Clock) -> None:
    trouble = Trouble(job_seconds=5, job_problem=Problem("524486", "The volume is busy."))
    answer = slow(filer, clock, trouble, ("POST", LUNS, NEW))
    clock.wait(5)
    job = ask(filer, "GET", f"{JOBS}/{(answer.content or {})['job']['uuid']}")
    assert (job["state"], job["code"]) == ("failure", 524486), "the job's code is a number"
    assert job["error"] == {"code": "524486", "message": "The volume is busy."}
    waited = slow(filer, clock, trouble, ("POST", LUNS, NEW), return_timeout=10)
    assert (waited.status, waited.code) == (400, "524486")
    assert records(filer, LUNS) == []


def test_a_job_fails_by_what_is_there_when_it_ends(filer: Filer, clock: Clock) -> None:
    answer = slow(filer, clock, Trouble(job_seconds=5), ("POST", LUNS, NEW))
    make(filer, LUNS, NEW)
    clock.wait(5)
    assert ask(filer, "GET", f"{JOBS}/{(answer.content or {})['job']['uuid']}")["code"] == 5374242


def test_changes_of_luns_can_be_jobs_always(tmp_path: Path) -> None:
    filer = Filer(tmp_path, serving=Serving(job_seconds=1000))
    assert respond(filer, "POST", LUNS, NEW).status == 202
    group = {"svm.name": "svm1", "name": "g", "os_type": "linux"}
    assert respond(filer, "POST", "/protocols/san/igroups", group).status == 201
    filer.close()


def test_what_was_made_is_not_seen_yet(filer: Filer, clock: Clock) -> None:
    answer = slow(filer, clock, Trouble(stale_seconds=30), ("POST", LUNS, NEW), return_records="true")
    (made,) = (answer.content or {})["records"]
    group = make(filer, "/protocols/san/igroups", {"svm.name": "svm1", "name": "g", "os_type": "linux"})
    mapping = {"svm.name": "svm1", "igroup.name": "g"}
    assert records(filer, LUNS, name="/vol/vol1/a") == []
    assert ask(filer, "GET", f"{LUNS}/{made['uuid']}")["name"] == "/vol/vol1/a", "by its uuid it is there"
    assert code(filer, "POST", LUNS, NEW) == "5374242"
    by_name = {**mapping, "lun.name": "/vol/vol1/a"}
    assert code(filer, "POST", "/protocols/san/lun-maps", by_name) == "1254201"
    assert code(filer, "POST", "/protocols/san/lun-maps", {**mapping, "lun.uuid": made["uuid"]}) is None
    assert records(filer, "/protocols/san/lun-maps", igroup_uuid=group["uuid"]) == []
    clock.wait(30)
    assert len(records(filer, LUNS, name="/vol/vol1/a")) == 1
    assert len(records(filer, "/protocols/san/lun-maps", igroup_uuid=group["uuid"])) == 1


def test_what_is_gone_is_still_seen(filer: Filer, clock: Clock) -> None:
    made = make(filer, LUNS, {**NEW, "comment": "old"})
    place = f"{LUNS}/{made['uuid']}"
    slow(filer, clock, Trouble(stale_seconds=10), ("PATCH", place, {"comment": "new"}))
    assert records(filer, LUNS, name="/vol/vol1/a", fields="comment")[0]["comment"] == "old"
    assert ask(filer, "GET", place)["comment"] == "new"
    slow(filer, clock, Trouble(stale_seconds=20), ("DELETE", place, None))
    assert len(records(filer, LUNS)) == 1
    assert code(filer, "GET", place) == "5374875"
    assert ask(filer, "DELETE", LUNS, query="name=*")["num_records"] == 0, "what is gone is not deleted again"
    clock.wait(10)
    assert records(filer, LUNS, fields="comment")[0]["comment"] == "new"
    clock.wait(10)
    assert records(filer, LUNS) == []


def test_an_account_of_an_svm_sees_its_own_only(filer: Filer) -> None:
    for svm in ("svm1", "svm2"):
        make(filer, LUNS, {**NEW, "svm.name": svm})
    own: dict[str, Any] = {"account": "svm2-admin"}
    (lun,) = ask(filer, "GET", LUNS, query="fields=svm.name", **own)["records"]
    assert lun["svm"]["name"] == "svm2"
    assert [each["name"] for each in ask(filer, "GET", "/svm/svms", **own)["records"]] == ["svm2"]
    implied = {name: value for name, value in NEW.items() if name != "svm.name"}
    ask(filer, "POST", LUNS, {**implied, "name": "/vol/vol1/b"}, **own)
    assert len(filer.luns) == 3 and ("svm2", "/vol/vol1/b") in filer.luns
    assert code(filer, "POST", LUNS, {**NEW, "name": "/vol/vol1/c"}, **own) == "2621462"
    other = next(each["uuid"] for each in records(filer, LUNS, svm_name="svm1"))
    assert (
        code(filer, "GET", f"{LUNS}/{other}", **own)
        == code(filer, "DELETE", f"{LUNS}/{other}", **own)
        == "5374875"
    )
    for path in ("/cluster/nodes", "/storage/aggregates", "/cluster/counter/tables"):
        assert (code(filer, "GET", path, **own), respond(filer, "GET", path, **own).status) == ("6", 403)
    for path in ("/cluster", JOBS, "/security/roles", "/protocols/san/igroups"):
        assert code(filer, "GET", path, **own) is None


def test_the_header_names_the_svm(filer: Filer) -> None:
    implied = {name: value for name, value in NEW.items() if name != "svm.name"}
    assert code(filer, "POST", LUNS, implied) == "2621707"
    assert code(filer, "POST", LUNS, implied, svm="svm2") is None
    assert [key for key in filer.luns] == [("svm2", "/vol/vol1/a")]
    assert ask(filer, "GET", LUNS, svm="svm1")["records"] == []
    assert code(filer, "GET", LUNS, svm="none") == "2621462"
    assert code(filer, "GET", LUNS, svm="svm1", account="svm2-admin") == "2621462"


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        ({"/api": "all"}, "GPTD"),
        ({"/api": "readonly"}, "G"),
        ({"/api/storage/luns": "all"}, "GPTD"),
        ({"/api/storage/luns": "readonly"}, "G"),
        ({"/api/storage/luns": "read_create"}, "GP"),
        ({"/api/storage/luns": "read_modify"}, "GT"),
        ({"/api/storage/luns": "read_create_modify"}, "GPT"),
        ({"/api/storage/luns": "none", "/api": "all"}, ""),
        ({"/api/storage": "all"}, ""),
        ({"/api/storage/volumes": "all"}, ""),
        ({"lun": "all", "DEFAULT": "all"}, ""),
        ({}, ""),
    ],
)
def test_a_role_gives_rights_to_paths(filer: Filer, rights: dict[str, str], allowed: str) -> None:
    place = f"{LUNS}/{make(filer, LUNS, NEW)['uuid']}"
    filer.state.commit(Role("svm1", "ganeti", rights))
    provision.add_account(filer.state, "ganeti", "secret", "svm1", role="ganeti")
    asked: list[tuple[str, Callable[[], str | None]]] = [
        ("G", lambda: code(filer, "GET", LUNS, account="ganeti", query="return_records=false")),
        ("P", lambda: code(filer, "POST", LUNS, {**NEW, "name": "/vol/vol1/b"}, account="ganeti")),
        ("T", lambda: code(filer, "PATCH", place, {"comment": "x"}, account="ganeti")),
        ("D", lambda: code(filer, "DELETE", place, account="ganeti")),
    ]
    answers = [(letter, ask_it()) for letter, ask_it in asked]
    assert "".join(letter for letter, refusal in answers if refusal is None) == allowed
    assert {refusal for _, refusal in answers} <= {None, "6"}


def test_a_collection_below_another_needs_its_own_entry(filer: Filer) -> None:
    group = make(filer, "/protocols/san/igroups", {"svm.name": "svm1", "name": "g", "os_type": "linux"})
    place = f"/protocols/san/igroups/{group['uuid']}/initiators"
    provision.add_account(filer.state, "ganeti", "secret", "svm1", role="ganeti")
    for path, refusal in (
        ("/api/protocols/san/igroups", "6"),
        ("/api/protocols/san/igroups/initiators", None),
        ("/api/protocols/san/igroups/*/initiators", None),
        ("/api/protocols/san/igroups/{igroup.uuid}/initiators", None),
    ):
        filer.state.commit(Role("svm1", "ganeti", {path: "readonly"}))
        assert code(filer, "GET", place, account="ganeti") == refusal, path


def test_a_job_that_its_account_may_not_read(filer: Filer, clock: Clock) -> None:
    filer.state.commit(Role("svm1", "ganeti", {"/api/storage/luns": "all"}))
    provision.add_account(filer.state, "ganeti", "secret", "svm1", role="ganeti")
    begun = respond(filer, "POST", LUNS, NEW, account="ganeti", trouble=Trouble(job_seconds=1))
    assert code(filer, "GET", f"{JOBS}/{(begun.content or {})['job']['uuid']}", account="ganeti") == "6"
    clock.wait(1)
    assert len(records(filer, LUNS)) == 1, "the work goes on"


def test_roles_and_their_privileges(filer: Filer) -> None:
    filer.state.commit(Role("svm1", "ganeti", {"/api/storage/luns": "all", "/api/cluster": "readonly"}))
    (role,) = records(filer, "/security/roles", name="ganeti", fields="*")
    assert (role["owner"]["name"], role["scope"], role["builtin"]) == ("svm1", "svm", False)
    place = f"/security/roles/{role['owner']['uuid']}/ganeti/privileges"
    assert [(each["path"], each["access"]) for each in records(filer, place)] == [
        ("/api/cluster", "readonly"),
        ("/api/storage/luns", "all"),
    ]
    one = ask(filer, "GET", f"{place}/%2Fapi%2Fcluster")
    assert (one["access"], one["_links"]["self"]["href"]) == ("readonly", f"/api{place}/%2Fapi%2Fcluster")
    provision.add_account(filer.state, "g", "secret", "svm1", role="ganeti")
    (account,) = records(filer, "/security/accounts", name="g", fields="role.name,applications.application")
    assert account["role"]["name"] == "ganeti"
    assert [each["application"] for each in account["applications"]] == ["http", "ontapi"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/storage/shelves"),
        ("GET", "/"),
        ("PUT", LUNS),
        ("POST", f"{LUNS}/x"),
        ("PATCH", "/cluster"),
        ("DELETE", "/svm/svms"),
        ("GET", "/support/ems/application-logs"),
        ("GET", f"{LUNS}/x/y/z"),
    ],
)
def test_what_there_is_not(filer: Filer, method: str, path: str) -> None:
    answer = respond(filer, method, path)
    assert (answer.status, answer.code) == (404, "3")


def test_what_came_later_is_not_there(tmp_path: Path) -> None:
    filer = Filer(tmp_path, ontapi=180)
    for path in ("/cluster/counter/tables", f"{LUNS}/x/attributes"):
        assert code(filer, "GET", path) == "3"
    filer.close()


def test_a_message_of_an_application(filer: Filer) -> None:
    told: Fields = {"computer_name": "n1", "event_source": "ganeti", "app_version": "1", "event_id": 1}
    message = {**told, "category": "x", "event_description": "y", "severity": "notice"}
    path = "/support/ems/application-logs"
    assert respond(filer, "POST", path, message).status == 201
    assert code(filer, "POST", path, told) == "262186"
    assert code(filer, "POST", path, {**message, "severity": "loud"}) == "262197"


@pytest.mark.parametrize("body", [b"{", b"[]", b"[" * 100_000, b"\xff", b'"x"'])
def test_a_body_that_is_none(filer: Filer, body: bytes) -> None:
    answer = filer.rest.answer(Request("POST", LUNS, "", body), "admin")
    assert (answer.status, answer.code) == (400, "262198")


def test_a_delete_has_no_body(filer: Filer) -> None:
    place = f"{LUNS}/{make(filer, LUNS, NEW)['uuid']}"
    assert code(filer, "DELETE", place, {"name": "x"}) == "262179"


def test_counters_and_nodes(filer: Filer) -> None:
    assert {each["name"] for each in records(filer, "/cluster/counter/tables")} >= {"system", "processor", "wafl"}
    rows = records(filer, "/cluster/counter/tables/system/rows", fields="counters")
    assert [row["id"] for row in rows] == ["cluster1-01", "cluster1-02"]
    assert code(filer, "GET", "/cluster/counter/tables/none/rows") == "4"
    nodes = records(filer, "/cluster/nodes", fields="model,version.full,ha.enabled")
    assert [node["ha"]["enabled"] for node in nodes] == [True, True]
    assert [
        each["state"] for each in records(filer, "/cluster/licensing/licenses", name="iscsi", fields="state")
    ] == ["compliant"]
    (aggregate,) = records(filer, "/storage/aggregates", name="aggr1", fields="space.block_storage")
    storage = aggregate["space"]["block_storage"]
    assert storage["size"] == storage["used"] + storage["available"]


def test_the_admin_types_a_role_and_an_account_for_rest(filer: Filer) -> None:
    login = (
        "security login create -vserver svm1 -user-or-group-name g -authentication-method password -role ganeti"
    )
    typed.run(
        filer.state,
        [
            "security login rest-role create -vserver svm1 -role ganeti -api /api/storage/luns -access readonly",
            f"{login} -application http",
        ],
    )
    assert code(filer, "GET", LUNS, account="g") is None
    assert code(filer, "GET", "/storage/volumes", account="g") == "6"
    assert [filer.authenticate("g", typed.PASSWORD, each) for each in ("http", "ontapi")] == [True, False]
    typed.run(filer.state, [f"{login} -application ontapi"])
    assert [filer.authenticate("g", typed.PASSWORD, each) for each in ("http", "ontapi")] == [True, True]
    for wrong in ("-api /storage/luns -access all", "-api /apis -access all", "-api /api -access some"):
        with pytest.raises(typed.CommandError):
            typed.run(filer.state, [f"security login rest-role create -vserver svm1 -role r {wrong}"])


def test_an_account_that_zapi_makes_is_for_zapi(filer: Filer) -> None:
    account = {"vserver": "svm1", "user-name": "z", "password": "secret", "role-name": "vsadmin"}
    login = {"application": "ontapi", "authentication-method": "password"}
    zapi.ask(filer, "security-login-create", {**account, **login}, vserver=None)
    assert [filer.authenticate("z", "secret", each) for each in ("http", "ontapi")] == [False, True]


def test_unknown_accounts_have_no_rights(filer: Filer) -> None:
    assert code(filer, "GET", "/cluster", account="nobody") == "6"


def test_collections_can_be_made_to_show_all(filer: Filer, clock: Clock) -> None:
    place = f"{LUNS}/{make(filer, LUNS, {**NEW, 'comment': 'old'})['uuid']}"
    slow(filer, clock, Trouble(stale_seconds=10), ("PATCH", place, {"comment": "new"}))
    filer.rest.sight.clear()
    assert records(filer, LUNS, fields="comment")[0]["comment"] == "new"
