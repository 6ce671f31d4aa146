"""What there is to tell, gathered from a step's result document, git, CI and the environments.

Nothing here fails because something is missing: a message that says less is better than none. What could
not be found out is a warning.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_devops.errors import ModelDevopsError
from model_devops.notifying import statuses
from model_devops.notifying.authors import Commits, commits_since
from model_devops.notifying.secrets import NONE, Secrets
from model_devops.notifying.words import line

if TYPE_CHECKING:
    from model_devops.adapters.ci import Build
    from model_devops.adapters.git import Git
    from model_devops.project import Project

Warn = Callable[[str], None]

#: How much of what went wrong fits on one screen.
PROBLEMS, PROBLEM_LENGTH = 8, 240
_DOCUMENT_LIMIT = 64 << 20


@dataclass(frozen=True)
class Asked:
    """What the caller of `notify` says."""

    of: Path | None = None
    """The result document of the step that this is about."""
    status: str | None = None
    previous: str | None = None
    stage: str | None = None
    message: str | None = None
    since: str | None = None
    environments: Sequence[str] = ()


@dataclass(frozen=True)
class News:
    """One message, already short and clean; how it looks is for `formats.py` and `mail.py`."""

    status: str
    model: str | None = None
    version: str | None = None
    digest: str | None = None
    stage: str | None = None
    what: str | None = None
    """What happened, in one line."""
    problems: list[str] = field(default_factory=list)
    more: int = 0
    """How many further problems there are."""
    hint: str | None = None
    build: Build | None = None
    commits: Commits = field(default_factory=Commits)
    environments: dict[str, str] = field(default_factory=dict)
    """What runs where, in words."""


def gather(
    asked: Asked, project: Project | None, git: Git | None, build: Build, warn: Warn, secrets: Secrets = NONE
) -> News:
    """Everything that is known, shortened to one screen. `project` is None where model.yaml can't be read.

    Secrets are taken out before anything is shortened: half of one would not be found any more.
    """
    document, unread = _document(asked.of)
    document = secrets.redact_all(document)
    asked = replace(asked, stage=secrets.redact_all(asked.stage), message=secrets.redact_all(asked.message))
    if unread:
        warn(unread)
    error, release = _dict(document, "error"), _dict(document, "release")
    status = statuses.of(document, asked.status, unread is not None)
    problems = _problems(error)
    model = _text(release.get("name")) or (project.model.name if project else None)
    return News(
        status=statuses.after(asked.previous, status),
        model=model,
        version=_text(release.get("version") or _dict(document, "revision").get("version")),
        digest=_text(release.get("digest") or _dict(document, "revision").get("release")),
        stage=_text(asked.stage),
        what=_text(error.get("message")) if error else _text(asked.message or document.get("summary") or unread),
        problems=problems[:PROBLEMS],
        more=len(problems[PROBLEMS:]),
        hint=_text(error.get("hint")),
        build=build,
        commits=commits_since(git, model, asked.since, warn),
        environments=_environments(asked, document, project, warn),
    )


def _document(path: Path | None) -> tuple[dict[str, Any], str | None]:
    """The step's result document, and why there is none. A step that could not run at all leaves none."""
    if path is None:
        return {}, None
    try:
        with open(path, "rb") as stream:
            document = json.loads(stream.read(_DOCUMENT_LIMIT).decode("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        return {}, f"the step left no result document ({path}): it could not run, or was killed"
    return document, None


def _problems(error: dict[str, Any]) -> list[str]:
    """Each problem as one line with its place; the message itself isn't said twice."""
    found = error.get("problems")
    lines = [_problem(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [text for text in lines if text and text != error.get("message")]


def _problem(item: dict[str, Any]) -> str:
    place = ":".join(str(item[key]) for key in ("file", "line", "column") if item.get(key) is not None)
    return line(f"{place + ': ' if place else ''}{item.get('message')}", PROBLEM_LENGTH)


def _environments(asked: Asked, document: dict[str, Any], project: Project | None, warn: Warn) -> dict[str, str]:
    """What runs now, in the environments asked for, else in the one that the step was about."""
    own = _text(document.get("environment"))
    names = list(asked.environments) or ([own] if own else [])
    if not project:
        return {}
    found = {}
    for name in names:
        try:
            found[name] = _runs(project, name)
        except (ModelDevopsError, OSError) as error:
            warn(f"{name} could not be asked what runs: {error}")
    return found


def _runs(project: Project, environment: str) -> str:
    from model_devops.deploy.open import open_known
    from model_devops.deploy.status import status

    found = status(project.store, environment, open_known(project, environment))
    runs = f"{found.runs} (revision {found.seen.revision})" if found.seen.running else "nothing"
    return line("; ".join([runs, *found.remarks]), PROBLEM_LENGTH)


def _dict(document: dict[str, Any], name: str) -> dict[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    return line(value, PROBLEM_LENGTH) or None if isinstance(value, str) else None
