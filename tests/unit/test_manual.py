"""The man pages say of the options, the verbs and the node's set-up what is true in this tree."""

from __future__ import annotations

import ast
import dataclasses
import re
from pathlib import Path

import pytest

from dataontap.config import Settings
from dataontap.ganeti.hooks import HOOKS
from dataontap.volume.requests import Verification

TEXT = 20  # characters: less than that explains nothing


def page(repository: Path, name: str) -> str:
    """A man page's source, with the characters that roff has other names for."""
    source = (repository / "doc" / name).read_text(encoding="ascii")
    return source.replace(r"\[dq]", '"').replace(r"\-", "-")


@pytest.fixture
def options(repository: Path) -> dict[str, tuple[str | None, str]]:
    """Each option that extstorage-dataontap.conf(5) has an entry for: its default as it is written, its text."""
    body = page(repository, "extstorage-dataontap.conf.5").partition("\n.SH OPTIONS\n")[2].partition("\n.SH ")[0]
    entries = re.findall(r"^\.TP\n\.B ([A-Z0-9_]+)(?: = (.+))?\n((?:(?!\.TP\n|\.SS ).*\n?)*)", body, re.M)
    assert len(entries) == body.count("\n.TP\n"), "each entry begins with its option"
    assert len({name for name, _, _ in entries}) == len(entries), "no option has two entries"
    return {name: (default or None, text) for name, default, text in entries}


def test_every_option_is_explained_with_its_default(options: dict[str, tuple[str | None, str]]) -> None:
    written = {name.lower(): default and ast.literal_eval(default) for name, (default, _) in options.items()}
    defaults = {option.name: option.default for option in dataclasses.fields(Settings) if option.metadata}
    defaults["hostname"] = None  # it has none, and so none is written
    defaults["pool_name_search_pattern"] = defaults["pool_name_search_pattern"].pattern  # type: ignore[union-attr]
    assert written == defaults
    assert {name: text for name, (_, text) in options.items() if len(text) < TEXT} == {}


def test_the_multipath_settings_are_those_of_the_example(repository: Path) -> None:
    example = (repository / "etc/multipath.conf").read_text(encoding="ascii")
    settings = set(re.findall(r"^ +([a-z_]+ [a-z0-9]+)$", example, re.M))
    manual = page(repository, "ganeti-extstorage-dataontap.7").partition("\n.SH TROUBLESHOOTING\n")[0]
    assert settings == set(re.findall(r"^\.TP\n\.B ([a-z_]+ [a-z0-9]+)$", manual, re.M))
    assert len(settings) == 4


def test_a_path_that_needs_two_levels_of_access_says_which_replaces_which(repository: Path) -> None:
    manual = page(repository, "ganeti-extstorage-dataontap.7")
    rights = re.findall(r'^\.BR (/api/\S+) " \((.+)\)"$', manual, re.M)
    levels = [level for path, level in rights if path == "/api/protocols/san/igroups"]
    assert levels == ["readonly", "read_create, instead of readonly"]
    assert len({path for path, _ in rights}) == len(rights) - 1, "no other path is there twice"


def test_the_filers_certificate_has_one_name_and_one_way_to_compare_it(repository: Path) -> None:
    pages = ("README.md", "doc/options.md", "doc/extstorage-dataontap.conf.5", "doc/ganeti-extstorage-dataontap.7")
    for name in pages:
        text = " ".join((repository / name).read_text(encoding="utf-8").replace("\\-", "-").split())
        assert {*re.findall(r"/etc/ganeti/[a-z0-9-]+\.pem", text)} == {
            "/etc/ganeti/extstorage-dataontap-ca.pem"
        }, name
        assert "security certificate show -vserver svm1 -type server -instance" in text, name
        assert "fingerprint" not in text, name


def test_no_line_can_end_in_the_middle_of_a_name(repository: Path) -> None:
    """A plain hyphen is a place where roff ends a line, in a package's name as well as in a word."""
    for file in (repository / "doc").glob("*.[57]"):
        lines = [
            line for line in file.read_text(encoding="ascii").splitlines() if not line.startswith((".TH", '.\\"'))
        ]
        assert [line for line in lines if re.search(r"(?<!\\)-", line)] == [], file.name


def test_verify_has_the_checks_that_are_named(repository: Path) -> None:
    manual = " ".join(page(repository, "ganeti-extstorage-dataontap.7").split())
    *others, last = Verification.usual
    assert f"a line for each of {', '.join(others)} and {last}," in manual
    for check in set(Verification.known) - set(Verification.usual):
        assert f"verify {check} " in manual


def test_the_hooks_are_in_it(repository: Path) -> None:
    manual = page(repository, "ganeti-extstorage-dataontap.7")
    for hook in HOOKS.values():
        assert f"{hook.path}-{hook.phase}.d" in manual
