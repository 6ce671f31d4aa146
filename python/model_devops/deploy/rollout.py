"""The one function that changes what runs in an environment: deploy, rollback and stop alike (D1).

lock → read policy → recover what a killed run left (recovery.py) → decide → plan → prepare → record the
revision as pending → apply → watch, failing early → prove → smoke → window → verified; else save the attempt
report, restore exactly what ran before, and say so.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from model_devops import faults
from model_devops.adapters.clock import timestamp
from model_devops.adapters.signals import deferred
from model_devops.config.types import Environment, Verify
from model_devops.deploy import decision, evidence, states
from model_devops.deploy.actor import Actor, acting
from model_devops.deploy.proof import Checked, prove
from model_devops.deploy.recorded import Recorded, of_release, turns
from model_devops.deploy.recovery import recover
from model_devops.deploy.reports import published
from model_devops.deploy.restoring import title, undo, words
from model_devops.deploy.revision import FAILED, INTERRUPTED, PENDING, VERIFIED, Place, Revision
from model_devops.deploy.stores import as_kept
from model_devops.deploy.target import Target, obstacle
from model_devops.deploy.window import AT_ONCE, Window
from model_devops.deploy.wish import Ground, Intent, Outcome, Wish
from model_devops.errors import BusyError, InterruptedBySignal, ModelDevopsError, RestoredError
from model_devops.project import Project
from model_devops.release.store import Store, Stored


class Rollout:
    """One run on one environment."""

    def __init__(
        self,
        target: Target,
        environment: str,
        store: Store,
        actor: Actor,
        say: Callable[[str], None] = lambda _: None,
        folder: Path | None = None,
    ) -> None:
        self.target = target
        self.environment = environment
        self.store = store
        self.actor = actor
        self.say = say
        self.folder = folder
        """Where CI finds files: reports of failed attempts are copied there."""
        self.notes: list[str] = []
        self.reports: list[dict[str, str]] = []

    def run(self, wish: Wish) -> Outcome:
        """Do what is asked. Raises BusyError, RefusedError, RestoredError, BrokenError, InterruptedBySignal."""
        with self.target.lock(self.actor.holder):
            ground = wish.ground(self.target)
            self.store = ground.store or self.store
            if ground.note:
                self.notes.append(ground.note)
            self._remember(ground)
            recover(self)
            intent = self._decided(wish, ground)
            before = states.current(self.target.revisions())
            if self.target.left_over(before):
                self.prune([before] if before else [])
            if intent is None:
                return Outcome(before, before, False, self.notes)
            if before is not None and self._again(before, intent, ground.block):
                return Outcome(before, before, False, self.notes)
            return self.roll_out(intent, ground)

    def _decided(self, wish: Wish, ground: Ground) -> Intent | None:
        """What the wish comes to, written down as the environment's decision."""
        try:
            intent = wish.decide(self.target, ground)
        except ModelDevopsError as error:
            decision.refused(self, ground, getattr(wish, "release", None), error)
            raise
        if intent is not None:
            decision.taken(self, ground, intent)
        return intent

    def _remember(self, ground: Ground) -> None:
        """Keep the last policy read (P2, D8). The first revision brings the place itself (P4)."""
        place = self.target.place()
        if place is not None and ground.kept is not None and place.policy != ground.kept:
            self.target.save_place(msgspec.structs.replace(place, policy=ground.kept))

    def _again(self, before: Revision, intent: Intent, block: Environment) -> bool:
        """Where the same release runs with the same settings: prove it again (D4). False: roll it out."""
        if intent.release is None or (before.release, before.settings) != (intent.release.digest, intent.settings):
            return False
        cause = self.check(before, block, wait=False).cause
        if cause is None:
            evidence.sign(self.store, self.environment, before)
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
        planned = self.target.plan(revision)
        refused = obstacle(planned.problems, self.environment)
        if refused is not None:
            raise refused
        for note in planned.notes:
            self.say(note)
        self.prepare(revision, intent.release)
        if self.target.place() is None:
            self.target.save_place(self._first_place(intent, ground))
        self.target.create(revision)
        return self._attempt(revision, before, ground.block)

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
            **(states.of_release(release) if release else {}),
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

    def _attempt(self, revision: Revision, before: Revision | None, block: Environment) -> Outcome:
        ran = self.target.stops_first and self.target.observe(measure=False).ready
        began = monotonic()
        try:
            faults.point("rollout.before-apply")
            self.target.apply(revision)
            faults.point("rollout.after-apply")
            checked = self.check(revision, block, wait=True)
            downtime = round(monotonic() - began - checked.watched, 3) if ran and revision.release else None
        except BusyError:  # somebody else holds it now, and finds this revision pending (D6)
            raise
        except BaseException as error:
            with deferred():
                self._undo(revision, before, error, began if ran else None)
            raise  # _undo raises; this is for readers
        with deferred():
            cause = checked.cause
            if cause is None:
                try:
                    verified = self.finish(revision, VERIFIED, **checked.held, downtime=downtime)
                except OSError as error:
                    cause = f"it can't be recorded: {words(error)}"
            if cause is not None:
                self._undo(revision, before, cause, began + checked.watched if ran else None)
            self.prune([verified])
        return Outcome(verified, before, True, self.notes)

    def check(self, revision: Revision, block: Environment, *, wait: bool) -> Checked:
        """Watch, prove and try a revision that was applied: the first cause against it, and what held."""
        if wait or not revision.release:
            cause = self.target.watch(revision, self.say)
            if cause is not None or not revision.release:
                return Checked(cause)
        proof = prove(self.target.observe(), revision, block.proof)
        if proof.problems:
            return Checked("; ".join(proof.problems), proof.levels)
        faults.point("rollout.after-proof")
        cause = "; ".join(self.target.smoke(revision)) or None
        if cause is None and wait and block.verify and revision.action == "deploy":
            return self._watched(revision, block.verify, proof.levels)
        return Checked(cause, proof.levels)

    def _watched(self, revision: Revision, verify: Verify, levels: list[str]) -> Checked:
        """Let it serve for a while under watch (D13). What goes back to an older release is not held up by this."""
        self.say(f"watching what serves for {verify.window}")
        window, began, requests = Window(verify), monotonic(), turns(self._recorded(revision, verify), AT_ONCE)
        cause = window.watch(lambda: self.target.sample(revision, verify.metrics, next(requests)))
        return Checked(cause, levels, window.figures(), monotonic() - began)

    def _recorded(self, revision: Revision, verify: Verify) -> list[Recorded]:
        release = self.store.find(revision.release or "") if verify.requests else None
        return of_release(self.store, release, verify.requests) if release and verify.requests else []

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
        cause = why if isinstance(why, str) else words(why)
        interrupted = isinstance(why, (InterruptedBySignal, KeyboardInterrupt))
        self.say(f"revision {revision.number} failed: {cause}")
        failed = undo(self, revision, before, cause, INTERRUPTED if interrupted else FAILED, began)
        if isinstance(why, InterruptedBySignal):
            why.message = f"{title(self, revision)} was {cause}; {self._said(before, failed)}"
            why.details = self.details(failed)
        if isinstance(why, BaseException) and interrupted:
            raise why
        raise RestoredError(
            f"{title(self, revision)} failed: {cause}; {self._said(before, failed)}",
            hint=f"the attempt's log and state are in {failed.report}" if failed.report else None,
            details=self.details(failed),
        ) from (why if isinstance(why, BaseException) else None)

    def save_report(self, revision: Revision, cause: str) -> str | None:
        """Save what is known of a failed attempt before it is undone. Returns the path of the report, if it could."""
        saved = self.target.save_report(revision, cause)
        self.reports += published(saved, self.folder, f"{revision.action}-{self.environment}-{revision.number}")
        return str(saved[0]) if saved else None

    def prune(self, keep: list[Revision]) -> None:
        """Remove what was prepared for others. What can't be removed now is removed by the next run."""
        try:
            self.target.prune(keep)
        except InterruptedBySignal:
            raise
        except (OSError, ModelDevopsError) as error:
            self.notes.append(
                f"what is not needed any more could not be removed ({words(error)}); the next run does that"
            )

    def _said(self, before: Revision | None, failed: Revision) -> str:
        runs = f"{before.version} runs again" if before and before.release else "nothing runs, as before"
        down = f", after {failed.downtime:.1f} s of downtime" if failed.downtime is not None else ""
        return runs + down + "".join(f"; {note}" for note in self.notes)

    def details(self, revision: Revision) -> dict[str, Any]:
        """What the result document says of a revision that failed."""
        from model_devops.deploy.summary import revision_fields

        return {
            "revision": revision_fields(revision),
            "reports": self.reports,
            "notes": self.notes,
            "environment": self.environment,
        }


def open_rollout(project: Project, environment: str, target: Target, say: Callable[[str], None]) -> Rollout:
    """A run of this program that may change what runs there. Raises UsageError where its words can't be signed."""
    store = as_kept(project, target).store
    _ = store.signer  # else that would be told when all is done
    return Rollout(target, environment, store, acting(project.build, project.commit), say, project.folder)
