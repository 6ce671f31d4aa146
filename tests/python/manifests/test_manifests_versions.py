"""What the supported versions of Kubernetes serve."""

from __future__ import annotations

import pytest
from tests.support.kubernetes_objects import RELEASE
from tests.support.written_manifests import plain, written

from model_devops.errors import Problem, UsageError
from model_devops.manifests.check import check
from model_devops.manifests.schemas import kinds, versions


def problems(text: str, version: str) -> list[Problem]:
    return check(written(text), version=version).problems


@pytest.mark.parametrize("version", versions())
def test_a_usual_set_is_served_by_every_version(version: str) -> None:
    assert check(written(RELEASE), version=version) == ([], [])


@pytest.mark.parametrize("version", ["1.34", "v1.34", "1.34.3", "v1.34.3+k3s1", "v1.34.2-gke.100"])
def test_a_version_is_read_as_servers_write_it(version: str) -> None:
    assert kinds(version).version == "1.34"


@pytest.mark.parametrize("version", ["1.30", "1.99", "1.340", "", "newest", "134"])
def test_an_unknown_version_is_refused_with_those_that_are_known(version: str) -> None:
    with pytest.raises(UsageError) as caught:
        kinds(version)
    assert caught.value.hint == f"known are Kubernetes {versions()[0]} to {versions()[-1]}"


@pytest.mark.parametrize(
    ("api_version", "kind", "right"),
    [
        ("policy/v1beta1", "PodDisruptionBudget", ("policy/v1",)),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", ("autoscaling/v2", "autoscaling/v1")),
        ("extensions/v1beta1", "Ingress", ("networking.k8s.io/v1",)),
        ("networking.k8s.io/v1beta1", "Ingress", ("networking.k8s.io/v1",)),
        ("batch/v1beta1", "CronJob", ("batch/v1",)),
        ("v1", "Deployment", ("apps/v1",)),
        ("app/v1", "Deployment", ("apps/v1",)),
        ("apps/v1", "Service", ("v1",)),
    ],
)
def test_a_kind_that_is_served_elsewhere_is_told_where(api_version: str, kind: str, right: tuple[str, ...]) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: x}}\nspec: {{whatever: 1}}\n"
    [problem] = problems(text, "1.34")
    assert f"apiVersion: Kubernetes 1.34 doesn't serve {kind} as {api_version}" in problem.message
    assert problem.allowed == right
    assert problem.line == 1


def test_a_kind_that_there_is_not_is_told_from_those_that_there_are() -> None:
    [near] = problems("apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: x}\n", "1.34")
    assert (near.message, near.line) == ("Deploymnt x: kind: Kubernetes 1.34 serves no Deploymnt as apps/v1", 2)
    assert near.hint == "did you mean Deployment?"
    [strange] = problems("apiVersion: apps/v1\nkind: Thing\nmetadata: {name: x}\n", "1.34")
    assert strange.allowed == ("ControllerRevision", "DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")


def test_what_came_and_went_is_known_by_version() -> None:
    template = "apiVersion: resource.k8s.io/v1\nkind: ResourceClaimTemplate\nmetadata: {name: x}\nspec: {spec: {}}\n"
    [problem] = problems(template, "1.31")
    assert problem.allowed == ("resource.k8s.io/v1alpha3",)
    assert problems(template, "1.34") == []
    [gone] = problems(template.replace("k8s.io/v1", "k8s.io/v1alpha3"), "1.34")
    assert gone.allowed[0] == "resource.k8s.io/v1"


def test_a_field_that_came_later_is_unknown_before() -> None:
    text = RELEASE.replace("            preStop:\n", "            stopSignal: SIGTERM\n            preStop:\n")
    assert problems(text, "1.33") == []
    [problem] = problems(text, "1.32")
    assert "lifecycle.stopSignal: there is no such field" in problem.message


@pytest.mark.parametrize("group", ["example.com", "gateway.networking.k8s.io", "autoscaling.k8s.io"])
def test_of_an_extension_s_kind_the_metadata_is_checked(group: str) -> None:
    text = f"apiVersion: {group}/v1\nkind: Thing\nmetadata: {{name: x, lables: {{}}}}\nspec: anything\n"
    checked = check(written(text), version="1.34")
    assert [problem.message for problem in checked.problems] == ["Thing x: metadata.lables: there is no such field"]
    [note] = checked.warnings
    assert "has no definition" in note.message


@pytest.mark.parametrize("missing", ["apiVersion", "kind"])
def test_an_object_of_no_kind_is_refused(missing: str) -> None:
    content = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    for wrong in ({}, {missing: None}, {missing: 1}, {missing: ""}):
        [problem] = check(
            [plain({key: content[key] for key in content if key != missing} | wrong)], version="1.34"
        ).problems
        assert problem.message.endswith(f"{missing}: is missing, or is not text")
