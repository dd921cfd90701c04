"""What stands in the braces of messages, in real length; by its source, or by its file and source."""

from __future__ import annotations

NAME = "1a2b3c4d-1a2b-1a2b-1a2b-1a2b3c4d5e6f.ext.disk0"
FQDN = "node17.storage.example-company.org"
FILER = "filer3.storage.example-company.org"
IQN = "iqn.1993-08.org.debian:01:5b2f9c1d7e3a"
GROUP = f"ganeti-{FQDN}"
POOL = "ganeti"
PATH = f"/vol/{POOL}/{NAME}"
NAA = "600a0980383054723324526c68717745"
LINK = f"/dev/disk/{FILER}/{POOL}/{NAME}"
CONFIG = "/etc/ganeti/extstorage-dataontap.conf"
CA = "/etc/ganeti/extstorage-dataontap-ca.pem"
HOLDER = "process 184723 (qemu-system-x86)"
OSERROR = "No space left on device"
API = "lun-create-by-size"
SIZE = "1099511627776"
# Errors within others, and lists of them.
ERROR = "lun-map failed: No such LUN exists (errno 9017)"
COMMAND_ERROR = "rescan-scsi-bus.sh -r failed with status 1: Host adapter 4 not found"
UNLISTED = f"volume {POOL} could not be listed: is offline (errno 13042)"
OSTYPES = (
    "aix, hpux, hyper_v, image, linux, netware, openvms, solaris, solaris_efi, vmware, windows, windows_2008, "
    "windows_gpt, xen"
)

