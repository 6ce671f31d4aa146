"""Which fields of a Deployment others added, told from `metadata.managedFields`."""

from __future__ import annotations

from typing import Any

import pytest

from model_devops.deploy.kubernetes.foreign import added

SERVER = 'k:{"name":"server"}'
PORT = 'k:{"containerPort":80,"protocol":"TCP"}'


def pods(**fields: Any) -> dict[str, Any]:
    return {"f:spec": {"f:template": {"f:spec": fields}}}


def deployment(*owners: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    ours = pods(**{"f:containers": {SERVER: {".": {}, "f:image": {}}}})
    entries = [{"manager": "model-devops", "operation": "Apply", "fieldsV1": ours}]
    entries += [{"manager": who, "operation": "Update", "fieldsV1": fields, **more} for who, fields in owners]
    return {"metadata": {"managedFields": entries}}


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (pods(**{"f:containers": {SERVER: {"f:command": {}}}}), ["[server].command"]),
        (pods(**{"f:containers": {SERVER: {"f:image": {}}}}), []),  # the same value as ours: set by both
        (pods(**{"f:containers": {SERVER: {"f:ports": {PORT: {".": {}, "f:name": {}}}}}}), ["[server].ports[80 TCP]"]),
        (pods(**{"f:containers": {'k:{"name":"spy"}': {".": {}, "f:image": {}}}}), ["[spy]"]),
    ],
)
def test_D11_what_we_do_not_set_is_told_at_its_highest(fields: dict[str, Any], told: list[str]) -> None:
    found = added(deployment(("ada", fields)))
    assert found == [("ada", f".spec.template.spec.containers{one}") for one in told]


def test_D11_a_pause_counts_and_annotations_and_numbers_of_pods_do_not() -> None:
    harmless = {"f:replicas": {}, "f:template": {"f:metadata": {"f:annotations": {".": {}, "f:restartedAt": {}}}}}
    assert added(deployment(("ada", {"f:spec": harmless, "f:metadata": {"f:labels": {"f:x": {}}}}))) == []
    assert added(deployment(("ada", {"f:spec": {"f:paused": {}}}))) == [("ada", ".spec.paused")]


def test_D11_what_controllers_write_below_status_and_scale_is_theirs() -> None:
    assert added(deployment(("kube-controller-manager", {"f:spec": {"f:x": {}}}), subresource="scale")) == []


def test_D11_what_was_never_applied_by_us_is_all_foreign() -> None:
    entries = [{"manager": "kubectl-create", "operation": "Update", "fieldsV1": pods(**{"f:hostNetwork": {}})}]
    found = added({"metadata": {"managedFields": entries}})
    assert found == [("kubectl-create", ".spec.template.spec.hostNetwork")]
    assert added({"metadata": {}}) == []
