"""EMS messages that applications leave: accepted, and forgotten."""

from __future__ import annotations

from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource
from tests.simulator.rest.resources.common import V9_11_1
from tests.simulator.rest.resources.lun_making import choice

MESSAGE = Schema(
    "",
    "computer_name event_source app_version event_id:n category event_description severity autosupport_required:b",
)
SEVERITIES = frozenset(["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"])


def _create(call: Call) -> list[dict[str, str]]:
    for name in ("computer_name", "event_source", "app_version", "event_id", "category", "event_description"):
        if name not in call.body:
            raise Problem(codes.MISSING_VALUE, f'Field "{name}" is required.', target=name)
    if "severity" in call.body:
        choice(call.body, "severity", SEVERITIES)
    return [{}]


RESOURCES = (
    Resource(
        "/support/ems/application-logs",
        MESSAGE,
        lambda _: (),
        create=_create,
        postable=frozenset(MESSAGE.names(V9_11_1)),
        introduced=V9_11_1,
        readable=False,
    ),
)
