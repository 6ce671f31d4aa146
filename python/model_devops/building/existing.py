"""Whether a release already stands for a build (B4, B7, V4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from model_devops.building.inputs import Given
from model_devops.errors import RefusedError, UnreachableError
from model_devops.project import Project
from model_devops.release.evidence import Evidence, Tested
from model_devops.release.record import Reason, Record
from model_devops.release.standing import counting, on_release_branch
from model_devops.release.store import PackedFiles, Store, Stored
from model_devops.versioning.contested import refuse_contested
from model_devops.versioning.known import Final, Known, Passed, combined, known
from model_devops.versioning.prerelease import origin
from model_devops.versioning.standing import Late, Standing, late, superseded
from model_devops.versioning.tags import known_tags

if TYPE_CHECKING:
    from model_devops.building.made import Product
    from model_devops.policy.trust import Trust


def base_tests(store: Store, trust: Trust) -> Passed:
    """Tells which tests make a base (B4): where keys are asked for, those that such a key signed.

    As long as there is none of them, all do: else the base would rise to the highest release of all, tested or not,
    on the day on which a team begins to sign.
    """
    signed = passed_in(store, trust)
    finals = (stored for stored in reversed(store.releases()) if not stored.record.is_prerelease)
    return signed if not trust.lists or any(signed(stored.digest) for stored in finals) else passed_in(store)


def passed_in(store: Store, trust: Trust | None = None) -> Passed:
    """Tells for a release digest whether it is known to have passed its tests (B4); None where no test counts.

    Only tests of a clean tree on the release branch count, whatever was built or tested since; of several
    newest, all must have passed (S3). With `trust`, what passed must be signed so, and what withdraws a test (S5).
    """
    results: dict[str, bool | None] = {}

    def holds(item: Evidence) -> bool:
        return trust is None or trust.holds(item)

    def counts(item: Evidence) -> bool:
        return on_release_branch(item) and (not cast(Tested, item.body).passed or holds(item))

    def passed(digest: str) -> bool | None:
        if digest not in results:
            about = [item for item in store.evidence(digest) if item.kind in ("tested", "withdrawn")]
            tests = counting(about, holds, counts)
            results[digest] = all(cast(Tested, item.body).passed for item in tests) if tests else None
        return results[digest]

    return passed


def late_release(project: Project, known_now: Known, commit: str | None) -> Stored | None:
    """For a late build, the release that its own tag or `built` evidence names; without one it is refused (B7)."""
    if project.git is None or commit is None:
        return None
    found: Late | None = late(project.git, known_now, commit)
    if found is None:
        return None
    for final in reversed(found.own):
        if final.stored:
            return final.stored
    if found.own:
        raise not_here(project.store, found.own[-1])
    raise superseded(commit, found.newer)


def not_here(store: Store, final: Final) -> RefusedError:
    """A release that is known by its tag only (S2)."""
    return RefusedError(
        f"{final.version} stands for this commit, but the store {store.location} does not hold it",
        kind="not-in-store",
        hint="use the store that has it (`store:` in model.yaml or --store); --prerelease builds this commit anew",
    )


def equal_inputs(project: Project, known_now: Known, given: Given, passed: Passed) -> Stored | None:
    """From the highest final down to the base, the release with equal inputs and its bytes in reach (B4)."""
    for final in known_now.down_to_base(passed):
        record = final.record
        if record is None or record.inputs != given.inputs:
            continue
        refuse_revoked(project.store, record.identity.digest)
        if final.stored and in_reach(project.store, final.stored):
            return final.stored
    return None


def in_reach(store: Store, stored: Stored) -> bool:
    """Whether a release's bytes and its image are there."""
    return store.has_bytes(stored) and store.images.in_reach(stored.record.image)


def equal_identity(
    project: Project,
    known_now: Known,
    packed: PackedFiles,
    product: Product,
    passed: Passed,
    image_stands: Callable[[Record], bool],
) -> Stored | None:
    """The same after training. Known by its tag only: these are its bytes, so they are stored and named (V4).

    `image_stands` tells whether a release's image is in reach, made again where that can be done.
    """
    for final in known_now.down_to_base(passed):
        record = final.record
        if record is None or record.identity != product.identity or not image_stands(record):
            continue
        if final.stored and project.store.has_bytes(final.stored):
            return final.stored
        if project.store.describe(packed, record)[0] == final.digest:
            if final.other is not None:
                refuse_contested(known_now.tags, final.other, project.store)  # building again ends here again
            return project.store.name(packed, record)
    return None


def reverted(known_now: Known, product: Product, image_stands: Callable[[Record], bool]) -> list[Reason]:
    """Why these bytes are not returned as the version that has them already (B4): it is lower than the base (level
    `none`), or its image is gone and can't be made again byte for byte.
    """
    for final in known_now.from_the_top():
        if final.record and final.record.identity == product.identity:
            if not image_stands(final.record):
                text = f"the image of {final.version} is gone, and what is built now has another digest"
                return [Reason(level="patch", text=text)]
            return [Reason(level="none", text=f"the bytes of {final.version} again")]
    return []


def same_prerelease(project: Project, given: Given, standing_now: Standing) -> Stored | None:
    """The pre-release that this branch or pull request made of equal inputs, its bytes in reach (B8)."""
    made_by = origin(standing_now.branch, standing_now.pull_request)
    for stored in reversed(project.store.releases()):
        mine = stored.version.partition("-")[2].rpartition(".")[0] == made_by
        same = mine and stored.record.inputs == given.inputs
        if same and in_reach(project.store, stored):
            return stored
    return None


def known_offline(project: Project, notes: list[str]) -> Known:
    """All finals; a pre-release that can't reach the remote goes by what this clone knows (B8)."""
    git = project.git
    try:
        return known(git, git.remote() if git else None, project.model.name, project.store)
    except UnreachableError as error:
        notes.append(f"the remote did not answer ({error.message}): the number rests on what this clone knows")
        return combined(known_tags(git, project.model.name) if git else [], project.store)


def refuse_revoked(store: Store, identity: str) -> None:
    """A build that yields a revoked identity is refused (S6)."""
    from model_devops.release.standing import is_revoked

    if is_revoked(store, identity):
        raise RefusedError(
            "what this build comes to was revoked",
            kind="revoked",
            hint="`model-devops release list` shows what and why; change what was wrong, then build again",
        )
