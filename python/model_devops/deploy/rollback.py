"""Going back to an earlier verified release (D8), and taking back a rejected one (A3)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from model_devops.deploy import states
from model_devops.deploy.deploying import remembered, settings
from model_devops.deploy.revision import VERIFIED, Revision
from model_devops.deploy.rollout import Ground, Intent, Outcome, Rollout
from model_devops.deploy.target import Target
from model_devops.errors import ModelDevopsError, Problem, RefusedError
from model_devops.release.standing import anyone, is_revoked, rejected
from model_devops.release.store import Store, Stored, order


@dataclass(frozen=True)
class Candidate:
    """An earlier release here, and why the environment can't go back to it, if so."""

    revision: Revision
    release: Stored | None
    objection: str | None

    def as_dict(self) -> dict[str, str | None]:
        """For result documents."""
        return {"version": self.revision.version, "digest": self.revision.release, "objection": self.objection}


def candidates(store: Store, target: Target) -> list[Candidate]:
    """The other releases that were verified here, newest first, each once (D8)."""
    revisions = target.revisions()
    current = states.current(revisions)
    running = current.release if current else None
    found: dict[str, Candidate] = {}
    for item in reversed(revisions):
        if item.status == VERIFIED and item.release and item.release != running and item.release not in found:
            release = store.find(item.release)
            found[item.release] = Candidate(item, release, _objection(store, target, item, release, current))
    return list(found.values())


def _objection(
    store: Store, target: Target, item: Revision, release: Stored | None, current: Revision | None
) -> str | None:
    if current and current.version and _is_higher(item.version or "", current.version):
        return f"it is higher than {current.version}, which runs: deploy it instead"
    if current and current.identity == item.identity:
        return f"it has the bytes of {current.version}, which runs"
    if release is None or not store.has_bytes(release):
        return f"its bytes are not in {store.location}"
    return unwanted(store, target, release)


def unwanted(store: Store, target: Target, release: Stored) -> str | None:
    """Why a release may not run here at all, whatever the policy asks: blocked, revoked or rejected (D6, D8)."""
    from model_devops.policy.person import accepts
    from model_devops.policy.source import kept_approvals

    place = target.place()
    block = states.block(target.revisions(), place, release)
    if block is not None:
        return f"it is blocked here: revision {block.number} replaced {_those_bytes(block, release)}"
    accept = accepts(kept_approvals(place)) if place else anyone
    if is_revoked(store, release.record.identity, accept):
        return "it is revoked"
    return "it was rejected" if rejected(store, release, accept) else None


def _those_bytes(block: Revision, release: Stored) -> str:
    same = block.replaces == release.digest
    return "it" if same else f"{block.replaced_version}, which has the same bytes"


def _is_higher(version: str, running: str) -> bool:
    """Not asked with a pre-release on either side (D7, D8)."""
    return "-" not in version and "-" not in running and order(version) > order(running)


def choose(found: list[Candidate], environment: str, to: Stored | None) -> Candidate:
    """The newest candidate that nothing speaks against, or the one named. Raises RefusedError saying what does."""
    named = [item for item in found if to is None or to.digest == item.revision.release]
    fit = next((item for item in named if item.objection is None), None)
    if fit is not None:
        return fit
    problems = [Problem(f"{item.revision.version}: {item.objection}") for item in named]
    if to is not None and not named:
        message = f"{to.version} was never verified in {environment}, or it is what runs"
        others = ", ".join(str(item.revision.version) for item in found)
        raise RefusedError(
            message, kind="not-verified-here", hint=f"verified there: {others}" if others else _see(environment)
        )
    message = f"{environment} has nothing to go back to"
    if to is not None:
        message = f"{environment} can't go back to {to.version}: {named[0].objection}"
    problems = problems if to is None else []
    raise RefusedError(message, kind="no-rollback", problems=problems, hint=_see(environment))


def _see(environment: str) -> str:
    return (
        f"`model-devops history {environment}` shows what ran there; `model-devops deploy {environment}` runs another"
    )


def outlook(store: Store, target: Target, environment: str, to: Stored | None) -> tuple[Candidate, list[Candidate]]:
    """What a rollback would go back to, and all candidates. Changes and recovers nothing; raises as `choose`."""
    found = candidates(store, target)
    try:
        return choose(found, environment, to), found
    except RefusedError as error:
        error.details["candidates"] = [item.as_dict() for item in found]
        raise


def returnable(store: Store, targets: Sequence[Target]) -> list[str]:
    """The versions that some of these environments could go back to, highest first. Who can't be asked is left out."""
    found: set[str] = set()
    for target in targets:
        with contextlib.suppress(ModelDevopsError):
            fit = [item.revision.version for item in candidates(store, target) if item.objection is None]
            found.update(version for version in fit if version)
    return sorted(found, key=order, reverse=True)


@dataclass(frozen=True)
class Rollback:
    """The wish to run an earlier release again. Needs no git remote, no approval and no tests."""

    environment: str
    store: Store
    to: Stored | None = None
    reason: str | None = None

    def ground(self, target: Target) -> Ground:
        """The policy that the environment read last."""
        return remembered(target, self.environment)

    def decide(self, target: Target, ground: Ground) -> Intent:
        """See `Wish.decide`."""
        chosen = choose(candidates(self.store, target), self.environment, self.to)
        assert chosen.release is not None
        return back_to(chosen.release, self.store, target.revisions(), ground, self.reason)


def back_to(release: Stored, store: Store, revisions: Sequence[Revision], ground: Ground, reason: str | None) -> Intent:
    """A rollback as a new revision: the old release with its own commands, and the last settings known here."""
    current = states.current(revisions)
    replaces = current if current and current.release else None
    return Intent("rollback", release, settings(store, release, ground.block), reason, replaces=replaces)


def take_back(rollout: Rollout, current: Revision, reason: str) -> Outcome:
    """Under the lock: leave what runs for what D8 gives; with nothing to go back to, for nothing (A3)."""
    ground = remembered(rollout.target, rollout.environment)
    found = candidates(rollout.store, rollout.target)
    fit = next((item.release for item in found if item.objection is None and item.release), None)
    if fit is not None:
        intent = back_to(fit, rollout.store, rollout.target.revisions(), ground, reason)
    else:
        intent = Intent("stop", None, {}, reason, replaces=current)
    outcome = rollout.roll_out(intent, ground)
    went = f"went back to {fit.version}" if fit is not None else "runs nothing now"
    rollout.notes.append(f"{rollout.environment} {went}: {current.version} was {reason}")
    return outcome


@dataclass(frozen=True)
class TakeBack:
    """The wish that a rejected release doesn't run in the environment that rejected it (A3).

    Record the rejection first: then any next run on the environment finishes what this one could not.
    """

    environment: str

    def ground(self, target: Target) -> Ground:
        """The policy that the environment read last."""
        return remembered(target, self.environment)

    def decide(self, target: Target, ground: Ground) -> None:  # noqa: ARG002
        """Nothing more: every run on an environment first takes back what was rejected there (recovery.py)."""
        return


def take_back_rejected(rollout: Rollout) -> Outcome:
    """After a rejection was recorded: if the environment still runs that release, it leaves it (A3).

    The outcome's `notes` say where it went; `revision` is what runs now. Does nothing where something else runs.
    """
    return rollout.run(TakeBack(rollout.environment))
