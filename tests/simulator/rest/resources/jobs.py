"""/cluster/jobs: what became of changes that took their time."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.jobs import FAILURE
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import moment, svm, told

JOB = Schema(
    "uuid",
    "",
    "description state message code:n start_time:t end_time:t svm.name svm.uuid error.message error.code"
    " error.arguments[].code error.arguments[].message",
    since={"error": 200},
)
MESSAGES = {"success": "success"}


def _jobs(call: Call) -> Iterator[Row]:
    for job in call.jobs.known.values():
        if call.scope not in {None, job.svm} and job.svm is not None:
            continue
        problem = job.problem
        yield Row(
            told(
                uuid=job.uuid,
                description=job.description,
                state=job.state,
                message=problem.message if problem else MESSAGES.get(job.state, ""),
                code=(int(problem.code) if problem else 0) if job.is_over else None,
                start_time=moment(job.started),
                end_time=moment(job.ended) if job.ended is not None else None,
                svm=svm(call.filer, job.svm) if job.svm else None,
                error={"message": problem.message, "code": problem.code}
                if problem and job.state == FAILURE
                else None,
            )
        )


RESOURCES = (Resource("/cluster/jobs", JOB, _jobs),)
