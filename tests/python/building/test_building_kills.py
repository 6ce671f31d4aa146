"""Builds killed at random moments: whatever is left behind, the next build succeeds and the store is whole."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from mini_project import Mini

SEED = 20_260_000


def start(mini: Mini, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "model_devops", *arguments],
        cwd=mini.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def killed_after(mini: Mini, seconds: float, *arguments: str) -> None:
    process = start(mini, *arguments)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_random_kills_lose_nothing(mini, remote):
    random_ = random.Random(SEED)
    rounds = 300 if os.environ.get("MODEL_DEVOPS_SOAK") else 15
    started = time.monotonic()
    mini.build()
    usual = time.monotonic() - started
    for number in range(rounds):
        killed_after(mini, random_.uniform(0, usual), "build", "--param", f"seed={number + 10}")
        again = mini.build("--param", f"seed={number + 10}")
        assert again["code"] == 0, f"seed {SEED}, round {number}: {again['err']}"
        assert (mini.folder / "params.yaml").read_text() == "seed: 1\n"
        whole = mini.run("release", "verify", again["version"])
        assert whole["code"] == 0, f"seed {SEED}, round {number}: {whole['err']}"
    tags = mini.git("ls-remote", "--tags", "origin", "refs/tags/mini@*").splitlines()
    assert len([line for line in tags if not line.endswith("^{}")]) >= rounds + 1
