"""Reads the configuration file: ``OPTION = literal`` in, a frozen ``Settings`` out. The file is never executed.

Syntax and option names are those of the first implementation, because its users' files must keep working.
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

# The LUN types that ONTAP knows. Igroups have another list.
OSTYPES = (
    *("aix", "hpux", "hyper_v", "image", "linux", "netware", "openvms", "solaris", "solaris_efi"),
    *("vmware", "windows", "windows_2008", "windows_gpt", "xen"),
)
_INTERFACE = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}"  # ISCSI_MAX_IFACE_LEN, with the byte at its end
_POOL = r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)?"


def option(read: Reader, **kwargs: Any) -> Any:
    """A configuration option. ``read`` checks its literal; ``default`` is the value if the file has none."""
    return field(metadata={"read": read}, **kwargs)


@dataclass(frozen=True)
class Settings:
    """One field for each option, in lower case. An option without a default must be set.

    The last fields are no options. ``hostname`` is HOSTNAME, or the first of its addresses: it names the filer.
    """

    hostname: str = option(literals.hostnames)
    port: int | None = option(literals.maybe(literals.number(1, 65535)), default=None)
    transport_type: str = option(literals.one_of("https", "http"), default="https")
    api: str = option(literals.one_of("auto", "rest", "zapi"), default="auto")
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
    iscsi_chap_target_user: str | None = option(literals.maybe(literals.chap), default=None)
    iscsi_chap_target_password: str | None = option(literals.maybe(literals.chap), default=None, repr=False)
    iscsi_networks: tuple[str, ...] = option(
        literals.several(literals.network, "IP addresses and networks"), default=()
    )
    iscsi_interfaces: tuple[str, ...] = option(
        literals.several(literals.matching(_INTERFACE, "an interface's name"), "open-iscsi's interfaces"),
        default=(),
    )
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

    # The further addresses in HOSTNAME. Only the client knows them.
    other_addresses: tuple[str, ...] = ()
    # The value of IGROUP, which applies to disks without the ext-param ``igroup``.
    usual_igroup: str | None = None

    def with_params(self, params: Mapping[str, str]) -> Settings:
        """These settings, where a disk's ext-params replace the options of the same name.

        Raises ContractError for a value that the option does not accept.
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
        """The disk's own form of initiator group, if it differs from IGROUP."""
        return self.igroup if self.igroup != self.usual_igroup else None

    @property
    def allows_igroup(self) -> bool:
        """Whether LUNs may be mapped to ``igroup``: it is IGROUP, or in ALLOWED_IGROUPS."""
        return self.own_igroup is None or self.own_igroup in self.allowed_igroups

    @property
    def secrets(self) -> tuple[str, ...]:
        """The values that must not appear in any log or message."""
        all_of_them = (self.password, self.iscsi_chap_password, self.iscsi_chap_target_password)
        return tuple(secret for secret in all_of_them if secret)

    @property
    def attach_commands(self) -> Commands | None:
        """The attach commands of the storage protocol."""
        return self.fc_attach_commands if self.storage_protocol == "fc" else self.iscsi_attach_commands

    @property
    def detach_commands(self) -> Commands | None:
        """The detach commands of the storage protocol."""
        return self.fc_detach_commands if self.storage_protocol == "fc" else self.iscsi_detach_commands

    def allows_pool(self, pool: str) -> bool:
        """Whether volumes may be in ``pool``: POOL_NAME_SEARCH_PATTERN matches the beginning of its name."""
        return self.pool_name_search_pattern.match(pool) is not None


_OPTIONS: dict[str, Field[Any]] = {field.name: field for field in fields(Settings) if "read" in field.metadata}


def load(path: str = CONFIG_FILE) -> Settings:
    """The settings in the file ``path``. Raises ConfigError with file, line and option."""
    return parse(_read(path), path)


def parse(text: str, path: str) -> Settings:
    """The settings in ``text``. ``path`` is used in messages only."""
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
    if not values:  # the file is as it was shipped
        raise ConfigError(f"{path}: no option is set; set at least HOSTNAME, LOGIN, PASSWORD, POOL and IGROUP")
    for known in _OPTIONS.values():
        if known.default is MISSING and known.name not in values:
            raise ConfigError(f"{path}: {known.name.upper()}: must be given")
    values["hostname"], *others = values["hostname"]
    settings = Settings(**values, other_addresses=tuple(others))
    _check_together(settings, path)
    return settings


def _check_together(settings: Settings, path: str) -> None:
    """Raise ConfigError for options that do not fit together."""
    if settings.key_file and not settings.cert_file:
        raise ConfigError(f"{path}: KEY_FILE: needs CERT_FILE")
    if settings.login and ":" in settings.login:
        raise ConfigError(f"{path}: LOGIN: must not contain a colon, which HTTP cannot send")
    if settings.cert_file and settings.transport_type != "https":
        raise ConfigError(f'{path}: CERT_FILE: needs TRANSPORT_TYPE = "https"')
    if not settings.cert_file and not (settings.login and settings.password):
        raise ConfigError(f"{path}: LOGIN: LOGIN and PASSWORD, or CERT_FILE, must be given")
    if bool(settings.iscsi_chap_user) != bool(settings.iscsi_chap_password):
        raise ConfigError(f"{path}: ISCSI_CHAP_USER: set both ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD, or neither")
    _check_target_chap(settings, path)
    if not settings.allows_pool(settings.pool):
        raise ConfigError(f"{path}: POOL: {settings.pool!r} is not allowed by POOL_NAME_SEARCH_PATTERN")


def _check_target_chap(settings: Settings, path: str) -> None:
    """Raise ConfigError for options of mutual CHAP that do not fit together.

    ONTAP's manual of "vserver iscsi security create" does not allow one password for both directions, and
    open-iscsi refuses a target that has the node's secret (auth.c, AUTH_DBG_STATUS_PASSWD_IDENTICAL).
    """
    user, secret = settings.iscsi_chap_target_user, settings.iscsi_chap_target_password
    if bool(user) != bool(secret):
        raise ConfigError(f"{path}: set both ISCSI_CHAP_TARGET_USER and ISCSI_CHAP_TARGET_PASSWORD, or neither")
    if user and not settings.iscsi_chap_user:
        raise ConfigError(f"{path}: ISCSI_CHAP_TARGET_USER: needs ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD")
    if secret and secret == settings.iscsi_chap_password:
        raise ConfigError(f"{path}: ISCSI_CHAP_TARGET_PASSWORD: must differ from ISCSI_CHAP_PASSWORD")


def _assignments(text: str, path: str) -> Iterator[tuple[int, str, Any]]:
    """Line, name and value of each ``NAME = literal``. Any other statement is an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning shows the line, which may have a password
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
    """What is wrong with a line that cannot be read. It does not show the value, which may be a password."""
    problem = problem.partition(" (")[0]
    lines = re.split(r"\r\n?|\n", text)  # Python counts lines in this way
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
    """The file's text.

    The file has a password and commands that root runs. So only its owner may change it; its group may read it.
    """
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
