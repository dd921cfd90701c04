"""The configuration file: ``OPTION = literal`` in, a frozen ``Settings`` out. Read as data, never executed.

The syntax and the options' names are the first implementation's, whose users' files must go on working.
"""

from __future__ import annotations

import ast
import os
import re
import stat
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from typing import Any

from dataontap import literals
from dataontap.errors import ConfigError, ContractError
from dataontap.literals import Commands, Reader
from dataontap.paths import CONFIG_FILE

# The LUN types that ONTAP knows; igroups have a list of their own.
OSTYPES = (
    *("aix", "hpux", "hyper_v", "image", "linux", "netware", "openvms", "solaris", "solaris_efi"),
    *("vmware", "windows", "windows_2008", "windows_gpt", "xen"),
)
_POOL = r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?"


def option(read: Reader, **kwargs: Any) -> Any:
    """A configuration option: how its literal is checked and, in ``default``, what it is if absent."""
    return field(metadata={"read": read}, **kwargs)


@dataclass(frozen=True)
class Settings:
    """One field per option, in lower case, and one more; an option without a default must be given."""

    hostname: str = option(literals.hostname)
    port: int | None = option(literals.maybe(literals.number(1, 65535)), default=None)
    transport_type: str = option(literals.one_of("https", "http"), default="https")
    verify_cert: bool = option(literals.yes_no, default=True)
    ca_file: str | None = option(literals.maybe(literals.absolute_path), default=None)
    login: str | None = option(literals.maybe(literals.text), default=None)
    password: str | None = option(literals.maybe(literals.secret), default=None, repr=False)
    cert_file: str | None = option(literals.maybe(literals.absolute_path), default=None)
    key_file: str | None = option(literals.maybe(literals.absolute_path), default=None)
    timeout: int = option(literals.number(1, 900), default=120)

    storage_family: str = option(literals.one_of("ontap_cluster", "ontap_7mode"), default="ontap_cluster")
    cluster_mode_vserver: str | None = option(literals.maybe(literals.text), default=None)
    seven_mode_vfiler: str | None = option(literals.maybe(literals.text), default=None)
    seven_mode_partner_backend_name: str | None = option(literals.maybe(literals.text), default=None)

    pool: str = option(literals.matching(_POOL, "a volume's name, or volume/qtree"), default="vol0")
    pool_name_search_pattern: re.Pattern[str] = option(literals.regex, default=re.compile("(.+)"))
    lun_ostype: str = option(literals.one_of(*OSTYPES), default="linux")
    lun_space_reservation: bool = option(literals.yes_no, default=True)
    igroup: str | None = option(literals.maybe(literals.igroup), default=None)
    former_igroup: str | None = option(literals.maybe(literals.igroup), default=None)
    allowed_igroups: tuple[str, ...] = option(literals.several(literals.igroup, "initiator groups"), default=())
    former_clusters: tuple[str, ...] = option(literals.several(literals.text, "cluster names"), default=())
    fencing: bool = option(literals.yes_no, default=True)

    storage_protocol: str = option(literals.one_of("iscsi", "fc"), default="iscsi")
    iscsi_chap_user: str | None = option(literals.maybe(literals.chap), default=None)
    iscsi_chap_password: str | None = option(literals.maybe(literals.chap), default=None, repr=False)
    multipath: bool = option(literals.yes_no, default=True)
    lun_id_limit: int = option(literals.number(1, 4095), default=4095)
    lun_device_path_format: str = option(literals.device_path_format, default="/dev/disk/{hostname}/{pool}/{name}")
    iscsi_attach_commands: Commands | None = option(literals.maybe(literals.commands), default=None)
    iscsi_detach_commands: Commands | None = option(literals.maybe(literals.commands), default=None)
    fc_attach_commands: Commands | None = option(literals.maybe(literals.commands), default=None)
    fc_detach_commands: Commands | None = option(literals.maybe(literals.commands), default=None)
    scsi_id_command: tuple[str, ...] | None = option(literals.maybe(literals.command), default=None)
    device_cleanup_command: tuple[str, ...] | None = option(literals.maybe(literals.command), default=None)

    debug: bool = option(literals.yes_no, default=False)
    logfile: str | None = option(
        literals.maybe(literals.absolute_path), default="/var/log/ganeti-extstorage-dataontap.log"
    )

    # No option: what IGROUP is for disks without an ext-param of that name.
    usual_igroup: str | None = None

    def with_params(self, params: Mapping[str, str]) -> Settings:
        """These settings with a disk's ext-params in place of the options of the same name.

        Raises ContractError for a value that the option would not take.
        """
        read = {}
        for name, value in params.items():
            try:
                read[name] = _reader(_OPTIONS[name])(value)
            except ValueError as error:
                raise ContractError(f"EXTP_{name.upper()}", str(error)) from None
        settings = replace(self, usual_igroup=self.igroup, **read)
        if not settings.allows_pool(settings.pool):
            raise ContractError("EXTP_POOL", f"{settings.pool!r} is not allowed by POOL_NAME_SEARCH_PATTERN")
        return settings

    @property
    def own_igroup(self) -> str | None:
        """The disk's own form of initiator group, where that is another one than IGROUP."""
        return self.igroup if self.igroup != self.usual_igroup else None

    @property
    def allows_igroup(self) -> bool:
        """Whether LUNs may be mapped to ``igroup``: it is IGROUP, or one of ALLOWED_IGROUPS."""
        return self.own_igroup is None or self.own_igroup in self.allowed_igroups

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be read anywhere else."""
        return tuple(secret for secret in (self.password, self.iscsi_chap_password) if secret)

    @property
    def attach_commands(self) -> Commands | None:
        """Those for the storage protocol."""
        return self.fc_attach_commands if self.storage_protocol == "fc" else self.iscsi_attach_commands

    @property
    def detach_commands(self) -> Commands | None:
        """Those for the storage protocol."""
        return self.fc_detach_commands if self.storage_protocol == "fc" else self.iscsi_detach_commands

    def allows_pool(self, pool: str) -> bool:
        """Whether volumes may be in ``pool``: its name begins as POOL_NAME_SEARCH_PATTERN says."""
        return self.pool_name_search_pattern.match(pool) is not None


_OPTIONS: dict[str, Field[Any]] = {field.name: field for field in fields(Settings) if "read" in field.metadata}


def load(path: str = CONFIG_FILE) -> Settings:
    """The settings in the file ``path``; raises ConfigError with file, line and option otherwise."""
    return parse(_read(path), path)


def parse(text: str, path: str) -> Settings:
    """The settings in ``text``; ``path`` is only for messages."""
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for line, name, value in _assignments(text, path):
        where = f"{path}:{line}: {name}"
        found = _OPTIONS.get(name.lower()) if name.isupper() else None
        if found is None:
            raise ConfigError(f"{where}: no such option{_nearest(name)}")
        if found.name in values:
            raise ConfigError(f"{where}: is given twice, first in line {lines[name]}")
        lines[name] = line
        try:
            values[found.name] = _reader(found)(value)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from None
    if not values:  # as it was shipped
        raise ConfigError(
            f"{path}: sets nothing yet; at least HOSTNAME, LOGIN, PASSWORD, POOL and IGROUP are needed"
        )
    for known in _OPTIONS.values():
        if known.default is MISSING and known.name not in values:
            raise ConfigError(f"{path}: {known.name.upper()}: must be given")
    settings = Settings(**values)
    _check_together(settings, path)
    return settings


def _check_together(settings: Settings, path: str) -> None:
    """What no option can be judged for alone."""
    if settings.key_file and not settings.cert_file:
        raise ConfigError(f"{path}: KEY_FILE: is of no use without CERT_FILE")
    if settings.login and ":" in settings.login:
        raise ConfigError(f"{path}: LOGIN: HTTP cannot carry a name with a colon")
    if settings.cert_file and settings.transport_type != "https":
        raise ConfigError(f'{path}: CERT_FILE: needs TRANSPORT_TYPE = "https"')
    if not settings.cert_file and not (settings.login and settings.password):
        raise ConfigError(f"{path}: LOGIN: LOGIN and PASSWORD, or CERT_FILE, must be given")
    if bool(settings.iscsi_chap_user) != bool(settings.iscsi_chap_password):
        raise ConfigError(
            f"{path}: ISCSI_CHAP_USER: is of no use without ISCSI_CHAP_PASSWORD, nor that without it"
        )
    if not settings.allows_pool(settings.pool):
        raise ConfigError(f"{path}: POOL: {settings.pool!r} is not allowed by POOL_NAME_SEARCH_PATTERN")


def _assignments(text: str, path: str) -> Iterator[tuple[int, str, Any]]:
    """Line, name and value of each ``NAME = literal``; anything else is an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come with the line, and a password may be in it
            statements = ast.parse(text, filename=path).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigError(f"{path}:{line}: {_misread(text, line, getattr(error, 'msg', str(error)))}") from None
    for statement in statements:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(statement, ast.Assign) or len(statement.targets) > 1 or not isinstance(target, ast.Name):
            raise ConfigError(f"{path}:{statement.lineno}: expected OPTION = value and nothing else")
        try:
            yield statement.lineno, target.id, ast.literal_eval(statement.value)
        except (ValueError, TypeError, RecursionError, MemoryError):
            raise ConfigError(
                f"{path}:{statement.lineno}: {target.id}: not a plain value: put text in quotes, and write True,"
                " not true"
            ) from None


def _misread(text: str, line: int, problem: str) -> str:
    """What is wrong with a line that cannot be read; the value, which may be a password, is not shown."""
    problem = problem.partition(" (")[0]
    lines = re.split(r"\r\n?|\n", text)  # as Python counts them
    found = re.match(r"\s*([A-Za-z_]\w*)\s*=", lines[min(line, len(lines)) - 1])
    return (
        f"{found[1]}: {problem}; are there quotes around the value?" if found else f"not OPTION = value: {problem}"
    )


def _reader(known: Field[Any]) -> Reader:
    read: Reader = known.metadata["read"]
    return read


def _nearest(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name.upper(), [known.upper() for known in _OPTIONS], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _read(path: str) -> str:
    """The file's text. It holds a password and commands that root runs: whoever may read or write it matters."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in (0, os.geteuid()):
                raise ConfigError(f"the configuration file: another user owns it; as root: chown root {path}")
            if found.st_mode & (stat.S_IWGRP | stat.S_IRWXO):
                raise ConfigError(
                    f"the configuration file: others can read or change it; as root: chmod 600 {path}"
                )
            return file.read()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except PermissionError as error:
        raise ConfigError(f"{path}: {error.strerror}; run it as root") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
