"""The REST side of the filer as an object: a request in, a response out, no sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.simulator.model import Account
from tests.simulator.rest import resources, rights, showing
from tests.simulator.rest.call import Call
from tests.simulator.rest.changing import action
from tests.simulator.rest.codes import API_NOT_FOUND, SVM_NOT_FOUND, Problem
from tests.simulator.rest.fields import Document
from tests.simulator.rest.jobs import FAILURE, Job, Jobs
from tests.simulator.rest.links import self_link
from tests.simulator.rest.parameters import Reader
from tests.simulator.rest.resource import Match, Routes
from tests.simulator.rest.sight import Sight
from tests.simulator.rest.wire import Request, Response, refused

if TYPE_CHECKING:
    from tests.simulator.filer import Filer

Wait = Callable[[float], bool]
SAN = ("/storage/luns", "/protocols/san/", "/network/fc/")


@dataclass(frozen=True)
class Trouble:
    """What befalls one request inside the filer: see the faults of the same names."""

    job_seconds: float = 0.0
    job_problem: Problem | None = None
    stale_seconds: float = 0.0
    first_page_is_empty: bool = False


@dataclass(frozen=True)
class Started:
    """A job that was begun, how long its client waits for it, and what the client gets if it ends meanwhile."""

    job: Job
    seconds: float
    done: Callable[[], Response]

    def response(self, job: Job, *, links: bool) -> Response:
        """The answer, as the job is now."""
        told: Document = {"uuid": job.uuid}
        if links:
            told["_links"] = self_link(f"/api/cluster/jobs/{job.uuid}")
        if not job.is_over:
            return Response(202, {"job": told})
        if job.state == FAILURE and job.problem is not None:
            raise job.problem
        done = self.done()
        return replace(done, content={**(done.content or {}), "job": told})


class Rest:
    """Answers requests as the filer's ``serving`` says. ``clock`` times jobs and stale collections."""

    def __init__(self, filer: Filer, clock: Callable[[], float] = time.monotonic) -> None:
        self._filer = filer
        self._routes = Routes(resources.load())
        self._clock = clock
        self.jobs = Jobs(clock)
        self.sight = Sight(filer, clock)

    def api_name(self, request: Request) -> str:
        """The method, and the path with the names of its variables: so faults and the log name a call."""
        match = self._routes.find(request.path)
        return f"{request.method} {match.template if match else request.path}"

    def answer(
        self, request: Request, account: str | None, trouble: Trouble | None = None, wait: Wait = lambda _: True
    ) -> Response:
        """The answer to a request of this account; ``wait`` passes the time that a client gives to a job."""
        try:
            with self._filer.alone():
                found = self._carry_out(request, account, trouble or Trouble())
            if isinstance(found, Response):
                return found
            if found.seconds:
                wait(min(self.jobs.left(found.job), found.seconds))
            with self._filer.alone():
                self.settle()
                return found.response(self.jobs.known[found.job.uuid], links=request.wants_links)
        except Problem as problem:
            return refused(problem)

    def settle(self) -> None:
        """End the jobs whose time has come; a request of either API finds their changes made."""
        self.jobs.settle()

    def _carry_out(self, request: Request, account: str | None, trouble: Trouble) -> Response | Started:
        login = self._filer.state.accounts.get((account,)) if account is not None else None
        if login is None:
            raise rights.not_authorized()
        self.settle()
        match = self._match(request)
        resource = match.resource
        rights.require(login, self._filer.state.roles, request.method, match.template)
        if resource.cluster_only and login.vserver is not None:
            raise rights.not_authorized()
        call = self._call(request, login, match)
        if request.method != "GET":
            return self._change(call, match, request, trouble)
        if match.one:
            return showing.one(call, resource, request)
        most = self._filer.serving.records
        return showing.several(call, resource, request, most, first_is_empty=trouble.first_page_is_empty)

    def _match(self, request: Request) -> Match:
        match = self._routes.find(request.path)
        if match is None or self._filer.ontapi < match.resource.introduced or self._is_for_others(match):
            raise Problem(API_NOT_FOUND, "API not found")
        if request.method not in match.resource.methods(match.one):
            raise Problem(API_NOT_FOUND, "API not found")
        return match

    def _is_for_others(self, match: Match) -> bool:
        """Whether this kind of filer has no such thing."""
        return not self._filer.kind.has_san and match.template.startswith(SAN)

    def _call(self, request: Request, login: Account, match: Match) -> Call:
        extra = match.resource.extra.get(request.method, frozenset())
        reader = Reader(match.resource.schema, self._filer.ontapi, request.method, match.one, extra)
        # A record's own path leads to it also where collections do not show it yet; changes are of what there is.
        shows_all = match.one or request.method in {"PATCH", "DELETE"}
        sight = Sight(self._filer, self._clock) if shows_all else self.sight
        scope = self._scope(request, login)
        read = reader.read(request.query)
        return Call(self._filer, login, scope, sight, self.jobs, request.method, match.place, read)

    def _scope(self, request: Request, login: Account) -> str | None:
        """The SVM of the login, or of the header that the cluster's logins may send."""
        if not request.svm:
            return login.vserver
        if (request.svm,) not in self._filer.vservers or login.vserver not in {None, request.svm}:
            raise Problem(SVM_NOT_FOUND, f"SVM {request.svm} does not exist.")
        return request.svm

    def _change(self, call: Call, match: Match, request: Request, trouble: Trouble) -> Response | Started:
        act = action(call, match, request)
        results: list[Response] = []

        def make() -> None:
            if trouble.job_problem is not None:
                raise trouble.job_problem
            if trouble.stale_seconds:
                self.sight.around(lambda: results.append(act()), trouble.stale_seconds)
            else:
                results.append(act())

        seconds = trouble.job_seconds or (self._filer.serving.job_seconds if match.resource.slow else 0.0)
        if not seconds:
            make()
            return results[0]
        job = self.jobs.begin(f"{request.method} /api{request.path}", call.scope, make, seconds)
        return Started(job, float(call.parameters.return_timeout or 0), lambda: results[0])
