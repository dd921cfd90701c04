"""Roles and accounts, as a program makes and shows them; the cluster's admin only, as far as others' go."""

from __future__ import annotations

from dataclasses import replace

from tests.simulator import provision
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import (
    DUPLICATE_ENTRY,
    INVALID_INPUT,
    NO_SUCH_ROLE,
    OBJECT_NOT_FOUND,
    VSERVER_NOT_FOUND,
    Refusal,
)
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Account, Role
from tests.simulator.rights import BUILT_IN, LEVELS


def _vserver(call: Call) -> str:
    """The vserver that a role is of; "" is the cluster."""
    name = call.text("vserver") or call.scope or ""
    if name == call.filer.cluster.name:
        return ""
    if name and (name,) not in call.filer.vservers:
        raise Refusal(VSERVER_NOT_FOUND, "Specified vserver not found")
    return name


def _role(call: Call) -> Role | None:
    return call.filer.state.roles.get((_vserver(call), call.text("role-name")))


def _level(call: Call) -> str:
    return call.choice("access-level", frozenset(LEVELS), "all")


ROLE = ("access-level", "role-query", "vserver", "return-record")


@api("security-login-role-create", "role-name", "command-directory-name", optional=ROLE, tunnelled=False)
def security_login_role_create(call: Call) -> Tree:
    """One right more for a role, which is made with the first one."""
    role, command, level = _role(call), call.text("command-directory-name"), _level(call)
    if role is not None and command in role.rights:
        raise Refusal(DUPLICATE_ENTRY, "duplicate entry")
    provision.add_right(call.filer.state, _vserver(call), call.text("role-name"), command, level)
    return {}


def _existing(call: Call) -> Role:
    role = _role(call)
    if role is None or call.text("command-directory-name") not in role.rights:
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    return role


@api("security-login-role-modify", "role-name", "command-directory-name", optional=ROLE, tunnelled=False)
def security_login_role_modify(call: Call) -> Tree:
    """Another level of access."""
    role = _existing(call)
    rights = {**role.rights, call.text("command-directory-name"): _level(call)}
    call.filer.state.commit(replace(role, rights=rights))
    return {}


@api("security-login-role-delete", "role-name", "command-directory-name", optional=("vserver",), tunnelled=False)
def security_login_role_delete(call: Call) -> Tree:
    """One right less; the role goes with its last one."""
    role, command = _existing(call), call.text("command-directory-name")
    left = {each: level for each, level in role.rights.items() if each != command}
    if left:
        call.filer.state.commit(replace(role, rights=left))
    else:
        call.filer.state.commit(gone=[role])
    return {}


ROLES = trees("security-login-role-info", ("vserver", "role-name", "command-directory-name"))


@api("security-login-role-get-iter", optional=ITERATOR, tunnelled=False)
def security_login_role_get_iter(call: Call) -> Tree:
    """Every right of every role that somebody made."""
    found: dict[tuple[str, ...], Tree] = {}
    for role in call.filer.state.roles.values():
        vserver = role.vserver or call.filer.cluster.name
        for command, level in role.rights.items():
            if call.scope in {None, vserver}:
                found[vserver, role.name, command] = {
                    "access-level": level,
                    "command-directory-name": command,
                    "role-name": role.name,
                    "role-query": "",
                    "vserver": vserver,
                }
    return ROLES.answer(call, found)


LOGIN = (
    "password",
    "vserver",
    "comment",
    "is-password-hashed",
    "second-authentication-method",
    "snmpv3-login-info",
)


@api(
    "security-login-create",
    "user-name",
    "application",
    "authentication-method",
    "role-name",
    optional=LOGIN,
    tunnelled=False,
)
def security_login_create(call: Call) -> Tree:
    """A login; only those for ontapi with a password can log in here."""
    vserver, name, role = _vserver(call), call.text("user-name"), call.text("role-name")
    if (call.text("application"), call.text("authentication-method")) != ("ontapi", "password"):
        raise Refusal(INVALID_INPUT, "Only the application ontapi with a password can log in here")
    if role not in BUILT_IN and (vserver, role) not in call.filer.state.roles:
        raise Refusal(NO_SUCH_ROLE, f"Role {role!r} does not exist")
    if (name,) in call.filer.state.accounts:
        raise Refusal(DUPLICATE_ENTRY, "duplicate entry")
    account = Account(name, call.text("password"), vserver or None, role)
    provision.add_login(call.filer.state, account, call.text("application"))
    return {}


ACCOUNT = ("application", "authentication-method", "vserver")


@api("security-login-delete", "user-name", optional=ACCOUNT, tunnelled=False)
def security_login_delete(call: Call) -> Tree:
    """A login less."""
    account = call.filer.state.accounts.get((call.text("user-name"),))
    if account is None or (account.vserver or "") != _vserver(call):
        raise Refusal(OBJECT_NOT_FOUND, "entry doesn't exist")
    call.filer.state.commit(gone=[account])
    return {}


ACCOUNTS = trees("security-login-account-info", ("vserver", "user-name", "application"))


@api("security-login-get-iter", optional=ITERATOR, tunnelled=False)
def security_login_get_iter(call: Call) -> Tree:
    """The logins."""
    found: dict[tuple[str, ...], Tree] = {}
    for account in call.filer.state.accounts.values():
        vserver = account.vserver or call.filer.cluster.name
        if call.scope in {None, vserver}:
            found[vserver, account.name, "ontapi"] = {
                "application": "ontapi",
                "authentication-method": "password",
                "is-locked": False,
                "role-name": account.role or ("vsadmin" if account.vserver else "admin"),
                "user-name": account.name,
                "vserver": vserver,
            }
    return ACCOUNTS.answer(call, found)
