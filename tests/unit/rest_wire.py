"""Between the REST client and a filer in tests: notes each request, and loses those it is told to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from dataontap.client.rest.api import RestServer
from dataontap.client.rest.client import RestClient
from dataontap.client.rest.recent import Recent
from dataontap.client.retry import Patience
from dataontap.client.transport import Answer, Headers
from dataontap.client.transport import Filer as Address
from dataontap.deadline import Deadline
from dataontap.errors import TransportError
from tests.simulator.filer import Filer
from tests.simulator.rest.service import Trouble
from tests.simulator.rest.wire import PLAIN, Request
from tests.unit.clock import Clock

Script = Callable[[str], "Answer | None"]


@dataclass
class RestWire:
    """The filer ``there`` over REST as ``account``; requests are named as in messages: "POST luns"."""

    there: Filer
    account: str = "admin"
    requests: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    trouble: dict[str, Trouble] = field(default_factory=dict)
    lost: dict[str, bool] = field(default_factory=dict)
    answers: dict[str, list[Answer]] = field(default_factory=dict)

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        path, _, query = url.removeprefix("/api").partition("?")
        template = self.there.rest.api_name(Request(method, path)).split("/")
        name = f"{method} {[part for part in template if part and not part.startswith('{')][-1]}"
        self.requests.append(name)
        self.urls.append(f"{method} {url}")
        after = self.lost.pop(name, None)
        if after is False:
            raise TransportError("reset", transient=True)
        if self.answers.get(name):
            return self.answers[name].pop(0)
        request = Request(method, path, query, body or b"", PLAIN)
        response = self.there.rest.answer(request, self.account, self.trouble.pop(name, None))
        if after is True:
            raise TransportError("reset", transient=True)
        return Answer(response.status, response.body)

    @property
    def filer(self) -> Address:
        return Address("filer", login=self.account)


@dataclass
class Text:
    """A text that is cached."""

    text: str | None = None

    def get(self, *, of_any_age: bool = False) -> str | None:
        return self.text

    def put(self, text: str) -> None:
        self.text = text

    def drop(self) -> None:
        self.text = None


@dataclass
class Memory:
    """What is cached between processes."""

    texts: dict[str, Text] = field(default_factory=dict)

    def svm(self) -> Text:
        return self._text("svm")

    def noted_svm(self) -> Text:
        return self._text("noted svm")

    def svm_name(self) -> Text:
        return self._text("svm name")

    def kind(self) -> Text:
        return self._text("kind")

    def igroup_uuid(self, name: str) -> Text:
        return self._text(f"igroup {name}")

    def _text(self, name: str) -> Text:
        return self.texts.setdefault(name, Text())


def client(
    wire: RestWire, memory: Memory, clock: Clock, *, seconds: float = 120, svm: str | None = "svm1"
) -> RestClient:
    """A client of another process. Time passes on ``clock``."""
    patience = Patience(Deadline(seconds, clock=clock), clock=clock, sleep=clock.sleep)
    return RestClient(RestServer(wire, patience), memory, svm, Recent(clock))
