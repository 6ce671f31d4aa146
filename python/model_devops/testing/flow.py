"""A test run: the release's files in place, the team's commands, gates, evidence (T1–T4, B10).

Evidence is added whatever the outcome, so that an environment knows a failed release from an untested one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from model_devops.adapters.clock import timestamp
from model_devops.adapters.files import reports_folder
from model_devops.building.branch import BuildPolicy
from model_devops.building.summary import release_fields
from model_devops.config.durations import seconds
from model_devops.config.types import KubernetesTest, Test
from model_devops.content.digest import digest
from model_devops.content.files import collect
from model_devops.content.hashing import hash_files
from model_devops.deploy import recorded
from model_devops.deploy.actor import acting
from model_devops.deploy.recorded import Recorded
from model_devops.errors import FailedError, Problem, RefusedError, UsageError
from model_devops.policy.person import Person
from model_devops.project import Project
from model_devops.release.evidence import GateResult, Tested
from model_devops.release.store import Stored
from model_devops.testing import container, gates, junit, metrics, place, replay, reports
from model_devops.testing.baseline import Running, Subject, commands_of, measure
from model_devops.testing.metrics import Metrics
from model_devops.versioning.standing import standing

WRONG_ANSWERS = "container.wrong_answers"


@dataclass
class Outcome:
    """What a test run came to. `reports` are for the result document."""

    release: Stored
    evidence: Tested
    reports: list[dict[str, str]]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Acceptance:
    """A person's word that gates which can't be compared shall not stand in the way (T4)."""

    metrics: list[str] = field(default_factory=list)
    reason: str | None = None
    by: Person | None = None


def test_release(
    project: Project, release: Stored, acceptance: Acceptance, running: Callable[[str], Running]
) -> Outcome:
    """Test `release` and add `tested` evidence. `running` tells what runs in an environment (see running.py).

    Raises FailedError (with reports and release in its details) where a command, a gate or the release's own
    bytes fail; UsageError and RefusedError before anything runs.
    """
    return _Run(project, release, acceptance, running).run()


test_release.__test__ = False  # type: ignore[attr-defined]  # no test case, whatever its name suggests to pytest


class _Run:
    """One test run."""

    def __init__(
        self, project: Project, release: Stored, acceptance: Acceptance, running: Callable[[str], Running]
    ) -> None:
        self.project, self.release, self.acceptance, self.running = project, release, acceptance, running
        self.test = _test_block(project)
        self.cases: list[junit.Case] = []
        self.problems: list[Problem] = []
        self.container_log: Path | None = None
        self.hint: str | None = None
        self.ran_in: str | None = None
        self.wrong = ""
        """Which recorded requests the container answered otherwise than expected, and how."""

    def run(self) -> Outcome:
        """All of it."""
        _ = self.project.store.signer  # one that can't be used is told before the tests run
        _check_acceptance(self.test, self.acceptance)
        dirty = self._refuse_other_configuration()
        on_line, why = self._on_release_branch()
        with place.in_place(self.project, self.release), reports.log(self.project, "test") as log:
            subject = self._subject(log)
            results = self._gates(subject)
            team = self._team_suites()
        tested = self._evidence(subject, results, dirty, on_line)
        self.project.store.add_evidence(self.release.digest, tested)
        outcome = Outcome(self.release, tested, self._reports(results, team))
        if not on_line and not self.release.record.is_prerelease:
            outcome.notes.append(f"no environment counts this test of a final release: {why}")
        if not tested.passed:
            raise self._failure(outcome)
        return outcome

    def _refuse_other_configuration(self) -> bool:
        """Gates come from model.yaml of the commit (T2), commands are the recipe's (B1). Returns: is it dirty?"""
        if commands_of(self.project.store, self.release) != self.test.run:
            raise RefusedError(
                f"model.yaml has other test commands than {self.release.version} was built with",
                kind="different",
                problems=[Problem("test.run differs from the release's recipe", file=self.project.path)],
                hint="build first: a changed recipe is a new release",
            )
        git, commit = self.project.git, self.project.commit
        if git is None or commit is None:
            return True
        dirty = git.show(commit, self.project.path) != self.project.loaded.path.read_bytes()
        if dirty and not self.release.record.is_prerelease:
            raise RefusedError(
                "model.yaml differs from the commit: a final release is tested with the gates of a commit",
                kind="dirty",
                problems=[Problem("differs from the commit", file=self.project.path)],
                hint="commit it",
            )
        return dirty

    def _on_release_branch(self) -> tuple[bool, str]:
        """Whether this evidence will count for a final release (T2), and why; pre-releases need no remote (B8)."""
        project = self.project
        found = standing(project.git, project.build, BuildPolicy(project), prerelease=self.release.record.is_prerelease)
        return found.on_release_branch, found.why

    def _subject(self, log: TextIO) -> Subject:
        folder, artifacts = self.project.folder, self.release.record.identity.artifacts
        file = folder / self.test.metrics
        self._refuse_metrics_in_release(file)
        requests = self._requests()
        code = evaluation_code(self.project)
        code_digest = digest(hash_files(code), self.project.model.ignore) if code else None
        metrics.clear(file)
        if self.test.junit:
            metrics.clear(folder / self.test.junit)
        finished = self._run_commands(code, log)
        self._check_unchanged()
        found = metrics.read(file) if finished else Metrics(problem="was not measured: a command failed")
        if finished and self.test.container:
            found = self._contained(found, requests)
        return Subject(self.release, found, artifacts.get("dataset"), code_digest, code)

    def _requests(self) -> list[Recorded]:
        """The recorded requests; whatever the container test needs is asked for before anything runs."""
        if not self.test.container:
            return []
        container.ask_for_docker()
        if self.release.record.image is None:
            raise UsageError(
                f"{self.release.version} has no image, and test.container is to start it",
                kind="no-image",
                hint="add `package:` to model.yaml and build again",
            )
        if self.test.requests is None:
            return []
        try:
            return recorded.read((self.project.folder / self.test.requests).read_bytes(), self.test.requests)
        except OSError as error:
            raise UsageError(
                f"test.requests: {self.test.requests} can't be read: {error.strerror}",
                kind="requests",
                problems=[Problem(f"can't be read: {error.strerror}", file=self.test.requests)],
                hint="name a file of JSON lines that is committed, relative to model.yaml's folder",
            ) from error

    def _contained(self, found: Metrics, requests: list[Recorded]) -> Metrics:
        """The metrics with those of the image, started as it is (test.container)."""
        from model_devops.building.recipe import serve_block
        from model_devops.runtime.surroundings import identity_of

        serve, image = serve_block(self.project.store, self.release), self.release.record.image
        assert serve is not None
        assert image is not None
        model = self.release.record.identity.artifacts.get("model")
        log = reports_folder(self.project.folder) / "container.log"
        image = self.project.store.images.located(image)
        seen = container.run(image, serve, model, identity_of(self.release), requests, log)
        self.container_log = log
        self._add(junit.Case("the container", seen.problem))
        if seen.problem is not None:
            self.hint = f"the container's whole output is in {log}"
        self.wrong = "; ".join(seen.wrong[: replay.SHOWN])
        failure = self.wrong if self.wrong and WRONG_ANSWERS not in self.test.gates else None
        if requests and seen.problem is None:
            self._add(junit.Case("recorded requests", failure, None, "; ".join(seen.wrong)))
        return replace(found, values={**found.values, "container": seen.metrics}) if seen.metrics else found

    def _refuse_metrics_in_release(self, file: Path) -> None:
        for name in place.present(self.release):
            root = self.project.folder / self.release.record.layout.get(name, "")
            if any(root / path == file for path in self.project.store.files(self.release, name)):
                raise UsageError(
                    f"{self.test.metrics} belongs to the artifact {name}, so a test would change the release",
                    hint="write metrics elsewhere, or leave the file out of the artifact with `ignore:`",
                )

    def _run_commands(self, code: dict[str, Path], log: TextIO) -> bool:
        """Run the commands until one fails. `timeout` is for all of them together."""
        if self.test.kubernetes is not None:
            return self._run_elsewhere(self.test.kubernetes, code, log)
        from model_devops.runtime.commands import run_command
        from model_devops.runtime.environment import for_release
        from model_devops.runtime.surroundings import identity_of

        venv = for_release(self.project.store, self.release)
        end = time.monotonic() + seconds(self.test.timeout)
        ok = True
        for command in self.test.run:
            if not ok:
                self.cases.append(junit.Case(command, skipped="a command before it failed"))
                continue
            done = run_command(
                command,
                self.project.folder,
                environment=identity_of(self.release),
                venv=venv,
                timeout=max(end - time.monotonic(), 0.001),
                log=log,
            )
            ok = done.ok
            failure = None if ok else f"`{command}` {done.explain()}"
            self._add(junit.Case(command, failure, None, done.output_tail, done.seconds))
        return ok

    def _run_elsewhere(self, block: KubernetesTest, code: dict[str, Path], log: TextIO) -> bool:
        """The same in a cluster. Where it can't be run there, that is the test's failure, told as such."""
        from model_devops.testing.elsewhere import cases, image_of

        self.ran_in = image_of(self.project, self.release, block)
        try:
            found = cases(self.project, self.release, self.test, block, self.ran_in, code, log)
        except FailedError as error:
            found = [junit.Case("the Job in the cluster", error.message)]
        for case in found:
            self._add(case)
        return not any(case.failure or case.skipped for case in found)

    def _check_unchanged(self) -> None:
        """What was measured must still be the release: a run that writes into it measured something else."""
        found = place.changed(self.project, self.release)
        failure = f"the run changed files of the release: {', '.join(found[:10])}" if found else None
        self._add(junit.Case("the release is unchanged", failure))

    def _gates(self, subject: Subject) -> list[GateResult]:
        baselines = {}
        if subject.metrics.problem is None:
            names = gates.baselines_of(self.test)
            baselines = measure(self.project, subject, names, self.running)
        results = gates.evaluate(self.test, subject.metrics, baselines)
        return [gates.explained(result, self.wrong) if result.metric == WRONG_ANSWERS else result for result in results]

    def _team_suites(self) -> list[Any]:
        if not self.test.junit:
            return []
        try:
            return list(junit.read(self.project.folder / self.test.junit))
        except ValueError as error:
            self._add(junit.Case("JUnit file", f"test.junit: {error}"))
            return []

    def _add(self, case: junit.Case) -> None:
        self.cases.append(case)
        if case.failure is not None:
            self.problems.append(Problem(case.failure))

    def _evidence(self, subject: Subject, results: list[GateResult], dirty: bool, on_line: bool) -> Tested:
        accepted = self.acceptance.metrics
        used = [
            name for name in accepted if any(r.metric == name and r.status == gates.NOT_COMPARABLE for r in results)
        ]
        passed = not self.problems and gates.holds(results, accepted)
        messages = [problem.message for problem in self.problems]
        messages += [result.message for result in results if not gates.is_fine(result, accepted)]
        actor, accepter = acting(self.project.build), self.acceptance.by if used else None
        return Tested(
            id=uuid.uuid4().hex,
            time=timestamp(),
            by=accepter.name if accepter else actor.by,
            origin=accepter.origin if accepter else actor.origin,
            url=self.project.build.url,
            passed=passed,
            commit=self.project.commit,
            on_release_branch=on_line and not dirty,
            dirty=dirty,
            metrics=metrics.for_evidence(subject.metrics.values, list(self.test.gates)),
            gates=results,
            dataset=subject.dataset,
            test_code=subject.test_code,
            ran_in=self.ran_in,
            baseline=next((result.baseline_release for result in results if result.baseline_release), None),
            accepted=used,
            reason=self.acceptance.reason if used else None,
            message="; ".join(messages)[:4000] or None,
        )

    def _reports(self, results: list[GateResult], team: list[Any]) -> list[dict[str, str]]:
        accepted = self.acceptance.metrics
        judged = [
            junit.Case(
                f"{result.metric} {result.condition}",
                None if gates.is_fine(result, accepted) else result.message,
                output=result.message,
            )
            for result in results
        ]
        name = f"{self.project.model.name} {self.release.version}"
        suites = [junit.Suite("commands", self.cases), junit.Suite("gates", judged)]
        written = reports.write(self.project, "test", junit.dumps(name, suites, team))
        if self.container_log is not None and self.container_log.is_file():
            written.append({"kind": "text", "path": str(self.container_log), "title": "Output of the container"})
        return written

    def _failure(self, outcome: Outcome) -> FailedError:
        missed = [r for r in outcome.evidence.gates if not gates.is_fine(r, self.acceptance.metrics)]
        problems = self.problems + [Problem(result.message) for result in missed]
        return FailedError(
            f"{self.release.record.name} {self.release.version} failed its test: {problems[0].message}",
            kind="gate" if not self.problems else "test",
            problems=problems,
            hint=self.hint or _hint(missed, self.acceptance.metrics),
            details={
                "release": release_fields(self.release, self.project.store),
                "reports": outcome.reports,
                "gates": outcome.evidence.gates,
                "metrics": outcome.evidence.metrics,
            },
        )


