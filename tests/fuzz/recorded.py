"""Conversations of each call and each verb with the simulated filer, which are then repeated with odd answers."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Callable, Union

from dataontap.client.array import Array, Lun, LunSpec
from dataontap.client.retry import Patience
from dataontap.client.transport import Answer, Headers
from dataontap.client.transport import Filer as Address
from dataontap.client.zapi.api import NaServer
from dataontap.client.zapi.cmode import CmodeClient
from dataontap.client.zapi.post import Post
from dataontap.deadline import Deadline
from dataontap.volume.provider import DataOnTapProvider
from dataontap.volume.requests import Verification
from dataontap.volume.targets import target_of
from tests.fuzz.judge import SECRETS
from tests.unit.clock import Clock
from tests.unit.rest_wire import Memory, RestWire, client
from tests.unit.stage import Stage
from tests.unit.volume import CREATION, EXCLUSIVE, METADATA, SNAPSHOT, VOLUME, growth, make

APIS = ("rest", "zapi")
_MIB = 1024 * 1024
_PATH = "/vol/vol1/v"
_GROUP = "g-node1.example"
_NODE = "iqn.1993-08.org.debian:01:node1.example"
Changes = dict[int, Answer]


def _lun(array: Array) -> Lun:
    return array.get_luns(array.recall(_PATH, ""))[0]


CALLS: dict[str, Callable[[Array], object]] = {
    "get_luns": _lun,
    "get_luns_called": lambda array: array.get_luns_called("v"),
    "get_lun_list": lambda array: array.get_lun_list(),
    "create_lun": lambda array: array.create_lun(array.place("vol1", "w"), 64 * _MIB, LunSpec("linux", True, "")),
    "clone_lun": lambda array: array.clone_lun(_lun(array), array.place("vol1", "c")),
    "do_direct_resize": lambda array: array.do_direct_resize(_lun(array), 128 * _MIB),
    "set_lun_comment": lambda array: array.set_lun_comment(_lun(array), "x"),
    "get_lun_map": lambda array: array.get_lun_map(array.recall(_PATH, "")),
    "get_igroup_maps": lambda array: array.get_igroup_maps(_GROUP),
    "get_reporting_nodes": lambda array: array.get_reporting_nodes(_GROUP),
    "map_lun": lambda array: array.map_lun(_lun(array), "other", 7),
    "unmap_lun": lambda array: array.unmap_lun(_lun(array), _GROUP),
    "get_igroups": lambda array: array.get_igroups(_GROUP, "other"),
    "get_igroups_of": lambda array: array.get_igroups_of([_NODE]),
    "create_igroup": lambda array: array.create_igroup("new", "iscsi", "linux"),
    "add_igroup_initiator": lambda array: array.add_igroup_initiator("other", "iqn.1993-08.org.debian:01:x"),
    "remove_igroup_initiator": lambda array: array.remove_igroup_initiator("other", "iqn.1993-08.org.debian:01:x"),
    "logged_in iscsi": lambda array: array.logged_in([_NODE], "iscsi"),
    "logged_in fc": lambda array: array.logged_in(["20:00:00:25:b5:11:22:33"], "fc"),
    "get_pools": lambda array: array.get_pools(["vol1"]),
    "target_of": target_of,
    "check_connection": lambda array: array.check_connection(),
    "prepare": lambda array: array.prepare(),
    "require_svm": lambda array: array.require_svm(),
    "is_whole_cluster": lambda array: array.is_whole_cluster(),
    "get_missing_rights": lambda array: array.get_missing_rights("iscsi", per_node=True),
    "destroy_lun": lambda array: array.unmap_lun(_lun(array), _GROUP) and array.destroy_lun(_lun(array)),
}
VERBS: dict[str, Callable[[DataOnTapProvider], object]] = {
    "create": lambda provider: provider.create(CREATION),
    "attach": lambda provider: provider.attach(VOLUME),
    "setinfo": lambda provider: provider.setinfo(METADATA),
    "open": lambda provider: provider.open(EXCLUSIVE),
    "grow": lambda provider: provider.grow(growth(64, 80)),
    "snapshot": lambda provider: provider.snapshot(SNAPSHOT),
    "verify": lambda provider: provider.verify(Verification({}, Verification.usual)),
    "detach": lambda provider: provider.detach(VOLUME),
    "remove": lambda provider: provider.remove(VOLUME),
}


@dataclass
class Record:
    """Passes requests on, and keeps the answers; the password is in some of them."""

    there: Any
    answers: list[Answer] = field(default_factory=list)

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        self.answers.append(self.there.exchange(method, url, body, headers))
        return self.answers[-1]

    @property
    def filer(self) -> Address:
        return Address("filer.example.org", login="ganeti", password=SECRETS[0])


@dataclass
class Replay:
    """Gives the recorded answers, with ``changes`` by their numbers; the last one again and again."""

    answers: Sequence[Answer]
    changes: Changes
    given: int = 0

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        url.encode("ascii")  # as http.client does
        number = min(self.given, len(self.answers) - 1)
        self.given += 1
        return self.changes.get(number, self.answers[number])

    filer = Record.filer


Wire = Union[Record, Replay]


@dataclass
class _Zapi:
    """The simulated filer's end of ZAPI."""

    stage: Stage

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        return Answer(200, self.stage.wire(body or b""))


