"""Every crash point is in the code, and some test kills the program at it (docs/architecture.md, Crash points)."""

import re
import subprocess
import sys
from pathlib import Path

import model_devops
from model_devops import faults

TESTS = Path(__file__).parent
#: Where the program is killed at the points of a list and run again; the tests say so in their names.
PACKAGES = ("building", "cluster", "deploy", "images", "release")


def tried() -> set[str]:
    """The points that those tests are given, by what pytest would run: `test_…killed…[claim.before-push]`."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-k",
        "kill",
        *(TESTS / name for name in PACKAGES),
    ]
    listed = subprocess.run(command, cwd=TESTS.parents[1], capture_output=True, text=True, check=False)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    ids = re.findall(r"::test_\w*kill\w*\[(.+)\]$", listed.stdout, re.MULTILINE)
    return {name for one in ids for name in re.findall(r"[a-z]+\.[a-z-]+", one)}


def test_every_crash_point_is_one_that_a_test_kills_at() -> None:
    assert tried() == set(faults.POINTS)


def test_the_list_of_crash_points_is_that_of_the_code() -> None:
    root = Path(model_devops.__file__).parent
    called = {name for path in root.rglob("*.py") for name in re.findall(r'faults\.point\("(.+?)"\)', path.read_text())}
    assert called == set(faults.POINTS)
    assert len(faults.POINTS) == len(called), "none is listed twice"
