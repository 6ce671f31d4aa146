"""Who we are to a cluster: tokens that expire while we work, plugins, pods' own accounts, rights that are missing."""

import base64
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cluster import Cluster as Kube
from cluster_line import account, client_of, cluster_authority
from lacking import in_namespace
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.errors import RefusedError

NAME = "ci"


@pytest.fixture
def token(cluster: Kube, namespace: str) -> str:
    account(cluster, namespace, NAME, role="admin")
    return cluster.token(namespace, NAME)


@pytest.fixture
def as_user(cluster: Kube, namespace: str, tmp_path: Path):
    """The client of a kubeconfig whose user is this."""

    def made(user: dict[str, Any]) -> Cluster:
        config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))
        config["users"] = [{"name": NAME, "user": user}]
        config["contexts"][0]["context"] |= {"user": NAME, "namespace": namespace}
        file = tmp_path / "kubeconfig"
        file.write_text(json.dumps(config))
        return client_of(file, [])

    return made


def plugin(folder: Path, *tokens: str) -> dict[str, Any]:
    """A user whose plugin gives these tokens one after the other, the last one again and again."""
    (folder / "tokens").write_text("\n".join(tokens) + "\n")
    program = folder / "plugin"
    shape = '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}'
    program.write_text(f"""#!/bin/sh
cd '{folder}'
echo >>calls
count=$(wc -l <calls)
token=$(sed -n "$count"p tokens)
[ -n "$token" ] || token=$(tail -n 1 tokens)
printf '{shape}' "$token"
""")
    program.chmod(0o755)
    api = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": api, "command": str(program), "interactiveMode": "Never"}}


def calls(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_a_token_in_the_kubeconfig_and_one_in_a_file(as_user, token: str, tmp_path: Path) -> None:
    assert as_user({"token": token}).get("ServiceAccount", NAME)
    (tmp_path / "token").write_text(token + "\n")
    assert as_user({"tokenFile": "token"}).get("ServiceAccount", NAME)


def test_a_client_certificate_in_files_and_in_the_kubeconfig(cluster: Kube, as_user, tmp_path: Path) -> None:
    user = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json"))["users"][0]["user"]
    if "client-certificate-data" not in user:
        pytest.fail("the tests' cluster knows its admin by a certificate")
    assert as_user(user).server_version()
    for name in ("client-certificate", "client-key"):
        (tmp_path / name).write_bytes(base64.b64decode(user[f"{name}-data"]))
    assert as_user({name: name for name in ("client-certificate", "client-key")}).server_version()


def test_a_plugin_is_asked_once(as_user, token: str, tmp_path: Path) -> None:
    client = as_user(plugin(tmp_path, token))
    for _ in range(3):
        assert client.get("ServiceAccount", NAME)
    assert (calls(tmp_path), client.requests) == (1, 3)


def test_a_plugin_is_asked_again_when_its_token_is_refused(as_user, token: str, tmp_path: Path) -> None:
    client = as_user(plugin(tmp_path, "expired", token))
    assert client.get("ServiceAccount", NAME)
    assert (calls(tmp_path), client.requests) == (2, 2)
    assert client.get("ServiceAccount", NAME)
    assert (calls(tmp_path), client.requests) == (2, 3)


def test_many_threads_ask_a_plugin_once_more(as_user, token: str, tmp_path: Path) -> None:
    client = as_user(plugin(tmp_path, "expired", token))
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: client.get("ServiceAccount", NAME), range(8)))
    assert calls(tmp_path) == 2


def test_credentials_that_are_refused_twice_are_told_without_them(as_user, tmp_path: Path) -> None:
    client = as_user(plugin(tmp_path, "s3cr3t-expired"))
    with pytest.raises(RefusedError, match=r"does not know user 'ci' of .*/kubeconfig: Unauthorized") as caught:
        client.get("ServiceAccount", NAME)
    assert caught.value.kind == "unauthenticated"
    assert caught.value.hint == f"log in anew with what {tmp_path / 'plugin'} needs"
    assert "s3cr3t" not in caught.value.message
    assert (calls(tmp_path), client.requests) == (2, 2)


