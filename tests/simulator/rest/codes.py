"""The codes of REST's refusals, and the exception that carries one to the answer.

Codes and their meanings are those of the error tables in NetApp's REST documentation (the package netapp-ontap and
Trident's generated client have copies). Common codes come first. The texts are ours: clients must go by the code.
"""

from __future__ import annotations

EXISTS = "1"
NOT_FOUND = "4"
API_NOT_FOUND = "3"
NOT_AUTHORIZED = "6"
UNEXPECTED_ARGUMENT = "262179"
FIELD_TWICE = "262188"
NOT_SETTABLE = "262196"
INVALID_VALUE = "262197"
MISSING_VALUE = "262186"
MALFORMED = "262198"

SVM_NOT_FOUND = "2621462"
SVM_MISMATCH = "2621706"
SVM_MISSING = "2621707"
SVM_LOCKED = "2621573"

VOLUME_NOT_FOUND = "917927"
VOLUME_UUID_NOT_FOUND = "918235"
VOLUME_MISMATCH = "918236"
QTREE_NOT_FOUND = "5242927"

NO_SUITABLE_STORAGE = "5440509"
LUN_EXISTS = "5374242"
LUN_RENAME_EXISTS = "1254196"
LUN_NAME_CHARACTERS = "5374121"
LUN_NAME_INVALID = "5374127"
LUN_SIZE_NEGATIVE = "5374123"
LUN_SIZE_SMALL = "5374124"
LUN_SIZE_LARGE = "5374125"
LUN_SIZE_INVALID = "5374130"
LUN_SIZE_UNITS = "5374241"
LUN_SIZE_UNCHANGED = "1254226"
LUN_SHRINK = "5374892"
LUN_IN_MIRROR = "5374129"
LUN_IN_ROOT_VOLUME = "5374237"
LUN_IN_SNAPSHOT = "5374238"
LUN_VOLUME_DISAGREES = "5374858"
LUN_WITHOUT_VOLUME = "5374859"
LUN_QTREE_DISAGREES = "5374860"
LUN_BASE_DISAGREES = "5374861"
LUN_WITHOUT_BASE = "5374862"
LUN_MADE_BUT_INCOMPLETE = "5374863"
LUN_MADE_BUT_UNREADABLE = "5374886"
LUN_VOLUME_OFFLINE = "5374866"
LUN_SOURCE_DISAGREES = "5374874"
LUN_NOT_FOUND = "5374875"
LUN_NAME_NOT_FOUND = "5374876"
LUN_NOT_IN_CLONE = "5374883"
LUN_REQUIRED = "5374884"
LUN_NOT_WITH_CLONE = "5374942"
LUN_NOT_ON_PLATFORM = "5376469"
LUN_MAPPED = "1254197"
CLONE_OTHER_VOLUME = "1260121"
CLONE_EXISTS = "1260136"
CLONE_FAILED = "13565952"
ATTRIBUTE_INCOMPLETE = "5374928"
ATTRIBUTE_TOO_LARGE = "5374929"
ATTRIBUTE_TWICE = "5374932"
ATTRIBUTE_EXISTS = "5374930"
ATTRIBUTE_NOT_FOUND = "5374931"
QOS_UNSUITABLE = "5375059"
QOS_NOT_FOUND = "8454243"

MAP_EXISTS = "1254207"
MAP_LUN_NOT_FOUND = "1254201"
MAP_IGROUP_NOT_FOUND = "5374878"
MAP_WITHOUT_LUN = "5374901"
MAP_WITHOUT_IGROUP = "5374902"
MAP_NOT_FOUND = "5374922"
MAP_NODE_NOT_FOUND = "5374920"
MAP_NODE_MISSING = "5374923"
MAP_LAST_NODE = "5374608"

