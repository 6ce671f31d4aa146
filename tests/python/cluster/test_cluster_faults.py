"""Whole rollouts over a network that breaks, with an API server that is tired, and with rights that end."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster_line import account, in_front
from deployed import Deployed
from fault_proxy import Exchange, Proxy, breaks_download, resets, resets_after_asking, says

pytestmark = pytest.mark.timeout(400)
WRITES = "POST|PUT|PATCH|DELETE"
ALWAYS = 1 << 30
SOAK = bool(os.environ.get("MODEL_DEVOPS_SOAK"))


@pytest.fixture
def proxy(deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What the command line speaks to in place of the API server."""
    account(deployed.cluster, deployed.namespace, "ci", role="cluster-admin")
    file = deployed.cluster.as_account(deployed.namespace, "ci", tmp_path / "kubeconfig.json")
    with in_front(deployed.cluster, file) as proxy:
        monkeypatch.setenv("KUBECONFIG", str(file))
        yield proxy


def in_turn(*acts: Callable[[Exchange], None]) -> Callable[[Exchange], None]:
    """One act for each request, in turn."""
    turns = itertools.cycle(acts)

    def act(exchange: Exchange) -> None:
        next(turns)(exchange)

    return act


def loses_each_first_answer() -> Callable[[Exchange], None]:
    """What is written arrives, and is heard of only when it is asked for once more."""
    heard: set[tuple[str, str]] = set()

    def act(exchange: Exchange) -> None:
        key = (exchange.seen.method, exchange.seen.path)
        if key in heard:
            heard.discard(key)
            exchange.passed_on()
        else:
            heard.add(key)
            resets_after_asking(exchange)

    return act


def passed(exchange: Exchange) -> None:
    exchange.passed_on()


def slow(exchange: Exchange) -> None:
    time.sleep(3)
    exchange.passed_on()


def must_be_whole(deployed: Deployed, version: str, revisions: int) -> None:
    """By what the cluster says without the proxy."""
    status = deployed.ok("status", "prod", "--check")["environments"][0]
    assert status["runs"] == version
    history = deployed.ok("history", "prod")["history"]
    assert [one["revision"] for one in history] == list(range(revisions, 0, -1))
    assert history[0]["status"] == "verified"
    assert len(deployed.objects("configmap")) == 1


def test_a_rollout_survives_each_answer_that_is_lost(deployed: Deployed, proxy: Proxy) -> None:
    """Whatever was written and not heard of is not written twice, nor taken for somebody else's (D2, D3)."""
    deployed.release(1)
    deployed.ok("deploy", "prod")
    version = deployed.release(2)
    proxy.on(WRITES, "", loses_each_first_answer(), times=ALWAYS)
    assert deployed.ok("deploy", "prod")["revision"]["number"] == 2
    proxy.faults.clear()
    must_be_whole(deployed, version, 2)


def test_a_rollout_survives_a_network_and_a_server_that_fail_now_and_then(deployed: Deployed, proxy: Proxy) -> None:
    version = deployed.release(1)
    tired = says(429, Retry_After="1"), says(503), says(500), resets, breaks_download(20), slow
    lucky = passed, passed, passed
    proxy.on(
        "GET|" + WRITES,
        "^(?!.*(exec|portforward))",
        in_turn(*(act for one in tired for act in (one, *lucky))),
        times=ALWAYS,
    )
    deployed.ok("deploy", "prod")
    proxy.faults.clear()
    must_be_whole(deployed, version, 1)


def test_looks_inside_pods_that_break_are_tried_again(deployed: Deployed, proxy: Proxy) -> None:
    version = deployed.release(1)
    proxy.on(
        "GET|POST", "exec|portforward", in_turn(resets, says(502), lambda exchange: exchange.join(600), passed), times=8
    )
    deployed.ok("deploy", "prod")
    must_be_whole(deployed, version, 1)


def test_an_api_server_that_is_away_for_a_while_delays_a_rollout(deployed: Deployed, proxy: Proxy) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    version = deployed.release(2)
    before = _applied(deployed, proxy)
    proxy.on("GET|" + WRITES, "", in_turn(says(503, b"etcd has no leader"), resets), times=12, after=before)
    deployed.ok("deploy", "prod")
    must_be_whole(deployed, version, 2)


if SOAK:  # each attempt of a minute ends in vain: six minutes

    @pytest.mark.soak
    @pytest.mark.timeout(900)
    def test_an_api_server_that_stays_away_ends_a_rollout_in_good_order_and_the_next_run_finishes_it(
        deployed: Deployed, proxy: Proxy
    ) -> None:
        first = deployed.release(1)
        deployed.ok("deploy", "prod")
        version = deployed.release(2)
        proxy.on("GET|" + WRITES, "", says(503, b"etcd has no leader"), times=ALWAYS, after=_applied(deployed, proxy))
        failed = deployed.run("deploy", "prod")
        assert failed["code"] in (6, 8), failed["err"]
        assert "answers 503" in failed["error"]["message"]
        assert "Traceback" not in failed["err"]
        proxy.faults.clear()
        assert deployed.run("status", "prod")["environments"][0]["runs"] == first
        time.sleep(5)  # as long as its Lease lasts
        deployed.ok("deploy", "prod")
        assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == version


def _applied(deployed: Deployed, proxy: Proxy) -> int:
    """How many requests there are until the objects are applied: measured with a plan, which makes nearly as many."""
    proxy.seen.clear()
    deployed.ok("plan", "prod")
    return len(proxy.seen) + 25


def test_a_token_that_ends_in_mid_rollout_is_told_and_the_next_run_finishes(deployed: Deployed, proxy: Proxy) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    version = deployed.release(2)
    words = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": "Unauthorized",
        "message": "Unauthorized",
        "code": 401,
    }
    refuses = says(401, json.dumps(words).encode(), Content_Type="application/json")
    proxy.on("GET|" + WRITES, "", refuses, times=ALWAYS, after=_applied(deployed, proxy))
    failed = deployed.run("deploy", "prod")
    assert failed["code"] not in (0, 1, 2), failed["err"]
    assert "Traceback" not in failed["err"]
    assert "token" in failed["err"] or "credentials" in failed["err"], failed["err"]
    proxy.faults.clear()
    time.sleep(5)
    deployed.ok("deploy", "prod")
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == version
