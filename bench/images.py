"""A release's image on a base, against Docker's of the same files on the same base, by the clock on the wall.

Once as far as this machine's disk, where `docker build` ends; once as far as a registry, where ours is made, which is
most of our time: Debian's takes five seconds for a GiB, whoever sends it, so today's release of Distribution is built
and used. Needs root, `dockerd` and Go.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from measuring import Row, random_file, wall

SIZE = 512 << 20
ROUNDS = 2
BASE = "base/python:3"
Files = dict[str, tuple[Path, tuple[str, int]]]


def rows() -> Iterator[Row]:
    """An image that the registry has nothing of but its base."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    if os.geteuid() or not all(shutil.which(name, path=path) for name in ("dockerd", "go")):
        return
    from containers import dockerd
    from go_programs import DISTRIBUTION, installed
    from registries import distribution

    with (
        tempfile.TemporaryDirectory() as folder,
        distribution(Path(folder) / "registry", command=installed(DISTRIBUTION)) as host,
        dockerd(Path(folder) / "docker") as daemon,
    ):
        yield from _compared(Path(folder) / "files", host, daemon)


def _compared(folder: Path, host: str, daemon: str) -> Iterator[Row]:
    import docker

    from containers import push_base

    push_base(host, *BASE.split(":"))
    folder.mkdir()
    random_file(folder / "weights", SIZE)
    (folder / "Dockerfile").write_text(f"FROM {host}/{BASE}\nCOPY weights round /app/\n")
    client = docker.APIClient(daemon, timeout=600)
    client.pull(f"{host}/{BASE}")
    found = [_round(folder, host, client, number) for number in range(ROUNDS)]
    layer, ours, build, push = (min(column) for column in zip(*found, strict=True))
    yield Row("layer of a model of 512 MiB on the disk", layer, "docker build of the same", build, 0.1 * build)
    peer = f"docker build {build:.1f} s, docker push"
    yield Row("image of a model of 512 MiB in a registry", ours, peer, build + push, 0.1 * (build + push))


def _round(folder: Path, host: str, client: Any, number: int) -> tuple[float, ...]:
    """Another image in each round: ours, Docker's build, its push."""
    (folder / "round").write_text(str(number))
    files = _hashed(folder)
    layers = [wall(lambda: _layer(files, folder.parent / "layer")) for _ in range(3)]
    times = [min(layers), wall(_appending(files, host))]
    name = f"{host}/docker/{number}"
    times.append(wall(lambda: _through(client.build(path=str(folder), tag=name, decode=True, rm=True))))
    times.append(wall(lambda: _through(client.push(name, stream=True, decode=True))))
    return tuple(times)


def _through(stream: Iterator[dict[str, object]]) -> None:
    for line in stream:
        if "error" in line:
            raise SystemExit(str(line))


def _hashed(folder: Path) -> Files:
    from model_devops.release.blobs import Meter, hash_stream

    files = {}
    for file in (folder / "weights", folder / "round"):
        with open(file, "rb") as stream:
            digest = hash_stream(stream, Meter()).removeprefix("sha256:")
        files[file.name] = (file, (digest, file.stat().st_size))
    return files


def _layer(files: Files, target: Path) -> None:
    """The layer that an image gets, with its digest, into a file."""
    from model_devops.images import tar
    from model_devops.release.blobs import Meter
    from model_devops.release.registry.blobs import digest_of_pieces

    def written() -> Iterator[bytes]:
        with open(target, "wb") as stream:
            for piece in tar.content({f"app/{name}": found for name, found in files.items()}, Meter()):
                stream.write(piece)
                yield piece

    digest_of_pieces(written())
    target.unlink()


def _appending(files: Files, host: str) -> Callable[[], None]:
    """What lays the files on the base as a build does, their digests known."""
    from containers import PLATFORM
    from model_devops.adapters.registry.address import parse
    from model_devops.adapters.registry.references import parse_reference
    from model_devops.config.types import Serve
    from model_devops.images.append import append
    from model_devops.images.base import resolve
    from model_devops.images.contents import Contents
    from model_devops.images.wanted import Wanted
    from model_devops.release.record import Identity

    def call() -> None:
        base = resolve(parse_reference(f"{host}/{BASE}"), PLATFORM)
        wanted = Wanted(parse(f"oci://{host}/ours/image"), PLATFORM, [base], None, "")
        append(wanted, Contents(Identity(artifacts={}), {"model": files}), Serve(command="python3 x.py"))

    return call
