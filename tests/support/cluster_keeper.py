"""Keeps a cluster for as long as somebody uses it: `cluster_keeper.py FOLDER PROGRAMS`.

Who uses it holds a shared lock on FOLDER/users. A lock ends with the process that holds it, also when that is killed:
then the keeper takes everything down. Where the keeper itself was killed, the kernel ends the cluster's processes, and
the next keeper removes the files and cgroups that it left.
"""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from cluster_init import group
from cluster_node import AFTER_API, Node
from containers import push_program
from registries import free_address

CGROUPS = Path("/sys/fs/cgroup")


def main(folder: Path, programs: Path) -> None:
    with (folder / "keeper").open("a") as mine, (folder / "users").open("a") as users:
        if not _try_lock(mine):
            return  # another keeper has it
        for other in set(folder.parent.iterdir()) - {folder}:
            sweep(other)
        try:
            _up(folder, programs)
        except Exception as error:  # noqa: BLE001  who waits for the cluster is told, whatever it is
            (folder / "failed").write_text(f"{error!r}\n{_last_words(folder)}")
        fcntl.flock(users, fcntl.LOCK_EX)
        down(folder)


def sweep(folder: Path) -> None:
    """Take down a cluster that nobody uses or keeps."""
    with contextlib.suppress(FileNotFoundError), (folder / "users").open("a") as users:
        # In this order: who uses it may start its keeper.
        if _try_lock(users) and _try_lock(keeper := (folder / "keeper").open("a")):
            with keeper:
                down(folder)


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _up(folder: Path, programs: Path) -> None:
    node = Node(folder, free_address(), free_address())
    outside = os.open("/proc/self/ns/net", os.O_RDONLY)
    node.write(f"/proc/self/fd/{outside}")
    _make_cgroups(group(folder))
    for name in AFTER_API:
        (folder / "held" / name).touch()
    init = _start_init(folder, programs, outside)
    os.close(outside)
    _wait("the registry", lambda: _answers(f"http://{node.registry}/v2/"), init)
    push_program(node.registry, "static", programs / "sample")
    push_program(node.registry, "pause", programs / "sample", "pause")
    api = Api(node)
    _wait("the API server", lambda: api.get("/readyz?verbose"), init)
    for name in AFTER_API:
        (folder / "held" / name).unlink()
    _wait("the node", lambda: _is_ready(api.get("/api/v1/nodes/node")), init)
    (folder / "ready").write_text(node.registry)


def _start_init(folder: Path, programs: Path, outside: int) -> subprocess.Popen[bytes]:
    # Each ends when the one that started it does, however it ends; with process 1 ends all that runs in there.
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc"]
    command += ["--kill-child", sys.executable, str(Path(__file__).with_name("cluster_init.py")), str(folder)]
    environment = {"PATH": f"{programs}:/usr/local/sbin:/usr/sbin:/sbin:{os.environ['PATH']}", "HOME": "/run"}
    with (folder / "log" / "init").open("w") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, pass_fds=[outside], cwd="/"
        )


def _make_cgroups(name: str) -> None:
    # Under every controller, and with a CPU set, before the kubelet looks.
    for controller in CGROUPS.iterdir():
        if controller.is_dir():
            (controller / name).mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):
        (CGROUPS / "cpuset" / name / file).write_text((CGROUPS / "cpuset" / file).read_text())


class Api:
    """The API server, asked as its admin."""

    def __init__(self, node: Node) -> None:
        self.address = f"https://{node.api}"
        self.context = ssl.create_default_context(cafile=str(node.keys / "ca.crt"))
        self.context.load_cert_chain(node.keys / "admin.crt", node.keys / "admin.key")

    def get(self, path: str) -> bytes:
        """The answer; empty as long as there is none."""
        return _answers(self.address + path, self.context)


def _answers(url: str, context: ssl.SSLContext | None = None) -> bytes:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with contextlib.suppress(OSError), opener.open(url, timeout=2) as answer:
        return answer.read() or b"yes"
    return b""


def _is_ready(node: bytes) -> bool:
    conditions: list[dict[str, Any]] = json.loads(node)["status"].get("conditions", []) if node else []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _wait(what: str, condition: Callable[[], Any], init: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 90
    while not condition():
        if init.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"{what} of the tests' cluster does not come up")
        time.sleep(0.05)


def _last_words(folder: Path) -> str:
    return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-600:]}" for log in (folder / "log").glob("*"))


def down(folder: Path) -> None:
    """End all processes of a cluster and remove its cgroups and files. Asks no record of what was started."""
    end = time.monotonic() + 30
    while processes := list(_processes(group(folder))):
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert time.monotonic() < end, f"still running: {processes}"
        time.sleep(0.02)
    while left := list(CGROUPS.glob(f"*/{group(folder)}")):
        for path in left:
            for inner, _, _ in os.walk(path, topdown=False):
                with contextlib.suppress(OSError):  # the kernel may need a moment after the last process
                    os.rmdir(inner)
        assert time.monotonic() < end, f"cgroups are left: {left}"
    shutil.rmtree(folder)


def _processes(name: str) -> Iterator[int]:
    for file in CGROUPS.glob(f"*/{name}/**/cgroup.procs"):
        with contextlib.suppress(OSError):
            yield from (int(line) for line in file.read_text().split())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
