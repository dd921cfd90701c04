"""Which command of ONTAP's command line stands behind each API: roles give rights to commands, not to APIs.

``security login role show-ontapi`` prints this table on a real filer.  Rows are from a copy of that in the tool
with which Trident's role is made (theshashankpal/api-collector), from the commands in NetApp's lists of least
rights (Cinder's, SnapCenter's and Snap Creator's guides) and from the object names that Cinder asks for
(storage.aggregate, volume.efficiency ...).  Those marked [?] are chosen to be like them.
"""

from __future__ import annotations

import re

COMMANDS: dict[str, str] = {
    "clone-create": "volume file clone create",
    "ems-autosupport-log": "event generate-autosupport-log",
    "fcp-interface-get-iter": "vserver fcp interface show",
    "fcp-port-name-get-iter": "vserver fcp portname show",
    "igroup-add": "lun igroup add",
    "igroup-create": "lun igroup create",
    "igroup-destroy": "lun igroup delete",
    "igroup-get-iter": "lun igroup show",
    "igroup-lookup-lun": "lun mapping show",  # [?]
    "igroup-remove": "lun igroup remove",
    "iscsi-interface-get-iter": "vserver iscsi interface show",
    "iscsi-node-get-name": "vserver iscsi nodename",
    "iscsi-service-get-iter": "vserver iscsi show",
    "lun-create-by-size": "lun create",
    "lun-destroy": "lun delete",
    "lun-get-attribute": "lun show",
    "lun-get-comment": "lun show",  # [?]
    "lun-get-geometry": "lun geometry",
    "lun-get-iter": "lun show",
    "lun-get-minsize": "lun maxsize",  # [?]
    "lun-get-serial-number": "lun serial",
    "lun-initiator-list-map-info": "lun mapping show",  # [?]
    "lun-map": "lun mapping create",
    "lun-map-get-iter": "lun mapping show",
    "lun-map-list-info": "lun mapping show",
    "lun-move": "lun move-in-volume",
    "lun-offline": "lun offline",
    "lun-online": "lun online",
    "lun-resize": "lun resize",
    "lun-set-attribute": "lun modify",
    "lun-set-comment": "lun modify",  # [?] before 8.3 "lun comment", which 9.x does not have
    "lun-set-space-reservation-info": "lun modify",  # [?]
    "lun-unmap": "lun mapping delete",
    "net-interface-get-iter": "network interface show",
    "snapshot-create": "volume snapshot create",
    "system-get-ontapi-version": "version",
    "system-get-version": "version",
    "system-user-capability-get-iter": "security login role show-user-capability",  # [?] Cinder: the directory
    "volume-get-iter": "volume show",
    "vserver-get": "vserver show",
    "vserver-get-iter": "vserver show",
}
# An API that only looks needs no more than ``readonly``.
READS = re.compile(r"(^|-)(get|has|list|lookup|show|status)(-|$)")


def writes(api: str) -> bool:
    """Whether an API changes something."""
    return READS.search(api) is None


def object_and_operation(api: str) -> tuple[str, str]:
    """How system-user-capability-get-iter names what an API does: ("lun.mapping", "create"), as Cinder asks."""
    directory, _, command = COMMANDS[api].rpartition(" ")
    # "version" is in no directory: [?]
    return (directory.replace(" ", "."), command) if directory else (command, "show")
