"""Which release a later step means (B9)."""

from __future__ import annotations

from typing import cast

from model_devops.errors import Problem, RefusedError
from model_devops.project import Project
from model_devops.release.evidence import Built, Evidence
from model_devops.release.lookup import find_release
from model_devops.release.store import Stored
from model_devops.versioning.contested import refuse_contested


def choose(project: Project, reference: str | None) -> Stored:
    """The release that is named; else the last one that this build made from this commit; else that of the
    build which it was restarted from; else the only one built from this commit. None or several: refused.
    """
    if reference:
        return named(project, reference)
    built = [item for item in project.store.evidence(kind="built") if _body(item).commit == project.commit]
    for url in (project.build.url, project.build.restarted_from):
        of_build = [item for item in built if url and _body(item).url == url]
        if of_build:
            return named(project, of_build[-1].release)
    releases = list(dict.fromkeys(item.release for item in built))
    if len(releases) == 1:
        return named(project, releases[0])
    raise _undecided(project, releases)


def named(project: Project, reference: str) -> Stored:
    """The release of a digest or a version. A version that its tag claims for something else is refused (V6)."""
    found = find_release(project.store, project.model.name, reference)
    if reference != found.digest and not found.record.is_prerelease:
        refuse_contested(project.tags, found, project.store)
    return found


def _body(item: Evidence) -> Built:
    return cast(Built, item.body)


def _undecided(project: Project, releases: list[str]) -> RefusedError:
    commit = (project.commit or "no commit")[:12]
    if not releases:
        return RefusedError(
            f"nothing was built from {commit} in {project.store.location}",
            kind="nothing-built",
            hint="run `model-devops build`, or name a release with --release",
        )
    versions = [stored.version for digest in releases if (stored := project.store.find(digest))]
    return RefusedError(
        f"several releases were built from {commit}: {', '.join(versions)}",
        kind="several-built",
        problems=[Problem(f"release {version}") for version in versions],
        hint=f"say which one: --release {versions[-1]} (`release show` and `verify` take it without --release)",
    )
