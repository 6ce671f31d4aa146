"""Proving that what serves is what was released (D10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from model_devops.deploy.revision import Revision
from model_devops.deploy.target import Observation


@dataclass(frozen=True)
class Proof:
    """The levels of proof that held, and what speaks against the revision."""

    levels: list[str]
    problems: list[str]


@dataclass(frozen=True)
class Checked:
    """What came of all looks at a revision that was applied."""

    cause: str | None
    """The first that speaks against it."""
    levels: list[str] = field(default_factory=list)
    window: dict[str, float] = field(default_factory=dict)
    watched: float = 0.0
    """Seconds of the window, in which it served."""

    @property
    def held(self) -> dict[str, Any]:
        """What its record says of it."""
        return {"proof": self.levels, "window": self.window}


def prove(seen: Observation, revision: Revision, required: Sequence[str]) -> Proof:
    """Compare what was observed with what the revision is to serve.

    A level whose digest differs always fails; one that isn't available is only missing, which fails where
    `required` names it.
    """
    problems = [*_not_ours(seen, revision), *seen.problems]
    if seen.changed:
        problems.append(f"{changed_words(revision)}: {listed(seen.changed)}")
    levels = []
    for level, digest, released in _levels(seen, revision):
        if digest is not None and digest == released:
            levels.append(level)
        elif digest is not None:
            problems.append(f"proof {level}: the server's {_THING[level]} is {digest[:60]}, released was {released}")
    if not problems:
        problems = [_not_available(level, seen) for level in required if level not in levels]
    return Proof(levels, problems)


_THING = {"image": "image", "measured": "model", "reported": "model"}


def _levels(seen: Observation, revision: Revision) -> list[tuple[str, str | None, str | None]]:
    return [
        ("image", seen.image, image_digest(revision)),
        ("measured", seen.measured, revision.model),
        ("reported", seen.digest, revision.model),
    ]


def image_digest(revision: Revision) -> str | None:
    """The digest of a revision's image as its release names it; None where it runs none."""
    reference: str = (revision.settings.get("image") or {}).get("reference") or ""
    return reference.rpartition("@")[2] or None


def changed_words(revision: Revision) -> str:
    """What `Observation.changed` lists."""
    on_a_cluster = revision.settings.get("target") == "kubernetes"
    return "changed since it was applied" if on_a_cluster else "files beside the model's were changed"


def _not_available(level: str, seen: Observation) -> str:
    why = seen.missing.get(level)
    return f"proof {level} is demanded and not available" + (f": {why}" if why else "")


def listed(paths: Sequence[str]) -> str:
    """The first few of many paths."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def _not_ours(seen: Observation, revision: Revision) -> list[str]:
    if not seen.running or seen.revision != revision.number:
        return [f"revision {revision.number} does not run: {seen.detail}"]
    if seen.foreign:
        return [f"its address is held by {seen.foreign}"]
    return [] if seen.ready else ["it is not ready" + (f": {seen.detail}" if seen.detail else "")]
