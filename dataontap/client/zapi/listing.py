"""A filer's lists: reads all pages of an answer, and compares them with the question before they are used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Callable, TypeVar

from dataontap.client.found import Found, VolumeProblem
from dataontap.client.text import one_line, shown
from dataontap.client.zapi.api import Arguments, NaElement
from dataontap.errors import OntapError

# Cinder uses the same number. The filer may send fewer records and a tag for the next page.
PAGE = 100
# 200,000 records. The highest known limit of LUNs is 10,000 for each pair of nodes (ONTAP 9.16, ASA r2), and a
# cluster has 12 pairs at most. An igroup has 4,096 maps at most.
MOST_PAGES = 2000
# 120,000 LUNs, with the requested fields and with tags in their comments, have 50 MiB of text.
MOST_TEXT_MIB = 64
# Over REST a page is empty if the filer found nothing within 15 s. Whether ZAPI has such pages is not known [?],
# so some are accepted.
MOST_EMPTY_PAGES = 20

# Most characters of these parts in a message.
_REASON_LIMIT = 80
_ERRNO_LIMIT = 10

T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """Asks the filer for a list of records of the type ``record`` that match ``query``.

    ``wanted`` names the fields to return, which keeps answers small; its values do not matter. The fields ``key``
    identify a record, where "a/b" is the field b inside a.
    """

    api: str
    record: str
    key: tuple[str, ...]
    query: Arguments
    wanted: Arguments

    def arguments(self, tag: str | None) -> Arguments:
        """The arguments of the call for the page with this ``tag``; None is the first page."""
        return {
            "max-records": PAGE,
            "query": {self.record: self.query} if self.query else None,
            "desired-attributes": {self.record: self.wanted},
            "tag": tag,
        }

    def key_of(self, record: NaElement) -> tuple[str, ...]:
        """The key fields of ``record``. Raises OntapError if a field is missing or does not match the query."""
        found = []
        for field in self.key:
            value = _content(record, field)
            if not value:
                raise OntapError(f"{self.api} lists a record without {field}")
            pattern = self._asked(field)
            if pattern and not _fits(value, pattern):
                raise OntapError(f"the filer answered {self.api} with {shown(value)}, which was not asked for")
            found.append(value)
        return tuple(found)

    def concerns(self, problem: VolumeProblem) -> bool:
        """Whether the volume that could not be listed may have matching records."""
        if re.fullmatch("[A-Za-z0-9_]+", problem.volume) is None:
            return True  # not a valid volume name, so the volume is unknown
        path, volume = self._asked("path"), self._asked("volume-id-attributes/name")
        if volume:
            return _fits(problem.volume, volume)
        return not path or any(_may_be_in(problem.volume, one) for one in path.split("|"))

    def _asked(self, field: str) -> str:
        """The value of the field in the query; "" matches any value."""
        value: object = self.query
        for name in field.split("/"):
            value = value.get(name, "") if isinstance(value, Mapping) else ""
        return str(value)


def listed(question: Question, ask: Callable[[Arguments], NaElement], read: Callable[[NaElement], T]) -> Found[T]:
    """The records of all pages, converted by ``read``, and the problems that concern the question.

    Raises OntapError for an inconsistent answer. Only one page at a time is kept as XML.
    """
    rows: list[T] = []
    keys: set[tuple[str, ...]] = set()
    problems: dict[VolumeProblem, None] = {}
    pages = _Pages(question.api)
    tag: str | None = None
    while True:
        results = ask(question.arguments(tag))
        records = _records(question.api, results)
        tag = pages.next_tag(results, len(records))
        for record in records:
            key = question.key_of(record)
            if key and key in keys:
                name = shown(" ".join(key))
                raise OntapError(f"{question.api} lists {name} twice; is CLUSTER_MODE_VSERVER set?")
            keys.add(key)
            rows.append(read(record))
        problems.update(dict.fromkeys(_problems(results)))
        if tag is None:
            return Found(rows, filter(question.concerns, problems))


def complete(found: Found[T]) -> Found[T]:
    """``found``, if it has no problems. Raises OntapError otherwise."""
    if not found.problems:
        return found
    more = f"; and {len(found.problems) - 1} more" if found.problems[1:] else ""
    raise OntapError(f"{found.problems[0]}{more}")


class _Pages:
    """Counts the pages of an answer, and raises OntapError if they do not end."""

    def __init__(self, api: str) -> None:
        self._api = api
        self._tags: set[str] = set()
        self._empty = 0
        self._text = 0

    def next_tag(self, results: NaElement, records: int) -> str | None:
        """The tag of the page after this page, which has so many ``records``; None after the last page."""
        tag = results.get_child_content("next-tag")
        if not tag:
            return None
        self._empty = 0 if records else self._empty + 1
        if tag in self._tags:
            raise self._endless("the same next-tag came twice")
        self._tags.add(tag)
        if self._empty > MOST_EMPTY_PAGES:
            raise self._endless(f"more than {MOST_EMPTY_PAGES} in a row are empty")
        if len(self._tags) >= MOST_PAGES:
            raise self._endless(f"there are more than {MOST_PAGES}")
        self._text += results.get_text_length()
        if self._text > MOST_TEXT_MIB << 20:
            raise self._endless(f"they have more than {MOST_TEXT_MIB} MiB of text")
        return tag

    def _endless(self, why: str) -> OntapError:
        return OntapError(f"the pages of {self._api} have no end: {why}")


def _records(api: str, results: NaElement) -> list[NaElement]:
    """The records of a page.

    Without a match there is no attributes-list, but there is always num-records. An answer that lost its content
    must not be treated as "there is no such LUN".
    """
    found = results.get_child_by_name("attributes-list")
    records = [] if found is None else list(found.get_children())
    announced = results.get_child_content("num-records")
    if announced != str(len(records)):
        announced = one_line(announced, _ERRNO_LIMIT) or "no number of"
        raise OntapError(f"the answer to {api} announces {announced} records and has {len(records)}")
    return records


def _problems(results: NaElement) -> Iterator[VolumeProblem]:
    """The volumes that a page could not list."""
    errors = results.get_child_by_name("volume-errors")
    for error in errors.get_children() if errors is not None else ():
        errno = one_line(error.get_child_content("errno"), _ERRNO_LIMIT) or "unknown"
        reason = one_line(error.get_child_content("reason"), _REASON_LIMIT) or "no reason given"
        yield VolumeProblem(error.get_child_content("name"), f"{reason} (errno {errno})")


def _content(record: NaElement, field: str) -> str:
    *outer, last = field.split("/")
    inside: NaElement | None = record
    for name in outer:
        inside = inside.get_child_by_name(name) if inside is not None else None
    return inside.get_child_content(last) if inside is not None else ""


def _fits(value: str, pattern: str) -> bool:
    """Whether ``value`` matches ``pattern``. Of ONTAP's query syntax it knows text, ``*`` and ``a|b``."""
    forms = (".*".join(map(re.escape, one.split("*"))) for one in pattern.split("|"))
    return any(re.fullmatch(form, value, re.DOTALL) for form in forms)


def _may_be_in(volume: str, pattern: str) -> bool:
    """Whether a LUN whose path matches ``pattern`` may be in the volume. ``*`` matches slashes, too."""
    place = f"/vol/{volume}/"
    literal, star, _ = pattern.partition("*")
    return literal.startswith(place) or (bool(star) and place.startswith(literal))
