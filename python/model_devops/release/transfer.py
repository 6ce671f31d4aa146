"""Whole releases from one store to another: export, copy, and joining two stores."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path

from model_devops import notices
from model_devops.adapters.documents import parsed
from model_devops.adapters.files import sweep
from model_devops.errors import RefusedError, UsageError
from model_devops.progress import task
from model_devops.release import statements
from model_devops.release.blobs import Meter, each
from model_devops.release.lacking import damage
from model_devops.release.layout import LayoutStore
from model_devops.release.materialise import TEMPORARY
from model_devops.release.oci import OciStore
from model_devops.release.packing import Descriptor, refuse_descriptor
from model_devops.release.store import Stored


def export(store: OciStore, release: Stored, target: Path) -> None:
    """Copy a release and its evidence into a new layout, whole or not at all.

    Raises UsageError where `target` holds something already.
    """
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise UsageError(f"{target} is there already", hint="name a folder that doesn't exist yet")
    target.absolute().parent.mkdir(parents=True, exist_ok=True)
    sweep(target.absolute().parent, TEMPORARY)
    temporary = Path(tempfile.mkdtemp(dir=target.absolute().parent, prefix=TEMPORARY))
    try:
        copy(store, LayoutStore(temporary), tags_of(store, release))
        os.chmod(temporary, 0o755)
        if target.exists():
            target.rmdir()
        os.rename(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def tags_of(store: OciStore, release: Stored) -> dict[str, str]:
    """{tag: digest} of a release and of all that was said about it."""
    evidence = store.evidence(release.digest)
    return {release.version: release.digest} | {
        statements.tag(release.digest, item.digest): item.digest for item in evidence
    }


def copy_release(source: OciStore, target: OciStore, release: Stored) -> list[str]:
    """Copy a release with all that was said of it, by digest; returns the tags that are new in `target`.

    What is there is completed. Raises RefusedError (kind `other-content`) where its version is another release there.
    """
    there = target.repository.listing()
    other = there.digest(release.version)
    if other not in (None, release.digest):
        raise RefusedError(
            f"{release.record.name} {release.version} is in {target.location} with other content ({other},"
            f" not {release.digest})",
            kind="other-content",
            hint="nothing was copied: decide which of the two is right",
        )
    known = set(there.tags()) - ({release.version} if other is None else set())
    new = {tag: digest for tag, digest in tags_of(source, release).items() if tag not in known}
    incomplete = {} if other is None or target.confirms(release) else {release.version: release.digest}
    copy_image(source, target, release)
    if incomplete | new:
        copy(source, target, incomplete | new)
    return list(new)


def copy_image(source: OciStore, target: OciStore, release: Stored) -> None:
    """Have a release's image in `target`'s own repository for images, where it has one: before the release is named.

    Raises RefusedError naming what is gone or different.
    """
    if release.record.image is not None:
        target.prepare()
        warning = target.images.take(source.images, release.record.image, release.version)
        if warning:
            notices.warn(warning)


def copy_evidence(source: OciStore, target: OciStore, release: Stored) -> None:
    """Copy what was said of a release that both have, where `target` lacks it."""
    there = set(target.repository.listing().tags())
    found = {statements.tag(release.digest, item.digest): item.digest for item in source.evidence(release.digest)}
    new = {tag: digest for tag, digest in found.items() if tag not in there}
    if new and target.find(release.digest) is not None:
        copy(source, target, new)


def join(into: OciStore, old: OciStore) -> list[str]:
    """Take all that another store holds of the same model; returns the tags that are new.

    Nothing is taken where a version is in both with other content (RefusedError, kind `other-content`).
    """
    there, listing = into.repository.listing(), old.repository.listing()
    entries = {tag: digest for tag in listing.tags() if (digest := listing.digest(tag)) is not None}
    clashes = [tag for tag, digest in entries.items() if _clash(into, old, digest, there.digest(tag))]
    if clashes:
        raise RefusedError(
            f"{old.location} and {into.location} hold the same version with other content: {', '.join(clashes)}",
            kind="other-content",
            hint="nothing was joined: decide which of the two is right; `model-devops release list --store` shows them",
        )
    known = set(there.tags())
    taken = {tag: digest for tag, digest in entries.items() if tag not in known}
    for release in old.releases():
        _join_image(into, old, release)
    copy(old, into, taken)
    return list(taken)


def _join_image(into: OciStore, old: OciStore, release: Stored) -> None:
    """An image that was damaged before is no reason to leave all the rest behind: no environment takes that release."""
    try:
        copy_image(old, into, release)
    except RefusedError as error:
        lost = damage(error).message
        notices.warn(f"{release.record.name} {release.version} is taken without its image: {lost}")


def _clash(into: OciStore, old: OciStore, digest: str, other: str | None) -> bool:
    """Whether a version means something else in each; for a pre-release content means identity (V6)."""
    if other is None or other == digest:
        return False
    with contextlib.suppress(RefusedError):
        mine, theirs = into.find(other), old.find(digest)
        if mine and theirs and mine.record.is_prerelease and mine.record.identity == theirs.record.identity:
            return False
    return True


def copy(source: OciStore, target: OciStore, tags: dict[str, str]) -> None:
    """Copy manifests ({tag: digest}) with all that they name, then list them."""
    target.prepare()
    manifests = {tag: source.repository.manifest(digest) for tag, digest in tags.items()}
    named = [part for tag, data in manifests.items() for part in _parts(tag, data, source.location)]
    parts = list({part["digest"]: part for part in named}.values())  # releases and statements share many
    with task("copying", sum(part["size"] for part in parts)) as advance:
        meter = Meter(advance)
        each(lambda part: target.blobs.take(source.blobs, part["digest"], part["size"], meter), parts, meter)
    target.blobs.settle()
    with target.repository.changing() as listing:
        for tag, data in manifests.items():
            listing.put(data, json.loads(data).get("artifactType", ""), tag)


def _parts(tag: str, data: bytes, where: str) -> list[Descriptor]:
    try:
        manifest = parsed(data)
        parts = [*manifest.get("layers", []), *([manifest["config"]] if "config" in manifest else [])]
        for part in parts:
            refuse_descriptor(part)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RefusedError(f"the manifest of {tag} in {where} can't be read", kind="bytes-differ") from None
    return parts
