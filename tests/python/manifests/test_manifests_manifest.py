"""What an object says of itself, and how it names the place of a problem."""

import pytest

from model_devops.manifests.manifest import Key
from written_manifests import plain, written

TEXT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: churn
  namespace: ml
spec:
  template:
    spec:
      containers:
        - name: server
---
apiVersion: v1
kind: Service
metadata:
  name: churn
"""


def test_an_object_tells_what_it_is() -> None:
    deployment, service = written(TEXT)
    assert deployment.key == Key("apps", "Deployment", "ml", "churn")
    assert service.key == Key("", "Service", "", "churn")
    assert (deployment.title, service.api_version) == ("Deployment churn", "v1")


def test_a_problem_names_the_line_of_what_is_wrong_or_of_what_it_is_missing_in() -> None:
    deployment, service = written(TEXT, "churn.yaml")
    container = ("spec", "template", "spec", "containers", 0)
    missing = deployment.problem("is missing", *container, "image", allowed=("a", "b"), hint="name one")
    assert missing.where == "churn.yaml:10"
    assert missing.message == "Deployment churn: spec.template.spec.containers[0].image: is missing"
    assert (missing.allowed, missing.hint) == (("a", "b"), "name one")
    assert service.problem("is there twice").message == "Service churn: is there twice"
    assert service.problem("is there twice").where == "churn.yaml:12"


@pytest.mark.parametrize("content", [{}, {"kind": 1, "apiVersion": [], "metadata": "x"}, {"metadata": {"name": {}}}])
def test_an_object_that_is_none_is_still_named(content: dict[str, object]) -> None:
    manifest = plain(content)
    assert manifest.key == Key("", "", "", "")
    assert manifest.problem("is wrong", "spec").message == "object: spec: is wrong"
