"""Where an environment's policy comes from: the protected branch, never what must satisfy it (P1–P4)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from model_devops.config.types import Approval, Environment, Model
from model_devops.deploy.revision import Place, Source
from model_devops.errors import RefusedError, UnreachableError
from model_devops.policy.admin import Rule, rules_for, tighten
from model_devops.policy.trust import Trust, beside, trust, with_keys

if TYPE_CHECKING:
    from model_devops.adapters.git import Git
    from model_devops.adapters.git_remote import Remote
    from model_devops.project import Project


#: What of an environment's block is no policy.
SETTINGS = (
    "env",
    "replicas",
    "autoscale",
    "resources",
    "ingress",
    "pull_secret",
    "templates",
    "min_ready",
    "drain",
    "debug_image",
)


@dataclass(frozen=True)
class Policy:
    """What one environment demands, and who said so."""

    name: str
    """The environment's."""
    environment: Environment
    """The block to use, and to remember: policy from the source, tightened by the administrator (P1, P3)."""
    approvals: tuple[Approval, ...]
    """What approvals must fulfil, model.yaml's and the administrator's; every one of them."""
    trust: Trust
    """Whose signatures count (P1), model.yaml's keys and the administrator's."""
    model: Model
    """model.yaml at the source."""
    source: Source
    commit: str | None = None
    """The head of the branch that it was read from; None without a remote."""
    line: str | None = None
    """The head of the release branch as fetched now (T2); None without a remote, and for pre-releases."""
    note: str | None = None
    """What a person should know of how it was read (P2)."""


def read_policy(project: Project, environment: str, *, remembered: Place | None, prerelease: bool) -> Policy:
    """The policy as it is now (P1–P3). `remembered`: what the target keeps; `prerelease`: what is to run there.

    Raises RefusedError where it isn't there, UnreachableError where it can't be asked for (but see P2), and
    UsageError where it can't be read or the remote's HEAD names no branch. Compare with `check_source` next.
    """
    remote = project.git.remote() if project.git else None
    if project.git is None or remote is None:
        block = _block(project.model, environment, project.path)
        block = with_keys(block, lambda key: _here(project.folder / key), project.path)
        return _policy(project, environment, block, project.model, _own_source(project))
    try:
        return _fetched(project, project.git, remote, environment, prerelease)
    except UnreachableError as error:
        block_kept = _kept_for_prerelease(remembered) if prerelease else None
        if block_kept is None or remembered is None:
            raise
        note = f"{remote.name} does not answer, so the policy that {environment} read last holds: {error.message}"
        source = _kept_source(project, remote, remembered)
        return _policy(project, environment, block_kept, project.model, source, note=note)


def environments(project: Project) -> dict[str, Environment]:
    """The blocks of model.yaml where policy comes from (P2); none where it isn't there. Raises as `read_policy`."""
    remote = project.git.remote() if project.git else None
    if project.git is None or remote is None:
        return dict(project.model.environments)
    try:
        return dict(_protected(project, project.git, remote).model.environments)
    except RefusedError:
        return {}


def check_source(place: Place | None, source: Source, moved_from: str | None = None) -> None:
    """Raise RefusedError where the environment takes its policy from elsewhere, until `adopt` (P4).

    `moved_from` is that of model.yaml at the source (`policy.model.moved_from`): what it names is no other place.
    """
    if place is None:
        return
    kept = place.source
    if moved_from is not None and kept.path == moved_from:
        kept = msgspec.structs.replace(kept, path=source.path)
    if kept != source:
        raise RefusedError(
            f"{place.environment} takes its policy from {describe(place.source)}, and this is {describe(source)}",
            kind="other-source",
            hint=f"if it is to change: model-devops adopt {place.environment} --reason WHY",
        )


def describe(source: Source) -> str:
    """A source in words."""
    if source.remote is None:
        return f"{source.path} in {source.repository}, which has no remote"
    return f"{source.path} on {source.branch} of {source.remote}"


def kept_policy(place: Place) -> Environment | None:
    """The block that the environment read last, with what the administrator demands now (D8, P3)."""
    block = _kept(place)
    return tighten(block, rules_for(place.environment)) if block else None


def kept_approvals(place: Place) -> tuple[Approval, ...]:
    """The approvals of the block that the environment read last, and the administrator's (S5)."""
    return _approvals(_kept(place), rules_for(place.environment))


def kept_trust(place: Place) -> Trust:
    """The same for keys (D8)."""
    return _trust(_kept(place), rules_for(place.environment))


def _trust(read: Environment | None, rules: list[Rule]) -> Trust:
    return trust([*([read.signed_by] if read else []), *(rule.signed_by for rule in rules)])


