"""What an attach of a present device must not do; each check returns what is wrong, "" if nothing is."""

from __future__ import annotations

import re
from collections import Counter

from tests.bench.lives import LIFE, PRESENT, variables
from tests.bench.timing import Stopwatch
from tests.testbed.product import PYTHON

HEAVY = {
    *("lxml", "oslo_log", "oslo_utils", "ssl", "http.client", "subprocess", "argparse", "logging"),
    *("dataclasses", "typing", "re"),
}
TRACE = "/run/bench.strace"
# What strace writes for a call that begins: "PID CALL(...) = RESULT"; PIDs only with -f.
CALL = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)


def checks(stopwatch: Stopwatch, volume: str) -> dict[str, str]:
    """Every check, by what it says, on a new volume that is attached for them."""
    steps = {step.row: variables(step, volume) for step in LIFE}
    stopwatch.script("create", steps["create"])
    stopwatch.script("attach", steps[PRESENT])
    found = {
        f"{PRESENT}: imports nothing heavy": imports(stopwatch, steps[PRESENT]),
        f"{PRESENT}: starts no program, opens no socket": processes(stopwatch, steps[PRESENT]),
        f"{PRESENT}: logs only when DEBUG is on": logs(stopwatch, steps[PRESENT]),
    }
    stopwatch.script("detach", steps["detach"])
    stopwatch.script("remove", steps["remove"])
    return found


def imports(stopwatch: Stopwatch, volume: dict[str, str]) -> str:
    """By the interpreter's own account of what it imports."""
    report = stopwatch.script("attach", volume, PYTHON, "-X", "importtime").stderr
    modules = {line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")}
    if "dataontap.state.hotpath" not in modules:
        return "the interpreter does not say what it imports"
    heavy = {module for module in modules if any(f"{module}.".startswith(f"{name}.") for name in HEAVY)}
    return f"it imports {', '.join(sorted(heavy))}" if heavy else ""


def processes(stopwatch: Stopwatch, volume: dict[str, str]) -> str:
    """By the system calls that make a process or concern a socket: no more of them than a bare interpreter has.

    That has some without HOME, as where systemd starts noded: to add the user's own modules it looks up the user's
    home directory, for which the C library tries nscd's socket.
    """
    attach = system_calls(stopwatch, str(stopwatch.product.scripts / "attach"), volume)
    bare = system_calls(stopwatch, PYTHON, volume, "-c", "pass")
    if not attach["execve"] or not bare["execve"]:
        return "strace does not see the script"
    more = attach - bare
    return f"it calls {', '.join(sorted(more))}" if more else ""


def system_calls(stopwatch: Stopwatch, program: str, volume: dict[str, str], *arguments: str) -> Counter[str]:
    """How often a program makes each system call for processes and sockets."""
    tracer = ("/usr/bin/strace", "-f", "-e", "trace=%process,%network", "-o", TRACE)
    traced = stopwatch.run([*tracer, program, *arguments], volume)
    if traced.status != 0:
        raise RuntimeError(f"strace {program}: exit status {traced.status}: {traced.stderr}")
    return Counter(CALL.findall(stopwatch.node.path(TRACE).read_text(encoding="utf-8")))


def logs(stopwatch: Stopwatch, volume: dict[str, str]) -> str:
    """By the node's log file and standard error, without DEBUG and with it."""
    node = stopwatch.node
    before = node.log()
    told = stopwatch.script("attach", volume).stderr
    if told or node.log() != before:
        return f"it logs without DEBUG: {told}{node.log()[len(before) :]}"
    node.configure(DEBUG=True)
    stopwatch.script("attach", volume)
    return "" if len(node.log()) > len(before) else "it does not log with DEBUG"
