"""The errnos of ONTAP that this provider treats specially, by their names in NetApp's SDK (NaErrno)."""

from __future__ import annotations

from dataontap.errors import (
    ApiSuspended,
    LunExists,
    LunIdTaken,
    MapConflict,
    NoSuchIgroup,
    NoSuchLun,
    NotAllowed,
    Refusal,
)

EEXIST = "17"
ENOSPC = "28"
VDISK_EXISTS = "9012"
NO_SUCH_LUNMAP = "9016"
NO_SUCH_VDISK = "9017"
NO_SUCH_INITGROUP = "9003"
INITGROUP_EXISTS = "9004"
NODE_NOT_IN_INITGROUP = "9007"
INITGROUP_HAS_NODE = "9008"  # the group has this initiator already
# One of the group's initiators sees this LUN, or another LUN with this id, through another group. The errno is in
# the tables. No source says which of the two errnos a filer sends if the id is taken in another group [?].
LUN_MAPPING_CONFLICT = "9009"
INITGROUP_HAS_VDISK = "9023"  # already mapped to this group
INITGROUP_HAS_LUN = "9024"  # another LUN has the id in this group
INITIATOR_HAS_VDISK = "9039"
NO_SUCH_VOLUME = "9036"
SIZE_UNCHANGED = "9042"
EAPIERROR = "13001"
EAPIPRIVILEGE = "13003"
EAPINOTFOUND = "13005"
EINVALIDINPUTERROR = "13115"
EOBJECTNOTFOUND = "15661"  # clustered ONTAP sends it where 7-Mode has special errnos
EVSERVERNOTFOUND = "15698"
ESUSPENDED = (
    "61253"  # in no table; NetApp's Harvest has it (ErrNumZAPISuspended). Its reason's text is unknown [?].
)

# A filer sends these errnos if its version is not the cached one. EAPIERROR is generic: "Extra input: NAME".
UNKNOWN_TO_THIS_VERSION = frozenset({EAPINOTFOUND, EINVALIDINPUTERROR, EAPIERROR})

# The object is in use by another operation, so a retry may succeed. Cinder also retries clone-create if its reason
# has "Device busy". No public source has the errno [?], so only this case is decided by a text.
BUSY = frozenset({"16", "9038", "9062", "13024"})  # EBUSY, CLONING, DESTROY_LUN_BUSY, ESNAPSHOTBUSY
BUSY_CLONE_REASON = "Device busy"

# The initiator has this LUN or this id through another group: of a cloned machine, or the node's former group.
SEEN_BY_ANOTHER_GROUP = frozenset({LUN_MAPPING_CONFLICT, INITIATOR_HAS_VDISK})

# The object to create exists already. The last errno is ESIS_CLONE_CLONE_EXIST, from clone-create.
EXISTS = frozenset({EEXIST, VDISK_EXISTS, "14952"})

# 7-Mode sends the first errno, clustered ONTAP the second (NetApp's own tests of netappdvp).
NO_SUCH_LUN = frozenset({NO_SUCH_VDISK, EOBJECTNOTFOUND})
# Cinder treats both as "already unmapped" from clustered ONTAP.
NOT_MAPPED = frozenset({NO_SUCH_LUNMAP, EINVALIDINPUTERROR})

# The error classes by which the policy decides.
REFUSALS: dict[str, type[Refusal]] = {
    **dict.fromkeys(EXISTS, LunExists),
    **dict.fromkeys(NO_SUCH_LUN, NoSuchLun),
    NO_SUCH_INITGROUP: NoSuchIgroup,
    INITGROUP_HAS_LUN: LunIdTaken,
    LUN_MAPPING_CONFLICT: MapConflict,
    EAPIPRIVILEGE: NotAllowed,
    ESUSPENDED: ApiSuspended,
}

# The remedies, for messages.
HINTS = {
    EAPIPRIVILEGE: "verify credentials tells what LOGIN lacks",
    ESUSPENDED: "system services web ontapi modify -suspended false",
    NO_SUCH_VOLUME: "see POOL, or the disk's pool",
    ENOSPC: "the pool is full, see volume show",
    **dict.fromkeys(SEEN_BY_ANOTHER_GROUP, "initiator in two igroups? see lun igroup show -initiator"),
}
