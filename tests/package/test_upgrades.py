"""The package comes over what was there before, stays through upgrades, and goes without a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.package import first_version, readme
from tests.package.root import Root
from tests.package.test_installed import CONF, LINKS, MADE, PROVIDER

INSTALL = readme.blocks("1. The package", "sh")[1]
ROLL_BACK = readme.block("Upgrade, roll back, uninstall", "sh", "apt-get install")
UNINSTALL = readme.block("Upgrade, roll back, uninstall", "sh", "apt-get purge")
NAME = "ganeti-extstorage-dataontap"
API = "/var/lib/ganeti-extstorage-dataontap/api"


@pytest.fixture
def old(root: Root, tmp_path: Path) -> Root:
    """A node with the first version, set up by an admin who followed its README."""
    root.run(f"dpkg --purge {NAME}")
    root.bring(first_version.build(tmp_path), "/root")
    root.run("dpkg --install /root/first-version.deb")
    root.write(CONF, first_version.CONFIGURATION, mode="0644")
    # The package had no link for failover: that was made by hand. So was one more, of another name.
    root.run(f"""
        touch /{first_version.STATE}/6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9
        mkdir -p /etc/ganeti/hooks/instance-failover-pre.d
        ln -s {PROVIDER}/pre-failover /etc/ganeti/hooks/instance-failover-pre.d/extstorage-dataontap
        ln -s {PROVIDER}/post-remove /etc/ganeti/hooks/instance-remove-post.d/70-netapp
        ln -s /bin/true /etc/ganeti/hooks/instance-remove-post.d/somebody-elses
    """)
    return root


def state(root: Root) -> str:
    """What dpkg thinks of the package."""
    return root.run(f"dpkg-query --show --showformat='${{db:Status-Abbrev}}' {NAME} 2>/dev/null || :").strip()


class TestFromTheFirstVersion:
    def test_its_configuration_is_kept_and_closed(self, old: Root) -> None:
        said = old.run(INSTALL, cwd="/root", stdin="\n")  # dpkg asks, and its default is taken
        assert state(old) == "ii"
        assert old.run(f"cat {CONF}") == first_version.CONFIGURATION
        assert old.facts(CONF) == {CONF: "root:root 0600"}
        assert "config: fine" in said
        assert "secret" not in said

    def test_its_hooks_are_replaced_and_nobody_elses(self, old: Root) -> None:
        old.run(INSTALL, cwd="/root", stdin="\n")
        other = "/etc/ganeti/hooks/instance-remove-post.d/somebody-elses"
        assert old.facts("/etc/ganeti/hooks/*/*") == {**LINKS, other: "/bin/true"}

    def test_the_node_goes_on_with_zapi(self, old: Root) -> None:
        old.run(INSTALL, cwd="/root", stdin="\n")
        assert old.run(f"cat {API}") == "zapi\n"

    def test_nothing_else_of_it_is_left(self, old: Root) -> None:
        old.run(INSTALL, cwd="/root", stdin="\n")
        left = [path for path in old.everything() if "extstorage" in path and "dataontap" in path]
        for gone in (f"/{first_version.LIBRARY}", f"/{first_version.STATE}", "/var/lib/extstorage-dataontap"):
            assert not [path for path in left if path.startswith(gone)]
        assert not [path for path in left if path.startswith(f"{PROVIDER}/p") and "parameters" not in path]

    def test_a_configuration_that_will_not_do_is_said(self, old: Root) -> None:
        old.run(f"echo 'POOL = \"vol\" + str(1)' >>{CONF}")
        said = old.run(INSTALL, cwd="/root", stdin="\n")
        assert state(old) == "ii", "the node has the new version all the same"
        assert f"dataontap: verify: {CONF}:10: POOL: " in said

    def test_purging_it_after_the_upgrade_leaves_nothing(self, old: Root) -> None:
        old.run(INSTALL, cwd="/root", stdin="\n")
        old.run(f"rm /etc/ganeti/hooks/instance-remove-post.d/somebody-elses; dpkg --purge {NAME}")
        assert remains(old) == []


def test_an_installation_by_hand_is_not_written_into(root: Root) -> None:
    """A link that somebody made in the provider's place would lead dpkg to another directory."""
    root.run(f"dpkg --purge {NAME}")
    hand = "/usr/local/share/by-hand"
    root.run(f"mkdir -p {hand} {PROVIDER.rpartition('/')[0]}; ln -s {hand} {PROVIDER}")
    said = root.run(INSTALL, cwd="/root")
    assert f"{PROVIDER} was a link to {hand}" in said
    assert root.run(f"ls {hand}") == ""
    assert root.facts(f"{PROVIDER}/attach") == {f"{PROVIDER}/attach": "root:root 0755"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("root:adm 0640", "root:adm 0640"),
        ("root:root 0644", "root:root 0600"),
        ("daemon:root 0600", "root:root 0600"),
    ],
)
def test_an_edited_configuration_stays_and_is_closed_if_it_has_to_be(root: Root, before: str, after: str) -> None:
    owner, mode = before.split()
    root.run(f"echo 'HOSTNAME = \"f\"' >{CONF}; chown {owner} {CONF}; chmod {mode} {CONF}")
    root.run("dpkg --install /root/*.deb")
    assert root.run(f"cat {CONF}") == 'HOSTNAME = "f"\n'
    assert root.facts(CONF) == {CONF: after}


