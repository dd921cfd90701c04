"""Kills a process of the product at a point of its work, and lists these points; in the process itself.

A point is one of what others can see of the process: a request to the filer, a program, a lock, a child process, a
change of a file below ``PLACES``. Python announces each of them just before it happens, by an audit event; a step
after it is the return of the function that does it, by a profile event. So a new call in the code is a new point.
What only reads is none: a kill there is the same as a kill after the change before it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from types import FrameType
from typing import Any, Callable

# Directories, and what labels call them. A file is "attached/*" there, because its name differs from run to run.
PLACES = {
    "/run/ganeti-extstorage-dataontap": "",
    "/var/lib/ganeti-extstorage-dataontap": "/var/lib/",
    "/etc/iscsi": "/etc/iscsi/",
    "/var/lib/iscsi": "/var/lib/iscsi/",
}
# Moments of a point. A program also has one between its start and its end: then it goes on without its parent.
BEFORE, DURING, AFTER = "before", "during", "after"
END = "end"  # the last point: the process is about to exit
_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
# Where a step of Python code ends, by the event that announces it: module, class, method.
_RETURNS = {
    ("http.client.send", AFTER): ("http.client", "HTTPConnection", "getresponse"),
    ("subprocess.Popen", DURING): ("subprocess", "Popen", "__init__"),
    ("subprocess.Popen", AFTER): ("subprocess", "Popen", "wait"),
}


def adopt_orphans() -> None:
    """From now on what a killed child of this process had started is this process's child."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_for_orphans() -> None:
    """Wait until this process has no children any more."""
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()


class Watch:
    """Writes the label of each point that this process passes to ``output``, and kills it at the wanted one.

    ``wanted`` is the label, which of the points with that label it is, and the moment.
    """

    def __init__(
        self, output: int, wanted: tuple[str, int, str] | None, places: Mapping[str, str] = PLACES
    ) -> None:
        self._output = output
        label, nth, self._moment = wanted or ("", 0, "")
        self._place = (label, nth)
        self._labels = Labels(places).by_event
        self._pid = os.getpid()
        self._seen: Counter[str] = Counter()
        self._running: list[object] = []  # the C functions that are running, each called by the one before
        self._awaited: object = None  # the function after whose return to kill

    def begin(self) -> None:
        """From now on, for as long as the process lives."""
        sys.addaudithook(self._audited)
        if self._moment in (DURING, AFTER):
            sys.setprofile(self._profiled)

    def step(self, label: str) -> None:
        """The process passes a point of which Python does not tell; only BEFORE is a moment of it."""
        self._passed("", label)

    def end(self) -> None:
        """The process has done its work."""
        self.step(END)

    def _audited(self, event: str, arguments: tuple[Any, ...]) -> None:
        label = self._labels[event](*arguments) if event in self._labels else None
        if label is not None and os.getpid() == self._pid:
            self._passed(event, label)

    def _passed(self, event: str, label: str) -> None:
        os.write(self._output, f"{label}\n".encode())
        self._seen[label] += 1
        if (label, self._seen[label]) != self._place:
            return
        if self._moment == BEFORE:
            os.kill(self._pid, signal.SIGKILL)
        elif (event, self._moment) in _RETURNS:
            module, kind, method = _RETURNS[event, self._moment]
            self._awaited = getattr(getattr(sys.modules[module], kind), method).__code__
        else:
            self._awaited = self._running[-1]

    def _profiled(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            self._running.append(function)
            return
        ended: object = frame.f_code if event == "return" else None
        if event in ("c_return", "c_exception") and self._running:
            ended = self._running.pop()
        if ended is not None and ended is self._awaited and os.getpid() == self._pid:
            os.kill(self._pid, signal.SIGKILL)


class Labels:
    """The labels of points; None for what is none: what only reads, changes nothing, or is in no place of ours."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places
        self.by_event: Mapping[str, Callable[..., str | None]] = {
            "open": self._opened,
            "os.mkdir": self._made,
            "os.rename": self._named("rename"),
            "os.link": self._named("link"),
            "os.symlink": self._named("symlink"),
            **{
                f"os.{verb}": self._change(verb)
                for verb in ("remove", "rmdir", "utime", "chmod", "chown", "truncate")
            },
            "fcntl.flock": self._locked,
            "os.fork": lambda: "fork",
            "http.client.send": _requested,
            "subprocess.Popen": _started,
        }

    def _change(self, verb: str) -> Callable[..., str | None]:
        return lambda path, *_: self._of(verb, path) if self._is_there(path) else None

    def _named(self, verb: str) -> Callable[..., str | None]:
        return lambda _, path, *__: self._of(verb, path)

    def _opened(self, path: Any, _: object, flags: int) -> str | None:
        return self._of("open", path) if flags & _WRITES else None

    def _made(self, path: Any, *_: object) -> str | None:
        return None if self._is_there(path) else self._of("mkdir", path)

    def _locked(self, descriptor: int, _: int) -> str | None:
        return self._of("lock", os.readlink(f"/proc/self/fd/{descriptor}"))

    @staticmethod
    def _is_there(path: Any) -> bool:
        return isinstance(path, int) or os.path.lexists(path)

    def _of(self, verb: str, path: Any) -> str | None:
        if isinstance(path, int):
            return None  # a descriptor: its path was announced when it was opened
        text = os.path.abspath(os.fsdecode(path))
        for place, short in self._places.items():
            if f"{text}/".startswith(f"{place}/"):
                return f"{verb} {short}{_alike(text[len(place) + 1 :])}"
        return None


def _alike(path: str) -> str:
    """A path without what differs from run to run."""
    folder, slash, name = path.partition("/")
    hidden = "." if path.rpartition("/")[2].startswith(".") else ""
    if slash:
        return f"{folder}/{hidden}*"
    return f"{hidden}*" if hidden else folder or "."


def _requested(_: object, data: object) -> str | None:
    """A request; its body is sent apart from its head."""
    return "request" if isinstance(data, bytes) and b" HTTP/1.1\r\n" in data else None


def _started(_: object, argv: list[str], *__: object) -> str:
    """A program, and its words up to its first option."""
    words = [os.path.basename(word) for word in argv]
    options = (number for number, word in enumerate(words) if word.startswith("-"))
    return " ".join(["run", *words[: next(options, None)]])
