"""The hooks attach disks on a move's target before the move begins, and clean up after a removed instance.

No script can do that: Ganeti runs scripts on the node that has the instance, each for a single disk.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Callable

from dataontap.deadline import Deadline
from dataontap.errors import CommandError, ContractError, DataOntapError, VolumeError
from dataontap.ganeti.environ import HookCall, InstanceDisk, read
from dataontap.ganeti.script import Process, as_process, asks_for_help, attempt, site, tell_usage
from dataontap.ganeti.ssconf import Cluster
from dataontap.host import run as programs
from dataontap.volume.provider import DataOnTapProvider

if TYPE_CHECKING:
    from dataontap.config import Settings

LOG = logging.getLogger(__name__)

# Every node runs this with the volumes' names. With -I root's Python loads no modules from the current directory.
CLEANUP = "/usr/bin/python3 -I -m dataontap.cleanup"
# gnt-cluster contacts the nodes one after the other, and waits 10 s for a node that is down.
_ALL_NODES_SECONDS = 300.0
# Ganeti waits 900 s for a hook (3.0.2, rpc_defs: hooks_runner is RPC_TMO_NORMAL). That is for all disks together.
_LONGEST_SECONDS = 800.0
Run = Callable[..., str]  # runs a program: ``host.run.run``

_SSH_FAILED = "255"  # ssh's own exit status: the node is down


def pre_move(call: HookCall, provider: DataOnTapProvider, run: Run) -> None:
    """Attach every disk of ours, also if it has a record. Raises VolumeError with each disk that failed.

    After an error Ganeti does not begin the move, and the instance keeps running where it is.
    """

    def attach(disk: InstanceDisk) -> None:
        device = provider.attach_anew(disk.volume)
        if device is not None:
            LOG.info("%s is attached: %s", disk, device)

    _each(call.disks, attach)


def post_remove(call: HookCall, provider: DataOnTapProvider, run: Run) -> None:
    """Remove the disks' devices from all nodes, and remove LUNs that Ganeti wrongly treats as removed.

    When attach fails during a removal, Ganeti treats the volume as removed already and never runs ``remove``
    (ganeti.backend.BlockdevRemove). Raises VolumeError with each LUN that stays.
    """
    said = _take_down_everywhere(call.disks, run)

    def remove_left(disk: InstanceDisk) -> None:
        """Remove a LUN that still exists, if it is provably ours and no node reported that it is in use."""
        provider.remove_left(disk.volume, in_use=said is None or disk.name in said)

    _each(call.disks, remove_left)


@dataclass(frozen=True)
class Hook:
    """When a hook acts, and what it does. ``path`` and ``phase`` are the operation for which it is made."""

    path: str
    phase: str
    node: Callable[[HookCall], str | None]
    act: Callable[[HookCall, DataOnTapProvider, Run], None]

    def expects(self, environ: Mapping[str, str], node: str) -> HookCall | None:
        """The call in ``environ``, or None if ``node`` has nothing to do for it.

        Raises ContractError if Ganeti runs the hook in another operation. After a move, post-remove would destroy
        the disks of the instance that was moved.
        """
        call = read(HookCall, environ)
        if (call.path, call.phase) != (self.path, self.phase):
            where = f"/etc/ganeti/hooks/{self.path}-{self.phase}.d"
            raise ContractError("GANETI_HOOKS_PATH", f"is {call.path}-{call.phase}; this hook belongs in {where}")
        return call if call.disks and self.node(call) == node else None


def _target(call: HookCall) -> str | None:
    """The target node of a move. None for a repair, where Ganeti's new primary is only the other node."""
    if call.is_repair:
        return None
    if call.new_primary is None:
        raise ContractError("GANETI_NEW_PRIMARY", "is not set; this hook must be run by Ganeti")
    return call.new_primary


# The keys are the names of the executables in hooks/.
HOOKS: Mapping[str, Hook] = {
    "pre-migrate": Hook("instance-migrate", "pre", _target, pre_move),
    "pre-failover": Hook("instance-failover", "pre", _target, pre_move),
    "post-remove": Hook("instance-remove", "post", lambda call: call.master, post_remove),
}


def main(name: str) -> int:
    """Run the hook ``name`` as this process; returns the exit status."""
    return as_process(partial(run, name))


def run(name: str, process: Process) -> int:
    """Run the hook ``name`` for ``process``. The configuration is not read if there is nothing to do."""
    if process.arguments or asks_for_help(process):
        return tell_usage(f"usage: {name}    (a hook: Ganeti runs it and sets GANETI_* variables)", process)
    hook = HOOKS[name]

    def act(call: HookCall, settings: Settings) -> None:
        deadline = Deadline(seconds_for(call, settings.timeout), limit="the limit for all disks")
        hook.act(call, DataOnTapProvider(site(settings, process, deadline)), programs.run)

    instance = process.environ.get("GANETI_INSTANCE_NAME") or "-"
    return attempt(name, instance, process, lambda: hook.expects(process.environ, Cluster().node), act)


def seconds_for(call: HookCall, timeout: float) -> float:
    """The time for all disks of a call: a script's time for each disk, but no longer than Ganeti waits."""
    return min(timeout * len(call.disks), _LONGEST_SECONDS)


def _each(disks: tuple[InstanceDisk, ...], do: Callable[[InstanceDisk], None]) -> None:
    """Call ``do`` for each disk, even if others fail. Raises VolumeError with each disk that failed."""
    failed = []
    for disk in disks:
        try:
            do(disk)
        except DataOntapError as error:
            LOG.error("%s: %s", disk, error)
            failed.append(f"disk {disk.index}: {error}")
    if failed:
        raise VolumeError("; ".join(failed))


def _take_down_everywhere(disks: tuple[InstanceDisk, ...], run: Run) -> set[str] | None:
    """Let each node remove the devices; returns the names of the disks for which a node failed.

    Returns None if a node failed without naming a disk. A node that is down is no failure: its devices are gone
    when it boots.
    """
    # gnt-cluster passes this to each node's shell over ssh.
    command = f"{CLEANUP} {' '.join(shlex.quote(disk.name) for disk in disks)}"
    try:
        # gnt-cluster exits with 0 even if the command failed on a node. This option shows only the failed nodes.
        said = run("gnt-cluster", "command", "--failure-only", command, timeout=_ALL_NODES_SECONDS)
    except CommandError as error:
        LOG.warning("devices of removed volumes may remain on some nodes: %s", error)
        return None
    for line in filter(None, map(str.strip, said.splitlines())):
        LOG.warning("devices of removed volumes remain on a node: %s", line)
    names = {disk.name for disk in disks}
    for node in re.split("(?m)^-{20,}$", said):
        code = re.search("return code = ([0-9]+)", node)
        if code and code[1] != _SSH_FAILED and not names & _words(node):
            return None
    return names & _words(said)


def _words(text: str) -> set[str]:
    return set(re.split("[^A-Za-z0-9._-]+", text))
