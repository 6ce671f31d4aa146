"""Taking releases out of a store, with all that was said of them and the images that nothing else needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model_devops.release.oci import OciStore
from model_devops.release.record import Image
from model_devops.release.registry.image_repository import ImageRepository
from model_devops.release.store import Stored


@dataclass(frozen=True)
class Removal:
    """What goes out of a store, and what stays."""

    releases: list[Stored]
    kept: list[Stored]
    images: list[str]
    """Digests, in the store's own repository for images."""
    staying: set[str]
    """Digests of images that are needed there."""
    left: list[str]
    """References of images that lie elsewhere: who else uses that repository can't be known here."""


def removal(store: OciStore, going: Sequence[Stored], kept: Sequence[Stored], others: Iterable[OciStore]) -> Removal:
    """What is to be removed with these releases: an image that another needs stays.

    `others`: stores whose releases may have their images here. Raises UnreachableError.
    """
    home = store.images.home
    staying = {image.digest for image in _images(kept)}
    staying |= {image.digest for other in others for image in _relying(other, home)}
    free = [image for image in _images(going) if image.digest not in staying]
    ours = dict.fromkeys(image.digest for image in free if store.images.at_home(image))
    left = [image.reference for image in free if not _lies_in(home, image)]
    return Removal([*going], [*kept], [*ours], staying, left)


def _images(releases: Iterable[Stored]) -> list[Image]:
    """Each once."""
    return list({one.record.image.reference: one.record.image for one in releases if one.record.image}.values())


def _lies_in(home: ImageRepository | None, image: Image) -> bool:
    return home is not None and home.name == image.repository


def _relying(other: OciStore, home: ImageRepository | None) -> list[Image]:
    """The images of another store's releases that have not come to it by copy, so that they must stay here."""
    found = [image for image in _images(other.releases()) if _lies_in(home, image)]
    return [image for image in found if other.images.home is None or not other.images.holds(image)]


def remove(store: OciStore, what: Removal) -> list[str]:
    """Remove it; the images of what stays get their versions as tags. Returns what a person should know.

    Images go first: killed after that, the next run finds their releases again. What was said of a release goes last:
    some of it may stay, but there is never a release without it (S4). Where removing is forbidden, nothing goes:
    RefusedError (kind `not-removable`).
    """
    notes = _keep(store, what.kept)
    if not what.releases:
        return notes
    for digest in what.images:
        if store.images.home:
            store.images.home.remove(digest, what.staying)
    said = [item.digest for release in what.releases for item in store.evidence(release.digest)]
    store.repository.remove([release.digest for release in what.releases])
    store.repository.remove(said)
    return notes


def _keep(store: OciStore, kept: Iterable[Stored]) -> list[str]:
    """A registry may collect what has no tag."""
    images = [(one.record.image, one.version) for one in kept if one.record.image]
    notes = [store.images.tag(image, version) for image, version in images if store.images.at_home(image)]
    return [note for note in notes if note]
