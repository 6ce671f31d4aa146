"""Whether a rollout can finish, reckoned before it starts."""

from __future__ import annotations

from typing import Any

from model_devops.deploy.kubernetes.capacity import notes, problems
from model_devops.errors import RefusedError


class Cluster:
    """Answers with what the arithmetic is about; a real one is asked in the tests of the cluster."""

    def __init__(
        self,
        quotas: list[dict[str, Any]] | None = None,
        nodes: list[dict[str, str]] | None = None,
        limits: list[dict[str, Any]] | None = None,
        pods: list[dict[str, Any]] | None = None,
    ) -> None:
        self.answers: dict[str, Any] = {"ResourceQuota": quotas or [], "Pod": pods}
        self.answers["LimitRange"] = [{"metadata": {"name": "l"}, "spec": {"limits": limits or []}}]
        self.answers["Node"] = (
            [
                {
                    "metadata": {"name": f"n{number}"},
                    "spec": {},
                    "status": {"allocatable": {"pods": "9", "memory": "64Gi"} | one},
                }
                for number, one in enumerate(nodes)
            ]
            if nodes is not None
            else None
        )

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


def limit(kind: str, **bounds: dict[str, str]) -> list[dict[str, Any]]:
    return [{"type": kind, **bounds}]


def test_what_a_limit_range_forbids_is_told_of_containers_and_pods() -> None:
    wanted = deployment(cpu="2", memory="512Mi")
    (problem,) = found(Cluster(limits=limit("Container", max={"cpu": "1500m"})), wanted)
    assert "container server has 2 of cpu as its requests, and the LimitRange l allows at most 1500m" in problem
    problems = found(Cluster(limits=limit("Pod", min={"memory": "2Gi"})), wanted)
    assert [text.partition(": ")[2].partition(",")[0] for text in problems] == [
        "a pod has 512Mi of memory as its requests",
        "a pod has 1Gi of memory as its limits",
    ]
    assert "allows at least 2Gi" in problems[0]
    assert not found(Cluster(limits=limit("Container", max={"cpu": "2"}, min={"memory": "512Mi"})), wanted)
    assert not found(Cluster(limits=limit("PersistentVolumeClaim", max={"cpu": "1"})), wanted)


def pod(node: str | None, phase: str = "Running", **requests: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"containers": [{"name": "a", "resources": {"requests": requests}}]}
    return {"spec": spec | ({"nodeName": node} if node else {}), "status": {"phase": phase}}


def noted(cluster: Cluster, wanted: dict[str, Any], there: dict[str, Any] | None = None) -> list[str]:
    return list(notes(cluster, wanted, there))  # type: ignore[arg-type]


def test_room_is_counted_node_by_node_and_what_is_scarce_is_named() -> None:
    nodes, pods = [{"cpu": "4"}, {"cpu": "4"}], [pod("n0", cpu="3"), pod("n1", cpu="1"), pod(None, cpu="9")]
    (note,) = noted(Cluster(nodes=nodes, pods=pods), deployment(cpu="2"))
    assert "3 more pods at its height, and the nodes of today have room for 1 of them (cpu is scarce)" in note
    assert not noted(Cluster(nodes=nodes, pods=pods), deployment(replicas=1, cpu="2"))
    ended = [pod("n0", "Succeeded", cpu="3"), pod("n1", "Failed", cpu="4")]
    assert not noted(Cluster(nodes=nodes, pods=ended), deployment(cpu="2"))
    gpus = [{"cpu": "64", "nvidia.com/gpu": "2"}]
    busy = [pod("n0", **{"nvidia.com/gpu": "1"})]
    (note,) = noted(Cluster(nodes=gpus, pods=busy), deployment(2, **{"nvidia.com/gpu": "1"}))
    assert "room for 1 of them (nvidia.com/gpu is scarce)" in note
    few = [{"cpu": "64", "pods": "2"}]
    assert "(pods is scarce)" in noted(Cluster(nodes=few, pods=[pod("n0")]), deployment(cpu="1"))[0]


def test_nodes_that_take_no_such_pods_are_no_room() -> None:
    cluster, there = Cluster(nodes=[{"cpu": "4"}, {"cpu": "4"}], pods=[pod("n0")]), deployment(cpu="1")
    cluster.answers["Node"][0]["spec"] = {"taints": [{"key": "special", "effect": "NoSchedule"}]}
    cluster.answers["Node"][1]["spec"] = {"unschedulable": True}
    assert not noted(cluster, deployment(cpu="1"), there), "nothing is added"
    cluster.answers["Node"][1]["spec"] = {"taints": [{"key": "slow", "effect": "PreferNoSchedule"}]}
    assert not noted(cluster, deployment(cpu="1"))
    assert noted(cluster, deployment(cpu="2"))
    tolerant = deployment(cpu="2")
    tolerant["spec"]["template"]["spec"]["tolerations"] = [{"key": "special", "operator": "Exists"}]
    assert not noted(cluster, tolerant)


def test_room_is_not_told_where_pods_may_not_be_listed() -> None:
    assert not noted(Cluster(nodes=[{"cpu": "1"}], pods=None), deployment(cpu="1"))
