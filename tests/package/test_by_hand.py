"""The installation by hand, as doc/INSTALL-BY-HAND.md says: scripts and hooks run, and the package can follow."""

from __future__ import annotations

from tests.package import readme
from tests.package.root import Root
from tests.package.test_installed import CONF, LINKS, PROVIDER
from tests.testbed import package

INSTALL, COMPLETE, UNINSTALL = readme.blocks("Installation by hand", "sh", readme.BY_HAND)
NAME = "ganeti-extstorage-dataontap"
# Debian's Python refuses pip. PyPI is not asked: this index refuses every connection.
PIP = "export PIP_BREAK_SYSTEM_PACKAGES=1 PIP_INDEX_URL=http://127.0.0.1:9/ PIP_ROOT_USER_ACTION=ignore\n"


def test_its_scripts_run_and_the_package_takes_its_place(root: Root) -> None:
    """On a node that has the library's dependencies, from the package that is removed first."""
    root.run(f"dpkg --purge {NAME}; apt-get install --no-install-recommends python3-pip python3-wheel")
    package.copy_tree(root.directory / "upper/root/clone", package.sources())
    *commands, reload = COMPLETE.splitlines(keepends=True)
    assert reload == "udevadm control --reload\n"  # no udevd runs here
    root.run(PIP + INSTALL + "".join(commands), cwd="/root/clone")

    assert f"{CONF}: no option is set" in root.run(f"{PROVIDER}/verify config", status=1)
    for link in LINKS:
        assert "usage:" in root.run(f"{link} --help")
    assert root.facts(CONF) == {CONF: "root:root 0600"}
    assert root.run("python3 -c 'import dataontap; print(dataontap.__file__)'").startswith("/usr/local/")

    root.run(PIP + UNINSTALL)
    root.run("dpkg --install /root/*.deb", stdin="\n")
    assert f"{CONF}: no option is set" in root.run(f"{PROVIDER}/verify config", status=1)
    assert root.run("python3 -c 'import dataontap; print(dataontap.__file__)'").startswith("/usr/lib/")
