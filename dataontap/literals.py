"""Readers of single option values: a literal in, the checked value out, or ValueError saying what was expected.

What a reader expects is worded here and nowhere else: the errors and the manual's OPTIONS both show it.
"""

from __future__ import annotations

import contextlib
import re
import string
from dataclasses import dataclass
from typing import Any, Callable

NODE = "{node}"  # in an initiator group's name: the node's, by Ganeti's word
Commands = tuple[tuple[str, ...], ...]
_CHAP_BYTES = 255


class Unexpected(Exception):
    """A value is not what its reader expects. The reader makes it a ValueError."""


@dataclass(frozen=True)
class Reader:
    """Reads a literal by ``take``, which raises Unexpected for any other value than the ``expected`` one.

    A value that is ``secret`` is not shown in the error. ``take`` raises a ValueError of its own where it can tell
    more than what was expected.
    """

    expected: str
    take: Callable[[Any], Any]
    secret: bool = False

    def __call__(self, value: object) -> Any:
        try:
            return self.take(value)
        except Unexpected:
            shown = "" if self.secret else f", not {value!r}"
            raise ValueError(f"expected {self.expected}{shown}") from None


def reader(expected: str, *, secret: bool = False) -> Callable[[Callable[[Any], Any]], Reader]:
    """Makes a function a Reader's ``take``."""
    return lambda take: Reader(expected, take, secret)


@reader("a non-empty string")
def text(value: object) -> str:
    """A string with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise Unexpected
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", value):
        raise ValueError("expected a string without control characters")
    return value


@reader("a non-empty string without control characters", secret=True)
def secret(value: object) -> str:
    """As ``text``, without the value in the error."""
    try:
        return str(text(value))
    except ValueError:
        raise Unexpected from None


@reader(f"a string without blanks at its ends, of at most {_CHAP_BYTES} bytes", secret=True)
def chap(value: object) -> str:
    """A CHAP user's name or secret that open-iscsi reads as it was written, without the value in the error.

    Of a longer one it takes 255 bytes, and blanks at the ends it drops (seen with iscsiadm 2.1.8 and 2.1.11).
    """
    found = str(secret(value))
    if found != found.strip(" ") or len(found.encode()) > _CHAP_BYTES:
        raise Unexpected
    return found


def maybe(read: Reader) -> Reader:
    """None, or what ``read`` takes."""
    return Reader(f"None or {read.expected}", lambda value: None if value is None else read(value))


@reader("a host name or an address")
def hostname(value: object) -> str:
    """A host name, or an IPv4 or IPv6 address; the port is an option of its own."""
    if isinstance(value, str):
        if re.fullmatch(r"[A-Za-z0-9._-]+", value):
            return value
        import ipaddress

        with contextlib.suppress(ValueError):
            return str(ipaddress.IPv6Address(value))
    raise Unexpected


def one_of(*choices: str) -> Reader:
    """One of these strings."""
    *others, last = (f'"{choice}"' for choice in choices)

    @reader(f"{', '.join(others)} or {last}")
    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(choices)}")
        return str(value)

    return read


@reader("True or False")
def yes_no(value: object) -> bool:
    """A truth value, or a word for one (the first implementation took words, "set" and "unset" among them)."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        from oslo_utils import strutils

        word = value.strip().lower()
        word = {"set": "on", "unset": "off"}.get(word, word)
        if strutils.is_valid_boolstr(word):
            return bool(strutils.bool_from_string(word, strict=True))
    raise Unexpected


def number(low: int, high: int) -> Reader:
    """A whole number within ``low`` and ``high``."""

    @reader(f"a whole number from {low} to {high}")
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Unexpected
        return value

    return read


def matching(pattern: str, what: str) -> Reader:
    """A string that ``pattern`` matches wholly; ``what`` tells people what that is."""

    @reader(what)
    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise Unexpected
        return value

    return read


@reader(f"an initiator group's name, or one such as 'ganeti-{NODE}'")
def igroup(value: object) -> str:
    """An initiator group's name, or one for each node with ``{node}`` in it once.

    Beside ``{node}`` there has to be something else: by that a cluster's groups are told from all others.
    """
    name = value.replace(NODE, "n", 1) if isinstance(value, str) else ""
    if value == NODE or not is_igroup(name):
        raise Unexpected
    return str(value)


def is_igroup(name: str) -> bool:
    """Whether ONTAP takes ``name`` for an initiator group: 1 to 96 characters, the first a letter or digit.

    That is from its manual of "lun igroup rename". Two dots in a row would be a range in a query.
    """
    return re.fullmatch(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,95}", name) is not None


def several(read: Reader, what: str) -> Reader:
    """A tuple or list of what ``read`` takes; ``what`` tells people what these are."""

    @reader(f"a tuple of {what}")
    def read_all(value: object) -> tuple[Any, ...]:
        if not isinstance(value, (tuple, list)):
            raise Unexpected
        return tuple(read(one) for one in value)

    return read_all


@reader("a regular expression")
def regex(value: object) -> re.Pattern[str]:
    """A regular expression, compiled."""
    try:
        return re.compile(text(value))
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None


@reader("a path that begins with '/'")
def absolute_path(value: object) -> str:
    """The full path of a file."""
    if not text(value).startswith("/"):
        raise Unexpected
    return str(value)


@reader("a path with {name} in it, perhaps {hostname} and {pool}, and no other braces")
def device_path_format(value: object) -> str:
    """A path with ``{name}`` and perhaps ``{hostname}`` and ``{pool}`` in it."""
    path = str(absolute_path(value))
    try:
        parts = [part for part in string.Formatter().parse(path) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"{value!r}: {error}") from None
    fields = {name for _, name, _, _ in parts}
    if (
        any(form or conversion for _, _, form, conversion in parts)
        or "name" not in fields
        or not fields <= {"hostname", "pool", "name"}
    ):
        raise Unexpected
    return path


@reader('a tuple of words such as ("multipath", "-r")')
def command(value: object) -> tuple[str, ...]:
    """One command: a program and its arguments; empty for none."""
    if not isinstance(value, (tuple, list)) or not all(isinstance(word, str) and word for word in value):
        raise Unexpected
    return tuple(value)


@reader('a tuple of tuples such as (("multipath", "-r"),)')
def commands(value: object) -> Commands:
    """Commands to be run in order; empty for none."""
    if not isinstance(value, (tuple, list)) or any(not isinstance(one, (tuple, list)) for one in value):
        raise Unexpected
    if not all(value):
        raise ValueError(f"one of the commands in {value!r} is empty")
    return tuple(command(one) for one in value)
