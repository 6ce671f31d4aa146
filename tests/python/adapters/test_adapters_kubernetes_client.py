"""What a real cluster takes, gives and refuses."""

import json
import subprocess
from typing import Any

import pytest

from cluster import Cluster as Kube
from cluster_line import client_of
from model_devops.adapters.kubernetes import pages
from model_devops.adapters.kubernetes.client import EVERYWHERE, Cluster
from model_devops.adapters.kubernetes.refusals import (
    AdmissionError,
    ChangedError,
    ExistsError,
    FieldConflict,
    InvalidError,
)
from model_devops.errors import RefusedError, UsageError


@pytest.fixture
def client(cluster: Kube) -> Cluster:
    return client_of(cluster.kubeconfig)


def config_map(namespace: str, name: str = "settings", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": "digits"}},
        "data": data,
    }


def deployment(namespace: str, labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    labels = labels or {"app": "digits"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "server", "image": "none"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "digits", "namespace": namespace},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod, **spec},
    }


def test_an_object_is_made_read_replaced_and_removed(cluster: Kube, client: Cluster, namespace: str) -> None:
    assert client.get("ConfigMap", "settings", namespace) is None
    made = client.create(config_map(namespace, key="größe"))
    assert cluster.get("configmap", "settings", "-n", namespace)["data"] == {"key": "größe"}
    read = client.get("ConfigMap", "settings", namespace)
    assert read == made
    client.replace({**made, "data": {"key": "2"}})
    assert cluster.get("configmap", "settings", "-n", namespace)["data"] == {"key": "2"}
    assert client.delete("ConfigMap", "settings", namespace)
    assert not client.delete("ConfigMap", "settings", namespace)
    assert client.get("ConfigMap", "settings", namespace) is None
    assert client.requests == 7


def test_what_is_there_already_and_what_was_changed_are_told_apart(client: Cluster, namespace: str) -> None:
    first = client.create(config_map(namespace))
    with pytest.raises(ExistsError, match='configmaps "settings" already exists'):
        client.create(config_map(namespace))
    client.replace({**first, "data": {"by": "another"}})
    with pytest.raises(ChangedError, match="has been modified"):
        client.replace({**first, "data": {"by": "me"}})
    with pytest.raises(ChangedError, match="UID in the precondition"):
        client.delete("ConfigMap", "settings", namespace, uid="another")
    assert client.get("ConfigMap", "settings", namespace)["data"] == {"by": "another"}
    assert client.delete("ConfigMap", "settings", namespace, uid=first["metadata"]["uid"])


def test_the_context_says_which_namespace_is_meant(cluster: Kube, namespace: str, tmp_path) -> None:
    config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
    config["contexts"][0]["context"]["namespace"] = namespace
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    client = client_of(file)
    made = config_map(namespace)
    del made["metadata"]["namespace"]
    assert client.create(made)["metadata"]["namespace"] == namespace
    assert client.get("ConfigMap", "settings") is not None
    assert [item["metadata"]["name"] for item in client.list("ConfigMap", labels="app=digits")] == ["settings"]
    assert client.delete("ConfigMap", "settings")


def test_a_list_is_read_in_pages_by_labels_and_fields(client: Cluster, namespace: str, monkeypatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 2)
    names = [f"n{number}" for number in range(5)]
    for name in names:
        client.create(config_map(namespace, name, key="value"))
    before = client.requests
    found = client.list("ConfigMap", namespace, labels="app=digits")
    assert named_in(found) == names
    assert client.requests - before == 3
    assert {(item["apiVersion"], item["kind"], item["data"]["key"]) for item in found} == {("v1", "ConfigMap", "value")}
    assert [item["metadata"]["name"] for item in client.list("ConfigMap", namespace, fields="metadata.name=n3")] == [
        "n3"
    ]
    short = client.list("ConfigMap", namespace, labels="app=digits", whole=False)
    assert [item["metadata"]["name"] for item in short] == names
    assert not any("data" in item for item in short)
    assert {namespace} < {item["metadata"]["namespace"] for item in client.list("ConfigMap", EVERYWHERE)}
    assert client.list("ConfigMap", "no-such-namespace") == []


