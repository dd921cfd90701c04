"""Run calls that may hang in the kernel in child processes, with a time limit.

A process that queries or scans a dead path can sleep uninterruptibly until the transport gives up (57 s were
seen); not even SIGKILL ends it. Such a child is left behind, and ends when the kernel call returns.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable, TypeVar

from dataontap.errors import DataOntapError, HostError

Key = TypeVar("Key")

_DYING_MS = 100
_CHUNK = 65536
# What a child's message begins with.
_ANSWER, _FAILURE, _BUG = b"+", b"-", b"!"


@dataclass(frozen=True)
class Outcome:
    """The result of a piece of work: its ``answer``, or None and ``why`` there is none."""

    answer: str | None
    why: str = ""


_TOO_LATE = Outcome(None, "no answer in time")


class _ChildsTraceback(Exception):
    """The traceback of an error in a child; shown as the cause of the parent's error."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def outcomes_within(seconds: float, works: Mapping[Key, Callable[[], str]]) -> dict[Key, Outcome]:
    """Run all ``works`` at the same time, in child processes; returns each outcome.

    A child is a copy of this process: only its answer comes back. OSError and DataOntapError are failures, and
    become an outcome. Any other error is a bug and is raised here as well: a bug that prevents the query of a path
    must not make the path look dead.
    """
    children: dict[Key, tuple[int, int]] = {}
    messages: dict[Key, bytes] = {}
    try:
        for key, work in works.items():
            children[key] = _start(work)
        _collect(children, time.monotonic() + seconds, messages)
    except OSError as error:
        raise HostError(f"no process can be started: {error.strerror}") from None
    finally:
        for key, (pid, descriptor) in children.items():
            os.close(descriptor)
            _end(pid, has_ended=key in messages)
    return {key: _outcome(messages.get(key)) for key in works}


def _outcome(message: bytes | None) -> Outcome:
    """The outcome in a child's message. None is a message that was not complete in time; a bug is raised."""
    if message is None:
        return _TOO_LATE
    kind, text = message[:1], message[1:].decode(errors="replace")
    if kind == _ANSWER:
        return Outcome(text)
    if kind == _BUG:
        raise RuntimeError(f"in a child: {text.strip().splitlines()[-1]}") from _ChildsTraceback(text)
    return Outcome(None, text or "its child process died")


def _start(work: Callable[[], str]) -> tuple[int, int]:
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    try:
        # closerange below closes the log file, and its descriptor number is used again for another file.
        logging.disable(logging.CRITICAL)
        # Ganeti reads our output until every process has closed it, and this child may outlive us.
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.closerange(3, writer)  # a lock is held as long as any process has its descriptor open
        os.closerange(writer + 1, os.sysconf("SC_OPEN_MAX"))
        with open(writer, "wb") as pipe:
            pipe.write(_message(work))
    finally:
        os._exit(0)


def _message(work: Callable[[], str]) -> bytes:
    """A child's message about ``work``: a byte for the kind of outcome, and a text."""
    try:
        return _ANSWER + work().encode()
    except (OSError, DataOntapError) as error:
        return _FAILURE + (str(error) or type(error).__name__).encode(errors="replace")
    except BaseException:
        return _BUG + traceback.format_exc().encode(errors="replace")


def _collect(children: Mapping[Key, tuple[int, int]], end: float, messages: dict[Key, bytes]) -> None:
    """Fill ``messages`` with the messages that are complete before ``end``."""
    waiting = {descriptor: (key, bytearray()) for key, (_, descriptor) in children.items()}
    poll = select.poll()
    for descriptor in waiting:
        poll.register(descriptor, select.POLLIN)
    while waiting and (left := end - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            key, message = waiting[descriptor]
            chunk = os.read(descriptor, _CHUNK)
            message += chunk
            if not chunk:
                poll.unregister(descriptor)
                messages[key] = bytes(waiting.pop(descriptor)[1])


def _end(pid: int, *, has_ended: bool) -> None:
    """Kill and reap the child. A child that survives SIGKILL is left for init to reap."""
    if not has_ended:
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
