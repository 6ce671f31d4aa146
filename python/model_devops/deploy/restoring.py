"""Bringing back what ran before, after a rollout that failed or a run that was killed (D5, D6)."""

from __future__ import annotations

import contextlib
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from model_devops import faults
from model_devops.deploy import states
from model_devops.deploy.proof import prove
from model_devops.deploy.revision import Revision
from model_devops.errors import BrokenError, ModelDevopsError
from model_devops.release.store import Stored

if TYPE_CHECKING:
    from model_devops.deploy.rollout import Rollout


def undo(
    rollout: Rollout, revision: Revision, before: Revision | None, cause: str, status: str, began: float | None = None
) -> Revision:
    """Save the attempt's report, bring back what ran before, and record what became of the revision.

    `began` is the moment from which nothing was ready; None where nothing was before either. What can't be
    recorded stays pending, with a note: the next run here finishes it. Raises BrokenError where what ran
    before can't be brought back; then nothing runs, since nothing that runs would be proved.
    """
    changes: dict[str, Any] = {"failure": cause, "report": rollout.save_report(revision, cause)}
    try:
        restored = restore(rollout, before)
    except (ModelDevopsError, OSError) as error:
        raise _broken(rollout, revision, before, status, changes | {"broken": words(error)}) from error
    if began is not None:
        changes["downtime"] = round(monotonic() - began, 3)
    done = _record(rollout, revision, status, changes | {"restored": restored})
    rollout.prune([before] if before else [])
    return done


def _broken(
    rollout: Rollout, revision: Revision, before: Revision | None, status: str, changes: dict[str, Any]
) -> BrokenError:
    still = _end_all(rollout)
    failed = _record(rollout, revision, status, changes)
    again = f"--release {before.version}" if before and before.release else "with a release that works"
    wanted = f"{before.version} could not be brought back" if before and before.release else "it could not be undone"
    return BrokenError(
        f"{title(rollout, revision)} failed ({failed.failure}), and {wanted}: {failed.broken};"
        f" {still or 'nothing runs now'}{''.join(f'; {note}' for note in rollout.notes)}",
        hint=f"a person is needed: see {failed.report or 'above'}, then"
        f" `model-devops deploy {rollout.environment} {again}`",
        details=rollout.details(failed),
    )


def _end_all(rollout: Rollout) -> str | None:
    """End what was not proved. Returns what still runs, if it can't be ended."""
    try:
        rollout.target.apply(states.NOTHING)
        return rollout.target.watch(states.NOTHING, rollout.say)
    except (ModelDevopsError, OSError) as error:
        return words(error)


def _record(rollout: Rollout, revision: Revision, status: str, changes: dict[str, Any]) -> Revision:
    try:
        return rollout.finish(revision, status, **changes)
    except (ModelDevopsError, OSError) as error:
        number = revision.number
        rollout.notes.append(f"revision {number} could not be recorded ({words(error)}); the next run here does that")
        return msgspec.structs.replace(revision, **changes)


def restore(rollout: Rollout, before: Revision | None) -> str:
    """Bring back exactly what ran before, as recorded (D5). Returns what. Raises where that can't be done."""
    faults.point("rollout.before-restore")
    wanted = before or states.NOTHING
    release = _stored(rollout, wanted)
    if not _runs_still(rollout, wanted):
        rollout.prepare(wanted, release)
        rollout.target.apply(wanted)
        cause = rollout.target.watch(wanted, rollout.say)
        if cause is None and wanted.release:
            cause = "; ".join(prove(rollout.target.observe(), wanted, []).problems) or None
        if cause is not None:
            raise BrokenError(cause)
    faults.point("rollout.after-restore")
    if release is not None:
        _say_if_unwanted(rollout, release)
    return wanted.version or "nothing"


def _stored(rollout: Rollout, wanted: Revision) -> Stored | None:
    """The release as the store knows it. None where the store can't say: the copy that is there is proved anyway."""
    with contextlib.suppress(ModelDevopsError, OSError):
        return rollout.store.find(wanted.release) if wanted.release else None
    return None


def _runs_still(rollout: Rollout, wanted: Revision) -> bool:
    """Whether what is to be brought back was never stopped: then nobody has to wait for its start."""
    seen = rollout.target.observe(measure=False)
    if not wanted.release or not seen.running or seen.revision != wanted.number:
        return False
    return not prove(rollout.target.observe(), wanted, []).problems


def _say_if_unwanted(rollout: Rollout, release: Stored) -> None:
    from model_devops.release.standing import is_rejected, is_revoked

    for word, holds in (("revoked", is_revoked(rollout.store, release.record.identity)),
                        ("rejected", is_rejected(rollout.store, release.record.identity))):  # fmt: skip
        if holds:
            rollout.notes.append(f"{release.version} runs again although it was {word} meanwhile")
            rollout.say(rollout.notes[-1])


def title(rollout: Rollout, revision: Revision) -> str:
    """A rollout in messages."""
    what = f"{revision.action} of {revision.version}" if revision.version else revision.action
    return f"{what} in {rollout.environment} (revision {revision.number})"


def words(error: BaseException) -> str:
    """An error in one line, without the defect's type where it is none."""
    if isinstance(error, ModelDevopsError):
        return error.message
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return f"{type(error).__name__}: {error}"