def named_in(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


def test_apply_owns_its_fields_and_leaves_the_others(cluster: Kube, client: Cluster, namespace: str) -> None:
    client.apply(deployment(namespace))
    cluster.kubectl("annotate", "deployment", "digits", "-n", namespace, "by=hand")
    client.apply(deployment(namespace, minReadySeconds=3))
    found = cluster.get("deployment", "digits", "-n", namespace, "--show-managed-fields")
    assert found["spec"]["minReadySeconds"] == 3
    assert found["metadata"]["annotations"]["by"] == "hand"
    managers = {(item["manager"], item["operation"]) for item in found["metadata"]["managedFields"]}
    assert ("model-devops", "Apply") in managers
    client.apply(deployment(namespace))
    assert "minReadySeconds" not in client.get("Deployment", "digits", namespace)["spec"]


def test_a_dry_run_changes_nothing(client: Cluster, namespace: str) -> None:
    assert client.apply(deployment(namespace), dry_run=True)["spec"]["progressDeadlineSeconds"] == 600
    assert client.get("Deployment", "digits", namespace) is None


def test_a_conflict_names_each_field_and_who_set_it(cluster: Kube, client: Cluster, namespace: str) -> None:
    client.apply(deployment(namespace))
    for manager, patch in (("scaler", '{"spec":{"replicas":1}}'), ("other", '{"spec":{"minReadySeconds":9}}')):
        named = ["deployment", "digits", "-n", namespace, f"--field-manager={manager}"]
        cluster.kubectl("patch", *named, "-p", patch)
    with pytest.raises(FieldConflict) as caught:
        client.apply(deployment(namespace, replicas=0, minReadySeconds=3))
    assert sorted(caught.value.fields) == [("other", ".spec.minReadySeconds"), ("scaler", ".spec.replicas")]
    assert "Deployment digits: others set what would be changed: " in caught.value.message
    assert caught.value.hint
    assert client.apply(deployment(namespace, replicas=0, minReadySeconds=3), force=True)["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"replica": 3}, [".spec.replica"]),
        ({"replicas": "three"}, [".spec.replicas"]),
        ({"replicas": -1, "minReadySeconds": -1}, ["spec.minReadySeconds", "spec.replicas"]),
    ],
)
def test_what_is_invalid_is_named_field_by_field(client: Cluster, namespace: str, change, fields: list[str]) -> None:
    with pytest.raises(InvalidError) as caught:
        client.apply(deployment(namespace, **change))
    assert sorted(cause.field for cause in caught.value.causes) == fields
    assert all(cause.words for cause in caught.value.causes)
    assert caught.value.immutable == []
    assert client.requests == 1


def test_an_unknown_field_is_refused_by_create_too(client: Cluster, namespace: str) -> None:
    with pytest.raises(InvalidError, match=r'unknown field "spec\.replica"') as caught:
        client.create(deployment(namespace, replica=3))
    assert [cause.field for cause in caught.value.causes] == ["spec.replica"]
    assert client.get("Deployment", "digits", namespace) is None


def test_a_field_that_cannot_change_is_told_as_such(client: Cluster, namespace: str) -> None:
    client.apply(deployment(namespace))
    with pytest.raises(InvalidError) as caught:
        client.apply(deployment(namespace, {"app": "letters"}))
    assert caught.value.immutable == ["spec.selector"]
    made = client.create({**config_map(namespace), "immutable": True})
    with pytest.raises(InvalidError) as caught:
        client.replace({**made, "data": {"key": "2"}})
    assert caught.value.immutable == ["data"]


def test_a_stateful_sets_frozen_fields_are_told_as_such(client: Cluster, namespace: str) -> None:
    whole = deployment(namespace)
    whole |= {"kind": "StatefulSet", "spec": {**whole["spec"], "serviceName": "one"}}
    client.apply(whole)
    with pytest.raises(InvalidError) as caught:
        client.apply({**whole, "spec": {**whole["spec"], "serviceName": "two"}})
    assert caught.value.immutable == ["spec"]


@pytest.mark.parametrize("verb", ["create", "apply"])
def test_a_namespace_that_is_not_there_is_named(client: Cluster, verb: str) -> None:
    with pytest.raises(RefusedError, match="there is no namespace 'no-such-namespace'") as caught:
        getattr(client, verb)(config_map("no-such-namespace"))
    assert (caught.value.kind, caught.value.hint) == ("namespace", "kubectl create namespace no-such-namespace")


