"""Builds of forks run whatever somebody else wrote; what they leave must not run in anybody else's builds (P6)."""

import subprocess
from pathlib import Path

from mini_project import Mini, clone

#: What Jenkins says of a pull request that comes from a fork.
FORK = {
    "JENKINS_URL": "http://jenkins.example.org/",
    "BUILD_URL": "http://jenkins.example.org/job/mini/1/",
    "CHANGE_ID": "7",
    "CHANGE_FORK": "mallory",
}
PLANT = "import alpha, pathlib\npathlib.Path(alpha.__file__).write_text('version = \"planted\"')\n"


def runtime(of: Mini, **environment: str) -> Path:
    made = of.run("runtime", **environment)
    assert made["code"] == 0, made["err"]
    return Path(made["path"])


def alpha(venv: Path) -> str:
    words = [venv / "bin" / "python", "-c", "import alpha; print(alpha.version)"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def test_P6_a_fork_can_not_plant_anything_in_the_runtime_that_others_run(project: Mini, remote: Path, tmp_path: Path):
    shared = runtime(project)
    fork = clone(remote, tmp_path / "a fork")
    fork.commit(**{"train.py": PLANT + (fork.folder / "train.py").read_text()})
    built = fork.build(**FORK)
    assert built["code"] == 0, built["err"]
    own = runtime(fork, **FORK)
    assert (alpha(own), alpha(shared)) == ("planted", "1.0")
    assert own.is_relative_to(fork.folder / ".git"), "beside its own store"
    assert runtime(project) == shared


def test_P6_what_forks_requirements_resolved_to_is_nobody_elses_last_word(project: Mini, remote: Path, tmp_path, home):
    fork = clone(remote, tmp_path / "a fork")
    runtime(fork, **FORK)
    assert not (home / "cache").exists()
    assert fork.git("status", "--porcelain") == ""
