"""Readers of option values. A reader takes a literal and returns the checked value, or raises ValueError.

The text of what a reader expects is only here. The errors and OPTIONS in the man page both show it.
"""

from __future__ import annotations

import contextlib
import re
import string
import warnings
from dataclasses import dataclass
from typing import Any, Callable

NODE = "{node}"  # stands for the node's name in Ganeti, in an initiator group's name
Commands = tuple[tuple[str, ...], ...]
_CHAP_BYTES = 255
# Of HOSTNAME. Each more would have less of the time for connecting.
MOST_ADDRESSES = 8


class Unexpected(Exception):
    """A value is not what its reader expects. The reader turns this into a ValueError."""


@dataclass(frozen=True)
class Reader:
    """Reads a literal by ``take``, which raises Unexpected if the value is not ``expected``.

    The error does not show a ``secret`` value. ``take`` raises a ValueError itself if it can say more than what
    was expected.
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
    """Turns a function into a Reader, as its ``take``."""
    return lambda take: Reader(expected, take, secret)


@reader("a non-empty string")
def text(value: object) -> str:
    """A string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise Unexpected
    if re.search(r"[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]", value):  # XML has none of these
        raise ValueError("expected a string without control characters")
    return value


@reader("a non-empty string without control characters", secret=True)
def secret(value: object) -> str:
    """Like ``text``; the error does not show the value."""
    try:
        return str(text(value))
    except ValueError:
        raise Unexpected from None


@reader(f"a string without blanks at its ends, of at most {_CHAP_BYTES} bytes", secret=True)
def chap(value: object) -> str:
    """A CHAP user's name or secret that open-iscsi reads unchanged. The error does not show the value.

    open-iscsi cuts a value after 255 bytes and drops blanks at its ends (seen with iscsiadm 2.1.8 and 2.1.11).
    """
    found = str(secret(value))
    if found != found.strip(" ") or len(found.encode()) > _CHAP_BYTES:
        raise Unexpected
    return found


def maybe(read: Reader) -> Reader:
    """None, or a value that ``read`` accepts."""
    return Reader(f"None or {read.expected}", lambda value: None if value is None else read(value))


@reader("a host name or an address")
def hostname(value: object) -> str:
    """A host name, or an IPv4 or IPv6 address, without a port."""
    if isinstance(value, str):
        if re.fullmatch(r"[A-Za-z0-9._-]+", value):
            return value
        import ipaddress

        with contextlib.suppress(ValueError):
            address = str(ipaddress.IPv6Address(value))
            if re.fullmatch(r"[0-9a-f:.]+(%[A-Za-z0-9._-]+)?", address):  # the scope is an interface's name
                return address
    raise Unexpected


@reader("a host name or an address, or a tuple of them")
def hostnames(value: object) -> tuple[str, ...]:
    """The addresses of one filer, of which there may be one. Each is accepted by ``hostname``."""
    names = tuple(hostname.take(name) for name in (value if isinstance(value, (tuple, list)) else (value,)))
    if not names:
        raise Unexpected
    if len({name.lower() for name in names}) < len(names):
        raise ValueError(f"{value!r} has an address twice")
    if len(names) > MOST_ADDRESSES:
        raise ValueError(f"expected at most {MOST_ADDRESSES} addresses")
    return names


@reader('an IP address, or a network such as "10.0.5.0/24"')
def network(value: object) -> str:
    """An IPv4 or IPv6 network, or a single address as a network. A network has no bits beyond its prefix."""
    import ipaddress

    if isinstance(value, str) and "%" not in value:  # a scope names a node's interface
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_network(value))
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
    """A truth value, or a word for it. The first implementation took words, including "set" and "unset"."""
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
    """A whole number from ``low`` to ``high``."""

    @reader(f"a whole number from {low} to {high}")
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Unexpected
        return value

    return read


def matching(pattern: str, what: str) -> Reader:
    """A string that ``pattern`` matches as a whole. ``what`` describes it for messages."""

    @reader(what)
    def read(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise Unexpected
        return value

    return read


@reader(f"an initiator group's name, or one such as 'ganeti-{NODE}'")
def igroup(value: object) -> str:
    """An initiator group's name. With ``{node}`` in it, once, each node has its own group.

    The name must have text beside ``{node}``, because this text distinguishes a cluster's groups from all others.
    """
    name = value.replace(NODE, "n", 1) if isinstance(value, str) else ""
    if value == NODE or not is_igroup(name):
        raise Unexpected
    return str(value)


def is_igroup(name: str) -> bool:
    """Whether ONTAP allows ``name`` for an initiator group: 1 to 96 characters, the first a letter or digit.

    The source is ONTAP's manual of "lun igroup rename". Two dots in a row would be a range in a query.
    """
    return re.fullmatch(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._:-]{0,95}", name) is not None


def several(read: Reader, what: str) -> Reader:
    """A tuple or list of values that ``read`` accepts. ``what`` describes the values for messages."""

    @reader(f"a tuple of {what}")
    def read_all(value: object) -> tuple[Any, ...]:
        if not isinstance(value, (tuple, list)):
            raise Unexpected
        return tuple(read(item) for item in value)

    return read_all


@reader("a regular expression")
def regex(value: object) -> re.Pattern[str]:
    """A regular expression, compiled."""
    pattern = text(value)
    try:
        return compiled(pattern)
    except ValueError as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression. Raises ValueError if it cannot be compiled. Python's warnings are not printed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None


@reader("a path that begins with '/'")
def absolute_path(value: object) -> str:
    """The full path of a file."""
    if not text(value).startswith("/"):
        raise Unexpected
    return str(value)


@reader("a path with {name} in it, perhaps {hostname} and {pool}, and no other braces")
def device_path_format(value: object) -> str:
    """A path with ``{name}`` in it. It may also have ``{hostname}`` and ``{pool}``."""
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
    """One command, which is a program and its arguments. An empty tuple is no command."""
    if not isinstance(value, (tuple, list)) or not all(isinstance(word, str) and word for word in value):
        raise Unexpected
    if any(re.search(r"[\x00\ud800-\udfff]", word) for word in value):  # no program can be given such an argument
        raise Unexpected
    return tuple(value)


@reader('a tuple of tuples such as (("multipath", "-r"),)')
def commands(value: object) -> Commands:
    """Commands, which are run in order. An empty tuple is no command."""
    if not isinstance(value, (tuple, list)) or any(not isinstance(words, (tuple, list)) for words in value):
        raise Unexpected
    if not all(value):
        raise ValueError(f"one of the commands in {value!r} is empty")
    return tuple(command(words) for words in value)
