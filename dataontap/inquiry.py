"""Asks a SCSI disk for its identity and size by INQUIRY and READ CAPACITY. Only a live answer proves an identity.

If a LUN is destroyed and replaced while a node has it attached, udev, sysfs and the multipath map keep the old
name, and they lead to the new LUN's data. Only INQUIRY shows that (seen on Linux 6.1 with open-iscsi 2.1.8 and
multipath-tools 0.9.4). This module imports next to nothing, because attach's hot path uses it.

The question goes to a path (sdX), never to the multipath map above: a map without paths would block it for ever.
"""

from __future__ import annotations

import os
from array import array
from fcntl import ioctl
from struct import pack, unpack

# The kinds of answers. NAA has 32 hexadecimal digits, SIZE a number of bytes, NO_LUN and DEAD a reason.
NAA = "naa"
SIZE = "size"
NO_LUN = "no LUN"  # the target answers, but has no LUN for this node at this address
DEAD = "dead"  # no answer, or an answer that could not be understood

_SG_IO = 0x2285
_HEADER = "@iiBBHIPPPIIiPBBBBHHiII0P"  # struct sg_io_hdr of <scsi/sg.h>
_FROM_DEVICE = -3
_CHECK_CONDITION = 2
_UNIT_ATTENTION = 6
_ILLEGAL_REQUEST = 5
_LUN_NOT_SUPPORTED = 0x25
_TRIES = 3  # a target reports each unit attention once, before it answers

# SPC-4: INQUIRY of the vital product data page 0x83; SBC-3: READ CAPACITY (16).
_DEVICE_IDENTIFICATION = bytes((0x12, 1, 0x83, 2, 0, 0))
_READ_CAPACITY = bytes((0x9E, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0))

_TIMEOUT_MS = 3000


def identity(device: str) -> tuple[str, str]:
    """The identity of the LUN at ``device``: (NAA, digits), (NO_LUN, why) or (DEAD, why). Raises nothing.

    May take longer than ``_TIMEOUT_MS`` if a path is blocked while its session recovers, because the kernel's
    timeout does not run then. A caller that cannot wait checks the path's state first, or calls this in a child.
    """
    kind, told = _command(device, _DEVICE_IDENTIFICATION, 512)
    return (kind, str(told)) if isinstance(told, str) else _naa(told)


def capacity(device: str) -> tuple[str, str]:
    """The size of the LUN at ``device``: (SIZE, bytes), (NO_LUN, why) or (DEAD, why)."""
    kind, told = _command(device, _READ_CAPACITY, 32)
    if isinstance(told, str):
        return kind, told
    if len(told) < 12:
        return DEAD, "the answer to READ CAPACITY is too short"
    last, block = unpack(">QI", told[:12])
    return SIZE, str((last + 1) * block)


def _command(device: str, command: bytes, length: int) -> tuple[str, str | bytes]:
    """(_DATA, the answer of ``device`` to ``command``), or a kind and the reason why there is no answer."""
    try:
        descriptor = os.open(device, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return DEAD, f"cannot be opened: {error.strerror}"
    try:
        for _ in range(_TRIES):
            kind, told = _exchange(descriptor, command, length)
            if kind != _AGAIN:
                return kind, told
        return DEAD, "unit attention at every try"
    except OSError as error:
        return DEAD, f"does not accept SCSI commands: {error.strerror}"
    finally:
        os.close(descriptor)


_AGAIN = "again"
_DATA = "data"


def _exchange(descriptor: int, command: bytes, length: int) -> tuple[str, str | bytes]:
    data, sense, words = array("B", bytes(length)), array("B", bytes(64)), array("B", command)
    addresses = (data.buffer_info()[0], words.buffer_info()[0], sense.buffer_info()[0])
    fields = (ord("S"), _FROM_DEVICE, len(words), len(sense), 0, length, *addresses, _TIMEOUT_MS)
    header = array("B", pack(_HEADER, *fields, *(0 for _ in range(12))))
    ioctl(descriptor, _SG_IO, header, True)
    answered = unpack(_HEADER, header.tobytes())
    status, sense_length, host_status, left = answered[13], answered[16], answered[17], answered[19]
    if host_status:
        return DEAD, f"the transport failed (host status {host_status:#04x})"
    if status == _CHECK_CONDITION and sense_length >= 4:
        return _refusal(sense)
    if status:
        return DEAD, f"SCSI status {status:#04x}"
    return _DATA, data.tobytes()[: length - max(left, 0)]


def _refusal(sense: array[int]) -> tuple[str, str]:
    """The meaning of sense data, which have two formats (SPC-4, 4.5)."""
    by_descriptors = sense[0] & 0x7E == 0x72
    key, code, qualifier = (sense[1], sense[2], sense[3]) if by_descriptors else (sense[2], sense[12], sense[13])
    key &= 15
    if key == _UNIT_ATTENTION:
        return _AGAIN, ""
    why = f"sense {key:x}/{code:02x}/{qualifier:02x}"
    return (NO_LUN if (key, code) == (_ILLEGAL_REQUEST, _LUN_NOT_SUPPORTED) else DEAD), why


def _naa(page: bytes) -> tuple[str, str]:
    """The logical unit's NAA designator in the device identification page."""
    # For an absent LUN, LIO refuses INQUIRY. SPC requires an answer with a peripheral qualifier, and other targets
    # send one. What ONTAP does is not known [?]. Both mean that there is no LUN.
    if page and page[0] >> 5:
        return NO_LUN, f"peripheral qualifier {page[0] >> 5}"
    if len(page) < 4 or page[1] != 0x83:
        return DEAD, "no device identification page in the answer"
    at, end = 4, min(len(page), 4 + page[2] * 256 + page[3])
    while at + 4 <= end:
        of_unit_and_naa, is_binary = page[at + 1] & 0x3F == 3, page[at] & 15 == 1
        if of_unit_and_naa and is_binary:
            return NAA, page[at + 4 : at + 4 + page[at + 3]].hex()
        at += 4 + page[at + 3]
    return DEAD, "no NAA in the device identification page"
