"""Reads the fields of REST's records. Nothing in an answer is trusted to have the type that it should have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NoReturn

from dataontap.errors import OntapError

Record = Mapping[str, Any]

# ISO 8601, as ONTAP writes it: 2024-11-15T10:22:00-05:00. Older releases write +0000, with milliseconds. Python
# 3.9's fromisoformat reads only the first form.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):?(\d\d))")


def value(record: Record, name: str) -> Any:
    """The field ``name``, where "a.b" is the field b inside a; None if the record lacks it."""
    found: Any = record
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def text(record: Record, name: str) -> str:
    """A text; "" if the record lacks it. A lone surrogate, which JSON may have and UTF-8 may not, becomes "?"."""
    found = value(record, name)
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def required(record: Record, name: str) -> str:
    """A text; raises OntapError if the record lacks it."""
    return text(record, name) or _unusable(record, name)


def flag(record: Record, name: str) -> bool:
    """Whether a field is true; False if the record lacks it."""
    return value(record, name) is True


def number(record: Record, name: str) -> int:
    """A number; raises OntapError if the record lacks it."""
    found = optional_number(record, name)
    return _unusable(record, name) if found is None else found


def optional_number(record: Record, name: str) -> int | None:
    """A number; None if the record lacks it."""
    found = value(record, name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def records(content: Record, name: str = "records") -> Iterator[Record]:
    """The records in a list; none if the field is missing, as it is for an empty list inside a record."""
    found = value(content, name)
    return (each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else iter(())


def seconds(record: Record, name: str) -> int:
    """A time, in seconds since the epoch; 0 if the record lacks it."""
    match = _TIME.fullmatch(text(record, name))
    if match is None:
        return 0
    east = timedelta(hours=int(match[3] or 0), minutes=int(match[4] or 0))
    try:
        zone = timezone(-east if match[2] == "-" else east)
        return int(datetime.fromisoformat(match[1]).replace(tzinfo=zone).timestamp())
    except ValueError:
        return 0


def _unusable(record: Record, name: str) -> NoReturn:
    raise OntapError(f"the filer's record has no usable {name}: {str(value(record, name))[:40]!r}")