def array(api: str, wire: Wire, clock: Clock, svms: Memory | None = None) -> Array:
    """A new client over ``wire``. Time passes on ``clock``."""
    if api == "rest":
        return client(wire, svms or Memory(), clock)  # type: ignore[arg-type]
    patience = Patience(Deadline(120, clock=clock), clock=clock, sleep=clock.sleep)
    server = NaServer(Post(wire), tunnel="svm1", again=patience)  # type: ignore[arg-type]
    return CmodeClient(server, svms=svms)


@cache
def conversations(api: str, kind: str) -> dict[str, list[Answer]]:
    """The answers to each of CALLS or VERBS, as ``kind`` says. Each finds a new filer with a volume."""
    works: dict[str, Any] = CALLS if kind == "call" else VERBS
    return {name: _answers(api, kind, name, work) for name, work in works.items()}


def _answers(api: str, kind: str, name: str, work: Callable[[Any], object]) -> list[Answer]:
    with _stage() as stage:
        if name != "create":
            make(stage)
        if kind == "call":
            stage.ask("igroup-create", {"initiator-group-name": "other", "initiator-group-type": "iscsi"})
        wire = Record(RestWire(stage.filer) if api == "rest" else _Zapi(stage))
        if kind == "call":
            work(array(api, wire, stage.clock, Memory()))
        else:
            on_stage(stage, api, wire)
            work(stage.provider)
        return wire.answers


def on_stage(stage: Stage, api: str, wire: Wire) -> None:
    """Let the stage's verbs speak to ``wire``."""
    stage.array = array(api, wire, stage.clock)


class _stage:  # noqa: N801 - used as a function
    """A stage in a directory of its own, for one conversation."""

    def __enter__(self) -> Stage:
        self._directory = tempfile.mkdtemp(prefix="fuzz")
        self._stage = Stage(Path(self._directory))
        self._stage.options["IGROUP"] = "g-{node}"
        return self._stage

    def __exit__(self, *_: object) -> None:
        self._stage.filer.close()
        shutil.rmtree(self._directory)


def names(api: str, kind: str) -> Iterator[tuple[str, int]]:
    """Each conversation that has answers, with their number."""
    for name, answers in conversations(api, kind).items():
        if answers:
            yield name, len(answers)


def is_json(answer: Answer) -> bool:
    """Whether the body is JSON."""
    return re.match(rb"\s*[{\[]", answer.body) is not None
