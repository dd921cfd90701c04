"""Roles with their privileges, and accounts: only to look at."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulator.model import Account
from tests.simulator.rest import rights
from tests.simulator.rest.call import Call
from tests.simulator.rest.fields import Document, Schema
from tests.simulator.rest.resource import Resource, Row

ROLE = Schema(
    "owner.uuid name",
    "owner.name",
    "builtin:b scope privileges[].path privileges[].access privileges[].query",
)
PRIVILEGE = Schema("path", "access", "query", place="owner.uuid role.name")
ACCOUNT = Schema(
    "owner.uuid name",
    "owner.name",
    "applications[].application applications[].authentication_methods[]"
    " applications[].second_authentication_method"
    " comment locked:b role.name scope",
)


def _owner(call: Call, svm: str | None) -> Document:
    cluster = call.filer.cluster
    if svm is None:
        return {"name": cluster.name, "uuid": cluster.uuid}
    return {"name": svm, "uuid": call.filer.vservers[svm,].uuid}


def _owners(call: Call) -> list[str | None]:
    """The SVMs whose roles and accounts the caller sees; None is the cluster."""
    return [call.scope] if call.scope is not None else [None, *call.svms]


def _privileges(entries: dict[str, str]) -> list[Document]:
    return [{"path": path, "access": level} for path, level in sorted(entries.items())]


def _roles(call: Call) -> Iterator[Row]:
    for svm in _owners(call):
        built_in = {
            name: entries for name, entries in rights.BUILT_IN.items() if name.startswith("vs") == bool(svm)
        }
        own = {
            role.name: {path: level for path, level in role.rights.items() if path.startswith(rights.ROOT)}
            for role in call.filer.state.roles.values()
            if role.vserver == (svm or "")
        }
        for name, entries in {**built_in, **own}.items():
            if entries:
                yield Row(
                    {
                        "owner": _owner(call, svm),
                        "name": name,
                        "builtin": name not in own,
                        "scope": "svm" if svm else "cluster",
                        "privileges": _privileges(dict(entries)),
                    }
                )


def _role_privileges(call: Call) -> Iterator[Row]:
    for row in _roles(call):
        role = row.document
        if (role["owner"]["uuid"], role["name"]) == (call.place["owner.uuid"], call.place["role.name"]):
            for privilege in role["privileges"]:
                yield Row({"owner": role["owner"], "role": {"name": role["name"]}, **privilege})


def _accounts(call: Call) -> Iterator[Row]:
    for account in call.filer.state.accounts.values():
        if account.vserver in _owners(call):
            yield Row(_account(call, account), account)


def _account(call: Call, account: Account) -> Document:
    methods = ["password"]
    return {
        "owner": _owner(call, account.vserver),
        "name": account.name,
        "applications": [
            {"application": each, "authentication_methods": methods} for each in account.applications
        ],
        "locked": False,
        "role": {"name": account.role or ("vsadmin" if account.vserver else "admin")},
        "scope": "svm" if account.vserver else "cluster",
    }


RESOURCES = (
    Resource("/security/roles", ROLE, _roles),
    Resource("/security/roles/{owner.uuid}/{role.name}/privileges", PRIVILEGE, _role_privileges),
    Resource("/security/accounts", ACCOUNT, _accounts),
)
