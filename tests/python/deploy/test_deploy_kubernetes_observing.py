"""What of an object is not as it was applied, whatever words the cluster keeps it in."""

from __future__ import annotations

from typing import Any

import pytest

from model_devops.deploy.kubernetes.foreign import owned
from model_devops.deploy.kubernetes.observing import differing


def server(**fields: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "spy"}, {"name": "server", **fields}]}}


def kept(there: dict[str, Any], *names: str, manager: str = "model-devops") -> dict[str, Any]:
    """As the cluster keeps it: with whose the fields of the server are."""
    limits = {"f:limits": {f"f:{name}": {} for name in names}}
    fields = {"f:spec": {"f:containers": {'k:{"name":"server"}': {".": {}, "f:name": {}, "f:resources": limits}}}}
    entry = {"manager": manager, "operation": "Apply", "fieldsV1": fields}
    return there | {"metadata": {"managedFields": [entry]}}


def limited(**limits: Any) -> dict[str, Any]:
    return server(resources={"limits": {name.replace("__", "."): amount for name, amount in limits.items()}})


def found(wanted: dict[str, Any], there: dict[str, Any]) -> list[str]:
    return list(differing(wanted, there, owned(there)))


def test_what_is_ours_still_is_as_it_was_applied_in_whatever_words() -> None:
    wanted, there = limited(memory="1024Mi", example__com=1), limited(memory="1Gi", example__com="1")
    assert found(wanted, kept(there, "memory", "example.com")) == []
    assert found(wanted, kept(there, "example.com")) == ["spec.containers[1].resources.limits.memory"]
    assert len(found(wanted, kept(there, "memory", "example.com", manager="ada"))) == 2


@pytest.mark.parametrize(
    ("wanted", "there", "fields"),
    [
        ({"data": {"a": "1024Mi"}}, {"data": {"a": "1Gi"}}, ["data.a"]),
        ({"data": {"a": "1"}}, {"data": {"a": "1", "b": "2"}}, []),
        ({"spec": {"args": ["a", "b"]}}, {"spec": {"args": ["a"]}}, ["spec.args"]),
        ({"spec": {"args": [], "x": None, "y": 0}}, {"spec": {}}, []),
        (server(image="a"), server(image="b"), ["spec.containers[1].image"]),
        (server(image="a"), {}, ["spec.containers"]),
        ({"metadata": {"creationTimestamp": None}}, {"metadata": {"creationTimestamp": "today"}}, []),
    ],
)
def test_without_a_word_on_whose_it_is_values_are_compared(wanted: Any, there: Any, fields: list[str]) -> None:
    assert found(wanted, {"metadata": {}} | there) == fields
