"""Where a script begins: environment and configuration in, one verb, its answer and exit status out.

The only place that touches the process: os.environ, sys.argv, the standard streams, the umask, the root logger.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Callable, TextIO, TypeVar

from dataontap import config, log
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.errors import ChecksFailed, ContractError, DataOntapError, HostError
from dataontap.ganeti.environ import REQUESTS, read
from dataontap.paths import CONFIG_FILE
from dataontap.volume.requests import Disk, Verification

if TYPE_CHECKING:
    from dataontap.volume.site import Site

Request = TypeVar("Request", bound=Disk)

LOG = logging.getLogger(__name__)

# Ganeti shows the last lines of a failed script; one line of this length fits any terminal it is shown on.
MESSAGE_LIMIT = 200


@dataclass(frozen=True)
class Process:
    """What a verb gets from, and gives to, the process that runs it."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    stdout: TextIO | None  # None when Ganeti, or whoever it is, has closed it
    stderr: TextIO
    config_file: str = CONFIG_FILE


def main(verb: Callable[..., str | None]) -> int:
    """Run ``verb``, a method of DataOnTapProvider, as this process; returns the exit status."""
    return as_process(partial(run, verb))


def as_process(work: Callable[[Process], int]) -> int:
    """Do ``work`` as this process; returns the exit status."""
    os.umask(0o077)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # whoever starts us may ignore it, and children would be lost
    logging.getLogger("dataontap").addHandler(logging.NullHandler())  # until log.setup the last line says it all
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # print(file=None) would go to stdout
        status = work(Process(sys.argv[1:], os.environ, sys.stdout, sys.stderr or nowhere))
    _settle(sys.stderr)
    return status


def run(verb: Callable[..., str | None], process: Process) -> int:
    """Run ``verb`` for ``process``: 0 for success, 1 for failure with *the* message as stderr's last line."""
    name = verb.__name__
    if asks_for_help(process) or (process.arguments and not _takes_arguments(name)):
        return tell_usage(_usage(name), process)
    return attempt(
        name,
        "" if _takes_arguments(name) else process.environ.get("VOL_NAME") or "-",
        process,
        lambda: _request(name, process),
        partial(_perform, verb, process),
    )


def attempt(
    name: str,
    subject: str,
    process: Process,
    read: Callable[[], Request | None],
    perform: Callable[[Request, Settings], str | None],
) -> int:
    """Do what ``read`` says is asked for (None: nothing) by ``perform``, and deliver its answer.

    Returns 0 for success, 1 for failure with *the* message, about ``subject`` if there is one, as stderr's last
    line.
    """
    what = f"{name} {log.printable(subject)}".strip()
    began = time.monotonic()
    secrets: tuple[str, ...] | None = None  # the configuration's, as soon as it is read
    remark = ""
    try:
        # What is wrong with either is found out before any socket is opened.
        request = read()
        if request is None:
            return 0
        settings = config.load(process.config_file)
        secrets = settings.secrets
        _deliver(perform(request, settings.with_params(request.params)), process.stdout)
    except DataOntapError as error:
        remark = error.remark
        message = str(error) if secrets is None else log.mask(str(error), secrets)
        if isinstance(error, ChecksFailed):
            with contextlib.suppress(HostError):  # the message is of more use than why its details are not there
                _deliver(error.report, process.stdout)
    except Exception as error:  # a bug; the admin gets a last line that names verb and volume all the same
        message = _report(error, process.stderr, secrets or ())
    else:
        LOG.info("%s: done in %.3f s", what, time.monotonic() - began)
        return 0
    LOG.error("%s: failed after %.3f s: %s", what, time.monotonic() - began, message)
    with contextlib.suppress(OSError):  # there is nowhere left to complain
        print(_last_line(f"dataontap: {what}: {message}", remark), file=process.stderr, flush=True)
    return 1


def _report(bug: Exception, stderr: TextIO, secrets: Sequence[str]) -> str:
    """Print where ``bug`` is, and return its message; the text of either may hold whatever it failed at."""
    lines = log.printable_lines(log.mask(traceback.format_exc(), secrets))
    with contextlib.suppress(OSError):
        print(*lines, sep="\n", file=stderr, flush=True)
    text = f"internal error, please report the traceback above: {type(bug).__name__}: {bug}"
    return log.mask(text, secrets)


def site(settings: Settings, process: Process, deadline: Deadline) -> Site:
    """What a verb works with, for ``process``; from here on it is logged what happens."""
    from dataontap.assembly import assemble
    from dataontap.ganeti.ssconf import Cluster

    log.setup(settings)
    if not settings.allows_igroup:
        LOG.warning("the disk's igroup %r is not among ALLOWED_IGROUPS: it gets no new maps", settings.igroup)
    return assemble(settings, Cluster(), deadline, process.environ, process.config_file)


def _perform(verb: Callable[..., str | None], process: Process, request: Disk, settings: Settings) -> str | None:
    """Run the verb."""
    from dataontap.volume.provider import DataOnTapProvider

    return verb(DataOnTapProvider(site(settings, process, Deadline(settings.timeout))), request)


def _request(name: str, process: Process) -> Disk:
    request = read(REQUESTS[name], process.environ)
    if isinstance(request, Verification) and process.arguments:
        for check in process.arguments:
            if check not in Verification.known:
                raise ContractError(check, f"no such check; known are: {', '.join(Verification.known)}")
        return replace(request, checks=tuple(process.arguments))
    return request


def _deliver(answer: str | None, stdout: TextIO | None) -> None:
    """Give Ganeti the answer; one that it cannot read must not look like success."""
    if answer is None:
        return
    if stdout is None:
        raise HostError("the answer could not be written: standard output is closed")
    try:
        print(answer, file=stdout, flush=True)
    except OSError as error:
        _settle(stdout)  # not once more when the interpreter ends, after our last line
        raise HostError(f"the answer could not be written: {error.strerror}") from None


def _settle(stream: TextIO | None) -> None:
    """Flush ``stream`` while a failure can still be borne: at the interpreter's end it would become our status.

    A full disk under Ganeti's log must not turn a LUN that was made into one that Ganeti knows nothing of.
    """
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def asks_for_help(process: Process) -> bool:
    """Whether somebody wants to know how this is used."""
    return bool({"-h", "--help"} & set(process.arguments))


def tell_usage(usage: str, process: Process) -> int:
    """Print the usage line; returns the exit status."""
    print(usage, file=process.stderr)
    return 0 if asks_for_help(process) else 1


def _takes_arguments(name: str) -> bool:
    return REQUESTS[name] is Verification


def _usage(name: str) -> str:
    if _takes_arguments(name):
        return f"usage: {name} [{' | '.join(Verification.known)}] ...    (for people: Ganeti never runs it)"
    return f"usage: {name}    (Ganeti runs it and tells it in VOL_* and EXTP_* variables what to do)"


def _last_line(message: str, remark: str) -> str:
    """The message as a line, cut off at its end; or before the ``remark`` with which it ends."""
    line = log.printable(" ".join(message.split()))
    if len(line) <= MESSAGE_LIMIT:
        return line
    end = f"...; {remark}" if remark and line.endswith(remark) else "..."
    return line[: MESSAGE_LIMIT - len(end)] + end
