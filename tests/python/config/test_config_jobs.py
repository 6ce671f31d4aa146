"""What `test.kubernetes` and `train.kubernetes` may say."""

from __future__ import annotations

import pytest

from model_devops.config.load import loads
from model_devops.errors import Problem, UsageError

IMAGE = f"image: 'example.com/eval@sha256:{'0' * 64}'"
PACKAGE = "serve: {command: x}\npackage: {base: python, image: example.com/x}\n"


def problems(block: str, package: str = PACKAGE) -> list[Problem]:
    text = f"name: digits\nartifacts: {{model: model/}}\ntest: {{run: [x], kubernetes: {{{block}}}}}\n{package}"
    try:
        loads(text.encode(), "model.yaml")
    except UsageError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "block",
    [
        "namespace: ml",
        f"namespace: ml, {IMAGE}, resources: {{cpu: '4', memory: 8Gi, gpu: 1}}, pull_secret: pull, context: prod",
        "namespace: ml, shards: 8, combine: python combine.py",
    ],
)
def test_what_fits_is_no_problem(block: str) -> None:
    assert not problems(block)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (IMAGE, "namespace is missing"),
        ("namespace: ML", "'ML' is not allowed"),
        ("namespace: ml, image: 'python:3'", "'python:3' is not allowed"),
        ("namespace: ml, shards: 2", "nothing makes one result of the shards'"),
        ("namespace: ml, shards: 101, combine: x", "at most 100 pods"),
        ("namespace: ml, combine: x", "there is one shard only"),
        ("namespace: ml, resources: {memory: 4GB}", "resources.memory: '4GB' is no amount"),
        ("namespace: ml, replicas: 2", "there is no such key"),
    ],
)
def test_what_does_not_is_one_problem_with_its_place(block: str, words: str) -> None:
    found = problems(block)
    assert len(found) == 1, found
    assert words in found[0].message
    assert found[0].line == 3


def test_without_a_package_the_image_is_named() -> None:
    assert not problems(f"namespace: ml, {IMAGE}", package="")
    (found,) = problems("namespace: ml", package="")
    assert "there is no image to run" in found.message


def of_training(train: str) -> list[Problem]:
    try:
        loads(f"name: digits\nartifacts: {{model: model/}}\ntrain: {train}\n{PACKAGE}".encode(), "model.yaml")
    except UsageError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    "train",
    [
        "{run: python train.py}",
        "{run: [python a.py, python b.py], timeout: 3d}",
        f"{{run: x, kubernetes: {{namespace: ml, {IMAGE}, shards: 100, resources: {{gpu: 8}}}}}}",
    ],
)
def test_a_training_that_fits_is_no_problem(train: str) -> None:
    assert not of_training(train)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        ("{}", "run is missing"),
        ("{run: []}", "train.run: no command makes the model"),
        ("[]", "train: no command makes the model"),
        ("{run: x, timeout: soon}", "'soon' is not allowed"),
        ("{run: x, kubernetes: {namespace: ml}}", "there is no image to run"),
        (f"{{run: x, kubernetes: {{namespace: ml, {IMAGE}, shards: 101}}}}", "at most 100 pods"),
        (f"{{run: x, kubernetes: {{namespace: ml, {IMAGE}, combine: y}}}}", "there is no such key"),
        (f"{{run: x, kubernetes: {{namespace: ml, {IMAGE}, resources: {{cpu: many}}}}}}", "is no number of processors"),
        ("7", "must be text or a list or a mapping"),
    ],
)
def test_one_that_does_not_is_one_problem_with_its_place(train: str, words: str) -> None:
    (found,) = of_training(train)
    assert words in found.message
    assert found.line == 3
