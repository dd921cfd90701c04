"""The house rules that a linter does not know: who may import what, and that each script is what it says."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from dataontap.ganeti.environ import REQUESTS
from dataontap.ganeti.hooks import HOOKS
from dataontap.volume.provider import DataOnTapProvider

# Module -> the files that may import it, at whatever depth of the code.
OWNERS = {
    "lxml": {"client/zapi/api.py"},
    "six": {"client/zapi/api.py"},
    "http.client": {"client/transport.py"},
    "ssl": {"client/tls.py"},
    "socket": {"client/resolver.py", "client/transport.py", "host/udev.py", "host/reach.py", "host/addresses.py"},
    "subprocess": {"host/run.py"},
    "oslo_log": {"log.py"},
    "oslo_config": {"log.py"},
    "requests": set(),
    "urllib": {"client/rest/api.py"},
}
# What only one file may touch of a process, by how it is spelled.
TOUCHES = {
    "os.environ": {"ganeti/script.py"},
    "sys.stdout": {"ganeti/script.py"},
    "sys.argv": {"ganeti/script.py"},
    "sys.exit": set(),
    "os.umask": {"ganeti/script.py"},
    "print": {"ganeti/script.py"},
}
VERBS = sorted(REQUESTS)


@cache
def sources(repository: Path) -> list[tuple[str, ast.Module]]:
    package = repository / "dataontap"
    return [
        (file.relative_to(package).as_posix(), ast.parse(file.read_text(encoding="utf-8")))
        for file in sorted(package.rglob("*.py"))
    ]


@cache
def imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@cache
def spellings(tree: ast.Module) -> set[str]:
    nodes = (node for node in ast.walk(tree) if isinstance(node, (ast.Attribute, ast.Name)))
    return {ast.unparse(node) for node in nodes}


@pytest.mark.parametrize("module", OWNERS)
def test_each_dependency_has_one_importer(repository: Path, module: str) -> None:
    importers = {
        file
        for file, tree in sources(repository)
        if any(name == module or name.startswith(f"{module}.") for name in imported(tree))
    }
    assert importers == OWNERS[module]


@pytest.mark.parametrize("spelled", TOUCHES)
def test_the_process_is_touched_in_one_place(repository: Path, spelled: str) -> None:
    assert {file for file, tree in sources(repository) if spelled in spellings(tree)} == TOUCHES[spelled]


def test_nothing_is_asserted_where_python_o_would_drop_it(repository: Path) -> None:
    asserts = [
        (file, node.lineno)
        for file, tree in sources(repository)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]
    assert asserts == []


@pytest.mark.parametrize("verb", VERBS)
def test_each_script_calls_the_method_of_its_name(repository: Path, verb: str) -> None:
    script = repository / "scripts" / verb
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/python3\n")
    assert script.stat().st_mode & 0o111
    assert f"sys.exit(main(DataOnTapProvider.{verb}))" in text
    assert callable(getattr(DataOnTapProvider, verb))


def test_there_is_no_script_without_a_verb(repository: Path) -> None:
    assert sorted(file.name for file in (repository / "scripts").iterdir()) == sorted([*VERBS, "parameters.list"])


def test_each_hook_is_what_its_name_says(repository: Path) -> None:
    files = sorted((repository / "hooks").iterdir())
    assert [file.name for file in files] == sorted(HOOKS)
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert text.startswith("#!/usr/bin/python3\n")
        assert file.stat().st_mode & 0o111
        assert f'sys.exit(main("{file.name}"))' in text
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", file.name), "Ganeti skips any other name without a word"


def test_every_verb_has_a_contract_test(repository: Path) -> None:
    tests = "".join(file.read_text(encoding="utf-8") for file in (repository / "tests/contract").glob("test_*.py"))
    assert [verb for verb in VERBS if not re.search(rf'"{verb}"', tests)] == []


def test_the_house_stands_alone(repository: Path) -> None:
    """Nothing refers to what only its first builders had beside the repository."""
    outside = re.compile(r"\.\./shared|/work/|facts/[a-z]+\.md")
    for folder in ("dataontap", "scripts", "hooks", "etc", "doc", "tests"):
        for file in sorted((repository / folder).rglob("*")):
            if file.is_file() and file.suffix in {"", ".py", ".md", ".conf", ".sh"} and file != Path(__file__):
                assert not outside.search(file.read_text(encoding="utf-8")), file
