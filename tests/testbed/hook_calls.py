"""What Ganeti tells the hooks: whole environments, of an instance with one disk or two."""

from __future__ import annotations

NAME = "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0"
UUID = "e5d84ccc-11b6-4f5d-8702-af659b341813"
OTHER = "f609472d-c5f8-4fa3-b895-53ac731616f7.ext.disk1"
OTHER_UUID = "61690335-5ffc-433c-851b-ea743300567c"

# What instance-migrate-pre got on a cluster, but for the names of cluster and nodes, and the provider's.
MIGRATION = {
    "GANETI_ALLOW_RUNTIME_CHANGES": "True",
    "GANETI_CLUSTER": "cluster.example",
    "GANETI_DATA_DIR": "/var/lib/ganeti",
    "GANETI_HOOKS_PATH": "instance-migrate",
    "GANETI_HOOKS_PHASE": "pre",
    "GANETI_HOOKS_VERSION": "2",
    "GANETI_INSTANCE_BE_always_failover": "False",
    "GANETI_INSTANCE_BE_auto_balance": "True",
    "GANETI_INSTANCE_BE_maxmem": "128",
    "GANETI_INSTANCE_BE_minmem": "128",
    "GANETI_INSTANCE_BE_spindle_use": "1",
    "GANETI_INSTANCE_BE_vcpus": "1",
    "GANETI_INSTANCE_DISK0_DEV_TYPE": "ext",
    "GANETI_INSTANCE_DISK0_ID": NAME,
    "GANETI_INSTANCE_DISK0_MODE": "rw",
    "GANETI_INSTANCE_DISK0_NAME": "root",
    "GANETI_INSTANCE_DISK0_PROVIDER": "dataontap",
    "GANETI_INSTANCE_DISK0_SIZE": "4096",
    "GANETI_INSTANCE_DISK0_UUID": UUID,
    "GANETI_INSTANCE_DISK_COUNT": "1",
    "GANETI_INSTANCE_DISK_TEMPLATE": "ext",
    "GANETI_INSTANCE_HV_migration_mode": "live",
    "GANETI_INSTANCE_HYPERVISOR": "fake",
    "GANETI_INSTANCE_MAXMEM": "128",
    "GANETI_INSTANCE_MEMORY": "128",
    "GANETI_INSTANCE_MINMEM": "128",
    "GANETI_INSTANCE_NAME": "inst1.example",
    "GANETI_INSTANCE_NIC_COUNT": "0",
    "GANETI_INSTANCE_OS_TYPE": "noop+default",
    "GANETI_INSTANCE_PRIMARY": "node1.example",
    "GANETI_INSTANCE_SECONDARIES": "",
    "GANETI_INSTANCE_STATUS": "up",
    "GANETI_INSTANCE_TAGS": "",
    "GANETI_INSTANCE_VCPUS": "1",
    "GANETI_MASTER": "node1.example",
    "GANETI_MIGRATE_CLEANUP": "False",
    "GANETI_MIGRATE_LIVE": "True",
    "GANETI_NEW_PRIMARY": "node2.example",
    "GANETI_NEW_SECONDARY": "",
    "GANETI_OBJECT_TYPE": "INSTANCE",
    "GANETI_OLD_PRIMARY": "node1.example",
    "GANETI_OLD_SECONDARY": "",
    "GANETI_OP_CODE": "OP_INSTANCE_MIGRATE",
    "GANETI_OP_TARGET": "inst1.example",
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
}
FAILOVER = {
    **MIGRATION,
    "GANETI_HOOKS_PATH": "instance-failover",
    "GANETI_OP_CODE": "OP_INSTANCE_FAILOVER",
    "GANETI_FAILOVER_CLEANUP": "False",
    "GANETI_IGNORE_CONSISTENCY": "False",
}
SECOND_DISK = {
    "GANETI_INSTANCE_DISK_COUNT": "2",
    "GANETI_INSTANCE_DISK1_DEV_TYPE": "ext",
    "GANETI_INSTANCE_DISK1_ID": OTHER,
    "GANETI_INSTANCE_DISK1_PROVIDER": "dataontap",
    "GANETI_INSTANCE_DISK1_UUID": OTHER_UUID,
}
REMOVAL = {
    **{name: value for name, value in MIGRATION.items() if "PRIMARY" not in name and "MIGRATE" not in name},
    **SECOND_DISK,
    "GANETI_HOOKS_PATH": "instance-remove",
    "GANETI_HOOKS_PHASE": "post",
    "GANETI_INSTANCE_PRIMARY": "node2.example",
    "GANETI_OP_CODE": "OP_INSTANCE_REMOVE",
}
CALLS: dict[str, dict[str, str]] = {"pre-migrate": MIGRATION, "pre-failover": FAILOVER, "post-remove": REMOVAL}
