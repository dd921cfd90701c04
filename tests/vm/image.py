"""The guest's image: a root file system, a stock Debian kernel and an initrd; built once, kept by content.

Nothing of it is installed on this machine, nothing of this machine but its package sources goes into it.  The
repository is not in it either: a guest mounts that, so only a change of what is listed below costs a build.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path("/var/cache/ganeti-extstorage-dataontap-tests/vm")
BUILDER = 1  # another one for each change of this module that makes another image
INITRD_INIT = Path(__file__).with_name("inside") / "initrd"
DISK_SIZE = 6 << 30  # sparse; the LUNs' contents are in it, too

PACKAGES = (
    # what a node has
    *("udev", "kmod", "mount", "open-iscsi", "multipath-tools", "kpartx", "sg3-utils", "dmsetup", "lvm2", "mdadm"),
    *("python3", "python3-lxml", "python3-oslo.log", "python3-oslo.utils", "python3-six"),
    # what the tests and the simulator need there
    *("python3-trustme", "python3-pytest", "iproute2", "procps", "psmisc", "fdisk", "e2fsprogs", "strace"),
)
MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "ext4", "9p", "9pnet_virtio"),
    *("iscsi_tcp", "scsi_transport_iscsi", "sd_mod", "sg", "scsi_dh_alua", "loop", "dummy", "veth", "sch_netem"),
    *("dm_mod", "dm_multipath", "dm_round_robin", "dm_queue_length", "dm_service_time", "dm_snapshot", "md_mod"),
    *("raid0", "raid1", "configfs", "target_core_mod", "target_core_file", "iscsi_target_mod"),
    *("fcoe", "libfcoe", "libfc", "scsi_transport_fc", "tcm_fc", "bridge"),
    *("crc32c_generic", "crc32c_intel", "libcrc32c"),
)
BOOT_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4", "9p", "9pnet_virtio")
GANETI = {
    "bookworm": "ganeti-3.0",
    "trixie": "ganeti-3.1",
}  # the package with the library of each release's version


@dataclass(frozen=True)
class Image:
    """The files that QEMU boots; ``root`` is to be opened as a snapshot, never written to."""

    directory: Path

    @property
    def kernel(self) -> Path:
        """Uncompressed: it boots by PVH, and emulated processors take seconds to decompress one."""
        return self.directory / "vmlinux"

    @property
    def initrd(self) -> Path:
        """Busybox and what it takes to mount the disk and the shared directories."""
        return self.directory / "initrd"

    @property
    def root(self) -> Path:
        """An ext4 file system without a partition table."""
        return self.directory / "root.ext4"


def image(release: str = "") -> Image:
    """The image of a release of Debian, of this machine's if none is named. Building it takes a minute."""
    here = _said("sh", "-c", '. /etc/os-release && echo "$VERSION_CODENAME"').strip()
    release = release or here
    packages = (*PACKAGES, GANETI[release])
    sources = _sources().replace(here, release)
    made_of = (BUILDER, DISK_SIZE, packages, MODULES, BOOT_MODULES, INITRD_INIT.read_text(), sources)
    found = Image(CACHE / hashlib.sha256(repr(made_of).encode()).hexdigest()[:16])
    CACHE.mkdir(parents=True, exist_ok=True)
    with _locked(CACHE / "lock"):
        if not found.directory.exists():
            for stray in CACHE.glob("build.*"):  # of a builder that was killed
                shutil.rmtree(stray)
            print(f"building the guests' image in {CACHE}, once", flush=True)
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="build.") as directory:
                work = Path(directory)
                finished = _build(work, release, packages, sources)
                for old in CACHE.glob("*/root.ext4"):
                    if old.parent.stat().st_mtime < time.time() - 24 * 60 * 60:  # another tree's may be in use
                        shutil.rmtree(old.parent)
                finished.rename(found.directory)
        os.utime(found.directory)
    return found


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One builder at a time; the others then find what it has built."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sources() -> str:
    """This machine's own sources of Debian packages, as lines of sources.list(5)."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    lines = _said(
        "apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian"
    ).splitlines()
    if not lines:
        raise SystemExit("no package source of Debian's is known here: apt-get update, on Debian")
    return "".join(f"{line}\n" for line in sorted(set(lines)))


def _said(*argv: str) -> str:
    return subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout


def _build(work: Path, release: str, packages: Sequence[str], sources: str) -> Path:
    """The finished directory, somewhere below ``work``."""
    tree, finished = work / "tree", work / "finished"
    finished.mkdir()
    (work / "sources.list").write_text(sources)
    _make_tree(tree, work, release, packages)
    (package,) = work.glob("linux-image-*.deb")
    _said("dpkg", "--extract", str(package), str(work / "kernel"))
    if not (work / "kernel/lib").exists():
        (work / "kernel/lib").symlink_to("usr/lib")  # as a root of a newer release has it
    (modules,) = (work / "kernel/lib/modules").iterdir()
    version = modules.name
    _said("depmod", "--basedir", str(work / "kernel"), version)
    paths = _dependencies(modules)
    _copy_modules(modules, tree / "lib/modules" / version, _closure(paths, MODULES))
    _said("depmod", "--basedir", str(tree), version)
    (finished / "vmlinux").write_bytes(_uncompressed(work / "kernel/boot" / f"vmlinuz-{version}"))
    _make_initrd(work / "initrd", finished / "initrd", [modules / path for path in _closure(paths, BOOT_MODULES)])
    disk = finished / "root.ext4"
    disk.touch()
    os.truncate(disk, DISK_SIZE)
    plain = ["-O", "^has_journal,^metadata_csum", "-E", "lazy_itable_init=1,root_owner=0:0"]
    _said("mkfs.ext4", "-q", "-F", *plain, "-d", str(tree), str(disk))
    return finished


def _make_tree(tree: Path, work: Path, release: str, packages: Sequence[str]) -> None:
    """Debian with ``packages`` in ``tree``; the stock kernel's package, not installed, in ``work``."""
    options = ["--mode=root", "--variant=apt", "--quiet", f"--include={','.join(packages)}"]
    options += [
        f"--aptopt={option}" for option in ('APT::Install-Recommends "false"', 'Acquire::Languages "none"')
    ]
    options += [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("man", "doc", "locale")]
    fetch = (
        'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" && cd "$WORK" && '
        "kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \\(linux-image-.*\\)/\\1/p') && "
        'apt-get -qq download "$kernel"'
    )
    command = [
        "mmdebstrap",
        *options,
        f"--customize-hook={fetch}",
        release,
        str(tree),
        str(work / "sources.list"),
    ]
    environment = {**os.environ, "WORK": str(work), "LC_ALL": "C"}
    log = work / "log"
    with log.open("w") as output:
        if subprocess.run(command, env=environment, stdout=output, stderr=output, check=False).returncode:
            raise SystemExit(f"mmdebstrap failed:\n{log.read_text()[-3000:]}")


