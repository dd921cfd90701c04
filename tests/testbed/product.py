"""The product as setup.py installs it, in a directory of its own; or what the Debian package has installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PYTHON = "/usr/bin/python3"  # production's Python is the system's
PARTS = ("dataontap", "scripts", "hooks", "udev", "etc", "setup.py", "pyproject.toml", "README.md")


@dataclass(frozen=True)
class Product:
    """Where the installed pieces are."""

    extstorage: Path  # Ganeti's search path entry: the provider's directory is in it
    library: Path

    @property
    def scripts(self) -> Path:
        """The provider's directory."""
        return self.extstorage / "dataontap"

    @property
    def hooks(self) -> Path:
        """Where the links in /etc/ganeti/hooks lead."""
        return self.extstorage.parents[1] / "ganeti-extstorage-dataontap/hooks"


# Where the Debian package puts it.
PACKAGED = Product(Path("/usr/share/ganeti/extstorage"), Path("/usr/lib/python3/dist-packages"))


def install(directory: Path) -> Product:
    """Install the tree's product below ``directory``; nothing is left in the tree itself."""
    source = directory / "source"
    source.mkdir(parents=True)
    for part in PARTS:
        origin = ROOT / part
        if origin.is_dir():
            shutil.copytree(origin, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif origin.exists():
            shutil.copy2(origin, source)
    prefix = directory / "prefix"
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-warn-script-location"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--prefix", str(prefix), str(source)], check=True
    )
    (library,) = prefix.glob("lib/python3*/site-packages")
    return Product(prefix / "share/ganeti/extstorage", library)
