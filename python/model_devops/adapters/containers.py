"""One container of an image, through Docker: started with less than it might ask for, and always removed."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_devops.adapters.docker import Daemon, explained

NOBODY = "65532:65532"
"""Who runs a container whose image says root or nothing."""
LOG_LIMIT = 16 << 20
LAST = 20
"""Lines among which the last one that isn't empty is looked for."""
PIDS = 1024
PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")


class Runner(Daemon):
    """A Docker daemon, as far as containers are run with it."""

    def __enter__(self) -> Runner:
        return self

    def image_user(self, image: str) -> str:
        """Who the image says it runs as; empty for nobody in particular."""
        with explained(f"look at {image}"):
            return str((self._api.inspect_image(image).get("Config") or {}).get("User") or "")

    def create(
        self,
        image: str,
        *,
        environment: Mapping[str, str],
        user: str,
        port: int,
        network: str,
        limits: Mapping[str, Any],
        pids: int,
    ) -> str:
        """Make a container that may do no more than serve; returns its ID."""
        with explained(f"make a container of {image}"):
            host = self._api.create_host_config(
                read_only=True,
                tmpfs={"/tmp": ""},
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                pids_limit=pids,
                init=True,
                network_mode=network,
                port_bindings={port: ("127.0.0.1", None)},
                **{name: value for name, value in limits.items() if value},
            )
            made = self._api.create_container(
                image, environment=dict(environment), user=user, ports=[port], host_config=host
            )
            return str(made["Id"])

    def start(self, container: str, port: int) -> int:
        """Start it; returns the port on this machine that leads to its own."""
        with explained("start the container"):
            self._api.start(container)
            ports = self._api.inspect_container(container)["NetworkSettings"]["Ports"].get(f"{port}/tcp")
            return int(ports[0]["HostPort"]) if ports else 0

    def inspect(self, container: str) -> dict[str, Any]:
        """All that the daemon knows of it."""
        with explained("look at the container"):
            return dict(self._api.inspect_container(container))

    def stats(self, container: str) -> Iterator[dict[str, Any]]:
        """What it uses, once a second until it ends."""
        return iter(self._api.stats(container, decode=True, stream=True))

    def stats_now(self, container: str) -> dict[str, Any]:
        """What it uses now; before Docker 20.10 that takes two seconds."""
        from docker.utils import version_lt

        at_once = None if version_lt(self._api.api_version, "1.41") else True
        with explained("measure the container"):
            return dict(self._api.stats(container, stream=False, one_shot=at_once))

    def logs(self, container: str, tail: int | None = None) -> bytes:
        """All that it wrote, or its last lines, each behind its time."""
        return bytes(self._api.logs(container, timestamps=True, tail="all" if tail is None else tail))

    def remove(self, container: str) -> None:
        """End it at once and remove it with its volumes."""
        with explained("remove the container"):
            self._api.remove_container(container, v=True, force=True)

    def create_network(self) -> str:
        """A network of its own; returns its ID."""
        with explained("make a network"):
            return str(self._api.create_network(f"model-devops-{secrets.token_hex(8)}", check_duplicate=True)["Id"])

    def remove_network(self, network: str) -> None:
        """Remove it again."""
        with explained("remove the network"):
            self._api.remove_network(network)


@dataclass(frozen=True)
class Limits:
    """What a container may use: processors, and bytes of memory; None: no limit."""

    cpus: float | None = None
    memory: int | None = None


@dataclass
class Container:
    """A running container, its port on this machine, and the most memory (bytes) that it was seen to use."""

    identifier: str
    port: int
    daemon: Runner
    peak: int = 0

    def ended(self) -> int | None:
        """Its exit code, where it has ended."""
        state = self.daemon.inspect(self.identifier)["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def killed_for_memory(self) -> bool:
        """Whether it was ended because it wanted more memory than it was given."""
        return bool(self.daemon.inspect(self.identifier)["State"].get("OOMKilled"))

    def last_line(self) -> str:
        """What it wrote last; empty where it wrote nothing that can be had."""
        with contextlib.suppress(Exception):
            lines = self.daemon.logs(self.identifier, tail=LAST).decode("utf-8", "replace").split("\n")
            return next((line[:300] for text in reversed(lines) if (line := text.partition(" ")[2].strip())), "")
        return ""

    def most_memory(self) -> int:
        """The most memory (bytes, with the files it keeps in memory) that it used until now.

        The kernel's own figure where there is one: cgroup v1's comes through Docker, v2's is read if the daemon is on
        this machine. Else the most that was seen, looking once a second and now.
        """
        self._see(self.daemon.stats_now(self.identifier))
        return max(self.peak, kernel_peak(self.identifier, self.daemon.inspect(self.identifier)["State"]["Pid"]))

    def watch(self) -> None:
        """Follow its memory until it ends."""
        for sample in self.daemon.stats(self.identifier):
            self._see(sample)

    def _see(self, sample: Mapping[str, Any]) -> None:
        memory: Mapping[str, Any] = sample.get("memory_stats") or {}
        self.peak = max(self.peak, int(memory.get("max_usage") or 0), int(memory.get("usage") or 0))


def kernel_peak(container: str, process: int, proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """The most memory (bytes) that a container used, as cgroup v2 keeps it since Linux 5.19; 0 where it doesn't.

    `process` is the daemon's word, which may be on another machine: here it counts only if it is in that container.
    """
    try:
        lines = (proc / str(process) / "cgroup").read_text().splitlines()
        own = next((line[3:].lstrip("/") for line in lines if line.startswith("0::") and container in line), None)
        return 0 if own is None else int((cgroups / own / "memory.peak").read_text())
    except (OSError, ValueError):
        return 0


@contextlib.contextmanager
def container(
    daemon: Runner, image: str, *, port: int, environment: Mapping[str, str], limits: Limits, log: Path
) -> Iterator[Container]:
    """Run `image` (by digest) in a network of its own: read-only but for /tmp, not as root, without capabilities.

    Afterwards its log is in `log`, and container and network are gone. Raises RefusedError, UnreachableError.
    """
    with _network(daemon) as network:
        user = str(daemon.image_user(image))
        identifier = daemon.create(
            image,
            environment=dict(environment),
            user=NOBODY if user.partition(":")[0] in ("", "0", "root") else user,
            port=port,
            network=network,
            limits={"nano_cpus": int(limits.cpus * 1e9) if limits.cpus else None, "mem_limit": limits.memory},
            pids=PIDS,
        )
        try:
            found = Container(identifier, daemon.start(identifier, port), daemon)
            follower = threading.Thread(target=_quietly, args=(found.watch,), daemon=True)
            follower.start()
            yield found
        finally:
            with contextlib.suppress(Exception):
                log.parent.mkdir(parents=True, exist_ok=True)
                log.write_bytes(daemon.logs(identifier)[-LOG_LIMIT:])
            daemon.remove(identifier)


def _quietly(work: Any) -> None:
    """A stream of figures may end in any way once the container is gone."""
    with contextlib.suppress(Exception):
        work()


@contextlib.contextmanager
def _network(daemon: Runner) -> Iterator[str]:
    identifier = daemon.create_network()
    try:
        yield identifier
    finally:
        daemon.remove_network(identifier)
