"""What ran in an environment, from its evidence and the target's own records (D9), and how often it changes (V7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

from model_devops.deploy.revision import Revision
from model_devops.release.evidence import Deployed, Evidence
from model_devops.release.store import Store
from model_devops.release.words import ground
from model_devops.versioning.cadence import Cadence, cadence


@dataclass(frozen=True)
class Basis:
    """A statement that the decision to deploy rested on."""

    kind: str
    digest: str
    by: str | None
    text: str
    """For people: `tested`, `approved by Ada`, `verified in test`."""


@dataclass(frozen=True)
class Row:
    """One revision, as history shows it."""

    revision: int
    id: str
    action: str
    version: str | None
    release: str | None
    status: str
    by: str | None
    when: str | None
    why: str | None
    proof: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    """Digests of the statements about it: what it was decided on, and what it came to."""
    basis: list[Basis] = field(default_factory=list)
    """Those that it was decided on and that the store has: the tests, approvals and rollouts that spoke for it."""
    downtime: float | None = None
    restored: str | None = None
    broken: str | None = None
    """Why what ran before could not be restored."""
    delta: float | None = None
    """ΔV in seconds, where this was a promotion that another one came before (V7)."""


@dataclass(frozen=True)
class History:
    """An environment's revisions, newest first, and its cadence."""

    rows: list[Row]
    cadence: Cadence


def history(store: Store, environment: str, revisions: list[Revision]) -> History:
    """Evidence says what was; of what nobody wrote down yet the target's record is shown."""
    known = {item.digest: item for item in store.evidence()}
    said = [item for item in known.values() if isinstance(item.body, Deployed) and item.body.environment == environment]
    how_often = cadence(said, environment)
    deltas = {item.revision: item.delta for item in how_often.promotions}
    rows = {item.id: _from_record(item, known, said, deltas) for item in revisions}
    for item in said:
        body = cast(Deployed, item.body)
        if body.revision_id not in rows:
            rows[body.revision_id] = _from_evidence(store, item, body, known, deltas)
    return History(sorted(rows.values(), key=lambda row: -row.revision), how_often)


def _basis(decided_on: list[str], known: dict[str, Evidence]) -> list[Basis]:
    found = [known[digest] for digest in decided_on if digest in known]
    return [Basis(item.kind, item.digest, item.body.by, ground(item)) for item in found]


def _from_record(
    item: Revision, known: dict[str, Evidence], said: list[Evidence], deltas: dict[int, float | None]
) -> Row:
    about = [one for one in said if cast(Deployed, one.body).revision_id == item.id]
    failed_later = any(cast(Deployed, one.body).status == "proof-failed" for one in about)
    return Row(
        revision=item.number,
        id=item.id,
        action=item.action,
        version=item.version,
        release=item.release,
        status="proof-failed" if failed_later else item.status,
        by=item.by,
        when=item.finished or item.started,
        why=item.failure or item.reason,
        proof=item.proof,
        evidence=[*item.decided_on, *(one.digest for one in about)],
        basis=_basis(item.decided_on, known),
        downtime=item.downtime,
        restored=item.restored,
        broken=item.broken,
        delta=deltas.get(item.number) if item.status == "verified" else None,
    )


def _from_evidence(
    store: Store, item: Evidence, body: Deployed, known: dict[str, Evidence], deltas: dict[int, float | None]
) -> Row:
    stored = store.find(item.release)
    return Row(
        revision=body.revision,
        id=body.revision_id,
        action="rollback" if body.rollback else "deploy",
        version=stored.version if stored else None,
        release=item.release,
        status=body.status,
        by=body.by,
        when=body.finished or body.time,
        why=body.reason,
        proof=body.proof,
        evidence=[*body.decided_on, item.digest],
        basis=_basis(body.decided_on, known),
        restored=body.restored,
        broken=body.broken,
        delta=deltas.get(body.revision) if body.status == "verified" else None,
    )
