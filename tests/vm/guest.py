"""A guest: QEMU boots the image, a command runs in it, its output and exit status come out.

``python -m tests.vm.guest [--name NAME] [--release RELEASE] -- COMMAND``: the repository is at /src there, where
the command starts, too, and the product is installed as the package does it.  What the command leaves in /out is
kept when ``--out DIRECTORY`` names where.
"""

from __future__ import annotations

import argparse
import os
import py_compile
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from tests.simulator import certificates
from tests.testbed import product
from tests.testbed.product import ROOT
from tests.vm.image import Image, image

TIME_IS_UP = 124  # as timeout(1) says it
COMPILED = f".{sys.implementation.cache_tag}.pyc"
NEVER_STARTED = 125  # the guest did not come to its command, or not to the end of it
LIMIT = 600


def accelerator() -> list[str]:
    """Hardware virtualisation where it runs stock kernels, emulation elsewhere.

    /dev/kvm alone does not tell: a machine that is a guest itself may have one that runs only kernels made for it.
    Emulated, an older processor is quicker: libraries that find AVX use it, and each such instruction is a call
    into QEMU (a tenth less for Python's start, four tenths for SHA-256).
    """
    hardware = any(Path(f"/sys/module/kvm_{kind}").exists() for kind in ("intel", "amd"))
    if hardware and Path("/dev/kvm").exists():
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "Nehalem"]


class Guest:
    """One boot.  ``out`` is its /out: the command is put there, results come back there.

    A guest that ``reboots`` keeps what is on its disk then, and begins with its command again; another one ends.
    ``links`` are the network devices eth0, eth1 ... as (what QEMU's ``-netdev`` is to do, address/bits or "").
    """

    def __init__(
        self,
        command: Sequence[str],
        out: Path,
        *,
        name: str = "node1",
        links: Sequence[tuple[str, str]] = (),
        memory: int = 1024,
        cpus: int = 2,
        reboots: bool = False,
    ) -> None:
        self.name = name
        self.out = out
        self._links = links
        self._memory = memory
        self._cpus = cpus
        self._reboots = reboots
        self._child: subprocess.Popen[bytes] | None = None
        out.mkdir(parents=True, exist_ok=True)
        (out / "status").unlink(missing_ok=True)
        (out / "command").write_text(f"{shlex.join(command)}\n")

    def start(self, booted: Image, output: BinaryIO) -> None:
        """Switch it on; what the command says goes to ``output`` as it comes.

        It does not outlive the thread that calls this, however that ends.
        """
        self._child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self._qemu(booted)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us, who then stop it
        )
        self._copier = threading.Thread(target=_copy, args=(self._child.stdout, output))
        self._copier.start()

    def wait(self, limit: float = LIMIT) -> int:
        """The command's exit status; TIME_IS_UP after ``limit`` seconds, NEVER_STARTED if there is none."""
        assert self._child is not None
        try:
            self._child.wait(limit)
        except subprocess.TimeoutExpired:
            return TIME_IS_UP
        finally:
            self.stop()
        status = self.out / "status"
        return int(status.read_text()) if status.exists() else NEVER_STARTED

    def stop(self) -> None:
        """Cut the power, unless it is off."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._copier.join()

    def _qemu(self, booted: Image) -> list[str]:
        return [
            "qemu-system-x86_64",
            *("-machine", "q35,usb=off,vmport=off", "-nodefaults", "-no-user-config", "-display", "none"),
            *("-smp", str(self._cpus), "-m", str(self._memory), "-monitor", "none"),
            *accelerator(),
            *([] if self._reboots else ["-no-reboot"]),
            *("-kernel", str(booted.kernel), "-initrd", str(booted.initrd), "-append", self._kernel_options()),
            *("-drive", f"file={booted.root},format=raw,if=virtio,snapshot=on,cache=unsafe"),
            *("-device", "virtio-rng-pci"),
            *("-virtfs", f"local,path={ROOT},mount_tag=src,security_model=none,readonly=on,multidevs=remap"),
            *("-virtfs", f"local,path={self.out},mount_tag=out,security_model=none,multidevs=remap"),
            *("-serial", f"file:{self.out}/console"),
            *("-device", "virtio-serial-pci", "-chardev", "file,id=output,path=/dev/stdout,append=on"),
            *("-device", "virtserialport,chardev=output,name=output"),
            *self._network(),
        ]

    def _network(self) -> list[str]:
        options = ["-nic", "none"] if not self._links else []
        for number, (backend, _) in enumerate(self._links):
            kind, _, rest = backend.partition(",")
            device = f"virtio-net-pci,netdev=link{number},mac=52:54:00:{_mac(self.name, number)}"
            options += ["-netdev", f"{kind},id=link{number},{rest}", "-device", device]
        return options

    def _kernel_options(self) -> str:
        speed = "quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on audit=0 selinux=0 apparmor=0"
        links = enumerate(self._links)
        addresses = [f"guest.address=eth{number}={address}" for number, (_, address) in links if address]
        return " ".join([f"console=ttyS0 {speed} net.ifnames=0 guest.name={self.name}", *addresses])


def _copy(source: BinaryIO, target: BinaryIO) -> None:
    while said := os.read(source.fileno(), 65536):
        target.write(said)
        target.flush()


def _mac(name: str, number: int) -> str:
    """The last three bytes of a hardware address, different for each guest's name and device."""
    return f"{sum(name.encode()) & 255:02x}:{len(name):02x}:{number:02x}"


def prepare(directory: Path) -> None:
    """What guests take from this machine, in ``directory``, because it costs less here than there.

    ``product``: its library and share directories, as setup.py installs them.  ``compiled``: the repository's
    modules.  ``certificates``: a simulated filer's.
    """
    shutil.rmtree(directory, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        installed = product.install(Path(temporary))
        shutil.copytree(installed.library, directory / "product/library")
        shutil.copytree(installed.extstorage.parents[1], directory / "product/share")
    for package in ("tests", "dataontap"):
        for source in (ROOT / package).rglob("*.py"):
            compiled = directory / "compiled/src" / source.relative_to(ROOT).with_suffix(COMPILED)
            py_compile.compile(str(source), str(compiled), f"/src/{source.relative_to(ROOT)}", quiet=2)
    (directory / "certificates").mkdir()
    certificates.ensure(directory / "certificates")


def main(arguments: Sequence[str]) -> int:
    """Run one command in a fresh guest; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.vm.guest", description="Run a command in a fresh guest."
    )
    parser.add_argument("--name", default="node1", help="the guest's host name (node1)")
    parser.add_argument("--release", default="", help="of Debian (this machine's)")
    parser.add_argument("--limit", type=float, default=LIMIT, metavar="SECONDS", help=f"for all of it ({LIMIT})")
    parser.add_argument("--out", type=Path, help="keep /out there")
    parser.add_argument("command", nargs="+", metavar="COMMAND")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        out = (options.out or Path(directory)).resolve()
        out.mkdir(parents=True, exist_ok=True)
        prepare(out / "prepared")
        guest = Guest(options.command, out, name=options.name)
        try:
            guest.start(image(options.release), sys.stdout.buffer)
            status = guest.wait(options.limit)
        finally:
            guest.stop()
        if status == NEVER_STARTED:
            sys.stderr.write(
                f"the guest never came to its end:\n{(out / 'console').read_text(errors='replace')[-2000:]}"
            )
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
