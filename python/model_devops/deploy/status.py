"""What runs in an environment, and whether it still is what was deployed. Changes nothing (D6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from model_devops.deploy.open import open_known
from model_devops.deploy.revision import Revision
from model_devops.deploy.states import current, pending
from model_devops.deploy.target import Observation
from model_devops.errors import InterruptedBySignal, ModelDevopsError
from model_devops.project import Project


@dataclass(frozen=True)
class Status:
    """One environment: what should run, what does, and what is wrong with it."""

    environment: str
    revision: Revision | None
    observation: Observation
    drift: list[str] = field(default_factory=list)
    """Differences between what runs and the record: each one line."""
    notes: list[str] = field(default_factory=list)
    """What else a person should know: a pending revision, a revoked release."""

    def as_dict(self) -> dict[str, Any]:
        """For the result document."""
        return {
            "environment": self.environment,
            "revision": msgspec.to_builtins(self.revision),
            "running": self.observation.running,
            "ready": self.observation.ready,
            "reported": self.observation.digest,
            "measured": self.observation.measured,
            "detail": self.observation.detail,
            "drift": self.drift,
            "notes": self.notes,
        }


def status(project: Project, environment: str) -> Status:
    """Read the target and compare with its record."""
    target = open_known(project, environment)
    revisions = target.revisions()
    observation = target.observe()
    expected = current(revisions)
    waiting = pending(revisions)
    notes = []
    if waiting:
        notes.append(f"revision {waiting.number} ({waiting.version}) is pending: a run was cut off, or is under way")
    if expected and expected.release:
        notes += _said_against(project, expected)
    drift = [] if waiting else _drift(expected, observation)
    return Status(environment, expected, observation, drift, notes)


def _drift(expected: Revision | None, seen: Observation) -> list[str]:
    """How what runs differs from the newest verified revision."""
    if expected is None or expected.release is None:
        return [f"something runs, and nothing should: {seen.detail}"] if seen.running else []
    if not seen.running:
        return [f"{expected.version} should run: {seen.detail}"]
    found = []
    if seen.revision != expected.number:
        found.append(f"revision {seen.revision} runs, and {expected.number} ({expected.version}) should")
    if seen.foreign:
        found.append(f"the address is held by {seen.foreign}")
    elif not seen.ready:
        found.append(f"the server is not ready: {seen.detail}")
    for words, digest in (("the files that it serves", seen.measured), ("what the server has loaded", seen.digest)):
        if digest is not None and expected.model is not None and digest != expected.model:
            found.append(f"{words} differ from {expected.version}: {digest[:19]}, not {expected.model[:19]}")
    return found


def _said_against(project: Project, expected: Revision) -> list[str]:
    """Revoking stops nothing that runs; it is said here (S6)."""
    from model_devops.release.standing import rejected, revocations

    assert expected.release is not None
    try:
        found = []
        if expected.identity and revocations(project.store, expected.identity):
            found.append(f"{expected.version} was revoked")
        if rejected(project.store, expected.release):
            found.append(f"{expected.version} was rejected")
    except InterruptedBySignal:
        raise
    except ModelDevopsError as error:
        return [f"the store did not tell whether {expected.version} was revoked: {error.message}"]
    return found
