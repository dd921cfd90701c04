"""Fuzz every target with atheris, guided by the lines of ``dataontap`` that an input reaches.

    python -m tests.fuzz SECONDS [TARGET...]

The targets share the time. atheris is installed below .fuzz, where the inputs that reach new lines are kept, too,
at most KEPT for each target. A crash is printed with its input, and the exit status is 1. With "--hypothesis"
after SECONDS, hypothesis alone makes the inputs: for a Python that atheris has no wheel for.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / ".fuzz"
REQUIREMENTS = ROOT / "tests/fuzz/requirements.txt"
KEPT = 200
_LONGEST_INPUT = 2048
_FIRST_INPUTS = 20
_CHILD = "--child"


def install() -> None:
    """Put atheris below .fuzz, unless it is there."""
    library, done = PLACE / "lib", PLACE / "installed"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if done.exists() and done.read_text(encoding="utf-8") == wanted:
        return
    library.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--upgrade", "--target", str(library), "-r", str(REQUIREMENTS)], check=True)
    done.write_text(wanted, encoding="utf-8")


def sow(corpus: Path) -> None:
    """Put random inputs into an empty corpus: those that atheris begins with are too short for any target."""
    if not any(corpus.iterdir()):
        for number in range(_FIRST_INPUTS):
            (corpus / f"first{number:02}").write_bytes(os.urandom(_LONGEST_INPUT))


def keep_few(corpus: Path) -> int:
    """Remove all but the smallest inputs; returns how many there are."""
    files = sorted(corpus.iterdir(), key=lambda file: (file.stat().st_size, file.name))
    for file in files[KEPT:]:
        file.unlink()
    return min(len(files), KEPT)


def fuzz(name: str, seconds: int, *, guided: bool) -> bool:
    """Fuzz a target in a process of its own; returns whether it held."""
    corpus = PLACE / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    sow(corpus)
    how = "atheris" if guided else "hypothesis"
    began = time.monotonic()
    child = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", _CHILD, how, name, str(seconds)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    said = child.stdout + child.stderr
    tries = next((line.split()[1] for line in said.splitlines() if line.startswith(("Done ", "tried "))), "?")
    held = child.returncode == 0
    print(
        f"{name:22} {'held' if held else 'CRASHED':8} {tries:>8} inputs in {time.monotonic() - began:6.1f} s,"
        f" {keep_few(corpus):4} kept",
        flush=True,
    )
    if not held:
        print(said[-6000:], flush=True)
    return held


def attack_of(name: str, directory: Path) -> Callable[[Any], None]:
    """A hypothesis test of a target, in ``directory``; it prints an input that the target does not bear."""
    import shutil

    from hypothesis import HealthCheck, given, settings

    from tests.fuzz.judge import Judge
    from tests.fuzz.targets import TARGETS

    judge, here = Judge(directory), directory / "here"

    @settings(max_examples=10**9, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(TARGETS[name].inputs)
    def attack(given: object) -> None:
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        try:
            TARGETS[name].attack(judge, given, here)
        except Exception:
            print(f"input: {given!r}", flush=True)
            raise

    return attack


def guided_child(name: str, seconds: int) -> None:
    """Let atheris make inputs until the time is over. It ends this process."""
    sys.path.insert(1, str(PLACE / "lib"))
    atheris = importlib.import_module("atheris")

    with atheris.instrument_imports(include=["dataontap"]):
        import tests.fuzz.targets  # noqa: F401 - its imports are instrumented

    directory = Path(tempfile.mkdtemp(prefix="fuzz"))
    one_input = attack_of(name, directory).hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    limits = [f"-max_total_time={seconds}", f"-max_len={_LONGEST_INPUT}", "-len_control=0", "-rss_limit_mb=4096"]
    atheris.Setup(["fuzz", *limits, f"-artifact_prefix={PLACE}/{name}-", str(PLACE / "corpus" / name)], one_input)
    atheris.Fuzz()


def unguided_child(name: str, seconds: int) -> None:
    """Let hypothesis make inputs until the time is over."""
    import random

    end, tries = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory(prefix="fuzz") as directory:
        one_input = attack_of(name, Path(directory)).hypothesis.fuzz_one_input  # type: ignore[attr-defined]
        while time.monotonic() < end:
            one_input(random.randbytes(_LONGEST_INPUT))
            tries += 1
    print(f"tried {tries} inputs")


def main(words: list[str]) -> int:
    """Fuzz; returns the exit status."""
    if words[:1] == [_CHILD]:
        _, how, name, seconds = words
        (guided_child if how == "atheris" else unguided_child)(name, int(seconds))
        return 0
    from tests.fuzz.targets import TARGETS

    guided = "--hypothesis" not in words
    numbers, *names = [word for word in words if word != "--hypothesis"] or ["3600"]
    unknown = set(names) - set(TARGETS)
    if unknown:
        print(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}", file=sys.stderr)
        return 2
    if guided:
        install()
    names = names or list(TARGETS)
    each = max(1, int(numbers) // len(names))
    held = [fuzz(name, each, guided=guided) for name in names]
    print(f"{held.count(True)} passed, {held.count(False)} failed")
    return 0 if all(held) else 1


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
