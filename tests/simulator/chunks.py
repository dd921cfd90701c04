"""Bodies that come in chunks (RFC 9112, 7.1), as some HTTP libraries send what they do not know the length of."""

from __future__ import annotations

import re
from io import BufferedIOBase

LONGEST_LINE = 1024


class ChunkError(ValueError):
    """Not the chunks that they should be, or too much of them."""


def read(stream: BufferedIOBase, most: int) -> bytes:
    """The body; ChunkError for nonsense, and for more than ``most`` bytes."""
    body = b""
    while True:
        match = re.fullmatch(rb"([0-9A-Fa-f]{1,8})[ \t]*(;.*)?\r?\n", stream.readline(LONGEST_LINE))
        if match is None:
            raise ChunkError("not a chunk's size")
        size = int(match[1], 16)
        if not size:
            break
        if len(body) + size > most:
            raise ChunkError("too large")
        body += stream.read(size)
        if stream.readline(LONGEST_LINE) not in {b"\r\n", b"\n"}:
            raise ChunkError("a chunk that does not end")
    while stream.readline(LONGEST_LINE) not in {b"\r\n", b"\n", b""}:
        continue  # trailers
    return body
