"""What the verbs need of this node and do not make themselves: programs, daemons, udev's rules, room in /run.

Only looked at. ``lvm`` has what LVM sees of the disks.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.host import run as programs

# Each answers at once, or hangs.
_SECONDS = 5.0
# Where iscsiadm looks for iscsid: a socket without a file, which systemd may hold in the daemon's place.
_ISCSID = "@ISCSIADM_ABSTRACT_NAMESPACE"
# Where udev reads rules; of two files with one name the first one counts (udev(7)).
_RULES = ("etc", "run", "usr/local/lib", "usr/lib", "lib")


class Facts:
    """This node. ``run`` starts programs, ``root`` is where its files are."""

    def __init__(self, deadline: Deadline, *, run: Callable[..., str] = programs.run, root: str = "/") -> None:
        self._run = run
        self._deadline = deadline
        self._root = Path(root)

    def ask(self, *argv: str) -> str:
        """What a program answers; CommandError if it cannot."""
        return self._run(*argv, timeout=min(_SECONDS, self._deadline.left(argv[0])))

    def has_program(self, name: str) -> bool:
        """Whether there is a program of that name where ``run`` finds them."""
        folders = (self._root / folder.lstrip("/") for folder in programs.ENVIRONMENT["PATH"].split(":"))
        return any(os.access(folder / name, os.X_OK) for folder in folders)

    def has_iscsid(self) -> bool:
        """Whether iscsiadm reaches iscsid, or what starts it when it is asked."""
        return any(line.rpartition(" ")[2].startswith(_ISCSID) for line in self._lines("proc/net/unix"))

    def can_start_iscsid(self) -> bool:
        """Whether iscsiadm can start it itself, by the command in iscsid.conf."""
        commands = [line.partition("=")[2] for line in self._lines("etc/iscsi/iscsid.conf") if _is_startup(line)]
        has_systemd = (self._root / "run/systemd/system").is_dir()
        return any(has_systemd or "systemctl" not in command for command in commands)

    def find_multipaths(self) -> str:
        """The setting of that name which multipathd goes by, "" where it does not tell; CommandError if it
        does not answer.
        """
        found = re.search(
            r'^\s*find_multipaths\s+"?([a-z]+)"?\s*$', self.ask("multipathd", "show", "config", "local"), re.M
        )
        return found[1] if found else ""

    def has_rules(self, name: str) -> bool:
        """Whether udev reads the rules file ``name``: an empty one, or a link to /dev/null, masks the others."""
        for folder in _RULES:
            file = self._root / folder / "udev/rules.d" / name
            try:
                return stat.S_ISREG(file.stat().st_mode) and file.stat().st_size > 0
            except OSError:
                continue
        return False

    def why_unwritable(self, directory: str) -> str:
        """Why no file can be made in ``directory``, which is made if need be; "" if one can."""
        folder = self._root / directory.lstrip("/")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()  # without a name: nothing is left, whatever happens
        except OSError as error:
            return error.strerror or str(error)
        return ""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or directory."""
        return (self._root / path.lstrip("/")).exists()

    def is_open_to_others(self, path: str) -> bool:
        """Whether others than root and the one who asks can read a file, or change it."""
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
