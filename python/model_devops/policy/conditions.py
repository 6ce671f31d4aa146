"""Whether a release may go to an environment: every condition is asked, and says what to do next (P, A, S5–S7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import cast

from model_devops.adapters import clock
from model_devops.config.durations import seconds
from model_devops.config.types import Approval
from model_devops.deploy.states import block, current
from model_devops.deploy.target import Target
from model_devops.errors import ModelDevopsError, Problem, RefusedError, UnreachableError
from model_devops.policy import facts
from model_devops.policy.person import SIGNED, accepts, objection, persons, speaker
from model_devops.policy.source import Policy
from model_devops.policy.trust import signed_by, signed_with
from model_devops.project import Project
from model_devops.release.evidence import Approved, Evidence
from model_devops.release.standing import Accept, build_words, counting, rejected_weights, rejections, revocations
from model_devops.release.store import Stored, order
from model_devops.versioning.contested import contested, two_releases, way_on

Others = Callable[[str], Target]
"""Opens another environment of the same model, by name."""
UNKNOWN_HERE = "built-here"
"""The condition whose failure means, where there is no evidence, that this store can't tell (8, S7)."""


@dataclass(frozen=True)
class Condition:
    """One thing that must hold before an environment takes a release."""

    name: str
    """`revoked`, `rejected`, `built-here`, `same-content`, `prereleases`, `tested`, `deployed:E`, `approval`,
    `blocked` or `order`."""
    holds: bool
    message: str
    """What was found; where it doesn't hold, also what to do next."""
    evidence: list[str] = field(default_factory=list)
    """Digests of the statements that it was decided on."""
    keys: list[str] = field(default_factory=list)
    """Fingerprints of the keys that signed these, where the policy asks for signatures."""


def conditions(project: Project, policy: Policy, release: Stored, *, target: Target, others: Others) -> list[Condition]:
    """Every condition for this release in this environment, none left out because another failed.

    Raises UnreachableError where a listing of evidence may be incomplete (S4) or a target doesn't answer.
    """
    return list(_Question(project, policy, release, target, others).answers())


def unmet(found: list[Condition]) -> list[Condition]:
    """Those that don't hold."""
    return [one for one in found if not one.holds]


def refusal(found: list[Condition], release: Stored, environment: str) -> ModelDevopsError | None:
    """The error that these conditions mean, with all that don't hold; None where all do (S7: 8, else 4)."""
    missing = unmet(found)
    if not missing:
        return None
    unknown = any(one.name == UNKNOWN_HERE and not one.evidence for one in missing)
    error = UnreachableError if unknown else RefusedError
    one = missing[0] if len(missing) == 1 else None
    why = one.message if one else f"{len(missing)} conditions do not hold"
    return error(
        f"{environment} does not take {release.version}: {why}",
        kind=one.name.partition(":")[0] if one else "conditions",
        problems=[] if one else [Problem(f"{failed.name}: {failed.message}") for failed in missing],
        details={"conditions": [asdict(each) for each in found]},
    )