VALUES = {
    **dict.fromkeys(("pool", "settings.pool", "self._settings.pool", "site.settings.pool", "lun.pool"), POOL),
    **dict.fromkeys(
        ("lun.where", "own.where", "there.where", "originals[0].where", "other.where", "leftover.where"), POOL
    ),
    "self._settings.pool.partition('/')[0]": POOL,
    "', '.join((other.where for other in others))": f"{POOL}, {POOL}2",
    "', '.join((lun.where for lun in luns))": f"{POOL}, {POOL}2",
    **dict.fromkeys(("known[0].path", "other.path", "lun.path", "leftover.path", "self.own(name).path"), PATH),
    "', '.join((other.path for other in others))": PATH,
    **dict.fromkeys(("own", "group.name", "found.name", "self.own", "placement.igroups.own", "igroup"), GROUP),
    **dict.fromkeys(("form.replace(NODE, self._cluster.node)", "others[0]", "', '.join(others)"), GROUP),
    "', '.join(sorted(others))": GROUP,
    "self._settings.igroup": "ganeti-{node}",
    "found.protocol": "fcp",
    "first": IQN,
    "wanted": "iscsi",
    "what": "may be a copy",
    "volume/strangers.py:told": "cluster.example-company.org",
    "len(more)": "3",
    **dict.fromkeys(("naa", "answer.naa", "found.naa", "found[0]"), NAA),
    **dict.fromkeys(("above[0].title", "found.title", "title"), f"3{NAA}"),
    **dict.fromkeys(("device", "ganeti/cleanup.py:device"), LINK),
    "host/bring_up.py:name": "dm-117",
    **dict.fromkeys(("host/identity.py:name", "block.name"), "dm-117"),
    **dict.fromkeys(("host/identity.py:why", "host/take_down.py:why"), "[Errno 5] Input/output error"),
    **dict.fromkeys(("block.size", "self._node.size(device)"), SIZE),
    **dict.fromkeys(("host/take_down.py:path", "host/identity.py:path"), "sdaz"),
    **dict.fromkeys(("', '.join(down)", "', '.join(behind)", "', '.join(late)"), "sdaz, sdba, sdbb, sdbc"),
    **dict.fromkeys(("', '.join(held)", "', '.join(holders)"), HOLDER),
    "', '.join(above)": "dm-117",
    "', '.join((path[:-len(name) - 1] for path in found))": f"/dev/disk/{FILER}/{POOL}, /dev/disk/filer4/{POOL}",
    "there.parent": f"/dev/disk/{FILER}/{POOL}",
    "Path(stable).parent": f"/dev/disk/{FILER}/{POOL}",
    **dict.fromkeys(("answer.size", "size", "seen", "wanted.size"), SIZE),
    "int((self._system(device) / 'size').read_text(encoding='ascii')) * SECTOR": SIZE,
    "volume.size // _MIB": "1048576",
    "volume.new_size // _MIB": "524288",
    "error.strerror": OSERROR,
    "client/tls.py:what": "not a certificate and its key in PEM form",
    "Path(path).parent": "/run/ganeti-extstorage-dataontap/lock",
    "self._directory": "/run/ganeti-extstorage-dataontap/udev",
    "failure": "the device's record cannot be written",
    "host/fc.py:names": "50:0a:09:82:80:00:00:01, 50:0a:09:82:80:00:00:02 and 30 more",
    "', '.join(names[:2])": "50:0a:09:82:80:00:00:01, 50:0a:09:82:80:00:00:02",
    "host/fc.py:states": "50:0a:09:82:80:00:00:01: its state is Blocked and 3 more",
    # Programs
    "argv[0]": "/usr/local/sbin/ganeti-attach-lun",
    "' '.join([argv[0].rpartition('/')[2], *words])": "rescan-scsi-bus.sh --largelun --forcerescan",
    "f'{timeout:.0f}'": "120",
    "timeout": "120",
    "status": "255",
    "said[:_SAID]": 70 * "x",
    "said.strip() or 'no answer'": "fail",
    "self._sysfs.size(name)": SIZE,
    "said": "fail",
    "failed[0]": COMMAND_ERROR,
    "'; '.join(filter(None, told))": f"{COMMAND_ERROR}; no device came up (waited 10 s)",
    "str(problems) or untried": (
        "the portal does not answer (connection timed out), see the filer's interface "
        "(192.0.2.5:3260, 192.0.2.6:3260)"
    ),
    "self._nodes": "/var/lib/iscsi/nodes",
    "addresses": "2001:db8:1234:5678:9abc:def0:1234:5678 and 11 more",
    "_first(self.networks)": "2001:db8:1234:5678::/64 and 3 more",
    "host/iscsi_records.py:name": "iface-storage-1",
    "error": ERROR,
    "lost": ERROR,
    "str(error)": ERROR,
    "problems[-1]": "multipath -f failed with status 1: map in use",
    "host/udev.py:error": OSERROR,
    "host/addresses.py:error": OSERROR,
    "host/commands.py:error": OSERROR,
    "step": "the volume's lock, held by another script",
    "f'{seconds:g}'": "120",
    "seconds": "120",
    # The filer
    **dict.fromkeys(("filer.address", "self.filer.address"), f"{FILER}:8443"),
    **dict.fromkeys(("api", "self._api", "question.api", "self.api", "error.api"), API),
    "code": "13001",
    "client/status.py:status": "404",
    "client/status.py:api": "REST",
    "service": "ontapi",
    "limit": "TIMEOUT is 120 s",
    "one_line(reason, limit)": "Vserver API missing vserver parameter.",
    "hint": "is CLUSTER_MODE_VSERVER missing?",
    "self.name": "lun-info",
    "name": "serial-number",
    "text[:40]": 40 * "x",
    "error.msg": "Opening and ending tag mismatch: br line 2 and p",
    "field": "serial-number",
    **dict.fromkeys(("shown(value)", "shown(' '.join(name))"), PATH),
    "client/rest/api.py:call": "DELETE initiators",
    "one_line(uuid, 40)": 40 * "x",
    "client/svm.py:number": "12",
    **dict.fromkeys(("client/svm.py:name", "svm.name"), "svm1"),
    "other.name": "svm1-mc",
    **dict.fromkeys(("client/addresses.py:other", "filer.hostname"), FILER),
    "client/addresses.py:first": f"{FILER}:8443 does not answer (15 s); check HOSTNAME, routes and firewalls",
    "self.svm": "svm1",
    "str(value(record, name))[:40]": 40 * "x",
    "_NOT_SERVED[kind]": "the filer is an ASA r2, whose LUNs are in no volume; this version does not support it",
    "client/rest/listing.py:path": "/protocols/san/igroups",
    "client/rest/luns.py:lun.path": PATH,
    "MOST_BYTES >> 20": "128",
    "shown(link)": "/api/storage/volumes?start.uuid=1a2b3c4d-1a2b-1a2b-1a2b-1a2b3c4d5e6f",
    "found.problems[0]": UNLISTED,
    "str(found.problems[0])": UNLISTED,
    "problems[0]": UNLISTED,
    "problem": UNLISTED,
    "more": " (and 2 more)",
    "client/zapi/listing.py:why": "the tag of the next page is the last one's",
    "getattr(error, 'strerror', None) or error": "Connection reset by peer",
    "MARKUP_LIMIT": "250000",
    "ANSWER_LIMIT": "8388608",
    "errors.py:step": API,
    "self": f"{FILER}:8443 did not answer in time (TIMEOUT is 120 s)",
    "announced": "100",
    "len(records)": "99",
    "filer.login": "ganeti",
    "filer.ca_file": CA,
    "filer.cert_file": CA,
    "key": f" or KEY_FILE {CA} (it must not be encrypted)",
    "tls.other_name(filer, names)": f"HOSTNAME is {FILER}, the certificate is for {FILER}, svm1; use a name in it",
    "of_tls": (
        f"{FILER}:8443's certificate is from a CA not in the system's store; put the CA's certificate into CA_FILE"
    ),
    "settings.storage_family": "ontap_7mode",
    "', '.join(missing)": "lun-create-by-size, lun-destroy, lun-map, lun-resize",
    "client.get_iscsi_service_details()": IQN,
    "odd[0]": "192.0.2.5:3260 is administratively down",
    "finding.sentence": (
        f"IGROUP: cloned initiatorname.iscsi: {GROUP} and {GROUP} share an initiator; "
        "give each machine its own, then lun igroup remove the shared one"
    ),
    "_NO_INITIATORS[self._settings.storage_protocol]": (
        "this node has no Fibre Channel port with a WWPN; see /sys/class/fc_host"
    ),
    "volume/luns.py:volume": POOL,
    # Options and variables
    "path": CONFIG,
    "statement.lineno": "117",
    "line": "117",
    "lines[name]": "12",
    "target.id": "POOL_NAME_SEARCH_PATTERN",
    "config.py:name": "POOL_NAME_SEARCH_PATTERN",
    "known.name.upper()": "HOSTNAME",
    "name.upper()": "LUN_OSTYPE",
    "close[0]": "POOL_NAME_SEARCH_PATTERN",
    "config.py:error": f"'debian' is none of {OSTYPES}",
    "config.py:str(error)": f"'debian' is none of {OSTYPES}",
    "found[1]": "POOL_NAME_SEARCH_PATTERN",
    "config.py:problem": "unterminated string literal",
    "getattr(error, 'msg', str(error))": "unterminated string literal",
    "variable": "VOL_SNAPSHOT_SIZE",
    "text[:80]": 40 * "x",
    "uuid": NAME,
    "', '.join(PARAMETERS)": "pool, igroup, lun_ostype, lun_space_reservation",
    "check": "credential",
    "', '.join(Verification.known)": "params, config, connection, credentials, pool, igroup, orphans",
    "volume/igroups.py:error": "expected an initiator group's name, or one such as 'ganeti-{node}', not 'a b'",
    # Hooks, and scripts for more than one volume, whose line begins otherwise.
    "'; '.join(failed)": f"{NAME}: {ERROR}",
    "'; '.join(problems)": f"{NAME}: {ERROR}",
    "call.path": "instance-migrate",
    "call.phase": "pre",
    "ganeti/hooks.py:where": "/etc/ganeti/hooks/instance-migrate-pre.d",
    "Path(directory, 'config.data')": "/var/lib/ganeti/config.data",
    "type(error).__name__": "JSONDecodeError",
    "folder": "/var/lib/ganeti",
}

# Words that have to be within the line where a message does not fit, and why it does not.
TOO_LONG = {
    "(HTTP status 404); vserver services web modify -name ontapi -enabled true": "the command is whole",
    f"does not accept the certificate in CERT_FILE {CA}": "all but the HTTP status is there",
    "if that is gone: FORMER_CLUSTERS, or lun mapping delete -igroup": "the option is the remedy",
    "'debian' is none of aix, hpux, ": "the types of LUNs are many; what was given stands first",
    "CERT_FILE: not a certificate and its key in PEM form: ": "two files are named after the reason",
    "cloned initiatorname.iscsi: ": "the remedy is whole at verify's standard output",
    "(qemu-system-x86); end that, then detach": "what multipath said stands last",
    "--forcerescan failed with status 255: xxxxxxxxxx": "what a program says may be as long as it likes",
}
