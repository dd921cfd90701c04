"""The error numbers this filer answers with, and the exception that carries one to the answer.

Numbers are those of NetApp's SDK, go-ontap-sdk and Trident; reason texts are mostly ours, because clients
must go by the number.
"""

from __future__ import annotations

NO_SPACE = 28
NO_SUCH_IGROUP = 9003
IGROUP_EXISTS = 9004
INITIATOR_NOT_IN_IGROUP = 9007
INITIATOR_ALREADY_IN_IGROUP = 9008
LUN_MAPPING_CONFLICT = 9009
NO_SUCH_ATTRIBUTE = 9011
LUN_EXISTS = 9012
LUN_IS_MAPPED = 9013
LUN_ALREADY_OFFLINE = 9014
LUN_ALREADY_ONLINE = 9015
NO_SUCH_MAP = 9016
NO_SUCH_LUN = 9017
NO_SUCH_DIRECTORY = 9020
NOT_IN_SAME_VOLUME = 9022
LUN_ALREADY_MAPPED = 9023
LUN_ID_TAKEN = 9024
IGROUP_MAPS_EXIST = 9029
FORCE_REQUIRED = 9033
SIZE_TOO_LARGE = 9034
RESIZE_TOO_LARGE = 9035
NO_SUCH_VOLUME = 9036
SIZE_TOO_SMALL = 9041
SIZE_UNCHANGED = 9042
API_ERROR = 13001
API_AUTHENTICATION = 13002
API_PRIVILEGE = 13003
API_NOT_FOUND = 13005
SNAPSHOT_EXISTS = 13020
VOLUME_DOES_NOT_EXIST = 13040
INVALID_INPUT = 13115
CLONE_NO_SUCH_VOLUME = 14925
CLONE_NO_SUCH_SOURCE = 14935
CLONE_EXISTS = 14952
OBJECT_NOT_FOUND = 15661
VSERVER_NOT_FOUND = 15698


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the simulator
    """The filer says no: becomes ``<results status="failed" ...>``."""

    def __init__(self, errno: int, reason: str) -> None:
        super().__init__(f"{reason} (errno {errno})")
        self.errno, self.reason = errno, reason
