"""Finding releases by what people write, and an overview of all."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import cast

from model_devops.errors import RefusedError
from model_devops.release.evidence import Deployed, Evidence, Tested
from model_devops.release.standing import counting, standing
from model_devops.release.store import Store, Stored


def find_release(store: Store, model: str, reference: str) -> Stored:
    """The release of a version (`1.4.2`, `v1.4.2`, `NAME@v1.4.2`) or release digest. Raises RefusedError (S2)."""
    found = store.find(plain(model, reference))
    if found is None:
        raise not_in_store(store, model, reference)
    return found


def plain(model: str, reference: str) -> str:
    """The version or release digest that people mean by one of these."""
    return reference if reference.startswith("sha256:") else reference.removeprefix(f"{model}@").removeprefix("v")


def not_in_store(store: Store, model: str, reference: str) -> RefusedError:
    """The refusal of a step whose store lacks the release (S2): where it looked, and what would help."""
    return RefusedError(
        f"{store.location} has no release {reference} of {model}",
        kind="not-in-store",
        hint="`model-devops release list` shows what it has; if it was built with another store, let all steps"
        " share one: `store: oci://HOST/PATH` in model.yaml (or --store), or a folder that every agent reaches",
    )


@dataclass(frozen=True)
class Row:
    """One release of the overview."""

    release: Stored
    tested: str
    """`passed`, `failed` or nothing; of several newest the worst (S3)."""
    verified_in: list[str]
    """Environments in which it was verified at some time."""
    state: list[str]
    """`revoked`, `rejected`."""


def overview(store: Store) -> list[Row]:
    """All releases with what became of them, the highest first. The evidence is read once."""
    releases = store.releases()
    about: dict[str, list[Evidence]] = defaultdict(list)
    for item in store.evidence():
        about[item.release].append(item)
    kinds: dict[str, set[str]] = defaultdict(set)
    for stored in releases:
        kinds[stored.record.identity.digest] |= {item.kind for item in standing(about[stored.digest])}
    return [_row(stored, about[stored.digest], kinds[stored.record.identity.digest]) for stored in reversed(releases)]


def _row(release: Stored, evidence: list[Evidence], kinds: set[str]) -> Row:
    """`kinds`: those of all that stands about any release of its identity (S6, A3)."""
    stand = standing(evidence)
    tests = counting([item for item in evidence if item.kind in ("tested", "withdrawn")])
    passed = all(cast(Tested, item.body).passed for item in tests)
    deployed = [cast(Deployed, item.body) for item in stand if item.kind == "deployed"]
    return Row(
        release=release,
        tested=("passed" if passed else "failed") if tests else "",
        verified_in=list(dict.fromkeys(body.environment for body in deployed if body.status == "verified")),
        state=[kind for kind in ("revoked", "rejected") if kind in kinds],
    )
