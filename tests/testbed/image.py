"""What a node's disk holds when its admin has installed it: a Debian release with Ganeti, and our package."""

from __future__ import annotations

import contextlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.testbed import package, trees
from tests.testbed.machine import Machine

GANETI = {"bookworm": "3.0.2", "trixie": "3.1"}  # which release has which
# What a node has besides the package and what that depends on; ping and fping are Ganeti's.
PACKAGES = (
    *("ganeti", "openssh-server", "iproute2", "iputils-ping", "procps", "fping", "netbase"),
    *("logrotate", "open-iscsi", "sg3-utils"),
)
_PLACE = "/srv/testbed/package"


@contextlib.contextmanager
def image(directory: Path, release: str) -> Iterator[list[Path]]:
    """The layers of a node's root, for Machine: dpkg has installed the package in it."""
    built = package.build()
    with trees.tree(release, [*PACKAGES, *_dependencies(built)]) as tree:
        installation = Machine(directory / "image", "image", [tree], [(built.parent, _PLACE)])
        with installation:
            installation.run("dpkg", "--install", f"{_PLACE}/{built.name}")
        yield [installation.upper, tree]


def _dependencies(built: Path) -> list[str]:
    """The packages that this one depends on: of alternatives the first, in whatever version the release has."""
    asked = subprocess.run(
        ["dpkg-deb", "--field", str(built), "Depends"], check=True, capture_output=True, text=True
    )
    return [re.split("[ :(|]", word.strip(), maxsplit=1)[0] for word in asked.stdout.split(",")]
