"""What a deploy would change, and which conditions fail: found without changing or recovering anything."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from model_devops.deploy import states
from model_devops.deploy.deploying import Deploy
from model_devops.deploy.revision import PENDING, Revision
from model_devops.deploy.target import Target, obstacle
from model_devops.errors import ModelDevopsError, RefusedError
from model_devops.policy.conditions import refusal
from model_devops.release.lacking import refuse_lacking
from model_devops.release.paired import PairedStore
from model_devops.release.store import Store, Stored

if TYPE_CHECKING:
    from model_devops.policy.conditions import Condition


@dataclass(frozen=True)
class Plan:
    """The outcome of planning."""

    changes: list[str]
    problems: list[str]
    conditions: list[Condition]
    notes: list[str] = field(default_factory=list)
    refused: ModelDevopsError | None = None


def plan(wish: Deploy, target: Target) -> Plan:
    """What deploying would do now. Takes no lock and writes nothing."""
    ground = wish.ground(target)
    found = wish.conditions(target, ground)
    revisions = target.revisions()
    intent = wish.intent(ground, found)
    current = states.current(revisions)
    draft = Revision(
        number=states.next_number(revisions),
        id="plan",
        status=PENDING,
        action="deploy",
        settings=intent.settings,
        **states.of_release(wish.release),
    )
    planned = target.plan(draft)
    refused = (
        refusal(found, wish.release, wish.environment)
        or _lacking(ground.store or wish.project.store, wish.release)
        or obstacle(planned.problems, wish.environment)
    )
    notes = [*([ground.note] if ground.note else []), *planned.notes]
    left = states.pending(revisions)
    if left is not None:
        notes.append(f"revision {left.number} is pending: the next run on {wish.environment} checks it first")
    return Plan(changes(current, draft) + planned.changes, planned.problems, found, notes, refused)


def _lacking(store: Store, release: Stored) -> RefusedError | None:
    """Why a deploy would find the release not whole, where it is now."""
    try:
        refuse_lacking(store.holder(release) if isinstance(store, PairedStore) else store, release)
    except RefusedError as error:
        return error
    return None


UNTOLD = ("identity", "image", "templates")
"""What follows from the release, and what a target tells better."""


def changes(current: Revision | None, new: Revision) -> list[str]:
    """What is different between two revisions, one line each, for people."""
    before: dict[str, Any] = dict(current.settings) if current else {}
    runs = current.version if current and current.release else "nothing"
    found = [] if current and current.release == new.release else [f"release: {runs} → {new.version}"]
    for name in sorted({*before, *new.settings} - {"serve", *UNTOLD}):
        found += _difference(name, before.get(name), new.settings.get(name))
    old, serve = before.get("serve") or {}, new.settings.get("serve") or {}
    for name in sorted({*old, *serve}):
        found += _difference(f"serve.{name}", old.get(name), serve.get(name))
    return found


def _difference(name: str, old: Any, new: Any) -> list[str]:
    return [] if old == new or (not old and not new) else [f"{name}: {_shown(old)} → {_shown(new)}"]


def _shown(value: Any) -> str:
    """As it could stand in model.yaml."""
    if value in (None, "", {}, []):
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
