"""What runs where, and whether it still is what was deployed. Changes and recovers nothing (D6)."""

from __future__ import annotations

from dataclasses import dataclass

from model_devops.deploy import states
from model_devops.deploy.proof import changed_words, image_digest, listed
from model_devops.deploy.revision import Revision
from model_devops.deploy.target import Observation, Target
from model_devops.release.standing import is_rejected, is_revoked
from model_devops.release.store import Store


@dataclass(frozen=True)
class Status:
    """One environment: its record, what was observed, and what a person should know."""

    environment: str
    record: Revision | None
    """What is meant to run: the newest verified revision (D2)."""
    running: Revision | None
    """The revision whose server runs, verified or not; None: nothing runs, or something that no record explains."""
    pending: Revision | None
    """A rollout that is under way or was killed (D6)."""
    seen: Observation
    remarks: list[str]

    @property
    def runs(self) -> str:
        """The version that runs, `nothing`, or `unknown`: never the one that is only meant to."""
        if not self.seen.running:
            return "nothing"
        return (self.running.version if self.running and _as_released(self.running, self.seen) else None) or "unknown"

    @property
    def healthy(self) -> bool:
        """Whether what runs is what the record says, with nothing to remark."""
        return not self.remarks

    @property
    def stopped(self) -> bool:
        """Whether nothing runs because somebody wanted that."""
        return self.record is not None and self.record.release is None and not self.seen.running


def status(store: Store, environment: str, target: Target, *, measure: bool = True) -> Status:
    """Compare the environment's record with what runs there; with `measure` the model's bytes are hashed anew."""
    revisions = target.revisions()
    record, left = states.current(revisions), states.pending(revisions)
    seen = target.observe(measure=measure)
    running = next((item for item in revisions if seen.running and item.number == seen.revision), None)
    remarks = _drift(record, running, seen)
    failed = states.broken(revisions)
    if failed is not None:
        remarks.append(
            f"revision {failed.number} failed, and what ran before could not be brought back: {failed.broken}"
        )
    if left is not None:
        remarks.append(_unfinished(left, record))
    return Status(environment, record, running, left, seen, remarks + _said(store, record))


def _unfinished(left: Revision, record: Revision | None) -> str:
    """A pending revision, and what the next run on the environment does about it (D6)."""
    back = f"brings {record.version} back" if record and record.release else "leaves nothing running"
    first = (
        f"proves {left.version}, smoke requests included, or {back}"
        if left.release
        else f"sees that nothing runs, or {back}"
    )
    return (
        f"revision {left.number} ({_what(left)}) is unfinished: its run goes on, or was killed; then the next deploy,"
        f" rollback or stop here first {first}"
    )


def _what(revision: Revision) -> str:
    return f"{revision.action} of {revision.version}" if revision.release else revision.action


def _as_released(running: Revision, seen: Observation) -> bool:
    """Whether nothing that was seen differs from the revision's."""
    models = all(digest in (None, running.model) for digest in (seen.measured, seen.digest))
    return models and seen.image in (None, image_digest(running)) and not seen.problems and not _files(running, seen)


def _files(running: Revision, seen: Observation) -> list[str]:
    """Files that are not as released. Of a cluster's objects a changed one does not make another model."""
    return [] if running.settings.get("target") == "kubernetes" else seen.changed


def _drift(record: Revision | None, running: Revision | None, seen: Observation) -> list[str]:
    """What is not as the newest verified revision says."""
    meant = record is not None and record.release is not None
    if not seen.running:
        return [f"it does not run: {seen.detail}"] if meant else []
    found = []
    if record is None or seen.revision != record.number:
        runs = f"revision {running.number} ({running.version}, {running.status})" if running else "what no record names"
        instead = f"revision {record.number} ({record.version})" if record and meant else "nothing"
        found.append(f"{runs} runs instead of {instead}")
    if seen.foreign:
        found.append(f"its address is held by {seen.foreign}")
    elif not seen.ready:
        found.append("it is not ready")
    return found + (_differences(running, seen) if running else [])


def _differences(running: Revision, seen: Observation) -> list[str]:
    found = list(seen.problems)
    if seen.image and seen.image != image_digest(running):
        found.append(f"another image runs: {seen.image[:71]}, deployed was {image_digest(running)}")
    if seen.measured and seen.measured != running.model:
        found.append(f"the model's files were changed: measured {seen.measured[:71]}, deployed was {running.model}")
    if seen.changed:
        found.append(f"{changed_words(running)}: {listed(seen.changed)}")
    if seen.digest and seen.digest != running.model:
        found.append(f"the server reports another model: {seen.digest[:71]}, deployed was {running.model}")
    return found


def _said(store: Store, record: Revision | None) -> list[str]:
    release = store.find(record.release) if record and record.release else None
    if release is None:
        return []
    found = ["its release is revoked"] if is_revoked(store, release.record.identity) else []
    return [*found, "its release was rejected"] if is_rejected(store, release.record.identity) else found
