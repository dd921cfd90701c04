"""attach's hot path: the device is here and is still the one that was proven, or step aside.

Ganeti attaches a volume up to six times an operation, so this module imports next to nothing, asks nobody, and
starts nothing. What it goes by is a record that the ordinary way left in /run when it last proved the device: one
small file a volume. A LUN's device has to prove itself again, too: its paths are asked who they are. Any
difference, any doubt, and ``answer`` returns False, with nothing done: then the ordinary way begins, which knows
how to say what is wrong.
"""

from __future__ import annotations

import os
import stat
from fcntl import LOCK_NB, LOCK_SH, flock
from time import monotonic

from dataontap import inquiry
from dataontap.paths import CONFIG_FILE, RUN

TYPE_CHECKING = False  # as typing's, which would have to be imported
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Version 2 asks the filer once about each volume that version 1 has on record, so that its LUN gets its new tag.
_FORM = "dataontap attached 2"
_LIMIT = 4096
_PATIENCE = 1.0  # seconds that a path may take to say nothing
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
# What of sysfs tells one block device from the next that gets its number: the kernel's count of devices
# (Linux 5.15 and later), a device-mapper map's identity, a SCSI device's.
_IDENTITY = ("diskseq", "dm/uuid", "device/wwid")
# What is only noted, and not compared: which LUN it is on the filer.
_LUN = "lun "
# The ext-params that decide where attach looks.
_PARAMETERS = ("EXTP_POOL", "EXTP_IGROUP")


def answer(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    directory: str = RUN,
    config_file: str = CONFIG_FILE,
    output: int = 1,
) -> bool:
    """Whether the device was written to the descriptor ``output``, which is all that attach has to do.

    If so, the volume's lock is held, shared, until this process ends.
    """
    name = environ.get("VOL_NAME", "")
    if arguments or not name or name[0] in ".-" or not _NAME_CHARACTERS.issuperset(name):
        return False
    lock = -1
    try:
        lock = os.open(lock_path(directory, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        flock(lock, LOCK_SH | LOCK_NB)
        if not os.fstat(lock).st_nlink:
            raise ValueError(name)  # the lock of a volume that has just left this node
        line = os.fsencode(proven(name, environ, directory, config_file) + "\n")
        if os.write(output, line) == len(line):
            return True
    except (OSError, ValueError):
        pass  # no record, somebody is changing things, no such device: the ordinary way finds out
    if lock != -1:
        os.close(lock)  # the ordinary way, in this very process, takes it for itself alone
    return False


def proven(
    name: str,
    environ: Mapping[str, str],
    directory: str = RUN,
    config_file: str = CONFIG_FILE,
    ask: bool = False,
) -> str:
    """The device that is on record for a volume and still what it was; OSError or ValueError if there is none.

    One that this node has closed is not asked, unless ``ask``: its LUN may have been taken away by the node that
    has it now, and Ganeti wants the device's name once more, to detach it.
    """
    recorded = read(record_path(directory, name))
    device = recorded.partition("\n")[2].partition("\n")[0]
    if recorded.partition("\n" + _LUN)[0] != describe(device, environ, config_file):
        raise ValueError(device)
    if ask or not is_closed(directory, name):
        _ask(recorded)
    return device


def describe(device: str, environ: Mapping[str, str], config_file: str = CONFIG_FILE) -> str:
    """The record of ``device`` as things are now, for a volume with the ext-params in ``environ``.

    Raises OSError when there is no such device, or no configuration file; ValueError when it is no block device.
    """
    found = os.stat(device)
    if not stat.S_ISBLK(found.st_mode):
        raise ValueError(device)
    file = os.stat(config_file)
    system = f"/sys/dev/block/{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    lines = [
        _FORM,
        device,
        f"number {found.st_rdev}",
        f"sectors {_sysfs(system, 'size')}",
        *(f"{name} {_sysfs(system, name)}" for name in _IDENTITY),
        f"config {file.st_dev} {file.st_ino} {file.st_size} {file.st_mtime_ns} {file.st_mode} {file.st_uid}",
        *(f"{name} {environ.get(name, '')}" for name in _PARAMETERS),
    ]
    return "\n".join(lines)


def _ask(record: str) -> None:
    """ValueError unless the LUN on record answers on one path of the device at least, and nothing else on any.

    A device without an NAA identity (a loop device, say) has nobody to be asked.
    """
    told = dict(line.partition(" ")[::2] for line in record.split("\n"))
    naa = identity(record)
    if not naa:
        return
    number = int(told["number"])
    folder = f"/sys/dev/block/{os.major(number)}:{os.minor(number)}"
    paths = os.listdir(f"{folder}/slaves") or [os.readlink(folder).rpartition("/")[2]]  # noqa: PTH208
    size = str(int(told["sectors"]) * 512)
    alive = [path for path in paths if _is_alive(path, naa, size)]
    if not alive:
        raise ValueError(naa)


def identity(record: str) -> str:
    """The NAA identity of the LUN on record, 32 hexadecimal digits; "" if the device has none."""
    told = dict(line.partition(" ")[::2] for line in record.split("\n"))
    for name, prefix in (("dm/uuid", "mpath-3"), ("device/wwid", "naa.")):
        if told.get(name, "").startswith(prefix):
            return told[name][len(prefix) :]
    return ""


def _is_alive(path: str, naa: str, size: str) -> bool:
    """Whether the LUN answers on this path; ValueError if another one does, or the target has none there."""
    if _sysfs(f"/sys/block/{path}", "device/state") != "running":
        return False  # asking would keep us waiting until the path is given up
    began = monotonic()
    kind, told = inquiry.identity(f"/dev/{path}")
    if kind == inquiry.DEAD:
        if monotonic() - began > _PATIENCE:
            raise ValueError(path)  # the other paths may take as long: the ordinary way asks all at once
        return False
    if (kind, told) != (inquiry.NAA, naa) or inquiry.capacity(f"/dev/{path}") != (inquiry.SIZE, size):
        raise ValueError(path)
    return True


def device_lines(record: str) -> list[str]:
    """What a record says of the device itself, without what it was made under."""
    return record.split("\n")[1 : 4 + len(_IDENTITY)]


def record_path(directory: str, name: str) -> str:
    """Where the record of a volume's device is."""
    return f"{directory}/attached/{name}"


def closed_path(directory: str, name: str) -> str:
    """The file that is there while this node has the volume closed."""
    return f"{directory}/closed/{name}"


def is_closed(directory: str, name: str) -> bool:
    """Whether this node has closed the volume and not opened it since."""
    return os.access(closed_path(directory, name), os.F_OK)


def lock_path(directory: str, name: str) -> str:
    """The file whose lock is the volume's."""
    return f"{directory}/lock/{name}"


def _sysfs(system: str, file: str) -> str:
    """The content of a file in sysfs; "-" where this kernel or kind of device has none."""
    try:
        descriptor = os.open(f"{system}/{file}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return "-"
    try:
        return os.read(descriptor, _LIMIT).decode("ascii").strip()
    finally:
        os.close(descriptor)


def read(path: str) -> str:
    """A record's text, if it is a file of our own that nobody else could have written."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        ours = found.st_uid == os.geteuid() and found.st_nlink == 1 and not found.st_mode & 0o022
        if not ours or not stat.S_ISREG(found.st_mode) or found.st_size > _LIMIT:
            raise ValueError(path)
        return os.read(descriptor, _LIMIT).decode("ascii")
    finally:
        os.close(descriptor)
