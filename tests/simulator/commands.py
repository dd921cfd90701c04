"""Which command of ONTAP's command line stands behind each API: roles give rights to commands, not to APIs.

``security login role show-ontapi`` prints this table on a real filer.  Rows are from a copy of that in the tool
with which Trident's role is made (theshashankpal/api-collector), from the commands in NetApp's lists of least
rights (Cinder's, SnapCenter's and Snap Creator's guides) and from the object names that Cinder asks for
(storage.aggregate, volume.efficiency ...).  Those marked [?] are chosen to be like them.
"""

from __future__ import annotations

import re

COMMANDS: dict[str, str] = {
    "aggr-get-iter": "storage aggregate show",
    "aggr-options-list-info": "storage aggregate show",
    "aggr-space-get-iter": "storage aggregate show-space",
    "cg-commit": "volume snapshot create",  # [?]
    "cg-start": "volume snapshot create",  # [?]
    "clone-create": "volume file clone create",
    "clone-split-status": "volume file clone split status",  # [?]
    "cluster-node-get-iter": "cluster show",  # [?]
    "cluster-identity-get": "cluster identity show",
    "ems-autosupport-log": "event generate-autosupport-log",
    "fcp-initiator-get-iter": "vserver fcp initiator show",  # [?]
    "fcp-interface-get-iter": "vserver fcp interface show",
    "fcp-node-get-name": "vserver fcp nodename",  # [?]
    "fcp-port-name-get-iter": "vserver fcp portname show",
    "fcp-service-get-iter": "vserver fcp show",
    "fcp-service-start": "vserver fcp start",  # [?]
    "fcp-service-status": "vserver fcp show",  # [?]
    "fcp-service-stop": "vserver fcp stop",  # [?]
    "file-assign-qos": "volume file modify",  # [?]
    "file-usage-get": "volume file show-disk-usage",
    "igroup-add": "lun igroup add",
    "igroup-bind-portset": "lun igroup bind",  # [?]
    "igroup-create": "lun igroup create",
    "igroup-destroy": "lun igroup delete",
    "igroup-get-iter": "lun igroup show",
    "igroup-list-info": "lun igroup show",  # [?]
    "igroup-lookup-lun": "lun mapping show",  # [?]
    "igroup-remove": "lun igroup remove",
    "igroup-rename": "lun igroup rename",
    "igroup-set-attribute": "lun igroup modify",  # [?]
    "igroup-unbind-portset": "lun igroup unbind",  # [?]
    "iscsi-initiator-auth-get-iter": "vserver iscsi security show",
    "iscsi-initiator-get-auth": "vserver iscsi security show",
    "iscsi-initiator-get-default-auth": "vserver iscsi show",
    "iscsi-initiator-get-iter": "vserver iscsi initiator show",
    "iscsi-interface-get-iter": "vserver iscsi interface show",
    "iscsi-node-get-name": "vserver iscsi nodename",
    "iscsi-service-get-iter": "vserver iscsi show",
    "iscsi-service-start": "vserver iscsi start",  # [?]
    "iscsi-service-status": "vserver iscsi show",  # [?]
    "iscsi-service-stop": "vserver iscsi stop",  # [?]
    "iscsi-session-get-iter": "vserver iscsi session show",  # [?]
    "license-v2-list-info": "system license show",  # [?]
    "lun-clear-persistent-reservation-info": "lun persistent-reservation clear",
    "lun-copy-get-iter": "lun copy show",  # [?]
    "lun-copy-start": "lun copy start",  # [?]
    "lun-create-by-size": "lun create",
    "lun-destroy": "lun delete",
    "lun-get-attribute": "lun show",
    "lun-get-comment": "lun show",  # [?]
    "lun-get-geometry": "lun geometry",
    "lun-get-inquiry-info": "lun show",  # [?]
    "lun-get-iter": "lun show",
    "lun-get-maxsize": "lun maxsize",  # [?]
    "lun-get-minsize": "lun maxsize",  # [?]
    "lun-get-occupied-size": "lun show",  # [?]
    "lun-get-serial-number": "lun serial",
    "lun-get-space-reservation-info": "lun show",  # [?]
    "lun-get-vdisk-attributes": "lun show",  # [?]
    "lun-has-scsi-reservations": "lun persistent-reservation show",  # [?]
    "lun-initiator-list-map-info": "lun mapping show",  # [?]
    "lun-initiator-logged-in": "vserver iscsi initiator show",  # [?]
    "lun-list-info": "lun show",  # [?]
    "lun-map": "lun mapping create",
    "lun-map-add-reporting-nodes": "lun mapping add-reporting-nodes",
    "lun-map-remove-reporting-nodes": "lun mapping remove-reporting-nodes",
    "lun-map-get-iter": "lun mapping show",
    "lun-map-list-info": "lun mapping show",
    "lun-move": "lun move-in-volume",
    "lun-move-get-iter": "lun move show",  # [?]
    "lun-move-start": "lun move start",  # [?]
    "lun-offline": "lun offline",
    "lun-online": "lun online",
    "lun-resize": "lun resize",
    "lun-set-attribute": "lun modify",
    "lun-set-comment": "lun modify",  # [?] before 8.3 "lun comment", which 9.x does not have
    "lun-set-qos-policy-group": "lun modify",
    "lun-set-serial-number": "lun modify",  # [?]
    "lun-set-space-reservation-info": "lun modify",  # [?]
    "lun-unmap": "lun mapping delete",
    "lun-unset-attribute": "lun modify",  # [?]
    "net-interface-create": "network interface create",
    "net-interface-delete": "network interface delete",
    "net-interface-modify": "network interface modify",
    "net-interface-get-iter": "network interface show",
    "perf-object-counter-list-info": "statistics catalog counter show",
    "perf-object-get-instances": "statistics show",  # [?]
    "perf-object-instance-list-info-iter": "statistics catalog instance show",
    "portset-add": "lun portset add",  # [?]
    "portset-create": "lun portset create",  # [?]
    "portset-destroy": "lun portset delete",  # [?]
    "portset-get-iter": "lun portset show",  # [?]
    "portset-remove": "lun portset remove",  # [?]
    "qos-adaptive-policy-group-create": "qos adaptive-policy-group create",
    "qos-adaptive-policy-group-delete": "qos adaptive-policy-group delete",
    "qos-adaptive-policy-group-delete-iter": "qos adaptive-policy-group delete",
    "qos-adaptive-policy-group-get-iter": "qos adaptive-policy-group show",
    "qos-adaptive-policy-group-modify": "qos adaptive-policy-group modify",
    "qos-adaptive-policy-group-rename": "qos adaptive-policy-group rename",
    "qos-policy-group-create": "qos policy-group create",
    "qos-policy-group-delete": "qos policy-group delete",
    "qos-policy-group-delete-iter": "qos policy-group delete",
    "qos-policy-group-get-iter": "qos policy-group show",
    "qos-policy-group-modify": "qos policy-group modify",
    "qos-policy-group-rename": "qos policy-group rename",
    "qtree-create": "volume qtree create",
    "qtree-delete": "volume qtree delete",
    "qtree-list-iter": "volume qtree show",
    "security-login-create": "security login create",
    "security-login-delete": "security login delete",
    "security-login-get-iter": "security login show",
    "security-login-role-create": "security login role create",
    "security-login-role-delete": "security login role delete",
    "security-login-role-get-iter": "security login role show",
    "security-login-role-modify": "security login role modify",
    "sis-get-iter": "volume efficiency show",
    "snapmirror-break": "snapmirror break",
    "snapmirror-create": "snapmirror create",
    "snapmirror-destroy": "snapmirror delete",
    "snapmirror-get-destination-iter": "snapmirror list-destinations",
    "snapmirror-get-iter": "snapmirror show",
    "snapmirror-initialize": "snapmirror initialize",
    "snapmirror-resync": "snapmirror resync",
    "snapmirror-update": "snapmirror update",
    "snapshot-create": "volume snapshot create",
    "snapshot-delete": "volume snapshot delete",
    "snapshot-get-iter": "volume snapshot show",
    "snapshot-list-info": "volume snapshot show",  # [?]
    "snapshot-rename": "volume snapshot rename",
    "snapshot-restore-volume": "volume snapshot restore",
    "storage-disk-get-iter": "storage disk show",
    "system-get-ontapi-version": "version",
    "system-get-version": "version",
    "system-node-get-iter": "system node show",
    "system-user-capability-get-iter": "security login role show-user-capability",  # [?] Cinder: the directory
    "volume-clone-create": "volume clone create",
    "volume-clone-get": "volume clone show",
    "volume-clone-get-iter": "volume clone show",
    "volume-clone-split-start": "volume clone split start",
    "volume-create": "volume create",
    "volume-destroy": "volume destroy",
    "volume-get-iter": "volume show",
    "volume-modify-iter": "volume modify",
    "volume-mount": "volume mount",
    "volume-move-get-iter": "volume move show",
    "volume-move-start": "volume move start",
    "volume-offline": "volume offline",
    "volume-online": "volume online",
    "volume-rename": "volume rename",
    "volume-size": "volume size",
    "volume-unmount": "volume unmount",
    "vserver-create": "vserver create",
    "vserver-destroy": "vserver delete",  # [?]
    "vserver-start": "vserver start",  # [?]
    "vserver-stop": "vserver stop",  # [?]
    "vserver-get": "vserver show",
    "vserver-get-iter": "vserver show",
    "vserver-peer-get-iter": "vserver peer show",
    "vserver-show-aggr-get-iter": "vserver show-aggregates",
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
