"""The hooks: a move's target has the disks before the move begins; a removed instance leaves nothing behind.

They do what no script can: Ganeti runs scripts on the node that has the instance, and tells them of one disk.
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

# What every node runs, with the volumes' names; -I, lest root's Python take modules from the current directory.
CLEANUP = "/usr/bin/python3 -I -m dataontap.cleanup"
# gnt-cluster goes to one node after the other and waits 10 s for one that is down.
_ALL_NODES_SECONDS = 300.0
# Ganeti waits 900 s for a hook (3.0.2, rpc_defs: hooks_runner is RPC_TMO_NORMAL), and for all its disks together.
_LONGEST_SECONDS = 800.0
Run = Callable[..., str]  # runs a program: ``host.run.run``

_SSH_FAILED = "255"  # ssh's own exit status: the node is down


def pre_move(call: HookCall, provider: DataOnTapProvider, run: Run) -> None:
    """Attach every disk of ours, on record or not; raises VolumeError naming each that cannot be.

    Ganeti then does not begin with the move, and the instance stays where it runs.
    """

    def attach(disk: InstanceDisk) -> None:
        device = provider.attach_anew(disk.volume)
        if device is not None:
            LOG.info("%s is here: %s", disk, device)

    _each(call.disks, attach)


def post_remove(call: HookCall, provider: DataOnTapProvider, run: Run) -> None:
    """Take the removed disks' devices off all nodes, and LUNs off the filer that Ganeti believed gone.

    When attach fails during a removal, Ganeti takes the volume for removed already and never runs ``remove``
    (ganeti.backend.BlockdevRemove). Raises VolumeError naming each LUN that stays.
    """
    said = _take_down_everywhere(call.disks, run)

    def remove_left(disk: InstanceDisk) -> None:
        """Remove the LUN that is there still, if it is provably ours and no node said that it uses it."""
        provider.remove_left(disk.volume, in_use=said is None or disk.name in said)

    _each(call.disks, remove_left)


@dataclass(frozen=True)
class Hook:
    """When a hook is to act, and how. ``path`` and ``phase`` are the operation that it is for."""

    path: str
    phase: str
    node: Callable[[HookCall], str | None]
    act: Callable[[HookCall, DataOnTapProvider, Run], None]

    def expects(self, environ: Mapping[str, str], node: str) -> HookCall | None:
        """The call in ``environ``, or None where ``node`` has nothing to do for it.

        Raises ContractError where Ganeti runs the hook in an operation that it is not for: what is right after
        a removal would destroy the disks of an instance that was only moved.
        """
        call = read(HookCall, environ)
        if (call.path, call.phase) != (self.path, self.phase):
            where = f"/etc/ganeti/hooks/{self.path}-{self.phase}.d"
            raise ContractError(
                "GANETI_HOOKS_PATH", f"is {call.path}-{call.phase}; this hook belongs into {where}"
            )
        return call if call.disks and self.node(call) == node else None


def _target(call: HookCall) -> str | None:
    """Where a move leads to. What Ganeti calls so in a repair is just the other node, which gets nothing."""
    if call.is_repair:
        return None
    if call.new_primary is None:
        raise ContractError("GANETI_NEW_PRIMARY", "is not set; this hook is to be run by Ganeti")
    return call.new_primary


# By the names of the executables in hooks/.
HOOKS: Mapping[str, Hook] = {
    "pre-migrate": Hook("instance-migrate", "pre", _target, pre_move),
    "pre-failover": Hook("instance-failover", "pre", _target, pre_move),
    "post-remove": Hook("instance-remove", "post", lambda call: call.master, post_remove),
}


def main(name: str) -> int:
    """Run the hook ``name`` as this process; returns the exit status."""
    return as_process(partial(run, name))


def run(name: str, process: Process) -> int:
    """Run the hook ``name`` for ``process``; the configuration is not even read where there is nothing to do."""
    if process.arguments or asks_for_help(process):
        return tell_usage(f"usage: {name}    (a hook: Ganeti tells it in GANETI_* variables what to do)", process)
    hook = HOOKS[name]

    def act(call: HookCall, settings: Settings) -> None:
        deadline = Deadline(seconds_for(call, settings.timeout), limit="the limit for all disks")
        hook.act(call, DataOnTapProvider(site(settings, process, deadline)), programs.run)

    instance = process.environ.get("GANETI_INSTANCE_NAME") or "-"
    return attempt(name, instance, process, lambda: hook.expects(process.environ, Cluster().node), act)


def seconds_for(call: HookCall, timeout: float) -> float:
    """How long a hook may take for all disks of its call: what each script has for one, as far as Ganeti waits."""
    return min(timeout * len(call.disks), _LONGEST_SECONDS)


def _each(disks: tuple[InstanceDisk, ...], do: Callable[[InstanceDisk], None]) -> None:
    """``do`` it for each disk, whatever becomes of the others."""
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
    """Let each node take the devices down; returns those that a node could not.

    None when one failed and did not say at which. One that is down is no failure: its devices go when it boots.
    """
    # gnt-cluster hands this to each node's shell by way of ssh.
    command = f"{CLEANUP} {' '.join(shlex.quote(disk.name) for disk in disks)}"
    try:
        # Its own exit status is 0 whatever failed on a node; with this option it tells of failed nodes only.
        said = run("gnt-cluster", "command", "--failure-only", command, timeout=_ALL_NODES_SECONDS)
    except CommandError as error:
        LOG.warning("devices of removed volumes may be left on some nodes: %s", error)
        return None
    for line in filter(None, map(str.strip, said.splitlines())):
        LOG.warning("devices of removed volumes are left on a node: %s", line)
    names = {disk.name for disk in disks}
    for node in re.split("(?m)^-{20,}$", said):
        code = re.search("return code = ([0-9]+)", node)
        if code and code[1] != _SSH_FAILED and not names & _words(node):
            return None
    return names & _words(said)


def _words(text: str) -> set[str]:
    return set(re.split("[^A-Za-z0-9._-]+", text))
