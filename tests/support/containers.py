"""A real Docker daemon of the tests' own, and a small base image made from this machine's Python and shell."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import docker

from lacking import lacking, program
from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import INDEX, MANIFEST, Client
from registries import ENVIRONMENT

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
PLATFORM = f"linux/{ARCHITECTURE}"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
#: Where the base has packages.
PACKAGES = "packages"
PURE = Path(sysconfig.get_path("platlib"))
Layer = tuple[bytes, str]
#: Of the standard library, what no server needs.
LEFT_OUT = ("test", "idlelib", "lib2to3", "ensurepip", "tkinter", "site-packages", "dist-packages", "__pycache__")


@contextlib.contextmanager
def dockerd(folder: Path) -> Iterator[str]:
    """A daemon until the end of the block. Yields what DOCKER_HOST is to be."""
    command = shutil.which("dockerd", path=f"{os.environ['PATH']}:/usr/sbin") or lacking("there is no dockerd here")
    if os.geteuid():
        lacking("dockerd runs as root only")
    folder.mkdir(parents=True, exist_ok=True)
    host = f"unix://{folder}/docker.sock"
    places = ["--data-root", folder / "data", "--exec-root", folder / "exec", "--pidfile", folder / "pid", "-H", host]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([command, *places], stdout=log, stderr=log, env=ENVIRONMENT)
    try:
        _await(host, server, folder / "log")
        yield host
    finally:
        server.terminate()
        server.wait(timeout=60)
        left = ["umount", "-q", str(folder / "data")]  # mounted still where the daemon did not start
        subprocess.run(left, stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def _await(host: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(docker.errors.DockerException), contextlib.closing(docker.APIClient(host)) as client:
            client.ping()
            return
        time.sleep(0.05)
    lacking(f"dockerd does not start here: {log.read_text()[-500:]}")


@lru_cache
def rootfs() -> Layer:
    """`python3` and `python`, the standard library and `/bin/sh`."""
    return _layer(_files())


@lru_cache
def packages(*names: str) -> Layer:
    """Packages of this environment, below PACKAGES, with what their compiled parts load."""
    found = {}
    for folder in (folder for name in names for folder in PURE.glob(f"{name}*")):
        for file in folder.rglob("*"):
            if file.is_file() and not {"tests", "__pycache__"} & set(file.parts):
                found[f"{PACKAGES}/{file.relative_to(PURE)}"] = str(file)
    assert found, f"no {names} in {PURE}"
    loaded = {path for file in found.values() if ".so" in file for path in _libraries(file)}
    outside = {path for path in loaded if not Path(path).is_relative_to(PURE)}
    return _layer(found | {path.lstrip("/"): os.path.realpath(path) for path in outside})


def _layer(files: dict[str, str]) -> Layer:
    """A gzipped tar of {name in the image: file here}, and the digest of what is compressed."""
    found = io.BytesIO()
    with tarfile.open(fileobj=found, mode="w:gz", compresslevel=1) as tar:
        for name, source in sorted(files.items()):
            info = tar.gettarinfo(source, name)
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            with open(source, "rb") as stream:
                tar.addfile(info, stream)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    return found.getvalue(), _digest(gzip.decompress(found.getvalue()))


def _files() -> dict[str, str]:
    """{name in the image: file here}, links followed."""
    python, library = os.path.realpath(sys.executable), sysconfig.get_path("stdlib")
    found = {python.lstrip("/"): python, "bin/sh": os.path.realpath("/bin/sh")}
    found |= {f"usr/bin/{name}": python for name in ("python", "python3")}
    for parent, folders, names in os.walk(library):
        folders[:] = [name for name in folders if name not in LEFT_OUT and not name.startswith("config-")]
        for name in names:
            file = os.path.join(parent, name)
            found[file.lstrip("/")] = os.path.realpath(file)
    programs = [found["bin/sh"], python, *(file for name, file in found.items() if name.endswith(".so"))]
    for file in {path for path in programs for path in _libraries(path)}:
        found[file.lstrip("/")] = os.path.realpath(file)
    return {name: file for name, file in found.items() if os.path.isfile(file)}


def _libraries(file: str) -> list[str]:
    done = subprocess.run([program("ldd"), file], capture_output=True, text=True, check=False)
    return re.findall(r"(/\S+) \(0x", done.stdout)


def push_base(
    host: str,
    path: str,
    tag: str,
    *,
    salt: str = "",
    platforms: tuple[str, ...] = (),
    more: tuple[Layer, ...] = (),
) -> str:
    """Push the base image, made different by `salt`; with `platforms` as an index. Returns the tag's digest."""
    client = Client.open(parse(f"oci://{host}/{path}"))
    if not platforms:
        data = _image(client, salt, PLATFORM, more)
        client.put_manifest(tag, data)
        return _digest(data)
    entries = []
    for name in platforms:
        data = _image(client, salt, name)
        client.put_manifest(_digest(data), data)
        system, architecture, *variant = name.split("/")
        fields = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
        entries.append({"mediaType": MANIFEST, "digest": _digest(data), "size": len(data), "platform": fields})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    client.put_manifest(tag, index, INDEX)
    return _digest(index)


def _image(client: Client, salt: str, name: str, more: tuple[Layer, ...] = ()) -> bytes:
    layers = (rootfs(), *more)
    system, architecture, *_ = name.split("/")
    config = {
        "created": "2026-01-01T00:00:00Z",
        "os": system,
        "architecture": architecture,
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", f"PYTHONPATH=/{PACKAGES}", f"SALT={salt}"],
            "Labels": {"org.opencontainers.image.title": "a base", "team": "platform"},
            "Cmd": ["python3"],
        },
        "history": [{"created_by": "the tests"} for _ in layers],
    }
    return _manifest(client, layers, config)


def push_program(host: str, path: str, program: Path, *arguments: str) -> str:
    """Push an image of one static program, and nothing else, as `path:1`. Returns its digest."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo(program.name)
        info.size, info.mode = program.stat().st_size, 0o755
        with program.open("rb") as stream:
            archive.addfile(info, stream)
    run = {"Entrypoint": [f"/{program.name}", *arguments], "User": "65534:65534"}
    config = {"os": "linux", "architecture": ARCHITECTURE, "config": run}
    client = Client.open(parse(f"oci://{host}/{path}"))
    layer = gzip.compress(tar.getvalue(), 1, mtime=0)
    data = _manifest(client, ((layer, _digest(tar.getvalue())),), config)
    client.put_manifest("1", data)
    return _digest(data)


def _manifest(client: Client, layers: tuple[Layer, ...], config: dict) -> bytes:
    """Push the layers and the config, and make the manifest of an image of all."""
    data = json.dumps(config | {"rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in layers]}}).encode()
    for blob in (*(layer for layer, _ in layers), data):
        if client.blob_size(_digest(blob)) is None:
            client.put_blob(blob)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": _digest(data), "size": len(data)},
        "layers": [{"mediaType": LAYER, "digest": _digest(layer), "size": len(layer)} for layer, _ in layers],
    }
    return json.dumps(manifest).encode()


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
