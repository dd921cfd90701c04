"""REST, NetApp's JSON over HTTP: requests, refusals, and jobs."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from urllib.parse import quote

from dataontap.client.rest import codes
from dataontap.client.rest.fields import Record, text, value
from dataontap.client.retry import persist
from dataontap.client.status import NOT_SERVED, UNAUTHORIZED, api_off, refusal
from dataontap.client.text import one_line
from dataontap.errors import ApiOff, DeadlineError, NotAllowed, OntapError, Refusal, TransportError

if TYPE_CHECKING:
    from dataontap.client.retry import Patience
    from dataontap.client.transport import Answer, Filer, Headers

LOG = logging.getLogger(__name__)

_ROOT = "/api"
# To a client that does not accept "hal+json" the filer sends no links but that to the next page.
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_ACCEPTED = 202
_FIRST_ERROR = 400
_LUNS = "/storage/luns"
# How long the filer waits for a job before it answers, in seconds. It accepts 0 to 120; its own limit for lists
# is 15.
_JOB_SECONDS = 15
_JOBS = "/cluster/jobs"
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REASON_LIMIT = 120
_OPERATORS = re.compile(r'[*|!<>=,"]|\.\.')

Query = Mapping[str, str]


class Exchange(Protocol):
    """Sends one request; see ``transport.Transport``."""

    @property
    def filer(self) -> Filer:
        """The filer's address and credentials, for messages."""

    def exchange(self, method: str, url: str, body: bytes | None, headers: Headers) -> Answer:
        """The filer's answer."""


class JobUnclear(TransportError):
    """A job's outcome is not known: the filer does not show the job, or it has not ended in time."""

    is_pending = True


def literal(name: str) -> str:
    """A value of a query that matches only itself: one with operators in it stands in double quotes."""
    return f'"{name}"' if _OPERATORS.search(name) else name


def segment(name: str) -> str:
    """A name or uuid as a part of a path."""
    return quote(name, safe="")


def any_of(names: Iterable[str]) -> str:
    """A value of a query that matches each of these names."""
    return "|".join(literal(name) for name in names)


class RestServer:
    """A filer that is reached by ``transport``. ``patience`` waits between retries and between looks."""

    def __init__(self, transport: Exchange, patience: Patience) -> None:
        self._transport = transport
        self.patience = patience
        self.received = 0

    def get(self, path: str, query: Query, *, once: bool = False) -> Record:
        """The content of an answer to GET. ``path`` has no "/api"."""
        return self.send("GET", path, query, once=once)

    def follow(self, link: str) -> Record:
        """The content of the page that ``link`` leads to."""
        return self._persist("GET", link, None)

    def send(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Record | None = None,
        *,
        repeatable: bool = True,
        once: bool = False,
    ) -> Record:
        """The content of an answer, at the end of the job if the filer makes one.

        ``repeatable`` and ``once`` are described in ``retry.persist``. Raises Refusal with the filer's code if it
        refused, JobUnclear if the job's outcome is not known, TransportError if there was no answer, and
        OntapError if the answer is not ONTAP's.
        """
        parameters = dict(query or {})
        if method != "GET" and path.startswith(_LUNS):  # only changes of LUNs may be jobs
            parameters["return_timeout"] = str(min(_JOB_SECONDS, int(self.patience.left)))
        told = "&".join(f"{name}={segment(text)}" for name, text in parameters.items())
        return self._persist(method, f"{_ROOT}{path}{told and '?' + told}", body, repeatable=repeatable, once=once)

    def _persist(
        self, method: str, url: str, body: Record | None, *, repeatable: bool = True, once: bool = False
    ) -> Record:
        document = None if body is None else json.dumps(body).encode()
        return persist(
            lambda: self._carry_out(method, url, document), self.patience, repeatable=repeatable, once=once
        )

    def _carry_out(self, method: str, url: str, document: bytes | None) -> Record:
        status, content = self._exchange(method, url, document)
        if status == _ACCEPTED and method != "GET":  # a look at a job makes none
            self._await(_call(method, url), text(content, "job.uuid"))
        return content

    def _exchange(self, method: str, url: str, document: bytes | None) -> tuple[int, Record]:
        began = time.monotonic()
        outcome = "no answer"
        try:
            answer = self._transport.exchange(method, url, document, _HEADERS)
            outcome = f"status {answer.status}"
        except TransportError as error:
            if error.sent:
                raise error.during(_call(method, url)) from error
            raise
        finally:
            sent = document.decode() if document else ""
            LOG.debug("%s %s %s: %s in %.3f s", method, url, sent, outcome, time.monotonic() - began)
        self.received += len(answer.body)
        if answer.status >= _FIRST_ERROR:
            self._refuse(_call(method, url), answer)
        return answer.status, _content(_call(method, url), answer.body) if answer.body else {}

    def _refuse(self, call: str, answer: Answer) -> NoReturn:
        """Raise the error for an HTTP status. The filer's code says more than the status does."""
        filer = self._transport.filer
        if answer.status == UNAUTHORIZED:
            raise refusal(answer.status, filer)
        try:
            error = value(_content(call, answer.body), "error")
        except OntapError:
            error = None
        if error is None and answer.status in NOT_SERVED:
            raise api_off(answer.status, filer, "REST", "rest")
        found = refused(call, error) if isinstance(error, Mapping) else None
        if found is None or (type(found) is Refusal and refusal(answer.status, filer).transient):
            raise refusal(answer.status, filer)
        raise found

    def _await(self, call: str, uuid: str) -> None:
        """Return when the job has succeeded. Raises its refusal, or JobUnclear."""
        if not _UUID.fullmatch(uuid):
            raise JobUnclear(f"the filer's job of {call} has no usable uuid: {one_line(uuid, 40)!r}")
        try:
            for _ in self.patience.looks(f"waiting for the filer's job of {call}"):
                job = self.get(f"{_JOBS}/{uuid}", {"fields": "state,code,message"})
                state = text(job, "state")
                if state == "success":
                    return
                if state == "failure":
                    break
        except DeadlineError as error:
            raise JobUnclear(str(error)) from error
        except (Refusal, ApiOff) as error:
            why = "LOGIN may not read" if isinstance(error, NotAllowed) else "the filer does not show"
            raise JobUnclear(f"{why} the job of {call}, so its outcome is not known") from error
        raise refused(call, job)


def refused(call: str, error: Mapping[str, Any]) -> Refusal:
    """The error for the refusal of a ``call``. ``error`` is the answer's error, or a job that failed."""
    code = str(error.get("code") or "unknown")
    reason = one_line(str(error.get("message") or "no reason given"), _REASON_LIMIT)
    hint = codes.HINTS.get(code, "")
    busy = code in codes.BUSY or (code == codes.CLONE_FAILED and codes.BUSY_CLONE_MESSAGE in reason)
    kind = codes.REFUSALS.get(code, Refusal)
    message = f"{call} failed: {reason} (code {code}){hint and '; ' + hint}"
    return kind(message, call=call, code=code, transient=busy)


def _content(call: str, body: bytes) -> Record:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise OntapError(f"the answer to {call} is not ONTAP's JSON; is HOSTNAME an ONTAP filer?")
    return content


def _call(method: str, url: str) -> str:
    """A request in messages: its method and the kind of object, the last part that is no object's name."""
    path = url.partition("?")[0].split("/")
    return f"{method} {next(part for part in reversed(path) if re.fullmatch('[a-z-]+', part))}"
