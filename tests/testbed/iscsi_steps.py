"""The product's own logins by the installed iscsiadm, step by step: JSON on standard input, results on output.

Run it by iscsi_steps.sh. The daemon answers nobody, so that each login ends with iscsiadm's word for that; what is
in the database by then is the thing. A step is a list, and its result is in the list of results:

    ["shell", COMMAND]                            what it says, on both outputs
    ["write", PATH, TEXT]                         null
    ["read", PATH]                                the text; null if there is none
    ["files"]                                     the databases' files, as paths
    ["connect", TARGET, [[ADDRESS, PORT, TAG]...], CHAP]     the error
    ["connect", TARGET, PORTALS, CHAP, [INTERFACE...]]     the same, by these interfaces
    ["killed", [LABEL, N, MOMENT] or null, TARGET, PORTALS, CHAP]     connects in a child that is killed at a point
                                                  (see crash.py), or not, and waits for the end of what the child
                                                  has started: its exit status, and the points it passed

CHAP is null, [USER, SECRET], or [USER, SECRET, [USER, SECRET]] with the target's credentials.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError
from dataontap.host.iscsi import Iscsi, Target
from dataontap.host.iscsi_problems import Failures
from dataontap.host.iscsi_records import Portal, Records
from dataontap.host.iscsi_scope import Scope
from dataontap.host.iscsi_settings import Chap
from dataontap.host.run import run
from dataontap.state.cache import Cache

DAEMON = "\0ISCSIADM_ABSTRACT_NAMESPACE"
DATABASES = ("/etc/iscsi", "/var/lib/iscsi")


def answer_nobody() -> None:
    """Be the daemon: without one iscsiadm waits a second each time."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(DAEMON)
        listener.listen()
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    continue  # whoever cannot write is killed by that


def shell(command: str) -> str:
    done = subprocess.run(
        ["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def read(path: str) -> str | None:
    return Path(path).read_text(encoding="utf-8") if os.path.exists(path) else None


def files() -> list[str]:
    return sorted(str(path) for root in DATABASES for path in Path(root).rglob("*") if path.is_file())


def credentials(user: str, secret: str, target: tuple[str, str] | None = None) -> Chap:
    return Chap(user, secret, Chap(*target) if target else None)


def connect(
    target: str, portals: list[tuple[str, int, int]], chap: list[Any] | None, interfaces: Sequence[str] = ()
) -> str:
    deadline = Deadline(60)
    cache = partial(Cache, "records", directory="/run/cache")
    scope = Scope(interfaces=tuple(interfaces))
    records = Records(run, deadline, chap=credentials(*chap) if chap else None, cache=cache, scope=scope)
    iscsi = Iscsi(run, deadline, records, Failures("/run/failures"), sysfs="/run/no-sysfs")
    try:
        iscsi.connect(Target(target, tuple(Portal(*portal) for portal in portals)))
    except DataOntapError as error:
        return str(error)
    raise AssertionError("logged in without a daemon")


def killed(wanted: list[Any] | None, *target: Any) -> tuple[int, list[str]]:
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    from tests.testbed.crash import PLACES, Watch, adopt_orphans, wait_for_orphans

    adopt_orphans()
    with tempfile.TemporaryFile() as points:
        child = os.fork()
        if child == 0:
            try:
                watch = Watch(points.fileno(), wanted, {**PLACES, "/run": "/run/"})  # type: ignore[arg-type]
                watch.begin()
                connect(*target)
                watch.end()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        wait_for_orphans()
        points.seek(0)
        return os.waitstatus_to_exitcode(status), points.read().decode().splitlines()


STEPS: dict[str, Any] = {
    "shell": shell,
    "write": write,
    "read": read,
    "files": files,
    "connect": connect,
    "killed": killed,
}

if __name__ == "__main__":
    threading.Thread(target=answer_nobody, daemon=True).start()
    json.dump([STEPS[name](*arguments) for name, *arguments in json.load(sys.stdin)], sys.stdout)
