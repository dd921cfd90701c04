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

from dataontap import config, log, ssconf
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.environ import REQUESTS, Disk, Verification
from dataontap.errors import ChecksFailed, ContractError, DataOntapError, HostError

if TYPE_CHECKING:
    from dataontap.checks import Checks
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.devices import Devices
    from dataontap.host.iscsi import Iscsi
    from dataontap.igroups import Igroups
    from dataontap.locks import Locks
    from dataontap.provider import DataOnTapProvider
    from dataontap.targets import IscsiTarget

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
    config_file: str = config.CONFIG_FILE


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


def _perform(verb: Callable[..., str | None], process: Process, request: Disk, settings: Settings) -> str | None:
    """Run the verb."""
    return verb(compose(settings, process, Deadline(settings.timeout)), request)


def compose(settings: Settings, process: Process, deadline: Deadline) -> DataOnTapProvider:
    """Put the provider's parts together; from here on it is logged what happens."""
    from dataontap import client
    from dataontap.locks import Locks
    from dataontap.provider import DataOnTapProvider
    from dataontap.records import Records

    log.setup(settings)
    if not settings.allows_igroup:
        LOG.warning("the disk's igroup %r is not among ALLOWED_IGROUPS: it gets no new maps", settings.igroup)
    locks = Locks(deadline)
    return DataOnTapProvider(
        settings,
        cluster=ssconf.cluster_name(),
        deadline=deadline,
        connect=partial(client.connect, settings, deadline),
        devices=partial(_devices, settings, deadline, locks),
        igroups=partial(_igroups, settings),
        checks=partial(_checks, settings, deadline),
        locks=locks,
        records=Records(process.environ, enabled=not settings.debug, config_file=process.config_file),
    )


def _devices(settings: Settings, deadline: Deadline, locks: Locks, client: Callable[[], CmodeClient]) -> Devices:
    """This node."""
    from dataontap.devices import Devices
    from dataontap.host import run as programs
    from dataontap.host.device import Host
    from dataontap.host.multipath import Multipath
    from dataontap.host.san import San
    from dataontap.host.sysfs import Sysfs
    from dataontap.host.udev import Names

    names = Names()
    san = San(Sysfs(), Multipath(programs.run, deadline), names, deadline, wants_maps=settings.multipath)
    target = _target(settings, deadline, client)
    return Devices(
        settings,
        host=Host(),
        san=san,
        names=names,
        connect=target.connect,
        known=target.known,
        locks=locks,
        deadline=deadline,
    )


def _igroups(settings: Settings, client: Callable[[], CmodeClient]) -> Igroups:
    """The initiator groups."""
    from dataontap.host import fc, iscsi
    from dataontap.igroups import Igroups
    from dataontap.memory import Memory

    identity = (settings.hostname, str(settings.port), settings.cluster_mode_vserver, settings.login)
    return Igroups(
        settings,
        cluster=ssconf.Cluster(),
        client=client,
        initiators=fc.initiators if settings.storage_protocol == "fc" else iscsi.initiators,
        memory=partial(Memory, "igroup", *identity),
    )


def _checks(settings: Settings, deadline: Deadline, client: Callable[[], CmodeClient], igroups: Igroups) -> Checks:
    """What verify looks at."""
    from dataontap.checks import Checks
    from dataontap.filer_checks import FilerChecks
    from dataontap.host.facts import Facts
    from dataontap.host.lvm import Lvm
    from dataontap.node_checks import NodeChecks

    facts = Facts(deadline)
    of_node = NodeChecks(settings, igroups, facts, Lvm(facts), ssconf.disk_templates)
    portals = _target(settings, deadline, client).reached
    of_filer = FilerChecks(settings, client, igroups, portals, ssconf.cluster_name())
    return Checks(of_node.checks, of_filer.checks)


def _target(settings: Settings, deadline: Deadline, client: Callable[[], CmodeClient]) -> IscsiTarget:
    """The SVM's iSCSI target."""
    from dataontap.memory import Memory
    from dataontap.targets import IscsiTarget

    memory = Memory("target", settings.hostname, str(settings.port), settings.cluster_mode_vserver, settings.login)
    return IscsiTarget(client, _iscsi(settings, deadline), memory)


def _iscsi(settings: Settings, deadline: Deadline) -> Iscsi:
    """This node's iSCSI initiator."""
    from dataontap import present
    from dataontap.host import run as programs
    from dataontap.host.iscsi import Iscsi
    from dataontap.host.iscsi_records import Chap, Records
    from dataontap.memory import Memory

    chap = None
    if settings.iscsi_chap_user and settings.iscsi_chap_password:
        chap = Chap(settings.iscsi_chap_user, settings.iscsi_chap_password)
    records = Records(programs.run, deadline, chap=chap, memory=partial(Memory, "iscsi-records"))
    return Iscsi(programs.run, deadline, records, failures=f"{present.DIRECTORY}/portal")


def _request(name: str, process: Process) -> Disk:
    request = REQUESTS[name].from_environ(process.environ)
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
