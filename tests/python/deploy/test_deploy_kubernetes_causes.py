"""Why a pod can't become ready, told from what the cluster says of it."""

from __future__ import annotations

from typing import Any

import pytest

from model_devops.deploy.kubernetes.causes import LASTING, UNSCHEDULABLE, of_pod, of_replica_set


def pod(waiting: dict[str, str] | None = None, **container: Any) -> dict[str, Any]:
    """A pod of one container, which waits for this reason or is as described."""
    state = {"state": {"waiting": waiting}} if waiting else {"state": {"running": {}}}
    return {
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "server", "image": "x@sha256:1"} | state | container],
        }
    }


def ended(code: int = 1, **last: Any) -> dict[str, Any]:
    return {"lastState": {"terminated": {"exitCode": code, "reason": "Error"} | last}}


def cause(found: dict[str, Any], *events: dict[str, Any], age: float = 1.0) -> str | None:
    doom = of_pod(found, events, age)
    return doom.cause if doom else None


NOT_FOUND = "rpc error: code = NotFound desc = failed to pull: x@sha256:1: not found"
SYNC = "failed to sync configmap cache: timed out waiting for the condition"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod({"reason": "ErrImagePull", "message": NOT_FOUND}), "can't be pulled"),
        (pod({"reason": "ErrImagePull", "message": "401 Unauthorized"}), "can't be pulled: 401"),
        (pod({"reason": "InvalidImageName", "message": "x"}), "can't be pulled"),
        (
            pod({"reason": "CreateContainerConfigError", "message": 'configmap "x" not found'}),
            'configmap "x" not found',
        ),
        (pod({"reason": "CreateContainerError", "message": "exec: no such file"}), "no such file"),
        (pod({"reason": "RunContainerError", "message": "no such file"}), "no such file"),
        (pod({"reason": "CrashLoopBackOff", "message": "back-off"}, **ended(3)), "with exit code 3"),
        (pod(restartCount=2, **ended(1)), "ends whenever it is started"),
        (pod(restartCount=2, **ended(139, signal=11)), "with signal 11"),
        (pod(restartCount=1, **ended(137, reason="OOMKilled")), "want of memory"),
        (pod({"reason": "CrashLoopBackOff"}, **ended(1, message="no weights\n")), "no weights"),
    ],
)
def test_what_never_ends_by_itself_is_a_cause_at_once(found: dict[str, Any], words: str) -> None:
    assert words in (cause(found) or "")


@pytest.mark.parametrize(
    "found",
    [
        pod(),
        pod({"reason": "ContainerCreating"}),
        pod({"reason": "ErrImagePull", "message": "dial tcp: i/o timeout"}),
        pod({"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}),
        pod({"reason": "CreateContainerConfigError", "message": SYNC}),
        pod(restartCount=1, **ended(1)),
        {"status": {"phase": "Failed", "reason": "Evicted"}},
        {"status": {}},
        {},
    ],
)
def test_what_may_end_by_itself_is_none_yet(found: dict[str, Any]) -> None:
    assert cause(found) is None


def test_a_pull_that_keeps_failing_is_a_cause_with_what_it_said_first() -> None:
    waiting = pod({"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'})
    said = {"reason": "Failed", "message": 'Failed to pull image "x": dial tcp: i/o timeout'}
    assert cause(waiting, said, age=LASTING - 1) is None
    assert "i/o timeout" in (cause(waiting, said, age=LASTING) or "")
    missing = {"reason": "Failed", "message": f'Failed to pull image "x": {NOT_FOUND}'}
    assert "not found" in (cause(waiting, missing) or "")


def test_an_init_container_counts_as_well() -> None:
    status = {"initContainerStatuses": [{"name": "fetch", **ended(1), "restartCount": 2, "state": {}}]}
    assert "container fetch" in (cause({"status": status}) or "")


@pytest.mark.parametrize("code", [0, 1, 137])
def test_a_probe_that_ended_a_container_is_told_with_its_words_whatever_the_exit_code(code: int) -> None:
    """It had all of its time: nobody waits for a second one."""
    unhealthy = {"reason": "Unhealthy", "message": "Startup probe failed: 503"}
    ending = {"reason": "Killing", "message": "Container server failed startup probe, will be restarted"}
    killed = pod(restartCount=1, **ended(code))
    assert (cause(killed, unhealthy, ending) or "").endswith("did not get ready in its time: Startup probe failed: 503")
    assert cause(killed, unhealthy) is None  # it ended by itself
    other = {"reason": "Killing", "message": "Container sidecar failed startup probe, will be restarted"}
    assert cause(killed, unhealthy, other) is None


def test_no_node_is_waited_for_a_while() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes: insufficient cpu"}
    found = {"status": {"phase": "Pending", "conditions": [condition]}}
    assert cause(found, age=UNSCHEDULABLE - 1) is None
    assert "insufficient cpu" in (cause(found, age=UNSCHEDULABLE) or "")


def test_a_volume_that_is_not_there_is_told_by_events_once_it_happened_often() -> None:
    found = pod({"reason": "ContainerCreating"})
    event = {"reason": "FailedMount", "message": 'secret "x" not found', "count": 1}
    assert cause(found, event) is None
    assert 'secret "x" not found' in (cause(found, event | {"count": 3}) or "")
    assert cause(found, event | {"count": 3, "message": SYNC}) is None


def test_memory_is_told_with_what_to_do() -> None:
    doom = of_pod(pod(restartCount=1, **ended(137, reason="OOMKilled")), [], 1.0)
    assert doom is not None
    assert "raise `memory`" in (doom.hint or "")


@pytest.mark.parametrize(
    ("message", "final"),
    [
        ('pods "x" is forbidden: exceeded quota: q', True),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', True),
        ("Internal error occurred: failed calling webhook: timeout", False),
    ],
)
def test_pods_that_are_refused(message: str, final: bool) -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    found = of_replica_set([condition])
    assert (found is not None) == final
    assert found is None or message in found.cause
