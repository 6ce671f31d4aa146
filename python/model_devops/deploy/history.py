"""What ran in an environment, who brought it and why, on what evidence, and how often it changes (V7, D9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from model_devops.deploy.open import open_known
from model_devops.deploy.revision import Note, Revision
from model_devops.project import Project
from model_devops.release.evidence import Evidence
from model_devops.versioning.cadence import Cadence, cadence


@dataclass(frozen=True)
class History:
    """All revisions of one environment, oldest first."""

    environment: str
    revisions: list[Revision]
    notes: list[Note]
    cadence: Cadence

    def delta(self, revision: Revision) -> float | None:
        """ΔV in seconds of the promotion that this revision was, None for any other."""
        found = (item.delta for item in self.cadence.promotions if item.revision == revision.number)
        return next(found, None)

    def as_dict(self) -> dict[str, Any]:
        """For the result document."""
        revisions = [msgspec.to_builtins(item) | {"deltaSeconds": self.delta(item)} for item in self.revisions]
        return {
            "environment": self.environment,
            "revisions": revisions,
            "notes": msgspec.to_builtins(self.notes),
            "cadence": self.cadence.as_dict(),
        }


def history(project: Project, environment: str) -> History:
    """The environment's own revisions; ΔV from the deployment evidence of this model's store."""
    target = open_known(project, environment)
    place = target.place()
    evidence: list[Evidence] = project.store.evidence(kind="deployed")
    notes = place.notes if place else []
    return History(environment, target.revisions(), notes, cadence(evidence, environment))


def spoken(seconds: float | None) -> str:
    """A duration for people: `42 s`, `3 min`, `5.2 h`, `12.0 d`."""
    if seconds is None:
        return ""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if abs(seconds) < limit:
            return f"{seconds / size:.0f} {unit}" if size < 3600 else f"{seconds / size:.1f} {unit}"
    return f"{seconds / 86_400:.1f} d"
