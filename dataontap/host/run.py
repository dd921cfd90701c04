"""The one place that starts programs."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import IO, Any

from dataontap.errors import CommandError

LOG = logging.getLogger(__name__)

# noded's environment comes from the shell that started it, or is empty: programs get this environment instead.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "HOME": "/root",
}

# Limits for a command in a message: its words after the program, the length of each, and the characters of its
# output. The log has the whole command.
_WORDS = 2
_LONGEST_WORD = 16
_SAID = 70


def run(*argv: str, timeout: float, ok: tuple[int, ...] = (0,)) -> str:
    """Run ``argv`` without a shell, for at most ``timeout`` seconds, and return its standard output.

    Raises CommandError when the program cannot be started, when its exit status is not in ``ok``, or at the
    timeout. At the timeout its whole process group is killed; a process in uninterruptible sleep stays behind.
    Output goes to unnamed files, so that a grandchild that keeps a descriptor open does not delay us.
    """
    import tempfile

    try:
        with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
            return _run(argv, timeout, ok, stdout, stderr)
    except OSError as error:
        raise CommandError(f"cannot run {argv[0]}: {error.strerror}", started=False) from None


def brief(argv: Sequence[str]) -> str:
    """A command's short form for messages: its program, and its first words if they are short."""
    words = []
    for word in argv[1 : 1 + _WORDS]:
        if len(word) > _LONGEST_WORD or len(word.split()) > 1:
            break
        words.append(word)
    return " ".join([argv[0].rpartition("/")[2], *words])


def _run(argv: tuple[str, ...], timeout: float, ok: tuple[int, ...], stdout: IO[bytes], stderr: IO[bytes]) -> str:
    import subprocess

    began = time.monotonic()
    command = " ".join(argv)
    short = brief(argv)
    child = subprocess.Popen(  # noqa: S603 - no shell, and the configuration is root's
        argv,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    try:
        status = child.wait(timeout)
    except subprocess.TimeoutExpired:
        _give_up(child)
        LOG.info("%s: not finished within %.0f s, killed", command, timeout)
        raise CommandError(f"{short} did not end within {timeout:.0f} s and was killed") from None
    LOG.debug("%s: exit status %d in %.3f s", command, status, time.monotonic() - began)
    if status not in ok:
        output = _content(stdout) + _content(stderr)
        said = _last_line(_content(stderr)) or _last_line(output) or "no output"
        LOG.info("%s: exit status %d: %s", command, status, said)
        raise CommandError(f"{short} failed with status {status}: {said[:_SAID]}", status=status, output=output)
    return _content(stdout)


def _give_up(child: Any) -> None:
    """Kill the child's process group and wait a second: in D state it dies only when the kernel call returns."""
    import signal
    import subprocess

    try:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(1)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        LOG.warning("process %d is left behind", child.pid)
        child.returncode = -signal.SIGKILL  # we do not wait for it any more: init reaps it when it ends


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.split("\n")) if line.strip()), "")
