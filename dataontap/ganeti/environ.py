"""Turns Ganeti's variables VOL_*, EXTP_* and GANETI_* into frozen, typed requests.

Nothing here reads ``os.environ``; ``script`` passes it in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Callable, ClassVar, TypeVar

from oslo_utils import units

from dataontap.errors import ContractError
from dataontap.volume.requests import (
    PARAMETERS,
    Creation,
    Disk,
    Growth,
    Metadata,
    Opening,
    Snapshot,
    Verification,
    Volume,
)

# Our name in Ganeti: the name of the directory with the scripts.
PROVIDER = "dataontap"

_GANETIS_OWN = ("provider", "access")  # Ganeti adds these two to every call
# Ganeti turns a null from the remote API into "None". So only the configuration file can name a pool None.
_NO_VALUES = ("", "None")

# A LUN's name may have letters, digits and - . _ { } (REST error 5374121). Not allowed here: braces, which Ganeti
# never uses; a leading dot or dash, which programs treat specially; two dots in a row, a range in a filer's query.
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
_UUID = re.compile(r"[A-Za-z0-9-]{1,64}")
# The comment with the metadata is sent as XML 1.0, which has no control characters.
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

Request = TypeVar("Request", bound=Disk)
Fields = dict[str, Any]


@dataclass(frozen=True)
class InstanceDisk:
    """A disk of ours as Ganeti describes it to hooks, without its ext-params."""

    index: int
    name: str
    uuid: str | None

    @property
    def volume(self) -> Volume:
        """The same disk in the form that scripts get."""
        return Volume({}, self.name, self.uuid)

    def __str__(self) -> str:
        return f"disk {self.index} ({self.name})"


@dataclass(frozen=True)
class HookCall(Disk):
    """The input of a hook: the operation, its phase, and the instance's ``disks`` that are ours.

    ``path`` is the hooks' directory without the phase, such as instance-migrate. ``new_primary`` is a move's
    target node; other operations have none. ``is_repair`` is whether the move only cleans up after a failed move.
    """

    path: str
    phase: str
    master: str
    new_primary: str | None
    disks: tuple[InstanceDisk, ...]
    is_repair: bool = False

    heeds: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True)
class Cleanup(Disk):
    """The volumes whose devices are to be removed from this node."""

    names: tuple[str, ...]

    @classmethod
    def from_arguments(cls, arguments: Iterable[str]) -> Cleanup:
        """The request in a command line. Raises ContractError for an invalid volume name."""
        return cls({}, tuple(_name({"VOLUME": argument}, "VOLUME") for argument in arguments))


def read(kind: type[Request], environ: Mapping[str, str]) -> Request:
    """The request of this ``kind`` in ``environ``. Raises ContractError with the name of a wrong variable."""
    fields: Fields = {"params": _heeded_params(kind, environ)}
    for base in reversed(kind.__mro__):
        if base in _FIELDS:
            fields.update(_FIELDS[base](environ))
    return kind(**fields)


def _heeded_params(kind: type[Disk], environ: Mapping[str, str]) -> dict[str, str]:
    given = _ext_params(environ)
    return {name: given[name] for name in kind.heeds if given.get(name, "") not in _NO_VALUES}


def _verification(environ: Mapping[str, str]) -> Fields:
    _refuse_unknown_params(environ)
    return {"checks": Verification.usual}


def _volume(environ: Mapping[str, str]) -> Fields:
    return {"name": _name(environ, "VOL_NAME"), "uuid": _uuid(environ, "VOL_UUID")}


def _creation(environ: Mapping[str, str]) -> Fields:
    _refuse_unknown_params(environ)
    return {"size": _mebibytes(environ, "VOL_SIZE")}


def _growth(environ: Mapping[str, str]) -> Fields:
    return {"size": _mebibytes(environ, "VOL_SIZE"), "new_size": _mebibytes(environ, "VOL_NEW_SIZE")}


def _snapshot(environ: Mapping[str, str]) -> Fields:
    name = _name(environ, "VOL_SNAPSHOT_NAME")
    if name == environ["VOL_NAME"]:
        raise ContractError("VOL_SNAPSHOT_NAME", "is the name of the volume itself")
    return {"snapshot_name": name, "snapshot_size": _mebibytes(environ, "VOL_SNAPSHOT_SIZE")}


def _metadata(environ: Mapping[str, str]) -> Fields:
    metadata = _text(environ, "VOL_METADATA")
    if _UNPRINTABLE.search(metadata):
        raise ContractError("VOL_METADATA", "has a control character")
    return {"metadata": metadata}


def _opening(environ: Mapping[str, str]) -> Fields:
    return {"exclusive": _truth(environ, "VOL_OPEN_EXCLUSIVE")}


def _hook_call(environ: Mapping[str, str]) -> Fields:
    return {
        "path": _text(environ, "GANETI_HOOKS_PATH"),
        "phase": _text(environ, "GANETI_HOOKS_PHASE"),
        "master": _text(environ, "GANETI_MASTER"),
        "new_primary": environ.get("GANETI_NEW_PRIMARY") or None,
        "is_repair": "True" in (environ.get("GANETI_MIGRATE_CLEANUP"), environ.get("GANETI_FAILOVER_CLEANUP")),
        "disks": tuple(_our_disks(environ)),
    }


# The fields of each kind of request that its base classes do not have.
_FIELDS: Mapping[type, Callable[[Mapping[str, str]], Fields]] = {
    Verification: _verification,
    Volume: _volume,
    Creation: _creation,
    Growth: _growth,
    Snapshot: _snapshot,
    Metadata: _metadata,
    Opening: _opening,
    HookCall: _hook_call,
}


def _our_disks(environ: Mapping[str, str]) -> Iterator[InstanceDisk]:
    """The instance's disks that are ours. Variables of other disks are not read, apart from their provider."""
    text = _text(environ, "GANETI_INSTANCE_DISK_COUNT")
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ContractError("GANETI_INSTANCE_DISK_COUNT", f"{text[:80]!r} is not a number of disks")
    for index in range(int(text)):
        prefix = f"GANETI_INSTANCE_DISK{index}_"
        if environ.get(f"{prefix}PROVIDER") == PROVIDER:
            yield InstanceDisk(index, _name(environ, f"{prefix}ID"), _uuid(environ, f"{prefix}UUID"))


