"""A Debian system in a directory: what is installed, run and removed there does not touch this machine's."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.testbed.product import PATH

ENTER = Path(__file__).with_name("root.sh")
# Nobody shall be asked, nothing shall be started; whatever a shell line wants to know, its answer is yes.
SETTINGS = {
    "usr/sbin/policy-rc.d": "#!/bin/sh\nexit 101\n",
    "etc/apt/apt.conf.d/99tests": 'APT::Get::Assume-Yes "true";\nDPkg::Use-Pty "false";\n',
}
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
PATIENCE = 900  # seconds for one command: installing takes 20 on an idle machine


class Root:
    """A root file system whose lower layers are ``layers``, the topmost first; changes stay in ``directory``."""

    def __init__(self, directory: Path, layers: Sequence[Path]) -> None:
        self.directory = directory
        self.layers = tuple(layers)
        for part in ("upper", "work", "root"):
            (directory / part).mkdir(parents=True)
        # The network is this machine's, and so is who resolves names.
        resolver = Path("/etc/resolv.conf").read_text(encoding="utf-8")
        for name, text in {**SETTINGS, "etc/resolv.conf": resolver}.items():
            file = directory / "upper" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o755)

    def over(self, directory: Path) -> Root:
        """Another root that begins with what this one is now; this one must not be changed any more."""
        return Root(directory, [self.directory / "upper", *self.layers])

    def run(
        self, command: str, *, status: int = 0, cwd: str = "/", stdin: str = "", shared: Path | None = None
    ) -> str:
        """What a shell ``command`` says on both outputs; AssertionError if it does not exit with ``status``.

        ``shared`` is a directory of this machine's that is there, too, in the same place.
        """
        shutil.rmtree(self.directory / "work")  # a volatile overlay can be mounted just once, unless that is gone
        (self.directory / "work").mkdir()
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]
        layers = ":".join(map(str, self.layers))
        done = subprocess.run(
            [*namespaces, ENTER, self.directory, layers, shared or "", "/bin/bash", "-ec", f"cd {cwd}\n{command}"],
            env=ENVIRONMENT,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == status, f"{command}: exit status {done.returncode}\n{done.stdout[-4000:]}"
        return done.stdout

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """Make a file."""
        self.run(f"install -D --mode={mode} /dev/stdin {path}", stdin=text)

    def bring(self, file: Path, directory: str) -> None:
        """Copy a file of this machine's into one of the root's directories."""
        target = self.directory / f"upper{directory}"
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy2(file, target)

    def facts(self, *paths: str) -> dict[str, str]:
        """Owner and mode of each path that is there, as "root:root 0644"; of a link, where it leads."""
        found = {}
        for line in self.run(
            f"stat --printf='%n|%U:%G %04a|%N\\n' {' '.join(paths)} 2>/dev/null || :"
        ).splitlines():
            path, rights, name = line.split("|")
            found[path] = name.partition(" -> ")[2].strip("'") or rights
        return found

    def everything(self) -> set[str]:
        """The paths of all that is there, but the kernel's."""
        return set(self.run("find / -xdev ! -path '/proc/*'").splitlines())
