"""Evidence in words: one line for each statement, for people."""

from __future__ import annotations

from model_devops.release.evidence import (
    Accepted,
    Approved,
    Built,
    Decided,
    Deployed,
    Evidence,
    Rejected,
    Revoked,
    Tested,
    Withdrawn,
)


def sentence(item: Evidence) -> str:  # noqa: PLR0911  one line for each kind
    """What a statement says, without kind, time and person."""
    match item.body:
        case Built() as body:
            return ("made" if body.new else "found again") + (f" from {body.commit[:12]}" if body.commit else "")
        case Tested() as body:
            return _tested(body)
        case Approved() as body:
            return f"for {body.environment}{_because(body.reason)}"
        case Rejected() as body:
            return f"in {body.environment}{_because(body.reason)}"
        case Deployed() as body:
            return _deployed(body)
        case Decided() as body:
            return _decided(body)
        case Withdrawn() as body:
            return f"{body.statement[:19]}{_because(body.reason)}"
        case Revoked() as body:
            return body.reason
        case Accepted() as body:
            return body.reason
    return ""


def ground(item: Evidence) -> str:
    """A statement that a decision to deploy rested on, in a few words for people."""
    match item.body:
        case Tested(accepted=[_, *_] as metrics, by=by):
            return f"tested ({', '.join(metrics)} accepted by {by or 'somebody'})"
        case Approved(by=by):
            return f"approved by {by or 'somebody'}"
        case Deployed(environment=environment, status=status):
            return f"{status} in {environment}"
    return item.kind


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _tested(body: Tested) -> str:
    missed = [f"{gate.metric} {gate.condition} {gate.status}" for gate in body.gates if gate.status != "passed"]
    text = "passed" if body.passed else "failed"
    return f"{text}: {', '.join(missed)}" if missed else text + _because(body.message)


def _decided(body: Decided) -> str:
    if body.passed:
        return f"{body.environment} takes it" + (" (rollback)" if body.action == "rollback" else "")
    return f"{body.environment} refuses it: {', '.join(body.failed)}"


def _deployed(body: Deployed) -> str:
    text = f"{body.environment} #{body.revision} {body.status}"
    if body.rollback:
        text += " (rollback)"
    if body.proof:
        text += f", proof: {', '.join(body.proof)}"
    if body.restored:
        text += f", restored: {body.restored}"
    if body.broken:
        text += f", not restored: {body.broken}"
    return text + _because(body.reason)
