"""Free-form attributes of a LUN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tests.simulator.model import Lun
from tests.simulator.rest import codes
from tests.simulator.rest.call import Call
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Schema
from tests.simulator.rest.resource import Resource, Row
from tests.simulator.rest.resources.common import V9_10_1
from tests.simulator.rest.resources.lun_making import ATTRIBUTE_LENGTH
from tests.simulator.rest.resources.luns import absent

ATTRIBUTE = Schema("lun.uuid name", "value")


def _lun(call: Call) -> Lun:
    key = call.filer.state.indexes.by_uuid.get(call.place["lun.uuid"])
    if key is None or key[0] not in call.svms:
        raise absent(call)
    return call.filer.luns[key]


def _attributes(call: Call) -> Iterator[Row]:
    lun = _lun(call)
    for name, value in lun.attributes.items():
        yield Row({"lun": {"uuid": lun.uuid}, "name": name, "value": value}, name)


def _keep(call: Call, lun: Lun, name: str) -> None:
    value = call.body.text("value")
    if not name or "value" not in call.body:
        raise Problem(codes.ATTRIBUTE_INCOMPLETE, "An incomplete attribute name/value pair was supplied.")
    if len(name) + len(value) > ATTRIBUTE_LENGTH:
        raise Problem(codes.ATTRIBUTE_TOO_LARGE, "The combined sizes of name and value are too large.")
    call.filer.state.commit(replace(lun, attributes={**lun.attributes, name: value}))


def _absent(_: Call) -> Problem:
    return Problem(codes.ATTRIBUTE_NOT_FOUND, "The specified attribute was not found.", target="name")


def _create(call: Call) -> list[dict[str, str]]:
    lun, name = _lun(call), call.body.text("name")
    if name in lun.attributes:
        raise Problem(codes.ATTRIBUTE_EXISTS, f"The attribute {name} already exists for the LUN.", target="name")
    _keep(call, lun, name)
    return [{"lun.uuid": lun.uuid, "name": name}]


def _change(call: Call, row: Row) -> None:
    _keep(call, _lun(call), row.record)


def _remove(call: Call, row: Row) -> None:
    lun = _lun(call)
    left = {name: value for name, value in lun.attributes.items() if name != row.record}
    call.filer.state.commit(replace(lun, attributes=left))


RESOURCES = (
    Resource(
        "/storage/luns/{lun.uuid}/attributes",
        ATTRIBUTE,
        _attributes,
        create=_create,
        change=_change,
        remove=_remove,
        postable=frozenset(["name", "value"]),
        patchable=frozenset(["value"]),
        owner=_lun,
        absent=_absent,
        introduced=V9_10_1,
    ),
)
