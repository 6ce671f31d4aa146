"""What somebody asks of an environment, what that stands on, and what came of it: what wishes and rollout share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from model_devops.config.types import Environment
from model_devops.deploy.revision import Revision, Source
from model_devops.deploy.target import Target
from model_devops.release.oci import OciStore
from model_devops.release.store import Stored


@dataclass(frozen=True)
class Ground:
    """The policy that a step stands on."""

    source: Source
    kept: dict[str, Any] | None
    """The block as read just now, for the environment to remember; None where it stands on what it remembered."""
    block: Environment
    """The block to use."""
    note: str | None = None
    store: OciStore | None = None
    """Where the releases come from; None: the project's."""
    policy_read: Any = None
    """What `decide` needs of the policy beyond that."""
    commit: str | None = None
    """The commit that the policy was read from just now."""
    further: list[Any] = field(default_factory=list)
    """What is demanded beside the block, by the administrator too: approvals, and lists of keys."""


@dataclass(frozen=True)
class Intent:
    """What was decided: `release` None makes nothing run."""

    action: str
    release: Stored | None
    settings: dict[str, Any]
    reason: str | None = None
    replaces: Revision | None = None
    decided_on: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Names of the conditions that were asked for and held: `tested`, `deployed:E`, `approval`."""


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
