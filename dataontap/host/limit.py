"""Does what may hang in the kernel in children of its own, and waits for them no longer than it may.

A process that asks a dead path, or scans one, can sleep uninterruptibly until the transport gives up (57 s were
seen), and not even SIGKILL ends it then. So such a child is left behind; it ends when the kernel lets it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Mapping
from typing import Callable, TypeVar

from dataontap.errors import HostError

Key = TypeVar("Key")

_DYING_MS = 100
_LIMIT = 65536  # an answer's bytes: what a pipe takes without a reader


def each_within(seconds: float, works: Mapping[Key, Callable[[], str]]) -> dict[Key, str]:
    """What each of ``works`` returns, all done at the same time; those that fail or take too long are left out.

    They run in copies of this process: nothing that they change is seen here but their answer, before which a
    "+" goes through the pipe, so that a child that dies has none.
    """
    children: dict[Key, tuple[int, int]] = {}
    answers: dict[Key, str] = {}
    try:
        for key, work in works.items():
            children[key] = _start(work)
        _collect(children, time.monotonic() + seconds, answers)
    except OSError as error:
        raise HostError(f"no process can be started: {error.strerror}") from None
    finally:
        for key, (pid, descriptor) in children.items():
            os.close(descriptor)
            _end(pid, has_answered=key in answers)
    return answers


def within(seconds: float, work: Callable[[], str]) -> str | None:
    """What ``work`` returns, or None when it fails or takes too long."""
    return each_within(seconds, {"": work}).get("")


def _start(work: Callable[[], str]) -> tuple[int, int]:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        # A log file's number will be another file's, see closerange below.
        logging.disable(logging.CRITICAL)
        # Ganeti reads our output until nobody has it open any more, and this child may outlive us.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.closerange(3, writer)  # locks are held as long as anybody has their descriptors
        os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))
        os.write(writer, b"+" + work().encode()[: _LIMIT - 1])
    except OSError:
        os._exit(1)
    finally:
        os._exit(0)


def _collect(children: Mapping[Key, tuple[int, int]], end: float, answers: dict[Key, str]) -> None:
    waiting = {descriptor: key for key, (_, descriptor) in children.items()}
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            key = waiting.pop(descriptor)
            answer = os.read(descriptor, _LIMIT)
            if answer.startswith(b"+"):
                answers[key] = answer[1:].decode()


def _end(pid: int, *, has_answered: bool) -> None:
    """Collect the child. One that cannot even be killed is init's when we end."""
    if not has_answered:
        os.kill(pid, signal.SIGKILL)
        process = os.pidfd_open(pid)
        try:
            poll = select.poll()
            poll.register(process, select.POLLIN)
            if not poll.poll(_DYING_MS):
                return
        finally:
            os.close(process)
    os.waitpid(pid, 0)
