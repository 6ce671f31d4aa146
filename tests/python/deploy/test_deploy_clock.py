"""A clock that goes backwards changes no order and no decision (D2, D8, D9, V7)."""

import json
import subprocess
import sys
from pathlib import Path

import served as support

CLOCKED = Path(support.__file__).with_name("clocked.py")


def at(served, year: int, *arguments: str) -> dict:
    """Run the command line in the middle of a year."""
    command = [sys.executable, str(CLOCKED), f"{year}-07-01T00:00:00+00:00", "--json", *arguments]
    done = subprocess.run(command, cwd=served.folder, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) | {"err": done.stderr}


def ok(result: dict) -> dict:
    assert result["exitCode"] == 0, result["err"]
    return result


def released(served, year: int, params: str) -> str:
    served.commit(**{"params.yaml": params})
    return ok(at(served, year, "build"))["version"]


def runs(served) -> str:
    return served.get("/env")["MODEL_DEVOPS_VERSION"]


def test_a_clock_that_goes_backwards_decides_nothing(served):
    first = released(served, 2030, "seed: 1\n")
    ok(at(served, 2030, "deploy", "test"))
    second = released(served, 2020, "seed: 2\n")
    ok(at(served, 2020, "deploy", "test"))
    third = released(served, 2010, "seed: 3\n")
    ok(at(served, 2010, "deploy", "test"))
    bad = released(served, 2040, "seed: 4\ncrash: 1\n")
    assert at(served, 2040, "deploy", "test", "--release", bad)["exitCode"] == 5
    assert runs(served) == third, "D2: the newest verified revision"
    told = ok(at(served, 2000, "history", "test"))
    assert [row["revision"] for row in told["history"]] == [4, 3, 2, 1]
    assert [row["version"] for row in told["history"]] == [bad, third, second, first]
    assert [row["delta"] for row in told["history"]][1:3] == [-3653 * 86400, -3652 * 86400], "V7: what clocks say"
    back = ok(at(served, 2005, "rollback", "test"))
    assert (back["revision"]["version"], runs(served)) == (second, second), "D8: the newest before, by its number"
    assert at(served, 2050, "deploy", "test", "--release", third)["exitCode"] == 4, "blocked, written earlier or later"
    ok(at(served, 1999, "unblock", "test", "--reason", "a mistake"))
    ok(at(served, 1998, "deploy", "test", "--release", third))
    assert runs(served) == third
    lower = at(served, 2060, "deploy", "test", "--release", first)
    assert lower["exitCode"] == 4, "D7: order is that of revisions and versions"
    assert ok(at(served, 1990, "status", "test", "--check"))["healthy"]


def test_a_run_killed_under_another_clock_is_recovered(served):
    first = released(served, 2030, "seed: 1\n")
    ok(at(served, 2030, "deploy", "test"))
    second = released(served, 2031, "seed: 2\n")
    assert served.run("deploy", "test", "--release", second, MODEL_DEVOPS_CRASH_AT="rollout.after-apply")["code"] == -9
    again = ok(at(served, 1990, "deploy", "test", "--release", second))
    assert (again["revision"]["number"], runs(served)) == (2, second)
    ok(at(served, 1980, "approve", "test", "--release", second, "--reject", "--reason", "slow", "--as", "Ada"))
    assert runs(served) == first, "A3: taken back by what was said, not by when"
