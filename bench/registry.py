"""A registry's client: the digest of a layer against openssl, and how many requests a push makes.

Where `docker-registry` is missing, no requests are counted.
"""

import contextlib
import hashlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measuring import Row, in_turn, quietly

LAYER = 4 << 30
CONFIGURATION = "version: 0.1\nstorage: {{filesystem: {{rootdirectory: '{folder}'}}}}\nhttp: {{addr: '{address}'}}\n"


def rows() -> Iterator[Row]:
    """A sparse file of 4 GiB is hashed; small files are pushed to a registry on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        yield _digest(Path(folder) / "layer")
        if shutil.which("docker-registry"):
            with _registry(Path(folder)) as address:
                _second_push(Path(folder), address)


def _digest(file: Path) -> Row:
    from model_devops.release.blobs import Meter, hash_stream

    with open(file, "wb") as stream:
        stream.truncate(LAYER)

    def ours() -> None:
        with open(file, "rb", buffering=0) as stream:
            hash_stream(stream, Meter())

    mine, theirs = in_turn(ours, lambda: quietly("openssl", "dgst", "-sha256", str(file)), rounds=2)
    file.unlink()
    return Row("digest of a layer of 4 GiB", mine, "openssl dgst -sha256", theirs, 1.1 * theirs)


def _second_push(folder: Path, address: str) -> None:
    """Requests of a push of what is there already, by the number of its files."""
    for count in (1, 10, 1000):
        files = {}
        for number in range(count):
            files[f"{number}"] = folder / f"file{number}"
            files[f"{number}"].write_text(f"{number}")
        requests = [_put(f"oci://{address}/again/{count}", files) for _ in range(2)]
        print(f"push of {count} small files: {requests[0]} requests, the second time {requests[1]}")


def _put(address: str, files: dict[str, Path]) -> int:
    """Store files with their digests known, as a build does; returns how many requests that took."""
    from model_devops.adapters.registry.address import parse
    from model_devops.release.registry.store import RegistryStore

    store = RegistryStore(parse(address))
    entries = {name: (hashlib.sha256(data := file.read_bytes()).hexdigest(), len(data)) for name, file in files.items()}
    store.put_files({"model": files}, {"model": ""}, known={"model": entries})
    return store.repository.client.session.count


@contextlib.contextmanager
def _registry(folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "registry.yml").write_text(CONFIGURATION.format(folder=folder / "registry", address=address))
    command = ["docker-registry", "serve", str(folder / "registry.yml")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while subprocess.run(
                ["curl", "-fsS", f"http://{address}/v2/"], capture_output=True, check=False
            ).returncode:
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
