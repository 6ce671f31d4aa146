"""The served project with a container image, laid on a base of a few bytes, since nobody runs it."""

import gzip
import hashlib
import json
from pathlib import Path

from model_devops.adapters.registry.address import parse
from model_devops.adapters.registry.client import INDEX, MANIFEST, Client
from served import Served, make_served

BASE = "base/tiny"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def push_tiny(host: str, path: str = BASE, tag: str = "1", *, salt: str = "", architecture: str = "amd64") -> bytes:
    """Push an image of one empty layer; returns its manifest."""
    client = Client.open(parse(f"oci://{host}/{path}"))
    tar = bytes(1024)
    layer = gzip.compress(tar, mtime=0)
    config = {
        "os": "linux",
        "architecture": architecture,
        "config": {"Env": [f"SALT={salt}"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
    }
    blobs = [json.dumps(config).encode(), layer]
    descriptors = [
        {"mediaType": kind, "digest": client.put_blob(blob), "size": len(blob)}
        for kind, blob in zip((CONFIG, LAYER), blobs, strict=True)
    ]
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
    manifest = json.dumps(document).encode()
    client.put_manifest(tag or digest(manifest), manifest)
    return manifest


def push_index(host: str, path: str, salts: tuple[str, ...]) -> str:
    """Push an index of images, none of which has a tag; returns its digest."""
    client = Client.open(parse(f"oci://{host}/{path}"))
    made = [push_tiny(host, path, "", salt=salt, architecture=salt) for salt in salts]
    entries = [{"mediaType": MANIFEST, "digest": digest(one), "size": len(one)} for one in made]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    client.put_manifest(digest(index), index, INDEX)
    return digest(index)


def make_imaged(folder: Path, registry: str, store: str | None, image: str = "") -> Served:
    """The project, its releases in `store`, its image beside them or where `image` says; the base is in `registry`."""
    push_tiny(registry)
    served = make_served(folder)
    lines = f"store: {store}\n" if store else ""
    package = f"package:\n  base: {registry}/{BASE}:1\n" + (f"  image: {image}\n" if image else "")
    text = (served.folder / "model.yaml").read_text()
    served.commit("package", **{"model.yaml": text.replace("name: mini\n", f"name: mini\n{lines}") + package})
    return served


def own_store(served: Served, environment: str, store: str, more: str = "") -> None:
    """Commit a store of its own for an environment."""
    old = f"{environment}: {{target: local, port: {served.ports[environment]}"
    text = (served.folder / "model.yaml").read_text()
    assert old in text
    served.commit("a store", **{"model.yaml": text.replace(old, f'{old}, store: "{store}"{more}')})


def manifest_of(repository: str, reference: str) -> dict | None:
    """The document that a tag or digest names, or None."""
    found = Client.open(parse(f"oci://{repository}")).manifest(reference)
    return json.loads(found.data) if found else None


def blob_file(folder: Path, name: str) -> Path:
    """Where Distribution's registry keeps the bytes of a blob or manifest."""
    hexdigits = name.removeprefix("sha256:")
    return folder / "data" / "docker" / "registry" / "v2" / "blobs" / "sha256" / hexdigits[:2] / hexdigits / "data"
