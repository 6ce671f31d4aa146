"""Who broke it: the authors of the commits since the last good build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_devops.errors import ModelDevopsError
from model_devops.notifying.words import line

if TYPE_CHECKING:
    from model_devops.adapters.git import Git

#: Of a build that was broken for long, the newest commits count.
COMMITS = 200


@dataclass(frozen=True)
class Author:
    """Someone who committed, by the name and mail address that the commits give (after `.mailmap`)."""

    name: str
    mail: str
    commits: int


@dataclass(frozen=True)
class Commits:
    """What changed since the last good state."""

    since: str | None = None
    """A commit, or the version of a release."""
    authors: list[Author] = field(default_factory=list)


def commits_since(git: Git | None, model: str | None, commit: str | None, warn: Callable[[str], None]) -> Commits:
    """The authors since `commit`, by default since the newest release of `model` before HEAD. Asks no remote."""
    if git is None or git.head() is None:
        return Commits()
    try:
        base = _base(git, model, commit, warn)
        return _commits(git, *base) if base else Commits()
    except ModelDevopsError as error:
        warn(f"the commits since the last good build could not be read: {error.message}")
        return Commits()


def _base(git: Git, model: str | None, commit: str | None, warn: Callable[[str], None]) -> tuple[str, str] | None:
    """A commit and how to call it: the one that was named, else that of the newest release before this commit."""
    found = git.commit(commit) if commit else None
    if found:
        return found, found[:12]
    if commit:
        warn(f"the last good build's commit {line(commit, 64)} is not in this clone; the last release's is taken")
    return _last_release(git, model) if model else None


def _last_release(git: Git, model: str) -> tuple[str, str] | None:
    from model_devops.versioning.tags import known_tags

    head = git.head()
    for tag in reversed(known_tags(git, model)):
        if tag.commit and tag.commit != head and git.commit(tag.commit):
            return tag.commit, tag.version
    return None


def _commits(git: Git, base: str, title: str) -> Commits:
    counts: Counter[tuple[str, str]] = Counter(git.authors_since(base, COMMITS))
    return Commits(title, [Author(line(name, 80), line(mail, 120), n) for (name, mail), n in counts.most_common()])
