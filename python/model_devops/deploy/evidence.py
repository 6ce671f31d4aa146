"""`deployed` evidence: what became of each revision, keyed by the revision's own id (D9)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import cast

from model_devops.adapters import clock
from model_devops.deploy.revision import PENDING, Revision
from model_devops.errors import ModelDevopsError
from model_devops.release.evidence import Deployed, Evidence
from model_devops.release.store import Store


def statement(environment: str, revision: Revision) -> Deployed:
    """What a finished revision's evidence says."""
    return Deployed(
        id=revision.id,
        time=clock.timestamp(),
        by=revision.by,
        origin=revision.origin,
        url=revision.url,
        environment=environment,
        revision=revision.number,
        revision_id=revision.id,
        status=revision.status,
        rollback=revision.action == "rollback",
        replaces=revision.replaces,
        restored=revision.restored,
        broken=revision.broken,
        proof=revision.proof,
        window=revision.window,
        decided_on=revision.decided_on,
        reason=revision.failure or revision.reason,
        started=revision.started,
        finished=revision.finished,
    )


def add(store: Store, environment: str, revision: Revision) -> str | None:
    """Attach a revision's evidence. Returns why it could not be written; a later run adds it then."""
    if revision.release is None:
        return None
    try:
        if store.find(revision.release) is not None:
            store.add_evidence(revision.release, statement(environment, revision))
        return None
    except (ModelDevopsError, OSError) as error:
        return f"evidence of revision {revision.number} could not be written ({error}); the next run here adds it"


def complete(store: Store, environment: str, revisions: Iterable[Revision]) -> list[str]:
    """Add what a killed run did not write: the evidence of every finished revision that lacks it (D9)."""
    finished = [item for item in revisions if item.release and item.status != PENDING]
    if not finished:
        return []
    said = {cast(Deployed, item.body).revision_id for item in store.evidence(kind="deployed")}
    return [note for item in finished if item.id not in said and (note := add(store, environment, item))]


def sign(store: Store, environment: str, revision: Revision) -> None:
    """Say again, signed, what was said of a revision without this key: it was proved again just now (D4, D9).

    Else what was deployed before there was a key, or with another one, could never count where signatures are asked.
    """
    signer = store.signer
    if signer is None or revision.release is None or store.find(revision.release) is None:
        return
    about = [item for item in store.evidence(revision.release, "deployed") if _of(item, revision)]
    if about and not any(item.signature and item.signature.by(signer.public) for item in about):
        store.add_evidence(revision.release, _replace(statement(environment, revision), id=str(uuid.uuid4())))


def _of(item: Evidence, revision: Revision) -> bool:
    return cast(Deployed, item.body).revision_id == revision.id


def proof_failed(store: Store, environment: str, revision: Revision, cause: str) -> None:
    """Say that a verified revision failed a later proof (D4, A4)."""
    if revision.release and store.find(revision.release) is not None:
        body = statement(environment, revision)
        store.add_evidence(
            revision.release, _replace(body, id=str(uuid.uuid4()), status="proof-failed", reason=cause, proof=[])
        )


def _replace(body: Deployed, **changes: object) -> Deployed:
    import msgspec

    return msgspec.structs.replace(body, **changes)
