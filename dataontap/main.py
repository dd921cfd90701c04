"""Where a script begins: environment and configuration in, one verb, its answer and exit status out.

The only place that touches the process: os.environ, sys.argv, the standard streams, the umask, the root logger.
"""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, TextIO

from dataontap import config, log, ssconf
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.environ import REQUESTS, Disk, Verification
from dataontap.errors import ContractError, DataOntapError, HostError

LOG = logging.getLogger(__name__)

# Ganeti shows the last lines of a failed script; one line of this length fits any terminal it is shown on.
MESSAGE_LIMIT = 200


@dataclass(frozen=True)
class Process:
    """What a verb gets from, and gives to, the process that runs it."""

    arguments: Sequence[str]
    environ: Mapping[str, str]
    stdout: TextIO
    stderr: TextIO
    config_file: str = config.CONFIG_FILE


def main(verb: Callable[..., str | None]) -> int:
    """Run ``verb``, a method of DataOnTapProvider, as this process; returns the exit status."""
    os.umask(0o077)
    logging.getLogger("dataontap").addHandler(logging.NullHandler())  # until log.setup the last line says it all
    return run(verb, Process(sys.argv[1:], os.environ, sys.stdout, sys.stderr))


def run(verb: Callable[..., str | None], process: Process) -> int:
    """Run ``verb`` for ``process``: 0 for success, 1 for failure with *the* message as stderr's last line."""
    name = verb.__name__
    asked_for_help = bool({"-h", "--help"} & set(process.arguments))
    if asked_for_help or (process.arguments and not _takes_arguments(name)):
        print(_usage(name), file=process.stderr)
        return 0 if asked_for_help else 1
    subject = process.environ.get("VOL_NAME") or "-"
    began = time.monotonic()
    settings = None
    try:
        # What is wrong with either is found out before any socket is opened.
        request = _request(name, process)
        settings = config.load(process.config_file).with_params(request.params)
        _deliver(_perform(verb, request, settings, process), process.stdout)
    except DataOntapError as error:
        message = str(error)
    except Exception as error:  # a bug; the admin gets a last line that names verb and volume all the same
        traceback.print_exc(file=process.stderr)
        message = f"internal error, please report the traceback above: {type(error).__name__}: {error}"
    else:
        LOG.info("%s %s: done in %.3f s", name, subject, time.monotonic() - began)
        return 0
    LOG.error("%s %s: failed after %.3f s: %s", name, subject, time.monotonic() - began, message)
    if settings is not None:
        message = log.mask(message, settings.password)
    print(_last_line(f"dataontap: {name} {subject}: {message}"), file=process.stderr, flush=True)
    return 1


def _perform(verb: Callable[..., str | None], request: Disk, settings: Settings, process: Process) -> str | None:
    """Put the verb's parts together and run it."""
    from dataontap import client
    from dataontap.host.device import Host
    from dataontap.locks import Locks
    from dataontap.provider import DataOnTapProvider
    from dataontap.records import Records

    log.setup(settings)
    deadline = Deadline(settings.timeout)
    provider = DataOnTapProvider(
        settings,
        cluster=ssconf.cluster_name(),
        deadline=deadline,
        connect=partial(client.connect, settings, deadline),
        host=Host(),
        locks=Locks(deadline),
        records=Records(process.environ, enabled=not settings.debug, config_file=process.config_file),
    )
    return verb(provider, request)


def _request(name: str, process: Process) -> Disk:
    request = REQUESTS[name].from_environ(process.environ)
    if isinstance(request, Verification) and process.arguments:
        for check in process.arguments:
            if check not in Verification.known:
                raise ContractError(check, f"no such check; known are: {', '.join(Verification.known)}")
        return replace(request, checks=tuple(process.arguments))
    return request


def _deliver(answer: str | None, stdout: TextIO) -> None:
    """Give Ganeti the answer; one that it cannot read must not look like success."""
    if answer is None:
        return
    try:
        print(answer, file=stdout, flush=True)
    except OSError as error:
        # What is still buffered must not fail once more when the interpreter ends, after our last line.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        raise HostError(f"the answer could not be written: {error.strerror}") from None


def _takes_arguments(name: str) -> bool:
    return REQUESTS[name] is Verification


def _usage(name: str) -> str:
    checks = f" [{' | '.join(Verification.known)}] ..." if _takes_arguments(name) else ""
    return f"usage: {name}{checks}    (Ganeti runs it and tells it in VOL_* and EXTP_* variables what to do)"


def _last_line(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 3] + "..."
