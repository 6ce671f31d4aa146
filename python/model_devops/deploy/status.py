"""What runs where, and whether it still is what was deployed. Changes and recovers nothing (D6)."""

from __future__ import annotations

from dataclasses import dataclass

from model_devops.deploy import states
from model_devops.deploy.revision import Revision
from model_devops.deploy.target import Observation, Target
from model_devops.release.standing import is_revoked, rejected
from model_devops.release.store import Store


@dataclass(frozen=True)
class Status:
    """One environment: its record, what was observed, and what a person should know."""

    environment: str
    record: Revision | None
    seen: Observation
    remarks: list[str]

    @property
    def healthy(self) -> bool:
        """Whether what runs is what the record says, with nothing to remark."""
        return not self.remarks

    @property
    def stopped(self) -> bool:
        """Whether nothing runs because somebody wanted that."""
        return self.record is not None and self.record.release is None and not self.seen.running


def status(store: Store, environment: str, target: Target) -> Status:
    """Compare the environment's record with what runs there; the model's bytes are hashed anew."""
    revisions = target.revisions()
    record = states.current(revisions)
    seen = target.observe()
    remarks = _drift(record, seen)
    failed = states.broken(revisions)
    if failed is not None:
        remarks.append(
            f"revision {failed.number} failed, and what ran before could not be brought back: {failed.broken}"
        )
    left = states.pending(revisions)
    if left is not None:
        remarks.append(f"revision {left.number} is pending: running now, or left by a killed run")
    return Status(environment, record, seen, remarks + _said(store, record))


def _drift(record: Revision | None, seen: Observation) -> list[str]:
    if record is None or record.release is None:
        return ["a server runs that no verified revision explains"] if seen.running else []
    if not seen.running:
        return [f"it does not run: {seen.detail}"]
    found = []
    if seen.revision != record.number:
        found.append(f"revision {seen.revision} runs instead of revision {record.number}")
    if seen.foreign:
        found.append(f"its address is held by {seen.foreign}")
    elif not seen.ready:
        found.append("it is not ready")
    if seen.measured and seen.measured != record.model and seen.revision == record.number:
        found.append(f"the model's files were changed: measured {seen.measured[:71]}, deployed was {record.model}")
    if seen.digest and seen.digest != record.model and seen.revision == record.number:
        found.append(f"the server reports another model: {seen.digest[:71]}, deployed was {record.model}")
    return found


def _said(store: Store, record: Revision | None) -> list[str]:
    release = store.find(record.release) if record and record.release else None
    if release is None:
        return []
    found = ["its release is revoked"] if is_revoked(store, release.record.identity) else []
    return [*found, "its release was rejected"] if rejected(store, release) else found
