"""The log of requests: DIR/requests.jsonl, one JSON object a line, there before the client has its answer."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

NAME = "requests.jsonl"


@dataclass(frozen=True)
class Logged:
    """One request as it was answered; ``seconds`` is how long the answer took, ``time`` when the request was
    read,
    ``fault`` what was made to befall it.
    """

    time: float
    connection: int
    peer: str
    account: str | None
    http: int
    api: str | None
    vserver: str | None
    arguments: str
    status: str | None
    errno: str | None
    seconds: float
    fault: str | None = None


class RequestLog:
    """The writing end; lines of concurrent requests do not mix."""

    def __init__(self, state: Path) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(state / NAME, flags, 0o600)

    def write(self, request: Logged) -> None:
        """Append one line with one write."""
        os.write(self._descriptor, json.dumps(asdict(request)).encode() + b"\n")


def read(state: Path) -> list[Logged]:
    """Every request logged so far, across restarts; a line torn by a kill is left out."""
    try:
        lines = (state / NAME).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [Logged(**json.loads(line)) for line in lines]
