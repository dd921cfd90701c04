"""The configuration file: what it means, and which sentence names what is wrong with it."""

from __future__ import annotations

import ast
import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dataontap import config
from dataontap.config import Settings
from dataontap.errors import ConfigError, ContractError

OPTIONS = [option for option in dataclasses.fields(Settings) if option.metadata]
MINIMUM = 'HOSTNAME = "filer"\nLOGIN = "admin"\nPASSWORD = "s3cret"\n'

# As the first implementation's users have it: made by commenting out its defaults and filling in some.
FIRST_IMPLEMENTATION = """# -*- coding: utf-8 -*-
DEBUG = "no"
LOGFILE = '/var/log/ganeti-extstorage-dataontap.log'
STORAGE_FAMILY = u"ontap_cluster"
STORAGE_PROTOCOL = 'fc'
HOSTNAME = 'filer.example.org'
PORT = None
TRANSPORT_TYPE = "https"
VERIFY_CERT = "unset"
LOGIN = 'ganeti'; PASSWORD = 'hunter2'
LUN_SPACE_RESERVATION = False
CLUSTER_MODE_VSERVER = "svm1"
LUN_OSTYPE = 'linux'
POOL_NAME_SEARCH_PATTERN = "(vol.+)"
POOL = "vol7"
IGROUP = "ganeti"
LUN_DEVICE_PATH_FORMAT = "/dev/disk/{hostname}/{pool}/{name}"
FC_ATTACH_COMMANDS = [["rescan-scsi-bus.sh"], ["multipath", "-r"],
                      ["udevadm", 'settle']]
FC_DETACH_COMMANDS = ()
SCSI_ID_COMMAND = "/lib/udev/scsi_id", "-g", "-d", "{device}"
DEVICE_CLEANUP_COMMAND = ()
"""


