"""attach's hot path: print the device if it is still the proven device, else leave the work to the full attach.

Ganeti attaches a volume up to six times in an operation, so this module imports very little, sends no request and
starts no program. It compares the device with a record in /run, a small file for each volume, which the last full
attach wrote. A LUN's paths are queried again as well. At any difference or doubt ``answer`` returns False and has
changed nothing: then the full attach begins, which reports what is wrong.
"""

from __future__ import annotations

import os
import stat
from fcntl import LOCK_NB, LOCK_SH, flock
from time import monotonic

from dataontap import inquiry
from dataontap.paths import CONFIG_FILE, RUN

TYPE_CHECKING = False  # like typing's, without the import of typing
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# A record of form 1 does not match: after an upgrade each volume gets a full attach once, which writes the new tag
# of its LUN.
_FORM = "dataontap attached 2"
_LIMIT = 4096
_PATIENCE = 1.0  # seconds after which a path without an answer ends the hot path
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
# Files of sysfs that distinguish a block device from a later device with the same number: the kernel's count of
# devices (Linux 5.15 and later), a device-mapper map's identity, a SCSI device's identity.
_IDENTITY = ("diskseq", "dm/uuid", "device/wwid")
# This line of a record is not compared: it says which LUN of the filer it is.
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
    """Whether the device was written to the descriptor ``output``; then attach is complete.

    In that case the volume's lock is held, shared, until this process ends.
    """
    name = environ.get("VOL_NAME", "")
    if arguments or not name or name[0] in ".-" or not _NAME_CHARACTERS.issuperset(name):
        return False
    lock = -1
    try:
        lock = os.open(lock_path(directory, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        flock(lock, LOCK_SH | LOCK_NB)
        if not os.fstat(lock).st_nlink:
            raise ValueError(name)  # the lock's file was removed: the volume has just left this node
        line = os.fsencode(proven(name, environ, directory, config_file) + "\n")
        if os.write(output, line) == len(line):
            return True
    except (OSError, ValueError):
        pass  # no record, the lock is held, or no such device: the full attach finds out
    if lock != -1:
        os.close(lock)  # the full attach, in this same process, takes the lock exclusively
    return False


def proven(
    name: str,
    environ: Mapping[str, str],
    directory: str = RUN,
    config_file: str = CONFIG_FILE,
    ask: bool = False,
) -> str:
    """The recorded device of a volume, if it is unchanged; OSError or ValueError otherwise.

    The device of a volume that this node has closed is not queried, unless ``ask``: another node may have taken
    the LUN, and Ganeti needs the device's name once more, to detach it.
    """
    recorded = read(record_path(directory, name))
    device = recorded.partition("\n")[2].partition("\n")[0]
    if recorded.partition("\n" + _LUN)[0] != describe(device, environ, config_file):
        raise ValueError(device)
    if ask or not is_closed(directory, name):
        _ask(recorded)
    return device


def describe(device: str, environ: Mapping[str, str], config_file: str = CONFIG_FILE) -> str:
    """The record of ``device`` in its present state, for a volume with the ext-params in ``environ``.

    Raises OSError without the device or the configuration file; ValueError when it is not a block device.
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
    """ValueError unless the recorded LUN answers on at least a single path, and no path answers otherwise.

    A device without an NAA identity (a loop device, for example) is not queried.
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
    """The NAA identity of the recorded LUN, 32 hexadecimal digits; "" if the device has none."""
    told = dict(line.partition(" ")[::2] for line in record.split("\n"))
    for name, prefix in (("dm/uuid", "mpath-3"), ("device/wwid", "naa.")):
        if told.get(name, "").startswith(prefix):
            return told[name][len(prefix) :]
    return ""


def _is_alive(path: str, naa: str, size: str) -> bool:
    """Whether the LUN answers on this path; ValueError if another LUN answers, or the target has no LUN there."""
    if _sysfs(f"/sys/block/{path}", "device/state") != "running":
        return False  # a query would block until the kernel gives up the path
    began = monotonic()
    kind, told = inquiry.identity(f"/dev/{path}")
    if kind == inquiry.DEAD:
        if monotonic() - began > _PATIENCE:
            raise ValueError(path)  # the other paths may be as slow: the full attach queries all paths at once
        return False
    if (kind, told) != (inquiry.NAA, naa) or inquiry.capacity(f"/dev/{path}") != (inquiry.SIZE, size):
        raise ValueError(path)
    return True


def device_lines(record: str) -> list[str]:
    """A record's lines about the device itself, without the lines about the configuration and the ext-params."""
    return record.split("\n")[1 : 4 + len(_IDENTITY)]


def record_path(directory: str, name: str) -> str:
    """The path of the record of a volume's device."""
    return f"{directory}/attached/{name}"


def closed_path(directory: str, name: str) -> str:
    """The path of the file that exists while this node has the volume closed."""
    return f"{directory}/closed/{name}"


def is_closed(directory: str, name: str) -> bool:
    """Whether this node has closed the volume and not opened it since."""
    return os.access(closed_path(directory, name), os.F_OK)


def lock_path(directory: str, name: str) -> str:
    """The path of the volume's lock file."""
    return f"{directory}/lock/{name}"


def _sysfs(system: str, file: str) -> str:
    """The content of a file in sysfs; "-" where this kernel or kind of device does not have the file."""
    try:
        descriptor = os.open(f"{system}/{file}", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return "-"
    try:
        return os.read(descriptor, _LIMIT).decode("ascii").strip()
    finally:
        os.close(descriptor)


def read(path: str) -> str:
    """A record's text, if it is a regular file that only this user can write; else OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        ours = found.st_uid == os.geteuid() and found.st_nlink == 1 and not found.st_mode & 0o022
        if not ours or not stat.S_ISREG(found.st_mode) or found.st_size > _LIMIT:
            raise ValueError(path)
        return os.read(descriptor, _LIMIT).decode("ascii")
    finally:
        os.close(descriptor)
