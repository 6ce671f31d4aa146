"""What a verb works on: model.yaml, its repository, its store and the running build."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops.adapters.ci import Build, detect

if TYPE_CHECKING:
    from model_devops.adapters.git import Git
    from model_devops.config.load import Loaded
    from model_devops.config.types import Environment, Model
    from model_devops.release.oci import OciStore
    from model_devops.versioning.tags import Tag


@dataclass(frozen=True)
class Project:
    """One model in its checkout. The store is opened when it is first asked for."""

    loaded: Loaded
    git: Git | None
    """None: model.yaml lies in no git repository."""
    build: Build
    store_argument: str | None = None

    @property
    def model(self) -> Model:
        """model.yaml as read from the checkout."""
        return self.loaded.model

    @property
    def folder(self) -> Path:
        """The folder of model.yaml: the team's commands run here."""
        return self.loaded.folder

    @property
    def path(self) -> str:
        """model.yaml's path in its repository, with `/`; its file name where there is none."""
        if self.git is None:
            return self.loaded.path.name
        return self.loaded.path.resolve().relative_to(self.git.root.resolve()).as_posix()

    def in_repository(self, file: Path) -> str:
        """A file's path in the repository, with `/`; relative to model.yaml's folder where there is none."""
        base = self.git.root.resolve() if self.git else self.folder.resolve()
        return (file.parent.resolve() / file.name).relative_to(base).as_posix()

    @cached_property
    def commit(self) -> str | None:
        """The commit that is checked out, if any: one for the whole run."""
        return self.git.head() if self.git else None

    @cached_property
    def store(self) -> OciStore:
        """Where this model's releases lie (S1)."""
        from model_devops.release.location import open_store

        return open_store(self.model, self.git, self.store_argument, folder=self.folder, fork=self.build.fork)

    @cached_property
    def policy_blocks(self) -> dict[str, Environment]:
        """The environments where policy comes from, asked once. Raises as `policy.source.environments`."""
        from model_devops.policy.source import environments

        return environments(self)

    @cached_property
    def tags(self) -> list[Tag]:
        """Tags of final versions: the remote's as of now where it answers, else what this clone knows. Asked once."""
        from model_devops import notices
        from model_devops.errors import RefusedError, UnreachableError, UsageError
        from model_devops.versioning.tags import known_tags, read_tags

        if self.git is None:
            return []
        try:
            return read_tags(self.git, self.git.remote(), self.model.name)
        except (UnreachableError, RefusedError, UsageError) as error:
            notices.warn(f"{error.message}: numbers mean what this clone's tags said last")
            return known_tags(self.git, self.model.name)


def with_store(project: Project, store: OciStore) -> Project:
    """The same project, its releases looked for in this store."""
    found = replace(project)
    found.__dict__["store"] = store  # as the cached property keeps it
    return found


def open_project(file: Path, *, store: str | None = None) -> Project:
    """Read model.yaml and find its repository. Raises UsageError with all problems."""
    from model_devops.adapters.git import open_git
    from model_devops.adapters.paths import keep_cache_apart
    from model_devops.config.load import load
    from model_devops.release.location import beside_git

    loaded = load(file)
    git, build = open_git(loaded.folder), detect()
    keep_cache_apart(beside_git(git, loaded.folder) / "cache" if build.fork else None)
    return Project(loaded=loaded, git=git, build=build, store_argument=store)