def test_a_namespace_that_ends_is_told(cluster: Kube, client: Cluster, namespace: str) -> None:
    kept = config_map(namespace)
    kept["metadata"]["finalizers"] = ["example.org/kept"]
    client.create(kept)
    client.delete("Namespace", namespace)
    try:
        with pytest.raises(AdmissionError, match="being terminated") as caught:
            client.create(config_map(namespace, "late"))
        assert caught.value.kind == "namespace"
    finally:
        cluster.kubectl("patch", "configmap", "settings", "-n", namespace, "-p", '{"metadata":{"finalizers":null}}')


def test_what_is_too_large_is_said_at_once(client: Cluster, namespace: str) -> None:
    for size in (2_000_000, 4_000_000):
        large = deployment(namespace)
        pod = large["spec"]["template"]["spec"]["containers"][0]
        pod["env"] = [{"name": f"n{number}", "value": "x" * 500_000} for number in range(size // 500_000)]
        with pytest.raises(RefusedError, match="too large for the cluster") as caught:
            client.create(large)
        assert caught.value.kind == "too-large"
    assert client.requests == 2


POD = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "server", "image": "none"}]}}


def test_pod_security_refuses_in_its_own_words(client: Cluster, restricted_namespace: str) -> None:
    with pytest.raises(AdmissionError, match="allowPrivilegeEscalation != false") as caught:
        client.create({**POD, "metadata": {"name": "digits", "namespace": restricted_namespace}})
    assert caught.value.kind == "pod-security"


def test_quota_and_limits_refuse_in_their_own_words(cluster: Kube, client: Cluster, namespace: str) -> None:
    client.create(named("ResourceQuota", namespace, {"hard": {"services": "0", "pods": "1"}}))
    limit = {"type": "PersistentVolumeClaim", "max": {"storage": "1Gi"}}
    client.create(named("LimitRange", namespace, {"limits": [limit]}))
    status = ["get", "resourcequota", "digits", "-n", namespace, "-o", "jsonpath={.status.hard.services}"]
    cluster.kubectl("wait", "--for=jsonpath={.status.hard.services}=0", *status[1:5], "--timeout=30s")
    with pytest.raises(AdmissionError, match=r"exceeded quota: digits, .*limited: services=0") as caught:
        client.create(named("Service", namespace, {"ports": [{"port": 80}]}))
    assert caught.value.kind == "quota"
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    with pytest.raises(AdmissionError, match="maximum storage usage per PersistentVolumeClaim is 1Gi") as caught:
        client.create(named("PersistentVolumeClaim", namespace, claim))
    assert caught.value.kind == "limits"


def named(kind: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "digits", "namespace": namespace}, "spec": spec}


