"""What records of several resources have in common: references, times, and the refusals that ZAPI has, too."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone

from tests.simulator.errnos import Refusal
from tests.simulator.filer import Filer
from tests.simulator.identity import object_uuid
from tests.simulator.model import Igroup, Lun, Volume
from tests.simulator.nodes import NODES
from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Document

# ONTAPI minor versions of the releases that brought something here.
V9_9_1, V9_10_1, V9_11_1, V9_12_1, V9_13_1, V9_16_1, V9_17_1 = 190, 200, 210, 220, 230, 260, 270


def svm(filer: Filer, name: str) -> Document:
    """A reference to an SVM."""
    return {"name": name, "uuid": filer.vservers[name,].uuid}


def node(filer: Filer, name: str) -> Document:
    """A reference to a node."""
    return {"name": name, "uuid": node_uuid(filer, name)}


def node_uuid(filer: Filer, name: str) -> str:
    """A node's uuid; it is not that of its own vserver."""
    return object_uuid(filer.cluster.uuid, -200 - NODES.index(name))


def volume(found: Volume) -> Document:
    """A reference to a volume."""
    return {"name": found.name, "uuid": found.uuid}


def lun(found: Lun) -> Document:
    """A reference to a LUN."""
    return {"name": found.path, "uuid": found.uuid}


def igroup(found: Igroup) -> Document:
    """A reference to an igroup."""
    return {"name": found.name, "uuid": found.uuid}


def moment(seconds: int) -> str:
    """A time of day, in the form of the documentation's examples."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def told(**fields: object) -> Document:
    """The fields that say something: REST leaves out what is not set."""
    return {name: value for name, value in fields.items() if value not in ("", None)}


@contextlib.contextmanager
def refusals(codes: Mapping[int, str]) -> Iterator[None]:
    """Answer what the state's own rules refuse, by ZAPI's errno, with REST's code."""
    try:
        yield
    except Refusal as refusal:
        if refusal.errno not in codes:
            raise AssertionError(f"REST has no code for errno {refusal.errno} here: {refusal.reason}") from refusal
        raise Problem(codes[refusal.errno], refusal.reason) from None
