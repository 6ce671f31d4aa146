"""The image of what a build makes (B2, B4): made at most once, and only where no release has it already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_devops.adapters.files import reports_folder
from model_devops.building.inputs import Given
from model_devops.errors import RefusedError
from model_devops.project import Project
from model_devops.release.record import Image, Record
from model_devops.release.store import Store, Stored

if TYPE_CHECKING:
    from model_devops.building.made import Product


class Images:
    """The image of one product; of a model without `package` there is none."""

    def __init__(self, project: Project, given: Given, product: Product) -> None:
        self._project, self._wanted, self._product = project, given.image, product
        self._made: Image | None = None
        self._stand: dict[str, bool] = {}
        self.reports: list[dict[str, str]] = []

    def made(self) -> Image | None:
        """Make the image, unless this build did."""
        if self._wanted is None or self._made is not None:
            return self._made
        from model_devops.images.contents import contents
        from model_devops.images.making import make

        product, log = self._product, reports_folder(self._project.folder) / "image.log"
        inside = contents(product.identity, product.sources, product.layout, product.entries)
        self._made = make(self._wanted, inside, self._project.model.serve, log)
        if self._wanted.dockerfile is not None:
            from model_devops.images.docker_build import TITLE

            self.reports = [{"kind": "text", "path": str(log), "title": TITLE}]
        return self._made

    def stands(self, record: Record) -> bool:
        """Whether the image of a release of this identity is in reach: as it is, or made again to its digest (B4)."""
        if record.image is None:
            return True
        reference, images = record.image.reference, self._project.store.images
        if reference not in self._stand:
            stands = images.in_reach(record.image)
            if not stands and self.made() is not None:
                stands = images.in_reach(record.image)
            self._stand[reference] = stands
        return self._stand[reference]

    def require(self, release: Stored) -> None:
        """Refuse a pre-release whose image is gone for good: its name belongs to that image (B8, V6)."""
        if not self.stands(release.record):
            raise RefusedError(
                f"the image of {release.version} is gone, and what is built now has another digest",
                kind="image-gone",
                hint="change and commit anything of the release, which makes another pre-release",
            )


def prepare(given: Given) -> None:
    """Refuse before anything is trained what the image would be refused for."""
    if given.image is not None:
        from model_devops.images import making

        making.prepare(given.image)


def tagged(store: Store, release: Stored) -> list[str]:
    """Give the image its version as a tag; returns what a person should know."""
    warning = store.images.tag(release.record.image, release.version) if release.record.image else None
    return [warning] if warning else []
