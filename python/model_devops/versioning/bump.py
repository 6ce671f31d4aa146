"""The next version, decided by what changed, with its reasons (V1).

The level comes from comparing with the base; it is applied to the highest number ever given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_devops.errors import UsageError
from model_devops.release.record import ARTIFACTS, Identity, Reason, Record
from model_devops.versioning.numbers import FIRST, LEVELS, parse, raised, text

#: The level that a change of an artifact means. What is not here is not known to be harmless.
ARTIFACT_LEVELS = {
    "dataset": "minor",
    "code": "minor",
    "recipe": "minor",
} | dict.fromkeys(("model", "params", "runtime"), "patch")
#: How people call artifacts in reasons.
SPOKEN = {
    "model": "weights",
    "params": "parameters",
    "code": "code",
    "dataset": "dataset",
}
#: Level and words for what became of the signature (checks/signature.py).
SIGNATURE_LEVELS = {
    "broken": ("major", "the signature changed in a way that breaks callers"),
    "lost": ("major", "the signature was known before and is unknown now"),
    "extended": ("minor", "the signature was extended"),
    "newly-known": ("minor", "the signature is known now"),
}


@dataclass(frozen=True)
class Decision:
    """The version that comes next and why."""

    version: str
    level: str
    """`first`, `major`, `minor` or `patch`."""
    reasons: list[Reason]
    """The strongest first."""


def decide(
    base: Record | None,
    identity: Identity,
    highest: str | None,
    *,
    because: Sequence[Reason] = (),
    at_least: str | None = None,
    at_least_reason: str | None = None,
) -> Decision:
    """The version of a release with this identity, after `base` (B4) and the `highest` number ever given (V1).

    `because` are reasons that no comparison shows: bytes of an earlier version (level `none`), an image that is
    gone (`patch`). `at_least` is a person's wish, which can only raise the level. Raises UsageError where it comes
    without a reason.
    """
    wish = _wish(at_least, at_least_reason)
    if highest is None:
        return Decision(FIRST, "first", [Reason(level="first", text="the first release"), *because])
    reasons = [*_changes(base, identity, highest), *because]
    if base and not any(reason.level in LEVELS for reason in reasons):  # a pre-release (B8), or bytes that are gone
        reasons.append(Reason(level="patch", text=f"nothing differs from {base.version}"))
    if wish and _rank(wish) > max(map(_rank, reasons)):
        reasons.append(wish)
    reasons.sort(key=_rank, reverse=True)
    number = parse(highest)
    assert number is not None, highest
    return Decision(text(raised(number, reasons[0].level)), reasons[0].level, reasons)


def differences(old: Identity, new: Identity) -> list[Reason]:
    """What differs between two identities, each with its level, in the order in which people read artifacts."""
    found = _signature(old, new) + [
        reason
        for name in _names(old, new)
        if (reason := _artifact(name, old.artifacts.get(name), new.artifacts.get(name)))
    ]
    if old.base_image != new.base_image:
        found.append(Reason(level="patch", text="base image changed"))
    return found


def _changes(base: Record | None, identity: Identity, highest: str) -> list[Reason]:
    if base is None:  # nothing is known of what those numbers promised, so nothing is promised of them
        return [
            Reason(
                level="major",
                text=f"nothing is known of what {highest} and earlier versions were",
            )
        ]
    return differences(base.identity, identity)


def _signature(old: Identity, new: Identity) -> list[Reason]:
    if old.signature == new.signature:
        return []
    from model_devops.checks.signature import compare_signatures

    found = SIGNATURE_LEVELS.get(compare_signatures(old.signature, new.signature))
    return [Reason(level=found[0], text=found[1])] if found else []


def _names(old: Identity, new: Identity) -> list[str]:
    names = old.artifacts.keys() | new.artifacts.keys()
    return [name for name in ARTIFACTS if name in names] + sorted(names - set(ARTIFACTS))


def _artifact(name: str, old: str | None, new: str | None) -> Reason | None:
    if old == new:
        return None
    verb = "added" if old is None else "removed" if new is None else "changed"
    return Reason(
        level=ARTIFACT_LEVELS.get(name, "minor"),
        text=f"{SPOKEN.get(name, name)} {verb}",
    )


def _wish(level: str | None, reason: str | None) -> Reason | None:
    if level is None:
        return None
    if level not in LEVELS:
        raise UsageError(f"no such level: {level}", hint=f"one of: {', '.join(LEVELS)}")
    if not reason or not reason.strip():
        raise UsageError("raising the level needs a reason, which is recorded", hint="give one")
    return Reason(
        level=level,
        text="raised by a person: " + reason.strip().encode("utf-8", "replace").decode(),
    )


def _rank(reason: Reason) -> int:
    return LEVELS.index(reason.level) if reason.level in LEVELS else -1
