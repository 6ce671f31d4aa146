"""What a deploy asks of an environment: a release that satisfies its policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from model_devops.building.recipe import serve_block
from model_devops.config.types import Approval, Environment
from model_devops.deploy.open import check_address, open_target
from model_devops.deploy.recorded import of_release
from model_devops.deploy.revision import VERIFIED
from model_devops.deploy.stores import store_of
from model_devops.deploy.target import Target
from model_devops.deploy.wish import Ground, Intent
from model_devops.errors import RefusedError
from model_devops.project import Project, with_store
from model_devops.release.lacking import refuse_lacking
from model_devops.release.paired import PairedStore
from model_devops.release.store import Store, Stored

if TYPE_CHECKING:
    from model_devops.policy.conditions import Condition
    from model_devops.policy.trust import Trust


def settings(
    store: Store, release: Stored, block: Environment, templates: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What is applied beside the release's files: its own serve block (B1) and the environment's settings.

    `templates`: the team's own for Kubernetes, by file name.
    """
    serve = serve_block(store, release)
    if serve is None:
        raise RefusedError(
            f"{release.version} says nothing of how it is served",
            kind="not-served",
            hint="write `serve:` into model.yaml and build again",
        )
    if block.target == "kubernetes":
        from model_devops.deploy.kubernetes.settings import cluster_settings

        return cluster_settings(store, release, serve, block, templates or {})
    return {
        "target": block.target,
        "host": block.host or "127.0.0.1",
        "port": block.port,
        "env": dict(block.env),
        "serve": msgspec.to_builtins(serve),
    }


@dataclass(frozen=True)
class Deploy:
    """The wish to run a release in an environment."""

    project: Project
    environment: str
    release: Stored
    reason: str | None = None

    def ground(self, target: Target) -> Ground:
        """Policy from the protected branch (P1, P2), from the source that the environment keeps (P4)."""
        from model_devops.policy.source import check_source, read_policy

        place = target.place()
        prerelease = self.release.record.is_prerelease
        policy = read_policy(self.project, self.environment, remembered=place, prerelease=prerelease)
        check_source(place, policy.source, policy.model.moved_from)
        check_address(target, policy)
        return Ground(
            policy.source,
            msgspec.to_builtins(policy.environment),
            policy.environment,
            note=policy.note,
            store=store_of(self.project, policy.environment, strict=True),
            policy_read=policy,
            commit=policy.commit,
            further=further(policy.approvals, policy.trust),
        )

    def conditions(self, target: Target, ground: Ground) -> list[Condition]:
        """Every condition of the policy, with what speaks for and against it."""
        from model_devops.policy.conditions import conditions

        return conditions(
            with_store(self.project, ground.store or self.project.store),
            ground.policy_read,
            self.release,
            target=target,
            others=lambda other: open_target(self.project, other),
        )

    def decide(self, target: Target, ground: Ground) -> Intent:
        """See `Wish.decide`."""
        from model_devops.policy.conditions import refusal

        found = self.conditions(target, ground)
        refused = refusal(found, self.release, self.environment)
        if refused is not None:
            raise refused
        store = ground.store or self.project.store
        if isinstance(store, PairedStore):
            ran = {one.release for one in target.revisions() if one.status == VERIFIED}
            store.promote(self.release, known=self.release.digest in ran)
        refuse_lacking(store, self.release)
        return self.intent(ground, found)

    def intent(self, ground: Ground, found: list[Condition]) -> Intent:
        """What would be applied if every condition held."""
        from model_devops.policy.templates import templates

        own = templates(self.project, ground.policy_read)
        store = ground.store or self.project.store
        wanted = settings(store, self.release, ground.block, own)
        if ground.block.verify and ground.block.verify.requests:  # what is wrong with them is told before the rollout
            of_release(store, self.release, ground.block.verify.requests)
        decided_on = list(dict.fromkeys(digest for one in found for digest in one.evidence))
        asked = {*ground.block.requires, "approval"}
        held = [one.name for one in found if one.name in asked]
        return Intent("deploy", self.release, wanted, self.reason, decided_on=decided_on, held=held)


@dataclass(frozen=True)
class Stop:
    """The wish that nothing runs in an environment."""

    environment: str
    reason: str | None = None

    def ground(self, target: Target) -> Ground:
        """See `remembered`."""
        return remembered(target, self.environment)

    def decide(self, target: Target, ground: Ground) -> Intent | None:  # noqa: ARG002
        """See `Wish.decide`."""
        from model_devops.deploy.states import current

        now = current(target.revisions())
        if now is None or now.release is None:
            return None
        return Intent("stop", None, {}, self.reason)


def remembered(target: Target, environment: str) -> Ground:
    """The policy that the environment read last: what needs no reachable remote stands on it (D8)."""
    from model_devops.policy.source import kept_approvals, kept_policy, kept_trust

    place = target.place()
    block = kept_policy(place) if place else None
    if place is None or block is None:
        raise RefusedError(
            f"nothing was ever deployed to {environment}",
            kind="no-revision",
            hint=f"run `model-devops deploy {environment}`",
        )
    return Ground(place.source, None, block, further=further(kept_approvals(place), kept_trust(place)))


def further(approvals: tuple[Approval, ...], trust: Trust) -> list[Any]:
    """What is demanded beside a block, for `Ground.further`."""
    return [msgspec.to_builtins(approvals), [[key.fingerprint for key in keys] for keys in trust.lists]]
