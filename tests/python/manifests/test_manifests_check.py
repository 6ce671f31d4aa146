"""What is refused before anything is sent: each mistake is found once, at its line, with all others."""

from __future__ import annotations

import pytest
from tests.support.kubernetes_changes import BROKEN, FINE
from tests.support.kubernetes_objects import RELEASE, Change
from tests.support.written_manifests import FILE, written

from model_devops.errors import Problem
from model_devops.manifests.check import check

VERSION = "1.34"


def problems(text: str, version: str = VERSION) -> list[Problem]:
    return check(written(text), version=version).problems


def test_a_sound_set_has_neither_problems_nor_warnings() -> None:
    checked = check(written(RELEASE), version=VERSION, digests_only=True, restricted=True, namespaced_only=True)
    assert checked == ([], [])


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_found_once_at_its_line(change: Change) -> None:
    [problem] = problems(change.text())
    assert change.said in problem.message
    assert (problem.file, problem.line) == (FILE, change.line())


@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_what_only_looks_like_a_mistake_is_none(change: Change) -> None:
    assert problems(change.text()) == []


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = RELEASE
    for name in (
        "unknown field",
        "another word",
        "quantity with B",
        "mount without a volume",
        "more at least than at most",
    ):
        text = text.replace(BROKEN[name].old, BROKEN[name].new)
    assert len(problems(text)) == 5


def test_a_misspelt_field_is_told_from_those_that_there_are() -> None:
    [misspelt] = problems(RELEASE.replace("  minReadySeconds: 10", "  minReadySecond: 10"))
    assert (misspelt.hint, misspelt.allowed) == ("did you mean minReadySeconds?", ())
    [strange] = problems(RELEASE.replace("              subPath: churn", "              options: churn"))
    assert strange.hint is None
    assert "mountPropagation" in strange.allowed
    assert "mountPath" not in strange.allowed


def test_a_word_is_told_from_those_that_are_allowed() -> None:
    [problem] = problems(RELEASE.replace("PullPolicy: IfNotPresent", "PullPolicy: always"))
    assert problem.allowed == ("Always", "IfNotPresent", "Never")
    assert problem.hint == "did you mean Always?"


def test_a_number_in_quotes_is_told_how_to_be_written() -> None:
    [problem] = problems(RELEASE.replace("  minReadySeconds: 10", '  minReadySeconds: "10"'))
    assert problem.hint == "write 10 without quotes"


def test_the_usual_grace_counts_where_none_is_written() -> None:
    slept = RELEASE.replace("                seconds: 10", "                seconds: 31")
    assert problems(slept) == []
    [problem] = problems(slept.replace("      terminationGracePeriodSeconds: 40\n", ""))
    assert "is 31, but terminationGracePeriodSeconds is 30" in problem.message


def test_on_the_host_s_network_a_port_is_the_host_s() -> None:
    port = "              containerPort: 9090"
    text = RELEASE.replace("      restartPolicy: Always", "      restartPolicy: Always\n      hostNetwork: true")
    assert problems(text.replace(port, f"{port}\n              hostPort: 9090")) == []
    [problem] = problems(text.replace(port, f"{port}\n              hostPort: 9091"))
    assert "must be the containerPort, since hostNetwork is set" in problem.message


def test_a_user_of_the_pod_is_the_containers_unless_they_have_their_own() -> None:
    root = RELEASE.replace("        runAsUser: 1000", "        runAsUser: 0")
    [problem] = problems(root)
    assert "spec.template.spec.securityContext.runAsUser: is 0" in problem.message
    own = "            allowPrivilegeEscalation: false\n            privileged: false\n"
    init = "          securityContext:\n            allowPrivilegeEscalation: false\n            capabilities:\n"
    mended = root.replace(own, f"{own}            runAsUser: 7\n", 1)
    mended = mended.replace(init, init.replace("            allow", "            runAsUser: 7\n            allow"), 1)
    assert problems(mended) == []
    [own_root] = problems(RELEASE.replace(own, f"{own}            runAsUser: 0\n"))
    assert "containers[0].securityContext.runAsUser: is 0" in own_root.message


def test_a_service_may_begin_with_a_digit_where_its_server_knows_that() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: 1churn}\nspec: {ports: [{port: 80}]}\n"
    assert problems(text, "1.36") == []
    [problem] = problems(text, "1.35")
    assert "beginning with a letter" in str(problem.hint)


def test_no_object_is_there_twice_by_whatever_version_it_is_called() -> None:
    scaler = "apiVersion: autoscaling/{}\nkind: HorizontalPodAutoscaler\nmetadata: {{name: churn}}\n"
    spec = "spec: {maxReplicas: 2, scaleTargetRef: {kind: Deployment, name: churn, apiVersion: apps/v1}}\n"
    text = scaler.format("v1") + spec + "---\n" + scaler.format("v2") + spec
    [problem] = problems(text)
    assert problem.message == ("HorizontalPodAutoscaler churn: metadata.name: is already there, in objects.yaml:1")
    assert problem.line == 8
    elsewhere = text.replace("metadata: {name: churn}\nspec", "metadata: {name: churn, namespace: a}\nspec", 1)
    assert problems(elsewhere) == []
