"""A REST request as it comes from HTTP, and the answer as it goes back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.simulator.rest.codes import Problem
from tests.simulator.rest.fields import Document

HAL = "application/hal+json"
PLAIN = "application/json"
SHOWN = 200


@dataclass(frozen=True)
class Request:
    """``path`` begins behind ``/api``; ``svm`` is who the header X-Dot-SVM-Name says the request is for."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    accept: str = HAL
    svm: str = ""

    @property
    def wants_links(self) -> bool:
        """Whether records come with ``_links``: not for a client that accepts plain JSON only."""
        return PLAIN not in self.accept or HAL in self.accept

    @property
    def shown(self) -> str:
        """The query and the body as one short line for the log."""
        text = " ".join([unquote(self.query), *self.body.decode(errors="replace").split()]).strip()
        return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}\u2026"


@dataclass(frozen=True)
class Response:
    """An answer: its status, its JSON, its headers; ``code`` is that of a refusal."""

    status: int
    content: Document | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str | None = None

    @property
    def body(self) -> bytes:
        """The JSON in bytes."""
        return b"" if self.content is None else json.dumps(self.content, indent=2).encode() + b"\n"


def refused(problem: Problem) -> Response:
    """The answer to a request that was refused."""
    return Response(problem.status, {"error": problem.to_json()}, code=problem.code)
