"""How the domain reaches an environment: the protocol that every target fulfils.

The rollout (rollout.py) is the only caller that changes anything. A target keeps the environment's
revisions itself: nothing is kept beside it, so any agent that reaches the target can go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from model_devops.config.types import Smoke
from model_devops.deploy.revision import Place, Revision
from model_devops.deploy.window import Sample
from model_devops.errors import Problem, RefusedError
from model_devops.release.store import Store, Stored


@dataclass(frozen=True)
class Observation:
    """What runs right now, as the target sees it."""

    running: bool
    revision: int | None = None
    """The revision number that the running processes belong to."""
    ready: bool = False
    digest: str | None = None
    """What the server itself reports it has loaded: the level `reported`."""
    measured: str | None = None
    """Digest (C1) of the model's files as the serving process sees them: the level `measured`."""
    changed: list[str] = field(default_factory=list)
    """What is not as released or as applied where the server runs: files beside the model's, fields of objects."""
    image: str | None = None
    """Digest of the image that runs, as the release names it where all pods run that: the level `image`."""
    problems: list[str] = field(default_factory=list)
    """What else speaks against it, as it is told."""
    missing: dict[str, str] = field(default_factory=dict)
    """Levels of proof that can't be had here, each with the reason."""
    detail: str = ""
    """One line for people: pid and port, or why it doesn't run (exit code, last log line)."""
    foreign: str | None = None
    """Who holds the address, if that isn't ours."""


@dataclass(frozen=True)
class Planned:
    """What `apply` would do, found without changing anything."""

    changes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """What makes the rollout impossible: for example a port held by somebody else."""
    notes: list[str] = field(default_factory=list)
    """What may keep it from finishing."""


def obstacle(problems: list[str], environment: str) -> RefusedError | None:
    """What a plan found in the way, as an error with all of it."""
    if not problems:
        return None
    found = [Problem(text) for text in problems] if len(problems) > 1 else []
    return RefusedError(f"{environment} can't take it: {problems[0]}", kind="address-taken", problems=found)


class Target(Protocol):
    """One environment of one model."""

    stops_first: bool
    """Whether `apply` ends what runs before what comes is ready: then the time in between is downtime."""

    @property
    def address(self) -> tuple[str, ...]:
        """What this environment is reached by: policy's to say (P1)."""

    def lock(self, holder: str) -> AbstractContextManager[None]:
        """Hold the environment. Raises BusyError naming holder, since when and until when (D3)."""

    def unlock(self) -> str | None:
        """Take the lock from whoever holds it; returns the holder, None where nobody does. Raises RefusedError."""

    def place(self) -> Place | None:
        """What the environment remembers; None before its first revision."""

    def save_place(self, place: Place) -> None:
        """Remember; under the lock only."""

    def revisions(self) -> list[Revision]:
        """All revisions, oldest first."""

    def create(self, revision: Revision) -> None:
        """Record a new revision as pending. Raises BusyError if its number exists (create if absent)."""

    def change(self, old: Revision, new: Revision) -> None:
        """Replace a revision's record if it still is `old` (D2), else BusyError."""

    def prepare(self, revision: Revision, release: Stored, store: Store, runtime: Path | None) -> None:
        """Put everything in place that `apply` needs, without touching what runs (B3).

        What is in place already is checked, and put in place again where it isn't what was released.
        """

    def plan(self, revision: Revision) -> Planned:
        """What applying this revision would change, and what stands in its way."""

    def apply(self, revision: Revision) -> None:
        """Make the revision run (a stop: make nothing run). Doesn't wait for readiness."""

    def watch(self, revision: Revision, progress: Callable[[str], None]) -> str | None:
        """Wait until the revision is ready (None) or can't become so (the first cause)."""

    def observe(self, *, measure: bool = True) -> Observation:
        """What runs: readiness, digests, owner of the address. Changes nothing.

        Without `measure` the release's files are not hashed and the server is not asked for its digest.
        """

    def smoke(self, revision: Revision) -> list[str]:
        """Send the revision's smoke requests; returns what was wrong, one message each."""

    def sample(self, revision: Revision, metrics: str | None, requests: Sequence[Smoke]) -> list[Sample]:
        """Look at each server that serves the revision, for a window.

        `metrics`: where it gives some, if asked for. `requests`: what is asked beside the smoke requests.
        """

    def save_report(self, revision: Revision, cause: str) -> list[Path]:
        """Save logs and state of a failed attempt before it is undone: the report first, then the server's log.

        Whatever can't be written is left out: nothing here may keep what ran before from coming back.
        """

    def prune(self, keep: list[Revision]) -> None:
        """Remove what was prepared for other revisions than these."""

    def left_over(self, current: Revision | None) -> bool:
        """Whether a run ended before it removed what the current revision doesn't have; under the lock only."""
