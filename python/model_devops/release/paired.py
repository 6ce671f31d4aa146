"""The store of an environment that has one of its own, together with the project's, where everything is known.

A release gets there by promotion: copied by digest with all that was said of it. From then on its bytes come
from there. What is said of it is written to both and read from both, so that neither a revocation in one nor a
deployment in the other is missed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from model_devops import notices
from model_devops.errors import RefusedError, UnreachableError
from model_devops.release.evidence import Body, Evidence
from model_devops.release.oci import OciStore
from model_devops.release.referrers import in_order
from model_devops.release.store import Stored, order
from model_devops.release.transfer import copy_evidence, copy_image, copy_release

if TYPE_CHECKING:
    from model_devops.release.images import StoreImages

T = TypeVar("T")


class PairedStore(OciStore):
    """The environment's store, which also knows what the project's does.

    `strict`: whether that one must answer; else what it can't tell is said once (D8: a way back needs nobody).
    """

    def __init__(self, own: OciStore, project: OciStore, *, strict: bool) -> None:
        super().__init__(own.repository)
        self.own = own
        self.project = project
        self._strict = strict
        self._lost = False

    def promote(self, release: Stored, *, known: bool) -> None:
        """Have the release with its image and all that was said of it in the environment's store, as it was.

        Every byte is hashed after it arrived, unless it is `known` that this was done. Raises RefusedError naming
        what is gone or different.
        """
        there = self.own.find(release.digest) is not None and not self.own.lacking(release)
        there = there and self.own.images.holds(release.record.image)
        if there:
            copy_evidence(self.project, self.own, release)
            copy_image(self.project, self.own, release)  # its tag may be what a killed run left out
        else:
            copy_release(self.project, self.own, release)
        problems = [] if there and known else self.own.verify(release)
        if problems:
            raise RefusedError(
                f"{release.record.name} {release.version} did not arrive whole in {self.own.location}: {problems[0]}",
                kind="bytes-differ",
            )

    @cached_property
    def images(self) -> StoreImages:
        """Those of the environment's store."""
        return self.own.images

    def find(self, reference: str) -> Stored | None:
        """Wherever it is."""
        return self.own.find(reference) or self._asked(lambda: self.project.find(reference), None)

    def releases(self) -> list[Stored]:
        """Those of both."""
        more: list[Stored] = self._asked(self.project.releases, [])
        found = {stored.digest: stored for stored in [*self.own.releases(), *more]}
        return sorted(found.values(), key=lambda stored: order(stored.version))

    def evidence(self, release: str | None = None, kind: str | None = None) -> list[Evidence]:
        """What was said in either."""
        more: list[Evidence] = self._asked(lambda: self.project.evidence(release, kind), [])
        return in_order({item.digest: item for item in [*self.own.evidence(release, kind), *more]})

    def add_evidence(self, release: str, body: Body) -> Evidence:
        """Said in both; where the project's store does not answer, the next run here adds it (D9)."""
        stored = self.own.find(release)
        if stored is None:
            return self.project.add_evidence(release, body)
        self._asked(lambda: copy_evidence(self.project, self.own, stored), None)
        item = self.own.add_evidence(release, body)
        self._asked(lambda: copy_evidence(self.own, self.project, stored), None)
        return item

    def files(self, release: Stored, artifact: str) -> dict[str, tuple[str, int]]:
        """See `Store.files`."""
        return self.holder(release).files(release, artifact)

    def read_file(self, release: Stored, artifact: str, path: str) -> bytes:
        """See `Store.read_file`."""
        return self.holder(release).read_file(release, artifact, path)

    def holder(self, release: Stored) -> OciStore:
        """Before the promotion a plan reads where the release is."""
        return self.own if self.own.find(release.digest) else self.project

    def _asked(self, question: Callable[[], T], else_: T) -> T:
        """What the project's store answers; where it doesn't and needn't, this is said once."""
        try:
            return question()
        except UnreachableError as error:
            if self._strict:
                raise
            if not self._lost:
                notices.warn(f"what {self.project.location} knows isn't known here, a revocation for example: {error}")
            self._lost = True
            return else_
