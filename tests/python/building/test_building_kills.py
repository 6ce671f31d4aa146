"""Builds killed at random moments: whatever is left behind, the next build succeeds and the store is whole."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mini_project import Mini
from model_devops.release.layout import LayoutStore

SEED = 20_260_000
SOAK = bool(os.environ.get("MODEL_DEVOPS_SOAK"))
#: Seconds in `make test`, rounds in `make soak`.
SECONDS, ROUNDS = 60, 300
#: What a round waits for before the dice say how much longer the build may live: so each part of it is hit.
BEGUN, TRAINING, CLAIMED = "begun", "training", "claimed"


class Round:
    """One build of parameters of its own, which is killed."""

    def __init__(self, mini: Mini, remote: Path, number: int, usual: float, dice: random.Random) -> None:
        self.mini, self.remote, self.number = mini, remote, number
        self.arguments = ("build", "--param", f"seed={number + 10}")
        self.part = (BEGUN, TRAINING, CLAIMED)[number % 3]
        self.rest = dice.uniform(0, {BEGUN: usual, TRAINING: usual / 2, CLAIMED: usual / 4}[self.part])

    def kill(self) -> bool:
        """Kill the build and all that it started. Returns whether it still ran."""
        before = self._seen()
        process = subprocess.Popen(
            [sys.executable, "-m", "model_devops", *self.arguments],
            cwd=self.mini.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while self._seen() == before and self.part != BEGUN and process.poll() is None:
            time.sleep(0.001)
        time.sleep(self.rest)
        alive = process.poll() is None
        if alive:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return alive

    def _seen(self) -> int:
        """What grows when the part begins that this round waits for."""
        if self.part == TRAINING:
            return self.mini.trainings
        return len(list((self.remote / "refs" / "tags").glob("mini@*")))

    def look(self, home: Path) -> None:
        """The same build succeeds, and nothing is left of the one that was killed."""
        told = f"seed {SEED}, round {self.number}, killed {self.rest:.3f} s after it had {self.part}"
        again = self.mini.run(*self.arguments)
        assert again["code"] == 0, f"{told}: {again['err']}"
        assert self.mini.git("status", "--porcelain") == "", told
        store = LayoutStore(next(home.glob("stores/*/mini")))
        assert store.find(again["version"]) is not None, told
        assert store.problems() == [], told
        assert [line for stored in store.releases() for line in store.verify(stored)] == [], told


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_random_kills_lose_nothing(mini, remote, home):
    dice = random.Random(SEED)
    assert mini.build()["code"] == 0  # the first of all is slower than any other
    started = time.monotonic()
    assert mini.build("--param", "seed=9")["code"] == 0
    usual = time.monotonic() - started
    number, alive = 0, dict.fromkeys((BEGUN, TRAINING, CLAIMED), 0)
    while number < ROUNDS if SOAK else time.monotonic() < started + SECONDS or number < 9:
        one = Round(mini, remote, number, usual, dice)
        alive[one.part] += one.kill()
        one.look(home)
        number += 1
    assert all(alive.values()), f"seed {SEED}: each part was killed at least once: {alive}"
    tags = mini.git("ls-remote", "--tags", "--refs", "origin", "refs/tags/mini@*").splitlines()
    assert len(tags) >= number + 2, "each has a version; one that was claimed and not named may be burnt"
