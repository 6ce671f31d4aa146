"""ΔV over promotions (V7)."""

import random

from model_devops.release.evidence import Deployed, Evidence
from model_devops.versioning.cadence import cadence
from repositories import digest


def deployed(revision: int, release: str, hour: int, status: str = "verified", **more: object) -> Evidence:
    fields = {
        "id": f"{revision}-{status}",
        "time": "2020-01-01T00:00:00Z",
        "environment": "production",
        "revision": revision,
        "revision_id": f"id-{revision}",
        "status": status,
        "finished": f"2026-01-01T{hour:02}:00:00.000Z",
    }
    return Evidence(digest=digest(f"{revision}{status}"), release=release, body=Deployed(**(fields | more)))


STORY = [
    deployed(1, "a", 1),
    deployed(2, "b", 3),
    deployed(3, "a", 4, rollback=True),
    deployed(4, "c", 5, status="failed"),
    deployed(5, "b", 6),
    deployed(6, "c", 8),
    deployed(6, "c", 9, status="proof-failed"),
    deployed(7, "d", 9, environment="test"),
]


def test_V7_counts_first_verified_promotions_of_different_releases_only() -> None:
    found = cadence(STORY, "production")
    assert [promotion.release for promotion in found.promotions] == ["a", "b", "c"]
    assert found.deltas == [2 * 3600.0, 5 * 3600.0]
    assert (found.n, found.mean, found.median) == (2, 3.5 * 3600, 3.5 * 3600)


def test_V7_order_of_evidence_makes_no_difference() -> None:
    shuffled = list(STORY)
    random.Random(1).shuffle(shuffled)
    assert cadence(shuffled, "production") == cadence(STORY, "production")


def test_V7_nothing_promoted_has_no_mean() -> None:
    found = cadence([], "production")
    assert (found.n, found.mean, found.median, found.promotions) == (0, None, None, [])


def test_V7_release_that_first_came_by_a_rollback_is_no_promotion_later() -> None:
    found = cadence([deployed(1, "a", 1), deployed(2, "b", 2, rollback=True), deployed(3, "b", 3)], "production")
    assert [promotion.release for promotion in found.promotions] == ["a"]


def test_V7_clock_that_went_backwards_is_told_as_it_is() -> None:
    assert cadence([deployed(1, "a", 5), deployed(2, "b", 4)], "production").deltas == [-3600.0]


def test_V7_unreadable_time_gives_no_delta() -> None:
    found = cadence([deployed(1, "a", 5), deployed(2, "b", 6, finished="soon")], "production")
    assert (found.n, len(found.promotions)) == (0, 2)
