"""What debian/ says twice, or says of the rest of the tree, is the same there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dataontap
from dataontap.ganeti.hooks import HOOKS

PACKAGE = "ganeti-extstorage-dataontap"
HOOK_NAME = re.compile("[a-zA-Z0-9_-]+")  # Ganeti's EXT_PLUGIN_MASK; files of other names are silently skipped


@pytest.fixture
def debian(repository: Path) -> Path:
    """The packaging's directory."""
    return repository / "debian"


@pytest.mark.parametrize("file", ["changelog", f"{PACKAGE}.NEWS"])
def test_the_version_is_the_librarys(debian: Path, file: str) -> None:
    """Debian's tilde sorts before nothing, as .dev does for Python: 1.0.0~dev0 is older than 1.0.0."""
    found = re.match(rf"{PACKAGE} \((.+?)\) [a-z]+; urgency=", (debian / file).read_text())
    assert found is not None
    if file == "changelog":
        assert found[1] == dataontap.__version__.replace(".dev", "~dev")
    else:
        assert found[1] in (debian / "changelog").read_text()


def test_each_hook_is_linked_where_it_belongs_under_a_name_that_ganeti_takes(debian: Path) -> None:
    lines = (debian / f"{PACKAGE}.links").read_text().splitlines()
    links = {}
    for line in lines:
        source, target = line.split()
        directory, _, name = target.rpartition("/")
        assert HOOK_NAME.fullmatch(name)
        links[source] = directory
    assert links == {
        f"usr/share/{PACKAGE}/hooks/{name}": f"etc/ganeti/hooks/{hook.path}-{hook.phase}.d"
        for name, hook in HOOKS.items()
    }


def test_everything_that_is_made_for_a_node_is_installed(debian: Path, repository: Path) -> None:
    """A new file in one of these directories is packaged only if debian/*.install says where it goes.

    Pages in Markdown are for readers of the repository.
    """
    wanted = {
        str(file.relative_to(repository))
        for folder in ("doc", "etc", "udev")
        for file in (repository / folder).glob("*")
        if file.suffix != ".md"
    }
    installed: set[str] = set()
    for kind in ("install", "manpages", "examples"):
        for line in (debian / f"{PACKAGE}.{kind}").read_text().splitlines():
            if not line.startswith("#"):
                installed |= {str(file.relative_to(repository)) for file in repository.glob(line.split()[0])}
    assert wanted - installed == set()


def test_old_output_is_removed_the_same_way_with_and_without_systemd(debian: Path) -> None:
    def removal(file: str) -> list[str]:
        (words,) = re.findall("find (.*-delete)$", (debian / file).read_text(), re.M)
        return [word.strip("'") for word in words.split()]

    assert removal(f"{PACKAGE}.service") == removal(f"{PACKAGE}.cron.daily")
