"""All rights that this provider needs of a filer that it speaks REST to: paths and methods.

A test compares the list with the requests that the verbs make. etc/ontap-account-rest.txt has the filer's
commands that give an account these rights, and the man page's table is made from the list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# No object has this uuid.
_NOTHING = "00000000-0000-0000-0000-000000000000"
# The levels of access that include less than all methods. The second came with ONTAP 9.11.1.
_LEVELS = {("GET",): "readonly", ("GET", "POST"): "read_create"}


@dataclass(frozen=True)
class Right:
    """A path as in a role, the methods that are used there, and what for."""

    path: str
    methods: tuple[str, ...]
    purpose: str

    @property
    def collection(self) -> str:
        """A collection that the right is for, without "/api"."""
        return re.sub(r"igroups/initiators$", f"igroups/{_NOTHING}/initiators", self.path[len("/api") :])

    @property
    def record(self) -> str:
        """An object that the right is for and that does not exist."""
        several = 2 if self.path.endswith("lun-maps") else 1
        return "/".join([self.collection, *[_NOTHING] * several])

    @property
    def access(self) -> str:
        """The lowest sufficient level, as in ``security login rest-role create -access``."""
        return _LEVELS.get(self.methods, "all")


_SAN = "/api/protocols/san"
ALWAYS = (
    Right("/api/storage/luns", ("GET", "POST", "PATCH", "DELETE"), "find, create, clone, grow and remove LUNs"),
    Right(f"{_SAN}/lun-maps", ("GET", "POST", "DELETE"), "map and unmap LUNs"),
    Right("/api/storage/volumes", ("GET",), "see the pools"),
    Right("/api/svm/svms", ("GET",), "find the SVM's name"),
)
SHARED = (Right(f"{_SAN}/igroups", ("GET",), "see the initiator groups"),)
PER_NODE = (
    Right(f"{_SAN}/igroups", ("GET", "POST"), "see and create the nodes' initiator groups"),
    Right(f"{_SAN}/igroups/initiators", ("POST", "DELETE"), "put a node's initiators into its group"),
)
SESSIONS = {
    "iscsi": (Right(f"{_SAN}/iscsi/sessions", ("GET",), "see whether another group's node is logged in"),),
    "fc": (Right("/api/network/fc/logins", ("GET",), "see whether another group's node is logged in"),),
}
TARGETS = {
    "iscsi": (
        Right(f"{_SAN}/iscsi/services", ("GET",), "find the iSCSI target"),
        Right("/api/network/ip/interfaces", ("GET",), "find the target's portals"),
    ),
    "fc": (
        Right(f"{_SAN}/fcp/services", ("GET",), "see whether the FC service is on"),
        Right("/api/network/fc/interfaces", ("GET",), "find the FC interfaces"),
    ),
}
# Whether a role of an SVM may have these is not known [?]. Without them all verbs work.
OPTIONAL = (
    Right("/api/cluster", ("GET",), "tell the kind of filer"),
    Right("/api/cluster/jobs", ("GET",), "learn the outcome of jobs"),
)


def needed(protocol: str, *, per_node: bool) -> tuple[Right, ...]:
    """The rights of a provider that speaks ``protocol`` ("iscsi" or "fc") and has an igroup per node or not."""
    return ALWAYS + TARGETS[protocol] + (PER_NODE + SESSIONS[protocol] if per_node else SHARED)
