"""Every field of volume-attributes (ONTAPI 1.180, as the generator of Trident's client has them)."""

from __future__ import annotations

from tests.simulator.iterator import Fields, fields

VOLUME: Fields = fields(
    "encrypt encryption-state encryption-type key-id",
    {
        "volume-antivirus-attributes": fields("on-access-policy"),
        "volume-autobalance-attributes": fields("is-autobalance-eligible"),
        "volume-autosize-attributes": fields(
            "grow-threshold-percent is-enabled maximum-size minimum-size mode reset shrink-threshold-percent"
        ),
        "volume-clone-attributes": fields(
            "clone-child-count",
            {
                "volume-clone-parent-attributes": fields(
                    "dsid msid name snapshot-id snapshot-name uuid vserver-name"
                ),
            },
        ),
        "volume-comp-aggr-attributes": fields(
            "cloud-retrieval-policy needs-object-retagging tiering-minimum-cooling-days tiering-policy",
            {
                "tiering-object-tags": fields("string"),
            },
        ),
        "volume-directory-attributes": fields("i2p-enabled max-dir-size root-dir-gen"),
        "volume-export-attributes": fields("policy"),
        "volume-flexcache-attributes": fields("cache-policy fill-policy min-reserve origin"),
        "volume-hybrid-cache-attributes": fields(
            "cache-retention-priority caching-policy eligibility write-cache-ineligibility-reason"
        ),
        "volume-id-attributes": fields(
            "application application-uuid comment containing-aggregate-name containing-aggregate-uuid "
            "creation-time dsid extent-size flexcache-endpoint-type flexgroup-index flexgroup-msid "
            "flexgroup-uuid fsid instance-uuid junction-parent-name junction-path msid name name-ordinal "
            "node owning-vserver-name owning-vserver-uuid provenance-uuid style style-extended type uuid",
            {
                "aggr-list": fields("aggr-name"),
                "nodes": fields("node-name"),
            },
        ),
        "volume-infinitevol-attributes": fields(
            "constituent-role enable-snapdiff is-managed-by-service max-data-constituent-size "
            "max-namespace-constituent-size storage-service",
            {
                "namespace-mirror-aggr-list": fields("aggr-name"),
            },
        ),
        "volume-inode-attributes": fields(
            "block-type files-private-used files-total files-used inodefile-private-capacity "
            "inodefile-public-capacity inofile-version"
        ),
        "volume-language-attributes": fields(
            "is-convert-ucode-enabled is-create-ucode-enabled language language-code nfs-character-set "
            "oem-character-set"
        ),
        "volume-mirror-attributes": fields(
            "is-data-protection-mirror is-load-sharing-mirror is-move-mirror is-replica-volume "
            "is-snapmirror-source mirror-transfer-in-progress redirect-snapshot-id"
        ),
        "volume-performance-attributes": fields(
            "extent-enabled fc-delegs-enabled is-atime-update-enabled max-write-alloc-blocks "
            "minimal-read-ahead read-realloc single-instance-data-logging"
        ),
        "volume-qos-attributes": fields("adaptive-policy-group-name policy-group-name"),
        "volume-security-attributes": fields(
            "style",
            {
                "volume-security-unix-attributes": fields("group-id permissions user-id"),
            },
        ),
        "volume-sis-attributes": fields(
            "compression-space-saved deduplication-space-saved deduplication-space-shared "
            "is-sis-logging-enabled is-sis-state-enabled is-sis-volume percentage-compression-space-saved "
            "percentage-deduplication-space-saved percentage-total-space-saved total-space-saved"
        ),
        "volume-snaplock-attributes": fields("snaplock-type"),
        "volume-snapshot-attributes": fields(
            "auto-snapshots-enabled snapdir-access-enabled snapshot-clone-dependency-enabled "
            "snapshot-count snapshot-policy"
        ),
        "volume-snapshot-autodelete-attributes": fields(
            "commitment defer-delete delete-order destroy-list is-autodelete-enabled prefix "
            "target-free-space trigger"
        ),
        "volume-space-attributes": fields(
            "expected-available filesystem-size is-filesys-size-fixed is-space-enforcement-logical "
            "is-space-guarantee-enabled is-space-reporting-logical is-space-slo-enabled logical-available "
            "logical-used logical-used-by-afs logical-used-by-snapshots logical-used-percent "
            "max-constituent-size over-provisioned overwrite-reserve overwrite-reserve-required "
            "overwrite-reserve-used overwrite-reserve-used-actual percentage-fractional-reserve "
            "percentage-size-used percentage-snapshot-reserve percentage-snapshot-reserve-used "
            "performance-tier-inactive-user-data performance-tier-inactive-user-data-percent "
            "physical-used physical-used-percent size size-available size-available-for-snapshots "
            "size-total size-used size-used-by-snapshots snapshot-reserve-available snapshot-reserve-size "
            "space-full-threshold-percent space-guarantee space-mgmt-option-try-first "
            "space-nearly-full-threshold-percent space-slo"
        ),
        "volume-state-attributes": fields(
            "become-node-root-after-reboot constituent-count force-nvfail-on-dr ignore-inconsistent "
            "in-nvfailed-state is-cluster-volume is-constituent is-flexgroup is-flexgroup-qtree-enabled "
            "is-inconsistent is-invalid is-junction-active is-move-destination-in-cutover is-moving "
            "is-node-root is-nvfail-enabled is-protocol-access-fenced is-quiesced-in-memory "
            "is-quiesced-on-disk is-smbc-failover-capable is-smbc-master is-unrecoverable "
            "is-volume-in-cutover is-vserver-root protocol-access-fenced-by smbc-consensus state",
            {
                "status": fields("string"),
            },
        ),
        "volume-transition-attributes": fields(
            "is-cft-precommit is-copied-for-transition is-transitioned transition-behavior"
        ),
        "volume-vm-align-attributes": fields("vm-align-sector vm-align-suffix"),
        "volume-vserver-dr-protection-attributes": fields("vserver-dr-protection"),
    },
)
