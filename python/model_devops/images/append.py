"""An image without any Docker: a base's layers, and the release's files as reproducible ones on top.

Nothing lies on the disk in between: the base's layers are mounted or streamed from registry to registry, ours
are made from the files. Equal identities come to the same bytes on every machine.
"""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator
from typing import Any

import rfc8785

from model_devops import faults
from model_devops.adapters.registry.client import MANIFEST, Client
from model_devops.config.types import Serve
from model_devops.errors import UsageError
from model_devops.images import tar
from model_devops.images.base import Base, config_of
from model_devops.images.contents import Contents, Files
from model_devops.images.wanted import Wanted
from model_devops.progress import task
from model_devops.release.blobs import Meter, each
from model_devops.release.packing import digest_of
from model_devops.release.record import Image
from model_devops.release.registry.blobs import RegistryBlobs

FOLDER = "app"
"""Where model.yaml's folder lies in the image."""
PORT = "8080"
USER = "65532:65532"
"""Nobody in particular, as a number: Kubernetes can't tell of a name that it isn't root."""
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
#: What a base's layers are called in an OCI image.
LAYERS = {
    LAYER: LAYER,
    f"{LAYER}+gzip": f"{LAYER}+gzip",
    f"{LAYER}+zstd": f"{LAYER}+zstd",
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER}+gzip",
}
_NEEDS_A_SHELL = re.compile(r"[^\w@%+=:,./ -]|^\w+=|^(cd|exec|export|set|source|\.) ")
Descriptor = dict[str, Any]


def append(wanted: Wanted, contents: Contents, serve: Serve) -> Image:
    """Make the image and store it under its digest. Raises UsageError, RefusedError, UnreachableError."""
    (base,) = wanted.bases
    config, client = config_of(base), Client.open(wanted.repository)
    below = _base_layers(base, config)
    blobs = RegistryBlobs(client)
    sizes = {name: _size(files) for name, files in contents.files.items()}
    with task("image", sum(sizes.values()) + sum(layer["size"] for layer in below)) as advance:
        meter, source = Meter(advance), RegistryBlobs(base.client)
        each(lambda layer: blobs.take(source, layer["digest"], layer["size"], meter), below, meter)
        ours = [_layer(blobs, files, sizes[name], meter) for name, files in contents.files.items()]
    document = rfc8785.dumps(_config(config, wanted, contents, serve, ours))
    manifest = rfc8785.dumps(_manifest(document, [*below, *ours], contents, wanted))
    blobs.put(document)
    faults.point("image.before-manifest")
    client.put_manifest(digest_of(manifest), manifest)
    faults.point("image.after-manifest")
    return image(wanted, digest_of(manifest))


def image(wanted: Wanted, digest: str) -> Image:
    """An image that was stored, as the record names it."""
    return Image(
        repository=f"{wanted.repository.host}/{wanted.repository.path}",
        digest=digest,
        platform=wanted.platform,
        bases=[base.recorded for base in wanted.bases],
    )


def _size(files: Files) -> int:
    return tar.length({f"{FOLDER}/{path}": entry[1] for path, (_, entry) in files.items()})


def _layer(blobs: RegistryBlobs, files: Files, size: int, meter: Meter) -> Descriptor:
    """The layer of one artifact, so that what didn't change is neither sent nor pulled again."""
    members = {f"{FOLDER}/{path}": found for path, found in files.items()}

    def content(meter: Meter) -> Iterator[bytes]:
        return tar.content(members, meter)

    return {"mediaType": LAYER, "digest": blobs.add(size, content, meter), "size": size}


def _base_layers(base: Base, config: dict[str, Any]) -> list[Descriptor]:
    layers = base.manifest["layers"]
    unknown = sorted({layer["mediaType"] for layer in layers} - set(LAYERS))
    if unknown or len(layers) != len(config["rootfs"].get("diff_ids") or []):
        why = f"its layers are {', '.join(unknown)}" if unknown else "its layers are not those of its configuration"
        raise UsageError(f"{base.reference} can't be built on: {why}", kind="unknown-base")
    return [
        {"mediaType": LAYERS[layer["mediaType"]], "digest": layer["digest"], "size": layer["size"]} for layer in layers
    ]


def _manifest(config: bytes, layers: list[Descriptor], contents: Contents, wanted: Wanted) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": layers,
        "annotations": contents.labels([base.recorded for base in wanted.bases]),
    }


def _config(
    base: dict[str, Any], wanted: Wanted, contents: Contents, serve: Serve, ours: list[Descriptor]
) -> dict[str, Any]:
    """The base's configuration with our layers, and what `serve` says of the process."""
    made = copy.deepcopy(base)
    made["config"] = _process(base.get("config") or {}, serve, contents)
    made["config"]["Labels"] |= contents.labels([one.recorded for one in wanted.bases])
    made["rootfs"]["diff_ids"] += [layer["digest"] for layer in ours]
    history = [{"created_by": f"model-devops {name}", "comment": "model-devops"} for name in contents.files]
    if "history" in base:
        made["history"] = [*(base["history"] or []), *history]
    for name in ("container", "container_config", "docker_version", "id", "parent"):  # of whoever built the base
        made.pop(name, None)
    return made


def _process(base: dict[str, Any], serve: Serve, contents: Contents) -> dict[str, Any]:
    """How the image's process runs. What the base says of its own program doesn't hold for ours."""
    kept = {name: base[name] for name in ("Volumes",) if base.get(name)}
    variables = dict(line.partition("=")[::2] for line in base.get("Env") or [])
    variables |= {"PYTHONDONTWRITEBYTECODE": "1"} | serve.env | contents.variables | {"HOST": "0.0.0.0", "PORT": PORT}
    labels = base.get("Labels") or {}
    return kept | {
        "Entrypoint": entry_point(serve.command),
        "Env": [f"{name}={value}" for name, value in variables.items()],
        "WorkingDir": f"/{FOLDER}",
        "User": _user(base.get("User") or ""),
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "StopSignal": "SIGTERM",
        "Labels": {name: value for name, value in labels.items() if not name.startswith("org.opencontainers.image.")},
    }


def entry_point(command: str) -> list[str]:
    """The serve command as words where it has nothing for a shell, so that a base without one will do."""
    line = command.strip()
    return ["/bin/sh", "-c", command] if _NEEDS_A_SHELL.search(line) else shlex.split(line)


def _user(base: str) -> str:
    """The base's user where it is a number and not root's."""
    return base if re.fullmatch(r"[1-9][0-9]*(:[0-9]+)?", base) else USER
