"""Finishing what a killed run left behind, before anything else is done to an environment (D6, D9, A3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_devops.adapters.signals import deferred
from model_devops.deploy import evidence, states
from model_devops.deploy.deploying import remembered
from model_devops.deploy.proof import Checked
from model_devops.deploy.restoring import undo
from model_devops.deploy.revision import INTERRUPTED, PENDING, VERIFIED, Revision
from model_devops.deploy.rollback import take_back, unwanted
from model_devops.errors import UnreachableError

if TYPE_CHECKING:
    from model_devops.deploy.rollout import Rollout


def recover(rollout: Rollout) -> None:
    """Prove or undo a pending revision, add missing evidence, and take back what was rejected here."""
    revisions = rollout.target.revisions()
    rollout.notes += evidence.complete(rollout.store, rollout.environment, revisions)
    left = states.pending(revisions)
    if left is not None:
        rollout.say(f"revision {left.number} was left pending by {left.url or left.by}: it is checked first")
        _finish(rollout, left)
    _finish_rejection(rollout)


def _finish(rollout: Rollout, left: Revision) -> None:
    """A pending revision that runs, may run here and passes is verified; else what ran before comes back (D6)."""
    block = remembered(rollout.target, rollout.environment).block
    cause = _obstacle(rollout, left)
    checked = rollout.check(left, block, wait=True) if cause is None else Checked(cause)
    cause = checked.cause
    with deferred():
        if cause is None:
            rollout.finish(left, VERIFIED, **checked.held)
            rollout.notes.append(f"revision {left.number}, which a killed run left pending, is verified")
            return
        _undo(rollout, left, cause)


def _undo(rollout: Rollout, left: Revision, cause: str) -> None:
    before = states.current(rollout.target.revisions())
    done = undo(rollout, left, before, cause, INTERRUPTED)
    if done.status == PENDING:
        raise UnreachableError(rollout.notes.pop(), kind="not-recorded", hint="make room or repair, and run this again")
    rollout.notes.append(f"revision {left.number} had been interrupted ({cause}); restored: {done.restored}")


def _obstacle(rollout: Rollout, left: Revision) -> str | None:
    """Why a pending revision is not even tried: it doesn't run, or its release may not run here any more."""
    seen = rollout.target.observe(measure=False)
    if left.release is None:
        return "the server still runs" if seen.running else None
    if not seen.running or seen.revision != left.number:
        return "its run was killed before it was applied" if not seen.detail else f"it does not run: {seen.detail}"
    release = rollout.store.find(left.release)
    if release is None:
        return f"{rollout.store.location} does not know its release"
    return unwanted(rollout.store, rollout.target, release)


def _finish_rejection(rollout: Rollout) -> None:
    """A run that was killed between a rejection and taking the release back is finished here (A3)."""
    from model_devops.policy.approval import must_leave

    current = states.current(rollout.target.revisions())
    if current is not None and must_leave(rollout.store, rollout.target) is not None:
        rollout.say(f"{current.version} was rejected here: it is taken back first")
        take_back(rollout, current, "rejected by the user test")
