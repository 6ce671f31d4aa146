"""A team's templates for Kubernetes, from where an environment's settings come from (P1)."""

from __future__ import annotations

from pathlib import Path

from model_devops.config.types import Environment
from model_devops.errors import UsageError
from model_devops.policy.source import Policy
from model_devops.policy.trust import beside
from model_devops.project import Project

ENDINGS = (".yaml.j2", ".yml.j2", ".yaml", ".yml")


def templates(project: Project, policy: Policy) -> dict[str, str]:
    """The texts by file name. Raises UsageError where the folder or a file in it can't be read."""
    block = policy.environment
    if policy.commit is None or block.prereleases or project.git is None or block.templates is None:
        return templates_here(project, policy.name, block)
    path = beside(policy.source.path, block.templates.rstrip("/"))
    return _texts(project.git.files_below(policy.commit, path), f"{path} at {policy.commit[:12]}", policy.name)


def templates_here(project: Project, environment: str, block: Environment) -> dict[str, str]:
    """The same, from the working tree."""
    if block.templates is None:
        return {}
    folder = project.folder / block.templates
    return _texts(_here(folder), str(folder), environment)


def _texts(found: dict[str, bytes], where: str, environment: str) -> dict[str, str]:
    wanted = {name: data for name, data in found.items() if name.endswith(ENDINGS)}
    if not wanted:
        raise UsageError(
            f"there are no templates in {where}",
            kind="no-templates",
            hint=f"`templates` of {environment} names a folder with files that end in {', '.join(ENDINGS)}",
        )
    return {name: _text(data, f"{where}: {name}") for name, data in sorted(wanted.items())}


def _here(folder: Path) -> dict[str, bytes]:
    try:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    except OSError as error:
        raise UsageError(f"{folder} can't be read: {error.strerror}", kind="no-templates") from error


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{where} is not UTF-8", kind="no-templates") from error
