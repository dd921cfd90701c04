"""A node on which a verb finds all it needs, made of files; its programs answer as a Debian 12 guest's did."""

from __future__ import annotations

from pathlib import Path

from dataontap.deadline import Deadline
from dataontap.errors import CommandError
from dataontap.host.facts import Facts

ISCSID = "000000001e3f05cb: 00000002 00000000 00010000 0001 01 11771 @ISCSIADM_ABSTRACT_NAMESPACE\n"
UNIX = (
    "Num       RefCount Protocol Flags    Type St Inode Path\n"
    "00000000c91ba91a: 00000002 00000000 00010000 0001 01   562 @/org/kernel/linux/storage/multipathd\n"
)
MULTIPATH = """defaults {
	verbosity 2
	find_multipaths "no"
	user_friendly_names "no"
	find_multipaths_timeout -10
}
"""
LVM = """devices {
	dir="/dev"
	use_devicesfile=0
	devicesfile="system.devices"
	filter=["a|.*|"]
	global_filter=["r|^/dev/disk/|"]
}
"""
RULES = "usr/lib/udev/rules.d/57-ganeti-extstorage-dataontap.rules"
PROGRAMS = ("iscsiadm", "multipathd", "lvmconfig")


class HealthyNode:
    """Its root is ``directory``; ``answers`` has what its programs say, and is to be changed by tests."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.answers: dict[str, str] = {"multipathd": MULTIPATH, "lvmconfig": LVM}
        for folder in ("run", "var/log/ganeti/extstorage"):
            (directory / folder).mkdir(parents=True)
        for program in PROGRAMS:
            self.write(f"usr/sbin/{program}", "#!/bin/sh\n").chmod(0o755)
        self.write(RULES, 'SUBSYSTEM=="block"\n')
        self.write("proc/net/unix", UNIX + ISCSID)
        self.write("etc/iscsi/iscsid.conf", "iscsid.startup = /bin/systemctl start iscsid.socket\n")

    def write(self, path: str, text: str) -> Path:
        """Let it have this file."""
        file = self.directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def remove(self, path: str) -> None:
        """Let it not have this file."""
        (self.directory / path).unlink()

    @property
    def facts(self) -> Facts:
        """It, as the product sees it."""
        return Facts(Deadline(60), run=self._run, root=str(self.directory))

    def _run(self, *argv: str, timeout: float) -> str:
        if argv[0] not in self.answers:
            raise CommandError(f"{' '.join(argv)} failed with status 1: no output", status=1)
        return self.answers[argv[0]]
