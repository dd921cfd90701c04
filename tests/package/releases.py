"""Debian releases as directory trees, made once by mmdebstrap and kept: what roots are laid over."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.testbed.package import CACHE

# Only what Debian calls required, and apt: whatever else the package needs, it has to say.
RECIPE = ("mmdebstrap", "--quiet", "--variant=minbase", "--dpkgopt=force-unsafe-io")
# Debian changes underneath: point releases, security fixes.
_FRESH_SECONDS = 7 * 24 * 60 * 60


@contextlib.contextmanager
def tree(release: str) -> Iterator[Path]:
    """The tree of ``release``, which nobody may write into; it stays there meanwhile. Some 15 s the first time."""
    kept = CACHE / f"clean-{release}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(f"{kept}.lock", "w") as lock:
        # Shared wherever that will do: two processes may each have a tree and ask for the other's.
        fcntl.flock(lock, fcntl.LOCK_SH)
        while not kept.is_dir():
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not kept.is_dir():
                _make(release, kept)
            fcntl.flock(lock, fcntl.LOCK_SH)
        yield kept
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if time.time() - kept.stat().st_ctime > _FRESH_SECONDS:
                shutil.rmtree(kept)


def _make(release: str, kept: Path) -> None:
    """Make the tree whole or not at all."""
    fresh = CACHE / f"{kept.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    # Ctrl-C is for us, who then wait until mmdebstrap has taken down what it mounted.
    making = subprocess.Popen(
        [*RECIPE, release, str(fresh)], env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        status = making.wait()
    except BaseException:
        making.terminate()
        making.wait()
        raise
    if status:
        raise RuntimeError(f"{' '.join(RECIPE)} {release} exited {status}")
    fresh.rename(kept)