def test_a_file_of_the_first_implementation() -> None:
    settings = config.parse(FIRST_IMPLEMENTATION, "f")
    assert (settings.hostname, settings.pool, settings.igroup) == ("filer.example.org", "vol7", "ganeti")
    assert (settings.debug, settings.verify_cert, settings.lun_space_reservation) == (False, False, False)
    assert settings.fc_attach_commands == (("rescan-scsi-bus.sh",), ("multipath", "-r"), ("udevadm", "settle"))
    assert settings.fc_detach_commands == ()
    assert settings.iscsi_attach_commands is None
    assert settings.scsi_id_command == ("/lib/udev/scsi_id", "-g", "-d", "{device}")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("VERIFY_CERT = 'maybe'", "f:4: VERIFY_CERT: expected True or False, not 'maybe'"),
        ("VERIFY_CERTS = True", "f:4: VERIFY_CERTS: no such option; did you mean VERIFY_CERT?"),
        ("verify_cert = True", "f:4: verify_cert: no such option; did you mean VERIFY_CERT?"),
        ("XYZZY = True", "f:4: XYZZY: no such option"),
        ("LOGIN = 'b'", "f:4: LOGIN: is given twice, first in line 2"),
        (
            "LUN_DEVICE_PATH_FORMAT = '/dev/{name:d}'",
            "f:4: LUN_DEVICE_PATH_FORMAT: expected a path with {name} in",
        ),
        ("PORT = 70000", "f:4: PORT: expected a whole number from 1 to 65535, not 70000"),
        ("PORT = True", "f:4: PORT: expected a whole number from 1 to 65535, not True"),
        ("import os", "f:4: expected OPTION = value and nothing else"),
        ("POOL = IGROUP = 'a'", "f:4: expected OPTION = value and nothing else"),
        ("\n\nPOOL = 'a' +", "f:6: POOL: invalid syntax; are there quotes around the value?"),
        ("POOL = 'a' * 3", "f:4: POOL: not a plain value: put text in quotes, and write True, not true"),
        ("DEBUG = true", "f:4: DEBUG: not a plain value: put"),
        ("HOSTNAME : 'a' 'b", "f:4: not OPTION = value: "),
        ("CA_FILE = \u201c/a\u201d", "f:4: CA_FILE: invalid character"),
        ("POOL = open('/etc/passwd').read()", "f:4: POOL: not a plain value"),
        ("POOL = '../vol'", "f:4: POOL: expected a volume's name, or volume/qtree, not '../vol'"),
        ("POOL_NAME_SEARCH_PATTERN = '('", "f:4: POOL_NAME_SEARCH_PATTERN: '(' is not a regular expression"),
        ("POOL_NAME_SEARCH_PATTERN = 'x'", "f: POOL: 'vol0' is not allowed by POOL_NAME_SEARCH_PATTERN"),
        (
            "STORAGE_FAMILY = 'ontap cluster'",
            "f:4: STORAGE_FAMILY: 'ontap cluster' is none of ontap_cluster, ontap_7mode",
        ),
        ("LUN_DEVICE_PATH_FORMAT = '/dev/{host}'", "f:4: LUN_DEVICE_PATH_FORMAT: expected a path with {name} in"),
        ("LUN_DEVICE_PATH_FORMAT = '/dev/{name'", "f:4: LUN_DEVICE_PATH_FORMAT: '/dev/{name'"),
        ("ISCSI_ATTACH_COMMANDS = ('multipath', '-r')", "f:4: ISCSI_ATTACH_COMMANDS: expected a tuple of tuples"),
        ("ISCSI_ATTACH_COMMANDS = ((),)", "f:4: ISCSI_ATTACH_COMMANDS: one of the commands in"),
        (
            "IGROUP = 'a b'",
            "f:4: IGROUP: expected an initiator group's name, or one such as 'ganeti-{node}', not 'a b'",
        ),
        ("CA_FILE = 'ca.pem'", "f:4: CA_FILE: expected a path that begins with '/', not 'ca.pem'"),
        ("KEY_FILE = '/key'", "f: KEY_FILE: needs CERT_FILE"),
        ("CERT_FILE = '/cert'\nTRANSPORT_TYPE = 'http'", 'f: CERT_FILE: needs TRANSPORT_TYPE = "https"'),
    ],
)
def test_errors_say_where_and_what(lines: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(MINIMUM + lines, "f")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# nothing", "f: no option is set; set at least HOSTNAME, LOGIN, PASSWORD, POOL and IGROUP"),
        ("LOGIN = 'a'", "f: HOSTNAME: must be given"),
        ("HOSTNAME = 'a'", "f: LOGIN: LOGIN and PASSWORD, or CERT_FILE, must be given"),
        (
            "HOSTNAME = 'a:8443'",
            "f:1: HOSTNAME: expected a host name or an address, or a tuple of them, not 'a:8443'",
        ),
        (
            "HOSTNAME = 'a'\nLOGIN = 'a:b'\nPASSWORD = 'p'",
            "f: LOGIN: must not contain a colon, which HTTP cannot send",
        ),
        (
            "HOSTNAME = 'a'\nPASSWORD = '\\ud800'",
            "f:2: PASSWORD: expected a non-empty string without control characters",
        ),
        ("HOSTNAME = 'a'\nPASSWORD = 5", "f:2: PASSWORD: expected a non-empty string without control characters"),
    ],
)
def test_what_must_be_given(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "f")
    assert str(caught.value) == message


def test_no_representation_shows_the_password() -> None:
    assert "s3cret" not in repr(config.parse(MINIMUM, "f"))


def test_a_wrong_password_is_not_in_the_error() -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse("PASSWORD = 's3cret\\n'", "f")
    assert "s3cret" not in str(caught.value)


def test_a_warning_of_the_parser_never_shows_the_line() -> None:
    """Python 3.12 and later print the line with an invalid escape in it; pytest makes any warning an error."""
    assert config.parse('HOSTNAME = "h"\nLOGIN = "l"\nPASSWORD = "hunter\\d2"\n', "f").password == "hunter\\d2"


@pytest.mark.parametrize("address", ["2001:db8::10", "::1", "fe80::abcd", "10.0.0.1", "filer-1.example.org"])
def test_addresses(address: str) -> None:
    assert config.parse(f"HOSTNAME = {address!r}\nLOGIN = 'l'\nPASSWORD = 'p'", "f").hostname == address


class TestParams:
    """Ext-params in place of options."""

    def test_override(self) -> None:
        settings = config.parse(MINIMUM, "f").with_params({"pool": "vol2", "lun_space_reservation": "no"})
        assert (settings.pool, settings.lun_space_reservation) == ("vol2", False)

    def test_are_checked_as_options_are(self) -> None:
        with pytest.raises(ContractError, match="^EXTP_LUN_OSTYPE: 'plan9' is none of aix, hpux, "):
            config.parse(MINIMUM, "f").with_params({"lun_ostype": "plan9"})

    def test_cannot_leave_the_allowed_pools(self) -> None:
        settings = config.parse(MINIMUM + "POOL_NAME_SEARCH_PATTERN = 'vol'", "f")
        with pytest.raises(ContractError, match="^EXTP_POOL: 'other' is not allowed"):
            settings.with_params({"pool": "other"})


