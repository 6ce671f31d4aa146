"""What evidence and targets say of one release: tested (T2), verified in an environment (A4), blocked (D8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from model_devops.adapters.git import Git
from model_devops.deploy.revision import VERIFIED, Revision
from model_devops.deploy.states import block
from model_devops.deploy.target import Target
from model_devops.policy.trust import Trust
from model_devops.release.evidence import Deployed, Evidence, Tested
from model_devops.release.standing import Accept, counting, on_release_branch
from model_devops.release.store import Store, Stored


@dataclass(frozen=True)
class Fact:
    """Whether something holds, in words, and the statements that say so."""

    holds: bool
    message: str
    evidence: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """Fingerprints of the keys that signed them, where that is asked."""


def tested(
    release: Stored, evidence: Sequence[Evidence], accept: Accept, git: Git | None, line: str | None, trust: Trust
) -> Fact:
    """Whether the newest test that counts passed (T2); of several newest the worst counts.

    `line`: the head of the release branch as fetched now; without one the word of the evidence has to do.
    One that passed counts only where it is signed as is asked; one that failed always does.
    """
    again = f"run `model-devops test --release {release.version}`{trust.how()}"
    counts = _counts_for_final(evidence, git, line) if not release.record.is_prerelease else _clean
    asked = counting(_of(evidence, "tested"), accept, counts)
    newest = counting(
        _of(evidence, "tested"), accept, lambda item: counts(item) and (not _has_passed(item) or trust.holds(item))
    )
    bodies = [cast(Tested, item.body) for item in newest]
    digests = [item.digest for item in newest]
    failed = next((body for body in bodies if not body.passed), None)
    if failed is not None:
        why = f": {failed.message}" if failed.message else ""
        return Fact(False, f"its tests failed{why}; mend it, or {again}", digests)
    if not bodies and asked:
        return Fact(False, f"{trust.objection(asked[-1])}: {again}", [asked[-1].digest])
    if not bodies:
        others = counting(_of(evidence, "tested"), accept)
        return Fact(False, f"{_why_none(others)}: {again}{_where(others)}")
    return Fact(True, "; ".join(_passed(body) for body in bodies) + trust.used(newest), digests, trust.keys(newest))


def _why_none(others: list[Evidence]) -> str:
    if not others:
        return "not tested"
    commits = sorted({str(cast(Tested, item.body).commit)[:12] for item in others})
    return f"not tested where it counts (its tests ran at {', '.join(commits)})"


def _where(others: list[Evidence]) -> str:
    return " on the release branch, at the newest commit that it was built or tested from" if others else ""


def _passed(body: Tested) -> str:
    at = f" at {body.commit[:12]}" if body.commit else ""
    if not body.accepted:
        return f"passed its tests{at}"
    return (
        f"passed its tests{at}, with {', '.join(body.accepted)} not comparable and accepted by {body.by}: {body.reason}"
    )


def _has_passed(item: Evidence) -> bool:
    return cast(Tested, item.body).passed


def _clean(item: Evidence) -> bool:
    return item.kind == "tested"


def _counts_for_final(evidence: Sequence[Evidence], git: Git | None, line: str | None) -> Accept:
    """Made on the first-parent line of the release branch, at no strict ancestor of a commit that counts (T2)."""
    named = {str(item.body.commit) for item in evidence if on_release_branch(item)}  # type: ignore[attr-defined]
    commits = _newest_on_line(git, named, line) if line is not None else _newest_here(git, named)

    def counts(item: Evidence) -> bool:
        return on_release_branch(item) and isinstance(item.body, Tested) and item.body.commit in commits

    return counts


def _newest_on_line(git: Git | None, named: set[str], line: str) -> set[str]:
    """On a first-parent line all commits are in order, so only the newest one has no descendant among them."""
    if git is None:
        return set()
    known = git.run("rev-list", "--first-parent", line).splitlines()
    missing = named - set(known)
    if missing and git.is_shallow():
        git.on_first_parent_line(min(missing), line)  # fetches what the clone lacks
        known = git.run("rev-list", "--first-parent", line).splitlines()
    return set([commit for commit in known if commit in named][:1])


def _newest_here(git: Git | None, named: set[str]) -> set[str]:
    """Without a remote: those that no other one descends from. Ancestry that can't be told is not assumed."""
    if len(named) == 1 or git is None:
        return named if len(named) == 1 else set()
    return {commit for commit in named if git.has(commit) and not git.reaches(named - {commit}, commit)}