def test_a_hook_can_be_done_without_for_good(root: Root) -> None:
    """As the manual says."""
    directory = "/etc/ganeti/hooks/instance-remove-post.d"
    root.run(f"cd {directory}; dpkg-divert --rename --add $PWD/extstorage-dataontap")
    root.run("dpkg --install /root/*.deb")
    assert root.run(f"ls {directory}") == "extstorage-dataontap.distrib\n"


def test_removing_leaves_the_configuration_and_no_hooks(root: Root) -> None:
    root.run(f"echo 'HOSTNAME = \"f\"' >>{CONF}; dpkg --remove {NAME}")
    assert state(root) == "rc"
    assert root.facts(CONF) == {CONF: "root:root 0600"}
    assert root.facts(*LINKS, PROVIDER, "/usr/lib/python3/dist-packages/dataontap") == {}
    root.run("/etc/cron.daily/ganeti-extstorage-dataontap")
    root.run("dpkg --install /root/*.deb")
    assert 'HOSTNAME = "f"' in root.run(f"cat {CONF}")
    assert root.facts(*LINKS) == LINKS


def test_rolling_back_as_readme_says_keeps_the_configuration(root: Root, built_earlier: Path) -> None:
    root.run(f"echo 'HOSTNAME = \"f\"' >>{CONF}")
    root.bring(built_earlier, "/root")
    assert built_earlier.name in ROLL_BACK
    root.run(ROLL_BACK, cwd="/root", stdin="\n")
    version = root.run(f"dpkg-query --show --showformat='${{Version}}' {NAME}")
    assert built_earlier.name == f"{NAME}_{version}_all.deb"
    assert 'HOSTNAME = "f"' in root.run(f"cat {CONF}")
    assert root.facts(*LINKS) == LINKS


def test_an_upgrade_goes_on_with_zapi(root: Root, built_earlier: Path) -> None:
    """A new installation notes nothing. The admin may have looked with the new version's verify before."""
    assert root.facts(API) == {}
    root.run(f"echo rest 0123 >{API}; cp /root/*.deb /tmp")
    root.bring(built_earlier, "/root")
    root.run(ROLL_BACK, cwd="/root", stdin="\n")
    root.run("dpkg --install /tmp/*.deb", stdin="\n")
    assert root.run(f"cat {API}") == "zapi\n"


def use(root: Root) -> None:
    """Leave behind what a node in use has."""
    root.run(f"""
        echo 'HOSTNAME = "f"' >>{CONF}
        {PROVIDER}/verify || :
        touch /var/log/ganeti-extstorage-dataontap.log /var/log/ganeti-extstorage-dataontap.log.1.gz
        touch /var/log/ganeti/extstorage/create-dataontap-v-2026-10-01_10_00_00.log
        mkdir -p /run/ganeti-extstorage-dataontap/version; touch /run/ganeti-extstorage-dataontap/version/x
        touch /var/lib/ganeti-extstorage-dataontap/x
    """)


def remains(root: Root) -> list[str]:
    """What there is that can only be ours, or be there because of us: Ganeti is not installed."""
    ours = ("dataontap", "/var/log/ganeti", "/etc/ganeti", "/usr/share/ganeti")
    return sorted(
        path for path in root.everything() if any(name in path for name in ours) and not path.startswith("/root/")
    )


def test_purging_leaves_nothing(root: Root) -> None:
    use(root)
    root.run(UNINSTALL)
    assert state(root) == ""
    assert remains(root) == []


def test_installing_and_purging_leave_everything_else_as_it_was(root: Root) -> None:
    root.run(f"dpkg --purge {NAME}")
    before = root.everything()
    root.run("dpkg --install /root/*.deb")
    use(root)
    root.run(f"dpkg --purge {NAME}")
    changed = {path for path in root.everything() ^ before if not path.startswith("/var/lib/dpkg/")}
    assert changed == set()


def test_purging_leaves_other_providers_output(root: Root) -> None:
    other = "/var/log/ganeti/extstorage/create-otherone-v-2026-10-01_10_00_00.log"
    root.run(f"touch {other}; dpkg --purge {NAME}")
    assert root.facts(other) == {other: "root:root 0644"}
    assert root.facts(*MADE) == {"/var/log/ganeti/extstorage": MADE["/var/log/ganeti/extstorage"]}
