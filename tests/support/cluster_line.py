"""The adapter that speaks to a real cluster, as different users, and through a proxy that breaks things."""

import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trustme

from cluster import Cluster as Kube
from fault_proxy import Proxy, proxied
from model_devops.adapters.kubernetes import kubeconfig
from model_devops.adapters.kubernetes.access import Access
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.session import Session

ADMIN = "admin-of-this-namespace"


@dataclass
class Line:
    """A client, the proxy that it speaks to, and how long it was asked to wait."""

    proxy: Proxy
    client: Cluster
    pauses: list[float] = field(default_factory=list)


def client_of(file: Path, pauses: list[float] | None = None) -> Cluster:
    """The adapter as this kubeconfig says. It waits for nothing, where `pauses` takes note instead."""
    with _named(file):
        source = kubeconfig.find(None)
    session = Session(Access(source)) if pauses is None else Session(Access(source), pause=pauses.append)
    return Cluster(session, source.namespace)


@contextlib.contextmanager
def _named(file: Path) -> Iterator[None]:
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(kubeconfig.VARIABLE, str(file))
        yield


def account(cluster: Kube, namespace: str, name: str, *, role: str | None = None) -> None:
    """A ServiceAccount, with the rights of a ClusterRole in its namespace."""
    cluster.kubectl("create", "serviceaccount", "--namespace", namespace, name)
    if role:
        who = f"--serviceaccount={namespace}:{name}"
        cluster.kubectl("create", "rolebinding", "--namespace", namespace, name, f"--clusterrole={role}", who)


@contextlib.contextmanager
def line_to(cluster: Kube, namespace: str, folder: Path) -> Iterator[Line]:
    """A client that speaks through a proxy, as the admin of a namespace."""
    account(cluster, namespace, ADMIN, role="admin")
    file = cluster.as_account(namespace, ADMIN, folder / "kubeconfig")
    with in_front(cluster, file) as proxy:
        pauses: list[float] = []
        yield Line(proxy, client_of(file, pauses), pauses)


@contextlib.contextmanager
def in_front(cluster: Kube, file: Path, host: str = "127.0.0.1", *, name: str | None = None) -> Iterator[Proxy]:
    """A proxy that a kubeconfig names, instead of the API server, from now on. `name`: whose certificate it has."""
    config: dict[str, Any] = json.loads(file.read_text())
    place = config["clusters"][0]["cluster"]
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name or host).configure_cert(tls)
    trusted = file.with_name("api-server.pem")
    trusted.write_text(cluster_authority(cluster))
    upstream = ssl.create_default_context(cafile=trusted)
    with proxied(urlsplit(place["server"]).netloc, tls, host, upstream) as proxy:
        authority.cert_pem.write_to_path(file.with_name("proxy.pem"))
        config["clusters"][0]["cluster"] = {
            "server": f"https://{proxy.address}",
            "certificate-authority": "proxy.pem",
        }
        file.write_text(json.dumps(config))
        yield proxy


def cluster_authority(cluster: Kube) -> str:
    """The authority of the API server's certificate, in PEM."""
    path = "{.data.ca\\.crt}"
    return cluster.kubectl("get", "configmap", "kube-root-ca.crt", "--namespace", "default", "-o", f"jsonpath={path}")
