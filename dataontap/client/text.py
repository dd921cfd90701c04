"""The filer's texts in messages."""

from __future__ import annotations

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
