"""A stand-in for the package of 2016: what is known to have been where in it, with nothing in its scripts.

The paths are those of its packaging (version 0.1-1~jessie: setup.py, debian/links, dirs and rules) and its README.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

VERBS = ("create", "attach", "detach", "remove", "grow", "snapshot", "setinfo", "verify", "open", "close")
HOOKS = {"pre-migrate": "instance-migrate-pre.d", "post-remove": "instance-remove-post.d"}
PROVIDER = "usr/share/ganeti/extstorage/dataontap"
CONFFILE = "etc/ganeti/extstorage-dataontap.conf"
STATE = "var/lib/extstorage-dataontap/device-cleanup"
LIBRARY = "usr/lib/python2.7/dist-packages/extstorage_dataontap"
VERSION = "0.1-1~jessie"

CONTROL = f"""\
Package: ganeti-extstorage-dataontap
Version: {VERSION}
Architecture: all
Maintainer: Nobody <nobody@example.org>
Enhances: ganeti
Description: stand-in for the first version
"""
# An admin's, as its options were used.
CONFIGURATION = """\
# Which filer
HOSTNAME = "filer.example.org"
LOGIN = 'admin'
PASSWORD = 'secret'
STORAGE_FAMILY = "ontap_cluster"
CLUSTER_MODE_VSERVER = "svm1"
POOL = "vol1"
IGROUP = "ganeti"
ISCSI_DETACH_COMMANDS = ()
"""


def build(directory: Path) -> Path:
    """The package's file, made in ``directory``."""
    tree = directory / "tree"
    files = {
        f"{PROVIDER}/{name}": "#!/bin/sh\n" for name in (*VERBS, "pre-migrate", "pre-failover", "post-remove")
    }
    files |= {
        f"{PROVIDER}/parameters.list": "pool The volume\n",
        f"{LIBRARY}/__init__.py": "",
        CONFFILE: "# HOSTNAME = None\n",
        "DEBIAN/control": CONTROL,
        "DEBIAN/conffiles": f"/{CONFFILE}\n",
    }
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if text.startswith("#!") else 0o644)
    (tree / STATE).mkdir(parents=True)
    for hook, folder in HOOKS.items():
        link = tree / "etc/ganeti/hooks" / folder / "extstorage-dataontap"
        link.parent.mkdir(parents=True)
        link.symlink_to(f"/{PROVIDER}/{hook}")
    file = directory / "first-version.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, file], check=True, capture_output=True)
    return file
