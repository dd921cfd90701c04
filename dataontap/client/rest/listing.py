"""A filer's lists over REST: reads all pages of an answer, and compares them with the question."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Callable, TypeVar

from dataontap.client.rest.api import Query, RestServer
from dataontap.client.rest.fields import Record, optional_number, records, text
from dataontap.client.text import shown
from dataontap.errors import OntapError

# The filer's own limit is 10,000 records, which can have more bytes than an answer may have.
PAGE = 1000
# A page may be empty: the filer sends what it has found within 15 s.
MOST_EMPTY_PAGES = 20
MOST_PAGES = 2000
# 120,000 LUNs, with the requested fields and with tags in their comments, have 80 MiB.
MOST_BYTES = 128 << 20

T = TypeVar("T")


def listed(
    server: RestServer,
    path: str,
    query: Query,
    read: Callable[[Record], T],
    *,
    key: Callable[[T], tuple[str, ...]],
    is_asked: Callable[[T], bool],
    once: bool = False,
) -> list[T]:
    """The records of all pages, converted by ``read``. With ``once`` the first request is not repeated.

    Raises OntapError if the answer is inconsistent, has a row twice by its ``key``, or has a row that was not
    asked for. A row with an empty key may come several times.
    """
    rows: list[T] = []
    keys: set[tuple[str, ...]] = set()
    for page in _pages(server, path, query, once=once):
        for record in page:
            row = read(record)
            name = key(row)
            if not all(name):
                raise OntapError(f"the filer lists a record of {path} without a name")
            if not is_asked(row):
                raise OntapError(f"the filer answered GET {path} with {shown(' '.join(name))}, not asked for")
            if name and name in keys:
                raise OntapError(f"GET {path} lists {shown(' '.join(name))} twice; is CLUSTER_MODE_VSERVER set?")
            keys.add(name)
            rows.append(row)
    return rows


def _pages(server: RestServer, path: str, query: Query, *, once: bool) -> Iterator[list[Record]]:
    """The records of one page after the other."""
    begun = server.received
    content = server.get(path, {**query, "max_records": str(PAGE)}, once=once)
    empty = 0
    for _ in range(MOST_PAGES):
        page = list(records(content))
        if optional_number(content, "num_records") != len(page):
            raise OntapError(f"the answer to GET {path} announces another number of records than it has")
        yield page
        link = text(content, "_links.next.href")
        if not link:
            return
        empty = 0 if page else empty + 1
        if empty > MOST_EMPTY_PAGES:
            break
        if server.received - begun > MOST_BYTES:
            raise OntapError(f"the pages of GET {path} have more than {MOST_BYTES >> 20} MiB")
        if not link.startswith(f"/api{path}?") or re.search("[^!-~]", link):  # HTTP has no other characters in it
            raise OntapError(f"the next page of GET {path} is at another path: {shown(link)}")
        content = server.follow(link)
    raise OntapError(f"the pages of GET {path} have no end")
