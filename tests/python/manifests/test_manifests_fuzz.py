"""Whatever an object holds, it is judged, and never ends in a traceback."""

from __future__ import annotations

import copy
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.kubernetes_objects import RELEASE
from tests.support.written_manifests import plain

from model_devops.manifests.check import check
from model_devops.manifests.schemas import versions

OBJECTS = list(yaml.safe_load_all(RELEASE))
KEYS = sorted({"spec", "metadata", "name", "containers", "template", "ports", "selector", "labels", "data", "x"})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["1Gi", "http", "25%", "-1", "\x00", "\ud800", "a" * 300])
)
NAMES = st.sampled_from(KEYS) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(found for key, inner in items for found in ways(inner, (*way, key)))]


PLACES = [(index, way) for index, one in enumerate(OBJECTS) for way in ways(one) if way]


def judged(contents: list[dict[str, Any]], version: str = "1.34") -> None:
    manifests = [plain(content) for content in contents]
    checked = check(manifests, version=version, digests_only=True, restricted=True, namespaced_only=True)
    for problem in (*checked.problems, *checked.warnings):
        assert problem.where == "objects.yaml:1"
        assert problem.message.isprintable(), problem.message


CHANGES = st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=6)


def within(value: Any, key: Any) -> bool:
    """Whether a value has such a place: an earlier change may have taken it away."""
    return isinstance(value, dict) or (isinstance(value, list) and isinstance(key, int) and key < len(value))


@settings(max_examples=150, deadline=None)
@given(CHANGES, st.sampled_from(versions()))
def test_values_in_the_place_of_others_are_judged(changes: list[Any], version: str) -> None:
    contents = copy.deepcopy(OBJECTS)
    for (index, way), value in changes:
        inner: Any = contents[index]
        for key in way[:-1]:
            inner = (inner.get(key) if isinstance(inner, dict) else inner[key]) if within(inner, key) else None
        if within(inner, way[-1]):
            inner[way[-1]] = value
    judged(contents, version)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["apiVersion", "kind", *KEYS]), VALUES, max_size=6))
@example({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, 1: 2, None: 3, "spec": {True: []}})
@example({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": None, "spec": None})
@example({"apiVersion": "v1", "kind": "Pod\n", "metadata": {"name": "a\nb", "labels": {"a\nb": "c\nd"}}})
def test_objects_of_any_content_are_judged(content: dict[Any, Any]) -> None:
    judged([content])


def test_numbers_beyond_all_measure_are_judged() -> None:
    huge = 10**5000
    contents = copy.deepcopy(OBJECTS)
    contents[4]["spec"]["minReadySeconds"] = huge
    contents[4]["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = huge
    contents[4]["spec"]["template"]["spec"]["containers"][0]["args"] = [huge]
    contents[4]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = huge
    contents[1]["data"] = {huge: "x"}
    judged(contents)


def test_what_is_nested_beyond_all_measure_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100_000):
        schema = {"properties": {"x": schema}}
    names = {"plural": "xs", "singular": "x", "kind": "X"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    content = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    [problem] = check([plain(content | {"metadata": {"name": "xs.example.com"}})], version="1.34").problems
    assert "is nested too deeply" in problem.message
    while schema:
        schema = schema["properties"].pop("x", {})
