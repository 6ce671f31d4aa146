"""Ways to a cluster that a kubeconfig may ask for: over a proxy, under another name, without a look at certificates."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster as Kube
from cluster_line import ADMIN, account, client_of, in_front
from connect_proxy import connect_proxy
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.refusals import NotRunningError
from model_devops.adapters.kubernetes.tunnel import forward
from model_devops.errors import UnreachableError

#: No proxy is asked for 127.0.0.1 by all that is involved, whatever is said.
HOST = "127.0.0.2"


@pytest.fixture
def file(cluster: Kube, namespace: str, tmp_path: Path) -> Path:
    account(cluster, namespace, ADMIN, role="admin")
    pod = {"containers": [{"name": "server", "image": "none"}], "nodeSelector": {"is": "nowhere"}}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "model"}, "spec": pod}, namespace=namespace)
    return cluster.as_account(namespace, ADMIN, tmp_path / "kubeconfig")


def changed(file: Path, **fields: Any) -> Cluster:
    config = json.loads(file.read_text())
    config["clusters"][0]["cluster"] |= fields
    config["clusters"][0]["cluster"] = {key: value for key, value in config["clusters"][0]["cluster"].items() if value}
    file.write_text(json.dumps(config))
    return client_of(file, [])


def reached(client: Cluster) -> None:
    """Both kinds of connections arrive: a web socket, at the cluster's word that this pod has no node yet."""
    assert client.get("Pod", "model")
    with pytest.raises(NotRunningError), forward(client, client.default_namespace, "model", 80) as tunnel:
        tunnel.request("GET", "/", seconds=30)


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    with connect_proxy() as found:
        yield found


def test_the_proxy_of_the_kubeconfig_is_used(cluster: Kube, file: Path, proxy) -> None:
    address, asked = proxy
    with in_front(cluster, file, HOST) as front:
        reached(changed(file, **{"proxy-url": address}))
        assert asked == [front.address] * 2


def test_the_proxy_of_the_environment_is_used_but_for_its_exceptions(
    cluster: Kube, file: Path, proxy, monkeypatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("HTTPS_PROXY", address)
    with in_front(cluster, file, HOST) as front:
        reached(client_of(file, []))
        assert asked == [front.address] * 2
        monkeypatch.setenv("NO_PROXY", HOST)
        reached(client_of(file, []))
        assert len(asked) == 2


def test_a_cluster_may_be_known_under_another_name(cluster: Kube, file: Path) -> None:
    with in_front(cluster, file, name="cluster.example"):
        with pytest.raises(UnreachableError, match="is not trusted") as caught:
            client_of(file, []).get("Pod", "model")
        assert caught.value.kind == "certificate"
        reached(changed(file, **{"tls-server-name": "cluster.example"}))


def test_a_certificate_that_is_not_to_be_checked_is_not(cluster: Kube, file: Path, warned: list[str]) -> None:
    with in_front(cluster, file, name="cluster.example"):
        reached(changed(file, **{"insecure-skip-tls-verify": True, "certificate-authority": None}))
    assert len(warned) == 1


def test_a_gateway_that_serves_clusters_under_paths(cluster: Kube, file: Path) -> None:
    with in_front(cluster, file) as front:
        front.prefix = "/clusters/one"
        reached(changed(file, server=f"https://{front.address}/clusters/one/"))
        assert all(seen.path.startswith("/clusters/one/api/") for seen in front.seen)


def test_a_cluster_that_speaks_no_tls_is_told(cluster: Kube, file: Path, proxy) -> None:
    address, _ = proxy
    client = changed(file, server=address.replace("http:", "https:"))
    with pytest.raises(UnreachableError, match="speaks no TLS that we understand") as caught:
        client.get("Pod", "model")
    assert (caught.value.kind, client.requests) == ("certificate", 1)
