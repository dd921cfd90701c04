"""The Debian package, built from the tree as README says, once for all who ask: ``package.build()``.

Built in a copy, so that the tree stays as it is, and kept below /var/cache by what the tree consists of: whoever
asks next, in this run or another one, gets the same file at once. It is for installing, on a node or in a root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.testbed.product import PACKAGED, ROOT, Product

CACHE = Path("/var/cache/ganeti-extstorage-dataontap-tests")
COMMAND = ("dpkg-buildpackage", "-us", "-uc")
# Debian's Python and tools, whatever else the caller's PATH begins with.
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
# The unit tests are a level of their own, and part of the build that tests/package does on Debian 13.
WITHOUT_TESTS = {"DEB_BUILD_OPTIONS": "nocheck", "DEB_BUILD_PROFILES": "nocheck"}
# What none of the package is made from; a change to it makes no other package.
NOT_IN_IT = "tests/"


class BuildError(Exception):
    """The package cannot be built; the end of what the build said is in it."""


def build(tree: Path = ROOT) -> Path:
    """The binary package's file, ganeti-extstorage-dataontap_VERSION_all.deb, built if it is not there yet.

    Costs some 5 s the first time. Raises BuildError.
    """
    (package,) = artefacts("-b", tree).glob("*.deb")
    return package


def build_source() -> Path:
    """The source package's .changes file, with the .dsc and the tarball beside it."""
    (changes,) = artefacts("-S").glob("*.changes")
    return changes


def unpack(package: Path, directory: Path) -> Product:
    """The files of a binary package in ``directory``, not installed: where the scripts are, and the library."""
    subprocess.run(["dpkg-deb", "--extract", package, directory], check=True)
    return Product(*(directory / part.relative_to("/") for part in (PACKAGED.extstorage, PACKAGED.library)))


def artefacts(kind: str, tree: Path = ROOT) -> Path:
    """A directory with what dpkg-buildpackage leaves beside its tree; ``kind`` is -b or -S. Do not change it."""
    files = sources(tree)
    if kind == "-b":
        files = [name for name in files if not name.startswith(NOT_IN_IT)]
    kept = CACHE / f"package{kind}-{_digest(files, tree)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "package.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_dir():
            _drop_unused()
            _build(tree, kind, kept)
        os.utime(kept)
    return kept


def sources(tree: Path = ROOT) -> list[str]:
    """The files of the tree that belong to it: those git has, or would take with ``git add``; without git, all."""
    if not (tree / ".git").exists():
        return sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if not path.is_dir())
    command = ["git", "-C", str(tree), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted({name for name in names if name and (tree / name).exists()})


def copy_tree(directory: Path, files: list[str], tree: Path = ROOT) -> None:
    """Copy these files of the tree to ``directory``, as a fresh clone has them."""
    for name in files:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(tree / name, directory / name, follow_symlinks=False)


def _drop_unused() -> None:
    """Remove what nobody has asked for in a day; another tree's may be in use right now."""
    for old in CACHE.glob("package-[bS]-*"):
        if old.stat().st_mtime < time.time() - 24 * 60 * 60:
            shutil.rmtree(old)


def _build(origin: Path, kind: str, kept: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="build-", dir=CACHE) as directory:
        tree = Path(directory, "made", "tree")
        copy_tree(tree, sources(origin), origin)
        done = subprocess.run(
            [*COMMAND, kind],
            cwd=tree,
            env={**ENVIRONMENT, **WITHOUT_TESTS},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError("\n".join([f"{' '.join(COMMAND)} {kind}:", *done.stdout.splitlines()[-40:]]))
        shutil.rmtree(tree)
        tree.parent.rename(kept)


def _digest(files: list[str], tree: Path) -> str:
    total = hashlib.sha256()
    for name in files:
        path = tree / name
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        total.update(f"{name}\0{path.lstat().st_mode & 0o111}\0{len(content)}\0".encode() + content)
    return total.hexdigest()[:16]
