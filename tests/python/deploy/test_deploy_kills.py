"""Rollouts, rollbacks, stops and rejections killed at random moments: the next run succeeds, nothing is left over."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import psutil
import pytest

from served import Served, of_home, until

SEED = 20_261_000
SOAK = bool(os.environ.get("MODEL_DEVOPS_SOAK"))


def killed_after(served: Served, seconds: float, *arguments: str) -> bool:
    """Kill the program, and nothing that it started, after some time. Returns whether it was running still."""
    process = subprocess.Popen(
        [sys.executable, "-m", "model_devops", *arguments],
        cwd=served.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


class Rounds:
    """One environment, what it is asked for, and what must hold after each kill and the run that follows."""

    def __init__(self, served: Served, seed: int) -> None:
        self.served = served
        self.random = random.Random(seed)
        self.finals = [served.release("seed: 1\n"), served.release("seed: 2\n")]
        self.rejected: set[str] = set()
        self.number = 0
        self.killed = 0
        for version in self.finals:
            assert served.run("deploy", "test", "--release", version)["code"] == 0
        began = time.monotonic()
        self.deploy(kill=False)
        self.usual = time.monotonic() - began

    def run(self, *arguments: str, kill: bool = True) -> dict:
        """Kill a run at a random moment, then run it again to its end."""
        if kill:
            self.killed += killed_after(self.served, self.random.uniform(0, self.usual * 1.1), *arguments)
        return self.served.run(*arguments)

    def deploy(self, *, kill: bool = True) -> None:
        """Another setting makes it a rollout each time."""
        self.number += 1
        self.served.set_env("test", ROUND=str(self.number))
        version = self.finals[-1]
        done = self.run("deploy", "test", "--release", version, kill=kill)
        assert done["code"] == 0, done["err"]
        self.runs(version)
        assert self.served.get("/env")["ROUND"] == str(self.number)

    def rollback(self) -> None:
        """To a named release: where the killed run did that already, there is nothing to do."""
        before, last = self.finals[-2:]
        done = self.run("rollback", "test", "--to", before)
        assert done["code"] == 0 or done["error"]["kind"] == "runs-already", done["err"]
        self.runs(before)
        assert self.served.run("unblock", "test", "--release", last, "--reason", "on with it")["code"] == 0

    def stop(self) -> None:
        """What is stopped stays so."""
        done = self.run("stop", "test")
        assert done["code"] == 0, done["err"]
        self.runs(None)

    def reject(self) -> None:
        """A release that nobody wants is left for the one before."""
        self.number += 1
        bad = self.served.release(f"seed: {self.number + 100}\n")
        assert self.served.run("deploy", "test", "--release", bad)["code"] == 0
        done = self.run("approve", "test", "--release", bad, "--reject", "--reason", "bad", "--as", "Ada")
        assert done["code"] == 0, done["err"]
        self.rejected.add(bad)
        self.runs(self.finals[-1])

    def runs(self, version: str | None) -> None:
        """The records are whole, name what runs, and no process is there that they don't name."""
        revisions = self.served.revisions()
        assert [item["number"] for item in revisions] == list(range(1, len(revisions) + 1))
        assert not [item["number"] for item in revisions if item["status"] == "pending"]
        newest = [item for item in revisions if item["status"] == "verified"][-1]
        assert newest.get("version") == version
        if version is not None:
            seen = self.served.get("/env")
            assert (seen["MODEL_DEVOPS_VERSION"], seen["MODEL_DEVOPS_REVISION_ID"]) == (version, newest["id"])
        state = self.served.run_state()
        known = {state["supervisor"]["pid"], state["server"]["pid"]} if version else set()
        until(lambda: {process.pid for process in of_home(self.served.home)} == known)

    def end(self) -> None:
        """Evidence of every revision is there once, and the store is whole."""
        told = self.served.run("history", "test")["history"]
        revisions = [item for item in self.served.revisions() if item.get("release")]
        said = [row for row in told if row["release"]]
        assert [row["revision"] for row in said] == [item["number"] for item in reversed(revisions)]
        assert all(row["evidence"] for row in said), "D9"
        for version in [*self.finals, *self.rejected]:
            assert self.served.run("release", "verify", version)["code"] == 0
        assert self.served.run("status", "test")["healthy"]


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_random_kills_leave_records_servers_and_store_whole(served):
    rounds = Rounds(served, SEED)
    verbs = ["deploy", "rollback", "deploy", "stop", "deploy", "reject", "deploy"]
    for number in range(300 if SOAK else 2 * len(verbs)):
        try:
            getattr(rounds, verbs[number % len(verbs)])()
        except (AssertionError, OSError, psutil.Error, json.JSONDecodeError) as error:
            raise AssertionError(f"seed {SEED}, round {number}, {verbs[number % len(verbs)]}: {error}") from error
    assert rounds.killed >= number / 2, "most runs were killed before their end"
    rounds.end()