def test_a_policy_of_the_cluster_refuses_in_its_own_words(cluster: Kube, client: Cluster, namespace: str) -> None:
    api = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": "object.metadata.name != 'bad'", "message": "no bad names here"}],
    }
    policy = {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": namespace}, "spec": spec}
    bound = {"policyName": namespace, "validationActions": ["Deny"]}
    binding = {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": namespace}}
    client.create(policy)
    client.create({**binding, "spec": bound})
    try:
        with pytest.raises(RefusedError, match="no bad names here") as caught:
            until_refused(client, config_map(namespace, "bad"))
        assert caught.value.kind in ("admission", "invalid")
    finally:
        client.delete(f"{api}/ValidatingAdmissionPolicyBinding", namespace)
        client.delete(f"{api}/ValidatingAdmissionPolicy", namespace)


def until_refused(client: Cluster, made: dict[str, Any]) -> None:
    """An API server takes notice of a new policy some moments later."""
    while True:
        client.create(made)
        client.delete(made["kind"], made["metadata"]["name"], made["metadata"]["namespace"])


def test_the_clusters_warnings_are_passed_on_once(cluster: Kube, client: Cluster, warned: list[str]) -> None:
    with cluster.namespace(**{"pod-security.kubernetes.io/warn": "restricted"}) as namespace:
        for number in range(2):
            client.apply(deployment(namespace, minReadySeconds=number), dry_run=True)
    assert len(warned) == 1
    assert warned[0].startswith('the cluster warns: would violate PodSecurity "restricted:latest": allowPrivilege')


def test_other_kinds_are_asked_for_once(cluster: Kube, client: Cluster, namespace: str) -> None:
    group = f"{namespace}.example.org"
    plural = {"plural": "forecasts", "singular": "forecast", "kind": "Forecast"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    spec = {
        "group": group,
        "names": plural,
        "scope": "Namespaced",
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
    }
    with pytest.raises(UsageError, match=f"the cluster has no kind 'Forecast' in '{group}/v1'") as caught:
        client.list(f"{group}/v1/Forecast", namespace)
    assert caught.value.kind == "no-such-kind"
    metadata = {"name": f"forecasts.{group}"}
    api = "apiextensions.k8s.io/v1"
    client.create({"apiVersion": api, "kind": "CustomResourceDefinition", "metadata": metadata, "spec": spec})
    try:
        cluster.kubectl("wait", "--for=condition=Established", f"crd/forecasts.{group}", "--timeout=30s")
        forecast = {"apiVersion": f"{group}/v1", "kind": "Forecast", "metadata": {"name": "x", "namespace": namespace}}
        client.apply(forecast)
        before = client.requests
        assert client.get(f"{group}/v1/Forecast", "x", namespace)["kind"] == "Forecast"
        with pytest.raises(UsageError) as caught:
            client.get(f"{group}/v1/Forecasts", "x", namespace)
        assert caught.value.hint == "did you mean Forecast?"
        assert client.requests - before == 2
    finally:
        client.delete(f"{api}/CustomResourceDefinition", f"forecasts.{group}")


def test_a_usual_kind_may_be_meant_in_another_version(client: Cluster, namespace: str) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "digits"}
    scaler = named("HorizontalPodAutoscaler", namespace, {"maxReplicas": 2, "scaleTargetRef": target})
    client.apply(scaler | {"apiVersion": "autoscaling/v2"})
    assert client.get("HorizontalPodAutoscaler", "digits", namespace)["apiVersion"] == "autoscaling/v2"
    assert client.get("autoscaling/v1/HorizontalPodAutoscaler", "digits", namespace)["apiVersion"] == "autoscaling/v1"


def test_a_misspelt_kind_is_said_without_asking(client: Cluster) -> None:
    with pytest.raises(UsageError) as caught:
        client.get("Deploymen", "x")
    assert (caught.value.kind, caught.value.hint) == ("no-such-kind", "did you mean Deployment?")
    assert client.requests == 0


def test_the_table_of_kinds_is_the_clusters(cluster: Kube) -> None:
    from model_devops.adapters.kubernetes.kinds import CLUSTER_WIDE, USUAL

    for api, plurals in USUAL.items():
        root = f"/apis/{api}" if "/" in api else f"/api/{api}"
        found = json.loads(cluster.kubectl("get", "--raw", root))["resources"]
        there = {item["kind"]: (item["name"], item["namespaced"]) for item in found if "/" not in item["name"]}
        assert {kind: (plural, kind not in CLUSTER_WIDE) for kind, plural in plurals.items()}.items() <= there.items()


def test_a_review_needs_no_name_and_everything_else_does(client: Cluster, namespace: str) -> None:
    asked = {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": namespace}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": asked}
    assert client.create(review)["status"]["allowed"]
    with pytest.raises(UsageError, match=r"an object of kind ConfigMap \(v1\) has no name"):
        client.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}})


def test_the_servers_version(cluster: Kube, client: Cluster) -> None:
    found = json.loads(cluster.kubectl("version", "-o", "json"))["serverVersion"]
    assert client.server_version() == (int(found["major"]), int(found["minor"].rstrip("+")))


def test_what_it_owns_goes_along(cluster: Kube, client: Cluster, namespace: str) -> None:
    owner = client.create(config_map(namespace, "owner"))
    owned = config_map(namespace, "owned")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned["metadata"]["ownerReferences"] = [reference]
    client.create(owned)
    assert client.delete("ConfigMap", "owner", namespace, propagation="Orphan")
    subprocess.run(
        cluster.command("wait", "--for=delete", "configmap/owner", "-n", namespace, "--timeout=30s"), check=True
    )
    left = client.get("ConfigMap", "owned", namespace)
    assert left
    assert not left["metadata"].get("ownerReferences")
