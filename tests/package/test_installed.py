"""The package on a node of each release: what is where, whose it is, and that it works there."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.package import readme
from tests.package.root import Root
from tests.simulator import certificates, typed
from tests.simulator.process import Simulator
from tests.testbed.product import ROOT

HOST = "filer.example.org"
ACCOUNT = ROOT / "etc/ontap-account-rest.txt"
CONF = "/etc/ganeti/extstorage-dataontap.conf"
PROVIDER = "/usr/share/ganeti/extstorage/dataontap"
HOOKS = "/usr/share/ganeti-extstorage-dataontap/hooks"
VERBS = ("attach", "close", "create", "detach", "grow", "open", "remove", "setinfo", "snapshot", "verify")
LINKS = {
    f"/etc/ganeti/hooks/{directory}/extstorage-dataontap": f"{HOOKS}/{hook}"
    for directory, hook in {
        "instance-migrate-pre.d": "pre-migrate",
        "instance-failover-pre.d": "pre-failover",
        "instance-remove-post.d": "post-remove",
    }.items()
}
MADE = {
    "/var/log/ganeti/extstorage": "root:root 0750",
    "/var/lib/ganeti-extstorage-dataontap": "root:root 0700",
    "/run/ganeti-extstorage-dataontap": "root:root 0700",
}
PLAIN, PROGRAM = "root:root 0644", "root:root 0755"
RIGHTS = {
    CONF: "root:root 0600",
    "/etc/cron.daily/ganeti-extstorage-dataontap": PROGRAM,
    "/etc/logrotate.d/ganeti-extstorage-dataontap": PLAIN,
    "/lib/systemd/system/ganeti-extstorage-dataontap.service": PLAIN,
    "/lib/systemd/system/ganeti-extstorage-dataontap.timer": PLAIN,
    "/usr/lib/python3/dist-packages/dataontap/ganeti/script.py": PLAIN,
    "/usr/lib/udev/rules.d/57-ganeti-extstorage-dataontap.rules": PLAIN,
    "/usr/share/doc/ganeti-extstorage-dataontap/examples/lvm-global-filter.conf": PLAIN,
    "/usr/share/doc/ganeti-extstorage-dataontap/examples/multipath.conf": PLAIN,
    f"{PROVIDER}/parameters.list": PLAIN,
    **{f"{PROVIDER}/{verb}": PROGRAM for verb in VERBS},
    **{link: target for link, target in LINKS.items()},
    **{target: PROGRAM for target in LINKS.values()},
    **MADE,
}
OLD, NEW = "31 days ago", "29 days ago"
OUTPUTS = {  # in Ganeti's directory: how old, and whether it is to stay
    "create-dataontap-6b59051c.ext.disk0-2026-10-01_10_00_00.log": (OLD, False),
    "create-dataontap-6b59051c.ext.disk0-2026-11-01_10_00_00.log": (NEW, True),
    "create-otherone-6b59051c.ext.disk0-2026-10-01_10_00_00.log": (OLD, True),
}


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A filer on which an admin has typed what README says, with a certificate that no CA has signed."""
    commands = tmp_path / "commands"
    blocks = [*readme.blocks("2. The filer", "ontap"), *readme.blocks("4. The nodes", "ontap")]
    commands.write_text("".join(blocks) + ACCOUNT.read_text(encoding="utf-8"), encoding="utf-8")
    state = tmp_path / "filer"
    state.mkdir()
    certificates.ensure(state)
    sign_itself(state / certificates.SERVER)
    with Simulator(state, "--commands", str(commands)) as running:
        yield running


def sign_itself(file: Path) -> None:
    """Make the server's key and certificate self-signed ones for ``HOST``."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "-"]
    name = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"]
    command = ["openssl", "req", "-x509", *key, *name]
    file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)


def test_each_file_has_its_place_and_mode(root: Root) -> None:
    assert root.facts(*RIGHTS) == RIGHTS


def test_nothing_in_it_is_anybody_elses_or_open_to_others(root: Root) -> None:
    files = "dpkg -L ganeti-extstorage-dataontap | xargs -d '\\n' -I{} find {} -maxdepth 0"
    assert root.run(f"{files} ! -type l '(' -perm /022 -o ! -user root -o ! -group root ')'") == ""


def test_the_admins_files_are_conffiles(root: Root) -> None:
    said = root.run("dpkg-query --show --showformat='${Conffiles}' ganeti-extstorage-dataontap")
    assert {line.split()[0] for line in said.splitlines() if line} == {
        CONF,
        "/etc/cron.daily/ganeti-extstorage-dataontap",
        "/etc/logrotate.d/ganeti-extstorage-dataontap",
    }


def test_all_of_the_library_can_be_imported_without_a_warning(root: Root) -> None:
    program = """
import importlib, pkgutil, sys, dataontap
names = [module.name for module in pkgutil.walk_packages(dataontap.__path__, "dataontap.")]
for name in names:
    importlib.import_module(name)
