"""What objects of one set say of each other, what is only warned of, and what a caller may ask for besides."""

from __future__ import annotations

import pytest
from tests.support.kubernetes_objects import RELEASE, Change
from tests.support.written_manifests import written

from model_devops.manifests.check import Checked, check

TARGET = "    kind: Deployment\n    name: churn\n  minReplicas"
BACKEND = "              service:\n                name: churn\n"
KEY = "                  name: keys\n                  key: token\n"
ITEM = "              - key: rules.json\n"
SELECTED = "kind: Service\nmetadata:\n  name: churn\nspec:\n  type: ClusterIP\n  selector:\n    app: churn\n"
COVERED = "  unhealthyPodEvictionPolicy: AlwaysAllow\n  selector:\n    matchLabels:\n      app: churn\n"


def checked(text: str, **asked: bool) -> Checked:
    return check(written(text), version="1.34", **asked)


#: A server looks at one object at a time, and takes all of these.
UNFIT = {
    "target port that no pod names": Change("      targetPort: http", "      targetPort: htp", "has no port named htp"),
    "replicas beside an autoscaler": Change(
        "  minReadySeconds: 10", "  replicas: 3\n  minReadySeconds: 10", "is given, though an autoscaler sets it"
    ),
    "backend's port by name": Change(
        "                  name: http\n---", "                  name: web\n---", "Service churn has no port web"
    ),
    "backend's port by number": Change(
        "                  name: http\n---", "                  number: 81\n---", "Service churn has no port 81"
    ),
    "key of a ConfigMap": Change("                  key: LEVEL", "                  key: LEVL", "has no key LEVL"),
    "key of a Secret": Change(KEY, KEY.replace("token", "tokn"), "has no key tokn", at="                  key: tokn"),
    "item of a volume": Change(ITEM, "              - key: rules.yaml\n", "ConfigMap settings has no key rules.yaml"),
}


@pytest.mark.parametrize("change", UNFIT.values(), ids=UNFIT)
def test_what_does_not_fit_is_found_in_the_object_that_says_it(change: Change) -> None:
    problems, warnings = checked(change.text())
    assert warnings == []
    [problem] = problems
    assert change.said in problem.message
    assert problem.line == change.line()


UNUSUAL = {
    "autoscaler of nothing": Change(
        TARGET, TARGET.replace("churn", "chrun"), "there is no Deployment chrun here", at="    name: chrun"
    ),
    "Service of nothing": Change(
        SELECTED, SELECTED.replace("app: churn", "app: chrun"), "takes no pods", at="  selector:\n    app: chrun"
    ),
    "budget of nothing": Change(
        COVERED,
        COVERED.replace("churn", "chrun"),
        "takes no pods",
        at="  selector:\n    matchLabels:\n      app: chrun",
    ),
    "way to nothing": Change(
        BACKEND, BACKEND.replace("churn", "chrun"), "there is no Service chrun here", at="                name: chrun"
    ),
    "kind of an extension": Change(
        "apiVersion: v1\nkind: ServiceAccount\n",
        "apiVersion: monitoring.example.com/v1\nkind: Monitor\nspec: {anything: [1]}\n",
        "Kubernetes 1.34 has no definition of monitoring.example.com/v1 Monitor",
        at="kind: Monitor",
    ),
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL)
def test_what_may_be_elsewhere_in_the_cluster_is_only_warned_of(change: Change) -> None:
    problems, warnings = checked(change.text())
    assert problems == []
    [warning] = warnings
    assert change.said in warning.message
    assert warning.line == change.line()


def test_a_name_that_is_probably_misspelt_is_told() -> None:
    [warning] = checked(UNUSUAL["autoscaler of nothing"].text()).warnings
    assert (warning.hint, warning.allowed) == ("did you mean churn?", ("churn",))


FITTING = {
    "optional key": Change(KEY, KEY.replace("token", "tokn") + "                  optional: true\n"),
    "key of a ConfigMap that isn't here": Change(
        "                  name: settings\n                  key",
        "                  name: others\n                  key",
    ),
    "text of a Secret": Change(KEY, KEY.replace("token", "other")),
    "Service without a selector": Change("  selector:\n    app: churn\n  ports", "  ports"),
    "budget of all pods": Change(COVERED, "  selector: {}\n"),
}


@pytest.mark.parametrize("change", FITTING.values(), ids=FITTING)
def test_what_fits_is_let_alone(change: Change) -> None:
    assert checked(change.text()) == ([], [])


def test_objects_of_another_namespace_are_not_seen() -> None:
    moved = RELEASE.replace(
        "kind: Service\nmetadata:\n  name: churn\n", "kind: Service\nmetadata:\n  name: churn\n  namespace: other\n"
    )
    problems, warnings = checked(moved)
    assert problems == []
    assert sorted(warning.message.partition(": ")[0] for warning in warnings) == ["Ingress churn", "Service churn"]


def test_one_mistake_is_not_told_again_by_what_rests_on_it() -> None:
    wrong = RELEASE.replace("              containerPort: 8080\n", "              containerPort: 0\n")
    wrong = wrong.replace("  LEVEL: info\n", "  LEVEL: 1\n")
    wrong = wrong.replace("      labels:\n        app: churn\n        tier: serving\n", "      labels: [app]\n")
    messages = [problem.message for problem in checked(wrong).problems]
    assert [message.partition(": ")[2].partition(":")[0] for message in messages] == [
        "data.LEVEL",
        "spec.template.metadata.labels",
        "spec.template.spec.containers[0].ports[0].containerPort",
    ]


def test_an_image_without_a_digest_is_refused_where_it_is_asked() -> None:
    tagged = RELEASE.replace("image: example.com/fetch@sha256:" + "a" * 64, "image: example.com/fetch:1.0")
    assert checked(tagged).problems == []
    [problem] = checked(tagged, digests_only=True).problems
    assert "initContainers[0].image: example.com/fetch:1.0 has no digest" in problem.message
    half = RELEASE.replace("@sha256:" + "a" * 64, "@sha256:" + "a" * 63)
    assert len(checked(half, digests_only=True).problems) == 1


def test_what_is_for_the_whole_cluster_is_refused_where_it_is_asked() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: models}\n"
    assert checked(text) == ([], [])
    [problem] = checked(text, namespaced_only=True).problems
    assert (problem.message, problem.line) == (
        "Namespace models: kind: Namespace is for the whole cluster, and is not allowed here",
        2,
    )


def test_what_lies_in_no_namespace_is_given_none() -> None:
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: models, namespace: models}\n"
    [problem] = checked(text).problems
    assert "metadata.namespace: a Namespace lies in no namespace" in problem.message