class TestFile:
    """The file itself: it holds a password and commands for root."""

    def test_is_read(self, tmp_path: Path) -> None:
        file = tmp_path / "c"
        file.touch(mode=0o600)
        file.write_text(MINIMUM)
        assert config.load(str(file)).login == "admin"

    @pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o602, 0o601])
    def test_open_to_others_is_refused(self, tmp_path: Path, mode: int) -> None:
        file = tmp_path / "c"
        file.write_text(MINIMUM)
        file.chmod(mode)
        with pytest.raises(ConfigError) as caught:
            config.load(str(file))
        told = "the configuration file: others can read or change it; as root: chmod 600 "
        assert str(caught.value) == f"{told}{file}"

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_of_somebody_else_is_refused(self, tmp_path: Path) -> None:
        file = tmp_path / "c"
        file.touch(mode=0o600)
        os.chown(file, 65534, 0)
        with pytest.raises(ConfigError, match=f"another user owns it; as root: chown root {file}$"):
            config.load(str(file))

    def test_that_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="/nowhere: No such file or directory$"):
            config.load(str(tmp_path / "nowhere"))

    def test_that_is_no_text(self, tmp_path: Path) -> None:
        file = tmp_path / "c"
        file.touch(mode=0o600)
        file.write_bytes(b"\xff")
        with pytest.raises(ConfigError, match="is not UTF-8 text"):
            config.load(str(file))


def test_the_shipped_file_lists_every_option_with_its_default(repository: Path) -> None:
    text = (repository / "etc/extstorage-dataontap.conf").read_text()
    shipped = {
        name.lower(): ast.literal_eval(value) for name, value in re.findall(r"^#([A-Z_0-9]+) = (.*)$", text, re.M)
    }
    options = {option.name: option.default for option in OPTIONS}
    options["hostname"] = "filer.example.org"  # has no default; this one stands there as an example
    options["pool_name_search_pattern"] = options["pool_name_search_pattern"].pattern  # type: ignore[union-attr]
    assert shipped == options
    assert not re.search(r"^[^#\n]", text, re.M), "everything in it is commented out"


def test_the_shipped_file_is_right_when_its_comments_are_taken_off(repository: Path) -> None:
    text = (repository / "etc/extstorage-dataontap.conf").read_text()
    opened = re.sub(r"^#([A-Z_0-9]+ = )", r"\1", text, flags=re.M)
    opened = re.sub(r"^(LOGIN|PASSWORD) = None", r"\1 = 'x'", opened, flags=re.M)
    expected = config.parse("HOSTNAME = 'filer.example.org'\nLOGIN = 'x'\nPASSWORD = 'x'", "f")
    assert config.parse(opened, "f") == expected


@given(st.text())
@example("\r:")
def test_any_text_is_settings_or_a_config_error(text: str) -> None:
    try:
        config.parse(text, "f")
    except ConfigError as error:
        assert str(error).startswith("f")


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@given(st.sampled_from([option.name.upper() for option in OPTIONS]), LITERALS)
def test_any_literal_is_taken_or_refused_by_name(name: str, value: object) -> None:
    others = {"HOSTNAME": "h", "LOGIN": "l", "PASSWORD": "p", name: value}
    text = "".join(f"{option} = {literal!r}\n" for option, literal in others.items())
    try:
        settings = config.parse(text, "f")
    except ConfigError as error:
        assert name in str(error) or "POOL" in name or "CERT_FILE" in name
    else:
        assert dataclasses.replace(settings) == settings


CHAP = {"ISCSI_CHAP_USER": "node", "ISCSI_CHAP_PASSWORD": "right-secret"}
TARGET_CHAP = {"ISCSI_CHAP_TARGET_USER": "filer", "ISCSI_CHAP_TARGET_PASSWORD": "filers-secret"}


def with_options(options: Mapping[str, object]) -> Settings:
    return config.parse(MINIMUM + "".join(f"{name} = {value!r}\n" for name, value in options.items()), "f")


