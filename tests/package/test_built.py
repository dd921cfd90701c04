"""The package as it comes from the builder, and what Debian's own tools say of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.package import readme, releases
from tests.package.root import Root
from tests.testbed import package
from tests.testbed.product import ROOT

# Each directory once; nothing else may be in it. Tests, simulator and tools have no business on a node.
DIRECTORIES = (
    "etc/cron.daily/",
    "etc/ganeti/",
    "etc/logrotate.d/",
    "lib/systemd/system/",
    "usr/lib/python3/dist-packages/dataontap/",
    "usr/lib/python3/dist-packages/ganeti_extstorage_dataontap-",
    "usr/lib/systemd/system/",
    "usr/lib/tmpfiles.d/",
    "usr/lib/udev/rules.d/",
    "usr/share/doc/ganeti-extstorage-dataontap/",
    "usr/share/ganeti/extstorage/dataontap/",
    "usr/share/ganeti-extstorage-dataontap/hooks/",
    "usr/share/man/man5/",
    "usr/share/man/man7/",
)


def said(*command: str | Path) -> str:
    """What a tool said on both outputs; its exit status does not matter."""
    done = subprocess.run(command, env=package.ENVIRONMENT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def lintian(changes: Path) -> str:
    """What lintian has to say, beside that it does not like to be root."""
    output = said("lintian", "--info", "--pedantic", "--fail-on=none", "--allow-root", changes)
    return "\n".join(line for line in output.splitlines() if line.strip("N: "))


def test_lintian_says_nothing_of_the_binary_package(built: Path) -> None:
    (changes,) = built.parent.glob("*.changes")
    assert lintian(changes) == ""


def test_lintian_says_nothing_of_the_source_package() -> None:
    assert lintian(package.build_source()) == ""
    assert not list((ROOT / "debian").glob("**/*lintian-overrides")), "nor was it told not to"


def contents(listing: str) -> set[str]:
    """The files and links in a package, by what dpkg-deb says of it."""
    names = {line.split()[5][2:] for line in listing.splitlines()}
    return {name for name in names if name and not name.endswith("/")}


def test_only_what_a_node_needs_is_in_it(built: Path) -> None:
    files = contents(said("dpkg-deb", "--contents", built))
    assert [name for name in files if not name.startswith(DIRECTORIES)] == []
    library = {name.rpartition("dist-packages/")[2] for name in files if "/dist-packages/dataontap/" in name}
    assert library == {str(file.relative_to(ROOT)) for file in (ROOT / "dataontap").rglob("*.py")}


def test_what_it_depends_on_has_these_names_in_all_releases(built: Path) -> None:
    """Debian 12 and 13, Ubuntu 22.04 and 24.04 have them all; no version is asked for, so none is too old."""
    depends = said("dpkg-deb", "--field", built, "Depends").strip()
    assert set(depends.split(", ")) == {
        *("multipath-tools", "udev", "python3:any"),
        *("python3-lxml", "python3-oslo.log", "python3-oslo.utils", "python3-six"),
    }


def test_debian_13_builds_it_as_readme_says(built: Path, tmp_path: Path) -> None:
    """By other versions of all tools and of Python; the unit tests are part of it."""
    with releases.tree("trixie") as clean:
        root = Root(tmp_path / "root", [clean])
        package.copy_tree(root.directory / "upper/root/clone", package.sources())
        (root.directory / "upper/root").chmod(0o700)
        output = root.run(readme.blocks("1. The package", "sh")[0], cwd="/root/clone")
        listing = root.run("dpkg-deb --contents /root/*.deb")
    assert readme.without_versions(readme.blocks("1. The package", "text")[0]) in readme.without_versions(output)
    here = contents(said("dpkg-deb", "--contents", built))
    # Debian 13 has units below /usr, which in 12 is the same directory; what pip goes by is each release's own.
    assert {name for name in contents(listing) if ".dist-info/" not in name} == {
        re.sub("^lib/", "usr/lib/", name) for name in here if ".dist-info/" not in name
    }


@pytest.mark.parametrize("page", sorted((ROOT / "doc").glob("*.[1-9]")), ids=lambda page: page.name)
def test_the_man_pages_are_well_formed(page: Path) -> None:
    assert said("mandoc", "-Tlint", page) == ""
    environment = {**package.ENVIRONMENT, "MANWIDTH": "80"}
    groff = ["man", "--local-file", "--warnings", "--encoding=UTF-8", str(page)]
    formatted = subprocess.run(groff, env=environment, capture_output=True, text=True, check=True)
    assert formatted.stderr == ""
    assert "SEE ALSO" in formatted.stdout
    # A command that is broken or stretched can be neither copied nor searched for.
    lines = [re.sub(r"^ +\S{1,6} +", "", line) for line in formatted.stdout.splitlines()[1:-1]]  # no short tags
    assert [line for line in lines if line.endswith("\N{HYPHEN}") or re.search(r"[^ .?!)] {2,}\S", line)] == []
