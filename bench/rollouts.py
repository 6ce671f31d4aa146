"""A rollout in a real cluster against kubectl with the same objects, and how many requests a deploy takes.

Three pods, each ready for ten seconds before the next one is replaced, their image on the node already. Needs what the
tests' cluster needs (CONTRIBUTING.md).
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import Row, wall

if TYPE_CHECKING:
    from deployed import Deployed
    from fault_proxy import Proxy

SETTINGS = "    replicas: 3\n    min_ready: 10s\n"


def rows() -> Iterator[Row]:
    """Two releases are there before: each side takes its pods from the first to the second."""
    import cluster

    if not cluster.KUBECONFIG and next(cluster.lacks(), ""):
        return
    import pytest

    from deployed import deployed_in

    with (
        tempfile.TemporaryDirectory() as folder,
        cluster.at_hand() as found,
        found.namespace() as ours,
        found.namespace() as theirs,
        pytest.MonkeyPatch.context() as patch,
    ):
        project = deployed_in(ours, Path(folder), found, patch)
        project.settings("    replicas: 2\n    min_ready: 1s\n", SETTINGS)
        versions = [project.release(1), project.release(2)]
        yield _compared(project, theirs, versions)
        _requests(project, versions, Path(folder))


def _compared(project: "Deployed", other: str, versions: list[str]) -> Row:
    objects = [project.printed("render", "prod", "--release", version) for version in versions]
    objects = [text.replace(project.namespace, other) for text in objects]

    def ours(version: str) -> None:
        project.ok("deploy", "prod", "--release", version)

    def theirs(text: str) -> None:
        project.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        project.cluster.kubectl("rollout", "status", "-n", other, "deployment/mini-prod")

    ours(versions[0])
    theirs(objects[0])
    took, peer = wall(lambda: ours(versions[1])), wall(lambda: theirs(objects[1]))
    proof = wall(lambda: ours(versions[1]))
    print(f"of ours, policy, evidence and the proof of three pods take about {proof:.1f} s (measured alone)")
    return Row("rollout of three pods, proof included", took, "kubectl apply, rollout status", peer, 1.1 * peer)


def _requests(project: "Deployed", versions: list[str], folder: Path) -> None:
    """Of a rollout to and fro, and of a deploy of what runs."""
    from cluster_line import account, in_front

    account(project.cluster, project.namespace, "ci", role="cluster-admin")
    file = project.cluster.as_account(project.namespace, "ci", folder / "kubeconfig.json")
    with in_front(project.cluster, file) as proxy:
        counts = [_counted(project, versions[1], file, proxy)]
        project.settings("    min_ready: 10s\n", "    min_ready: 0s\n")
        counts.append(_counted(project, versions[1], file, proxy))
    print(f"requests to the API server: of what runs already {counts[0]}, of a rollout of three pods {counts[1]}")


def _counted(project: "Deployed", version: str, file: Path, proxy: "Proxy") -> str:
    proxy.seen.clear()
    project.ok("deploy", "prod", "--release", version, KUBECONFIG=str(file))
    looks = sum(one.method == "GET" and "?labelSelector" in one.path for one in proxy.seen)
    return f"{len(proxy.seen)} ({looks} of them lists)"
