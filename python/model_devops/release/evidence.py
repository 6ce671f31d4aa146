"""Evidence: what was said about a release, as in-toto Statements v1 (S3).

A statement is never edited, only added. Those predicate types that others have defined carry their
standard fields; ours lie beside them under `modelDevops`. `supersedes` names the statements of the
same kind (for the same release, and environment where there is one) that were newest when this one was
written: the newest is the one that none names, and of several such the worst counts. No clock decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

if TYPE_CHECKING:
    from model_devops.release.bundles import Signature

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
#: Predicate type by kind. Kinds without a vetted type have a URN of our own.
PREDICATE_TYPES = {
    "built": "https://slsa.dev/provenance/v1",
    "tested": "https://in-toto.io/attestation/test-result/v0.1",
    "approved": "urn:model-devops:approved:v1",
    "rejected": "urn:model-devops:rejected:v1",
    "deployed": "urn:model-devops:deployed:v1",
    "revoked": "urn:model-devops:revoked:v1",
    "withdrawn": "urn:model-devops:withdrawn:v1",
    "accepted": "urn:model-devops:accepted:v1",
    "decided": "https://slsa.dev/verification_summary/v1",
}
KINDS = tuple(PREDICATE_TYPES)


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What every kind of statement says. `id` is unique for each statement."""

    kind: ClassVar[str]
    id: str
    time: str
    by: str | None = None
    origin: str = "cli"
    """Who vouches for `by` (A1): `jenkins`, `ci`, `signed` or `cli`."""
    url: str | None = None
    supersedes: list[str] = msgspec.field(default_factory=list)


class Built(Body, frozen=True, kw_only=True):
    """A build came to this release, newly or again. `id` is the build's id."""

    kind: ClassVar[str] = "built"
    commit: str | None = None
    branch: str | None = None
    on_release_branch: bool = False
    new: bool = True
    """Whether this build made the release, or found it (B4)."""
    inputs: dict[str, str] = msgspec.field(default_factory=dict)
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    started: str | None = None


class GateResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One gate of a test run."""

    metric: str
    condition: str
    """`min`, `max`, `max_drop` or `max_rise`."""
    limit: float
    value: float | None = None
    baseline: float | None = None
    baseline_release: str | None = None
    status: str
    """`passed`, `missed`, `not-comparable`, `invalid` (missing metric, NaN, wrong type) or `no-baseline`
    (nothing runs there, which passes)."""
    message: str


class Tested(Body, frozen=True, kw_only=True):
    """A test run's outcome with all that it was decided on (T1–T4)."""

    __test__: ClassVar[bool] = False  # not a test case, whatever its name suggests to pytest
    kind: ClassVar[str] = "tested"
    passed: bool
    commit: str | None = None
    on_release_branch: bool = False
    dirty: bool = False
    metrics: dict[str, Any] = msgspec.field(default_factory=dict)
    gates: list[GateResult] = msgspec.field(default_factory=list)
    dataset: str | None = None
    test_code: str | None = None
    """Digest of the evaluation code (T4)."""
    ran_in: str | None = None
    """The image, by digest, that the commands ran in, where that was in a cluster."""
    baseline: str | None = None
    """Release digest of the baseline, where there was one."""
    accepted: list[str] = msgspec.field(default_factory=list)
    """Metrics whose gate was not comparable and was accepted by `by`, with `reason`."""
    reason: str | None = None
    message: str | None = None


class Approved(Body, frozen=True, kw_only=True):
    """A person's word that this digest may go to an environment (A1, A2)."""

    kind: ClassVar[str] = "approved"
    environment: str
    seen_in: str | None = None
    """The unique id of the revision in which it was seen."""
    reason: str | None = None
    """Where it was seen, if not there."""
    comment: str | None = None
    """What the person said of it; it stands in for nothing."""


class Rejected(Body, frozen=True, kw_only=True):
    """The user test's verdict against this digest. Counts for every environment."""

    kind: ClassVar[str] = "rejected"
    environment: str
    reason: str


class Deployed(Body, frozen=True, kw_only=True):
    """What became of one application of the release to an environment, keyed by the revision's id (D9)."""

    kind: ClassVar[str] = "deployed"
    environment: str
    revision: int
    revision_id: str
    status: str
    """`verified`, `failed`, `interrupted`, or `proof-failed` for a verified one that failed a later proof."""
    rollback: bool = False
    replaces: str | None = None
    """Release digest that a rollback replaced and so blocked here (D8)."""
    restored: str | None = None
    """What was restored after a failure: a version, or `nothing`."""
    broken: str | None = None
    """Why what ran before could not be restored."""
    proof: list[str] = msgspec.field(default_factory=list)
    window: dict[str, float] = msgspec.field(default_factory=dict)
    """What was measured of the servers after their proof (D13)."""
    decided_on: list[str] = msgspec.field(default_factory=list)
    reason: str | None = None
    started: str | None = None
    finished: str | None = None


class Revoked(Body, frozen=True, kw_only=True):
    """The release must not be used any more; counts for every release of its identity (S6)."""

    kind: ClassVar[str] = "revoked"
    reason: str


class Withdrawn(Body, frozen=True, kw_only=True):
    """Ends another statement, named by its digest (S5)."""

    kind: ClassVar[str] = "withdrawn"
    statement: str
    reason: str


class Accepted(Body, frozen=True, kw_only=True):
    """A named person accepted a release in a store that lacks its `built` evidence (S7)."""

    kind: ClassVar[str] = "accepted"
    reason: str


class Decided(Body, frozen=True, kw_only=True):
    """An environment took or refused the release. For others: nothing of ours is decided on it."""

    kind: ClassVar[str] = "decided"
    environment: str
    action: str
    """`deploy` or `rollback`."""
    passed: bool
    policy: str
    """URI of where the policy was read."""
    policy_digest: str
    """`sha256:…` of all that was demanded."""
    decided_on: list[str] = msgspec.field(default_factory=list)
    levels: list[str] = msgspec.field(default_factory=list)
    """What was asked for and held: `tested`, `deployed:E`, `approval`."""
    failed: list[str] = msgspec.field(default_factory=list)
    """The conditions that didn't hold."""


BODIES: dict[str, type[Body]] = {
    body.kind: body for body in (Built, Tested, Approved, Rejected, Deployed, Revoked, Withdrawn, Accepted, Decided)
}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A statement as it lies in a store."""

    digest: str
    """Digest of the statement's manifest: its name in `supersedes` and in `withdrawn`."""
    release: str
    """Release digest that it is about."""
    body: Body
    statement: str = ""
    """Digest of the statement itself. Two manifests may wrap one statement, which is then still only one word."""
    signature: Signature | None = None
    """Who claims to have signed it; unchecked. None: nobody."""

    @property
    def kind(self) -> str:
        """`built`, `tested`, …"""
        return self.body.kind
