"""The errnos of ONTAP that decide something here, by their names in NetApp's SDK (NaErrno)."""

from __future__ import annotations

from dataontap.errors import LunExists, LunIdTaken, MapConflict, NoSuchIgroup, NoSuchLun, NotAllowed, Refusal

EEXIST = "17"
ENOSPC = "28"
VDISK_EXISTS = "9012"
NO_SUCH_LUNMAP = "9016"
NO_SUCH_VDISK = "9017"
NO_SUCH_INITGROUP = "9003"
INITGROUP_EXISTS = "9004"
NODE_NOT_IN_INITGROUP = "9007"
INITGROUP_HAS_NODE = "9008"  # the initiator is in it already
# One of the group's initiators sees this LUN, or another one under this id, by way of another group. The tables
# have it; which of the two a filer sends for an id that is taken in another group is recorded nowhere [?].
LUN_MAPPING_CONFLICT = "9009"
INITGROUP_HAS_VDISK = "9023"  # already mapped to this group
INITGROUP_HAS_LUN = "9024"  # the id is another LUN's in this group
INITIATOR_HAS_VDISK = "9039"
NO_SUCH_VOLUME = "9036"
SIZE_UNCHANGED = "9042"
EAPIERROR = "13001"
EAPIPRIVILEGE = "13003"
EAPINOTFOUND = "13005"
EINVALIDINPUTERROR = "13115"
EOBJECTNOTFOUND = "15661"  # what clustered ONTAP says where 7-Mode has an errno of its own
EVSERVERNOTFOUND = "15698"
ESUSPENDED = (
    "61253"  # in no table; NetApp's Harvest has it (ErrNumZAPISuspended). Its reason's text is unknown [?].
)

# How a filer of another version than we took it for says so. EAPIERROR is generic: "Extra input: NAME".
UNKNOWN_TO_THIS_VERSION = frozenset({EAPINOTFOUND, EINVALIDINPUTERROR, EAPIERROR})

# Somebody else is at it: worth another try. Cinder also retries clone-create whose reason says "Device busy",
# under an errno that no public source tells [?]: the one place where we go by a text.
BUSY = frozenset({"16", "9038", "9062", "13024"})  # EBUSY, CLONING, DESTROY_LUN_BUSY, ESNAPSHOTBUSY
BUSY_CLONE_REASON = "Device busy"

# The initiator has this LUN or this id by another group: a cloned machine, or a group that the node had before.
SEEN_BY_ANOTHER_GROUP = frozenset({LUN_MAPPING_CONFLICT, INITIATOR_HAS_VDISK})

# What was to be made is there; the last one is ESIS_CLONE_CLONE_EXIST, clone-create's.
EXISTS = frozenset({EEXIST, VDISK_EXISTS, "14952"})

# Clustered ONTAP answers the second (NetApp's own tests of netappdvp), 7-Mode the first.
NO_SUCH_LUN = frozenset({NO_SUCH_VDISK, EOBJECTNOTFOUND})
# Cinder takes both for "already unmapped" from clustered ONTAP.
NOT_MAPPED = frozenset({NO_SUCH_LUNMAP, EINVALIDINPUTERROR})

# What the policy decides by.
REFUSALS: dict[str, type[Refusal]] = {
    **dict.fromkeys(EXISTS, LunExists),
    **dict.fromkeys(NO_SUCH_LUN, NoSuchLun),
    NO_SUCH_INITGROUP: NoSuchIgroup,
    INITGROUP_HAS_LUN: LunIdTaken,
    LUN_MAPPING_CONFLICT: MapConflict,
    EAPIPRIVILEGE: NotAllowed,
}

# What the admin can do about it.
HINTS = {
    EAPIPRIVILEGE: "verify credentials tells what LOGIN lacks",
    ESUSPENDED: "system services web ontapi modify -suspended false",
    NO_SUCH_VOLUME: "see POOL, or the disk's pool",
    ENOSPC: "the pool is full, see volume show",
    **dict.fromkeys(SEEN_BY_ANOTHER_GROUP, "initiator in two igroups? see lun igroup show -initiator"),
}
