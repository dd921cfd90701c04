"""Conditions in query strings: ``*``, ``a|b``, ``!x``, ``<n``, ``>=n``, ``low..high``, ``null``, ``"literally"``.

A record without the field matches no condition but ``null``. Operators in double quotes are plain characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulator.rest.codes import unexpected
from tests.simulator.rest.fields import Field, Kind, flag, number

Test = Callable[[Any], bool]
# A quoted operator, as a character of Unicode's private area: no name on a filer has one.
PRIVATE = 0xE000
OPERATORS = "!<>=|.*,"


@dataclass(frozen=True)
class Condition:
    """What one field must be like.

    ``exact`` has the values one of which the field must have, where the condition says no more: a look-up is
    enough then. ``forms`` are those and forms with ``*``.
    """

    tests: tuple[Test, ...]
    wants_absence: bool = False
    exact: tuple[str, ...] | None = None
    forms: tuple[str, ...] | None = None

    def matches(self, values: list[Any]) -> bool:
        """Whether a record with these values of the field fits; a list fits if it meets every test."""
        if not values:
            return self.wants_absence
        return bool(self.tests) and all(any(test(value) for value in values) for test in self.tests)


def condition(field: Field, text: str) -> Condition:
    """The condition in a parameter's value. With commas in it, a list must have all of these."""
    if field.kind is Kind.OPAQUE:
        raise unexpected(field.name)
    hidden = re.sub(r'"([^"]*)"', lambda quoted: _hide(quoted[1]), text)
    if hidden == "null":
        return Condition((), wants_absence=True)
    parts = hidden.split(",") if field.listed else [hidden]
    alternatives = [part.split("|") for part in parts]
    tests = tuple(_any([_test(field, each) for each in some]) for some in alternatives)
    if len(parts) != 1 or any(_is_operation(each) for each in alternatives[0]):
        return Condition(tests)
    forms = tuple(map(_shown, alternatives[0]))
    return Condition(tests, exact=None if any("*" in each for each in alternatives[0]) else forms, forms=forms)


def _hide(text: str) -> str:
    return "".join(chr(PRIVATE + ord(each)) if each in OPERATORS else each for each in text)


def _shown(text: str) -> str:
    return "".join(chr(ord(each) - PRIVATE) if PRIVATE <= ord(each) < PRIVATE + 128 else each for each in text)


def _is_operation(text: str) -> bool:
    return text[:1] in {"!", "<", ">"} or ".." in text or text == "null"


def _any(tests: list[Test]) -> Test:
    return lambda value: any(test(value) for test in tests)


def _test(field: Field, text: str) -> Test:
    if text == "!null":
        return lambda value: True
    if text.startswith("!"):
        refused = _test(field, text[1:])
        return lambda value: not refused(value)
    for sign, holds in _COMPARISONS.items():
        if text.startswith(sign):
            return holds(_value(field, text[len(sign) :]))
    if ".." in text:
        low, _, high = text.partition("..")
        least = _COMPARISONS[">="](_value(field, low)) if low else _everything
        most = _COMPARISONS["<="](_value(field, high)) if high else _everything
        return lambda value: least(value) and most(value)
    if "*" in text:
        form = re.compile(".*".join(re.escape(_shown(part)) for part in text.split("*")), re.DOTALL)
        return lambda value: form.fullmatch(_text(value)) is not None
    wanted = _value(field, text)
    return lambda value: bool(value == wanted)


def _everything(_: Any) -> bool:
    return True


def _value(field: Field, text: str) -> Any:
    if field.kind in {Kind.NUMBER, Kind.SIZE}:
        return number(field.name, _shown(text))
    return flag(field.name, text) if field.kind is Kind.FLAG else _shown(text)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# The longer signs first: "<=" begins with "<".
_COMPARISONS: dict[str, Callable[[Any], Test]] = {
    "<=": lambda limit: lambda value: bool(value <= limit),
    ">=": lambda limit: lambda value: bool(value >= limit),
    "<": lambda limit: lambda value: bool(value < limit),
    ">": lambda limit: lambda value: bool(value > limit),
}
