"""Debian releases as directory trees, for machines with a root of their own: made by mmdebstrap once a recipe.

They are kept in /var/cache, because one takes half a minute; nobody writes into them, machines lay an overlay over
them. A tree of an older recipe goes when a newer one is made and nobody uses it any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.testbed.package import CACHE

RECIPE = ("mmdebstrap", "--quiet", "--variant=minbase")


@contextlib.contextmanager
def tree(release: str, packages: Sequence[str], cache: Path = CACHE) -> Iterator[Path]:
    """A tree of Debian ``release`` with ``packages`` and what they depend on; it stays there meanwhile."""
    recipe = [*RECIPE, f"--include={','.join(sorted(packages))}", release]
    name = f"tree-{release}-{hashlib.sha256(' '.join(recipe).encode()).hexdigest()[:12]}"
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (cache / f"{name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)  # whoever makes or removes it has it alone
        while not (cache / name).exists():
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (cache / name).exists():
                _drop_others(cache, release, name)
                _make(recipe, cache / name)
            fcntl.flock(lock, fcntl.LOCK_SH)  # not in one step: somebody may remove it in between
        yield cache / name


def _make(recipe: Sequence[str], place: Path) -> None:
    """Make the tree whole or not at all."""
    fresh = place.with_name(f"{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    # Ctrl-C is for us, who then wait until mmdebstrap has taken down what it mounted.
    making = subprocess.Popen([*recipe, str(fresh)], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        status = making.wait()
    except BaseException:
        making.terminate()
        making.wait()
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if status:
        raise RuntimeError(f"{' '.join(recipe)} exited {status}")
    fresh.rename(place)


def _drop_others(cache: Path, release: str, name: str) -> None:
    """Remove this release's trees of other recipes, unless they are in use."""
    for lock in cache.glob(f"tree-{release}-*.lock"):
        if lock.stem == name:
            continue
        with lock.open("a") as other, contextlib.suppress(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(cache / lock.stem, ignore_errors=True)
            shutil.rmtree(cache / f"{lock.stem}.new", ignore_errors=True)
            lock.unlink()
