"""Initiators: who is logged in, and how they have to log in.

No SAN is behind the simulator, so logins are told to it: by the option ``--initiator``, or as records.
"""

from __future__ import annotations

from tests.simulator.api.igroup import IQN
from tests.simulator.call import Call, api
from tests.simulator.documents import Tree
from tests.simulator.errnos import INITIATOR_NOT_FOUND, Refusal
from tests.simulator.identity import PORTAL_GROUP
from tests.simulator.interfaces import wwpn_of
from tests.simulator.iterator import ITERATOR, trees
from tests.simulator.model import Session


def _sessions(call: Call, *, iscsi: bool) -> list[Session]:
    return [
        session
        for _, session in sorted(call.filer.state.sessions.items())
        if call.scope in {None, session.vserver} and bool(IQN.fullmatch(session.initiator)) == iscsi
    ]


def _groups(call: Call, session: Session) -> list[str]:
    groups = call.filer.igroups.values()
    return [
        each.name for each in groups if each.vserver == session.vserver and session.initiator in each.initiators
    ]


def _interface(call: Call, session: Session) -> int:
    """The number of the interface that it came by."""
    return call.filer.state.interfaces[session.vserver, session.interface].number


ISCSI_INITIATORS = trees("iscsi-initiator-list-entry-info", ("vserver", "tpgroup-name", "initiator-nodename"))


@api("iscsi-initiator-get-iter", optional=ITERATOR, tunnelled=False)
def iscsi_initiator_get_iter(call: Call) -> Tree:
    """The iSCSI initiators that are logged in, once for each interface."""
    found: dict[tuple[str, ...], Tree] = {}
    for number, session in enumerate(_sessions(call, iscsi=True), start=1):
        found[session.key] = {
            "initiator-aliasname": "",
            "initiator-group-list": {
                "initiator-group-list-info": [{"initiator-group-name": name} for name in _groups(call, session)]
            },
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


FC_INITIATORS = trees("fcp-adapter-initiators-info", ("vserver", "adapter"))


@api("fcp-initiator-get-iter", optional=ITERATOR, tunnelled=False)
def fcp_initiator_get_iter(call: Call) -> Tree:
    """The FC initiators that are logged in, by interface."""
    by_interface: dict[tuple[str, ...], list[Tree]] = {}
    for session in _sessions(call, iscsi=False):
        entry: Tree = {"port-name": session.initiator, "port-address": "10100"}
        by_interface.setdefault((session.vserver, session.interface), []).append(entry)
    return FC_INITIATORS.answer(
        call,
        {
            key: {
                "adapter": key[1],
                "fcp-connected-initiators": {"fcp-connected-initiator-info": entries},
                "port-name": wwpn_of(call.filer, call.filer.state.interfaces[key]),
                "vserver": key[0],
            }
            for key, entries in by_interface.items()
        },
    )


@api("lun-initiator-logged-in", "initiator")
def lun_initiator_logged_in(call: Call) -> Tree:
    """Whether an initiator is logged in at any interface of the vserver."""
    initiator = call.text("initiator").lower()
    sessions = call.filer.state.sessions.values()
    found = any((each.vserver, each.initiator) == (call.vserver, initiator) for each in sessions)
    return {"logged-in": found}


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
