"""The product as it was at an earlier commit, out of git: what nodes have that are not upgraded yet."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.testbed.product import ROOT

# The last one that writes tags of form 1; Debian version 1.0.0~dev0.
COMMIT = "ca47a395d591817a608f39afa0c7e86a1953a19c"


class MissingCommit(Exception):
    """The commit is not here; its message says how to get it."""


def tree(directory: Path) -> Path:
    """The commit's files without its tests, in ``directory``, which is new or empty. Raises MissingCommit."""
    directory.mkdir(parents=True, exist_ok=True)
    archive = _git("archive", "--format=tar", COMMIT, ":!tests")
    subprocess.run(["tar", "--extract", "--directory", str(directory)], input=archive, check=True)
    return directory


def text(path: str) -> str:
    """One of the commit's files. Raises MissingCommit."""
    return _git("show", f"{COMMIT}:{path}").decode()


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise MissingCommit(
            f"git {arguments[0]} of {COMMIT[:7]} in {ROOT}: {reason}; these tests need a clone with its history "
            "(git fetch --unshallow)"
        )
    return done.stdout
