"""Which SVM of a filer is the configuration's: by its name, or after a MetroCluster's switchover by its uuid.

After a switchover an SVM is called NAME-mc at the other site, and has the same uuid (Trident's issue 1082). Before
it, the other site has an SVM of this name and uuid as well, which is stopped and shows no LUNs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataontap.errors import OntapError

if TYPE_CHECKING:
    from dataontap.state.cache import Text

SUFFIX = "-mc"
_RUNNING = frozenset({"running", ""})  # "": the filer does not tell
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Svm:
    """An SVM as a filer lists it."""

    name: str
    uuid: str
    state: str = ""


class NoSuchSvm(OntapError):
    """The filer has no SVM of this name."""


def twin(name: str) -> str:
    """The name on the other side of a switchover."""
    return name[: -len(SUFFIX)] if name.endswith(SUFFIX) else f"{name}{SUFFIX}"


def chosen(found: Sequence[Svm], name: str | None, uuid: str | None) -> Svm:
    """The configuration's SVM, of those that the account sees. Raises OntapError if there is none.

    ``name`` is what the configuration says, ``uuid`` what was noted of it. An SVM of this name is taken whatever
    its uuid: it was made anew. Its twin is taken only with the noted uuid.
    """
    if name is None:
        if len(found) != 1:
            raise ambiguous(len(found))
        return _serving(found[0])
    by_name = {svm.name: svm for svm in found}
    if name in by_name:
        return _serving(by_name[name])
    other = by_name.get(twin(name))
    if other is None:
        raise no_such_svm(name)
    if other.uuid != uuid:
        why = f"there is {other.name!r}, not known to be the same"
        raise OntapError(f"the filer has no SVM {name!r}; {why}: if it is, set CLUSTER_MODE_VSERVER to it")
    return _serving(other)


def _serving(svm: Svm) -> Svm:
    if svm.state not in _RUNNING:
        raise OntapError(f"SVM {svm.name!r} does not run at this filer; see vserver show, metrocluster show")
    return svm


def noted(note: Text) -> str | None:
    """The uuid in a note, or None."""
    uuid = note.get(of_any_age=True) or ""
    return uuid if _UUID.fullmatch(uuid) else None


def take_note(note: Text, uuid: str) -> None:
    """Note the SVM's uuid, if it is not noted."""
    if noted(note) != uuid:
        note.put(uuid)


def ambiguous(number: int) -> OntapError:
    """The error for an account that sees another number of SVMs than one."""
    return OntapError(f"LOGIN sees {number} SVMs; CLUSTER_MODE_VSERVER must name the SVM")


def no_such_svm(name: str) -> NoSuchSvm:
    """The error for a filer without the SVM."""
    return NoSuchSvm(f"the filer has no SVM {name!r}; if CLUSTER_MODE_VSERVER is right, try again")
