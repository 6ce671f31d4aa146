"""A build: hash what is given, return the release that stands for it, or train and claim the next version (B)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from model_devops import faults
from model_devops.adapters.clock import timestamp
from model_devops.building import existing, made, packaging, params, unclaimed, workspace
from model_devops.building.branch import BuildPolicy
from model_devops.building.inputs import Given, read_inputs
from model_devops.building.train import keep_folder, same_training, train
from model_devops.config.views import artifact_patterns, train_commands
from model_devops.errors import RefusedError
from model_devops.project import Project
from model_devops.release.evidence import Built
from model_devops.release.record import Origin, Reason, Record
from model_devops.release.store import PackedFiles, Stored
from model_devops.versioning.bump import decide
from model_devops.versioning.claim import Lost, claim
from model_devops.versioning.known import Known, Passed, known
from model_devops.versioning.prerelease import existing as existing_prerelease
from model_devops.versioning.prerelease import suffix
from model_devops.versioning.standing import Standing, standing
from model_devops.versioning.tags import refuse_other_path

#: How often a lost claim is tried again: more builds at one moment than this is a fault elsewhere.
ATTEMPTS = 200


@dataclass(frozen=True)
class Options:
    """What a caller may ask of a build."""

    prerelease: bool = False
    force: bool = False
    """Train anew although an equal release stands (B4)."""
    parameters: dict[str, Any] = field(default_factory=dict)
    at_least: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a build came to."""

    release: Stored
    new: bool
    trained: bool
    why: str
    """Why this build may claim a version, or why it may not (B6)."""
    notes: list[str]
    reports: list[dict[str, str]] = field(default_factory=list)


