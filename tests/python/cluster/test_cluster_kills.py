"""Runs killed at each of their crash points: the next run on the environment succeeds, from any agent (D2, D3, D6)."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from deployed import Deployed
from model_devops import faults

SOAK, SEED = bool(os.environ.get("MODEL_DEVOPS_SOAK")), int(os.environ.get("MODEL_DEVOPS_SEED", "20260000"))
pytestmark = pytest.mark.timeout(400)
#: Of a revision that comes up: the object before which the run ends, for the first, some one and the last.
APPLYING = ("kubernetes.mid-apply:1", "kubernetes.mid-apply:4", "kubernetes.mid-apply:5")
DEPLOYING = (
    "kubernetes.after-lease",
    "revision.before-create",
    "kubernetes.after-set",
    "revision.after-create",
    "rollout.before-apply",
    *APPLYING,
    "rollout.after-apply",
    "rollout.after-proof",
    "revision.before-status",
    "revision.after-status",
    "rollout.after-verified",
    "kubernetes.mid-remove",
)
RESTORING = ("rollout.before-restore", "rollout.after-restore")
STOPPING = ("kubernetes.mid-remove:1", "kubernetes.mid-remove:4")
PRUNING = ("kubernetes.mid-prune",)


def test_every_point_of_a_cluster_is_one_of_these() -> None:
    walked = {point.partition(":")[0] for point in (*DEPLOYING, *RESTORING, *STOPPING, *PRUNING)}
    shared = [point for point in faults.POINTS if point.startswith(("kubernetes.", "revision.", "rollout."))]
    assert walked == set(shared)


@pytest.fixture
def quick(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """One pod, and a lock that doesn't outlast its run for long."""
    monkeypatch.setenv("MODEL_DEVOPS_LEASE_SECONDS", "3")
    deployed.settings(
        "    replicas: 2\n    min_ready: 1s\n", "    replicas: 1\n    min_ready: 0s\n    env: {TURN: none}\n"
    )
    deployed.release(1)
    deployed.ok("deploy", "prod")
    return deployed


def turn(deployed: Deployed, before: str, now: str) -> None:
    deployed.settings(f"TURN: {before}}}", f"TURN: {now}}}")


def killed(deployed: Deployed, point: str, *arguments: str) -> None:
    found = deployed.run(*arguments, MODEL_DEVOPS_CRASH_AT=point)
    assert found["code"] == -signal.SIGKILL, f"{point} was not hit: {found['err']}"


def must_be_in_order(deployed: Deployed, value: str) -> None:
    """What runs is recorded, verified and whole; nothing else is there."""
    told = deployed.run("status", "prod", "--check")
    assert told["code"] == 0, told["err"]
    assert [one["data"].get("TURN") for one in deployed.objects("configmap")] == [value]
    secrets = {one["metadata"]["name"]: one for one in deployed.objects("secret")}
    numbers = sorted(int(name.rpartition(".r")[2]) for name in secrets if name.rpartition(".")[2][1:].isdigit())
    assert numbers == list(range(1, numbers[-1] + 1))
    history = deployed.ok("history", "prod")["history"]
    assert "pending" not in {row["status"] for row in history}
    unsaid = [row["revision"] for row in history if row["version"] and not row["evidence"]]
    assert unsaid == [], "D9: what the killed run did not say"
    assert json.loads(deployed.kubectl("get", "lease", "mini-prod", "-o", "json"))["spec"]["holderIdentity"] == ""


@pytest.mark.parametrize("points", [DEPLOYING[0::2], DEPLOYING[1::2]], ids=" ".join)
def test_D6_a_deploy_killed_anywhere_is_followed_by_one_that_succeeds(quick: Deployed, points: tuple[str, ...]) -> None:
    before = "none"
    for number, point in enumerate(points):
        now = f"turn{number}"
        turn(quick, before, now)
        killed(quick, point, "deploy", "prod", "--release", "1.0.0")
        quick.ok("deploy", "prod", "--release", "1.0.0")
        must_be_in_order(quick, now)
        before = now


def test_D6_a_return_killed_anywhere_is_finished_by_the_next_run(quick: Deployed) -> None:
    first = quick.ok("status", "prod")["environments"][0]["runs"]
    for number, point in enumerate(RESTORING):
        quick.release(10 + number, **{"serve.py": f"raise SystemExit({number + 1})\n"})
        killed(quick, point, "deploy", "prod")
        again = quick.run("deploy", "prod")
        assert again["code"] == 5, again["err"]
        must_be_in_order(quick, "none")
        assert quick.ok("status", "prod")["environments"][0]["runs"] == first


def test_D6_a_rollback_and_a_stop_killed_in_between_are_finished_by_the_next_run(quick: Deployed) -> None:
    first = quick.ok("status", "prod")["environments"][0]["runs"]
    quick.release(2)
    quick.ok("deploy", "prod")
    killed(quick, "kubernetes.mid-apply:4", "rollback", "prod", "--reason", "slow")
    quick.ok("rollback", "prod", "--reason", "slow")
    must_be_in_order(quick, "none")
    assert quick.ok("status", "prod")["environments"][0]["runs"] == first
    for point in STOPPING:
        killed(quick, point, "stop", "prod")
        quick.ok("stop", "prod")
        assert not quick.objects("deployment,service,configmap,serviceaccount,networkpolicy")
        phases = [one["status"]["phase"] for one in quick.objects("pods")]  # one that ended is listed for a moment
        assert not {"Running", "Pending"} & set(phases)
        quick.ok("deploy", "prod", "--release", first)
        must_be_in_order(quick, "none")


@pytest.mark.parametrize("point", PRUNING)
def test_records_that_are_not_needed_any_more_go_also_after_a_run_killed_there(quick: Deployed, point: str) -> None:
    """What was applied is kept of the ten newest revisions."""
    for number in range(10):
        turn(quick, "none" if not number else f"turn{number - 1}", f"turn{number}")
        if number < 9:
            quick.ok("deploy", "prod", "--release", "1.0.0")
    killed(quick, point, "deploy", "prod", "--release", "1.0.0")
    quick.ok("deploy", "prod", "--release", "1.0.0")
    must_be_in_order(quick, "turn9")
    sets = [one["metadata"]["name"] for one in quick.objects("secret") if one["metadata"]["name"].endswith(".applied")]
    assert len(sets) <= 11


if SOAK:  # the points above are named; these are none

    @pytest.mark.soak
    @pytest.mark.timeout(3600)
    def test_D6_random_kills_of_whatever_is_done_are_followed_by_runs_that_succeed(quick: Deployed) -> None:
        dice, before, number = random.Random(SEED), "none", 0
        end = time.monotonic() + 1800
        while time.monotonic() < end:
            number += 1
            now, rest = f"turn{number}", dice.uniform(0.3, 9)
            turn(quick, before, now)
            command = [sys.executable, "-m", "model_devops", "deploy", "prod", "--release", "1.0.0"]
            with subprocess.Popen(command, cwd=quick.mini.folder, stderr=subprocess.DEVNULL) as running:
                time.sleep(rest)
                running.kill()
            again = quick.run("deploy", "prod", "--release", "1.0.0")
            assert again["code"] == 0, f"seed {SEED}, round {number}, killed after {rest:.3f} s: {again['err']}"
            must_be_in_order(quick, now)
            before = now