def _dependencies(modules: Path) -> dict[str, list[str]]:
    """Module name -> its file and those it needs, in the order to load them; none for one built in."""
    found: dict[str, list[str]] = {}
    for line in (modules / "modules.builtin").read_text().splitlines():
        found[_module_name(line)] = []
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, needed = line.partition(":")
        found[_module_name(path)] = [*reversed(needed.split()), path]
    return found


def _module_name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")


def _closure(paths: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    """The files of these modules and of all that they need, each once; KeyError for a module that there is not."""
    return list(dict.fromkeys(path for name in names for path in paths[name]))


def _copy_modules(source: Path, target: Path, paths: list[str]) -> None:
    for path in [*paths, "modules.order", "modules.builtin", "modules.builtin.modinfo"]:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        _copy(source / path, target / path)


def _copy(source: Path, target: Path) -> None:
    """Newer releases compress their kernel's modules, which not all can read that have to."""
    if source.suffix == ".xz":
        target.with_suffix("").write_bytes(lzma.decompress(source.read_bytes()))
    else:
        shutil.copy(source, target)


def _uncompressed(vmlinuz: Path) -> bytes:
    """The kernel inside a bzImage (Documentation/arch/x86/boot.rst: payload_offset, payload_length)."""
    packed = vmlinuz.read_bytes()
    start = (packed[0x1F1] + 1) * 512 + int.from_bytes(packed[0x248:0x24C], "little")
    payload = packed[start : start + int.from_bytes(packed[0x24C:0x250], "little")]
    kernel = b""
    if payload.startswith(b"\xfd7zXZ"):
        kernel = lzma.LZMADecompressor().decompress(payload)  # four bytes of length follow the stream
    elif payload.startswith(b"\x28\xb5\x2f\xfd"):
        unpack = ["zstd", "--decompress", "--stdout", "--quiet"]
        kernel = subprocess.run(unpack, input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    if not kernel.startswith(b"\x7fELF"):
        raise SystemExit(f"{vmlinuz} has no ELF file inside, or one that is packed in a new way")
    return kernel


def _make_initrd(root: Path, target: Path, modules: list[Path]) -> None:
    """Busybox from this machine's busybox-static, the modules in loading order, and inside/initrd as /init."""
    for directory in ("bin", "dev", "proc", "sys", "root", "modules"):
        (root / directory).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin/busybox")
    (root / "bin/sh").symlink_to("busybox")
    for number, module in enumerate(modules):
        _copy(module, root / "modules" / f"{number:03}-{module.name}")
    shutil.copy(INITRD_INIT, root / "init")
    (root / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with target.open("wb") as archive:
        command = ["busybox", "cpio", "-o", "-H", "newc"]
        subprocess.run(
            command, cwd=root, input=names.encode(), stdout=archive, stderr=subprocess.DEVNULL, check=True
        )


if __name__ == "__main__":
    print(image(*sys.argv[1:]).directory)
