"""A real Kubernetes cluster for tests, and what they do with it. `python tests/support/cluster.py` is `make cluster`.

One cluster serves a whole run of the tests, whichever worker asks for it first, and ends with the last of them
(cluster_keeper.py). MODEL_DEVOPS_TEST_KUBECONFIG names an existing cluster to use instead, and
MODEL_DEVOPS_TEST_REGISTRY a registry (HOST:PORT, plain HTTP) that both this machine and that cluster reach.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cluster_keys
import cluster_programs
from cluster_use import CLUSTERS, RUN, used, wait_for, wait_until_gone
from containers import push_base, push_program
from lacking import lacking, program
from registries import ENVIRONMENT

#: Read before a test's environment is emptied.
KUBECONFIG = os.environ.get("MODEL_DEVOPS_TEST_KUBECONFIG")
REGISTRY = os.environ.get("MODEL_DEVOPS_TEST_REGISTRY")
NOT_OURS = "the cluster that MODEL_DEVOPS_TEST_KUBECONFIG names isn't the tests' to stop"
NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc")
#: Beside the programs that are built: those of Debian, found with /usr/sbin.
DEBIAN = ("containerd", "runc", "docker-registry", "iptables", "ip", "unshare", "setpriv", "/usr/lib/cni/bridge")


class Cluster:
    """A cluster that may be used until the end of a `with` block around what made it."""

    def __init__(self, kubeconfig: Path, kubectl: str, registry: str | None, folder: Path | None = None) -> None:
        self.kubeconfig = kubeconfig
        self._kubectl, self._registry, self._folder = kubectl, registry, folder

    @property
    def folder(self) -> Path:
        """Where a cluster of the tests' own keeps its files: log/NAME, keys/, pids/NAME."""
        return self._folder or lacking(NOT_OURS)

    @property
    def registry(self) -> str:
        """HOST:PORT of a registry, under the same name here and in the cluster (plain HTTP)."""
        return self._registry or lacking("MODEL_DEVOPS_TEST_REGISTRY doesn't say where the cluster pulls images")

    @property
    def registry_bytes(self) -> Path | None:
        """The folder here that the registry's bytes lie in; None: it isn't the tests' own."""
        return self._folder / "registry" if self._folder else None

    @property
    def server(self) -> str:
        """Where the API server is: https://127.0.0.1:PORT."""
        return self.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")

    def command(self, *arguments: str) -> list[str]:
        """The command line that asks this cluster with kubectl."""
        return [self._kubectl, f"--kubeconfig={self.kubeconfig}", *arguments]

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """What kubectl does and says; it may fail."""
        # Not in the home of who runs the tests.
        cache = {"KUBECACHEDIR": str(self._folder / "kubectl-cache")} if self._folder else {}
        return subprocess.run(
            self.command(*arguments), input=stdin, env=ENVIRONMENT | cache, capture_output=True, text=True, check=False
        )

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """What kubectl prints. It must succeed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> dict[str, Any]:
        """An object, or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", "-o", "json", *arguments))
        return found

    def apply(self, *objects: dict[str, Any], namespace: str = "default") -> None:
        """Create or change objects, as `kubectl apply --server-side` does."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.kubectl("apply", "--server-side", "--namespace", namespace, "-f", "-", stdin=listed)

    @contextlib.contextmanager
    def namespace(self, **labels: str) -> Iterator[str]:
        """A namespace that is ready for pods. Its end is begun, and not waited for."""
        name = f"test-{secrets.token_hex(4)}"
        metadata = {"name": name, "labels": labels}
        self.kubectl(
            "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        )
        try:
            # Until its ServiceAccount is there, pods are refused.
            wait_for(lambda: self.run("get", "--namespace", name, "serviceaccount", "default").returncode == 0)
            yield name
        finally:
            self.run("delete", "namespace", name, "--wait=false")

    def token(self, namespace: str, account: str, seconds: float = 3600) -> str:
        """A ServiceAccount's token that is refused after so long; up to ten seconds later, as the server remembers."""
        named = ["--namespace", namespace, account]
        if seconds >= 600:
            return self.kubectl("create", "token", *named, f"--duration={seconds:.0f}s")
        # The API server makes none that ends before ten minutes.
        uid = self.get("serviceaccount", *named)["metadata"]["uid"]
        return cluster_keys.signed_token(self.folder / "keys" / "sa.key", namespace, account, uid, seconds)

    def as_account(self, namespace: str, account: str, file: Path, seconds: float = 3600) -> Path:
        """Write a kubeconfig that speaks as a ServiceAccount, in its namespace."""
        config = json.loads(self.kubectl("config", "view", "--minify", "--raw", "-o", "json"))
        config["users"] = [{"name": account, "user": {"token": self.token(namespace, account, seconds)}}]
        config["contexts"][0]["context"] |= {"user": account, "namespace": namespace}
        file.write_text(json.dumps(config))
        return file

    @contextlib.contextmanager
    def without(self, name: str = "kube-apiserver") -> Iterator[None]:
        """Kill one of the cluster's programs (see pids/); it stays away until the end of the block, then serves again.

        Other tests use the same cluster at the same time: this is for a cluster of the test's own (`own_cluster`).
        """
        held, pid = self.folder / "held" / name, self.folder / "pids" / name
        held.touch()
        wait_for(lambda: not pid.exists())
        try:
            yield
        finally:
            held.unlink()
            wait_for(lambda: pid.exists() and self.run("get", "--raw", "/readyz").returncode == 0)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """The cluster in a folder of CLUSTERS, started if nobody did. It ends soon after the last who uses it."""
    for what in lacks():
        lacking(what)
    programs = cluster_programs.folder()
    with used(folder, programs):
        yield Cluster(folder / "kubeconfig", str(programs / "kubectl"), (folder / "ready").read_text(), folder)


