"""The forms of each message that the source has: its words, with ``GAP`` where a name or a number is filled in.

A message with a choice of words (a conditional, a variable that is assigned in two places, a table) has several
forms. What cannot be followed in the source, such as the text of another error, is a gap.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from tests.unit.test_messages import Message, messages

GAP = "\N{HORIZONTAL ELLIPSIS}"
# Calls whose argument of this number is a message: what verify ends with, and what is added to another message.
SAYS = {"failure": 1, "problem": 1, "_with": 1, "problems.add": 0}
# Tables of words that are looked up by a number or a name that another program or the filer gives.
TABLES = frozenset({"_REASONS", "HINTS", "_DISTRUST", "_FAILURES"})
# What ends a message: the text of ``error.add(...)``, as these functions return it; and reasons within others.
REMARKS = ("_left", "reason")
# Messages that no error class makes, by the file that has them.
ELSEWHERE = {
    "ganeti/script.py": "internal error, please report the traceback above",
    "client/rest/api.py": "failed: {reason} (code {code})",
}
# A form with fewer letters carries another message, which is found where it is made; so do these.
LETTERS = 8
CARRIERS = frozenset({f"{GAP}'s certificate {GAP}"})


@dataclass(frozen=True)
class Form:
    """One form of the message at ``place``."""

    place: str
    words: str


def forms(repository: Path) -> list[Form]:
    """Every form of every message that the code can end with, each once, with the first place that has it."""
    sources = Sources(repository)
    found: dict[str, str] = {}
    for place, words in sources.all():
        if len(re.sub("[^A-Za-z]", "", words)) >= LETTERS and words not in CARRIERS:
            found.setdefault(words, place)
    return [Form(place, words) for words, place in found.items()]


class Sources:
    """The library's modules, and the messages in them."""

    def __init__(self, repository: Path) -> None:
        self._library = repository / "dataontap"
        self._messages = list(messages(repository))
        self._modules = {
            str(file.relative_to(self._library)): ast.parse(file.read_text(encoding="utf-8"))
            for file in sorted(self._library.rglob("*.py"))
        }
        self._functions: dict[str, list[ast.FunctionDef]] = {}
        for module in self._modules.values():
            for node in ast.walk(module):
                if isinstance(node, ast.FunctionDef):
                    self._functions.setdefault(node.name, []).append(node)

    def all(self) -> Iterator[tuple[str, str]]:
        """Place and words of each form."""
        for message in self._messages:
            yield from ((message.place, words) for words in self._of_error(message))
        for path, module in self._modules.items():
            for node, around in walk(module):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in SAYS:
                    text = node.args[SAYS[ast.unparse(node.func)]]
                    reader = Reader(self, around, module)
                    yield from ((f"{path}:{node.lineno}", words) for words in reader.forms(text))
                elif isinstance(node, (ast.Assign, ast.AnnAssign)) and is_table(node) and node.value is not None:
                    yield from ((f"{path}:{node.lineno}", words) for words in sentences(node.value))
        for function in REMARKS:
            for value, scope in self.returned(function):
                reader = Reader(self, (scope,), ast.Module([], []))
                yield from ((function, words) for words in reader.forms(value))
        for path, words in ELSEWHERE.items():
            assert words in (self._library / path).read_text(encoding="utf-8"), f"{path} has it no more: {words}"
            yield path, words

    def _of_error(self, message: Message) -> set[str]:
        reader = Reader(self, message.within, message.module)
        arguments = [reader.forms(argument) for argument in message.call.args]
        kind = name(message.call.func)
        if kind == "ContractError":
            return {": ".join(parts) for parts in product(*arguments)}
        if kind == "DeadlineError":
            return {f"no time left for: {step}" for step in arguments[0]}
        if kind == "refusal":
            return {f"{GAP} failed: {GAP} (errno {GAP})"}
        return arguments[0]

    def returned(self, function: str) -> list[tuple[ast.expr, ast.FunctionDef]]:
        """What the functions of this name return."""
        return [
            (node.value, found)
            for found in self._functions.get(function, ())
            for node in ast.walk(found)
            if isinstance(node, ast.Return) and node.value is not None
        ]