IGROUP_EXISTS = "5374023"
IGROUP_NOT_FOUND = "5374852"
IGROUP_NAME_INVALID = "5373958"
IGROUP_MAPPED = "1254213"
NESTED_AND_INITIATORS = "5374040"
NESTED_TOO_DEEP = "5374735"
NESTED_HERE = "5374736"
NESTED_ELSEWHERE = "5374737"
NESTED_NOT_HERE = "5374738"
NESTED_OTHER_OS = "5374739"
NESTED_OTHER_PROTOCOL = "5374740"
NESTED_INITIATOR_TWICE = "5374742"
NESTED_PARENT_MAPPED = "5374743"
NESTED_IN_ITSELF = "5374745"
PORTSET_NOT_FOUND = "5374911"
INITIATORS_MISSING = "5374033"
INITIATOR_NOT_IN_IGROUP = "5374034"
INITIATOR_IN_IGROUP = "5374035"
INITIATOR_OF_NESTED = "5374041"
INITIATOR_NOT_FC = "5374038"
INITIATOR_NOT_ISCSI = "5374039"
INITIATOR_TWICE = "5374917"
INITIATOR_LUN_TWICE = "1254193"
INITIATOR_ID_TWICE = "1254324"
INITIATOR_OTHER_OS_CREATE = "5374732"
INITIATOR_OTHER_OS_ADD = "5374734"
IQN_INCOMPLETE = "5373969"
IQN_DATE = "5373971"
IQN_AUTHORITY = "5373972"
EUI_LENGTH = "5373977"
EUI_FORMAT = "5373978"
WWN_LENGTH = "5373982"
WWN_FORMAT = "5373983"
INITIATOR_TOO_LONG = "5373992"
INITIATOR_UNKNOWN_FORM = "5373993"

# Of iSCSI's service; no source has those of FC's [?], which get the same.
NO_SERVICE = "5374078"
SERVICE_EXISTS = "5374077"
SERVICE_NOT_LICENSED = "1115127"
SERVICE_ENABLED = "5373960"
FC_INTERFACE_ENABLED = "53280992"

# HTTP's status by code: those of the common codes are documented, the others chosen to be like them.
_STATUS = {
    NOT_AUTHORIZED: 403,
    **dict.fromkeys([API_NOT_FOUND, NOT_FOUND], 404),
    **dict.fromkeys([LUN_NOT_FOUND, LUN_NAME_NOT_FOUND, MAP_IGROUP_NOT_FOUND, MAP_NOT_FOUND], 404),
    **dict.fromkeys([IGROUP_NOT_FOUND, MAP_LUN_NOT_FOUND, INITIATOR_NOT_IN_IGROUP, NO_SERVICE], 404),
    **dict.fromkeys([EXISTS, "8", LUN_EXISTS, LUN_RENAME_EXISTS, CLONE_EXISTS, MAP_EXISTS, IGROUP_EXISTS], 409),
    **dict.fromkeys([SERVICE_EXISTS, INITIATOR_IN_IGROUP, LUN_MAPPED, IGROUP_MAPPED, INITIATOR_LUN_TWICE], 409),
    INITIATOR_ID_TWICE: 409,
}


def status_of(code: str) -> int:
    """The HTTP status that comes with a code."""
    return _STATUS.get(code, 400)


class Problem(Exception):  # noqa: N818 - a refusal is an answer, not a fault of the simulator
    """The filer says no: becomes ``{"error": {"code": ..., "message": ...}}``."""

    def __init__(self, code: str, message: str, *, target: str = "") -> None:
        super().__init__(f"{message} (code {code})")
        self.code, self.message, self.target = code, message, target

    @property
    def status(self) -> int:
        """The HTTP status."""
        return status_of(self.code)

    def to_json(self) -> dict[str, str]:
        """The error object; the code is a string."""
        told = {"message": self.message, "code": self.code}
        return {**told, "target": self.target} if self.target else told


def invalid(field: str, value: object, form: str = "") -> Problem:
    """A value that does not fit its field, in the words of answers in the issues of Harvest and Ansible."""
    shown = f" (<{form}>)" if form else ""
    return Problem(INVALID_VALUE, f'The value "{value}" is invalid for field "{field}"{shown}', target=field)


def unexpected(argument: str) -> Problem:
    """A query parameter or a field of a body that does not exist."""
    return Problem(UNEXPECTED_ARGUMENT, f'Unexpected argument "{argument}".', target=argument)


def not_settable(field: str) -> Problem:
    """A field that exists, but not in a body of this call."""
    return Problem(NOT_SETTABLE, f'Field "{field}" cannot be set in this operation', target=field)