class Building:
    """One build of one project."""

    def __init__(self, project: Project, options: Options) -> None:
        self.project, self.options = project, options
        self.started = timestamp()
        self.notes: list[str] = []
        self.trained = False
        self.remote = project.git.remote() if project.git else None
        self.told = False
        """Whether this build has said of what is released here that the remote lacked its tags (V5)."""
        self._images: packaging.Images | None = None
        self.policy = BuildPolicy(project)

    def run(self) -> Outcome:
        """Build. Raises FailedError (checks, training), RefusedError (B6, B7, S6, V3), UnreachableError."""
        patterns = artifact_patterns(self.project.model).get("params")
        file = self.project.folder / patterns[0] if patterns else None
        with params.replaced(file, self.options.parameters, keep_folder(self.project)):
            given = read_inputs(self.project)
            self._check_workspace(given)
            standing_now = self.standing()
            release, new = self._release(given, standing_now)
        if self.options.at_least and not new:
            self.notes.append(f"--at-least {self.options.at_least} raised nothing: this is {release.version} already")
        self._evidence(given, standing_now, release, new)
        self.notes += packaging.tagged(self.project.store, release)
        reports = self._images.reports if self._images else []
        return Outcome(release, new, self.trained, standing_now.why, self.notes, reports)

    @property
    def images(self) -> packaging.Images:
        """The image of what this build made."""
        assert self._images is not None, "asked before anything was made"
        return self._images

    def standing(self) -> Standing:
        """Whether this build may claim a version, as the remote has it now (B6)."""
        return standing(self.project.git, self.project.build, self.policy, prerelease=self.options.prerelease)

    def passed(self) -> Passed:
        """Which releases passed their tests, as the evidence is now, by the policy of the protected branch (B4)."""
        return existing.base_tests(self.project.store, self.policy.trusted())

    def known(self) -> Known:
        """All finals, as of now; refuses a name that belongs to another model.yaml (V6)."""
        found = known(self.project.git, self.remote, self.project.model.name, self.project.store)
        refuse_other_path(found.tags, self.project.path, self.project.model.moved_from)
        if self.remote is None or self.told or not found.unclaimed:
            return found
        self.told = True
        self.notes += unclaimed.put_back(self.project, self.remote, found.unclaimed)
        return self.known()

    def _check_workspace(self, given: Given) -> None:
        problems, ignored = workspace.differences(self.project, given, params_replaced=bool(self.options.parameters))
        if not self.options.prerelease:
            workspace.refuse_different(problems)
        self.notes += [f"{name} is ignored by git, and part of the release all the same" for name in ignored]

    def _release(self, given: Given, standing_now: Standing) -> tuple[Stored, bool]:
        if not standing_now.claims:
            return self._prerelease(given, standing_now)
        known_now = self.known()
        passed = self.passed()
        late = existing.late_release(self.project, known_now, standing_now.commit)
        if late:
            return late, False
        if not self.options.force:
            same = existing.equal_inputs(self.project, known_now, given, passed)
            if same:
                return same, False
        packed, product = self._make(given, [final.stored for final in known_now.finals if final.stored])
        return self._claim(given, packed, product)

    def _make(
        self, given: Given, candidates: list[Stored], offline_ok: bool = False
    ) -> tuple[PackedFiles, made.Product]:
        """Train or take the weights, check them, and store all bytes (V5: before any claim)."""
        self.project.store.prepare()  # whoever can't store the model needn't train it
        packaging.prepare(given)
        runtime = made.runtime(self.project, given, offline_ok=offline_ok, notes=self.notes)
        if train_commands(self.project.model):
            self._train(given, candidates, runtime.venv)
        product = made.product(self.project, given, runtime)
        existing.refuse_revoked(self.project.store, product.identity.digest)
        self._images = packaging.Images(self.project, given, product)
        return self.project.store.put_files(product.sources, product.layout, known=product.entries), product

    def _train(self, given: Given, candidates: list[Stored], venv: Path | None) -> None:
        source, note = (None, None) if self.options.force else same_training(self.project, given, candidates)
        if note:
            self.notes.append(note)
        if source is not None:
            self.project.store.materialise(source, self.project.folder, ("model",))
            self.notes.append(f"training skipped: same inputs as {source.version}")
            return
        train(self.project, given, venv, made.identity_environment(self.project, given))
        self.trained = True

    def _claim(self, given: Given, packed: PackedFiles, product: made.Product) -> tuple[Stored, bool]:
        """Claim the next version; whoever loses looks again at everything (V3)."""
        for _ in range(ATTEMPTS):
            standing_now, known_now = self.standing(), self.known()
            found = self._standing_for(known_now, standing_now, packed, product)
            if found:
                return found, False
            record = self._record(given, product, known_now, standing_now)
            digest, _ = self.project.store.describe(packed, record)
            assert self.project.git is not None
            result = claim(self.project.git, self.remote, record, digest)
            if isinstance(result, Lost):
                continue
            faults.point("build.before-name")
            stored = self.project.store.name(packed, record)
            faults.point("build.after-name")
            return stored, True
        raise RefusedError(f"{ATTEMPTS} claims in a row were lost to other builds", kind="crowded", hint="build again")

    def _standing_for(
        self, known_now: Known, standing_now: Standing, packed: PackedFiles, product: made.Product
    ) -> Stored | None:
        """The release that stands for these bytes by now (B7, B4), whoever made it."""
        if not standing_now.claims:
            raise RefusedError(f"no version can be claimed any more: {standing_now.why}", kind="superseded")
        late = existing.late_release(self.project, known_now, standing_now.commit)
        passed = self.passed()
        return late or existing.equal_identity(self.project, known_now, packed, product, passed, self.images.stands)

    def _record(self, given: Given, product: made.Product, known_now: Known, standing_now: Standing) -> Record:
        passed = self.passed()
        base = known_now.base(passed)
        decision = decide(
            base.record if base else None,
            product.identity,
            known_now.highest,
            because=existing.reverted(known_now, product, self.images.stands),
            at_least=self.options.at_least,
            at_least_reason=self.options.reason,
        )
        bound = self._bind(given, product, decision.version, decision.reasons, standing_now)
        return replace(bound, base=base.version if base else None)

    def _bind(
        self,
        given: Given,
        product: made.Product,
        version: str,
        reasons: list[Reason],
        standing_now: Standing,
    ) -> Record:
        build = self.project.build
        return Record(
            name=self.project.model.name,
            version=version,
            reasons=reasons,
            identity=product.identity,
            inputs=given.inputs,
            commit=self.project.commit,
            branch=standing_now.release_branch if standing_now.claims else standing_now.branch,
            path=self.project.path,
            layout=product.layout,
            ignore=list(self.project.model.ignore),
            origin=Origin(build_id=build.id, url=build.url, ci=build.ci, actor=build.actor, time=self.started),
            image=self.images.made(),
        )

    def _prerelease(self, given: Given, standing_now: Standing) -> tuple[Stored, bool]:
        """A pre-release of this branch: stored, testable, never tagged, never ordered (B8)."""
        if not self.options.force:
            same = existing.same_prerelease(self.project, given, standing_now)
            if same:
                return same, False
        stored = self.project.store.releases()
        finals = [item for item in stored if not item.record.is_prerelease]
        packed, product = self._make(given, finals, offline_ok=True)
        name = suffix(standing_now, product.identity)
        before = existing_prerelease(self.project.store.releases(), name, product.identity)
        if before:
            self.images.require(before)
            return before, False
        known_now = existing.known_offline(self.project, self.notes)
        base = known_now.base(self.passed())
        decision = decide(base.record if base else None, product.identity, known_now.highest)
        version = f"{decision.version}-{name}"
        record = self._bind(given, product, version, decision.reasons, standing_now)
        return self.project.store.name(packed, replace(record, base=base.version if base else None)), True

    def _evidence(self, given: Given, standing_now: Standing, release: Stored, new: bool) -> None:
        """Every build says what it came to, also when it made nothing new (B9)."""
        build = self.project.build
        body = Built(
            id=build.id,
            time=timestamp(),
            by=build.actor,
            origin="jenkins" if build.ci == "jenkins" else "ci" if build.ci != "none" else "cli",
            url=build.url,
            commit=self.project.commit,
            branch=standing_now.branch,
            on_release_branch=standing_now.claims,
            new=new,
            inputs=given.inputs.artifacts,
            parameters=self.options.parameters,
            started=self.started,
        )
        self.project.store.add_evidence(release.digest, body)