def evaluation_code(project: Project) -> dict[str, Path]:
    """The files of `test.code`, by default all of `code`, by path relative to model.yaml's folder (T4)."""
    test, code = _test_block(project), project.model.artifacts.code
    patterns = (test.code if test.code is not None else code) or []
    if not patterns:
        return {}
    found = collect(
        project.folder, [patterns] if isinstance(patterns, str) else patterns, project.model.ignore, "test.code"
    )
    files = {(Path(found.root) / name).as_posix(): file for name, file in found.files.items()}
    if test.requests is not None and (project.folder / test.requests).is_file():
        files.setdefault(Path(test.requests).as_posix(), project.folder / test.requests)
    return files


def _test_block(project: Project) -> Test:
    if project.model.test is None:
        raise UsageError(
            "model.yaml has no `test`, so there is nothing to measure a release with",
            kind="no-test",
            hint="add test.run and test.gates",
        )
    return project.model.test


def _check_acceptance(test: Test, acceptance: Acceptance) -> None:
    relative = {name for name, gate in test.gates.items() if gate.max_drop is not None or gate.max_rise is not None}
    problems = [
        Problem(f"--accept {name}: there is no gate of it against a baseline", allowed=tuple(sorted(relative)))
        for name in acceptance.metrics
        if name not in relative
    ]
    if acceptance.metrics and not (acceptance.reason or "").strip():
        problems.append(Problem("--accept needs a reason, which is recorded", hint="add --reason"))
    if problems:
        raise UsageError(problems[0].message, problems=problems)


def _hint(missed: list[GateResult], accepted: list[str]) -> str | None:
    open_ones = sorted({result.metric for result in missed if result.status == gates.NOT_COMPARABLE})
    if open_ones:
        return f"a named person may accept what can't be compared: --accept {' --accept '.join(open_ones)} --reason …"
    if any(result.metric in accepted for result in missed):
        return "a gate that was compared and missed can't be accepted: make the model better, or change the gate"
    return None
