"""The release branch, as the policy at a commit names it (P1)."""

from __future__ import annotations

from collections.abc import Callable

from model_devops.project import Project


def policy_branch(project: Project) -> Callable[[str], str | None]:
    """Reads `release_branch` from model.yaml at the head of the remote's default branch, never from this checkout.

    Without a remote (commit ``) the working tree counts. A file that isn't there yet says nothing.
    """

    def read(commit: str) -> str | None:
        if not commit or project.git is None:
            return project.model.release_branch
        from model_devops.config.load import loads

        for path in (project.path, project.model.moved_from):
            data = project.git.show(commit, path) if path else None
            model = loads(data, f"{commit[:12]}:{path}").model if data is not None else None
            if model is not None and model.name == project.model.name:
                return model.release_branch
        return None

    return read
