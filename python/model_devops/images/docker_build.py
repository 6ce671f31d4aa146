"""An image from the team's Dockerfile: its context is the release, its bases are those that were resolved."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from model_devops import faults
from model_devops.adapters.docker import Daemon
from model_devops.adapters.registry.client import Client
from model_devops.errors import FailedError, ModelDevopsError, RefusedError, UsageError
from model_devops.images import tar
from model_devops.images.append import image
from model_devops.images.contents import Contents, Files
from model_devops.images.dockerfile import pinned
from model_devops.images.wanted import Wanted
from model_devops.release.blobs import Meter
from model_devops.release.record import Image

DOCKERFILE = ".model-devops.Dockerfile"
"""Its name in the context, where no file of a release is called so."""
TITLE = "Output of the image's build"


def build(wanted: Wanted, contents: Contents, log: Path) -> Image:
    """Build and push. The daemon's whole output goes to `log`, the steps to standard error.

    Raises FailedError (kind `image-build`), RefusedError, UnreachableError; all name the log.
    """
    client = Client.open(wanted.repository)
    repository = f"{wanted.repository.host}/{wanted.repository.path}"
    tag = "identity-" + contents.identity.digest.removeprefix("sha256:")[:16]
    log.parent.mkdir(parents=True, exist_ok=True)
    with Daemon() as daemon, log.open("w", encoding="utf-8", errors="replace") as stream:
        for base in wanted.bases:
            daemon.pull(base.reference.repository, base.digest, wanted.platform)
        told = _Told(stream)
        try:
            made = daemon.build(
                _context(wanted, contents),
                dockerfile=DOCKERFILE,
                name=f"{repository}:{tag}",
                platform=wanted.platform,
                arguments=contents.variables,
                labels=contents.labels([base.recorded for base in wanted.bases]),
                tell=told,
            )
            faults.point("image.before-push")
            digest = daemon.push(repository, tag, told)
            faults.point("image.after-push")
        except ModelDevopsError as error:
            raise _with_log(error, log) from error
        finally:
            daemon.forget(f"{repository}:{tag}")
    _check(client, digest, made)
    return image(wanted, digest)


class _Told:
    """The daemon's output: all of it in a log, its steps for whoever watches."""

    def __init__(self, log: TextIO) -> None:
        self._log = log

    def __call__(self, text: str) -> None:
        self._log.write(text)
        if text.startswith("Step "):
            print(f"  {text.strip()}", file=sys.stderr)


def _context(wanted: Wanted, contents: Contents) -> Iterator[bytes]:
    """The release's files below the context's folder, and the Dockerfile: nothing that isn't part of the release."""
    digests = {str(base.reference): base.digest for base in wanted.bases}
    text = pinned(wanted.dockerfile or "", DOCKERFILE, digests).encode()
    own: dict[str, tuple[tar.Source, tuple[str, int]]] = {
        DOCKERFILE: (text, (hashlib.sha256(text).hexdigest(), len(text)))
    }
    return tar.content({**inside(wanted, contents), **own}, Meter())


def inside(wanted: Wanted, contents: Contents) -> Files:
    """The release's files that the Dockerfile sees. Raises UsageError where there is none."""
    found = contents.together(wanted.context)
    if not found:
        folders = sorted(
            {path.partition("/")[0] + "/" for path in contents.together() if path[0] != "." and "/" in path}
        )
        raise UsageError(
            f"package.context: no file of the release lies below {wanted.context}",
            kind="dockerfile",
            hint=f"the release's folders are {', '.join(folders) or 'none'}; what is missing belongs into `artifacts`",
        )
    return found


def _with_log(error: ModelDevopsError, log: Path) -> ModelDevopsError:
    if isinstance(error, FailedError) and error.hint is None:
        error.hint = (
            f"the whole output is in {log}. COPY sees the files of the release and no others: what it lacks belongs"
            " into `artifacts` in model.yaml"
        )
    error.details["reports"] = [{"kind": "text", "path": str(log), "title": TITLE}]
    return error


def _check(client: Client, digest: str, made: str) -> None:
    """The registry must have what was built: its manifest names the image that the daemon made."""
    found = client.manifest(digest)
    config = json.loads(found.data).get("config", {}).get("digest") if found else None
    if made not in (config, digest):  # newer daemons name an image by its manifest
        raise RefusedError(
            f"{client.address.host} has another image under {digest} than the one that was built ({made})",
            kind="bytes-differ",
        )
