"""The one function that changes what runs in an environment: deploy, rollback and stop alike (D1).

lock → read policy → recover what a killed run left (recovery.py) → decide → plan → prepare → record the
revision as pending → apply → watch, failing early → prove → smoke → verified; else save the attempt
report, restore exactly what ran before, and say so.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import msgspec

from model_devops import faults
from model_devops.adapters.clock import timestamp
from model_devops.adapters.signals import deferred
from model_devops.config.types import Environment
from model_devops.deploy import evidence, states
from model_devops.deploy.actor import Actor
from model_devops.deploy.proof import prove
from model_devops.deploy.revision import FAILED, INTERRUPTED, PENDING, VERIFIED, Place, Revision, Source
from model_devops.deploy.target import Target
from model_devops.errors import BrokenError, InterruptedBySignal, ModelDevopsError, RefusedError, RestoredError
from model_devops.release.store import Store, Stored


@dataclass(frozen=True)
class Ground:
    """The policy that a step stands on."""

    source: Source
    kept: dict[str, Any] | None
    """The block as read just now, for the environment to remember; None where it stands on what it remembered."""
    block: Environment
    """The block to use."""
    note: str | None = None
    policy_read: Any = None
    """What `decide` needs of the policy beyond that."""


@dataclass(frozen=True)
class Intent:
    """What was decided: `release` None makes nothing run."""

    action: str
    release: Stored | None
    settings: dict[str, Any]
    reason: str | None = None
    replaces: Revision | None = None
    decided_on: list[str] = field(default_factory=list)


class Wish(Protocol):
    """What somebody asks of an environment."""

    def ground(self, target: Target) -> Ground:
        """Read the policy. Raises what keeps it from being read, before anything changes."""

    def decide(self, target: Target, ground: Ground) -> Intent | None:
        """What to apply; None where that is so already. Raises RefusedError with every condition that fails."""


@dataclass(frozen=True)
class Outcome:
    """How a rollout ended. `changed` is False where what was asked for ran already, and was proved again (D4)."""

    revision: Revision | None
    before: Revision | None
    changed: bool
    notes: list[str]


class Rollout:
    """One run on one environment."""

    def __init__(
        self,
        target: Target,
        environment: str,
        store: Store,
        actor: Actor,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.target = target
        self.environment = environment
        self.store = store
        self.actor = actor
        self.say = say
        self.notes: list[str] = []

    def run(self, wish: Wish) -> Outcome:
        """Do what is asked. Raises BusyError, RefusedError, RestoredError, BrokenError, InterruptedBySignal."""
        from model_devops.deploy.recovery import recover

        with self.target.lock(self.actor.holder):
            ground = wish.ground(self.target)
            if ground.note:
                self.notes.append(ground.note)
            self._remember(ground)
            recover(self)
            intent = wish.decide(self.target, ground)
            before = states.current(self.target.revisions())
            if intent is None:
                return Outcome(before, before, False, self.notes)
            if before is not None and self._again(before, intent, ground.block.proof):
                return Outcome(before, before, False, self.notes)
            return self.roll_out(intent, ground)

    def _remember(self, ground: Ground) -> None:
        """Keep the last policy read (P2, D8). The first revision brings the place itself (P4)."""
        place = self.target.place()
        if place is not None and ground.kept is not None and place.policy != ground.kept:
            self.target.save_place(msgspec.structs.replace(place, policy=ground.kept))

    def _again(self, before: Revision, intent: Intent, required: Sequence[str]) -> bool:
        """Where the same release runs with the same settings: prove it again (D4). False: roll it out."""
        if intent.release is None or (before.release, before.settings) != (intent.release.digest, intent.settings):
            return False
        cause = self.check(before, required, wait=False)[0]
        if cause is None:
            return True
        self.say(f"revision {before.number} is to run this, but: {cause}")
        self.notes.append(f"the proof of revision {before.number} failed: {cause}")
        evidence.proof_failed(self.store, self.environment, before, cause)
        return False

    def roll_out(self, intent: Intent, ground: Ground) -> Outcome:
        """Make a new revision run (D1)."""
        revisions = self.target.revisions()
        before = states.current(revisions)
        revision = self._draft(states.next_number(revisions), intent)
        problems = self.target.plan(revision).problems
        if problems:
            raise RefusedError(f"{self.environment} can't take it: {problems[0]}", kind="address-taken")
        self.prepare(revision, intent.release)
        if self.target.place() is None:
            self.target.save_place(self._first_place(intent, ground))
        self.target.create(revision)
        return self._attempt(revision, before, ground.block.proof)

    def _first_place(self, intent: Intent, ground: Ground) -> Place:
        name = intent.release.record.name if intent.release else ""
        return Place(model=name, environment=self.environment, source=ground.source, policy=ground.kept)

    def _draft(self, number: int, intent: Intent) -> Revision:
        release = intent.release
        return Revision(
            number=number,
            id=str(uuid.uuid4()),
            status=PENDING,
            action=intent.action,
            release=release.digest if release else None,
            version=release.version if release else None,
            identity=release.record.identity.digest if release else None,
            model=release.record.identity.artifacts.get("model") if release else None,
            store=self.store.location,
            settings=intent.settings,
            replaces=intent.replaces.release if intent.replaces else None,
            replaced_version=intent.replaces.version if intent.replaces else None,
            by=self.actor.by,
            origin=self.actor.origin,
            url=self.actor.url,
            reason=intent.reason,
            commit=self.actor.commit,
            started=timestamp(),
            decided_on=intent.decided_on,
        )

    def prepare(self, revision: Revision, release: Stored | None) -> None:
        """Files and runtime of a revision, made before anything is stopped (B3)."""
        if release is None:
            return
        runtime: Path | None = None
        if "runtime" in release.record.identity.artifacts:  # what makes one takes time to import
            from model_devops.runtime.environment import for_release

            runtime = for_release(self.store, release)
        self.target.prepare(revision, release, self.store, runtime)

    def _attempt(self, revision: Revision, before: Revision | None, required: Sequence[str]) -> Outcome:
        ran = self.target.observe(measure=False).ready
        began = monotonic()
        try:
            faults.point("rollout.before-apply")
            self.target.apply(revision)
            faults.point("rollout.after-apply")
            cause, proof = self.check(revision, required, wait=True)
            downtime = round(monotonic() - began, 3) if ran and revision.release else None
        except BaseException as error:
            with deferred():
                self._undo(revision, before, error, began if ran else None)
            raise  # _undo raises; this is for readers
        with deferred():
            if cause is not None:
                self._undo(revision, before, cause, began if ran else None)
            verified = self.finish(revision, VERIFIED, proof=proof, downtime=downtime)
            self.target.prune([verified])
        return Outcome(verified, before, True, self.notes)

    def check(self, revision: Revision, required: Sequence[str], *, wait: bool) -> tuple[str | None, list[str]]:
        """Watch, prove and try a revision that was applied: the first cause against it, and the levels that held."""
        if wait or not revision.release:
            cause = self.target.watch(revision, self.say)
            if cause is not None or not revision.release:
                return cause, []
        proof = prove(self.target.observe(), revision, required)
        if proof.problems:
            return "; ".join(proof.problems), proof.levels
        faults.point("rollout.after-proof")
        wrong = self.target.smoke(revision)
        return ("; ".join(wrong) or None), proof.levels

    def finish(self, revision: Revision, status: str, **changes: Any) -> Revision:
        """Give a pending revision its last status, and write its evidence (D2, D9)."""
        done = msgspec.structs.replace(revision, status=status, finished=timestamp(), **changes)
        self.target.change(revision, done)
        faults.point("rollout.after-verified")
        note = evidence.add(self.store, self.environment, done)
        if note:
            self.notes.append(note)
        return done

    def _undo(self, revision: Revision, before: Revision | None, why: str | BaseException, began: float | None) -> None:
        """Report, restore, record; always raises: RestoredError, BrokenError, or the signal that came."""
        cause = why if isinstance(why, str) else _words(why)
        status = INTERRUPTED if isinstance(why, (InterruptedBySignal, KeyboardInterrupt)) else FAILED
        self.say(f"revision {revision.number} failed: {cause}")
        report = self.target.save_report(revision, cause)
        changes: dict[str, Any] = {"failure": cause, "report": str(report) if report else None}
        try:
            restored = self.restore(before)
        except ModelDevopsError as error:
            failed = self.finish(revision, status, **changes)
            raise BrokenError(
                f"{self._title(revision)} failed ({cause}), and what ran before could not be restored: {error.message}",
                hint=f"a person is needed: see {report}, then deploy again",
                details=self._details(failed),
            ) from error
        if began is not None:
            changes["downtime"] = round(monotonic() - began, 3)
        failed = self.finish(revision, status, restored=restored, **changes)
        if isinstance(why, (InterruptedBySignal, KeyboardInterrupt)):
            raise why
        raise RestoredError(
            f"{self._title(revision)} failed: {cause}; {self._said(before, failed)}",
            hint=f"the attempt's log and state are in {report}" if report else None,
            details=self._details(failed),
        ) from (why if isinstance(why, BaseException) else None)

    def restore(self, before: Revision | None) -> str:
        """Bring back exactly what ran before, as recorded (D5). Returns what. Raises where that can't be done."""
        faults.point("rollout.before-restore")
        wanted = before or states.NOTHING
        release = self.store.find(wanted.release) if wanted.release else None
        self.prepare(wanted, release)
        self.target.apply(wanted)
        cause = self.target.watch(wanted, self.say)
        if cause is None and wanted.release:
            cause = "; ".join(prove(self.target.observe(), wanted, []).problems) or None
        if cause is not None:
            raise BrokenError(cause)
        faults.point("rollout.after-restore")
        if release is not None:
            self._say_if_unwanted(release)
        return wanted.version or "nothing"

    def _say_if_unwanted(self, release: Stored) -> None:
        from model_devops.release.standing import is_revoked, rejected

        for word, holds in (("revoked", is_revoked(self.store, release.record.identity)),
                            ("rejected", rejected(self.store, release))):  # fmt: skip
            if holds:
                self.notes.append(f"{release.version} runs again although it was {word} meanwhile")
                self.say(self.notes[-1])

    def _title(self, revision: Revision) -> str:
        what = f"{revision.action} of {revision.version}" if revision.version else revision.action
        return f"{what} in {self.environment} (revision {revision.number})"

    def _said(self, before: Revision | None, failed: Revision) -> str:
        runs = f"{before.version} runs again" if before and before.release else "nothing runs, as before"
        down = f", after {failed.downtime:.1f} s of downtime" if failed.downtime is not None else ""
        return runs + down + "".join(f"; {note}" for note in self.notes)

    def _details(self, revision: Revision) -> dict[str, Any]:
        from model_devops.deploy.summary import revision_fields

        title = f"{self.environment}: attempt of revision {revision.number}"
        reports = [{"kind": "text", "path": revision.report, "title": title}] if revision.report else []
        return {"revision": revision_fields(revision), "reports": reports, "notes": self.notes}


def _words(error: BaseException) -> str:
    return error.message if isinstance(error, ModelDevopsError) else f"{type(error).__name__}: {error}"