@dataclass(frozen=True)
class _Question:
    """May this release run in this environment?"""

    project: Project
    policy: Policy
    release: Stored
    target: Target
    others: Others

    @cached_property
    def evidence(self) -> list[Evidence]:
        return self.project.store.evidence(self.release.digest)

    @cached_property
    def accept(self) -> Accept:
        return accepts(self.policy.approvals, self.policy.trust)

    def answers(self) -> Iterator[Condition]:
        yield self.not_revoked()
        yield self.not_rejected()
        yield self.built_here()
        yield self.same_content()
        if self.release.record.is_prerelease:
            yield self.prereleases()
        for requirement in self.policy.environment.requires:
            yield self.tested() if requirement == "tested" else self.deployed(requirement.partition(":")[2])
        for approval in self.policy.approvals:
            yield self.approval(approval)
        yield self.not_blocked()
        yield self.in_order()

    def not_revoked(self) -> Condition:
        """S6: counts for every release of the same identity."""
        found = revocations(self.project.store, self.release.record.identity, self.accept)
        return self._none("revoked", found, "not revoked", "build a new version; this content is not used any more")

    def not_rejected(self) -> Condition:
        """A3: counts for every release of the same identity. S5: no later approval lifts it."""
        store, identity = self.project.store, self.release.record.identity
        found = rejections(store, identity, self.accept)
        alike = [] if found else rejected_weights(store, identity, self.accept)
        if alike:
            message = f"not rejected, but its weights were: {facts.said(store, alike[0], self.release)}"
            return Condition("rejected", True, message, [item.digest for item in alike])
        return self._none("rejected", found, "not rejected", "build a new version that does better")

    def _none(self, name: str, found: list[Evidence], good: str, hint: str) -> Condition:
        if not found:
            return Condition(name, True, good)
        why = f"{facts.said(self.project.store, found[0], self.release)}; {hint}"
        return Condition(name, False, why, [item.digest for item in found])

    def built_here(self) -> Condition:
        """S7: whoever filled this store without the build's own word doesn't know what else was said."""
        trust = self.policy.trust
        words = build_words(self.evidence, self.release, self.accept)
        good = [item for item in words if trust.holds(item)]
        if good:
            message = f"its build is known in this store{trust.used(good[:1])}"
            used = good[:1] if trust.lists else []
            return Condition(UNKNOWN_HERE, True, message, [item.digest for item in used], trust.keys(used))
        if words:
            again = f"answer for it: `model-devops store accept {self.release.version} --reason WHY`{trust.how()}"
            return Condition(UNKNOWN_HERE, False, f"{trust.objection(words[-1])}: {again}", [words[-1].digest])
        message = (
            f"{self.project.store.location} lacks the word of the build that made it, so it may lack a revocation too:"
            f" name the store that has it (`store:` in model.yaml or --store), or answer for it:"
            f" model-devops store accept {self.release.version} --reason WHY"
        )
        return Condition(UNKNOWN_HERE, False, message)

    def same_content(self) -> Condition:
        """V6: one version is one content, in the environment's history and under the tag."""
        record = self.release.record
        for revision in self.target.revisions():
            other = revision.identity if record.is_prerelease else revision.release
            mine = record.identity.digest if record.is_prerelease else self.release.digest
            if revision.version == record.version and other is not None and other != mine:
                return self._other_content(f"{self.policy.name} knows {record.version} as {other[:19]}", mine)
        claim = contested(self.project.tags, self.release) if not record.is_prerelease else None
        if claim is not None:
            why = f"{two_releases(claim, self.release, self.project.store)}. {way_on(self.release)}"
            return Condition("same-content", False, why)
        return Condition("same-content", True, "the version has no other content anywhere known")

    def _other_content(self, found: str, mine: str) -> Condition:
        hint = "use the store that has the right one, or build a new version"
        return Condition("same-content", False, f"{found}, and this is {mine[:19]}: {hint}")

    def prereleases(self) -> Condition:
        """P1: an environment takes pre-releases only where it says so."""
        takes, name = self.policy.environment.prereleases, self.policy.name
        message = f"{name} takes pre-releases" if takes else f"{name} takes no pre-releases: build the release branch"
        return Condition("prereleases", takes, message)

    def tested(self) -> Condition:
        """T2."""
        line, git = self.policy.line, self.project.git
        found = facts.tested(self.release, self.evidence, self.accept, git, line, self.policy.trust)
        return Condition("tested", found.holds, found.message, found.evidence, found.keys)

    def deployed(self, environment: str) -> Condition:
        """A4."""
        found = self._verified_in(environment)
        return Condition(f"deployed:{environment}", found.holds, found.message, found.evidence, found.keys)

    def _verified_in(self, environment: str) -> facts.Fact:
        if environment not in self.policy.model.environments:
            return facts.Fact(False, f"there is no environment {environment} where the policy comes from")
        target = self.target if environment == self.policy.name else self.others(environment)
        return facts.verified_in(environment, self.release, self.evidence, target, self.accept, self.policy.trust)

    def approval(self, approval: Approval) -> Condition:
        """A1, A2: one standing approval that meets all that is asked is enough."""
        mine = [item for item in self.evidence if item.kind == "withdrawn" or self._approves(item)]
        command = f"model-devops approve {self.policy.name} --release {self.release.version}"
        objections: list[str] = []
        good = counting(mine, self.accept, lambda item: self._collect(approval, item, objections))
        if not good:
            why = "; ".join(dict.fromkeys(objections)) or "nobody has approved it"
            return Condition("approval", False, f"not approved ({why}): run `{command}`{self._how(approval)}")
        digests = [item.digest for item in good]
        seen = self._verified_in(approval.after) if approval.after else None
        if seen is not None and not seen.holds:
            return Condition("approval", False, f"approved, but {seen.message}", [*digests, *seen.evidence])
        people = [speaker(item, approval) for item in good]
        names = ", ".join(f"{person.name} ({person.origin})" for person in people)
        fingerprints = [key for item in good if (key := self._key(approval, item))]
        message = f"approved by {names}{signed_by(fingerprints)}"
        return Condition("approval", True, message, digests + (seen.evidence if seen else []), fingerprints)

    def _key(self, approval: Approval, item: Evidence) -> str | None:
        """The fingerprint of the key that made an approval count."""
        people = [key for keys in persons(approval).values() for key in keys]
        return self.policy.trust.key(item) or signed_with(item, people)

    def _how(self, approval: Approval) -> str:
        """The key of a person will do as well, where the policy names any."""
        how = self.policy.trust.how()
        return f"{how}, or to the key of {', '.join(approval.keys)}" if how and approval.keys else how

    def _approves(self, item: Evidence) -> bool:
        return item.kind == "approved" and cast(Approved, item.body).environment == self.policy.name

    def _collect(self, approval: Approval, item: Evidence, objections: list[str]) -> bool:
        person, trust = speaker(item, approval), self.policy.trust
        found = objection(approval, person, self.project, self.release) or self._expired(approval, item)
        if found is None and person.origin != SIGNED and not trust.holds(item):
            found = trust.objection(item)
        if found:
            objections.append(found)
        return found is None

    def _expired(self, approval: Approval, item: Evidence) -> str | None:
        if approval.expires is None:
            return None
        given = datetime.fromisoformat(item.body.time.replace("Z", "+00:00"))
        if clock.now() - given <= timedelta(seconds=seconds(approval.expires)):
            return None
        return f"the approval by {item.body.by} expired {approval.expires} after {item.body.time}"

    def not_blocked(self) -> Condition:
        """D8: what a rollback replaced stays away until `unblock`."""
        by = block(self.target.revisions(), self.target.place(), self.release)
        message = facts.rolled_back(self.policy.name, self.release, by) if by else "not blocked"
        return Condition("blocked", by is None, message)

    def in_order(self) -> Condition:
        """D7: a lower final release is what rollback is for; not asked with a pre-release on either side."""
        verified = [one for one in self.target.revisions() if one.status == "verified" and one.version]
        runs = current(self.target.revisions())
        finals = [str(one.version) for one in verified if "-" not in str(one.version)]
        pre = self.release.record.is_prerelease or (runs is not None and "-" in (runs.version or ""))
        if pre or not finals or order(self.release.version) >= order(finals[-1]):
            return Condition("order", True, "not older than what was verified there last")
        message = (
            f"{finals[-1]} was verified there later: to go back, model-devops rollback {self.policy.name}"
            f" --to {self.release.version}"
        )
        return Condition("order", False, message)
