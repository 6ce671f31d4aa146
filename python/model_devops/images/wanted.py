"""What model.yaml asks of a release's image, with the bases as they are now: part of a build's inputs (B2)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from model_devops.adapters.registry.address import Address
from model_devops.adapters.registry.references import parse_reference
from model_devops.config.types import Package
from model_devops.errors import UsageError
from model_devops.images import dockerfile
from model_devops.images.base import Base, resolve


@dataclass(frozen=True)
class Wanted:
    """An image that is to be made."""

    repository: Address
    """Where it goes."""
    platform: str
    bases: list[Base]
    dockerfile: str | None
    """The text of the Dockerfile; None: the release's files are laid on the base."""
    context: str
    """Folder, relative to model.yaml's, whose part of the release the Dockerfile sees."""

    @property
    def base_image(self) -> str | None:
        """The bases' digests, in the order of the stages: what a changed base is known by (V1)."""
        return " ".join(dict.fromkeys(base.digest for base in self.bases)) or None


def wanted(package: Package, folder: Path, beside: Address | None) -> Wanted:
    """Read the Dockerfile and ask for the bases, once for each build.

    `folder` is model.yaml's; `beside`: where images go that `image` names no place for, None where releases lie in a
    folder: then UsageError (kind `no-place`).
    """
    text = dockerfile_text(package, folder)
    _look_for_context(package, folder)
    if package.base:
        references = [parse_reference(package.base)]
    else:
        named = [one.reference for one in dockerfile.bases(text or "", package.dockerfile or "")]
        references = list({str(reference): reference for reference in named}.values())
    return Wanted(
        repository=repository(package, beside),
        platform=package.platform,
        bases=[resolve(reference, package.platform) for reference in references],
        dockerfile=text,
        context=package.context or "",
    )


def dockerfile_text(package: Package, folder: Path) -> str | None:
    """The Dockerfile, where there is one. Raises UsageError where it can't be read."""
    if package.dockerfile is None:
        return None
    try:
        return (folder / package.dockerfile).read_text("utf-8")
    except UnicodeDecodeError:
        why = "it is not UTF-8"
    except OSError as error:
        why = error.strerror or str(error)
    raise UsageError(
        f"package.dockerfile: {folder / package.dockerfile} can't be read: {why}",
        kind="dockerfile",
        hint="name a file, relative to model.yaml's folder",
    )


def _look_for_context(package: Package, folder: Path) -> None:
    """Raises UsageError where the context is no folder."""
    if package.context is not None and not (folder / package.context).is_dir():
        raise UsageError(
            f"package.context: {folder / package.context} is no folder",
            kind="dockerfile",
            hint="name one that holds files of the release, relative to model.yaml's folder",
        )


def repository(package: Package, beside: Address | None) -> Address:
    """Where the image goes: as `image` says, else beside the releases in their registry."""
    if package.image:
        return parse_reference(package.image).address
    if beside is None:
        raise UsageError(
            "nothing says where the image goes: releases lie in a folder",
            kind="no-place",
            hint="keep the releases in a registry too (`store: oci://HOST/PATH`, or --store), or write"
            " `image: HOST/PATH` below `package:`",
        )
    return beside
