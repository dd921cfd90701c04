"""Asking a simulated filer over REST in tests: JSON in, the answer's JSON or its code out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from tests.simulator.filer import Filer
from tests.simulator.rest.service import Trouble
from tests.simulator.rest.wire import HAL, Request, Response

Fields = dict[str, Any]


def respond(
    filer: Filer,
    method: str,
    path: str,
    body: Fields | None = None,
    *,
    query: Fields | str | None = None,
    account: str = "admin",
    accept: str = HAL,
    svm: str = "",
    trouble: Trouble | None = None,
    wait: Any = lambda _: True,
) -> Response:
    """The whole answer."""
    text = query if isinstance(query, str) else urlencode(query or {})
    document = b"" if body is None else json.dumps(body).encode()
    return filer.rest.answer(Request(method, path, text, document, accept, svm), account, trouble, wait)


def ask(filer: Filer, method: str, path: str, body: Fields | None = None, **options: Any) -> Fields:
    """The JSON of a request that was carried out."""
    answer = respond(filer, method, path, body, **options)
    assert answer.status < 300, answer.content
    return answer.content or {}


def records(filer: Filer, path: str, **query: Any) -> list[Fields]:
    """The records of a collection; underscores in names are for dots, twice for underscores."""
    named = {name.replace("_", ".").replace("..", "_"): value for name, value in query.items()}
    found: list[Fields] = ask(filer, "GET", path, query=named)["records"]
    return found


def code(filer: Filer, method: str, path: str, body: Fields | None = None, **options: Any) -> str | None:
    """The code that a request is refused with."""
    return respond(filer, method, path, body, **options).code


def make(filer: Filer, path: str, body: Fields) -> Fields:
    """A new object, as the answer to its POST shows it."""
    made: Fields = ask(filer, "POST", path, body, query={"return_records": "true"})["records"][0]
    return made
