"""What an account may do: its role's rights to commands, and the refusal of what is not among them."""

from __future__ import annotations

from collections.abc import Mapping

from tests.simulator.commands import COMMANDS, writes
from tests.simulator.errnos import API_PRIVILEGE, Refusal
from tests.simulator.model import Account, Key, Role

DEFAULT = "DEFAULT"
LEVELS = ("none", "readonly", "all")
# The roles that every filer has, as far as anything here could tell them apart.
BUILT_IN: dict[str, dict[str, str]] = {
    "admin": {DEFAULT: "all"},
    "vsadmin": {DEFAULT: "all"},
    "readonly": {DEFAULT: "readonly"},
    "vsadmin-readonly": {DEFAULT: "readonly"},
    "none": {DEFAULT: "none"},
}


def rights_of(login: Account, roles: Mapping[Key, Role]) -> Mapping[str, str]:
    """The rights that a login's role gives; a role that is not there gives none."""
    name = login.role or ("vsadmin" if login.vserver else "admin")
    role = roles.get((login.vserver or "", name))
    return role.rights if role is not None else BUILT_IN.get(name, {})


def access(rights: Mapping[str, str], command: str) -> str:
    """The level of access to a command: the entry for it or for the nearest directory above it decides."""
    words = command.split()
    while words:
        level = rights.get(" ".join(words))
        if level is not None:
            return level
        words.pop()
    return rights.get(DEFAULT, "none")


def allows(rights: Mapping[str, str], api: str) -> bool:
    """Whether these rights are enough for an API."""
    return LEVELS.index(access(rights, COMMANDS[api])) >= (2 if writes(api) else 1)


def require(login: Account, roles: Mapping[Key, Role], api: str) -> None:
    """Refuse an API that the login has no right to; the texts are those of answers in harvest's issues."""
    if not allows(rights_of(login, roles), api):
        kind = "write" if writes(api) else "read"
        raise Refusal(
            API_PRIVILEGE,
            f"Insufficient privileges: user '{login.name}' does not have {kind} access to this resource",
        )