def test_who_has_no_credentials_is_told_so(as_user) -> None:
    client = as_user({})
    with pytest.raises(RefusedError, match=r"user 'ci' of .*/kubeconfig gives no credentials") as caught:
        client.get("ServiceAccount", NAME)
    assert caught.value.kind == "unauthenticated"
    assert caught.value.hint


def test_a_right_that_is_missing_is_named_with_who_lacks_it(as_user, cluster: Kube, namespace: str) -> None:
    account(cluster, namespace, NAME)
    client = as_user({"token": cluster.token(namespace, NAME)})
    who = f"system:serviceaccount:{namespace}:{NAME}"
    for call, what in (
        (lambda: client.list("Deployment"), f"list deployments.apps in namespace {namespace}"),
        (lambda: client.get("Secret", "x"), f"get secrets in namespace {namespace}"),
        (lambda: client.get("Node", "x"), "get nodes in the whole cluster"),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        assert caught.value.message == f"{who} may not {what}"
        assert caught.value.kind == "forbidden"
        assert "render ENVIRONMENT --rbac" in str(caught.value.hint)
    assert caught.value.details["verb"] == "get"


def test_a_token_file_that_was_changed_meanwhile_is_read_again(as_user, token: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("expired")
    client = as_user({"tokenFile": "token"})
    with pytest.raises(RefusedError):
        client.get("ServiceAccount", NAME)
    (tmp_path / "token").write_text(token)
    assert client.get("ServiceAccount", NAME)


def test_a_token_that_expires_while_we_work_is_renewed(as_user, cluster: Kube, namespace: str, tmp_path: Path) -> None:
    account(cluster, namespace, NAME, role="admin")
    (tmp_path / "token").write_text(cluster.token(namespace, NAME, seconds=2))
    client = as_user({"tokenFile": "token"})
    assert client.get("ServiceAccount", NAME)
    short = client.session.access.way()
    (tmp_path / "token").write_text(cluster.token(namespace, NAME))
    asked = 1
    while client.session.access.way() is short:
        assert client.get("ServiceAccount", NAME)
        asked += 1
        time.sleep(0.1)
    assert client.requests == asked + 1


IN_A_POD = """
import sys
from pathlib import Path
from model_devops.adapters.kubernetes.client import connect
from model_devops.errors import RefusedError

folder, token, name = Path("/var/run/secrets/kubernetes.io/serviceaccount"), sys.argv[1], sys.argv[2]
client = connect()
print(client.default_namespace)
try:
    client.get("ServiceAccount", name)
except RefusedError as error:
    print(error.kind, "the pod's service account" in error.message)
(folder / "token").write_text(token)
print(client.get("ServiceAccount", name)["metadata"]["name"], client.requests)
try:
    connect("production")
except Exception as error:
    print(type(error).__name__, error.message)
"""


def test_in_a_pod_its_service_account_is_meant(cluster: Kube, namespace: str, token: str, tmp_path: Path) -> None:
    """In a mount namespace whose /run is that of a pod, as far as the client looks."""
    host, port = cluster.server.rpartition("/")[2].split(":")
    (tmp_path / "ca.crt").write_text(cluster_authority(cluster))
    script = f"""
        mount -t tmpfs none /run && folder=/run/secrets/kubernetes.io/serviceaccount && mkdir -p $folder
        cp '{tmp_path}/ca.crt' $folder && printf %s '{namespace}' >$folder/namespace && printf expired >$folder/token
        exec "$@"
    """
    command = [*in_namespace("--mount"), "sh", "-ec", script, "sh", sys.executable, "-c", IN_A_POD, token, NAME]
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port, "HOME": str(tmp_path)}
    environment |= {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        namespace,
        "unauthenticated True",
        f"{NAME} 4",
        "UsageError there is no context 'production': there is no kubeconfig",
    ]
