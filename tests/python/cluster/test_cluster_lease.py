"""Several runs on one environment at once: one works, the others are told, and nobody writes without the lock (D3)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cluster_line import account, in_front
from cluster_use import wait_for
from deployed import Deployed
from packaged import SERVE

pytestmark = pytest.mark.timeout(300)
SLOW = "import time; time.sleep(12)\n" + SERVE


def lease(deployed: Deployed) -> dict[str, Any]:
    found = deployed.cluster.run("get", "-n", deployed.namespace, "lease", "mini-prod", "-o", "json")
    return dict(json.loads(found.stdout)["spec"]) if found.returncode == 0 else {}


@contextmanager
def at_work(deployed: Deployed, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A run that rolls out a server which takes its time."""
    command = [sys.executable, "-m", "model_devops", "deploy", "prod"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=deployed.mini.folder, env=os.environ | environment, **pipes) as running:
        try:
            wait_for(lambda: any(not ready(one) for one in deployed.pods()))
            yield running
        finally:
            running.kill()


def ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def test_D3_five_runs_at_once_work_one_after_the_other_or_are_told_to_wait(deployed: Deployed) -> None:
    versions = [deployed.release(seed) for seed in range(1, 6)]
    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(lambda version: deployed.run("deploy", "prod", "--release", version), versions))
    codes = [one["code"] for one in runs]
    assert 0 in codes
    assert set(codes) <= {0, 4, 7}, [one["err"] for one in runs]  # 4: a higher one was faster (D7)
    done = [version for version, code in zip(versions, codes, strict=True) if code == 0]
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == max(done)
    rows = deployed.ok("history", "prod")["history"]
    assert sorted(row["version"] for row in rows) == sorted(done)
    assert [row["revision"] for row in rows] == list(range(len(rows), 0, -1))
    assert {row["status"] for row in rows} == {"verified"}
    assert all("is held by" in one["error"]["message"] for one in runs if one["code"] == 7)


def test_D3_who_comes_while_one_works_is_told_who_and_one_that_died_is_followed(deployed: Deployed) -> None:
    version = deployed.release(1, **{"serve.py": SLOW})
    with at_work(deployed, MODEL_DEVOPS_LEASE_SECONDS="4") as running:
        told = deployed.run("deploy", "prod")
        assert told["code"] == 7, told["err"]
        assert f"is held by {lease(deployed)['holderIdentity']}" in told["error"]["message"]
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        assert lease(deployed)["holderIdentity"]
        deployed.ok("deploy", "prod")
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == version
    assert lease(deployed)["holderIdentity"] == ""
    assert lease(deployed)["leaseTransitions"] >= 1


def test_D3_a_run_whose_lock_was_taken_writes_nothing_more(deployed: Deployed, tmp_path: Path) -> None:
    account(deployed.cluster, deployed.namespace, "ci", role="cluster-admin")
    file = deployed.cluster.as_account(deployed.namespace, "ci", tmp_path / "kubeconfig.json")
    version = deployed.release(1, **{"serve.py": SLOW})
    with in_front(deployed.cluster, file) as proxy, at_work(deployed, KUBECONFIG=str(file)) as running:
        holder = lease(deployed)["holderIdentity"]
        refused = deployed.run("unlock", "prod", "--reason", "it hangs")
        assert refused["code"] == 4, refused["err"]
        assert lease(deployed)["holderIdentity"] == holder
        deployed.ok("unlock", "prod", "--force", "--reason", "it hangs")
        before = len(proxy.seen)
        _, said = running.communicate(timeout=120)
        assert running.returncode == 7, said
        assert "the lock of mini-prod was lost" in said
        written = [one.path for one in proxy.seen[before:] if one.method != "GET" and "/leases/" not in one.path]
        assert written == []
    deployed.ok("deploy", "prod")
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == version


def test_D6_a_run_that_is_told_to_end_brings_back_what_ran_and_lets_go(deployed: Deployed) -> None:
    first = deployed.release(1)
    deployed.ok("deploy", "prod")
    deployed.release(2, **{"serve.py": SLOW})
    with at_work(deployed) as running:
        running.send_signal(signal.SIGTERM)
        _, said = running.communicate(timeout=120)
    assert running.returncode == 128 + signal.SIGTERM, said
    assert f"{first} runs again" in said
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == first
    assert lease(deployed)["holderIdentity"] == ""
    assert deployed.ok("history", "prod")["history"][0]["status"] == "interrupted"
