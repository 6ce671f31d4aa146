"""Going back to an earlier verified release (D8), and taking back a rejected one (A3)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_devops import notices
from model_devops.deploy import decision, states
from model_devops.deploy.deploying import remembered, settings
from model_devops.deploy.revision import VERIFIED, Revision
from model_devops.deploy.target import Target
from model_devops.deploy.wish import Ground, Intent, Outcome
from model_devops.errors import ModelDevopsError, Problem, RefusedError, UnreachableError, UsageError
from model_devops.release.standing import anyone, build_words, is_rejected, is_revoked
from model_devops.release.store import Store, Stored, order

if TYPE_CHECKING:
    from model_devops.deploy.rollout import Rollout


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
    if release is None:
        return f"its bytes are not in {store.location}"
    lacking = store.lacking(release) or _image_lacking(store, release)
    if lacking:
        return f"it is not whole: {lacking[0].message}"
    return unwanted(store, target, release) or _unsigned(store, target, release)


def _image_lacking(store: Store, release: Stored) -> list[RefusedError]:
    """What its image lacks. No way back waits for a registry that doesn't tell: what can't be known is said (D12)."""
    image = release.record.image
    if image is None:
        return []
    try:
        return store.images.lacking_soon(image)
    except (RefusedError, UnreachableError) as error:
        notices.warn(f"whether the image of {release.version} is still whole isn't known here: {error.message}")
        return []


def _unsigned(store: Store, target: Target, release: Stored) -> str | None:
    """`signed_by` asks for the word of its build, or of who answered for it (D8, S7)."""
    from model_devops.policy.person import accepts
    from model_devops.policy.source import kept_approvals, kept_trust

    place = target.place()
    trust = kept_trust(place) if place else None
    if place is None or trust is None or not trust.lists:
        return None
    words = build_words(store.evidence(release.digest), release, accepts(kept_approvals(place), trust))
    if any(trust.holds(item) for item in words):
        return None
    why = trust.objection(words[-1]) if words else "there is no word of its build"
    return f"{why}: answer for it: `model-devops store accept {release.version} --reason WHY`{trust.how()}"


def unwanted(store: Store, target: Target, release: Stored) -> str | None:
    """Why a release may not run here at all, whatever the policy asks: blocked, revoked or rejected (D6, D8)."""
    from model_devops.policy.person import accepts
    from model_devops.policy.source import kept_approvals, kept_trust

    place = target.place()
    block = states.block(target.revisions(), place, release)
    if block is not None:
        return f"it is blocked here: revision {block.number} replaced {_those_bytes(block, release)}"
    accept = accepts(kept_approvals(place), kept_trust(place)) if place else anyone
    if is_revoked(store, release.record.identity, accept):
        return "it is revoked"
    return "it was rejected" if is_rejected(store, release.record.identity, accept) else None


def _those_bytes(block: Revision, release: Stored) -> str:
    same = block.replaces == release.digest
    return "it" if same else f"{block.replaced_version}, which has the same bytes"


def _is_higher(version: str, running: str) -> bool:
    """Not asked with a pre-release on either side (D7, D8)."""
    return "-" not in version and "-" not in running and order(version) > order(running)


def choose(found: list[Candidate], environment: str, to: Stored | None, running: Revision | None) -> Candidate:
    """The newest candidate that nothing speaks against, or the one named. Raises RefusedError saying what does."""
    named = [item for item in found if to is None or to.digest == item.revision.release]
    fit = next((item for item in named if item.objection is None), None)
    if fit is not None:
        return fit
    if to is None:
        problems = [Problem(f"{item.revision.version}: {item.objection}") for item in named]
        message = f"{environment} has nothing to go back to"
        raise RefusedError(message, kind="no-rollback", problems=problems, hint=_see(environment))
    kind, message = "not-verified-here", f"{to.version} was never verified in {environment}"
    if named:
        kind, message = "no-rollback", f"{environment} can't go back to {to.version}: {named[0].objection}"
    elif running and to.digest == running.release:
        kind, message = "runs-already", f"{environment} runs {to.version} already"
    raise RefusedError(message, kind=kind, hint=_ways(found, environment))


def meant_here(store: Store, target: Target, environment: str, to: str) -> str:
    """The release that `to` names: as people write it, or an entry of a job's list, `ENVIRONMENT VERSION`.

    An entry of another environment is a slip, even if its version would do here: RefusedError. None at all: UsageError.
    """
    place, _, name = to.strip().rpartition(" ")
    if not name:
        raise UsageError("the version to go back to is empty", hint=_ways(candidates(store, target), environment))
    if place and place != environment:
        message = f"{name} was chosen from what {place} can go back to, and {environment} is to go back"
        hint = _ways(candidates(store, target), environment)
        raise RefusedError(message, kind="other-environment", hint=hint)
    return name


def _ways(found: list[Candidate], environment: str) -> str:
    """What nothing speaks against here."""
    fit = ", ".join(str(item.revision.version) for item in found if item.objection is None)
    return f"{environment} can go back to: {fit}" if fit else _see(environment)


def _see(environment: str) -> str:
    return (
        f"`model-devops history {environment}` shows what ran there; `model-devops deploy {environment}` runs another"
    )


def outlook(store: Store, target: Target, environment: str, to: Stored | None) -> tuple[Candidate, list[Candidate]]:
    """What a rollback would go back to, and all candidates. Changes and recovers nothing; raises as `choose`."""
    found = candidates(store, target)
    try:
        return choose(found, environment, to, states.current(target.revisions())), found
    except RefusedError as error:
        error.details["candidates"] = [item.as_dict() for item in found]
        raise


def returnable(places: Mapping[str, tuple[Store, Target]]) -> list[str]:
    """What these environments could go back to, as `ENVIRONMENT VERSION`: a job has one list for all of them.

    By environment, its highest version first. Who can't be asked is left out.
    """
    found: list[str] = []
    for environment, (store, target) in places.items():
        with contextlib.suppress(ModelDevopsError, OSError):
            fit = {item.revision.version for item in candidates(store, target) if item.objection is None}
            versions = sorted((version for version in fit if version), key=order, reverse=True)
            found += [f"{environment} {version}" for version in versions]
    return found


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
        running = states.current(target.revisions())
        chosen = choose(candidates(self.store, target), self.environment, self.to, running)
        assert chosen.release is not None
        return back_to(chosen.release, self.store, target, self.environment, ground, self.reason)


def back_to(
    release: Stored, store: Store, target: Target, environment: str, ground: Ground, reason: str | None
) -> Intent:
    """A rollback as a new revision: the old release with its own commands, and the last settings known here."""
    current = states.current(target.revisions())
    replaces = current if current and current.release else None
    held = [f"deployed:{environment}"]
    templates = current.settings.get("templates") if current else None  # those read last (D8)
    wanted = settings(store, release, ground.block, templates)
    return Intent("rollback", release, wanted, reason, replaces=replaces, held=held)


def take_back(rollout: Rollout, current: Revision, reason: str) -> Outcome:
    """Under the lock: leave what runs for what D8 gives; with nothing to go back to, for nothing (A3)."""
    ground = remembered(rollout.target, rollout.environment)
    found = candidates(rollout.store, rollout.target)
    fit = next((item.release for item in found if item.objection is None and item.release), None)
    if fit is not None:
        intent = back_to(fit, rollout.store, rollout.target, rollout.environment, ground, reason)
    else:
        intent = Intent("stop", None, {}, reason, replaces=current)
    decision.taken(rollout, ground, intent)
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
