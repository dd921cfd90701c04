"""An upgrade, a downgrade and the next upgrade of a node that has a volume in use: dpkg and the real scripts."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.package.root import Root
from tests.package.test_installed import CONF, LINKS, PROVIDER
from tests.simulator.process import Simulator
from tests.simulator.requestlog import Logged
from tests.testbed import package
from tests.testbed.hook_calls import NAME, UUID
from tests.testbed.node import LINKS as DEVICES
from tests.testbed.product import PYTHON, ROOT

PACKAGE = "ganeti-extstorage-dataontap"
LINK = f"{DEVICES}/127.0.0.1/vol1/{NAME}"
TEXT = "originstname+inst1.example"
OLD_TAG = f"dataontap:1:cluster.example:{UUID}:disk"
NEW_TAG = f"dataontap:2:cluster.example:{UUID}:disk:[0-9a-f]{{24}}"
CONFIG_DATA = json.dumps({"disks": {UUID: {"dev_type": "ext", "logical_id": ["dataontap", NAME]}}})
# What the node, which is the master, knows of its cluster; and this kernel's devices.
SET_UP = f"""
mkdir -p /var/lib/ganeti
echo cluster.example >/var/lib/ganeti/ssconf_cluster_name
echo node1.example >/var/lib/ganeti/ssconf_node_list
echo node1.example 127.0.0.1 >/var/lib/ganeti/ssconf_node_primary_ips
echo 127.0.0.1 >/var/lib/ganeti/ssconf_master_ip
cat >/var/lib/ganeti/config.data <<'END'
{CONFIG_DATA}
END
echo InitiatorName=iqn.1993-08.org.debian:01:node1 >/etc/iscsi/initiatorname.iscsi
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
verb() {{
    verb=$1
    shift
    echo "$(date +%s.%N) $verb"
    env -i VOL_NAME={NAME} VOL_UUID={UUID} EXTP_PROVIDER=dataontap EXTP_ACCESS=kernelspace "$@" {PROVIDER}/$verb
    echo "$(date +%s.%N) end"
}}
# dpkg asks about the configuration file, and its default is taken.
install() {{
    dpkg --install $1 <<<""
    echo
}}
"""
STORY = """
verb create VOL_SIZE=16
verb attach
verb open VOL_OPEN_EXCLUSIVE=True
verb setinfo VOL_METADATA={text}
printf first >{link}
verb attach
cp {conf} /root/edited
{look_first}

install {new}
cmp {conf} /root/edited
grep ALLOWED_IGROUPS {conf}.dpkg-dist
verb attach
verb attach
verb open VOL_OPEN_EXCLUSIVE=True
[ "$(head --bytes=5 {link})" = first ]
verb detach
verb attach
printf again >{link}

install {old}
cmp {conf} /root/edited
verb attach
verb attach
[ "$(head --bytes=5 {link})" = again ]
verb close
verb open VOL_OPEN_EXCLUSIVE=True
verb setinfo VOL_METADATA={text}
verb attach

install {new}
cmp {conf} /root/edited
verb attach
verb grow VOL_SIZE=16 VOL_NEW_SIZE=24
[ "$(head --bytes=5 {link})" = again ]
verb detach
verb remove
"""


@dataclass(frozen=True)
class Ran:
    """A script that was run, and what it asked the filer."""

    verb: str
    asked: tuple[Logged, ...]

    @property
    def comments(self) -> list[str]:
        """What it made the LUN's comment."""
        said = [request.arguments for request in self.asked if request.api == "lun-set-comment"]
        return [re.sub(".*comment=", "", arguments) for arguments in said]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory of this machine's and the node's: the filer's, and what shows the node its LUNs."""
    directory = tmp_path / "shared"
    package.copy_tree(directory, [name for name in package.sources() if re.match("tests/(__|simulator/)", name)])
    return directory


@pytest.fixture
def simulator(shared: Path) -> Iterator[Simulator]:
    """A filer with a volume."""
    with Simulator(shared / "filer", "--strict") as running:
        yield running


