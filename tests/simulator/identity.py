"""Serial numbers, UUIDs and target names: unlike on any other simulator, yet the same again from the same
seed.
"""

from __future__ import annotations

import hashlib
import string
import uuid

# NetApp's generated API libraries: what a serial number may hold from 8.1 on, 12 characters of it.
ALPHABET = string.ascii_letters + string.digits + "/-#$%&*+<=>?[!]^~@"
# Those that XML, a shell, a glob or a udev rule trips over.  A real serial has one of them now and then; here
# each has.
NASTY = "&<>*?[]$"
LENGTH = 12
NAA_PREFIX = "600a0980"
PORTAL_GROUP = 1027  # an iSCSI interface's tag is this and its number


def _bytes(cluster: str, number: int, purpose: str) -> bytes:
    return hashlib.sha256(f"{cluster}/{purpose}/{number}".encode()).digest()


def serial(cluster: str, number: int) -> str:
    """The serial number of the ``number``-th object made by the cluster with that UUID."""
    digest = _bytes(cluster, number, "serial")
    characters = [ALPHABET[byte % len(ALPHABET)] for byte in digest[:LENGTH]]
    characters[digest[LENGTH] % LENGTH] = NASTY[number % len(NASTY)]
    return "".join(characters)


def object_uuid(cluster: str, number: int) -> str:
    """The UUID of the ``number``-th object."""
    return str(uuid.UUID(bytes=_bytes(cluster, number, "uuid")[:16], version=4))


def naa(serial_number: str) -> str:
    """The NAA-6 identifier that hosts see for a serial number of clustered ONTAP."""
    return NAA_PREFIX + serial_number.encode().hex()


def iscsi_name(vserver_uuid: str, number: int) -> str:
    """The vserver's iSCSI target name, in the form iqn.1992-08.com.netapp:sn.<32 hex digits>:vs.N."""
    return f"iqn.1992-08.com.netapp:sn.{vserver_uuid.replace('-', '')}:vs.{number}"


def wwpn(number: int, port: int) -> str:
    """A Fibre Channel name with NetApp's OUI 00-A0-98; port 0 is the vserver's node name."""
    return f"20:{port:02x}:00:a0:98:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
