"""The entry point of a script: reads environment and configuration, runs a verb, returns answer and exit status.

Only this module touches the process: os.environ, sys.argv, the standard streams, the umask, the root logger.
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

# Ganeti shows the last lines of a failed script. A line of this length fits on any terminal.
MESSAGE_LIMIT = 200


@dataclass(frozen=True)
class Process:
    """The input and output of the process that runs a verb."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    stdout: TextIO | None  # None if the caller has closed it
    stderr: TextIO
    config_file: str = CONFIG_FILE


def main(verb: Callable[..., str | None]) -> int:
    """Run ``verb``, a method of DataOnTapProvider, as this process; returns the exit status."""
    return as_process(partial(run, verb))


def as_process(work: Callable[[Process], int]) -> int:
    """Do ``work`` as this process; returns the exit status."""
    os.umask(0o077)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if the caller ignores it, exit statuses of children are lost
    logging.getLogger("dataontap").addHandler(logging.NullHandler())  # before log.setup only the last line matters
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
    """Get the request from ``read``, carry it out by ``perform``, and deliver its answer. None is no request.

    Returns 0 for success, and 1 for failure with *the* message as stderr's last line. The message names
    ``subject``, unless that is empty.
    """
    what = f"{name} {log.printable(subject)}".strip()
    began = time.monotonic()
    secrets: tuple[str, ...] | None = None  # the configuration's secrets, once it is read
    remark = ""
    try:
        # Errors in the request and in the configuration are found before any socket is opened.
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
            with contextlib.suppress(HostError):  # the message matters more than the missing report
                _deliver(error.report, process.stdout)
    except Exception as error:  # a bug; the last line names verb and volume nevertheless
        message = _report(error, process.stderr, secrets or ())
    else:
        LOG.info("%s: done in %.3f s", what, time.monotonic() - began)
        return 0
    LOG.error("%s: failed after %.3f s: %s", what, time.monotonic() - began, message)
    with contextlib.suppress(OSError):  # stderr cannot be written, so the error cannot be reported
        print(_last_line(f"dataontap: {what}: {message}", remark), file=process.stderr, flush=True)
    return 1


def _report(bug: Exception, stderr: TextIO, secrets: Sequence[str]) -> str:
    """Print the traceback of ``bug``, and return its message. Secrets are masked in both."""
    lines = log.printable_lines(log.mask(traceback.format_exc(), secrets))
    with contextlib.suppress(OSError):
        print(*lines, sep="\n", file=stderr, flush=True)
    text = f"internal error, please report the traceback above: {type(bug).__name__}: {bug}"
    return log.mask(text, secrets)


def site(settings: Settings, process: Process, deadline: Deadline) -> Site:
    """Set up logging, and return the site that a verb works with."""
    from dataontap.assembly import assemble
    from dataontap.ganeti.ssconf import Cluster

    log.setup(settings)
    if not settings.allows_igroup:
        LOG.warning("the disk's igroup %r is not among ALLOWED_IGROUPS; no new maps are made", settings.igroup)
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
                raise ContractError(check, f"no such check; known: {', '.join(Verification.known)}")
        return replace(request, checks=tuple(process.arguments))
    return request


def _deliver(answer: str | None, stdout: TextIO | None) -> None:
    """Print the answer for Ganeti. Raises HostError if that fails, because it must not look like success."""
    if answer is None:
        return
    if stdout is None:
        raise HostError("the answer could not be written: standard output is closed")
    try:
        print(answer, file=stdout, flush=True)
    except OSError as error:
        _settle(stdout)  # else the interpreter would report the error again, after our last line
        raise HostError(f"the answer could not be written: {error.strerror}") from None


def _settle(stream: TextIO | None) -> None:
    """Flush ``stream`` now and ignore a failure, which would otherwise change the interpreter's exit status.

    If the disk with Ganeti's log is full, Ganeti must not see a failed create: it would forget the new LUN.
    """
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def asks_for_help(process: Process) -> bool:
    """Whether the arguments ask for help."""
    return bool({"-h", "--help"} & set(process.arguments))


def tell_usage(usage: str, process: Process) -> int:
    """Print the usage line; returns the exit status."""
    print(usage, file=process.stderr)
    return 0 if asks_for_help(process) else 1


def _takes_arguments(name: str) -> bool:
    return REQUESTS[name] is Verification


def _usage(name: str) -> str:
    if _takes_arguments(name):
        return f"usage: {name} [{' | '.join(Verification.known)}] ...    (for admins; Ganeti never runs it)"
    return f"usage: {name}    (Ganeti runs it and sets VOL_* and EXTP_* variables)"


def _last_line(message: str, remark: str) -> str:
    """The message as one line. If it is too long, it is cut at its end, or before the ``remark`` at its end."""
    line = log.printable(" ".join(message.split()))
    if len(line) <= MESSAGE_LIMIT:
        return line
    end = f"...; {remark}" if remark and line.endswith(remark) else "..."
    return line[: MESSAGE_LIMIT - len(end)] + end
