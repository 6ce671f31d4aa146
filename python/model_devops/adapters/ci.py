"""What CI says about the running build, read from its variables (docs/ci-variables.md).

Whoever can change the pipeline can change these variables: they name things, and they can only ever
narrow what a build may do (B6), never widen it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Build:
    """The running build. Outside CI everything but `ci` and `id` is empty."""

    ci: str
    """`jenkins`, `gitlab`, `github` or `none`."""
    id: str
    """Unique for each build and attempt."""
    url: str | None = None
    """What later steps of the same build share (B9): the run's or pipeline's address, without the attempt."""
    job: str | None = None
    number: str | None = None
    branch: str | None = None
    """The branch that is built; for a pull request the one it comes from."""
    pull_request: str | None = None
    """Number of the pull or merge request, where this is a build of one."""
    commit: str | None = None
    actor: str | None = None
    """Who started it, by the name that CI gives."""
    fork: bool = False
    """Whether what is built comes from another repository. In doubt it does."""
    restarted_from: str | None = None
    """URL of the build that this one was restarted from, where CI tells."""


def detect(environ: Mapping[str, str] = os.environ) -> Build:
    """The build that these variables describe. Never fails: what is missing or odd is left out."""
    known = {name: value for name, value in environ.items() if value}
    build = _detect(known)
    url = known.get("MODEL_DEVOPS_BUILD_URL", build.url)
    if url and url != build.url:
        build = replace(build, url=url, id=url)
    return replace(build, restarted_from=known.get("MODEL_DEVOPS_RESTARTED_FROM"))


def _detect(known: Mapping[str, str]) -> Build:
    """The first CI that also says which build this is.

    A variable that says only which CI there is may have been left in a person's shell: `model-devops jenkins` reads
    JENKINS_URL. Believed, it would put CI's word behind what that person does (A1).
    """
    builds = []
    if known.get("GITHUB_ACTIONS") == "true":
        builds.append(_github(known))
    if known.get("GITLAB_CI") == "true":
        builds.append(_gitlab(known))
    if "JENKINS_URL" in known or known.get("BUILD_TAG", "").startswith("jenkins-"):
        builds.append(_jenkins(known))
    return next((build for build in builds if build.url), Build(ci="none", id=_unique()))


def _jenkins(known: Mapping[str, str]) -> Build:
    job, number = known.get("JOB_NAME"), known.get("BUILD_NUMBER")
    url = known.get("BUILD_URL")
    if not url and job and number:  # an administrator who never set the Jenkins URL
        url = f"jenkins:{job}#{number}"
    return Build(
        ci="jenkins",
        id=url or "",
        url=url,
        job=job,
        number=number,
        branch=_jenkins_branch(known),
        pull_request=known.get("CHANGE_ID"),
        commit=known.get("GIT_COMMIT"),
        actor=known.get("BUILD_USER_ID"),
        fork="CHANGE_FORK" in known,
    )


def _jenkins_branch(known: Mapping[str, str]) -> str | None:
    if "CHANGE_ID" in known:
        return known.get("CHANGE_BRANCH")
    if "TAG_NAME" in known:  # BRANCH_NAME is the tag's name then
        return None
    if "BRANCH_NAME" in known:
        return known["BRANCH_NAME"]
    remote, _, branch = known.get("GIT_BRANCH", "").partition("/")
    return branch if remote and branch else None  # the git plugin's `origin/main`, or `detached`


def _gitlab(known: Mapping[str, str]) -> Build:
    url, job = known.get("CI_PIPELINE_URL"), known.get("CI_JOB_ID")
    source = known.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID")
    target = known.get("CI_MERGE_REQUEST_PROJECT_ID") or known.get("CI_PROJECT_ID")
    request = known.get("CI_MERGE_REQUEST_IID")
    return Build(
        ci="gitlab",
        id=f"{url}#{job}" if url and job else _unique(),
        url=url,
        job=known.get("CI_PROJECT_PATH"),
        number=known.get("CI_PIPELINE_IID"),
        branch=known.get("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") or known.get("CI_COMMIT_BRANCH"),
        pull_request=request,
        commit=known.get("CI_COMMIT_SHA"),
        actor=known.get("GITLAB_USER_LOGIN"),
        fork=request is not None and (source is None or source != target),
    )


def _github(known: Mapping[str, str]) -> Build:
    reference = known.get("GITHUB_REF", "")
    request = re.fullmatch(r"refs/pull/(\d+)/.*", reference)
    number, fork = (request[1] if request else None), request is not None
    if request or known.get("GITHUB_EVENT_NAME", "").startswith("pull_request"):
        number, fork = _github_request(known, number)
    branch = known.get("GITHUB_HEAD_REF")
    if not branch and reference.startswith("refs/heads/"):
        branch = reference.removeprefix("refs/heads/")
    server, repository, run = (known.get(f"GITHUB_{part}") for part in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    url = f"{server}/{repository}/actions/runs/{run}" if server and repository and run else None
    attempt = f"{url}/attempts/{known.get('GITHUB_RUN_ATTEMPT', '1')}#{known.get('GITHUB_JOB', '')}"
    return Build(
        ci="github",
        id=attempt,
        url=url,
        job=known.get("GITHUB_WORKFLOW"),
        number=known.get("GITHUB_RUN_NUMBER"),
        branch=branch,
        pull_request=number,
        commit=known.get("GITHUB_SHA"),
        actor=known.get("GITHUB_TRIGGERING_ACTOR") or known.get("GITHUB_ACTOR"),
        fork=fork,
    )


def _github_request(known: Mapping[str, str], number: str | None) -> tuple[str, bool]:
    """Number of the pull request, and whether it comes from a fork, from the event's file.

    `pull_request_target` runs on the base branch: only this file says that a pull request is built.
    """
    event = _read_json(known.get("GITHUB_EVENT_PATH"))
    number = number or _text(_at(event, "pull_request", "number")) or _text(_at(event, "number")) or "unknown"
    head = _at(event, "pull_request", "head", "repo", "full_name")
    base = _at(event, "pull_request", "base", "repo", "full_name")
    return number, not (isinstance(head, str) and head == base)


def _read_json(path: str | None) -> object:
    import json

    try:
        with open(path or "", "rb") as stream:
            return json.load(stream)
    except (OSError, ValueError, RecursionError):
        return None


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def _unique() -> str:
    import uuid

    return str(uuid.uuid4())
