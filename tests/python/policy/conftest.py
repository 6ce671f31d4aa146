"""Real repositories with a real remote, real stores and real (local) environments, without any server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from mini_project import mini, remote  # noqa: F401  fixtures
from model_devops.adapters.ci import Build
from model_devops.deploy.local.target import LocalTarget
from model_devops.deploy.revision import Place, Revision, Source
from model_devops.policy import admin
from model_devops.policy.conditions import Condition, conditions
from model_devops.policy.source import Policy, read_policy
from model_devops.project import Project, open_project
from model_devops.release.evidence import Body, Deployed, Evidence, Tested
from model_devops.release.store import Stored
from release_samples import LAYOUT, built, record_for, some_sources
from repositories import git

MODEL = """\
name: digits
artifacts: {model: model/}
test: {run: [python evaluate.py]}
serve: {command: python serve.py}
environments:
  test: {target: local, port: 8081, prereleases: true}
  production: {target: local, port: 8080, requires: [tested, "deployed:test"], approval: {after: test}}
"""
TIME = "2026-01-01T00:00:00.000Z"


class World:
    """One clone of one model, what its store and its environments know, and its remote."""

    def __init__(self, folder: Path, tmp_path: Path) -> None:
        self.folder, self.tmp_path = folder, tmp_path
        self.build = Build(ci="none", id="this-build")
        self.environments = tmp_path / "environments"
        self.salt = 0

    def write(self, text: str = MODEL, *, commit: bool = True, push: bool = False, path: str = "model.yaml") -> str:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)
        return self.commit(push=push) if commit else ""

    def commit(self, *, push: bool = False, author: str | None = None) -> str:
        git("add", "--all", cwd=self.folder)
        options = [f"--author={author}"] if author else []
        git("commit", "--quiet", "--allow-empty", "--message", str(uuid.uuid4()), *options, cwd=self.folder)
        if push:
            git("push", "--quiet", "origin", "HEAD:main", cwd=self.folder)
        return git("rev-parse", "HEAD", cwd=self.folder)

    def project(self, path: str = "model.yaml") -> Project:
        opened = open_project(self.folder / path, store=str(self.tmp_path / "store"))
        return Project(opened.loaded, opened.git, self.build, opened.store_argument)

    def target(self, name: str) -> LocalTarget:
        return LocalTarget("digits", name, self.environments / name)

    def policy(self, name: str = "production", *, remembered: Place | None = None, prerelease: bool = False) -> Policy:
        return read_policy(self.project(), name, remembered=remembered, prerelease=prerelease)

    def release(self, version: str = "1.0.0", *, commit: str | None = None, is_built: bool = True, **changes) -> Stored:
        """A release with bytes of its own, and the word of its build on the release branch."""
        self.salt += 1
        sources = some_sources(self.tmp_path / f"work{self.salt}", str(changes.pop("salt", self.salt)).encode())
        commit = commit or git("rev-parse", "HEAD", cwd=self.folder)
        store = self.project().store
        record = record_for(sources, version, f"build-{version}", commit=commit, **changes)
        stored = store.name(store.put_files(sources, LAYOUT), record)
        if is_built:
            self.say(stored, built(f"build-{version}", commit=commit, on_release_branch="-" not in version))
        return stored

    def say(self, release: Stored, body: Body) -> Evidence:
        return self.project().store.add_evidence(release.digest, body)

    def tested(self, release: Stored, commit: str | None = None, passed: bool = True, **fields) -> Evidence:
        fields = {"commit": commit or release.record.commit, "on_release_branch": True} | fields
        return self.say(release, Tested(id=str(uuid.uuid4()), time=TIME, passed=passed, **fields))

    def deployed(self, release: Stored, environment: str = "test", status: str = "verified", **fields) -> Revision:
        """A revision of the environment with its evidence, as a rollout leaves them."""
        revision = self.revision(release, environment, status, **fields)
        body = Deployed(
            id=revision.id,
            time=TIME,
            environment=environment,
            revision=revision.number,
            revision_id=revision.id,
            status=status,
        )
        self.say(release, body)
        return revision

    def revision(self, release: Stored | None, environment: str, status: str = "verified", **fields) -> Revision:
        target = self.target(environment)
        with target.lock("test"):
            revision = Revision(
                number=len(target.revisions()) + 1,
                id=str(uuid.uuid4()),
                status="pending",
                action="deploy" if release else "stop",
                release=release.digest if release else None,
                version=release.version if release else None,
                identity=release.record.identity.digest if release else None,
                **fields,
            )
            from msgspec.structs import replace

            target.create(revision)
            done = replace(revision, status=status)
            if status != "pending":
                target.change(revision, done)
        return done

    def place(self, environment: str, **fields) -> Place:
        fields = {"source": Source(path="model.yaml")} | fields
        place = Place(model="digits", environment=environment, **fields)
        with self.target(environment).lock("test"):
            self.target(environment).save_place(place)
        return place

    def ask(self, release: Stored, environment: str = "production") -> dict[str, Condition]:
        policy = self.policy(environment, prerelease=release.record.is_prerelease)
        found = conditions(self.project(), policy, release, target=self.target(environment), others=self.target)
        return {one.name: one for one in sorted(found, key=lambda one: not one.holds)}  # of two, the failing one


@pytest.fixture
def lone(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A clone without a remote, and no administrator."""
    monkeypatch.setattr(admin, "PATH", tmp_path / "etc" / "policy.yaml")
    world = World(repo, tmp_path)
    world.write()
    return world


@pytest.fixture
def world(lone: World, bare_remote: Path) -> World:
    """A clone whose `main` is pushed to a bare remote."""
    git("push", "--quiet", "origin", "main", cwd=lone.folder)
    return lone


@pytest.fixture
def administrator(tmp_path: Path) -> Callable[[str], None]:
    """Writes the administrator's policy."""

    def write(text: str) -> None:
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc" / "policy.yaml").write_text(text)

    return write


@pytest.fixture
def offline() -> Callable[[World], None]:
    """Makes the remote not answer any more."""

    def cut(world: World) -> None:
        git("remote", "set-url", "origin", "ssh://nobody@127.0.0.1:1/remote.git", cwd=world.folder)

    return cut
