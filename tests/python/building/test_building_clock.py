"""A clock that goes backwards, ours and git's: order of builds, base and evidence are what they were (V1, S3)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import mini_project

CLOCKED = Path(mini_project.__file__).with_name("clocked.py")


def at(mini, year: int, *arguments: str) -> dict:
    """Run the command line in the middle of a year, by its clock and git's."""
    moment = f"{year}-07-01T00:00:00+00:00"
    dates = {"GIT_COMMITTER_DATE": moment, "GIT_AUTHOR_DATE": moment}
    command = [sys.executable, str(CLOCKED), moment, "--json", *arguments]
    done = subprocess.run(command, cwd=mini.folder, env=os.environ | dates, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) | {"err": done.stderr}


def ok(result: dict) -> dict:
    assert result["exitCode"] == 0, result["err"]
    return result


def built(mini, year: int, seed: int) -> dict:
    mini.commit(**{"params.yaml": f"seed: {seed}\n"})
    mini.git("commit", "-q", "--amend", "--no-edit", f"--date={year}-01-01T00:00:00")
    mini.git("push", "-q")
    return ok(at(mini, year, "build"))


def test_V1_later_builds_at_earlier_times_get_higher_numbers_and_the_same_base(mini, remote):
    versions = [built(mini, year, seed)["version"] for seed, year in enumerate((2040, 2030, 2020, 2000), 10)]
    assert versions == ["1.0.0", "1.0.1", "1.0.2", "1.0.3"]
    ok(at(mini, 2050, "test", "--release", "1.0.3"))
    assert ok(at(mini, 1990, "version", "next"))["base"] == "1.0.3"
    again = ok(at(mini, 1980, "build"))
    assert (again["version"], again["new"]) == ("1.0.3", False)
    assert [row["version"] for row in ok(at(mini, 1980, "version", "list"))["versions"]] == versions[::-1]
    assert built(mini, 1975, 99)["release"]["reasons"][-1]["text"] == "parameters changed"
    assert ok(at(mini, 1975, "version", "explain", "1.0.4"))["base"] == "1.0.3"


def test_B7_a_late_build_is_known_by_ancestry_not_by_time(mini, remote):
    built(mini, 2000, 10)
    old = mini.commit(**{"params.yaml": "seed: 11\n"})
    built(mini, 1990, 12)
    mini.git("checkout", "-q", old)
    late = at(mini, 2060, "build")
    assert (late["exitCode"], late["error"]["kind"]) == (4, "superseded")


def gates(mini, least: float) -> None:
    text = (mini.folder / "model.yaml").read_text()
    mini.commit(**{"model.yaml": text[: text.index("    accuracy:")] + f"    accuracy: {{min: {least}}}\n"})
    mini.git("push", "-q")


def state(mini) -> str:
    [row] = ok(at(mini, 2060, "version", "list"))["versions"]
    return row["state"]


def test_S3_the_newest_test_is_the_one_that_was_written_last(mini, remote):
    built(mini, 2030, 10)
    ok(at(mini, 2040, "test"))
    gates(mini, 0.99)
    assert at(mini, 2020, "test", "--release", "1.0.0")["exitCode"] == 3
    assert state(mini) == "tests failed"
    gates(mini, 0.5)
    ok(at(mini, 2010, "test", "--release", "1.0.0"))
    assert state(mini) == "tested"


def test_B9_the_last_of_one_builds_releases_is_the_one_that_was_built_last(mini, monkeypatch):
    """By the order of evidence, not by its times: a later step of a CI takes it."""
    for name, value in (("JENKINS_URL", "http://ci/"), ("BUILD_URL", "http://ci/job/1/"), ("BRANCH_NAME", "main")):
        monkeypatch.setenv(name, value)
    for year, seed in ((2030, 5), (2020, 6)):
        ok(at(mini, year, "build", "--param", f"seed={seed}"))
    assert ok(at(mini, 2040, "test"))["release"]["version"] == "1.0.1"
