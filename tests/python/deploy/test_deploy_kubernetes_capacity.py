"""Whether a rollout can finish, reckoned before it starts."""

from __future__ import annotations

from typing import Any

from model_devops.deploy.kubernetes.capacity import problems
from model_devops.errors import RefusedError


class Cluster:
    """Answers with what the arithmetic is about; a real one is asked in the tests of the cluster."""

    def __init__(self, quotas: list[dict[str, Any]] | None = None, nodes: list[dict[str, str]] | None = None) -> None:
        self.answers: dict[str, Any] = {"ResourceQuota": quotas or []}
        self.answers["Node"] = [{"status": {"allocatable": one}} for one in nodes] if nodes is not None else None

    def list(self, kind: str, namespace: str) -> list[Any]:
        found: list[Any] | None = self.answers[kind]
        if found is None:
            raise RefusedError("forbidden")
        return found


def deployment(replicas: int = 3, surge: int | str = 1, image: str = "a", **requests: str) -> dict[str, Any]:
    container = {"name": "server", "image": image, "resources": {"requests": requests, "limits": {"memory": "1Gi"}}}
    strategy = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": 0}}
    return {"spec": {"replicas": replicas, "strategy": strategy, "template": {"spec": {"containers": [container]}}}}


def quota(hard: dict[str, str], used: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "q"}, "spec": {}, "status": {"hard": hard, "used": used}}


def found(cluster: Cluster, wanted: dict[str, Any], there: dict[str, Any] | None = None) -> list[str]:
    return list(problems(cluster, "models", wanted, there))  # type: ignore[arg-type]


def test_a_first_rollout_needs_room_for_all_its_pods() -> None:
    cluster = Cluster([quota({"requests.cpu": "3"}, {"requests.cpu": "1"})])
    (problem,) = found(cluster, deployment(cpu="1"))
    assert "3 more pods at its height need 3 of requests.cpu" in problem
    assert "has 2 of 3 left" in problem
    assert not found(cluster, deployment(cpu="500m"))


def test_an_upgrade_needs_room_for_the_surge_alone() -> None:
    there = deployment(cpu="1")
    full = Cluster([quota({"pods": "3"}, {"pods": "3"})])
    assert "1 more pods at its height need 1 of pods" in found(full, deployment(cpu="1", image="b"), there)[0]
    assert not found(full, deployment(cpu="1"), there)
    assert not found(full, deployment(cpu="1", image="b", surge=0), there)
    assert not found(Cluster([quota({"pods": "4"}, {"pods": "3"})]), deployment(cpu="1", image="b"), there)


def test_limits_count_where_a_quota_asks_for_them_and_stand_in_for_requests() -> None:
    cluster = Cluster([quota({"limits.memory": "2Gi", "requests.memory": "2Gi"}, {})])
    assert [text.partition(" of ")[2].partition(",")[0] for text in found(cluster, deployment())] == [
        "limits.memory",
        "requests.memory",
    ]


def test_a_pod_larger_than_any_node_never_runs() -> None:
    nodes = [{"cpu": "4", "memory": "8Gi"}, {"cpu": "2", "memory": "32Gi"}]
    assert "a pod needs 6 of cpu, and the largest node has 4" in found(Cluster(nodes=nodes), deployment(cpu="6"))[0]
    assert "nvidia.com/gpu" in found(Cluster(nodes=nodes), deployment(**{"nvidia.com/gpu": "1"}))[0]
    assert not found(Cluster(nodes=nodes), deployment(cpu="4"))


def test_what_may_not_be_looked_at_is_left_out() -> None:
    assert not found(Cluster(nodes=None), deployment(cpu="64"))
