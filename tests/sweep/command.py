"""What the command lines of the sweep and of the crashes have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from tests.sweep.scenarios import SCENARIOS, Scenario

APIS = ("rest", "zapi")


def parser(module: str, description: str, *, case: str, jobs: int) -> argparse.ArgumentParser:
    """The common options. ``case`` tells how a case is named, ``jobs`` how many labs there are by default."""
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument("--api", choices=APIS, help="over this one only")
    made.add_argument("--all", action="store_true", help="all of them, and not only those that stand for others")
    made.add_argument("--only", default="", metavar="TEXT", help=f'those with this in "{case}"')
    made.add_argument("--json", type=Path, metavar="FILE", help="where every verdict goes")
    made.add_argument("--jobs", type=int, default=jobs, help=f"labs at a time, {jobs} by default")
    return made


def scenarios(only: str, api: str) -> list[Scenario]:
    """The scenarios over this API that ``--only`` may name."""
    named = [one for one in SCENARIOS if only.partition(" / ")[0] in one.name]
    return [one for one in named or SCENARIOS if one.is_over(api)]


def save(path: Path, records: Sequence[dict[str, object]]) -> None:
    """Write the verdicts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
