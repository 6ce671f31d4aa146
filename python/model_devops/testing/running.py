"""What runs in an environment: the target's word where it can be reached, else deployment evidence (T3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from model_devops.deploy.revision import PENDING, VERIFIED, Revision
from model_devops.errors import InterruptedBySignal, ModelDevopsError
from model_devops.project import Project
from model_devops.release.evidence import Deployed
from model_devops.release.standing import built_here, standing
from model_devops.release.store import Stored
from model_devops.testing.baseline import Running


def running_in(project: Project) -> Callable[[str], Running]:
    """Tells what runs in an environment of this model (see `what_runs`)."""
    return lambda environment: what_runs(project, environment)


def what_runs(project: Project, environment: str) -> Running:
    """What runs in `environment` of this model. Never fails: what can't be found out is `unknown`, with why."""
    from model_devops.deploy.open import open_target

    try:
        revisions: list[Revision] | None = open_target(project, environment).revisions()
        why = ""
    except InterruptedBySignal:
        raise
    except (ModelDevopsError, OSError) as error:
        revisions, why = None, f" ({environment} did not answer: {error})"
    told = _by_target(project, environment, revisions or [])
    if told is not None:
        return told
    known = _by_evidence(project, environment)
    if known is not None:
        return known
    if revisions is not None:
        return Running("none", message=f"{environment} never had a release")
    return _never_deployed(project, environment, why)


def _by_target(project: Project, environment: str, revisions: list[Revision]) -> Running | None:
    """The newest verified revision's release; None where no rollout ever succeeded, so that nothing ever ran."""
    verified = [revision for revision in revisions if revision.status == VERIFIED]
    if not verified:
        if any(revision.status == PENDING for revision in revisions):
            return Running("unknown", message=f"a first rollout to {environment} is under way, or was interrupted")
        return None
    last = max(verified, key=lambda revision: revision.number)
    if last.release is None:
        return Running("unknown", message=f"{environment} was stopped, so nothing runs there")
    return _in_store(project, environment, last.release, last.version or last.release[:19])


def _by_evidence(project: Project, environment: str) -> Running | None:
    """The highest verified revision that evidence tells of; None where it tells of none."""
    stand = [item for item in standing(project.store.evidence()) if item.kind == "deployed"]
    here = [item for item in stand if cast(Deployed, item.body).environment == environment]
    verified = [item for item in here if cast(Deployed, item.body).status in (VERIFIED, "proof-failed")]
    if not verified:
        return None
    last = max(verified, key=lambda item: cast(Deployed, item.body).revision)
    return _in_store(project, environment, last.release, last.release[:19])


def _in_store(project: Project, environment: str, digest: str, shown: str) -> Running:
    stored: Stored | None = project.store.find(digest)
    if stored is None:
        where = project.store.location
        return Running("unknown", message=f"{environment} runs {shown}, which the store {where} does not have")
    return Running("release", stored)


def _never_deployed(project: Project, environment: str, why: str) -> Running:
    """Without the target's word: `none` only if this store knows every release that the tags name."""
    from model_devops.versioning.known import known

    try:
        git = project.git
        finals = known(git, git.remote() if git else None, project.model.name, project.store).finals
    except InterruptedBySignal:
        raise
    except ModelDevopsError as error:
        return Running("unknown", message=f"it is not known what runs in {environment}{why}: {error}")
    absent = [final.version for final in finals if not (final.stored and built_here(project.store, final.stored))]
    if absent:
        missing = ", ".join(absent[:5])
        return Running("unknown", message=f"the store does not know all of what was said of {missing}{why}")
    return Running("none", message=f"{environment} never had a release{why}")