def configuration(simulator: Simulator, shared: Path) -> str:
    """The admin's."""
    fabric = (PYTHON, f"{shared}/tests/simulator/fabric.py")
    san = ("--links", DEVICES, "--hostname", "127.0.0.1")
    seen = ("--state", str(simulator.state), "--initiator", "iqn.1993-08.org.debian:01:node1")
    options: dict[str, object] = {
        "HOSTNAME": "127.0.0.1",
        "PORT": simulator.port,
        "CA_FILE": str(simulator.ca),
        "LOGIN": "admin",
        "PASSWORD": "secret",
        "CLUSTER_MODE_VSERVER": "svm1",
        "POOL": "vol1",
        "IGROUP": "ganeti-{node}",
        "LUN_DEVICE_PATH_FORMAT": DEVICES + "/{hostname}/{pool}/{name}",
        "ISCSI_ATTACH_COMMANDS": ((*fabric, "attach", *san, *seen),),
        "ISCSI_DETACH_COMMANDS": ((*fabric, "detach", *san, "--volume", "{name}"),),
    }
    return "# the admin's\n" + "".join(f"{name} = {value!r}\n" for name, value in options.items())


def scripts(said: str, simulator: Simulator) -> list[Ran]:
    """The scripts that the story ran, in order."""
    moments = re.findall(r"^(\d+\.\d+) ([a-z]+)$", said, re.M)
    begun, ended = moments[::2], moments[1::2]
    requests = simulator.requests()
    return [
        Ran(verb, tuple(one for one in requests if float(first) <= one.time <= float(last)))
        for (first, verb), (last, _) in zip(begun, ended)
    ]


@pytest.mark.parametrize("release", ["bookworm"])  # what dpkg does is the same in each
def test_a_volume_in_use(root: Root, built: Path, built_earlier: Path, simulator: Simulator, shared: Path) -> None:
    root.bring(built_earlier, "/root")
    old, new = f"/root/{built_earlier.name}", f"/root/{built.name}"
    root.run(f"dpkg --purge {PACKAGE} && dpkg --install {old}")
    root.write(CONF, configuration(simulator, shared), mode="0600")
    clear = f"trap '{PYTHON} {shared}/tests/simulator/fabric.py clear --links {DEVICES}' EXIT\n"
    look_first = manual().replace("NEW.deb", new)
    story = STORY.format(link=LINK, text=TEXT, conf=CONF, old=old, new=new, look_first=look_first)

    said = root.run(SET_UP + clear + story, shared=shared)

    assert "orphans: fine" in said
    assert root.facts(*LINKS) == LINKS
    assert root.run(f"dpkg-query --show --showformat='${{db:Status-Abbrev}}' {PACKAGE}") == "ii "
    ran = scripts(said, simulator)
    # The first attach of a version asks the filer, whatever the other one has on record; later ones do not.
    assert [script.verb if script.asked else f"{script.verb} without the filer" for script in ran] == [
        *("create", "attach", "open", "setinfo", "attach without the filer"),
        *("attach", "attach without the filer", "open", "detach", "attach"),
        *("attach", "attach without the filer", "close without the filer", "open", "setinfo"),
        "attach without the filer",
        *("attach", "grow", "detach", "remove"),
    ]
    first, tagged, back, again = (comment for script in ran for comment in script.comments)
    assert first == back == f"{TEXT} {OLD_TAG}"
    assert re.fullmatch(f"{re.escape(TEXT)} {NEW_TAG}", tagged)
    assert again == tagged


def manual() -> str:
    """The commands by which LUNs are looked for before the upgrade, as the man page has them."""
    page = (ROOT / "doc/ganeti-extstorage-dataontap.7").read_text(encoding="ascii")
    upgrading = page.partition("\n.SH UPGRADING\n")[2].partition("\n.SH ")[0]
    (commands,) = re.findall(r"^\.EX\n(dpkg\\-deb .*?)^\.EE\n", upgrading, re.M | re.S)
    return str(commands).replace("\\-", "-").replace("\\e\n", "\\\n")


def test_the_changelog_of_the_package_has_the_news_first(built: Path, tmp_path: Path) -> None:
    package.unpack(built, tmp_path)
    with gzip.open(tmp_path / f"usr/share/doc/{PACKAGE}/NEWS.Debian.gz", "rt", encoding="utf-8") as news:
        version = news.readline().split()[1]
    assert f"{PACKAGE}_{version.strip('()')}_all.deb" == built.name
