"""README's demonstration in a fresh root of each release, with Debian's packages and without PyPI."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.package import readme, releases
from tests.package.root import Root
from tests.testbed import package

# The demonstration's LUNs are loop devices of this machine's kernel.
DEVICES = "mount -t sysfs sysfs /sys\nmount -t devtmpfs devtmpfs /dev\n"
# An index that refuses every connection: whatever pip downloads fails at once.
NO_PYPI = "export PIP_INDEX_URL=http://127.0.0.1:9/ PIP_RETRIES=0\n"


def steps(output: str) -> list[str]:
    """The numbered steps of a demonstration, without the seconds that each took."""
    return re.findall(r"^ ?\d+ node\d: .*?(?=  \d+\.\d\d s$)", output, re.M)


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_it_needs_debian_packages_only(release: str, tmp_path: Path) -> None:
    with releases.tree(release) as clean:
        root = Root(tmp_path / "root", [clean])
        package.copy_tree(root.directory / "upper/root/clone", package.sources())
        (root.directory / "upper/root").chmod(0o700)
        said = root.run(DEVICES + NO_PYPI + readme.block("Watch it work", "sh"), cwd="/root/clone")
        left = root.run("ls -A /root/clone/.venv/bin").split()
    assert "The filer has no LUN any more." in said
    assert "ruff" not in left
    shown = readme.block("Watch it work", "text")
    assert steps(shown) == steps(said)[: len(steps(shown))] != []
