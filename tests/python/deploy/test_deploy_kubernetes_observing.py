"""What of an object is not as it was applied, whatever words the cluster keeps it in."""

from __future__ import annotations

from typing import Any

import pytest

from model_devops.deploy.kubernetes.observing import differing


def limits(**amounts: Any) -> dict[str, Any]:
    named = {name.replace("__", ".").replace("_S_", "/"): amount for name, amount in amounts.items()}
    return {"spec": {"containers": [{"resources": {"limits": named}}]}}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (limits(memory="1024Mi"), limits(memory="1Gi")),
        (limits(cpu="0.5"), limits(cpu="500m")),
        (limits(cpu=1), limits(cpu="1")),
        (limits(nvidia__com_S_gpu=1), limits(nvidia__com_S_gpu="1")),
        ({"spec": {"emptyDir": {"sizeLimit": "2048Mi"}}}, {"spec": {"emptyDir": {"sizeLimit": "2Gi"}}}),
    ],
)
def test_a_quantity_in_other_words_is_no_change(wanted: Any, found: Any) -> None:
    assert list(differing(wanted, found)) == []


@pytest.mark.parametrize(
    ("wanted", "found", "field"),
    [
        (limits(memory="1024Mi"), limits(memory="1G"), "spec.containers[0].resources.limits.memory"),
        (limits(memory="1Gi"), limits(), "spec.containers[0].resources.limits.memory"),
        (limits(memory="big"), limits(memory="large"), "spec.containers[0].resources.limits.memory"),
        ({"data": {"limits.memory": "1024Mi"}}, {"data": {"limits.memory": "1Gi"}}, "data.limits.memory"),
        ({"spec": {"args": ["1024Mi"]}}, {"spec": {"args": ["1Gi"]}}, "spec.args[0]"),
        ({"spec": {"value": 1}}, {"spec": {"value": "1"}}, "spec.value"),
    ],
)
def test_other_amounts_and_other_words_elsewhere_are(wanted: Any, found: Any, field: str) -> None:
    assert list(differing(wanted, found)) == [field]
