"""What a build takes from the policy at a commit: the release branch (P1), and whose tests make a base (B4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_devops.config.types import Model
from model_devops.project import Project

if TYPE_CHECKING:
    from model_devops.policy.trust import Trust


@dataclass
class BuildPolicy:
    """Reads `release_branch` from model.yaml at the head of the remote's default branch, never from this checkout.

    Without a remote (commit ``) the working tree counts. A file that isn't there yet says nothing.
    """

    project: Project
    commit: str = ""
    """Where it was read last."""

    def __call__(self, commit: str) -> str | None:
        """The branch that is named there."""
        self.commit = commit
        found = _model_at(self.project, commit)
        return found[1].release_branch if found else None

    def trusted(self) -> Trust:
        """The keys that every environment takes which asks for signatures there (`signed_by`); none where none asks.

        Raises UsageError for keys that can't be used.
        """
        from model_devops.policy.trust import texts, trust

        found = _model_at(self.project, self.commit)
        if found is None:
            return trust([])
        path, model = found
        where = f"{path} at {self.commit[:12]}" if self.commit else path
        return trust([texts(block.signed_by, self._key(path), where) for block in model.environments.values()])

    def _key(self, path: str) -> Callable[[str], bytes | None]:
        """Reads a key file that model.yaml at `path` names."""
        from model_devops.policy.trust import beside

        def read(key: str) -> bytes | None:
            if self.commit and self.project.git is not None:
                name = beside(path, key)
                return None if name.startswith("../") else self.project.git.show(self.commit, name)
            here = self.project.folder / key
            return here.read_bytes() if here.is_file() else None

        return read


def _model_at(project: Project, commit: str) -> tuple[str, Model] | None:
    """model.yaml of this model at a commit, and its path there."""
    if not commit or project.git is None:
        return project.path, project.model
    from model_devops.config.load import loads

    for path in (project.path, project.model.moved_from):
        data = project.git.show(commit, path) if path else None
        model = loads(data, f"{commit[:12]}:{path}").model if data is not None else None
        if path and model is not None and model.name == project.model.name:
            return path, model
    return None
