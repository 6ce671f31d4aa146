"""What a build would come to now, from what it is given alone (`version next`).

Nothing is trained, so the weights and the signature of a model that is trained are not known yet: they can
still raise the level, or show that nothing is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from model_devops.adapters.git import Git
from model_devops.release.record import Identity, Inputs, Reason, Record
from model_devops.versioning.bump import decide
from model_devops.versioning.known import Final, Known, Passed
from model_devops.versioning.prerelease import origin
from model_devops.versioning.standing import Standing, late, superseded


@dataclass(frozen=True)
class Outlook:
    """The version that a build would return or claim."""

    version: str
    """For a pre-release without the identity, which is not known before it is built."""
    new: bool
    claims: bool
    why: str
    base: str | None = None
    level: str | None = None
    reasons: list[Reason] = field(default_factory=list)


def outlook(git: Git | None, known: Known, standing: Standing, inputs: Inputs, passed: Passed) -> Outlook:
    """What a build with these inputs would come to (B4, B7, B8, V1). Raises RefusedError where it is superseded."""
    base = known.base(passed)
    same = _standing_for(git, known, standing, inputs, passed) if standing.claims else None
    if same:
        why = "a release stands for this already"
        return Outlook(same.version, new=False, claims=True, why=why, base=base.version if base else None)
    decision = decide(_as_given(base.record) if base and base.record else None, _identity(inputs), known.highest)
    suffix = "" if standing.claims else f"-{origin(standing.branch, standing.pull_request)}"
    return Outlook(
        version=decision.version + suffix,
        new=True,
        claims=standing.claims,
        why=standing.why,
        base=base.version if base else None,
        level=decision.level,
        reasons=decision.reasons,
    )


def _standing_for(git: Git | None, known: Known, standing: Standing, inputs: Inputs, passed: Passed) -> Final | None:
    assert git is not None
    assert standing.commit is not None
    found = late(git, known, standing.commit)
    if found and not found.own:
        raise superseded(standing.commit, found.newer)
    if found:
        return found.own[-1]
    return next((one for one in known.down_to_base(passed) if one.record and one.record.inputs == inputs), None)


def _identity(inputs: Inputs) -> Identity:
    return Identity(artifacts=inputs.artifacts, base_image=inputs.base_image)


def _as_given(record: Record) -> Record:
    """The base as what it was given, so that like is compared with like."""
    return replace(record, identity=_identity(record.inputs))
