"""Proving that what serves is what was released (D10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_devops.deploy.revision import Revision
from model_devops.deploy.target import Observation


@dataclass(frozen=True)
class Proof:
    """The levels of proof that held, and what speaks against the revision."""

    levels: list[str]
    problems: list[str]


def prove(seen: Observation, revision: Revision, required: Sequence[str]) -> Proof:
    """Compare what was observed with what the revision is to serve.

    A level whose digest differs always fails; one that isn't available is only missing, which fails where
    `required` names it.
    """
    problems = _not_ours(seen, revision)
    if seen.changed:
        problems.append(f"files beside the model's were changed: {listed(seen.changed)}")
    levels = []
    for level, digest in (("measured", seen.measured), ("reported", seen.digest)):
        if digest is not None and digest == revision.model:
            levels.append(level)
        elif digest is not None:
            problems.append(f"proof {level}: the server's model is {digest[:60]}, released was {revision.model}")
    if not problems:
        problems = [f"proof {level} is demanded and not available" for level in required if level not in levels]
    return Proof(levels, problems)


def listed(paths: Sequence[str]) -> str:
    """The first few of many paths."""
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def _not_ours(seen: Observation, revision: Revision) -> list[str]:
    if not seen.running or seen.revision != revision.number:
        return [f"revision {revision.number} does not run: {seen.detail}"]
    if seen.foreign:
        return [f"its address is held by {seen.foreign}"]
    return [] if seen.ready else ["it is not ready"]
