"""Read-only checks of what the verbs need on this node: programs, daemons, udev rules, writable directories.

``lvm`` checks which disks LVM reads.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.host import fc
from dataontap.host import run as programs

# A program that takes longer hangs: each answers at once.
_SECONDS = 5.0
# iscsid's abstract socket, to which iscsiadm connects. systemd may listen on it in place of the daemon.
_ISCSID = "@ISCSIADM_ABSTRACT_NAMESPACE"
# Where udev reads rules, highest priority first: of two files with the same name the first counts (udev(7)).
_RULES = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


class Facts:
    """Checks of this node. ``run`` starts programs; ``root`` is the directory of the node's files."""

    def __init__(self, deadline: Deadline, *, run: Callable[..., str] = programs.run, root: str = "/") -> None:
        self._run = run
        self._deadline = deadline
        self._root = Path(root)

    def ask(self, *argv: str) -> str:
        """A program's output; CommandError if the program fails."""
        return self._run(*argv, timeout=min(_SECONDS, self._deadline.left(argv[0])))

    def has_program(self, name: str) -> bool:
        """Whether there is a program of that name in the PATH that ``run`` uses."""
        folders = (self._root / folder.lstrip("/") for folder in programs.ENVIRONMENT["PATH"].split(":"))
        return any(os.access(folder / name, os.X_OK) for folder in folders)

    def has_iscsid(self) -> bool:
        """Whether a process listens on iscsid's socket: iscsid, or systemd, which starts iscsid on demand."""
        return any(line.rpartition(" ")[2].startswith(_ISCSID) for line in self._lines("proc/net/unix"))

    def can_start_iscsid(self) -> bool:
        """Whether iscsiadm can start iscsid with the command in iscsid.conf."""
        commands = [line.partition("=")[2] for line in self._lines("etc/iscsi/iscsid.conf") if _is_startup(line)]
        has_systemd = (self._root / "run/systemd/system").is_dir()
        return any(has_systemd or "systemctl" not in command for command in commands)

    def iscsi_interfaces(self) -> list[str]:
        """The names of open-iscsi's interfaces; CommandError if iscsiadm does not tell them."""
        return [line.split()[0] for line in self.ask("iscsiadm", "-m", "iface").splitlines() if line.strip()]

    def find_multipaths(self) -> str:
        """multipathd's effective find_multipaths, or "" if its output lacks it; CommandError without an answer."""
        found = re.search(
            r'^\s*find_multipaths\s+"?([a-z]+)"?\s*$', self.ask("multipathd", "show", "config", "local"), re.M
        )
        return found[1] if found else ""

    def largest_lun_ids(self) -> dict[str, int]:
        """See ``fc``."""
        return fc.largest_lun_ids(f"{self._root}/sys")

    def has_rules(self, name: str) -> bool:
        """Whether udev reads the rules file ``name``. An empty file, or a link to /dev/null, masks the others."""
        for folder in _RULES:
            file = self._root / folder / "udev/rules.d" / name
            try:
                return stat.S_ISREG(file.stat().st_mode) and file.stat().st_size > 0
            except OSError:
                continue
        return False

    def why_unwritable(self, directory: str) -> str:
        """Why no file can be created in ``directory``, which is created if it is missing; "" if a file can."""
        folder = self._root / directory.lstrip("/")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # it has no name, so no file can be left behind
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory at ``path``."""
        return (self._root / path.lstrip("/")).exists()

    def is_open_to_others(self, path: str) -> bool:
        """Whether users other than root and the current user can read or change a file."""
        try:
            found = (self._root / path.lstrip("/")).stat()
        except OSError:
            return False
        return bool(found.st_mode & (stat.S_IWGRP | stat.S_IRWXO)) or found.st_uid not in (0, os.geteuid())

    def _lines(self, path: str) -> list[str]:
        try:
            return (self._root / path).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []


def _is_startup(line: str) -> bool:
    return line.partition("=")[0].strip() == "iscsid.startup" and bool(line.partition("=")[2].strip())
