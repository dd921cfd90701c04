"""Targets: what the filer answers. A hostile filer may send anything; see doc/TRUST.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from dataontap.client.array import Lun
from dataontap.client.rest.api import RestServer
from dataontap.client.rest.fields import seconds
from dataontap.client.retry import Patience
from dataontap.client.transport import Answer
from dataontap.client.zapi.api import NaElement, NaServer
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from dataontap.volume import tag
from tests.fuzz import recorded
from tests.fuzz.judge import Judge
from tests.fuzz.mutation import changed, changed_json, changed_text, changed_xml, texts
from tests.fuzz.recorded import Changes, Replay
from tests.fuzz.target import target
from tests.unit.clock import Clock
from tests.unit.rest_wire import Memory
from tests.unit.stage import Stage

_STATUSES = (200, 200, 200, 201, 202, 400, 401, 403, 404, 409, 429, 500, 503)
_XML = (
    b"<?xml version='1.0' encoding='UTF-8' ?>\n<!DOCTYPE netapp SYSTEM 'file:/etc/netapp_gx.dtd'>\n"
    b"<netapp version='1.180' xmlns='http://www.netapp.com/filer/admin'><results status=\"passed\">"
    b"<attributes-list><lun-info><path>/vol/vol1/v</path><size>67108864</size></lun-info></attributes-list>"
    b"<num-records>1</num-records></results></netapp>",
    b'<netapp version=\'1.180\'><results status="failed" errno="9017" reason="LUN mapped"/></netapp>',
)
_JSON = (
    b'{"records": [{"uuid": "1cd8a442-86d1-11e0-ae1c-123478563412", "name": "/vol/vol1/v"}], "num_records": 1}',
    b'{"error": {"message": "entry doesn\'t exist", "code": "4"}}',
    b'{"job": {"uuid": "1cd8a442-86d1-11e0-ae1c-123478563412"}}',
)
_TIMES = ("2024-11-15T10:22:00-05:00", "2021-06-02T11:13:33.123+0000", "1970-01-01T00:00:00Z")


@st.composite
def _conversation(draw: DrawFn, api: str, kind: str) -> tuple[str, Changes]:
    """A call or verb, and its odd answers by their numbers."""
    name, number = draw(st.sampled_from(list(recorded.names(api, kind))))
    answers = recorded.conversations(api, kind)[name]
    changes = {}
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, number - 1))
        answer = answers[at]
        near = changed_json(answer.body) if recorded.is_json(answer) else changed_xml(answer.body or b"<a/>")
        body = draw(st.one_of(near, near, near, changed([answer.body])))
        status = draw(st.sampled_from(_STATUSES)) if draw(st.integers(0, 4)) == 0 else answer.status
        changes[at] = Answer(status, body)
    return name, changes


def _conversations(api: str, kind: str) -> SearchStrategy[Any]:
    return st.deferred(lambda: _conversation(api, kind))


def _attack_client(api: str, judge: Judge, conversation: tuple[str, Changes]) -> None:
    name, changes = conversation
    replay = Replay(recorded.conversations(api, "call")[name], changes)
    array = recorded.array(api, replay, Clock(), Memory())
    judge.judge(lambda: _use(recorded.CALLS[name](array)))


def _use(found: object) -> None:
    """Do what the policy does with every row."""
    for row in found if isinstance(found, list) else [found]:
        if isinstance(row, Lun):
            assert all(len(naa) >= 8 for naa in row.naas)
            text, mark = tag.split(row.comment)
            if mark is not None:
                assert len(tag.compose(text, mark)) <= tag.COMMENT_LIMIT


def _attack_verb(api: str, judge: Judge, conversation: tuple[str, Changes], directory: Path) -> None:
    name, changes = conversation
    stage = Stage(directory)
    try:
        stage.options["IGROUP"] = "g-{node}"
        recorded.on_stage(stage, api, Replay(recorded.conversations(api, "verb")[name], changes))
        judge.judge(lambda: recorded.VERBS[name](stage.provider))
    finally:
        stage.filer.close()


@target(_conversations("rest", "call"))
def rest_calls(judge: Judge, conversation: tuple[str, Changes], directory: Path) -> None:
    _attack_client("rest", judge, conversation)


@target(_conversations("zapi", "call"))
def zapi_calls(judge: Judge, conversation: tuple[str, Changes], directory: Path) -> None:
    _attack_client("zapi", judge, conversation)


@target(_conversations("rest", "verb"))
def rest_verbs(judge: Judge, conversation: tuple[str, Changes], directory: Path) -> None:
    _attack_verb("rest", judge, conversation, directory)


@target(_conversations("zapi", "verb"))
def zapi_verbs(judge: Judge, conversation: tuple[str, Changes], directory: Path) -> None:
    _attack_verb("zapi", judge, conversation, directory)


@target(changed(_XML))
def xml(judge: Judge, body: bytes, directory: Path) -> None:
    def attack() -> None:
        server = NaServer(Post(Replay([Answer(200, body)], {})), tunnel="svm1")  # type: ignore[arg-type]
        _walk(server.send_request("lun-get-iter"))

    judge.judge(attack)


def _walk(element: NaElement) -> None:
    assert isinstance(element.name, str)
    assert element.get_text_length() >= len(element.get_content())
    for child in element.get_children():
        _walk(child)


@target(st.tuples(st.sampled_from(_STATUSES), changed(_JSON)))
def json(judge: Judge, answer: tuple[int, bytes], directory: Path) -> None:
    clock = Clock()
    patience = Patience(Deadline(120, clock=clock), clock=clock, sleep=clock.sleep)
    server = RestServer(Replay([Answer(*answer)], {}), patience)
    judge.judge(lambda: server.send("PATCH", "/storage/luns/1cd8a442", {}, {"comment": "x"}))


@target(changed_text(_TIMES))
def times(judge: Judge, text: str, directory: Path) -> None:
    judge.judge(lambda: seconds({"create_time": text}, "create_time"))


_TAGS = (
    "originstname+inst1 dataontap:2:cluster.example:e5d84ccc-11b6-4f5d-8702:disk:674b6d74763f4d366e474f48",
    "dataontap:2:c:u:snap:-:fast-{node}",
    f"x dataontap:1:{'c' * 70}:u:disk",
    "a dataontap:2:c:u:disk:- dataontap:1:c:u:disk",
)


@target(changed_text(_TAGS))
def comments(judge: Judge, comment: str, directory: Path) -> None:
    """Also: a comment that was read and written is read as the same."""

    def attack() -> None:
        text, mark = tag.split(comment)
        if mark is None:
            return
        written = tag.compose(text, mark)
        assert len(written) <= tag.COMMENT_LIMIT
        again = tag.find(written)
        assert again is not None
        assert (again.cluster, again.uuid, again.kind) == (mark.cluster, mark.uuid, mark.kind)
        assert again.serial in {mark.serial, tag.UNKNOWN}

    judge.judge(attack)


@target(st.tuples(texts, texts))
def texts_in_comments(judge: Judge, given: tuple[str, str], directory: Path) -> None:
    """The tag is found beside any text of Ganeti's."""
    text, word = given
    mark = tag.Tag("cluster.example", "e5d84ccc-11b6-4f5d-8702-af659b341813", tag.DISK)
    judge.judge(lambda: _require(tag.find(tag.compose(f"{text} {word}", mark)) == mark))


def _require(holds: bool) -> None:
    assert holds
