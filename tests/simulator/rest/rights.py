"""What an account may do over REST: its role's entries for paths.

An entry holds for exactly its path, uuids left out; only "/api" holds for everything that has no entry of its own.
Whether a real filer's entry for a collection holds for the collections below it is not known: not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.simulator.model import Account, Key, Role
from tests.simulator.rest.codes import NOT_AUTHORIZED, Problem

ROOT = "/api"
ALLOWED: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "readonly": frozenset(["GET"]),
    "read_create": frozenset(["GET", "POST"]),
    "read_modify": frozenset(["GET", "PATCH"]),
    "read_create_modify": frozenset(["GET", "POST", "PATCH"]),
    "all": frozenset(["GET", "POST", "PATCH", "DELETE"]),
}
# These levels came with 9.11.1.
FINE_LEVELS = frozenset(["read_create", "read_modify", "read_create_modify"])
FINE_SINCE = 210
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "admin": {ROOT: "all"},
    "vsadmin": {ROOT: "all"},
    "readonly": {ROOT: "readonly"},
    "vsadmin-readonly": {ROOT: "readonly"},
    "none": {ROOT: "none"},
}


def plain(path: str) -> str:
    """A path without the parts that stand for one record: those in braces, and ``*``."""
    return "/".join(part for part in path.split("/") if not re.fullmatch(r"\{.*\}|\*", part))


def entries(login: Account, roles: Mapping[Key, Role]) -> Mapping[str, str]:
    """Path -> level, as the login's role has them; a role of commands alone gives nothing here."""
    name = login.rest_role or login.role or ("vsadmin" if login.vserver else "admin")
    role = roles.get((login.vserver or "", name))
    if role is None:
        return BUILT_IN.get(name, {})
    return {path: level for path, level in role.rights.items() if path.startswith(ROOT)}


def require(login: Account, roles: Mapping[Key, Role], method: str, template: str) -> None:
    """Refuse what the login has no right to."""
    granted = {plain(path): level for path, level in entries(login, roles).items()}
    level = granted.get(plain(ROOT + template), granted.get(ROOT, "none"))
    if method not in ALLOWED[level]:
        raise not_authorized()


def not_authorized() -> Problem:
    """The refusal that an account gets (its text is in netapp.ontap's issues)."""
    return Problem(NOT_AUTHORIZED, "not authorized for that command")
