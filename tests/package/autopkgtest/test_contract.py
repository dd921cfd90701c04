"""The package's own test, debian/tests, on each release as autopkgtest runs it: in a clone, on what is installed.

autopkgtest itself wants a machine to throw away; a root is one, once it has this kernel's devices.
"""

from __future__ import annotations

import re

from tests.package.root import Root
from tests.testbed import package
from tests.testbed.product import ROOT

DEVICES = """
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/shm
mount -t tmpfs tmpfs /dev/shm
"""


def control(field: str) -> list[str]:
    """A field of debian/tests/control, which has one paragraph and commas between what it lists."""
    text = (ROOT / "debian/tests/control").read_text(encoding="utf-8")
    (value,) = re.findall(rf"^{field}:((?:.|\n )*)$", text, re.M)
    return [word.strip() for word in value.split(",")]


def test_it_passes(root: Root) -> None:
    (name,) = control("Tests")
    depends = [word for word in control("Depends") if word != "@"]  # the package is there already
    package.copy_tree(root.directory / "upper/root/clone", package.sources())
    (root.directory / "upper/root").chmod(0o700)
    root.run(f"apt-get update && apt-get install --no-install-recommends {' '.join(depends)}")
    command = f"{DEVICES}mkdir /tmp/test\nAUTOPKGTEST_TMP=/tmp/test sh debian/tests/{name}"
    said = root.run(command, cwd="/root/clone")
    passed = re.search(r"^(\d+) passed in", said, re.M)
    assert passed and int(passed[1]) > 200, said
