"""What the filer tells about itself: versions, capabilities; and EMS messages it is told."""

from __future__ import annotations

from tests.simulator.call import APIS, Call, api
from tests.simulator.commands import object_and_operation
from tests.simulator.documents import Tree, Value
from tests.simulator.errnos import INVALID_INPUT, Refusal
from tests.simulator.iterator import ITERATOR, Fields, Listing
from tests.simulator.nodes import NODES
from tests.simulator.rights import allows, rights_of

# ONTAPI minor -> release.  8.1 to 8.3 and 9.4 to 9.8 are known from Cinder's feature flags; the others follow
# the pattern.
RELEASES = {
    0: "8.0",
    15: "8.1",
    20: "8.2",
    30: "8.3",
    100: "9.0",
    110: "9.1",
    120: "9.2",
    130: "9.3",
    140: "9.4",
    150: "9.5",
    160: "9.6",
    170: "9.7",
    180: "9.8",
    190: "9.9.1",
    200: "9.10.1",
    210: "9.11.1",
    220: "9.12.1",
    230: "9.13.1",
    240: "9.14.1",
    250: "9.15.1",
    260: "9.16.1",
    270: "9.17.1",
    280: "9.18.1",
}
BUILT = "Fri Dec 11 12:00:00 UTC 2020"
BUILD_TIMESTAMP = 1607688000
# From 8.2 or so on, releases are told as numbers, too.
NUMBERS = 20


def release(ontapi: int) -> str:
    """The release that has this ONTAPI version, or the last one before it."""
    return RELEASES[max(minor for minor in RELEASES if minor <= ontapi)]


@api("system-get-ontapi-version", tunnelled=False)
def ontapi_version(call: Call) -> Tree:
    """The version clients should speak; asked first and untunnelled by most."""
    version: dict[str, Value] = {"major-version": 1, "minor-version": call.filer.ontapi}
    details: list[Tree] = [{"node-name": node, **version} for node in NODES]
    return {**version, "node-ontapi-details": {"node-ontapi-detail-info": details}}


@api("system-get-version", tunnelled=False)
def system_version(call: Call) -> Tree:
    """The release as text and as numbers (Cinder needs the numbers)."""
    name = release(call.filer.ontapi)
    generation, major, minor = (*name.split("."), "0")[:3]
    version_tuple: Tree = {"generation": generation, "major": major, "minor": minor}
    full = f"NetApp Release {name}: {BUILT}"
    told: dict[str, str | int | Tree] = {"build-timestamp": BUILD_TIMESTAMP, "version": full}
    if call.filer.ontapi >= NUMBERS:
        told["version-tuple"] = {"system-version-tuple": version_tuple}
    details: list[Tree] = [{**told, "node-name": node} for node in NODES]
    return {**told, "is-clustered": True, "node-version-details": {"node-version-detail-info": details}}


OPERATION: Fields = {"name": None, "api-name": None}
CAPABILITY: Fields = {"object-name": None, "operation-list": {"operation-info": OPERATION}}
CAPABILITIES: Listing[Tree] = Listing("capability-info", ("object-name",), CAPABILITY, lambda tree: tree)


@api("system-user-capability-get-iter", optional=ITERATOR, introduced=20, tunnelled=False)
def capabilities(call: Call) -> Tree:
    """What this login may call, by ONTAP's objects and operations; vservers' logins may ask, too (Cinder gives
    up else).
    """
    granted = rights_of(call.login, call.filer.state.roles)
    usable = [
        name
        for name, known in APIS.items()
        if call.filer.ontapi >= known.introduced
        and allows(granted, name)
        and not (known.cluster_only and call.login.vserver)
    ]
    found: dict[str, dict[str, list[str]]] = {}
    for name in sorted(usable):
        place, operation = object_and_operation(name)
        found.setdefault(place, {}).setdefault(operation, []).append(name)
    return CAPABILITIES.answer(call, {(place,): _capability(place, found[place]) for place in found})


def _capability(place: str, operations: dict[str, list[str]]) -> Tree:
    infos: list[Tree] = [
        {"name": operation, "api-name": ",".join(apis)} for operation, apis in sorted(operations.items())
    ]
    return {"object-name": place, "operation-list": {"operation-info": infos}}


EMS = (
    "computer-name",
    "event-id",
    "event-source",
    "app-version",
    "category",
    "event-description",
    "log-level",
)


@api("ems-autosupport-log", *EMS, "auto-support", tunnelled=False)
def ems_log(call: Call) -> Tree:
    """Accept a message of an application; nothing is kept of it."""
    call.number("event-id")
    call.flag("auto-support")
    if call.number("log-level") > 7:
        raise Refusal(INVALID_INPUT, "Invalid value for log-level")
    return {}
