"""What can go wrong with a call, and at which one: faults as values, and those that are armed. No socket here."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, fields
from typing import Any

# What the client gets in place of the true answer.
KINDS = {
    "errno": "a refusal with `errno` and `reason`",
    "status": "the HTTP status `status`",
    "delay": "the true answer, after `seconds`",
    "reset": "a TCP reset",
    "hangup": "the end of the connection, without TLS's farewell",
    "truncated": "half of the answer, then a reset",
    "short": "half of the document as if that were all",
    "garbage": "bytes that are no XML",
    "page": "a web page",
    "hollow": "a call that passed, with nothing in it",
    "bomb": "XML whose entities would unfold to gigabytes",
    "external": "XML with an entity that names a file of the client's",
    "nested": "XML that is 100,000 elements deep",
    "drip": "the answer, a byte each `seconds`",
    "certificate": "a reset, and from now on the certificate `certificate`: renewed, or foreign",
    "takeover": "a reset of every connection, and nothing for `seconds`",
    "volume-errors": "a list with an error for `volume`, and with its records only if carried out",
    "miscounted": "a list that announces a record more than it has",
    "endless": "a list that leads to an empty page, which leads to itself",
    "another": "a list with one record that was not asked for, and no other",
    "job": "REST: a job of `seconds`; without `after` it fails with `errno` and `reason`",
    "stale": "REST: a change that is made, and that collections do not show for `seconds`",
    "unready": "REST: an empty page that leads to the first",
}
# Those of lists; they befall no other call.
LISTS = frozenset({"volume-errors", "miscounted", "endless", "another"})
# Those of one API.
OF_REST = frozenset({"job", "stale", "unready"})
OF_ZAPI = frozenset({"bomb", "external", "volume-errors"})
# Those whose seconds are what they are about.
SLOW = frozenset({"delay", "drip", "takeover", "job", "stale"})
# Those of changes.
CHANGES = frozenset({"job", "stale"})
CERTIFICATES = ("renewed", "foreign")


def is_rest(api: str | None) -> bool:
    """Whether it is a call of REST: they have a method and a path, such as "GET /storage/luns"."""
    return api is not None and " " in api


def is_list(api: str | None) -> bool:
    """Whether the API lists records, page by page."""
    if api is None:
        return False
    if is_rest(api):
        return api.startswith("GET ") and not api.endswith("}") and api != "GET /cluster"
    return api.endswith("-get-iter")


@dataclass(frozen=True)
class Fault:
    """Befalls the ``nth`` call of ``api`` (any, if None) from its arming on, and the ``times - 1`` after that.

    ``times`` is None for all of them. ``after`` is whether the filer carries the call out all the same.
    """

    kind: str
    api: str | None = None
    nth: int = 1
    times: int | None = 1
    after: bool = False
    seconds: float = 0.0
    errno: str = "13001"
    reason: str = "injected by a test"
    status: int = 503
    certificate: str = "foreign"
    volume: str = "vol1"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind {self.kind!r}: there are {', '.join(KINDS)}")
        if self.nth < 1 or (self.times is not None and self.times < 1):
            raise ValueError("nth and times count from 1")
        if (self.kind in SLOW) != (self.seconds > 0):
            raise ValueError(f"{self.kind}: {'needs' if self.kind in SLOW else 'has no'} seconds")
        if self.certificate not in CERTIFICATES:
            raise ValueError(f"certificate {self.certificate!r}: there are {', '.join(CERTIFICATES)}")
        if not 200 <= self.status <= 599:
            raise ValueError(f"{self.status} is no HTTP status")
        if self.api is not None and not self.may_befall(self.api):
            raise ValueError(
                f"{self.kind}: {self.api} is no {'list' if self.kind in LISTS | {'unready'} else 'such call'}"
            )

    def may_befall(self, api: str | None) -> bool:
        """Whether there is such a fault of this API's, or of a request that calls none."""
        if self.kind in (OF_ZAPI if is_rest(api) else OF_REST):
            return False
        if self.kind in CHANGES:
            return api is not None and not api.startswith("GET ")
        return self.kind not in LISTS | {"unready"} or is_list(api)

    @property
    def is_carried_out(self) -> bool:
        """Whether the filer is asked at all."""
        return self.after or self.kind in (LISTS | OF_REST) - {"volume-errors"}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Fault:
        """The fault in a control request; a ValueError says what is wrong with it."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown or "kind" not in values:
            raise ValueError(f"no such field: {', '.join(unknown)}" if unknown else "a fault needs a kind")
        try:
            return cls(**values)
        except TypeError as error:
            raise ValueError(str(error)) from None

    def to_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return asdict(self)


class Faults:
    """The armed faults. Several threads ask, one a connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[list[Any]] = []  # [fault, matching calls so far, how often it struck]

    def arm(self, fault: Fault) -> None:
        """From the next call on."""
        with self._lock:
            self._armed.append([fault, 0, 0])

    def strike(self, api: str | None) -> Fault | None:
        """What befalls this call: of the faults that would, the one armed first. All of them count it."""
        struck = None
        with self._lock:
            for entry in self._armed:
                fault, seen, _ = entry
                if fault.api not in {None, api} or not fault.may_befall(api):
                    continue
                entry[1] = seen = seen + 1
                last = None if fault.times is None else fault.nth + fault.times - 1
                if struck is None and seen >= fault.nth and (last is None or seen <= last):
                    struck = fault
                    entry[2] += 1
        return struck

    def clear(self) -> list[tuple[Fault, int]]:
        """Disarm all; returns each with how often it struck."""
        with self._lock:
            was = [(fault, struck) for fault, _, struck in self._armed]
            self._armed.clear()
        return was

    def armed(self) -> list[tuple[Fault, int]]:
        """Each armed fault, with how often it struck."""
        with self._lock:
            return [(fault, struck) for fault, _, struck in self._armed]
