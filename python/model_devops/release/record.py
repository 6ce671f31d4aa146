"""What a release is: its inputs, its identity and the record that binds them to a version (B2).

All documents are canonical JSON (RFC 8785) with camelCase keys. The record travels in three places
with the same bytes: as `release.json` in the release's manifest, in the message of the git tag that
claims the version, and in the result document.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import rfc8785

#: Names of artifacts, in the order in which people read them.
ARTIFACTS = ("model", "dataset", "code", "params", "runtime", "recipe")
#: The packing format that this program writes (release/packing.py).
PACKING = 1
IDENTITY_DOMAIN = b"model-devops.identity.v1\n"


class Base(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Common settings: immutable, camelCase in JSON, defaults left out."""


class Identity(Base, frozen=True, kw_only=True):
    """What a build came to: nothing that differs between two builds of the same bytes."""

    artifacts: dict[str, str]
    """Digest (`sha256:…`, C1) by artifact name, as the artifacts are in the release."""
    signature: dict[str, Any] | None = None
    """Inputs and outputs of the model, or None where unknown (V2)."""
    base_image: str | None = None

    @property
    def digest(self) -> str:
        """`sha256:…` over the canonical JSON of the identity, with a domain prefix."""
        body = rfc8785.dumps(msgspec.to_builtins(self))
        return "sha256:" + hashlib.sha256(IDENTITY_DOMAIN + body).hexdigest()


class Inputs(Base, frozen=True, kw_only=True):
    """What a build was given: `model` only where nothing trains it, runtime as written."""

    artifacts: dict[str, str]
    base_image: str | None = None


class Reason(Base, frozen=True, kw_only=True):
    """One reason for the version's level (V1)."""

    level: str
    """`first`, `major`, `minor`, `patch` or `none`."""
    text: str


class Origin(Base, frozen=True, kw_only=True):
    """Where and when a release was built."""

    build_id: str
    """Unique for each build: the id of its `built` evidence (S7)."""
    url: str | None = None
    """The CI's URL of the build, where there is one."""
    ci: str = "none"
    """`jenkins`, `gitlab`, `github` or `none`."""
    actor: str | None = None
    time: str
    """RFC 3339 in UTC. For people only: nothing is decided by clocks."""


class BaseImage(Base, frozen=True, kw_only=True):
    """What an image was made on."""

    reference: str
    """As model.yaml or the Dockerfile names it, with its registry."""
    index: str | None = None
    """Digest of the list of platforms that the reference named, where it named one."""
    digest: str
    """Digest of the manifest for the image's platform."""


class Image(Base, frozen=True, kw_only=True):
    """A release's container image."""

    repository: str
    """`HOST/PATH`."""
    digest: str
    platform: str
    bases: list[BaseImage] = msgspec.field(default_factory=list)

    @property
    def reference(self) -> str:
        """`HOST/PATH@sha256:…`: what runs it."""
        return f"{self.repository}@{self.digest}"


class Record(Base, frozen=True, kw_only=True):
    """`release.json`: the immutable record of one version."""

    format: str = "model-devops.release.v1"
    name: str
    version: str
    reasons: list[Reason]
    base: str | None = None
    """The version that this one was compared with."""
    identity: Identity
    inputs: Inputs
    commit: str | None = None
    branch: str | None = None
    path: str
    """model.yaml's path in its repository, with `/`."""
    layout: dict[str, str]
    """Folder of each artifact relative to model.yaml's folder, `` for the folder itself."""
    ignore: list[str] = msgspec.field(default_factory=list)
    """model.yaml's list, which every artifact's digest covers (C1): without it nobody could check them."""
    origin: Origin
    image: Image | None = None
    packing: int = PACKING

    @property
    def is_prerelease(self) -> bool:
        """Whether the version has a pre-release part (B8)."""
        return "-" in self.version

    def dumps(self) -> bytes:
        """The record's bytes: canonical JSON. `format` and `packing` are always written."""
        document = msgspec.to_builtins(self) | {"format": self.format, "packing": self.packing}
        return rfc8785.dumps(document)

    @classmethod
    def loads(cls, data: bytes) -> Record:
        """Read a record. Raises msgspec.DecodeError or ValidationError for anything else."""
        return msgspec.json.decode(data, type=cls)
