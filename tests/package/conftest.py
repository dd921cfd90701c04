"""The package, and clean roots of the Debian releases that it is for, with and without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any, Callable

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.package import readme, releases
from tests.package.root import Root
from tests.testbed import earlier, package

RELEASES = ("bookworm", "trixie")


@pytest.fixture(scope="session")
def built() -> Path:
    """The binary package."""
    return package.build()


@pytest.fixture(scope="session")
def built_earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The binary package of the version before this one."""
    return package.build(earlier.tree(tmp_path_factory.mktemp("earlier")))


class ByRelease(LoadScopeScheduling):  # type: ignore[misc]
    """All tests of a release go to one process: they share what is costly."""

    def _split_scope(self, nodeid: str) -> str:
        return next((release for release in RELEASES if release in nodeid), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByRelease:
    """Which test is run by which process."""
    return ByRelease(config, log)


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """Each release."""
    return str(request.param)


@pytest.fixture(scope="session")
def install(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Root]]:
    """Gives a root of a release in which README's installation was followed: the same one whenever asked again.

    Not a fixture with the releases as parameters: those are made anew each time that the release changes, and
    tests run in random order.
    """
    with ExitStack() as trees:

        @cache
        def make(release: str) -> Root:
            clean = trees.enter_context(releases.tree(release))
            root = Root(tmp_path_factory.mktemp(f"installed-{release}"), [clean])
            root.bring(built, "/root")
            said = root.run(readme.blocks("1. The package", "sh")[1], cwd="/root")
            shown = readme.blocks("1. The package", "text")[1]
            assert readme.without_versions(shown) in readme.without_versions(said)
            return root

        yield make


@pytest.fixture
def root(install: Callable[[str], Root], release: str, tmp_path: Path) -> Root:
    """A root with the package just installed, for one test alone."""
    return install(release).over(tmp_path / "root")
