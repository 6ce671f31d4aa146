"""The container images of a store's releases: where they lie, and how they go with their release.

A record names the repository where its image was built, for ever. A store in a registry that got the release by copy
holds the image beside its releases, by the same digest; for one in a folder the image stays where it was built.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from model_devops.adapters.patience import within
from model_devops.adapters.registry.address import SCHEME, Address, parse
from model_devops.errors import ModelDevopsError, RefusedError, UnreachableError
from model_devops.release.blobs import gone
from model_devops.release.lacking import DAMAGE, damage
from model_devops.release.record import Image
from model_devops.release.registry.image_repository import ImageRepository

PATIENCE = 20.0
"""Seconds."""
T = TypeVar("T")


class StoreImages:
    """The images of one store's releases."""

    def __init__(self, home: Address | None) -> None:
        self.home = ImageRepository(home) if home else None
        """Beside the store's releases; None for a store in a folder."""
        self._others: dict[str, ImageRepository] = {}
        self._silent: dict[str, UnreachableError] = {}

    def places(self, image: Image) -> list[ImageRepository]:
        """Where an image may lie, the store's own repository first."""
        name = image.repository
        if self.home is not None and self.home.name == name:
            return [self.home]
        if name not in self._others:
            self._others[name] = ImageRepository(parse(SCHEME + name))
        return [*([self.home] if self.home else []), self._others[name]]

    def find(self, image: Image) -> ImageRepository:
        """The first place that has it.

        Raises RefusedError (`bytes-gone`, `bytes-differ`), or what one that may have it says instead of an answer:
        UnreachableError, RefusedError (kind `denied`, which is what some say of a repository that isn't there).
        """
        unknown: ModelDevopsError | None = None
        places = self.places(image)
        for place in places:
            try:
                if place.has(image.digest):
                    return place
            except (UnreachableError, RefusedError) as error:
                if error.kind in DAMAGE:
                    raise
                unknown = unknown or error
        if unknown is not None:
            raise unknown
        where = " and ".join(place.blobs.location for place in places)
        raise gone(f"the image's manifest {image.digest} is missing", where)

    def located(self, image: Image) -> Image:
        """The image as it is to be had with this store; as its record names it where that can't be known soon."""
        if len(self.places(image)) > 1:
            with contextlib.suppress(RefusedError, UnreachableError):
                return replace(image, repository=self._soon(image, lambda: self.find(image)).name)
        return image

    def lacking(self, image: Image) -> list[RefusedError]:
        """What of an image is gone or different (see `ImageRepository.lacking`). Raises UnreachableError."""
        try:
            place = self.find(image)
        except RefusedError as error:
            return [damage(error)]
        return place.lacking(image.digest)

    def lacking_soon(self, image: Image) -> list[RefusedError]:
        """The same for who can't wait. Raises UnreachableError where no answer comes within `PATIENCE`."""
        return self._soon(image, lambda: self.lacking(image))

    def _soon(self, image: Image, question: Callable[[], T]) -> T:
        """Who was silent once is not asked again."""
        if image.repository in self._silent:
            raise self._silent[image.repository]
        try:
            return within(PATIENCE, question)
        except UnreachableError as error:
            self._silent[image.repository] = error
            raise

    def in_reach(self, image: Image | None) -> bool:
        """Whether all of it is there; also where there is none. Raises as `find` where that can't be known."""
        return image is None or not self.lacking(image)

    def verify(self, image: Image, memo: dict[str, Any]) -> list[str]:
        """Hash every byte of an image; one message for each part that is missing or different."""
        try:
            place = self.find(image)
        except RefusedError as error:
            return [damage(error).message]
        return place.verify(image.digest, memo)

    def holds(self, image: Image | None) -> bool:
        """Whether nothing is to be copied: all of it is beside the releases, or this store keeps no images."""
        return image is None or self.home is None or (self.at_home(image) and not self.home.lacking(image.digest))

    def at_home(self, image: Image) -> bool:
        """Whether it is beside the releases. A repository that we may not read is one that isn't there (yet)."""
        try:
            return self.home is not None and self.home.has(image.digest)
        except RefusedError as error:
            if error.kind != "denied":
                raise
            return False

    def take(self, other: StoreImages, image: Image, version: str) -> str | None:
        """Have an image beside the releases, with its version as a tag. Returns what a person should know.

        Raises RefusedError naming what is gone or different, UnreachableError.
        """
        if self.home is None:
            return None
        if not self.holds(image):
            self.home.take(other.find(image), image.digest)
        return self.home.tag(image.digest, version)

    def tag(self, image: Image, version: str) -> str | None:
        """Give an image its version as a tag, for people, where it is. Returns what a person should know."""
        try:
            place = self.find(image)
        except RefusedError as error:
            return damage(error).message
        return place.tag(image.digest, version)
