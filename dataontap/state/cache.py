"""This node's caches, valid for a day: facts about a filer, iscsiadm's folder. And which API of the filer works.

A cache only saves time: an entry that cannot be read or written counts as missing.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dataontap import paths

if TYPE_CHECKING:
    from dataontap.config import Settings

LOG = logging.getLogger(__name__)

DAY = 24 * 60 * 60
APIS = ("rest", "zapi")
_LIMIT = 4096


class Text(Protocol):
    """A text that is cached between processes; see ``Cache``."""

    def get(self, *, of_any_age: bool = False) -> str | None:
        """The cached text, or None."""

    def put(self, text: str) -> None:
        """Cache it."""

    def drop(self) -> None:
        """Delete it from the cache."""


class Cache:
    """A short text of some ``kind`` about what ``identity`` names, in a file below ``directory``."""

    def __init__(self, kind: str, *identity: str | None, directory: str = paths.RUN) -> None:
        key = hashlib.sha256(repr(identity).encode()).hexdigest()[:32]
        self._path = Path(directory, kind, key)
        self._kind = kind

    def get(self, *, of_any_age: bool = False) -> str | None:
        """The cached text, if it is less than a day old, or of any age with ``of_any_age``; else None."""
        try:
            with open(os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW), encoding="ascii") as file:
                found = os.fstat(file.fileno())
                fresh = of_any_age or 0 <= time.time() - found.st_mtime < DAY
                return file.read(_LIMIT) if fresh and found.st_uid == os.geteuid() else None
        except (OSError, UnicodeDecodeError):
            return None

    def put(self, text: str) -> None:
        """Cache ``text``, ASCII of at most 4 KiB."""
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(text, encoding="ascii")
            fresh.replace(self._path)
        except (OSError, UnicodeEncodeError) as error:
            LOG.warning("the cache of kind %s cannot be written: %s", self._kind, error)

    def age(self) -> None:
        """Make the text older than a day."""
        with contextlib.suppress(OSError):
            os.utime(self._path, (0, 0), follow_symlinks=False)

    def drop(self) -> None:
        """Remove the text."""
        with contextlib.suppress(OSError):
            self._path.unlink()


class VersionCache:
    """A filer's API version."""

    def __init__(self, *identity: str | None, directory: str = paths.RUN) -> None:
        self._cache = Cache("version", *identity, directory=directory)

    def get(self) -> tuple[int, int] | None:
        """The cached version, if it is less than a day old."""
        match = re.fullmatch(r"([0-9]{1,4})\.([0-9]{1,6})\n", self._cache.get() or "")
        return (int(match[1]), int(match[2])) if match else None

    def put(self, version: tuple[int, int]) -> None:
        """Cache ``version``."""
        self._cache.put(f"{version[0]}.{version[1]}\n")

    def drop(self) -> None:
        """Remove the version: the filer behaves as if it had another version."""
        self._cache.drop()


class FilerCaches:
    """The caches of the filer in ``settings``, as the account there sees it."""

    def __init__(self, settings: Settings) -> None:
        port = str(settings.port)
        self._account = (settings.hostname, port, settings.cluster_mode_vserver, settings.login)
        self._cert_file = settings.cert_file

    def version(self) -> VersionCache:
        """Its API version."""
        return VersionCache(*self._account, self._cert_file)

    def target(self, protocol: str) -> Cache:
        """Its iSCSI target and portals, or its FC interfaces."""
        return Cache("target", *self._account, protocol)

    def reporting(self, node: str) -> Cache:
        """Its nodes that show the LUNs of its ``node``."""
        return Cache("reporting", *self._account, node)

    def igroup(self, name: str) -> Cache:
        """The initiators that this node put into the igroup ``name``."""
        return Cache("igroup", *self._account, name)

    def igroup_uuid(self, name: str) -> Cache:
        """The filer's uuid of the igroup ``name``."""
        return Cache("igroup-uuid", *self._account, name)

    def svm(self) -> Cache:
        """The name of the only SVM that the account sees."""
        return Cache("svm", *self._account)

    def noted_svm(self) -> Cache:
        """The uuid of the SVM, which does not change when MetroCluster changes the name. It outlives a reboot."""
        return Cache("svm", *self._account, directory=paths.STATE)

    def svm_name(self) -> Cache:
        """The name that the SVM has instead of CLUSTER_MODE_VSERVER."""
        return Cache("svm-name", *self._account)

    def kind(self) -> Cache:
        """The kind of filer."""
        return Cache("kind", *self._account)

    def address(self) -> Cache:
        """Which of HOSTNAME's addresses worked last."""
        return Cache("address", *self._account)

    def silence(self, address: str) -> Cache:
        """Until when this address of HOSTNAME's is passed over."""
        return Cache("address-silent", *self._account, address)

    def svm_uuid(self, address: str) -> Cache:
        """The uuid of the SVM, as the filer at this address of HOSTNAME's told it."""
        return Cache("address-svm", *self._account, address)


class ApiNote:
    """Which API of the filer in ``settings`` works, and which refuses the account. It survives a reboot.

    The first line is the API that worked last, with a digest of the filer and the account. Without the digest it
    is for any filer: so the package notes it at an upgrade. The second line are the APIs that refused the account,
    with the time of the configuration file: after many refusals, a filer locks the account.
    """

    def __init__(self, settings: Settings, config_file: str, *, file: str = f"{paths.STATE}/api") -> None:
        account = (settings.hostname, settings.port, settings.cluster_mode_vserver, settings.login)
        self._account = hashlib.sha256(repr((*account, settings.cert_file)).encode()).hexdigest()[:32]
        self._config_file = config_file
        self._file = Path(file)

    def get(self) -> str | None:
        """The API that worked last, or None."""
        api, _, account = self._lines()[0].partition(" ")
        return api if api in APIS and account in {"", self._account} else None

    def put(self, api: str) -> None:
        """This API works."""
        self._write(f"{api} {self._account}", self._lines()[1])

    def is_refused(self, api: str) -> bool:
        """Whether the account was refused over this API, by the present configuration."""
        return api in self._refused()

    def refuse(self, api: str) -> None:
        """The account is refused over this API."""
        apis = ",".join(sorted({*self._refused(), api}))
        self._write(self._lines()[0], f"{apis} {self._configuration()}")

    def _refused(self) -> list[str]:
        apis, _, configuration = self._lines()[1].partition(" ")
        return apis.split(",") if configuration == self._configuration() else []

    def _configuration(self) -> str:
        try:
            changed = os.stat(self._config_file).st_mtime_ns
        except OSError:
            changed = 0
        return f"{self._account} {changed}"

    def _lines(self) -> tuple[str, str]:
        try:
            works, refused, *_ = [*self._file.read_text(encoding="ascii")[:_LIMIT].splitlines(), "", ""]
        except (OSError, UnicodeDecodeError):
            return "", ""
        return works, refused

    def _write(self, works: str, refused: str) -> None:
        fresh = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            fresh.write_text(f"{works}\n{refused}\n", encoding="ascii")
            fresh.replace(self._file)
        except OSError as error:
            LOG.warning("cannot note which API of the filer works: %s", error)
