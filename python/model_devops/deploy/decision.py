"""Each decision of an environment is evidence too: a SLSA verification summary of its own policy (P5, D9).

It says for others what was decided, by which policy and on which statements. Nothing here reads it back to decide
anything: whether a release may run is asked anew each time.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import msgspec

from model_devops.adapters.clock import timestamp
from model_devops.deploy.revision import Source
from model_devops.deploy.wish import Ground, Intent
from model_devops.errors import ModelDevopsError
from model_devops.release.evidence import Decided
from model_devops.release.standing import latest
from model_devops.release.store import Store, Stored

if TYPE_CHECKING:
    from model_devops.deploy.rollout import Rollout


def taken(rollout: Rollout, ground: Ground, intent: Intent) -> None:
    """An environment takes a release. A stop is no decision about one."""
    if intent.release is not None:
        said = {"passed": True, "decided_on": intent.decided_on, "levels": intent.held}
        _write(rollout, ground, intent.release, action=intent.action, **said)


def refused(rollout: Rollout, ground: Ground, release: Stored | None, error: ModelDevopsError) -> None:
    """Its conditions refuse a release. Other errors are no decision."""
    conditions = error.details.get("conditions")
    if release is None or not conditions:
        return
    decided_on = list(dict.fromkeys(digest for one in conditions for digest in one["evidence"]))
    failed = [one["name"] for one in conditions if not one["holds"]]
    _write(rollout, ground, release, action="deploy", passed=False, decided_on=decided_on, failed=failed)


def _write(rollout: Rollout, ground: Ground, release: Stored, **said: Any) -> None:
    body = Decided(
        id=str(uuid.uuid4()),
        time=timestamp(),
        by=rollout.actor.by,
        origin=rollout.actor.origin,
        url=rollout.actor.url,
        environment=rollout.environment,
        policy=_uri(ground.source, ground.commit),
        policy_digest=_digest(ground),
        **said,
    )
    try:
        if not _said(rollout.store, release, body):
            rollout.store.add_evidence(release.digest, body)
    except (ModelDevopsError, OSError) as error:
        rollout.notes.append(f"the decision of {rollout.environment} could not be written down ({error})")


def _said(store: Store, release: Stored, body: Decided) -> bool:
    """Whether the newest decision of this environment is the same one, so that asking again says nothing new."""
    newest = [cast(Decided, item.body) for item in latest(store, release.digest, "decided", body.environment)]
    return bool(newest) and all(_content(one) == _content(body) for one in newest)


def _content(body: Decided) -> tuple[Any, ...]:
    return body.action, body.passed, body.policy_digest, body.decided_on, body.failed


def _uri(source: Source, commit: str | None) -> str:
    """Where the policy was read: the commit, or the branch where an environment stands on what it remembered."""
    if source.remote is None:
        return f"urn:model-devops:policy:{quote(source.path)}"  # no path of this machine goes to others
    at = commit or f"refs/heads/{source.branch}"
    return f"git:{quote(source.remote)}@{quote(at)}#{quote(source.path)}"


def _digest(ground: Ground) -> str:
    """Of all that was demanded, as canonical JSON."""
    import hashlib

    import rfc8785

    demands = {"environment": msgspec.to_builtins(ground.block), "further": ground.further}
    return "sha256:" + hashlib.sha256(rfc8785.dumps(demands)).hexdigest()
