"""The names of initiators: how they must look, how they are kept, and that a host has one operating system."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.simulator.api.igroup import related
from tests.simulator.filer import Filer
from tests.simulator.model import Igroup
from tests.simulator.rest import codes
from tests.simulator.rest.codes import Problem

LONGEST = 96  # the documentation's limit for initiators' names


def canonical(igroup: Igroup, name: str) -> str:
    """The name as the igroup keeps it: IQNs in lower case, WWPNs in lower case with colons."""
    if len(name) > LONGEST:
        raise Problem(codes.INITIATOR_TOO_LONG, f"The initiator name {name!r} is too long.", target="name")
    lower = name.lower()
    for prefix, check in (("iqn", _iqn), ("eui.", _eui)):
        if lower.startswith(prefix):
            check(name)
            if igroup.protocol == "fcp":
                raise Problem(codes.INITIATOR_NOT_FC, f"{name!r} is no FC WWPN.", target="name")
            return lower
    digits = lower.replace(":", "")
    if not re.fullmatch("[0-9a-f:]+", lower):
        raise Problem(codes.INITIATOR_UNKNOWN_FORM, f"{name!r} is no initiator name.", target="name")
    if len(digits) != 16:
        raise Problem(codes.WWN_LENGTH, f"The length of the WWN {name!r} is incorrect.", target="name")
    paired = ":".join(digits[place : place + 2] for place in range(0, 16, 2))
    if lower not in {digits, paired}:
        raise Problem(codes.WWN_FORMAT, f"The format of the WWN {name!r} is incorrect.", target="name")
    if igroup.protocol == "iscsi":
        raise Problem(codes.INITIATOR_NOT_ISCSI, f"{name!r} is no iSCSI initiator name.", target="name")
    return paired


def _iqn(name: str) -> None:
    parts = name.split(".", 2)
    if len(parts) < 3 or not parts[2]:
        raise Problem(codes.IQN_INCOMPLETE, f"Portions of the IQN {name!r} are missing.", target="name")
    if parts[0].lower() != "iqn" or not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", parts[1]):
        raise Problem(codes.IQN_DATE, f"The date portion of the IQN {name!r} is invalid.", target="name")
    if not re.fullmatch(r"[A-Za-z0-9.-]+(:\S+)?", parts[2]):
        raise Problem(codes.IQN_AUTHORITY, f"The naming authority of the IQN {name!r} is invalid.", target="name")


def _eui(name: str) -> None:
    digits = name[len("eui.") :]
    if len(digits) != 16:
        raise Problem(codes.EUI_LENGTH, f"The length of the EUI {name!r} is invalid.", target="name")
    if not re.fullmatch("[0-9A-Fa-f]+", digits):
        raise Problem(codes.EUI_FORMAT, f"The format of the EUI {name!r} is invalid.", target="name")


def require_one_os(filer: Filer, igroup: Igroup, initiators: Iterable[str], code: str) -> None:
    """Refuse initiators that another igroup with another operating system has."""
    joining = Igroup(igroup.vserver, igroup.name, igroup.uuid, igroup.protocol, initiators=tuple(initiators))
    for other in related(filer, joining):
        if igroup.ostype != other.ostype:
            raise Problem(code, f"An initiator is in {other.name}, which has another os_type.")
