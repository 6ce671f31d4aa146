"""A release's image on a base, against Docker's of the same files on the same base, by the clock on the wall.

Both end in a registry, which is most of our time: `docker-registry` of Debian 12 takes five seconds for a GiB, whoever
sends it. That part is measured with curl and taken as given; our own work is what is held against Docker's.
Needs root, `dockerd`, `docker-registry` and curl.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import Row, quietly, random_file, wall

SIZE = 512 << 20
ROUNDS = 2
BASE = "base/python:3"


def rows() -> Iterator[Row]:
    """An image that the registry has nothing of but its base."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if os.geteuid() or not all(shutil.which(name, path=path) for name in ("dockerd", "docker-registry", "curl")):
        return
    from containers import dockerd
    from registries import distribution

    with (
        tempfile.TemporaryDirectory() as folder,
        distribution(Path(folder) / "registry") as host,
        dockerd(Path(folder) / "docker") as daemon,
    ):
        yield _compared(Path(folder) / "files", host, daemon)


def _compared(folder: Path, host: str, daemon: str) -> Row:
    import docker

    from containers import push_base

    push_base(host, *BASE.split(":"))
    folder.mkdir()
    random_file(folder / "weights", SIZE)
    (folder / "Dockerfile").write_text(f"FROM {host}/{BASE}\nCOPY weights round /app/\n")
    client = docker.APIClient(daemon, timeout=600)
    client.pull(f"{host}/{BASE}")
    found = [_round(folder, host, client, number) for number in range(ROUNDS)]
    ours, build, push, curl = (min(column) for column in zip(*found, strict=True))
    peer = f"docker build {build:.1f} s, push (curl: {curl:.1f} s)"
    return Row("image of a model of 512 MiB", ours, peer, build + push, curl + 0.1 * (build + push))


def _round(folder: Path, host: str, client: Any, number: int) -> tuple[float, ...]:
    """Another image in each round: ours, Docker's build, its push, and the bytes alone."""
    (folder / "round").write_text(str(number))
    times = [wall(_appending(folder, host))]
    name = f"{host}/docker/{number}"
    times.append(wall(lambda: _through(client.build(path=str(folder), tag=name, decode=True, rm=True))))
    times.append(wall(lambda: _through(client.push(name, stream=True, decode=True))))
    return (*times, wall(lambda: _sent(folder / "weights", f"http://{host}/v2/curl/{number}/blobs/uploads/")))


def _through(stream: Iterator[dict[str, object]]) -> None:
    for line in stream:
        if "error" in line:
            raise SystemExit(str(line))


def _sent(file: Path, uploads: str) -> None:
    begun = subprocess.run(["curl", "-fsSi", "-X", "POST", uploads], capture_output=True, text=True, check=True).stdout
    location = re.search(r"(?im)^location: *(\S+)", begun)
    assert location, begun
    quietly("curl", "-fsS", "-X", "PATCH", "-H", "Content-Type: application/octet-stream", "-T", str(file), location[1])


def _appending(folder: Path, host: str) -> Callable[[], None]:
    """What lays the files on the base as a build does, their digests known."""
    from containers import PLATFORM
    from model_devops.adapters.registry.address import parse
    from model_devops.adapters.registry.references import parse_reference
    from model_devops.config.types import Serve
    from model_devops.images.append import append
    from model_devops.images.base import resolve
    from model_devops.images.contents import Contents
    from model_devops.images.wanted import Wanted
    from model_devops.release.blobs import Meter, hash_stream
    from model_devops.release.record import Identity

    files = {}
    for file in (folder / "weights", folder / "round"):
        with open(file, "rb") as stream:
            digest = hash_stream(stream, Meter()).removeprefix("sha256:")
        files[file.name] = (file, (digest, file.stat().st_size))

    def call() -> None:
        base = resolve(parse_reference(f"{host}/{BASE}"), PLATFORM)
        wanted = Wanted(parse(f"oci://{host}/ours/image"), PLATFORM, [base], None, "")
        append(wanted, Contents(Identity(artifacts={}), {"model": files}), Serve(command="python3 x.py"))

    return call
