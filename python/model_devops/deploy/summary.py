"""Revisions and outcomes as people and result documents see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from model_devops.deploy.revision import Revision

if TYPE_CHECKING:
    from model_devops.deploy.rollout import Rollout
    from model_devops.deploy.wish import Outcome


def revision_fields(revision: Revision | None) -> dict[str, Any] | None:
    """All that is recorded of a revision but its settings."""
    if revision is None:
        return None
    fields: dict[str, Any] = msgspec.to_builtins(revision)
    fields.pop("settings", None)
    return fields


def outcome_fields(rollout: Rollout, outcome: Outcome) -> dict[str, Any]:
    """What result documents say of a run that came to its end."""
    return {
        "revision": revision_fields(outcome.revision),
        "reports": rollout.reports,
        "changed": outcome.changed,
        "environment": rollout.environment,
        "notes": outcome.notes,
    }


def told(model: str, environment: str, outcome: Outcome) -> str:
    """One line for people and build descriptions: what runs, how it is proved, and the downtime."""
    revision = outcome.revision
    if revision is None or revision.release is None:
        return f"{model} {environment} runs nothing"
    proof = f"proved: {', '.join(revision.proof)}" if revision.proof else "not proved"
    if not outcome.changed:
        return f"{model} {revision.version} runs in {environment} already (revision {revision.number}), proved again"
    down = f", {revision.downtime:.1f} s downtime" if revision.downtime is not None else ""
    return f"{model} {revision.version} runs in {environment} (revision {revision.number}), {proof}{down}"
