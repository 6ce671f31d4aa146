"""Releases of this store whose tags the remote lacks: without them other clones give the same numbers again (V5).

They come from a clone that released before it had a remote, whose `git push` took the branches and not the tags.
"""

from __future__ import annotations

from model_devops.adapters.git import Git
from model_devops.adapters.git_remote import Remote
from model_devops.errors import RefusedError, UnreachableError
from model_devops.project import Project
from model_devops.release.store import Stored
from model_devops.versioning import repair
from model_devops.versioning.known import Final
from model_devops.versioning.tags import tag_name

AGAIN = "until `model-devops version repair` puts it there, other clones give the same number to something else"


def put_back(project: Project, remote: Remote, finals: list[Final]) -> list[str]:
    """Put the tags on the remote that may be put there unasked; returns what a person must know of each."""
    return [_one(project, remote, final, final.stored) for final in finals if final.stored]


def _one(project: Project, remote: Remote, final: Final, stored: Stored) -> str:
    tag = tag_name(project.model.name, stored.version)
    try:
        problem = _objection(project, final, stored) or repair.put_back(_git(project), remote, stored, final.tag)
    except (RefusedError, UnreachableError) as error:
        problem = error.message
    if problem is None:
        return f"{remote.name} lacked the tag {tag} of what is released: it is there now"
    return f"{remote.name} lacks the tag {tag} of what is released ({problem}): {AGAIN}"


def _objection(project: Project, final: Final, stored: Stored) -> str | None:
    """Why a person must decide: a tag that is nowhere was deleted, and one takes commits along that nobody pushed."""
    if final.tag is None:
        return "nor has this clone"
    commit = stored.record.commit
    pushed = commit is not None and project.commit is not None and _git(project).reaches([project.commit], commit)
    return None if pushed else f"its commit {str(commit)[:12]} is not in what is pushed"


def _git(project: Project) -> Git:
    assert project.git is not None
    return project.git