def _here(file: Path) -> bytes | None:
    """A key file of the working tree."""
    return file.read_bytes() if file.is_file() else None


def _kept(place: Place) -> Environment | None:
    return msgspec.convert(place.policy, Environment) if place.policy else None


def _policy(
    project: Project,
    name: str,
    read: Environment,
    model: Model,
    source: Source,
    *,
    commit: str | None = None,
    line: str | None = None,
    note: str | None = None,
) -> Policy:
    rules = rules_for(name)
    block = tighten(read, rules)
    here = project.model.environments.get(name)
    if block.prereleases and here is not None:  # the other settings are the checkout's (P1)
        block = msgspec.structs.replace(block, **{name: getattr(here, name) for name in SETTINGS})
    return Policy(name, block, _approvals(read, rules), _trust(read, rules), model, source, commit, line, note)


def _approvals(read: Environment | None, rules: list[Rule]) -> tuple[Approval, ...]:
    written = [*([read.approval] if read else []), *(rule.approval for rule in rules)]
    return tuple(Approval() if isinstance(one, bool) else one for one in written if one is not False)


def _own_source(project: Project) -> Source:
    """Without a remote the working tree counts (P2)."""
    folder = project.git.common_dir if project.git else project.folder
    return Source(repository=os.path.realpath(folder), path=project.path)


def _committed(git: Git, tip: str, path: str) -> bytes | None:
    return None if path.startswith("../") else git.show(tip, path)


class _Protected(NamedTuple):
    """model.yaml at the head of the protected branch."""

    branch: str
    tip: str
    path: str
    model: Model


def _protected(project: Project, git: Git, remote: Remote) -> _Protected:
    branch = git.default_branch(remote)
    if branch is None:
        raise RefusedError(
            f"{remote.name} has no branch yet, so there is no policy for {project.model.name}",
            kind="no-policy",
            hint=f"push the branch that holds it: git push -u {remote.name} HEAD",
        )
    tip = git.fetch_branch(remote, branch)
    return _Protected(branch, tip, *_model_at(project, git, tip, f"{remote.name}/{branch}"))


def _fetched(project: Project, git: Git, remote: Remote, environment: str, prerelease: bool) -> Policy:
    branch, tip, path, model = _protected(project, git, remote)
    where = f"{path} on {remote.name}/{branch}"
    block = _block(model, environment, where)
    block = with_keys(block, lambda key: _committed(git, tip, beside(path, key)), where)
    source = Source(remote=remote.key, branch=branch, path=path)
    line = None
    if not prerelease:
        release_branch = model.release_branch or branch
        line = tip if release_branch == branch else git.fetch_branch(remote, release_branch)
    return _policy(project, environment, block, model, source, commit=tip, line=line)


def _model_at(project: Project, git: Git, tip: str, where: str) -> tuple[str, Model]:
    """model.yaml of this model at a commit, and its path there (P2). Unreadable there: UsageError."""
    from model_devops.config.load import loads

    for path in (project.path, project.model.moved_from):
        data = git.show(tip, path) if path else None
        if path is None or data is None:
            continue
        model = loads(data, f"{where}:{path}").model
        if model.name == project.model.name:
            return path, model
        raise RefusedError(
            f"{path} on {where} is of the model {model.name}, so there is no policy for {project.model.name}",
            kind="no-policy",
            hint="merge this model.yaml there first",
        )
    raise RefusedError(
        f"{where} has no {project.path}, so there is no policy for {project.model.name}",
        kind="no-policy",
        hint="merge model.yaml there first; if it moved, say so in it: moved_from: OLD/PATH",
    )


def _block(model: Model, environment: str, where: str) -> Environment:
    block = model.environments.get(environment)
    if block is None:
        known = ", ".join(sorted(model.environments)) or "none"
        raise RefusedError(
            f"there is no environment {environment} in {where}",
            kind="no-environment",
            hint=f"environments there: {known}; a new one counts once it is merged",
        )
    return block


def _kept_for_prerelease(remembered: Place | None) -> Environment | None:
    """The block kept by a local environment that took pre-releases when it last read its policy (P2)."""
    block = _kept(remembered) if remembered else None
    return block if block and block.target == "local" and block.prereleases else None


def _kept_source(project: Project, remote: Remote, remembered: Place) -> Source:
    """Where the policy would be read from, as far as can be told without the remote."""
    kept = remembered.source
    path = kept.path if kept.path in (project.path, project.model.moved_from) else project.path
    return Source(remote=remote.key, branch=kept.branch, path=path)
