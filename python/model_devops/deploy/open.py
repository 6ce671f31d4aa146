"""Opening an environment: which target it is, and where it keeps itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops import notices
from model_devops.adapters.paths import data_folder
from model_devops.config.types import Environment
from model_devops.deploy.target import Target
from model_devops.errors import RefusedError, UnreachableError, UsageError
from model_devops.project import Project

if TYPE_CHECKING:
    from model_devops.policy.source import Policy


def open_target(project: Project, environment: str) -> Target:
    """An environment of the project's model. Nothing is made or changed; it may never have had a revision.

    A `local` one is known by the two names. Where one in a cluster is, is policy's to say (P1); where policy can't be
    asked for, the checkout's word will do to look, and for a way back: a deploy compares the two (`check_address`).
    """
    return _target(project, environment, _block(project, environment))


def _block(project: Project, environment: str) -> Environment | None:
    here = project.model.environments.get(environment)
    if here is None or here.target == "local":
        return here
    try:
        return project.policy_blocks.get(environment, here)
    except UnreachableError as error:
        notices.warn(f"{error.message}: {environment} is looked for where this checkout says")
        return here


def _target(project: Project, environment: str, block: Environment | None) -> Target:
    if block is not None and block.target == "kubernetes":
        from model_devops.deploy.kubernetes.opening import open_cluster

        return open_cluster(project.model.name, environment, block)
    from model_devops.deploy.local.target import LocalTarget

    return LocalTarget(project.model.name, environment, local_folder(project.model.name, environment))


def check_address(target: Target, policy: Policy) -> None:
    """Raise RefusedError where the target that was opened is not the one that policy names (P1)."""
    said = address(policy.environment)
    if target.address != said:
        raise RefusedError(
            f"{policy.name} is {' '.join(said)} by the policy, and {' '.join(target.address)} in this checkout",
            kind="other-address",
            hint="bring the branch up to date with the one that policy comes from",
        )


def address(block: Environment) -> tuple[str, ...]:
    """What an environment is reached by; see `Target.address`."""
    if block.target == "local":
        return ("local",)
    return ("kubernetes", block.context or "(current context)", block.namespace or "")


def open_known(project: Project, environment: str) -> Target:
    """The same for a name that a person gave. UsageError where neither model.yaml nor this machine knows it."""
    target = open_target(project, environment)
    if environment not in project.model.environments and target.place() is None:
        raise _unknown(project, environment, project.model.environments)
    return target


def open_wanted(project: Project, environment: str) -> Target:
    """The same for what goes by the policy: the model.yaml where that comes from may know the name as well (P2).

    It is asked only where nobody else knows the name. UnreachableError where it doesn't answer.
    """
    target, known = open_target(project, environment), project.model.environments
    if target.place() is not None or environment in known:
        return target
    try:
        there = project.policy_blocks
    except UnreachableError as error:
        unknown = _unknown(project, environment, known)
        raise UnreachableError(f"{unknown.message}; and {error.message}", hint=unknown.hint) from error
    if environment not in there:
        raise _unknown(project, environment, dict.fromkeys([*known, *there]))
    return _target(project, environment, there[environment])


def look_together(targets: Collection[Target]) -> list[Target]:
    """Let several environments in a cluster share what is listed. Returns those of which the bytes are looked at too.

    Hashing in every pod of many environments would take long: that is done for one that is asked for alone.
    """
    if len(targets) < 2:
        return list(targets)
    from model_devops.deploy.local.target import LocalTarget

    local = [target for target in targets if isinstance(target, LocalTarget)]
    if len(local) < len(targets):
        from model_devops.deploy.kubernetes.opening import together

        together([target for target in targets if target not in local])
    return list(local)


def _unknown(project: Project, environment: str, known: Iterable[str]) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(environment, list(known), 1)
    return UsageError(
        f"{project.model.name} has no environment {environment!r}; there are: {', '.join(known) or 'none'}",
        kind="unknown-environment",
        hint=f"did you mean {near[0]}?" if near else "environments are named under `environments:` in model.yaml",
    )


def local_folder(model: str, environment: str) -> Path:
    """Where a `local` environment keeps itself. Raises UsageError where there is no home."""
    home = data_folder()
    if home is None:
        raise UsageError("there is no home for environments", hint="set HOME or MODEL_DEVOPS_HOME to a folder of yours")
    return home / "environments" / model / environment
