"""A real API server takes what we let pass, and refuses what we refuse, but where the tables say why it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from tests.support.kubernetes_changes import BROKEN, FINE
from tests.support.kubernetes_objects import RELEASE, Change

from cluster import Cluster, cluster, namespace  # noqa: F401  fixtures
from model_devops.adapters.kubernetes import client
from model_devops.errors import ModelDevopsError, UnreachableError

#: What can't even be sent: an object is applied by its name.
NAMELESS = {"no name", "empty name"}
SOUND = list(yaml.safe_load_all(RELEASE))


@pytest.fixture
def server(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> client.Cluster:  # noqa: F811
    monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
    server = client.connect()
    server.default_namespace = namespace
    return server


def changed(change: Change) -> list[dict[str, Any]]:
    """The objects that are other than in the sound set."""
    return [one for one in yaml.safe_load_all(change.text()) if one not in SOUND]


def refusal(server: client.Cluster, objects: list[dict[str, Any]]) -> str | None:
    """What the server says against one of the objects, if it does. Nothing is made."""
    for one in objects:
        try:
            server.apply(one, dry_run=True)
        except UnreachableError:
            raise
        except ModelDevopsError as error:
            return "; ".join([error.message, *(problem.message for problem in error.problems)])
    return None


def test_what_passes_is_taken(server: client.Cluster) -> None:
    assert refusal(server, SOUND) is None
    refused = {name: refusal(server, changed(change)) for name, change in FINE.items()}
    assert {name: said for name, said in refused.items() if said} == {}


def test_what_is_refused_is_refused_there_too_unless_the_table_says_why_not(server: client.Cluster) -> None:
    asked = {name: change for name, change in BROKEN.items() if name not in NAMELESS}
    refused = {name for name, change in asked.items() if refusal(server, changed(change))}
    taken = {name for name, change in asked.items() if change.taken}
    assert sorted(refused & taken) == []
    assert sorted(asked.keys() - refused - taken) == []