def _ext_params(environ: Mapping[str, str]) -> dict[str, str]:
    """All ext-params except Ganeti's own two, by lower-case name."""
    params = {name[5:].lower(): value for name, value in environ.items() if name.startswith("EXTP_")}
    return {name: value for name, value in params.items() if name not in _GANETIS_OWN}


def _refuse_unknown_params(environ: Mapping[str, str]) -> None:
    for name in _ext_params(environ):
        if name not in PARAMETERS:
            raise ContractError(f"EXTP_{name.upper()}", f"no such parameter; known: {', '.join(PARAMETERS)}")


def _text(environ: Mapping[str, str], variable: str) -> str:
    text = environ.get(variable)
    if not text:
        raise ContractError(variable, "is not set; this script must be run by Ganeti")
    return text


def _name(environ: Mapping[str, str], variable: str) -> str:
    text = _text(environ, variable)
    if not _NAME.fullmatch(text):
        raise ContractError(variable, f"{text[:80]!r} is not a volume name; use letters, digits, '.', '_' and '-'")
    return text


def _uuid(environ: Mapping[str, str], variable: str) -> str | None:
    uuid = environ.get(variable) or None
    if uuid is not None and not _UUID.fullmatch(uuid):
        raise ContractError(variable, f"{uuid!r} is not a UUID")
    return uuid


def _mebibytes(environ: Mapping[str, str], variable: str) -> int:
    """A size in bytes. Ganeti counts in MiB and the filer in bytes; only this function converts."""
    text = _text(environ, variable)
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ContractError(variable, f"{text[:80]!r} is not a whole number of MiB")
    size = int(text)
    if size == 0:
        raise ContractError(variable, "must be more than 0 MiB")
    return size * int(units.Mi)


def _truth(environ: Mapping[str, str], variable: str) -> bool:
    text = _text(environ, variable)
    if text in {"True", "False"}:  # Ganeti's words; the library that knows other words is slow to import
        return text == "True"
    from oslo_utils import strutils

    try:
        return bool(strutils.bool_from_string(text, strict=True))
    except ValueError:
        raise ContractError(variable, f"expected True or False, not {text[:80]!r}") from None


# The request of each verb.
REQUESTS: Mapping[str, type[Disk]] = {
    "create": Creation,
    "attach": Volume,
    "detach": Volume,
    "remove": Volume,
    "grow": Growth,
    "snapshot": Snapshot,
    "setinfo": Metadata,
    "verify": Verification,
    "open": Opening,
    "close": Volume,
}