class TestMutualChap:
    def test_both_pairs(self) -> None:
        settings = with_options({**CHAP, **TARGET_CHAP})
        assert settings.iscsi_chap_target_user == "filer"
        assert settings.secrets[-2:] == ("right-secret", "filers-secret")
        assert "secret" not in repr(settings)

    @pytest.mark.parametrize(
        ("options", "error"),
        [
            (TARGET_CHAP, "^f: ISCSI_CHAP_TARGET_USER: needs ISCSI_CHAP_USER and ISCSI_CHAP_PASSWORD$"),
            (
                {**CHAP, "ISCSI_CHAP_TARGET_USER": "filer"},
                "^f: set both ISCSI_CHAP_TARGET_USER and ISCSI_CHAP_TARGET_PASSWORD, or",
            ),
            ({**CHAP, "ISCSI_CHAP_TARGET_PASSWORD": "filers-secret"}, "^f: set both ISCSI_CHAP_TARGET"),
            (
                {**CHAP, **TARGET_CHAP, "ISCSI_CHAP_TARGET_PASSWORD": "right-secret"},
                "^f: ISCSI_CHAP_TARGET_PASSWORD: must differ from ISCSI_CHAP_PASSWORD$",
            ),
        ],
        ids=["no one-way CHAP", "no password", "no user", "one password for both"],
    )
    def test_what_does_not_fit_together(self, options: Mapping[str, object], error: str) -> None:
        with pytest.raises(ConfigError, match=error) as caught:
            with_options(options)
        assert "secret" not in str(caught.value)


class TestNetworks:
    def test_addresses_and_networks(self) -> None:
        value = ["10.0.5.0/24", "10.0.6.7", "2001:DB8:0::/64", "10.1.0.0/255.255.0.0"]
        settings = with_options({"ISCSI_NETWORKS": value})
        assert settings.iscsi_networks == ("10.0.5.0/24", "10.0.6.7/32", "2001:db8::/64", "10.1.0.0/16")

    @pytest.mark.parametrize("value", ["10.0.5.1/24", "10.0.5.0/33", "filer", "", 167772160, "fe80::1%eth0", None])
    def test_what_is_none(self, value: object) -> None:
        expected = 'expected an IP address, or a network such as "10.0.5.0/24", not '
        with pytest.raises(ConfigError, match=f"^f:4: ISCSI_NETWORKS: {expected}"):
            with_options({"ISCSI_NETWORKS": (value,)})

    def test_a_single_one_is_a_tuple_too(self) -> None:
        with pytest.raises(ConfigError, match="expected a tuple of IP addresses and networks, not '10.0.5.0/24'"):
            with_options({"ISCSI_NETWORKS": "10.0.5.0/24"})


class TestInterfaces:
    @pytest.mark.parametrize("name", ["iface-san", "eth0.100", "qla4xxx.00:c0:dd:08:63:e8.ipv4.0", "x" * 64])
    def test_names(self, name: str) -> None:
        assert with_options({"ISCSI_INTERFACES": (name,)}).iscsi_interfaces == (name,)

    @pytest.mark.parametrize("name", ["-I", "", "a/b", "..", "a b", "x" * 65, 1])
    def test_what_is_no_name(self, name: object) -> None:
        with pytest.raises(ConfigError, match="^f:4: ISCSI_INTERFACES: expected an interface's name, not"):
            with_options({"ISCSI_INTERFACES": (name,)})


@pytest.mark.parametrize("option", [*CHAP, *TARGET_CHAP])
class TestChap:
    @pytest.mark.parametrize("value", [" in front", "behind ", "x" * 256, "é" * 128])
    def test_what_open_iscsi_would_read_otherwise_is_refused(self, option: str, value: str) -> None:
        """Without a word of it."""
        with pytest.raises(
            ConfigError, match="expected a string without blanks at its ends, of at most 255"
        ) as caught:
            with_options({**CHAP, **TARGET_CHAP, option: value})
        assert value.strip() not in str(caught.value)

    @pytest.mark.parametrize("value", ["with  blanks # inside", "x" * 255, "é" * 127])
    def test_what_it_reads_as_it_is(self, option: str, value: str) -> None:
        settings = with_options({**CHAP, **TARGET_CHAP, option: value})
        assert getattr(settings, option.lower()) == value
