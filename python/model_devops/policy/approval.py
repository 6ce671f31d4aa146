"""Approvals and rejections: a person's word about one digest, seen in one environment (A1–A3)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable

from model_devops import faults, notices
from model_devops.adapters.clock import timestamp
from model_devops.config.types import Approval
from model_devops.deploy.revision import Revision
from model_devops.deploy.states import current
from model_devops.deploy.target import Target
from model_devops.errors import Problem, RefusedError, UsageError
from model_devops.policy import facts
from model_devops.policy.person import SIGNED, Person, accepts, objection, signing
from model_devops.policy.source import Policy, kept_approvals, kept_trust
from model_devops.project import Project
from model_devops.release.evidence import Approved, Evidence, Rejected
from model_devops.release.standing import Accept, rejected_weights, rejections, revocations
from model_devops.release.store import Store, Stored

Others = Callable[[str], Target]


def approve(
    project: Project,
    policy: Policy,
    release: Stored,
    person: Person,
    *,
    others: Others,
    reason: str | None = None,
    comment: str | None = None,
) -> Evidence:
    """Record an approval for `policy.name`. Raises RefusedError with everything that stands against it (A1, A2, S5).

    `reason` says where the release was seen, if not where the policy wants it (A2); `comment` is only recorded.
    """
    person = signing(person, policy.approvals, project.store.signer)
    evidence = project.store.evidence(release.digest)
    accept = accepts(policy.approvals, policy.trust)
    problems = _ended(project, release, accept)
    unfit = [objection(approval, person, project, release) for approval in policy.approvals]
    if unfit and all(unfit):  # where several are asked, others may give theirs (P3)
        problems += [text for text in unfit if text]
    seen: Revision | None = None
    for approval in policy.approvals:
        if approval.after:
            found, problem = _seen(approval, policy, release, evidence, others, accept, reason)
            seen, problems = found or seen, problems + ([problem] if problem else [])
    if person.origin != SIGNED and not policy.trust.takes(project.store.signer):
        problems.append(
            f"{policy.name} takes only what is signed: approve{policy.trust.how().replace(', with', ' with')}"
        )
    _refuse(problems, release, policy.name)
    for item in rejected_weights(project.store, release.record.identity, accept):
        notices.warn(f"the weights of {release.version} were {facts.said(project.store, item, release)}")
    body = Approved(
        id=str(uuid.uuid4()),
        time=timestamp(),
        by=person.name,
        origin=person.origin,
        url=project.build.url,
        environment=policy.name,
        seen_in=seen.id if seen else None,
        reason=reason,
        comment=comment,
    )
    return project.store.add_evidence(release.digest, body)


def _refuse(problems: list[str], release: Stored, environment: str) -> None:
    if problems:
        raise RefusedError(
            f"{release.version} can't be approved for {environment}"
            + (f": {problems[0]}" if len(problems) == 1 else f": {len(problems)} reasons"),
            kind="not-approvable",
            problems=[Problem(text) for text in problems] if len(problems) > 1 else [],
        )


def _ended(project: Project, release: Stored, accept: Accept) -> list[str]:
    """What no approval lifts (S5, S6)."""
    found = [
        *rejections(project.store, release.record.identity, accept),
        *revocations(project.store, release.record.identity, accept),
    ]
    return [f"{facts.said(project.store, item, release)}; no approval lifts that" for item in found]


def _seen(
    approval: Approval,
    policy: Policy,
    release: Stored,
    evidence: list[Evidence],
    others: Others,
    accept: Accept,
    reason: str | None,
) -> tuple[Revision | None, str | None]:
    """The revision in which the release can be seen now, or what is wrong (A2)."""
    environment = str(approval.after)
    if environment not in policy.model.environments:
        return None, f"there is no environment {environment} where the policy comes from"
    target = others(environment)
    verified = facts.verified_in(environment, release, evidence, target, accept, policy.trust)
    if not verified.holds:
        return None, verified.message
    runs = current(target.revisions())
    seen = target.observe(measure=False)
    if runs and runs.release == release.digest and seen.running and seen.revision == runs.number:
        return runs, None
    what = f"runs {runs.version}" if runs and runs.version and seen.running else "runs nothing"
    hint = f"{environment} {what} now, not {release.version}: say with --reason where it was seen, or deploy it there"
    return None, None if reason else hint


def where_seen(approvals: Iterable[Approval], environment: str) -> str:
    """The environment in which users try what is to go to `environment`: it must leave what they reject (A3)."""
    return next((str(approval.after) for approval in approvals if approval.after), environment)


def why_rejected(reason: str | None) -> str:
    """The reason of a rejection. UsageError where there is none."""
    if not (reason or "").strip():
        raise UsageError("a rejection needs a reason", kind="no-reason", hint="add --reason WHY")
    return str(reason).strip()


def reject(project: Project, environment: str, release: Stored, person: Person, reason: str | None) -> Evidence:
    """Record a rejection, before anything else is done about it (A3). Anybody may reject.

    `environment` is the one that must leave the release (`where_seen`). A rejection by the same person there
    that stands already is taken for this one: a run that was killed is repeated.
    """
    why = why_rejected(reason)
    for item in rejections(project.store, release.record.identity):
        of_it = item.release == release.digest  # a word about its twin may be withdrawn
        if of_it and getattr(item.body, "environment", None) == environment and item.body.by == person.name:
            return item
    body = Rejected(
        id=str(uuid.uuid4()),
        time=timestamp(),
        by=person.name,
        origin=person.origin,
        url=project.build.url,
        environment=environment,
        reason=why,
    )
    recorded = project.store.add_evidence(release.digest, body)
    faults.point("approve.after-rejected")
    return recorded


def must_leave(store: Store, target: Target) -> Stored | None:
    """The release that runs there by the target's records although users rejected its bytes there (A3).

    The next run on that environment takes it back first, whatever it came for: to what D8 gives, else to nothing.
    """
    runs, place = current(target.revisions()), target.place()
    if runs is None or runs.release is None or place is None:
        return None
    release = store.find(runs.release)
    accept = accepts(kept_approvals(place), kept_trust(place))
    found = rejections(store, release.record.identity, accept) if release else []
    here = any(isinstance(item.body, Rejected) and item.body.environment == place.environment for item in found)
    return release if here else None
