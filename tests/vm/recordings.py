"""What a real node's kernel and programs say of one LUN with two paths, for the unit level: tests/data/node.json.

.venv/bin/python -m tests.vm.guest --out /tmp/recorded -- python3 -m tests.vm.recordings /out/node.json
"""

from __future__ import annotations

import glob
import json
import os
import platform
import sys
from pathlib import Path

from tests.simulator.process import Simulator
from tests.testbed import filer
from tests.vm import firstway, machine
from tests.vm.storage import IGROUP, Storage

LUN_ID = 300  # above 255: the flat space method's
# What of sysfs is kept: directories whose links are followed to what they describe.
CLASSES = ("scsi_host", "scsi_disk", "scsi_device", "iscsi_session", "iscsi_connection", "block")
FILES = (
    *("state", "wwid", "vendor", "model", "rev", "type", "access_state", "preferred_path", "dh_state"),
    *("size", "dev", "dm/name", "dm/uuid", "dm/suspended", "diskseq", "removable", "ro"),
    *("targetname", "recovery_tmo", "address", "persistent_address", "persistent_port", "proc_name"),
)
PAGES = ("vpd_pg0", "vpd_pg80", "vpd_pg83", "inquiry")
OUTPUTS = (
    ("multipath", "-ll"),
    ("multipathd", "show", "daemon"),
    ("multipathd", "show", "maps", "json"),
    ("multipathd", "show", "paths", "raw", "format", "%w|%d|%i|%t|%T"),
    ("iscsiadm", "-m", "session"),
    ("iscsiadm", "-m", "node"),
    ("udevadm", "info", "--query=property", "--name=sda"),
    ("udevadm", "info", "--query=property", "--name=dm-0"),
    ("dmsetup", "table"),
)


def tree() -> dict[str, str]:
    """Paths below /sys -> their text; "-> target" for a link; a page's bytes in hexadecimal after "hex "."""
    found: dict[str, str] = {}
    for name in CLASSES:
        for entry in sorted(glob.glob(f"/sys/class/{name}/*")):
            place = os.path.realpath(entry)
            if "/virtual/block/loop" in place or "/vd" in place:
                continue
            found[entry] = f"-> {place}"
            note(place, found)
            if os.path.isdir(f"{place}/device") and name in {"scsi_disk", "block"}:
                device = os.path.realpath(f"{place}/device")
                found[f"{place}/device"] = f"-> {device}"
                note(device, found)
    for entry in sorted(glob.glob("/sys/block/*")):
        if os.path.realpath(entry) in {text[3:] for text in found.values()}:
            found[entry] = f"-> {os.path.realpath(entry)}"
    return found


def note(place: str, found: dict[str, str]) -> None:
    """The files of one directory, and the names of what is built upon it."""
    for name in FILES:
        try:
            found[f"{place}/{name}"] = Path(place, name).read_text().rstrip("\n")
        except (OSError, UnicodeDecodeError):
            continue  # not every device has each
    for name in PAGES:
        if Path(place, name).exists():
            found[f"{place}/{name}"] = f"hex {Path(place, name).read_bytes().hex()}"
    for name in ("slaves", "holders", "block"):
        for entry in sorted(glob.glob(f"{place}/{name}/*")):
            found[entry] = f"-> {os.path.realpath(entry)}" if os.path.islink(entry) else ""


def main(target: str) -> None:
    """Record, once a LUN is here by two paths."""
    state = Path("/var/filer")
    options = ("--iscsi", "127.0.0.1,127.0.0.2", "--seed", "recorded")
    with Simulator(state, *options) as simulator, filer.admin(simulator) as admin:
        node = machine.here()
        storage = Storage(admin, state, node)
        filer.make_igroup(admin, IGROUP, *node.initiators())
        lun = storage.make("recorded", LUN_ID)
        firstway.log_in(node)
        firstway.attach(node, lun)
        node.await_that(lambda: len(node.paths(lun.naa)) == 2, "both paths")
        programs = node.shell("dpkg-query -W -f '${Package} ${Version}, ' open-iscsi multipath-tools udev")
        origin = f"a guest of tests/vm, Linux {platform.release()}, {programs}recorded by tests/vm/recordings.py"
        outputs = {" ".join(argv): node.run(*argv).stdout for argv in OUTPUTS}
        recorded = {"origin": origin, "naa": lun.naa, "lun_id": LUN_ID, "sysfs": tree(), "outputs": outputs}
    Path(target).write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
