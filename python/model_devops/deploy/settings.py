"""What is applied beside a release's files, as a revision records it: by target."""

from __future__ import annotations

from typing import Literal

import msgspec

from model_devops.config.types import Autoscale, Ingress, Resources, Serve


class ServedImage(msgspec.Struct, frozen=True, kw_only=True):
    """The image that pods run, with what its registry says of it."""

    reference: str
    """`HOST/PATH@sha256:…`, in the store that the environment takes its bytes from."""
    digests: list[str]
    """All names of this one image: of its index, of the manifests in it, of their configurations (D10)."""
    size: int
    """Bytes that are pulled."""
    user: int | None = None
    """The image's own user, where it is a number other than 0."""


class KubernetesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the objects of a revision are made of, beside its release's digests."""

    target: Literal["kubernetes"]
    namespace: str
    port: int
    replicas: int
    min_ready: str
    drain: str
    image: ServedImage
    identity: dict[str, str]
    """The release's identity as environment variables."""
    env: dict[str, str]
    serve: Serve
    autoscale: Autoscale | None = None
    resources: Resources | None = None
    ingress: Ingress | None = None
    pull_secret: str | None = None
    debug_image: str | None = None
    templates: dict[str, str] = {}
    """The team's templates by file name."""