print(dataontap.__file__, len(names) > 20)
"""
    said = root.run("python3 -W error -", stdin=program)
    assert said == "/usr/lib/python3/dist-packages/dataontap/__init__.py True\n"


@pytest.mark.parametrize("verb", ["verify", "create", "attach"])
def test_as_it_comes_a_script_says_what_to_set(root: Root, verb: str) -> None:
    variables = "VOL_NAME=v VOL_SIZE=5 VOL_UUID=u EXTP_PROVIDER=dataontap EXTP_ACCESS=kernelspace"
    said = root.run(f"env -i {variables} {PROVIDER}/{verb}", status=1)
    needed = "set at least HOSTNAME, LOGIN, PASSWORD, POOL and IGROUP"
    subject = "verify" if verb == "verify" else f"{verb} v"
    assert said == f"dataontap: {subject}: {CONF}: no option is set; {needed}\n"


def test_set_up_as_readme_says_verify_misses_only_what_does_not_run_here(root: Root, simulator: Simulator) -> None:
    root.run(f"echo 127.0.0.1 {HOST} >>/etc/hosts")
    certificate = readme.block("4. The nodes", "sh", "apt-get install openssl").replace(
        ":443", f":{simulator.port}"
    )
    said = root.run(certificate)
    assert readme.in_order(plain(readme.block("4. The nodes", "text")), plain(said))
    configuration = readme.block("4. The nodes", "python").replace("…", typed.PASSWORD)
    root.run(f"cat >>{CONF}", stdin=f"{configuration}PORT = {simulator.port}\n")
    said = root.run(readme.block("5. Verify", "sh"), status=1)
    told = re.findall("^([a-z]+): (fine|not checked|warning|FAILED)", said, re.M)
    assert [f"{check}: fine" for check, _ in told] == readme.block("5. Verify", "text").splitlines()
    assert dict(told)["portals"] == "FAILED", "the simulator's LUNs are on no network"
    # No daemons run in the root; but iscsid's and multipathd's sockets are the machine's, where these may run.
    assert {check for check, severity in told if severity != "fine"} <= {"initiator", "multipath", "portals"}
    assert {request.account for request in simulator.requests()} == {"ganeti"}


def plain(said: str) -> str:
    """What openssl says, whose releases differ in blanks."""
    return "\n".join(line.replace(" = ", "=").strip() for line in said.splitlines())


def test_the_example_for_multipath_can_be_copied_and_is_understood(root: Root) -> None:
    copy, reconfigure = readme.block("4. The nodes", "sh", "cp ").splitlines()
    root.run(copy)
    assert reconfigure == "multipathd reconfigure"  # which there is none here to hear
    said = root.run("multipath -t")
    assert re.search(r'find_multipaths "?(off|no)"?$', said, re.M)
    assert re.search(r'recheck_wwid "?yes"?$', said, re.M)
    (ours,) = re.findall(r'device \{\n\s+vendor "NETAPP"\n\s+product "LUN"\n(.*?)\}', said, re.S)
    assert "no_path_retry 24" in ours
    assert "group_by_prio" in ours, "multipath-tools' own settings for NETAPP stay"


def service_command(root: Root) -> str:
    """What the service runs; systemd, unlike a shell, lets the asterisks be."""
    unit = root.run("cat /lib/systemd/system/ganeti-extstorage-dataontap.service")
    (words,) = re.findall("^ExecStart=(.*)$", unit, re.M)
    return shlex.join(words.split())


@pytest.mark.parametrize("way", ["cron", "systemd"])
def test_old_output_of_our_scripts_is_removed(root: Root, way: str) -> None:
    command = "/etc/cron.daily/ganeti-extstorage-dataontap" if way == "cron" else service_command(root)
    directory = "/var/log/ganeti/extstorage"
    root.run(command)  # with nothing there
    root.run("\n".join(f"touch --date='{age}' {directory}/{name}" for name, (age, _) in OUTPUTS.items()))
    root.run(command)
    assert set(root.run(f"ls {directory}").split()) == {name for name, (_, stays) in OUTPUTS.items() if stays}


def test_the_log_is_rotated(root: Root) -> None:
    log = "/var/log/ganeti-extstorage-dataontap.log"
    root.run("apt-get install --no-install-recommends logrotate")
    rotate = "logrotate --state /tmp/state --force /etc/logrotate.d/ganeti-extstorage-dataontap"
    root.run(rotate)  # with nothing there
    for round_ in ("first", "second"):
        root.run(f"umask 077; echo {round_} >>{log}; {rotate}")
    assert root.facts(f"{log}*") == {name: "root:root 0600" for name in (log, f"{log}.1", f"{log}.2.gz")}
    assert root.run(f"cat {log}.1; zcat {log}.2.gz") == "second\nfirst\n"


def test_the_directories_come_back_with_a_reboot(root: Root) -> None:
    """/run is empty then; systemd-tmpfiles is what there is, and without it the scripts make it themselves."""
    root.run("apt-get install --no-install-recommends systemd")
    root.run("rm -r /run/ganeti-extstorage-dataontap")
    root.run("systemd-tmpfiles --create ganeti-extstorage-dataontap.conf")
    assert root.facts("/run/ganeti-extstorage-dataontap") == {"/run/ganeti-extstorage-dataontap": "root:root 0700"}


def test_systemd_understands_the_units(root: Root) -> None:
    root.run("apt-get install --no-install-recommends systemd")
    units = "/lib/systemd/system/ganeti-extstorage-dataontap"
    assert root.run(f"systemd-analyze verify --man=no {units}.timer {units}.service") == ""


def test_the_man_pages_are_found(root: Root) -> None:
    """Where they are, not what is in them: clean roots are made without the reader."""
    pages = (
        "/usr/share/man/man7/ganeti-extstorage-dataontap.7.gz",
        "/usr/share/man/man5/extstorage-dataontap.conf.5.gz",
    )
    assert root.facts(*pages) == dict.fromkeys(pages, PLAIN)
