"""Which releases must stay in a store: what environments run or could return to, and what a rule keeps beside.

Whoever can't be asked might need any release: then nothing is removed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from model_devops.adapters import clock
from model_devops.deploy import states
from model_devops.deploy.open import open_target
from model_devops.deploy.revision import PENDING, VERIFIED, Revision
from model_devops.deploy.rollback import candidates
from model_devops.deploy.stores import as_kept
from model_devops.deploy.target import Target
from model_devops.errors import Problem, UnreachableError
from model_devops.policy.source import environments
from model_devops.project import Project
from model_devops.release.evidence import Deployed, Tested
from model_devops.release.oci import OciStore
from model_devops.release.paired import PairedStore
from model_devops.release.standing import standing
from model_devops.release.store import Stored

KEEP = "keep"
"""A tag that begins so keeps the release that it names, whoever set it and by whatever tool."""


@dataclass(frozen=True)
class Rule:
    """What is kept beside what environments need."""

    last: int = 10
    """So many of the highest final releases, and of the newest pre-releases."""
    within: float = 90 * 86400.0
    """Seconds: what was verified in any environment since then."""
    gone: Sequence[str] = ()
    """Environments that somebody says are no more: they are not asked."""


@dataclass
class Judged:
    """A release, and why it stays; without a reason it goes."""

    release: Stored
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judgement:
    """What may go and what stays."""

    found: list[Judged]
    """Every release of the project's store, lowest first."""
    others: list[OciStore]
    """The stores that environments have of their own."""

    @property
    def going(self) -> list[Stored]:
        """What nothing needs."""
        return [one.release for one in self.found if not one.reasons]

    @property
    def kept(self) -> list[Stored]:
        """What stays."""
        return [one.release for one in self.found if one.reasons]


def judge(project: Project, rule: Rule) -> Judgement:
    """Every release of the project's store, with the reasons to keep it.

    Raises UnreachableError (kind `environment-unknown`) naming each environment that can't be asked.
    """
    store = project.store
    found = [Judged(stored) for stored in store.releases()]
    targets = _targets(project, rule)
    others = _own_stores(project, targets)
    reasons: dict[str, list[str]] = defaultdict(list)
    for digest, reason in [
        *_of_environments(project, targets, rule),
        *(one for each in [store, *others] for one in _said(each, rule)),
        *_newest([one.release for one in found], rule.last),
        *_tagged(store),
    ]:
        if reason not in reasons[digest]:
            reasons[digest].append(reason)
    for one in found:
        one.reasons += reasons[one.release.digest]
    return Judgement(found, others)


def _own_stores(project: Project, targets: Mapping[str, Target]) -> list[OciStore]:
    """The stores that environments have of their own: what was said there counts as well (P1)."""
    stores = [as_kept(project, target).store for target in targets.values()]
    own = {one.own.location: one.own for one in stores if isinstance(one, PairedStore)}
    return list(own.values())


def _of_environments(project: Project, targets: Mapping[str, Target], rule: Rule) -> Iterable[tuple[str, str]]:
    for environment, target in targets.items():
        revisions = target.revisions()
        current = states.current(revisions)
        if current and current.release:
            yield current.release, f"runs in {environment}"
        for store in (project.store, as_kept(project, target).store):  # its own store may know and hold another
            fit = next((one for one in candidates(store, target) if one.objection is None), None)
            if fit and fit.release:
                yield fit.release.digest, f"{environment} goes back to it"
        for revision in revisions:
            if revision.release and (revision.status == PENDING or _recent(revision, rule)):
                yield revision.release, f"{revision.status} in {environment} at {revision.finished or revision.started}"


def _targets(project: Project, rule: Rule) -> dict[str, Target]:
    said = {cast(Deployed, item.body).environment for item in project.store.evidence(kind="deployed")}
    known = {*project.model.environments, *environments(project)}
    targets = {name: open_target(project, name) for name in sorted((said | known) - set(rule.gone))}
    lost = [name for name in targets if name in said and targets[name].place() is None]
    if lost:
        raise UnreachableError(
            f"what {', '.join(lost)} runs or could return to isn't known here, so nothing is removed",
            kind="environment-unknown",
            problems=[Problem(f"{name}: releases were deployed to it, and this machine can't ask it") for name in lost],
            hint="run this where it can be asked; or, if it is no more: --gone ENVIRONMENT",
        )
    return targets


def _recent(revision: Revision, rule: Rule) -> bool:
    return revision.status == VERIFIED and _since(revision.finished, rule.within)


def _since(time: str | None, within: float) -> bool:
    """Whether a time is not so long ago. What can't be read is recent: nothing goes by mistake."""
    try:
        then = datetime.fromisoformat((time or "").replace("Z", "+00:00"))
    except ValueError:
        return True
    return clock.now() - then <= timedelta(seconds=within)


def _said(store: OciStore, rule: Rule) -> Iterable[tuple[str, str]]:
    """What evidence says: a verdict must outlive the bytes, since it counts for others of the identity (S6, A3)."""
    passed: dict[str, bool] = {}
    for item in store.evidence():
        if item.kind in ("revoked", "rejected"):  # withdrawn ones too: some environment may not take that (S5)
            yield item.release, f"{item.kind}: the word must stay"
    for item in standing(store.evidence()):
        if item.kind == "tested":
            passed[item.release] = cast(Tested, item.body).passed
        elif item.kind == "deployed":
            body = cast(Deployed, item.body)
            if body.status == VERIFIED and body.environment not in rule.gone and _since(body.time, rule.within):
                yield item.release, f"verified in {body.environment} at {body.time}"
    good = [one for one in store.releases() if not one.record.is_prerelease and passed.get(one.digest)]
    if good:
        yield good[-1].digest, "the next build compares with it"


def _newest(releases: list[Stored], last: int) -> Iterable[tuple[str, str]]:
    finals = [one for one in releases if not one.record.is_prerelease]
    others = sorted((one for one in releases if one.record.is_prerelease), key=lambda one: one.record.origin.time or "")
    for kind in (finals, others):
        for one in kind[-last:] if last else []:
            yield one.digest, f"one of the last {last}"


def _tagged(store: OciStore) -> Iterable[tuple[str, str]]:
    listing = store.repository.listing()
    for tag in listing.tags():
        if tag.startswith(KEEP):
            digest = listing.digest(tag)
            if digest is not None:
                yield digest, f"tagged {tag}"
