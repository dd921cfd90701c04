"""The filer's texts and HTTP statuses in messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.errors import TransportError

if TYPE_CHECKING:
    from dataontap.client.transport import Filer

UNAUTHORIZED = 401
# HTTP statuses from a filer that does not serve an API, or from another server. No source says which of them [?].
NOT_SERVED = frozenset({403, 404, 405, 410})
# Most characters of a name.
_NAME_LIMIT = 60


def one_line(text: str, limit: int) -> str:
    """The filer's ``text`` for a message: printable, on one line, at most ``limit`` characters."""
    printable = (character if character.isprintable() else "?" for character in " ".join(text.split()))
    return "".join(printable)[:limit].rstrip()


def shown(name: str) -> str:
    """A name for a message. Of a long name only the end is shown, because names differ there."""
    name = one_line(name, len(name))
    return name if len(name) <= _NAME_LIMIT else f"...{name[-_NAME_LIMIT:]}"


def refusal(status: int, filer: Filer) -> TransportError:
    """The error for an HTTP status that means the same over each API."""
    if status == UNAUTHORIZED and filer.cert_file:
        why = f"does not accept the certificate in CERT_FILE {filer.cert_file} (HTTP status 401)"
    elif status == UNAUTHORIZED:
        why = f"does not accept LOGIN {filer.login!r} with this PASSWORD (HTTP status 401)"
    else:
        why = f"answered with HTTP status {status}"
    # 429: too many requests. No source shows that a filer sends it [?].
    return TransportError(f"{filer.address} {why}", status=status, transient=status >= 500 or status == 429)
