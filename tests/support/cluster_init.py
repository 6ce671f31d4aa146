"""Process 1 of the tests' cluster, in network, mount and process namespaces of its own: `cluster_init.py FOLDER`.

It makes the node's network and folders, then starts what FOLDER/programs.json names, and starts again what ends,
except while FOLDER/held/NAME exists. It imports little, because it stays in memory for as long as the cluster runs.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

NODE = "10.244.0.1"
SERVICES = "10.96.0.0/16"
#: Between the end of a program and its next start, in seconds: what can't start must not fill the machine.
PAUSE = 0.5
#: What the kubelet and the proxy insist on. They would set it for the whole machine, since these settings have no
#: namespace; so they are shown files that say what they want to read.
SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main(folder: Path) -> None:
    for tasks in Path("/sys/fs/cgroup").glob(f"*/{group(folder)}/cgroup.procs"):
        tasks.write_text("0")  # this process, and so all that it will start
    _mount(folder)
    _network()
    Supervisor(folder).run()


def group(folder: Path) -> str:
    """The cgroup that all of a cluster is in: how it is found when nobody is left who could be asked."""
    return f"model-devops-cluster-{folder.name}"


def _mount(folder: Path) -> None:
    # So every program keeps its usual paths (some are compiled in), and two clusters don't meet.
    for name in ("run", "var"):
        _do("mount", "--bind", str(folder / name), f"/{name}")
    for name, value in SETTINGS.items():
        file = folder / "settings" / name.replace("/", "-")
        file.write_text(f"{value}\n")
        _do("mount", "--bind", str(file), f"/proc/sys/{name}")


def _network() -> None:
    # Loopback and a bridge: there is no way out of the machine.
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "cni0", "type", "bridge")
    _do("ip", "address", "add", f"{NODE}/24", "dev", "cni0")
    _do("ip", "link", "set", "cni0", "up")
    # Without a route, connecting to a Service fails before the proxy's rules are asked.
    _do("ip", "route", "add", SERVICES, "dev", "cni0")
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def _do(*command: str) -> None:
    subprocess.run(command, check=True)


class Supervisor:
    """Keeps programs running, and reaps what containers leave to process 1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: dict[str, list[str]] = json.loads((folder / "programs.json").read_text())
        self.running: dict[int, str] = {}
        self.due = dict.fromkeys(self.programs, 0.0)

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        while True:
            self._reap()
            self._kill_what_is_held()
            self._start_what_is_due()
            signal.sigtimedwait([signal.SIGCHLD], 0.1)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                name = self.running.pop(ended[0], None)
                if name:
                    print(f"{name} ended with {os.waitstatus_to_exitcode(ended[1])}", flush=True)
                    (self.folder / "pids" / name).unlink()
                    self.due[name] = time.monotonic() + PAUSE

    def _kill_what_is_held(self) -> None:
        for pid, name in self.running.items():
            if self._held(name):
                os.kill(pid, signal.SIGKILL)

    def _held(self, name: str) -> bool:
        return (self.folder / "held" / name).exists()

    def _start_what_is_due(self) -> None:
        for name, at in list(self.due.items()):
            if time.monotonic() >= at and not self._held(name):
                del self.due[name]
                self._start(name)

    def _start(self, name: str) -> None:
        command, log = self.programs[name], str(self.folder / "log" / name)
        output = (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        errors = (os.POSIX_SPAWN_DUP2, 1, 2)
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=[output, errors], setsigmask=[])
        self.running[pid] = name
        (self.folder / "pids" / name).write_text(str(pid))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
