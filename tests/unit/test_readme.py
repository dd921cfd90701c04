"""README: tests run its commands, its links lead somewhere, and verify prints what it shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from dataontap.config import Settings
from dataontap.findings import fine
from dataontap.host.lvm import passes
from dataontap.volume.requests import Verification
from tests.package import readme

PAGES = ("README.md", "CONTRIBUTING.md", "doc/DECISIONS.md", "doc/INSTALL-BY-HAND.md")


def chapters_in_tests(repository: Path) -> set[tuple[str, str]]:
    """Heading and kind of every code block that a test asks for."""
    found = set()
    for file in (repository / "tests").rglob("*.py"):
        if file.parent.name == "unit":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"readme.block", "readme.blocks"}:
                chapter, kind = (ast.literal_eval(argument) for argument in node.args[:2])
                found.add((chapter, kind))
    return found


@pytest.mark.parametrize("page", [readme.README, readme.BY_HAND], ids=lambda page: page.name)
def test_each_command_and_output_is_taken_by_a_test(repository: Path, page: Path) -> None:
    wanted = {(block.chapter, block.kind) for block in readme.all_blocks(page)} - {("How it works", "mermaid")}
    assert wanted - chapters_in_tests(repository) == set()


def test_the_pages_have_no_other_code(repository: Path) -> None:
    """Code that is only indented would be run by no test. The form of a message is no command."""
    for page in (readme.README, readme.BY_HAND):
        text = re.sub("^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        indented = re.findall("^    (.+)$", text, re.M)
        assert [line for line in indented if not line.startswith("dataontap: VERB VOLUME: ")] == []


def test_verify_prints_what_is_shown() -> None:
    assert readme.block("5. Verify", "text") == "".join(f"{fine(check)}\n" for check in Verification.usual)


def test_lvms_filter_rejects_volumes_and_nothing_else() -> None:
    (pattern,) = re.findall(r'`global_filter = \[ "(.+)" \]`', readme.README.read_text(encoding="utf-8"))
    (host,) = re.findall('HOSTNAME = "(.+)"', readme.block("4. The nodes", "python"))
    volume = Settings.lun_device_path_format.format(hostname=host, pool="ganeti", name="v")
    assert not passes([pattern], [volume, "/dev/mapper/3600a0980383054723324526c68717745"])
    assert passes([pattern], ["/dev/sda1", "/dev/disk/by-id/scsi-3600a0980383054723324526c68717745"])


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(repository: Path, page: str) -> None:
    text = (repository / page).read_text(encoding="utf-8")
    headings = {re.sub("[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings_of(text)}
    for link in re.findall(r"\]\(([^)]+)\)", text):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (repository / page).parent / path if path else repository / page
        assert target.exists(), link
        assert path or anchor in headings, link


def headings_of(text: str) -> list[str]:
    """A page's headings."""
    return re.findall("^#+ (.+)$", text, re.M)


def test_the_filers_commands_are_those_of_the_man_page(repository: Path) -> None:
    manual = (repository / "doc/ganeti-extstorage-dataontap.7").read_text(encoding="ascii").replace(r"\-", "-")
    joined = manual.replace("\\\n", "")
    for command in readme.block("2. The filer", "ontap").splitlines():
        assert f"\n{command}\n" in joined


def test_the_first_screen_says_what_was_not_tried() -> None:
    screen = " ".join("".join(readme.README.read_text(encoding="utf-8").splitlines(keepends=True)[:60]).split())
    for words in (
        "No real filer has been used yet",
        "REST",
        "ZAPI",
        "Ganeti 3.0.2",
        "Fibre Channel",
        "tests/demo",
    ):
        assert words in screen
