"""What tests may expect of their cluster: pods become what they become anywhere, and are asked as anywhere."""

import json
import subprocess
import urllib.request
from pathlib import Path

from cluster import Cluster
from cluster_use import wait_for
from workloads import container, deployment, pod, wait_for_state

WHO_AM_I = """\
import json, os, pathlib, ssl, urllib.request
given = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
url = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}/apis/authentication.k8s.io/v1/selfsubjectreviews"
headers = {"Authorization": "Bearer " + (given / "token").read_text(), "Content-Type": "application/json"}
asked = urllib.request.Request(url, b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}', headers)
with urllib.request.urlopen(asked, timeout=10, context=ssl.create_default_context(cafile=given / "ca.crt")) as answer:
    print(json.load(answer)["status"]["userInfo"]["username"])
"""


def test_a_deployment_of_three_becomes_ready(cluster: Cluster, namespace: str, static_image: str) -> None:
    cluster.apply(deployment("web", 3, static_image), namespace=namespace)
    cluster.kubectl("--namespace", namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    pods = cluster.get("pods", "--namespace", namespace)["items"]
    assert len(pods) == 3
    digest = static_image.partition("@")[2]
    assert {status["imageID"].partition("@")[2] for one in pods for status in one["status"]["containerStatuses"]} == {
        digest
    }


def test_pods_fail_for_the_reasons_that_a_rollout_must_know(
    cluster: Cluster, namespace: str, static_image: str
) -> None:
    memory = {"resources": {"limits": {"memory": "32Mi"}}}
    processors = {"resources": {"requests": {"cpu": "1000"}}}
    cluster.apply(
        pod("crash", static_image, "exit", "7"),
        pod("no-image", f"{cluster.registry}/none:1"),
        pod("hungry", "", containers=[container(static_image, "eat", "64", **memory)]),
        pod("big", "", containers=[container(static_image, **processors)]),
        namespace=namespace,
    )
    assert wait_for_state(cluster, namespace, "no-image", "waiting", "ErrImagePull", "ImagePullBackOff")
    assert wait_for_state(cluster, namespace, "hungry", "terminated", "OOMKilled")
    crashed = wait_for_state(cluster, namespace, "crash", "waiting", "CrashLoopBackOff")
    assert crashed["lastState"]["terminated"]["exitCode"] == 7
    conditions = cluster.get("pod", "big", "--namespace", namespace)["status"]["conditions"]
    assert [condition["reason"] for condition in conditions] == ["Unschedulable"]


def test_a_quota_blocks_a_deployment(cluster: Cluster, namespace: str, static_image: str) -> None:
    def counted() -> bool:
        return "hard" in cluster.get("quota", "few", "--namespace", namespace)["status"]

    cluster.kubectl("--namespace", namespace, "create", "quota", "few", "--hard=pods=1")
    wait_for(counted)
    cluster.apply(deployment("web", 2, static_image), namespace=namespace)

    def reason() -> str:
        status = cluster.get("deployment", "web", "--namespace", namespace)["status"]
        return "".join(one["message"] for one in status.get("conditions", []) if one["type"] == "ReplicaFailure")

    assert "exceeded quota: few" in wait_for(reason)


def test_restricted_pod_security_admits_only_what_is_strict(
    cluster: Cluster, restricted_namespace: str, static_image: str
) -> None:
    loose = json.dumps(pod("loose", static_image))
    refused = cluster.run("--namespace", restricted_namespace, "create", "-f", "-", stdin=loose)
    assert "violates PodSecurity" in refused.stderr
    strict = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    inside = [container(static_image, securityContext=strict)]
    cluster.apply(pod("strict", "", containers=inside, securityContext=security), namespace=restricted_namespace)
    cluster.kubectl("--namespace", restricted_namespace, "wait", "--for=condition=Ready", "pod/strict", "--timeout=30s")


def test_a_pod_is_asked_through_the_api_server(
    cluster: Cluster, namespace: str, static_image: str, python_image: str
) -> None:
    ask = "import urllib.request as u; print(u.urlopen('http://' + input(), timeout=5).read().decode())"
    waiting = [container(python_image, command=["python3", "-c", "import signal; signal.pause()"])]
    cluster.apply(pod("web", static_image), pod("client", "", containers=waiting), namespace=namespace)
    inside = ["--namespace", namespace]
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod/web", "pod/client", "--timeout=60s")
    assert cluster.kubectl(*inside, "logs", "web") == "serving on 8080\n"
    assert cluster.run(*inside, "exec", "web", "--", "/sample", "exit", "3").returncode == 3
    assert cluster.run(*inside, "exec", "web", "--", "/bin/sh", "-c", "true").returncode not in (0, 3)
    assert _through_a_forwarded_port(cluster, namespace, "web") == "hello from web\n"
    cluster.kubectl(*inside, "expose", "pod", "web", "--port=80", "--target-port=8080")
    address = cluster.get("service", "web", *inside)["spec"]["clusterIP"]
    client = [*inside, "exec", "-i", "client", "--", "python3", "-c", ask]
    assert wait_for(lambda: cluster.run(*client, stdin=f"{address}/\n").stdout) == "hello from web\n\n"


def _through_a_forwarded_port(cluster: Cluster, namespace: str, name: str) -> str:
    command = cluster.command("--namespace", namespace, "port-forward", name, ":8080")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        assert forward.stdout
        address = forward.stdout.readline().split()[2]
        try:
            with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
                return str(answer.read().decode())
        finally:
            forward.terminate()


def test_an_ephemeral_container_sees_what_has_no_shell(
    cluster: Cluster, namespace: str, static_image: str, python_image: str
) -> None:
    cluster.apply(pod("web", static_image), namespace=namespace)
    inside = ["--namespace", namespace]
    cluster.kubectl(*inside, "wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    look = "import pathlib; print(pathlib.Path('/proc/1/cmdline').read_text())"
    options = ["--image", python_image, "--target=main", "--container=look"]
    cluster.kubectl(*inside, "debug", "web", *options, "--", "python3", "-c", look)
    assert wait_for(lambda: cluster.run(*inside, "logs", "web", "--container=look").stdout) == "/sample\0\n"


def test_an_account_may_what_its_role_says_until_its_token_ends(
    cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    inside = ["--namespace", namespace]
    cluster.kubectl(*inside, "create", "serviceaccount", "reader")
    cluster.kubectl(*inside, "create", "role", "reader", "--verb=list", "--resource=pods")
    cluster.kubectl(*inside, "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader")
    short = cluster.as_account(namespace, "reader", tmp_path / "short", seconds=3)
    assert cluster.run("--kubeconfig", str(short), "get", "pods").returncode == 0
    assert "forbidden" in cluster.run("--kubeconfig", str(short), "get", "secrets").stderr.lower()
    wait_for(lambda: "Unauthorized" in cluster.run("--kubeconfig", str(short), "get", "pods").stderr)
    long = cluster.as_account(namespace, "reader", tmp_path / "long")
    assert cluster.run("--kubeconfig", str(long), "get", "pods").returncode == 0


def test_a_pod_asks_the_api_server_as_its_account(cluster: Cluster, namespace: str, python_image: str) -> None:
    asking = [container(python_image, command=["python3", "-c", WHO_AM_I])]
    cluster.apply(pod("asks", "", containers=asking, restartPolicy="Never"), namespace=namespace)
    wait_for(lambda: cluster.get("pod", "asks", "--namespace", namespace)["status"]["phase"] in ("Succeeded", "Failed"))
    said = cluster.kubectl("--namespace", namespace, "logs", "asks")
    assert said == f"system:serviceaccount:{namespace}:default\n"
