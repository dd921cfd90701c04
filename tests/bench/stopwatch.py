"""Runs programs in a node and says what each took: a command in JSON per line in, a line of JSON out.

A program of its own, and a small one: a new process's peak memory begins as that of the process it was forked from
(exec_mmap() in Linux's fs/exec.c keeps the old high-water mark), and who starts a program with nsenter pays for
nsenter, too. So no peak that is reported here can be below this program's own.
"""

from __future__ import annotations

import json
import os
import sys
import time

OUTPUT = "/run/bench.stdout"
ERRORS = "/run/bench.stderr"


def run(argv: list[str], environ: dict[str, str]) -> dict[str, object]:
    """Run a program to its end; time is from before it is started until it has been waited for."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, OUTPUT, flags, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, ERRORS, flags, 0o600),
    ]
    began = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, environ, file_actions=streams)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    # ru_maxrss is in KiB on Linux (getrusage(2)), and that of the largest of the program and its own programs.
    return {
        "status": os.waitstatus_to_exitcode(status),
        "seconds": seconds,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak_kib": usage.ru_maxrss,
        "stdout": content(OUTPUT),
        "stderr": content(ERRORS),
    }


def content(path: str) -> str:
    """What a stream's file has."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(**json.loads(line))), flush=True)
