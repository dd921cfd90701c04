"""Initiators: who is logged in, and how they have to log in.

No SAN is behind the simulator, so logins are told to it: by ``Filer.log_in``, the control socket's ``login`` or
the option ``--initiator``.
"""

from __future__ import annotations

from tests.simulator.api.igroup import IQN
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INITIATOR_NOT_FOUND, Refusal
from tests.simulator.identity import PORTAL_GROUP
from tests.simulator.interfaces import is_up
from tests.simulator.iterator import ITERATOR, Fields, fields, trees
from tests.simulator.model import Session


def _sessions(call: Call, *, iscsi: bool) -> list[Session]:
    """Those of the vserver, or of all, whose service runs and whose interface is up."""
    return [
        session
        for _, session in sorted(call.filer.state.sessions.items())
        if call.scope in {None, session.vserver}
        and bool(IQN.fullmatch(session.initiator)) == iscsi
        and _is_served(call, session)
    ]


def _is_served(call: Call, session: Session) -> bool:
    interface = call.filer.state.interfaces[session.vserver, session.interface]
    return is_up(call.filer, interface) and interface.protocol not in call.filer.vservers[session.vserver,].stopped


def _groups(call: Call, session: Session) -> Tree:
    """The igroups that the initiator is in."""
    found = [
        each.name
        for each in call.filer.igroups.values()
        if each.vserver == session.vserver and session.initiator in each.initiators
    ]
    return {"initiator-group-list-info": [{"initiator-group-name": name} for name in found]}


def _interface(call: Call, session: Session) -> int:
    """The number of the interface that it came by."""
    return call.filer.state.interfaces[session.vserver, session.interface].number


# The fields of both types are those of NetApp's generated API libraries.
GROUPS: Fields = {"initiator-group-list-info": fields("initiator-group-name")}
ISCSI_INITIATORS = trees(
    "iscsi-initiator-list-entry-info",
    ("vserver", "tpgroup-name", "initiator-nodename"),
    fields(
        "initiator-aliasname initiator-nodename isid target-session-id tpgroup-name tpgroup-tag vserver",
        {"initiator-group-list": GROUPS},
    ),
)


@api("iscsi-initiator-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_initiator_get_iter(call: Call) -> Tree:
    """The iSCSI initiators that are logged in, once for each interface."""
    found: dict[tuple[str, ...], Tree] = {}
    for number, session in enumerate(_sessions(call, iscsi=True), start=1):
        found[session.key] = {
            "initiator-aliasname": "",
            "initiator-group-list": _groups(call, session),
            "initiator-nodename": session.initiator,
            "isid": f"00:02:3d:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
            "target-session-id": number,
            "tpgroup-name": session.interface,
            "tpgroup-tag": PORTAL_GROUP + _interface(call, session),
            "vserver": session.vserver,
        }
    return ISCSI_INITIATORS.answer(call, found)


ISCSI_SESSIONS = trees("iscsi-session-list-entry-info", ("vserver", "tpgroup-name", "initiator-nodename"))


@api("iscsi-session-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_session_get_iter(call: Call) -> Tree:
    """Their sessions."""
    return ISCSI_SESSIONS.answer(
        call,
        {
            session.key: {
                "initiator-nodename": session.initiator,
                "max-cmds-per-session": 128,
                "session-type": "iscsi_session_type_normal",
                "target-session-id": number,
                "tpgroup-name": session.interface,
                "tpgroup-tag": PORTAL_GROUP + _interface(call, session),
                "vserver": session.vserver,
            }
            for number, session in enumerate(_sessions(call, iscsi=True), start=1)
        },
    )


FC_INITIATOR = fields(
    "node-name port-address port-name",
    {"initiator-group-list": GROUPS, "portname-alias-list": {"portname-alias-name": fields("portname-alias")}},
)
FC_INITIATORS = trees(
    "fcp-adapter-initiators-info",
    ("vserver", "adapter"),
    fields(
        "adapter vserver",
        {"fcp-connected-initiators": {"fcp-connected-initiator-info": FC_INITIATOR}},
    ),
)


@api("fcp-initiator-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_initiator_get_iter(call: Call) -> Tree:
    """The FC initiators that are logged in, by interface."""
    by_interface: dict[tuple[str, ...], list[Tree]] = {}
    for session in _sessions(call, iscsi=False):
        entry: Tree = {
            "initiator-group-list": _groups(call, session),
            "port-address": 10100,
            "port-name": session.initiator,
        }
        by_interface.setdefault((session.vserver, session.interface), []).append(entry)
    return FC_INITIATORS.answer(
        call,
        {
            key: {
                "adapter": key[1],
                "fcp-connected-initiators": {"fcp-connected-initiator-info": entries},
                "vserver": key[0],
            }
            for key, entries in by_interface.items()
        },
    )


@api("lun-initiator-logged-in", "initiator")
def lun_initiator_logged_in(call: Call) -> Tree:
    """Whether an initiator is logged in at any interface of the vserver."""
    initiator = call.text("initiator").lower()
    sessions = [*_sessions(call, iscsi=True), *_sessions(call, iscsi=False)]
    return {"logged-in": any(each.initiator == initiator for each in sessions)}


@api("iscsi-initiator-get-auth", "initiator")
def iscsi_initiator_get_auth(call: Call) -> Tree:
    """No initiator has a way of its own to log in (the text is of a fixture of Cinder's)."""
    initiator = call.text("initiator")
    raise Refusal(INITIATOR_NOT_FOUND, f"Initiator {initiator} not found, please use default authentication.")


@api("iscsi-initiator-get-default-auth")
def iscsi_initiator_get_default_auth(call: Call) -> Tree:
    """Anybody may log in."""
    return {"auth-type": "none"}


AUTHENTICATIONS = trees("iscsi-security-entry-info", ("vserver", "initiator"))


@api("iscsi-initiator-auth-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_initiator_auth_get_iter(call: Call) -> Tree:
    """What holds for all initiators."""
    names = [name for (name,) in call.filer.vservers if call.scope in {None, name}]
    default: dict[tuple[str, ...], Tree] = {
        (name, "default"): {"auth-type": "none", "initiator": "default", "vserver": name} for name in names
    }
    return AUTHENTICATIONS.answer(call, default)
