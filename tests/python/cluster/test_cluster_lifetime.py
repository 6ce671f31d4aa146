"""A cluster of the tests ends with whoever uses it, however that ends, and leaves nothing on the machine."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import cluster_keeper
from cluster import Cluster, running
from cluster_init import SETTINGS, group
from cluster_use import CLUSTERS, ENVIRONMENT, RUN, share, wait_for, wait_until_gone
from workloads import pod

SUPPORT = Path(cluster_keeper.__file__).parent
#: What Docker's tests make and remove on the same machine at the same time.
DOCKERS = ("docker", "br-", "veth")


def machine() -> dict[str, list[str]]:
    """Of this machine, what a cluster could leave behind."""
    rules = _printed("iptables-save").splitlines()
    links = [line.split(":")[1].strip() for line in _printed("ip", "-oneline", "link").splitlines()]
    return {
        "mounts": [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "cluster" in line],
        "rules": [rule for rule in rules if "KUBE" in rule or "CNI" in rule or "10.244." in rule],
        "links": [link for link in links if not link.startswith(DOCKERS)],
        "settings": [f"{name} {(Path('/proc/sys') / name).read_text()}" for name in SETTINGS],
        "cni": [
            str(path) for place in ("lib/cni", "lib/kubelet", "log/pods") for path in Path("/var", place).glob("*")
        ],
    }


def _printed(*command: str) -> str:
    environment = ENVIRONMENT | {"PATH": f"{ENVIRONMENT['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def left_of(folder: Path) -> list[str]:
    """The cgroups of a cluster, and its processes: in these, or with its folder in their command line."""
    found = [str(path) for path in cluster_keeper.CGROUPS.glob(f"*/{group(folder)}")]
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or []):
            found.append(str(process))
    return found


def process_one(folder: Path) -> psutil.Process:
    named = [sys.executable, str(SUPPORT / "cluster_init.py"), str(folder)]
    [found] = [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == named]
    return found


def run_a_pod(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        cluster.apply(pod("web", f"{cluster.registry}/static:1"), namespace=namespace)
        cluster.kubectl("--namespace", namespace, "wait", "--for=condition=Ready", "pod/web", "--timeout=60s")


def test_a_cluster_leaves_nothing_even_if_its_process_1_is_killed(cluster: Cluster) -> None:
    before = machine()
    folder = CLUSTERS / f"{RUN}-killed"
    with running(folder) as own:
        run_a_pod(own)
        assert left_of(folder)
        one = process_one(folder)
        one.kill()
        psutil.wait_procs([one], timeout=30)
    wait_until_gone(folder)
    wait_for(lambda: not left_of(folder))
    assert machine() == before


def test_a_cluster_ends_when_its_user_or_its_keeper_is_killed(cluster: Cluster) -> None:
    before = machine()
    with subprocess.Popen(
        [sys.executable, str(SUPPORT / "cluster.py")], stdout=subprocess.PIPE, env=ENVIRONMENT, cwd="/"
    ) as user:
        assert user.stdout
        assert b"KUBECONFIG" in user.stdout.readline()
        folder = CLUSTERS / str(user.pid)
        [keeper] = [
            one for one in psutil.Process(user.pid).children() if "cluster_keeper.py" in " ".join(one.cmdline())
        ]
        one = process_one(folder)
        keeper.kill()
        wait_for(lambda: not one.is_running() or one.status() == psutil.STATUS_ZOMBIE)
        cluster_keeper.sweep(folder)
        assert folder.exists(), "swept away under its user"
        user.kill()
    cluster_keeper.sweep(folder)
    wait_for(lambda: not left_of(folder))
    assert machine() == before


def test_the_api_server_is_killed_and_comes_back(own_cluster: Cluster) -> None:
    with own_cluster.namespace() as namespace:
        own_cluster.apply(pod("web", f"{own_cluster.registry}/static:1"), namespace=namespace)
        with own_cluster.without("kube-apiserver"):
            assert own_cluster.run("get", "--raw", "/livez").returncode != 0
        own_cluster.kubectl("--namespace", namespace, "wait", "--for=condition=Ready", "pod/web", "--timeout=60s")


def test_make_cluster_ends_with_ctrl_c(cluster: Cluster) -> None:
    command = [sys.executable, str(SUPPORT / "cluster.py")]
    # Ctrl-C goes to a whole group of processes.
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, start_new_session=True) as user:
        assert user.stdout
        said = "".join(user.stdout.readline() for _ in range(3))
        folder = CLUSTERS / str(user.pid)
        assert f"export KUBECONFIG={folder}/kubeconfig" in said
        os.killpg(user.pid, signal.SIGINT)
        assert user.wait(60) == 0
    assert not folder.exists()  # it waited for that
    wait_for(lambda: not left_of(folder))


def test_workers_share_a_cluster_that_is_gone_when_the_run_ends(cluster: Cluster) -> None:
    here = [name for name in ENVIRONMENT if not name.startswith("PYTEST_")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "2",
        "--dist",
        "each",
        "-k",
        "a_quota_blocks",
    ]
    with subprocess.Popen(
        [*command, str(Path(__file__).parent)],
        env={name: ENVIRONMENT[name] for name in here},
        cwd=SUPPORT.parents[1],
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        folder = CLUSTERS / str(run.pid)
        wait_for((folder / "ready").exists)
        assert run.stdout
        with share(folder):
            assert any("2 passed" in line for line in run.stdout)
            with pytest.raises(subprocess.TimeoutExpired):
                run.wait(2)  # the run does not end before its cluster
        assert run.wait(60) == 0
    assert not folder.exists()
    wait_for(lambda: not left_of(folder))