def verified_in(
    environment: str, release: Stored, evidence: Sequence[Evidence], target: Target, accept: Accept, trust: Trust
) -> Fact:
    """Whether the release was verified there, and no failed rollout or proof and no block came later (A4).

    Rejection and revocation end it too: they are conditions of their own, asked for every environment. What the
    target knows and nobody wrote down yet is later than all evidence (D9). That it was verified counts only where it
    is signed as is asked, and the target's own word isn't.
    """
    deploy = f"deploy it there: `model-devops deploy {environment} --release {release.version}`{trust.how()}"
    by = block(target.revisions(), target.place(), release)
    if by is not None:
        return Fact(False, rolled_back(environment, release, by))
    here = [item for item in _of(evidence, "deployed") if _about(item, environment)]
    asked = counting(here, accept, _decides)
    newest = counting(here, accept, lambda item: _decides(item) and (not _verified(item) or trust.holds(item)))
    digests = [item.digest for item in newest]
    statuses = [cast(Deployed, item.body).status for item in newest]
    unwritten = _unwritten(release, evidence, target)
    if unwritten and not (trust.lists and unwritten[-1].status == VERIFIED):
        statuses = [unwritten[-1].status]
    bad = next((status for status in statuses if status != VERIFIED), None)
    if bad is not None:
        what = "its proof failed" if bad == "proof-failed" else "its rollout failed"
        return Fact(False, f"{what} in {environment}, and it was not verified there since; {deploy}", digests)
    if not statuses and (asked or unwritten):
        why = trust.objection(asked[-1]) if asked else f"that it was verified in {environment} is not written down"
        return Fact(False, f"{why}; {deploy}", [item.digest for item in asked[-1:]])
    if not statuses:
        return Fact(False, f"not verified in {environment}: {deploy}")
    return Fact(True, f"verified in {environment}{trust.used(newest)}", digests, trust.keys(newest))


def rolled_back(environment: str, release: Stored, by: Revision) -> str:
    """That a rollback keeps a release away (D8), and how it may return."""
    same = by.replaces == release.digest
    what = "it" if same else f"{by.replaced_version}, which has the same bytes,"
    lift = f"model-devops unblock {environment} --release {by.replaced_version or by.replaces} --reason WHY"
    why = by.reason or "no reason given"
    return f"revision {by.number} of {environment} rolled {what} back ({why}): to let it return, {lift}"


def said(store: Store, item: Evidence, release: Stored) -> str:
    """A rejection or revocation in words: by whom, why, and as which release, where that is another one."""
    other = store.find(item.release) if item.release != release.digest else None
    known_as = f" as {other.version}" if other else ""
    return f"{item.kind}{known_as} by {item.body.by or 'somebody'}: {getattr(item.body, 'reason', '')}"


def _about(item: Evidence, environment: str) -> bool:
    return item.kind == "withdrawn" or cast(Deployed, item.body).environment == environment


def _verified(item: Evidence) -> bool:
    return cast(Deployed, item.body).status == VERIFIED


def _decides(item: Evidence) -> bool:
    """An interrupted rollout says nothing of the release."""
    return cast(Deployed, item.body).status != "interrupted"


def _unwritten(release: Stored, evidence: Sequence[Evidence], target: Target) -> list[Revision]:
    written = {cast(Deployed, item.body).revision_id for item in evidence if item.kind == "deployed"}
    return [
        revision
        for revision in target.revisions()
        if revision.release == release.digest and revision.status in (VERIFIED, "failed") and revision.id not in written
    ]


def _of(evidence: Sequence[Evidence], kind: str) -> list[Evidence]:
    """Statements of a kind with all withdrawals, as `counting` wants them."""
    return [item for item in evidence if item.kind in (kind, "withdrawn")]
