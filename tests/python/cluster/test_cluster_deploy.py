"""Deploying to a real cluster: what is made, what is proved, what comes back."""

from __future__ import annotations

import json

import pytest

from deployed import Deployed

pytestmark = pytest.mark.timeout(300)


def starts(deployed: Deployed) -> set[str]:
    return {one["metadata"]["uid"] for one in deployed.pods()}


def test_the_first_deploy_makes_everything_and_proves_every_pod(deployed: Deployed) -> None:
    version = deployed.release(1)
    result = deployed.ok("deploy", "prod")
    assert result["revision"]["proof"] == ["image", "measured", "reported"]
    assert result["revision"]["status"] == "verified"
    assert len(deployed.pods()) == 2
    status = deployed.ok("status", "prod", "--check")
    assert status["environments"][0]["runs"] == version
    kinds = ("serviceaccount", "configmap", "service", "deployment", "networkpolicy", "poddisruptionbudget")
    assert [len(deployed.objects(kind)) for kind in kinds] == [1] * 6


def test_deploying_the_same_again_restarts_nothing(deployed: Deployed) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    before = starts(deployed)
    again = deployed.ok("deploy", "prod")
    assert (again["changed"], again["revision"]["number"]) == (False, 1)
    assert starts(deployed) == before


def test_an_upgrade_and_a_rollback_take_configuration_along(deployed: Deployed) -> None:
    first = deployed.release(1)
    deployed.ok("deploy", "prod")
    old = deployed.objects("configmap")[0]["metadata"]["name"]
    deployed.settings("    replicas: 2\n", "    replicas: 1\n    env: {COLOUR: blue}\n")
    second = deployed.release(2)
    assert deployed.ok("deploy", "prod")["revision"]["version"] == second
    assert [one["data"].get("COLOUR") for one in deployed.objects("configmap")] == ["blue"]
    assert not deployed.objects("poddisruptionbudget")
    back = deployed.ok("rollback", "prod", "--reason", "slow")
    assert back["revision"]["version"] == first
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == first
    assert deployed.objects("configmap")[0]["metadata"]["name"] != old  # the settings known last (D8)
    history = deployed.ok("history", "prod")
    assert history["history"][0]["version"] == first


def test_a_release_that_never_starts_is_undone_with_its_cause_and_log(deployed: Deployed) -> None:
    first = deployed.release(1)
    deployed.ok("deploy", "prod")
    before = starts(deployed)
    deployed.release(2, **{"serve.py": "raise SystemExit('no such weights')\n"})
    result = deployed.run("deploy", "prod")
    assert result["code"] == 5, result["err"]
    assert "ends whenever it is started, with exit code 1" in result["error"]["message"]
    assert "its last line was: no such weights" in result["error"]["message"]
    assert starts(deployed) == before  # the old pods served all the time
    assert deployed.ok("status", "prod", "--check")["environments"][0]["runs"] == first
    report = next(one for one in result["reports"] if one["kind"] == "text")
    text = (deployed.mini.folder / report["path"]).read_text()
    assert "no such weights" in text
    assert "BackOff" in text or "terminated" in text
    assert len(deployed.objects("configmap")) == 1


def test_stopping_removes_all_but_the_records(deployed: Deployed) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    deployed.ok("stop", "prod", "--reason", "over")
    assert not deployed.objects("deployment,service,configmap,serviceaccount,networkpolicy,poddisruptionbudget")
    assert deployed.ok("status", "prod")["environments"][0]["runs"] == "nothing"
    deployed.ok("deploy", "prod")


def test_everything_goes_with_one_label(deployed: Deployed) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    kinds = "deployment,service,configmap,secret,serviceaccount,networkpolicy,poddisruptionbudget,lease"
    deployed.kubectl("delete", kinds, "-l", "app.kubernetes.io/instance=mini-prod")
    left = json.loads(deployed.kubectl("get", kinds, "-o", "json"))["items"]
    assert {one["metadata"]["name"] for one in left} <= {"default", "kube-root-ca.crt"}


def test_what_somebody_changed_by_hand_is_found_and_needs_a_word(deployed: Deployed) -> None:
    deployed.release(1)
    deployed.ok("deploy", "prod")
    deployed.kubectl("scale", "deployment", "mini-prod", "--replicas=3")
    deployed.kubectl("rollout", "status", "deployment", "mini-prod")
    assert "spec.replicas" in json.dumps(deployed.run("status", "prod", "--check")["environments"])
    deployed.release(2)
    refused = deployed.run("deploy", "prod")
    assert refused["code"] == 4
    assert "Deployment mini-prod: .spec.replicas is set by kubectl" in refused["error"]["message"]
    deployed.ok("adopt", "prod", "--reason", "2 are enough")
    deployed.ok("deploy", "prod")
    assert deployed.object("deployment")["spec"]["replicas"] == 2


def test_an_object_of_somebody_else_is_not_taken_over(deployed: Deployed) -> None:
    deployed.kubectl("create", "service", "clusterip", "mini-prod", "--tcp=80:80")
    deployed.release(1)
    refused = deployed.run("deploy", "prod")
    assert refused["code"] == 4
    assert "Service mini-prod is there already" in refused["error"]["message"]
    assert not deployed.objects("deployment")
