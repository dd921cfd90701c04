"""Fixes of the product taken out again, one at a time, in a copy of the package: the search has to find each.

The cases are those that the commit "volumes: tell a copy from the volume, and decide before taking" is about.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutation:
    """In ``file`` of the package, ``old`` is replaced by ``new``; ``scenarios`` are searched then."""

    name: str
    file: str
    old: str
    new: str
    scenarios: str


MUTATIONS = (
    Mutation(
        "A2: a repetition without a fresh look at the maps",
        "volume/taking.py",
        "            tries.again(error)\n",
        "            tries.again(error)\n            continue\n",
        "both: node1: open, start | node2: open, start, one fault",
    ),
    Mutation(
        "A2: a verb that has lost goes on",
        "volume/masking.py",
        "        if not here:\n            raise not_alone()\n",
        "",
        "stopped: node1: open, start | node2: open, start",
    ),
    Mutation(
        "A5: machines that share an initiator",
        "volume/igroups.py",
        "        return twins(self._array(), self.own, mine, alike, self._cluster.nodes)\n",
        "        return iter(())\n",
        "twins, ",
    ),
    Mutation(
        "A6: no look after an initiator was added",
        "volume/igroups.py",
        "            self._look_again(initiators, missing)\n",
        "            pass\n",
        "namesakes, ",
    ),
    Mutation(
        "A7: detach without a record",
        "volume/verbs/leaving.py",
        "            lun = site.luns.shown_by(name, naas)\n",
        "            lun = site.luns.own(name)\n",
        "elsewhere, ",
    ),
    Mutation(
        "A9: a restored cluster",
        "volume/strangers.py",
        "    for igroup in strange:\n",
        "    for igroup in ():\n",
        "restored, ",
    ),
)


def found_by(mutation: Mutation, directory: Path) -> str:
    """The first violation that the search finds in the mutated package; "" if it finds none."""
    package = directory / "dataontap"
    shutil.copytree(ROOT / "dataontap", package, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "tests").symlink_to(ROOT / "tests")
    file = package / mutation.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} does not have this text once: {mutation.old!r}")
    file.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    command = (sys.executable, "-m", "tests.interleavings", "--only", mutation.scenarios)
    environ = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    if "scenarios in" not in done.stdout:
        raise ValueError(f"the search did not end: {done.stderr}")
    lines = done.stdout.splitlines()
    return next((line.removeprefix("VIOLATION ") for line in lines if line.startswith("VIOLATION ")), "")
