"""What an environment's target asks of its other keys."""

from __future__ import annotations

import pytest

from model_devops.config.load import loads
from model_devops.errors import Problem, UsageError

HEAD = "name: digits\nartifacts: {model: model/}\nserve: {command: x, digest: /model}\n"
PACKAGE = "package: {base: python, image: example.com/x}\n"


def problems(block: str, head: str = HEAD + PACKAGE) -> list[Problem]:
    try:
        loads(f"{head}environments:\n  test: {{{block}}}\n".encode(), "model.yaml")
    except UsageError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "block",
    [
        "target: local, port: 1",
        "target: kubernetes, namespace: models",
        "target: kubernetes, namespace: models, replicas: 2, port: 80, proof: [image, measured, reported]",
        "target: kubernetes, namespace: models, resources: {cpu: 500m}, autoscale: {min: 2, max: 9}",
        "target: kubernetes, namespace: m, ingress: {host: a.example.com, class_name: nginx, tls_secret: a.tls}",
        "target: kubernetes, namespace: m, context: prod, pull_secret: pull, min_ready: 1s, drain: 0s, templates: k8s",
    ],
)
def test_what_fits_is_no_problem(block: str) -> None:
    assert not problems(block)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("target: local", "environments.test: port is missing"),
        ("target: local, port: 1, namespace: models", "namespace: says nothing to the target local"),
        ("target: local, port: 1, replicas: 2", "replicas: says nothing to the target local"),
        ("target: local, port: 1, proof: [image]", "a local target has no image"),
        ("target: kubernetes", "environments.test: namespace is missing"),
        ("target: kubernetes, namespace: m, host: a.b", "host: says nothing to the target kubernetes"),
        ("target: kubernetes, namespace: m, min_ready: 99999d", "min_ready: 99999d is longer than ten years"),
        ("target: kubernetes, namespace: m, resources: {memory: 4GB}", "resources.memory: '4GB' is no amount"),
        ("target: kubernetes, namespace: m, pull_secret: My Secret", "pull_secret: is no name of an object"),
        ("target: kubernetes, namespace: m, ingress: {host: 'https://a'}", "ingress.host: is no name of a host"),
        ("target: kubernetes, namespace: m, ingress: {host: a, tls_secret: A}", "tls_secret: is no name of an object"),
        ("target: kubernetes, namespace: m, autoscale: {min: 1, max: 2}", "autoscale: needs an amount of CPU"),
        (
            "target: kubernetes, namespace: m, resources: {cpu: '1'}, autoscale: {min: 3, max: 2}",
            "autoscale.min: min 3 is above max 2",
        ),
        (
            "target: kubernetes, namespace: m, resources: {cpu: '1'}, replicas: 1, autoscale: {min: 1, max: 2}",
            "replicas: autoscale decides",
        ),
    ],
)
def test_what_does_not_fit_is_told_where_it_stands(block: str, words: str) -> None:
    (problem,) = problems(block)
    assert words in problem.message
    assert problem.line == 6


def test_pods_need_an_image() -> None:
    (problem,) = problems("target: kubernetes, namespace: m", HEAD)
    assert "there is no image to run" in problem.message
