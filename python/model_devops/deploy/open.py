"""Opening an environment: which target it is, and where it keeps itself."""

from __future__ import annotations

from pathlib import Path

from model_devops.adapters.paths import data_folder
from model_devops.deploy.target import Target
from model_devops.errors import UnreachableError, UsageError
from model_devops.project import Project


def open_target(model: str, environment: str) -> Target:
    """The environment of a model. Nothing is made or changed; it may never have had a revision.

    For `local`, the only target so far, the two names say everything, so no block of model.yaml is needed.
    """
    from model_devops.deploy.local.target import LocalTarget

    return LocalTarget(model, environment, _folder() / model / environment)


def open_known(project: Project, environment: str) -> Target:
    """The same for a name that a person gave. UsageError where neither model.yaml nor this machine knows it."""
    target = open_target(project.model.name, environment)
    known = list(project.model.environments)
    if environment not in known and target.place() is None:
        raise _unknown(project, environment, known)
    return target


def open_wanted(project: Project, environment: str) -> Target:
    """The same for what goes by the policy: the model.yaml where that comes from may know the name as well (P2).

    It is asked only where nobody else knows the name. UnreachableError where it doesn't answer.
    """
    from model_devops.policy.source import environments

    target = open_target(project.model.name, environment)
    known = list(project.model.environments)
    if target.place() is not None or environment in known:
        return target
    try:
        known += [name for name in environments(project) if name not in known]
    except UnreachableError as error:
        unknown = _unknown(project, environment, known)
        raise UnreachableError(f"{unknown.message}; and {error.message}", hint=unknown.hint) from error
    if environment not in known:
        raise _unknown(project, environment, known)
    return target


def _unknown(project: Project, environment: str, known: list[str]) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(environment, known, 1)
    return UsageError(
        f"{project.model.name} has no environment {environment!r}; there are: {', '.join(known) or 'none'}",
        kind="unknown-environment",
        hint=f"did you mean {near[0]}?" if near else "environments are named under `environments:` in model.yaml",
    )


def _folder() -> Path:
    home = data_folder()
    if home is None:
        raise UsageError("there is no home for environments", hint="set HOME or MODEL_DEVOPS_HOME to a folder of yours")
    return home / "environments"
