"""The installation by hand, as doc/INSTALL-BY-HAND.md says: scripts and hooks run, and the package can follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package import readme, releases
from tests.package.root import Root
from tests.package.test_installed import CONF, LINKS, PROVIDER
from tests.testbed import package

INSTALL, COMPLETE, UNINSTALL = readme.blocks("Installation by hand", "sh", readme.BY_HAND)
LIBRARY = "python3-lxml python3-oslo.log python3-oslo.utils python3-six python3-setuptools python3-wheel"
# Debian's Python refuses pip. PyPI is not asked: this index refuses every connection.
PIP = "export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_INDEX_URL=http://127.0.0.1:9/ PIP_ROOT_USER_ACTION=ignore\n"


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_its_scripts_run_and_the_package_takes_its_place(release: str, built: Path, tmp_path: Path) -> None:
    with releases.tree(release) as clean:
        root = Root(tmp_path / "root", [clean])
        package.copy_tree(root.directory / "upper/root/clone", package.sources())
        (root.directory / "upper/root").chmod(0o700)
        root.run(f"apt-get update && apt-get install --no-install-recommends python3-pip udev {LIBRARY}")
        root.run(PIP + INSTALL + COMPLETE, cwd="/root/clone")

        assert f"{CONF}: sets nothing yet" in root.run(f"{PROVIDER}/verify config", status=1)
        for link in LINKS:
            assert "usage:" in root.run(f"{link} --help")
        assert root.facts(CONF) == {CONF: "root:root 0600"}

        root.run(PIP + UNINSTALL)
        root.bring(built, "/root")
        root.run("apt-get install /root/*.deb", stdin="\n")
        assert f"{CONF}: sets nothing yet" in root.run(f"{PROVIDER}/verify config", status=1)
        where = root.run("python3 -c 'import dataontap; print(dataontap.__file__)'")
        assert where == "/usr/lib/python3/dist-packages/dataontap/__init__.py\n"
