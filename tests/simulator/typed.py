"""Commands that an admin types at the filer's prompt, as far as they make roles, accounts and volumes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping

from tests.simulator import provision
from tests.simulator.model import Account
from tests.simulator.rest.rights import ALLOWED, ROOT
from tests.simulator.rights import DEFAULT, LEVELS
from tests.simulator.state import State

# A real filer asks for each new account's password; nobody is asked here.
PASSWORD = "secret"  # noqa: S105 - a simulator's


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
    options = words[first:]
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


def _volume_create(state: State, options: Mapping[str, str]) -> None:
    option = _take(options, "-vserver -volume -aggregate -size")
    if (option("-aggregate"),) not in state.aggregates:
        raise CommandError(f"no aggregate: {option('-aggregate')}")
    size = re.fullmatch("([1-9][0-9]*)([MGT])B?", option("-size").upper())
    if size is None:
        raise CommandError(f"no size: {option('-size')}")
    provision.add_volume(
        state, option("-vserver"), option("-volume"), int(size[1]) << {"M": 20, "G": 30, "T": 40}[size[2]]
    )


COMMANDS: dict[str, Callable[[State, Mapping[str, str]], None]] = {
    "security login role create": _role_create,
    "security login rest-role create": _rest_role_create,
    "security login create": _login_create,
    "vserver iscsi create": _iscsi_create,
    "volume create": _volume_create,
}
