"""Who may claim a version (B6), and which commits come too late for it (B7).

Only git's ancestry decides. What CI says can take the right to claim away, never give it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model_devops.adapters.ci import Build
from model_devops.adapters.git import Git
from model_devops.adapters.git_remote import Remote
from model_devops.errors import RefusedError, UnreachableError
from model_devops.versioning.known import Final, Known

#: Reads the release branch that the policy at a commit names: None for the remote's default branch (P1).
PolicyBranch = Callable[[str], "str | None"]


@dataclass(frozen=True)
class Standing:
    """Whether this build may claim a version, and the names that a pre-release of it needs (B8)."""

    claims: bool
    why: str
    """One sentence for people."""
    commit: str | None = None
    branch: str | None = None
    pull_request: str | None = None
    release_branch: str | None = None
    remote: Remote | None = None
    """The remote that was asked, where there is one."""

    @property
    def on_release_branch(self) -> bool:
        """Whether evidence made here counts for final releases (T2): what CI narrows doesn't count."""
        return self.claims


def standing(
    git: Git | None,
    build: Build,
    policy_branch: PolicyBranch = lambda _: None,
    *,
    prerelease: bool = False,
) -> Standing:
    """Whether a build of HEAD may claim (B6). `prerelease`: it is not wanted, so no remote is asked.

    Raises UnreachableError only where the answer could be yes: pre-releases work offline (B8).
    """
    commit = git.head() if git else None
    branch = build.branch or (git.branch() if git else None)
    named = Standing(False, "", commit=commit, branch=branch, pull_request=build.pull_request)
    if git is None:
        return _no(named, "this folder is in no git repository")
    if commit is None:
        return _no(named, "the repository has no commit yet")
    if prerelease:
        return _no(named, "a pre-release was asked for")
    if build.pull_request is not None:
        return _no(named, f"this is a build of pull request {build.pull_request}")
    if build.fork:
        return _no(named, "this is a build of a fork")
    remote = git.remote()
    return _alone(git, named, policy_branch) if remote is None else _asked(git, named, build, remote, policy_branch)


def _no(known: Standing, why: str) -> Standing:
    return _with(known, why=why)


def _with(known: Standing, **changes: object) -> Standing:
    from dataclasses import replace

    return replace(known, **changes)  # type: ignore[arg-type]


def _alone(git: Git, named: Standing, policy_branch: PolicyBranch) -> Standing:
    """Without a remote: the branch that HEAD is on, or the one that the working tree names."""
    on = git.branch()
    if on is None:
        return _no(named, "HEAD is on no branch, and there is no remote to ask")
    release = policy_branch("") or on
    if on != release:
        return _no(
            _with(named, release_branch=release),
            f"{on} is not the release branch {release}",
        )
    return _with(
        named,
        claims=True,
        why=f"HEAD is on {on}, and there is no remote",
        release_branch=release,
    )


def _asked(git: Git, named: Standing, build: Build, remote: Remote, policy_branch: PolicyBranch) -> Standing:
    asked = _with(named, remote=remote)
    try:
        default = git.default_branch(remote)
        if default is None:
            why = f"{remote.name} has no branch yet: push yours first (git push -u {remote.name} HEAD)"
            return _no(asked, why)
        tip = git.fetch_branch(remote, default)
        release = policy_branch(tip) or default
        tip = tip if release == default else git.fetch_branch(remote, release)
        return _on_line(git, _with(asked, release_branch=release), build, tip)
    except UnreachableError:
        if _could_claim(git, asked, build, remote):
            raise
        return _no(asked, f"{remote.name} does not answer, and no branch of it had this commit")


def _on_line(git: Git, asked: Standing, build: Build, tip: str) -> Standing:
    release, commit, remote = asked.release_branch, asked.commit, asked.remote
    assert commit is not None
    assert remote is not None
    if build.branch is not None and build.branch != release:
        return _no(
            asked,
            f"this is a build of {build.branch}, and {release} is the release branch",
        )
    if not git.on_first_parent_line(commit, tip):
        hint = f"; if it belongs there, push it: git push {remote.name} {release}" if asked.branch == release else ""
        return _no(
            asked,
            f"{remote.name}'s {release} does not have the commit {commit[:12]} as one of its own{hint}",
        )
    return _with(asked, claims=True, why=f"{commit[:12]} is on {remote.name}'s {release}")


def _could_claim(git: Git, asked: Standing, build: Build, remote: Remote) -> bool:
    """Offline, with what was fetched before: whether the answer could be yes.

    In CI the commit came from the remote a moment ago, so it could; CI that names another branch than the one that
    the remote's HEAD named last can't.
    """
    last = git.run("for-each-ref", "--format=%(symref)", f"refs/remotes/{remote.name}/HEAD")
    default = last.removeprefix(f"refs/remotes/{remote.name}/") or None
    if build.branch is not None and default is not None and build.branch != default:
        return False
    seen = ("refs/model-devops/heads", f"refs/remotes/{remote.name}")
    return build.ci != "none" or bool(git.run("for-each-ref", "--count=1", f"--contains={asked.commit}", *seen))


@dataclass(frozen=True)
class Late:
    """A commit from which no version is claimed any more (B7)."""

    own: list[Final]
    """Releases that its own tags or `built` evidence name, lowest first: to be returned."""
    newer: Final
    """A release of a later commit."""


def late(git: Git, known: Known, commit: str) -> Late | None:
    """Whether `commit` is a strict ancestor of one that a final release was made from (B7)."""
    named = known.by_commit
    newer = [other for other in named if other != commit]
    if not newer or not git.reaches(newer, commit):
        return None
    return Late(
        named.get(commit, []),
        max((named[_one(git, newer, commit)]), key=lambda final: final.number),
    )


def superseded(commit: str, newer: Final) -> RefusedError:
    """The refusal of a late build that has no release of its own (B7)."""
    return RefusedError(
        f"{commit[:12]} is superseded: {newer.version} was built from a later commit, {str(newer.commit)[:12]}",
        kind="superseded",
        hint="build the head of the release branch; an older state comes back by a commit that reverts to it",
    )


def _one(git: Git, commits: list[str], ancestor: str) -> str:
    """One of `commits` that has `ancestor`, by halving."""
    while len(commits) > 1:
        half = commits[: len(commits) // 2]
        commits = half if git.reaches(half, ancestor) else commits[len(half) :]
    return commits[0]
