"""Commands that an admin types at the filer's prompt: those for roles, accounts, interfaces and volumes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Network

from tests.simulator import provision
from tests.simulator.model import Account, Interface
from tests.simulator.nodes import NODES
from tests.simulator.rest.rights import ALLOWED, ROOT
from tests.simulator.rights import DEFAULT, LEVELS
from tests.simulator.state import State

# A real filer asks for each new account's password; nobody is asked here.
PASSWORD = "secret"  # noqa: S105 - a simulator's
# Options without a value.
_FLAGS = frozenset({"-instance"})
# The per cent of a new volume that ONTAP keeps for snapshots unless told otherwise.
_SNAPSHOT_SPACE = 5


class CommandError(ValueError):
    """A line that this command line does not understand."""


def run(state: State, lines: Iterable[str]) -> None:
    """Carry out the commands; empty lines and those that begin with ``#`` are none."""
    for number, line in enumerate(lines, start=1):
        words = shlex.split(line, comments=True)
        if not words:
            continue
        command, options = _split(words)
        try:
            COMMANDS[command](state, options)
        except (KeyError, CommandError) as error:
            raise CommandError(f"line {number}: {line.strip()}: {error!r}") from None


def _split(words: list[str]) -> tuple[str, dict[str, str]]:
    first = next((place for place, word in enumerate(words) if word.startswith("-")), len(words))
    options = [part for word in words[first:] for part in ((word, "true") if word in _FLAGS else (word,))]
    if len(options) % 2 or not all(option.startswith("-") for option in options[::2]):
        raise CommandError(f"options and values do not pair: {' '.join(options)}")
    return " ".join(words[:first]), dict(zip(options[::2], options[1::2]))


def _take(options: Mapping[str, str], required: str, optional: str = "") -> Callable[[str], str]:
    """A reader of the options by name; refuses to be given others, or less than the required ones."""
    unknown = options.keys() - {*required.split(), *optional.split()}
    missing = set(required.split()) - options.keys()
    if unknown or missing:
        raise CommandError(f"unknown: {sorted(unknown)}, missing: {sorted(missing)}")
    return lambda name: options.get(name, "")


def _role_create(state: State, options: Mapping[str, str]) -> None:
    option = _take(options, "-vserver -role -cmddirname", "-access")
    level = option("-access") or "all"
    if level not in LEVELS:
        raise CommandError(f"no access level: {level}")
    provision.add_right(state, option("-vserver"), option("-role"), option("-cmddirname") or DEFAULT, level)


def _rest_role_create(state: State, options: Mapping[str, str]) -> None:
    option = _take(options, "-vserver -role -api -access")
    if option("-access") not in ALLOWED:
        raise CommandError(f"no access level: {option('-access')}")
    if option("-api") != ROOT and not option("-api").startswith(f"{ROOT}/"):
        raise CommandError(f"no path of the API: {option('-api')}")
    provision.add_right(state, option("-vserver"), option("-role"), option("-api"), option("-access"))


def _login_create(state: State, options: Mapping[str, str]) -> None:
    """One application more for an account, which is made with its first one."""
    option = _take(options, "-vserver -user-or-group-name -application -authentication-method -role")
    account = Account(option("-user-or-group-name"), PASSWORD, option("-vserver"), option("-role"))
    application = option("-application")
    if application not in {"http", "ontapi"} or option("-authentication-method") != "password":
        raise CommandError("only -application http or ontapi with a password can log in here")
    provision.add_login(state, account, application)


def _iscsi_create(state: State, options: Mapping[str, str]) -> None:
    provision.add_vserver(state, _take(options, "-vserver")("-vserver"))


def _fcp_create(state: State, options: Mapping[str, str]) -> None:
    provision.add_vserver(state, _take(options, "-vserver")("-vserver"))


def _interface_create(state: State, options: Mapping[str, str]) -> None:
    """An interface of a vserver: for FC, or of the built-in policies for block protocols and for management."""
    if "-data-protocol" in options:
        _fc_interface_create(state, options)
        return
    option = _take(options, "-vserver -lif -service-policy -home-node -home-port -address -netmask")
    vserver, node = _vserver(state, option("-vserver")), option("-home-node")
    if node not in NODES:
        raise CommandError(f"no node: {node}")
    length = IPv4Network(f"{option('-address')}/{option('-netmask')}", strict=False).prefixlen
    if option("-service-policy") == "default-data-blocks":
        tag = 1 + max((one.number for one in state.interfaces.values() if one.vserver == vserver), default=0)
        state.commit(Interface(vserver, option("-lif"), "iscsi", tag, node, option("-address"), length))
    elif option("-service-policy") != "default-management":
        raise CommandError(f"no service policy: {option('-service-policy')}")


def _fc_interface_create(state: State, options: Mapping[str, str]) -> None:
    option = _take(options, "-vserver -lif -data-protocol -home-node -home-port")
    vserver, node = _vserver(state, option("-vserver")), option("-home-node")
    if node not in NODES or option("-data-protocol") != "fcp":
        raise CommandError(f"no node, or no protocol of FC: {node}, {option('-data-protocol')}")
    tag = 1 + max((one.number for one in state.interfaces.values() if one.vserver == vserver), default=0)
    state.commit(Interface(vserver, option("-lif"), "fcp", tag, node))


def _interface_show(state: State, options: Mapping[str, str]) -> None:
    """Nothing is shown here; the command has to be right."""
    option = _take(options, "-vserver -data-protocol")
    _vserver(state, option("-vserver"))
    if option("-data-protocol") not in {"fcp", "iscsi"}:
        raise CommandError(f"no such protocol: {option('-data-protocol')}")


def _certificate_show(state: State, options: Mapping[str, str]) -> None:
    """Nothing is shown here; the command has to be right."""
    option = _take(options, "-vserver -type", "-instance")
    _vserver(state, option("-vserver"))
    if option("-type") != "server":
        raise CommandError(f"no such type: {option('-type')}")


def _vserver(state: State, name: str) -> str:
    if (name,) not in state.vservers:
        raise CommandError(f"no vserver: {name}")
    return name


def _volume_create(state: State, options: Mapping[str, str]) -> None:
    option = _take(options, "-vserver -volume -aggregate -size", "-snapshot-policy -percent-snapshot-space")
    if option("-snapshot-policy") not in {"", "none", "default"}:
        raise CommandError(f"no snapshot policy: {option('-snapshot-policy')}")
    reserve = option("-percent-snapshot-space") or str(_SNAPSHOT_SPACE)
    if not re.fullmatch("[0-9]|[1-9][0-9]", reserve):
        raise CommandError(f"no percentage: {reserve}")
    if (option("-aggregate"),) not in state.aggregates:
        raise CommandError(f"no aggregate: {option('-aggregate')}")
    size = re.fullmatch("([1-9][0-9]*)([MGT])B?", option("-size").upper())
    if size is None:
        raise CommandError(f"no size: {option('-size')}")
    vserver, volume = option("-vserver"), option("-volume")
    provision.add_volume(state, vserver, volume, int(size[1]) << {"M": 20, "G": 30, "T": 40}[size[2]])
    state.commit(replace(state.volumes[vserver, volume], reserve=int(reserve)))


COMMANDS: dict[str, Callable[[State, Mapping[str, str]], None]] = {
    "security login role create": _role_create,
    "security login rest-role create": _rest_role_create,
    "security login create": _login_create,
    "vserver iscsi create": _iscsi_create,
    "vserver fcp create": _fcp_create,
    "network interface create": _interface_create,
    "network interface show": _interface_show,
    "security certificate show": _certificate_show,
    "volume create": _volume_create,
}
