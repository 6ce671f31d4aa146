"""How often an environment gets something new: ΔV = T_new − T_old (V7).

Counted are promotions: the first time that a release was verified there. Rollbacks and deploying a
release again are none. The order is that of the revisions; tag dates play no part.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from statistics import mean, median

from model_devops.release.evidence import Deployed, Evidence


@dataclass(frozen=True)
class Promotion:
    """A release verified in an environment for the first time."""

    release: str
    revision: int
    time: str
    """RFC 3339, when the revision was verified."""
    delta: float | None
    """Seconds since the promotion before; None for the first, and where a clock gave no usable time."""


@dataclass(frozen=True)
class Cadence:
    """The promotions of one environment, oldest first."""

    promotions: list[Promotion]

    @property
    def deltas(self) -> list[float]:
        """ΔV of each promotion but the first, in seconds."""
        return [promotion.delta for promotion in self.promotions if promotion.delta is not None]

    @property
    def n(self) -> int:
        """How many ΔV there are: means of few say little."""
        return len(self.deltas)

    @property
    def mean(self) -> float | None:
        """Mean ΔV in seconds."""
        return mean(self.deltas) if self.deltas else None

    @property
    def median(self) -> float | None:
        """Median ΔV in seconds."""
        return median(self.deltas) if self.deltas else None

    def as_dict(self) -> dict[str, object]:
        """For the result document."""
        return {
            "n": self.n,
            "meanSeconds": self.mean,
            "medianSeconds": self.median,
            "deltasSeconds": self.deltas,
        }


def cadence(evidence: Iterable[Evidence], environment: str) -> Cadence:
    """The cadence of an environment from its `deployed` evidence, in any order (V7)."""
    promotions: list[Promotion] = []
    seen: set[str] = set()
    for release, body in sorted(_verified(evidence, environment), key=lambda item: item[1].revision):
        if release in seen:
            continue
        seen.add(release)
        if body.rollback:
            continue
        time = body.finished or body.time
        before = promotions[-1].time if promotions else None
        promotions.append(Promotion(release, body.revision, time, _seconds(before, time)))
    return Cadence(promotions)


def _verified(evidence: Iterable[Evidence], environment: str) -> list[tuple[str, Deployed]]:
    """One statement for each revision that was verified: evidence is keyed by the revision's id (D9)."""
    found: dict[str, tuple[str, Deployed]] = {}
    for item in evidence:
        body = item.body
        if isinstance(body, Deployed) and body.environment == environment and body.status == "verified":
            found.setdefault(body.revision_id, (item.release, body))
    return list(found.values())


def _seconds(before: str | None, after: str) -> float | None:
    try:
        return (_moment(after) - _moment(before)).total_seconds() if before else None
    except (ValueError, TypeError):
        return None


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))
