"""Targets: the configuration, what Ganeti tells, and the files that this node keeps."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from dataontap import config
from dataontap.config import Settings
from dataontap.deadline import Deadline
from dataontap.ganeti import configuration
from dataontap.ganeti.environ import PROVIDER, REQUESTS, HookCall, read
from dataontap.ganeti.hooks import HOOKS
from dataontap.ganeti.ssconf import Cluster
from dataontap.state import hotpath
from dataontap.state.addresses import AddressNotes
from dataontap.state.cache import ApiNote, Cache, FilerCaches, VersionCache
from dataontap.state.locks import Locks
from dataontap.state.records import Clones, Records
from dataontap.volume.requests import Disk
from tests.fuzz.judge import CONFIGURATION, SECRETS, Judge
from tests.fuzz.mutation import changed, changed_json, changed_text, texts, values
from tests.fuzz.target import target

_OPTIONS = sorted(option.name.upper() for option in fields(Settings) if "read" in option.metadata)
_SHIPPED = (Path(__file__).parents[2] / "etc/extstorage-dataontap.conf").read_bytes()
_PATTERNS = ("(", "(" * 200 + ")" * 200, "a{99999999999}", "[[a]]", "(?P<a>", "\\", "(?i)vol.+", "*")
_COMMANDS = (
    "('a\\0b',)",
    "('\\ud800',)",
    "(('multipath', '-r'),)",
    "((),)",
    "('multipath', '{name}')",
    "(('x\\n',),)",
)


@st.composite
def _options(draw: DrawFn) -> bytes:
    """The sample with a few options that have odd values, each a literal or nearly one."""
    lines = CONFIGURATION.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(_OPTIONS))
        odd = st.one_of(values.map(repr), st.sampled_from([*map(repr, _PATTERNS), *_COMMANDS]), _containers())
        lines = [line for line in lines if not line.startswith(f"{name} ")]
        lines.append(f"{name} = {draw(odd)}")
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def _containers() -> SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda found: repr(tuple(found)))


_texts_of_files = st.one_of(_options(), changed([CONFIGURATION.encode()]), changed([_SHIPPED]))


@target(_texts_of_files)
def configurations(judge: Judge, text: bytes, directory: Path) -> None:
    """What is accepted can be used: its commands are words for a program, its names fit into requests."""

    def use(request: Disk, settings: Settings) -> None:
        assert isinstance(hash(settings), int)
        assert not any(secret in repr(settings) for secret in SECRETS)
        for several in (settings.attach_commands, settings.detach_commands):
            for words in several or ():
                _require_words(words)
        _require_words(settings.scsi_id_command or ())
        _require_words(settings.device_cleanup_command or ())
        assert settings.allows_pool(settings.pool)
        for name in (settings.hostname, *settings.other_addresses):
            assert name.isascii()
            assert name.isprintable()
        FilerCaches(settings).version().get()

    judge.judge_script(judge.configure(text), lambda: Disk({}), use)


def _require_words(words: tuple[str, ...]) -> None:
    assert all(os.fsencode(word).find(b"\0") == -1 for word in words)


_UUID = "e5d84ccc-11b6-4f5d-8702-af659b341813"
_ENVIRON = {
    "VOL_NAME": "6b59051c-cb68-467a-a4aa-e4d8e6a2b6b9.ext.disk0",
    "VOL_UUID": _UUID,
    "VOL_CNAME": "root",
    "VOL_SIZE": "1024",
    "VOL_NEW_SIZE": "2048",
    "VOL_SNAPSHOT_NAME": "6b59051c.ext.disk0.snap",
    "VOL_SNAPSHOT_SIZE": "1024",
    "VOL_METADATA": "originstname+inst1",
    "VOL_OPEN_EXCLUSIVE": "True",
    "EXTP_PROVIDER": PROVIDER,
    "EXTP_ACCESS": "kernelspace",
    "EXTP_POOL": "vol1",
    "EXTP_IGROUP": "ganeti-{node}",
    "EXTP_LUN_OSTYPE": "linux",
    "EXTP_LUN_SPACE_RESERVATION": "False",
}
_HOOK = {
    "GANETI_HOOKS_PATH": "instance-migrate",
    "GANETI_HOOKS_PHASE": "pre",
    "GANETI_MASTER": "node1",
    "GANETI_NEW_PRIMARY": "node2",
    "GANETI_INSTANCE_DISK_COUNT": "2",
    "GANETI_INSTANCE_DISK0_PROVIDER": PROVIDER,
    "GANETI_INSTANCE_DISK0_ID": "6b59051c.ext.disk0",
    "GANETI_INSTANCE_DISK0_UUID": _UUID,
    "GANETI_INSTANCE_DISK1_PROVIDER": "other",
}


@st.composite
def _environ(draw: DrawFn, usual: dict[str, str]) -> dict[str, str]:
    environ = dict(usual)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.one_of(st.sampled_from(sorted(usual)), texts.map(lambda text: f"EXTP_{text}")))
        value = draw(st.one_of(texts, changed_text([environ.get(name, "")]), st.none()))
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value.replace("\0", "")  # the kernel's environment has none
    return environ


@target(st.tuples(st.sampled_from(sorted(REQUESTS)), _environ(_ENVIRON)))
def environments(judge: Judge, given: tuple[str, dict[str, str]], directory: Path) -> None:
    """What is accepted fits into a path, a query and a comment. The hot path reads the same environment."""
    verb, environ = given

    def use(request: Disk, settings: Settings) -> None:
        name = str(getattr(request, "name", "v"))
        assert "/" not in name
        assert name.isascii()
        assert name.isprintable()
        assert "/../" not in f"/{settings.pool}/"
        assert (settings.igroup or "").isprintable()

    judge.judge_script(judge.configure(), lambda: read(REQUESTS[verb], environ), use)
    assert not hotpath.answer((), environ, str(directory), "/nonexistent", output=-1)


@target(st.tuples(st.sampled_from(sorted(HOOKS)), _environ(_HOOK)))
def hook_environments(judge: Judge, given: tuple[str, dict[str, str]], directory: Path) -> None:
    name, environ = given
    judge.judge_script(judge.configure(), lambda: HOOKS[name].expects(environ, "node2"), lambda *_: None)
    judge.judge(lambda: read(HookCall, environ))


_SSCONF = {
    "cluster_name": b"cluster.example\n",
    "node_list": b"node1.example\nnode2.example\n",
    "node_primary_ips": b"node1.example 192.0.2.1\nnode2.example 192.0.2.2\n",
    "master_ip": b"192.0.2.9\n",
}
_CONFIG_DATA = json.dumps(
    {
        "cluster": {"enabled_disk_templates": ["ext"], "ipolicy": {"disk-templates": ["ext", "plain"]}},
        "disks": {
            _UUID: {"dev_type": "ext", "logical_id": [PROVIDER, "6b59051c.ext.disk0"], "params": {"pool": "vol1"}},
            "u2": {"dev_type": "plain", "logical_id": ["vg", "lv"]},
        },
    }
).encode()


@target(st.tuples(st.sampled_from(sorted(_SSCONF)), changed(list(_SSCONF.values()))))
def ssconf(judge: Judge, given: tuple[str, bytes], directory: Path) -> None:
    for name, text in {**_SSCONF, given[0]: given[1]}.items():
        (directory / f"ssconf_{name}").write_bytes(text)
    cluster = Cluster(str(directory), host_name="node1.example")

    def attack() -> None:
        assert cluster.name == "-" or cluster.name.isprintable()
        assert cluster.node in cluster.nodes
        assert isinstance(cluster.is_master, bool)

    judge.judge(attack)


@target(st.one_of(changed_json(_CONFIG_DATA), changed([_CONFIG_DATA]), st.just(b"[" * 100_000)))
def ganetis_configuration(judge: Judge, text: bytes, directory: Path) -> None:
    (directory / "config.data").write_bytes(text)
    judge.judge(lambda: configuration.disk_templates(str(directory)))

    def volumes() -> None:
        found = configuration.volumes(str(directory))
        assert all(isinstance(name, str) for name in found)
        assert all(pool is None or isinstance(pool, str) for pool in found.values())

    judge.judge(volumes)


_RECORD = b"dataontap attached 2\n/dev/disk/filer/vol1/v\nnumber 1795\nsectors 131072\ndiskseq 5\ndm/uuid -\n"
_RECORDS = (
    _RECORD
    + b"device/wwid naa.600a0980363d624277683d3f68636461\nconfig 1 2 3 4 5 6\nEXTP_POOL \nlun /vol/vol1/v u\n",
    b"100 1",
    b"/vol/vol1/v.snap",
    b"finished /vol/vol1/v.snap",
)


@target(st.tuples(st.sampled_from(("attached", "closed", "new", "cloning", "lock")), changed(_RECORDS)))
def records(judge: Judge, given: tuple[str, bytes], directory: Path) -> None:
    """A damaged record counts as none, and the next one is written over it."""
    kind, text = given
    file = directory / kind / "v"
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_bytes(text)
    found = Records({}, directory=str(directory), config_file=__file__, creator=lambda: "100 1")
    clones = Clones(str(directory))

    def attack() -> None:
        found.find("v")
        found.lun("v")
        found.identities("v")
        found.contradicts("v", "/dev/null")
        found.is_new("v")
        clones.finished("v")
        found.begin("v")
        assert found.is_new("v")
        found.finish("v")
        found.close("v")
        assert found.is_closed("v")
        found.reopen("v")
        clones.begin("v", "/vol/vol1/v")
        assert clones.has("v", "/vol/vol1/v")
        clones.drop("v")
        assert not found.is_closed("v")
        with Locks(Deadline(1), directory=str(directory)).volume("v"):
            found.keep("v", "/dev/null", "x")
            found.forget("v")

    assert judge.judge(attack) is None
    assert [path for path in directory.rglob("*") if path.is_file()] == []


_CACHED = (b"1.180\n", b"rest 0123456789abcdef0123456789abcdef\nzapi 1 2\n", b"12345.6\n", _UUID.encode())


@target(changed(_CACHED))
def caches(judge: Judge, text: bytes, directory: Path) -> None:
    """A damaged cache counts as missing, and is written over."""
    settings = config.parse(CONFIGURATION, "x")
    version = VersionCache("a", directory=str(directory))
    api = ApiNote(settings, __file__, file=str(directory / "api"))
    cache = Cache("target", "a", directory=str(directory))

    class Notes(FilerCaches):
        def silence(self, address: str) -> Cache:
            return cache

    def attack() -> None:
        version.put((1, 2))
        cache.put("x")
        for file in [*directory.rglob("*")]:
            if file.is_file():
                file.write_bytes(text)
        (directory / "api").write_bytes(text)
        found = version.get()
        assert found is None or all(isinstance(part, int) for part in found)
        assert cache.get() in {
            None,
            text.decode("ascii", "replace").replace("\r\n", "\n").replace("\r", "\n")[:4096],
        }
        assert isinstance(AddressNotes(Notes(settings), clock=lambda: 12000.0).is_silent("a"), bool)
        assert api.get() in {None, "rest", "zapi"}
        api.is_refused("rest")
        api.put("zapi")
        api.refuse("rest")
        assert (api.get(), api.is_refused("rest")) == ("zapi", True)
        version.put((1, 2))
        assert version.get() == (1, 2)

    assert judge.judge(attack) is None
