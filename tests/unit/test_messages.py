"""Each message that the code can end with, filled with names of real length: its reason and remedy are shown.

The messages are read from the source: what is handed to an error of the tree in ``dataontap.errors``. What stands
in braces is filled from ``VALUES``, or from what the source assigns to it, the longest where there is a choice. A
new expression fails the test until it has a value there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dataontap.ganeti.script import MESSAGE_LIMIT
from tests.unit.messages import TOO_LONG, VALUES

PREFIX = "dataontap: snapshot 1a2b3c4d-1a2b-1a2b-1a2b-1a2b3c4d5e6f.ext.disk0: "
TREE = {
    *("DataOntapError", "ContractError", "ConfigError", "DeadlineError", "VolumeError", "NotInUse", "NoLun"),
    *("OntapError", "TransportError", "refusal", "HostError", "CommandError", "DeviceError", "NoPath"),
    *("ApiOff", "DeviceGone", "JobUnclear", "NoSuchLun", "NoSuchIgroup", "NoSuchSvm"),
}


class Unknown(Exception):
    """An expression without a value."""


@dataclass(frozen=True)
class Message:
    """One call that makes an error, ``within`` the functions around it, of a ``module``."""

    place: str
    call: ast.Call
    within: tuple[ast.FunctionDef, ...]
    module: ast.Module

    @property
    def text(self) -> str:
        name = _name(self.call.func)
        parts = [self._render(argument) for argument in self.call.args]
        if name == "ContractError":
            return ": ".join(parts)
        if name == "DeadlineError":
            return f"no time left for: {parts[0]} (TIMEOUT is {parts[1]} s)"
        if name == "refusal":
            hint = next(self._render(keyword.value) for keyword in self.call.keywords if keyword.arg == "hint")
            return f"{parts[0]} failed: {parts[2]} (errno {parts[1]}); {hint}"
        return parts[0]

    def _render(self, node: ast.expr, seen: tuple[str, ...] = ()) -> str:
        source = ast.unparse(node)
        for key in (f"{self.place.rpartition(':')[0]}:{source}", source):
            if key in VALUES:
                return VALUES[key]
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            return "".join(self._render(part, seen) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self._render(node.value, seen)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._render(node.left, seen) + self._render(node.right, seen)
        if isinstance(node, ast.IfExp):
            choices: list[ast.expr] = [node.body, node.orelse]
        elif source in seen:
            choices = []
        else:
            choices = [*self._assigned(node), *self._returned(node)]
        if not choices:
            raise Unknown(f"{self.place}: {source}")
        return max((self._render(one, (*seen, source)) for one in choices), key=len)

    def _assigned(self, node: ast.expr) -> Iterator[ast.expr]:
        """What the functions around it, or its module, assign to a name."""
        if not isinstance(node, ast.Name):
            return
        for scope in (*self.within, self.module):
            body = ast.walk(scope) if scope is not self.module else iter(self.module.body)
            found = [
                one.value
                for one in body
                if isinstance(one, ast.Assign) and any(_is_name(target, node.id) for target in one.targets)
            ]
            if found:
                yield from found
                return

    def _returned(self, node: ast.expr) -> Iterator[ast.expr]:
        """What a function of the same module returns."""
        if not isinstance(node, ast.Call):
            return
        for one in ast.walk(self.module):
            if isinstance(one, ast.FunctionDef) and one.name == _name(node.func):
                for part in ast.walk(one):
                    if isinstance(part, ast.Return) and part.value is not None:
                        yield part.value


def _name(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def _is_name(target: ast.expr, name: str) -> bool:
    return isinstance(target, ast.Name) and target.id == name


def messages(repository: Path) -> Iterator[Message]:
    for file in sorted((repository / "dataontap").rglob("*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        place = file.relative_to(repository / "dataontap")
        yield from _in(module, (), str(place), module)


def _in(node: ast.AST, within: tuple[ast.FunctionDef, ...], place: str, module: ast.Module) -> Iterator[Message]:
    if isinstance(node, ast.Call) and _name(node.func) in TREE and node.args and not _is_of_status(node):
        yield Message(f"{place}:{node.lineno}", node, within, module)
    if isinstance(node, ast.FunctionDef):
        within = (node, *within)
    for child in ast.iter_child_nodes(node):
        yield from _in(child, within, place, module)


def _is_of_status(call: ast.Call) -> bool:
    """Whether it is ``transport.refusal``, whose messages are read where it makes them."""
    return _name(call.func) == "refusal" and not call.keywords


@pytest.fixture
def found(repository: Path) -> list[Message]:
    return list(messages(repository))


def test_each_expression_has_a_value(found: list[Message]) -> None:
    unknown = []
    for message in found:
        try:
            assert message.text
        except Unknown as error:
            unknown.append(str(error))
    assert unknown == []


def test_reason_and_remedy_are_in_the_last_line(found: list[Message]) -> None:
    """All of it, or what ``TOO_LONG`` says that has to be there."""
    cut = []
    used = set()
    for message in found:
        line = PREFIX + message.text
        if len(line) <= MESSAGE_LIMIT:
            continue
        shown = line[: MESSAGE_LIMIT - 3]
        needed = next((words for words in TOO_LONG if words in shown), None)
        used.add(needed)
        if needed is None:
            cut.append(f"{message.place}: {shown}|{line[MESSAGE_LIMIT - 3 :]}")
    assert cut == []
    assert {*TOO_LONG} - used == set(), "these fit by now"


def test_most_of_the_errors_are_read(found: list[Message]) -> None:
    """A way to make errors that this does not see would not be tested."""
    assert len(found) > 130
