"""Where the story's environments are: processes on this machine, or pods in a cluster."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from stage import Stage

ENVIRONMENTS = ("test", "production")
#: Shorter than a team would have it: the story is told in a minute or two.
IN_CLUSTER = """\
environments:
  test: {{target: kubernetes, namespace: {namespace}, prereleases: true, min_ready: 1s, drain: 0s}}
  production:
    target: kubernetes
    namespace: {namespace}
    min_ready: 1s
    drain: 0s
    replicas: 2
    requires: [tested, deployed:test]
    approval: {{after: test}}
    proof: [image, measured, reported]
"""


class Local:
    """Two ports of this machine."""

    stops_first = True
    """A server ends before the next one starts: that is downtime."""

    def __init__(self) -> None:
        self.ports = {name: free_port() for name in ENVIRONMENTS}
        self.anchor = f"    port: {self.ports['production']}"
        """A line in production's block of model.yaml, for settings to be put before."""

    def set_up(self, stage: Stage) -> None:
        """Write the ports into model.yaml."""
        stage.edit("model.yaml", "port: 8081", f"port: {self.ports['test']}")
        stage.edit("model.yaml", "port: 8080", f"port: {self.ports['production']}")

    def ask(self, environment: str, path: str) -> dict[str, Any] | None:
        """What the environment's server answers; None: nobody does."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[environment], timeout=2)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    def serving(self, stage: Stage, environment: str) -> Path:
        """The folder that the environment's server runs in."""
        for process in stage.processes():
            with contextlib.suppress(psutil.Error):
                listening = [c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
                if self.ports[environment] in listening:
                    return Path(process.cwd())
        raise LookupError(f"nothing of ours listens for {environment}")


class InCluster:
    """A namespace of the cluster that the kubeconfig names. Asked through the Services, as a client in it would."""

    stops_first = False
    anchor = "    replicas: 2"

    def __init__(self, namespace: str) -> None:
        import kubernetes

        self.namespace = namespace
        self.api = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config())
        self.apps = kubernetes.client.AppsV1Api(self.api.api_client)
        self.no_answer = (kubernetes.client.ApiException, OSError, ValueError)

    def set_up(self, stage: Stage) -> None:
        """Write the namespace into model.yaml."""
        path = stage.project / "model.yaml"
        before, _, _ = path.read_text().partition("environments:\n")
        path.write_text(before + IN_CLUSTER.format(namespace=self.namespace))

    def ask(self, environment: str, path: str) -> dict[str, Any] | None:
        """What the environment's Service answers; None: nobody does."""
        service = f"digits-{environment}:80"
        with contextlib.suppress(*self.no_answer):
            answer = self.api.connect_get_namespaced_service_proxy_with_path(
                service, self.namespace, path.lstrip("/"), _preload_content=False, _request_timeout=2
            )
            return dict(json.loads(answer.data))  # type: ignore[attr-defined]
        return None

    def images(self, environment: str) -> list[str]:
        """What the node says that each pod of the environment runs, but for pods on their way out."""
        label = f"app.kubernetes.io/instance=digits-{environment}"
        found: Any = self.api.list_namespaced_pod(self.namespace, label_selector=label)
        staying = [pod for pod in found.items if not pod.metadata.deletion_timestamp]
        return [status.image_id for pod in staying for status in pod.status.container_statuses]

    def change(self, deployment: str, fields: dict[str, Any]) -> None:
        """Do what somebody does with kubectl."""
        self.apps.patch_namespaced_deployment(deployment, self.namespace, fields, field_manager="somebody")


def free_port() -> int:
    """A port that nobody holds right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