class Reader:
    """Reads expressions in the scope of the functions ``within``, the innermost first, of a ``module``."""

    def __init__(self, sources: Sources, within: tuple[ast.FunctionDef, ...], module: ast.Module) -> None:
        self._sources = sources
        self._within = within
        self._module = module

    def forms(self, node: ast.expr, seen: tuple[str, ...] = ()) -> set[str]:
        """The forms of an expression."""
        if isinstance(node, ast.Constant):
            return {node.value if isinstance(node.value, str) else GAP}
        if isinstance(node, ast.JoinedStr):
            return joined(self.forms(part, seen) for part in node.values)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return joined(self.forms(part, seen) for part in (node.left, node.right))
        source = ast.unparse(node)
        if source in seen:
            return {GAP}
        found: set[str] = set()
        for value, reader in self._choices(node):
            found |= reader.forms(value, (*seen, source))
        return {with_gaps(words) for words in found} or {GAP}

    def _choices(self, node: ast.expr) -> Iterator[tuple[ast.expr, Reader]]:
        """The expressions that an expression may stand for, and who can read them."""
        if isinstance(node, ast.FormattedValue):
            yield node.value, self
        elif isinstance(node, ast.IfExp):
            yield from ((part, self) for part in (node.body, node.orelse))
        elif isinstance(node, ast.BoolOp):
            yield from ((part, self) for part in node.values)
        elif isinstance(node, ast.Name):
            yield from ((part, self) for part in self._assigned(node))
        elif isinstance(node, ast.Subscript):
            tables = [table for table in self._assigned(node.value) if isinstance(table, ast.Dict)]
            yield from ((part, self) for table in tables for part in table.values)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
                yield node.func.value, self
            elif isinstance(node.func, ast.Name) or ast.unparse(node.func).startswith(("self.", "tls.")):
                for value, scope in self._sources.returned(name(node.func)):
                    yield value, Reader(self._sources, (scope,), self._module)

    def _assigned(self, node: ast.expr) -> list[ast.expr]:
        """What the functions around it, or its module, assign to a name."""
        if not isinstance(node, ast.Name):
            return []
        for scope in (*self._within, self._module):
            body = self._module.body if scope is self._module else ast.walk(scope)
            found = []
            for one in body:
                if not isinstance(one, (ast.Assign, ast.NamedExpr, ast.AugAssign)):
                    continue
                targets = one.targets if isinstance(one, ast.Assign) else [one.target]
                for target in targets:
                    if isinstance(target, ast.Name) and target.id == node.id:
                        found.append(one.value)
                    elif isinstance(target, ast.Tuple) and isinstance(one.value, ast.Tuple):
                        pairs = zip(target.elts, one.value.elts)
                        found += [value for part, value in pairs if ast.unparse(part) == node.id]
            if found:
                return found
        return []


def joined(parts: Iterator[set[str]]) -> set[str]:
    """The forms of texts one after the other; gaps side by side are one."""
    return {re.sub(f"{GAP}+", GAP, "".join(words)) for words in product(*parts)}


def name(function: ast.expr) -> str:
    """The name of what is called."""
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def with_gaps(text: str) -> str:
    """A text with gaps for its braces."""
    return re.sub(r"\{[a-z_]+\}", GAP, text)


def walk(
    node: ast.AST, around: tuple[ast.FunctionDef, ...] = ()
) -> Iterator[tuple[ast.AST, tuple[ast.FunctionDef, ...]]]:
    """Every node below, with the functions around it, the innermost first."""
    yield node, around
    if isinstance(node, ast.FunctionDef):
        around = (node, *around)
    for child in ast.iter_child_nodes(node):
        yield from walk(child, around)


def is_table(node: ast.Assign | ast.AnnAssign) -> bool:
    """Whether a table of words is assigned."""
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    return isinstance(target, ast.Name) and target.id in TABLES


def sentences(table: ast.expr) -> Iterator[str]:
    """The texts in a table that have a blank, with gaps for their braces."""
    for node in ast.walk(table):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield with_gaps(node.value)