def lacks() -> Iterator[str]:
    """What there must be before a cluster can run on this machine."""
    if KUBECONFIG:
        yield NOT_OURS
    if sys.platform != "linux" or os.geteuid():
        yield "a cluster needs root on Linux; MODEL_DEVOPS_TEST_KUBECONFIG names one to use instead"
    if not Path("/sys/fs/cgroup/cpuset").is_dir():
        yield "the tests' cluster needs the controllers of cgroup v1"
    for name in DEBIAN:
        if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            yield f"there is no {name} on this machine"
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode:
        yield f"this machine lets nobody make namespaces ({' '.join(NAMESPACES)})"
    built = cluster_programs.folder()
    for place in (built, Path(sys.executable), Path(__file__)):
        if place.resolve().is_relative_to("/var") or place.resolve().is_relative_to("/run"):
            yield f"{place} is hidden in the tests' cluster, which has a /var and a /run of its own"
    if not built.exists():
        yield "Kubernetes is not built on this machine: run `make cluster-programs`, which needs Go"


@contextlib.contextmanager
def at_hand() -> Iterator[Cluster]:
    """The cluster that MODEL_DEVOPS_TEST_KUBECONFIG names, else the one of this run."""
    if KUBECONFIG:
        yield Cluster(Path(KUBECONFIG), program("kubectl"), REGISTRY)
    else:
        with running(CLUSTERS / RUN) as found:
            yield found


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of this run of the tests. What a test does to it must not disturb others: see `own_cluster`."""
    with at_hand() as found:
        yield found


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster of the test's own, to stop and to break. It takes about six seconds."""
    with running(CLUSTERS / f"{RUN}-{secrets.token_hex(4)}") as found:
        yield found
    wait_until_gone(found.folder)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, ready for pods."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture
def restricted_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that admits only what Pod Security calls restricted."""
    with cluster.namespace(**{"pod-security.kubernetes.io/enforce": "restricted"}) as name:
        yield name


@pytest.fixture(scope="session")
def python_image(cluster: Cluster) -> str:
    """REPOSITORY@DIGEST of an image with Python and a shell, for the cluster to pull."""
    return f"{cluster.registry}/python@{push_base(cluster.registry, 'python', '1')}"


@pytest.fixture(scope="session")
def static_image(cluster: Cluster) -> str:
    """REPOSITORY@DIGEST of an image with one program and no shell (tests/cluster/sample says what it can do)."""
    built = cluster_programs.folder() / "sample"
    if not built.exists():
        lacking("its program is not built on this machine: run `make cluster-programs`, which needs Go")
    return f"{cluster.registry}/static@{push_program(cluster.registry, 'static', built)}"


def main() -> None:
    """Run a cluster to play with, until Ctrl-C."""
    if what := next(lacks(), ""):
        sys.exit(f"No cluster: {what}.")
    folder = CLUSTERS / str(os.getpid())
    with contextlib.suppress(KeyboardInterrupt), running(folder) as found:
        print(f"export KUBECONFIG={found.kubeconfig}\nexport PATH={cluster_programs.folder()}:$PATH  # kubectl")
        print(
            f"Images are pulled from {found.registry}; {found.registry}/static:1 is there. Ctrl-C ends the cluster.",
            flush=True,
        )
        signal.pause()
    wait_until_gone(folder)


if __name__ == "__main__":
    main()
