"""The codes of REST's refusals that this provider treats specially.

They are in the error tables of NetApp's REST documentation (the docstrings of netapp-ontap), unless said
otherwise.
"""

from __future__ import annotations

from dataontap.errors import LunExists, LunMapped, MapConflict, NoSuchIgroup, NoSuchLun, NotAllowed, Refusal

NOT_FOUND = frozenset({"4", "5"})
NOT_AUTHORIZED = "6"
UNEXPECTED_ARGUMENT = "262179"
UNKNOWN_FIELD = "262197"  # or another invalid value of a field

LUN_EXISTS = "5374242"
CLONE_EXISTS = "1260136"
LUN_NOT_FOUND = frozenset({"5374875", "5374876", "1254201"})
LUN_MAPPED = "1254197"
SIZE_UNCHANGED = "1254226"  # its text is "same as the old LUN size" (netapp.ontap)
# The LUN was created, although some of its properties could not be set, or could not be read.
LUN_MADE = frozenset({"5374863", "5374886"})

MAP_EXISTS = "1254207"
MAP_NOT_FOUND = "5374922"
# An initiator of the group would see this LUN twice, or two LUNs at one id. Documented for adding an initiator.
# That a filer sends these codes for a map as well is likely [?].
MAP_CONFLICTS = frozenset({"1254193", "1254324"})

IGROUP_EXISTS = frozenset({"5374023", "1"})
IGROUP_NOT_FOUND = frozenset({"5374878", "5374852"})
INITIATOR_IN_IGROUP = "5374035"
INITIATOR_NOT_IN_IGROUP = "5374034"

SVM_NOT_FOUND = "2621462"
VOLUME_NOT_FOUND = "917927"

# Another operation has the object, so a retry may succeed. 8: the object is in use. 2621573: the SVM is locked
# for some seconds in a MetroCluster (netapp.ontap issue 47). 524486: the volume is busy (Trident). 5374316: the
# LUN is moved.
BUSY = frozenset({"8", "2621573", "524486", "5374316"})
# Any failure of a clone has this code. Only this text says that a retry may help (Cinder's REST client).
CLONE_FAILED = "13565952"
BUSY_CLONE_MESSAGE = "Device busy"

# The error classes by which the policy decides.
REFUSALS: dict[str, type[Refusal]] = {
    **dict.fromkeys([LUN_EXISTS, CLONE_EXISTS], LunExists),
    **dict.fromkeys(LUN_NOT_FOUND, NoSuchLun),
    **dict.fromkeys(IGROUP_NOT_FOUND, NoSuchIgroup),
    **dict.fromkeys(MAP_CONFLICTS, MapConflict),
    LUN_MAPPED: LunMapped,
    NOT_AUTHORIZED: NotAllowed,
}

# The remedies, for messages.
HINTS = {
    NOT_AUTHORIZED: "verify credentials tells what LOGIN lacks",
    VOLUME_NOT_FOUND: "see POOL, or the disk's pool",
    "5440509": "no suitable space, see volume show",
}
