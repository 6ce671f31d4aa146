"""The digest of a model, computed by the server from the bytes it loads. Copy this file beside your server.

It needs nothing but Python's standard library; model-devops need not be installed where the server runs.
Answer `GET` of the path that `serve.digest` in model.yaml names with `{"digest": …}`:

    loaded = ModelDigest()
    weights = loaded.read("model/weights.safetensors", "weights.safetensors")   # the bytes, counted
    answer = {"digest": loaded.digest}

or, where a library opens the files itself, `digest("model")` right before it does. Names are relative to the
model's folder in model.yaml (or to model.yaml's own folder where `model` is a file, list or glob). `ignore` is
model.yaml's list. Take the digest from what is loaded, never from the environment: that would prove nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence


class ModelDigest:
    """Counts the files that were loaded."""

    def __init__(self, ignore: Sequence[str] = ()) -> None:
        self._ignore = list(ignore)
        self._files: dict[str, tuple[str, int]] = {}

    def add(self, name: str, data: bytes) -> bytes:
        """Count a file's bytes that were loaded by other means."""
        self._files[name] = (hashlib.sha256(data).hexdigest(), len(data))
        return data

    def read(self, path: str, name: str) -> bytes:
        """The bytes of a file, counted under its name in the model's folder."""
        with open(path, "rb") as stream:
            return self.add(name, stream.read())

    def stream(self, path: str, name: str) -> None:
        """Count a file that is too large to hold."""
        sha256, size = hashlib.sha256(), 0
        with open(path, "rb") as stream:
            while piece := stream.read(1 << 20):
                sha256.update(piece)
                size += len(piece)
        self._files[name] = (sha256.hexdigest(), size)

    @property
    def digest(self) -> str:
        """`sha256:…` of all that was counted (digest v1)."""
        names = sorted(self._files, key=lambda name: name.encode())
        files = [{"path": name, "sha256": self._files[name][0], "size": self._files[name][1]} for name in names]
        # RFC 8785: keys sorted by UTF-16, no spaces, UTF-8; C2 keeps names within what json.dumps writes alike.
        text = json.dumps(
            {"files": files, "ignore": self._ignore}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return "sha256:" + hashlib.sha256(b"model-devops.digest.v1\n" + text.encode()).hexdigest()


def digest(folder: str, ignore: Sequence[str] = ()) -> str:
    """The digest of all files in a model's folder."""
    found = ModelDigest(ignore)
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found.stream(path, os.path.relpath(path, folder).replace(os.sep, "/"))
    return found.digest
