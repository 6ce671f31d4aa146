"""Making and updating a model's jobs: the pipeline, and the one that rolls back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_devops.adapters.jenkins import XML, Controller, NotFoundError, quoted
from model_devops.errors import RefusedError, UsageError
from model_devops.jenkins import jobs

if TYPE_CHECKING:
    from model_devops.project import Project


@dataclass(frozen=True)
class Wishes:
    """What the caller says of the jobs; None is found out."""

    job: str
    repository: str | None = None
    branch: str | None = None
    jenkinsfile: str | None = None
    credentials: str | None = None
    parameters: Mapping[str, str] | None = None
    library: str = "model-devops"
    agent: str = ""


@dataclass(frozen=True)
class Done:
    """One job and what was changed, or would be; nothing if it is as wanted."""

    job: str
    url: str
    changes: list[str]


def source(project: Project, wishes: Wishes) -> jobs.Source:
    """Where Jenkins finds the pipeline: by default this clone's remote, without any credentials in its address."""
    from model_devops.adapters.git_remote import without_login

    git = project.git
    remote = git.remote() if git and not (wishes.repository and wishes.branch) else None
    repository = wishes.repository or (without_login(remote.url) if remote else None)
    if repository is None:
        raise UsageError("Jenkins needs a repository", hint="add --repository, or a remote: git remote add origin URL")
    branch = wishes.branch or (git.default_branch(remote) if git and remote else None)
    if branch is None:
        raise UsageError("which branch is released isn't known", hint="add --branch")
    beside = project.path.rpartition("/")[0]
    default = f"{beside}/Jenkinsfile" if beside else "Jenkinsfile"
    return jobs.Source(repository, branch, wishes.jenkinsfile or default, wishes.credentials)


def install(
    controller: Controller, project: Project, wishes: Wishes, *, adopt: bool, dry_run: bool, say: Callable[[str], None]
) -> list[Done]:
    """Bring both jobs to what is wanted; all is looked at before anything is changed."""
    model, where = project.model.name, source(project, wishes)
    wanted = {wishes.job: jobs.pipeline(model, where, wishes.parameters or {})}
    environments = list(project.model.environments)
    if environments:
        name = f"{wishes.job}-rollback"
        wanted[name] = jobs.rollback(model, where, project.path, environments, wishes.library, wishes.agent)
    plans = [(job, _config(controller, job), xml) for job, xml in wanted.items()]
    merged = [(job, current, *jobs.merged(current, xml, job, adopt=adopt)) for job, current, xml in plans]
    folders = _missing_folders(controller, wishes.job)
    done = [Done(folder, controller.job_url(folder), [f"{folder}: new folder"]) for folder in folders]
    for job, current, xml, changes in merged:
        done.append(Done(job, controller.job_url(job), changes))
        for change in changes:
            say(change)
        if changes and not dry_run:
            _write(controller, job, current, xml, folders)
    return done


def _config(controller: Controller, job: str) -> str | None:
    try:
        return controller.get(controller.job_url(job) + "config.xml").content.decode("utf-8", "replace")
    except NotFoundError:
        return None


def _missing_folders(controller: Controller, job: str) -> list[str]:
    """The folders above a job that aren't there, the outermost first."""
    parts = job.split("/")[:-1]
    names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    return [name for name in names if _config(controller, name) is None]


def _write(controller: Controller, job: str, current: str | None, xml: str, folders: list[str]) -> None:
    while folders:
        name = folders.pop(0)
        _create(controller, name, jobs.FOLDER)
    if current is None:
        _create(controller, job, xml)
    else:
        controller.send(controller.job_url(job) + "config.xml", xml.encode(), XML, safe=True)


def _create(controller: Controller, job: str, xml: str) -> None:
    above, _, name = job.rpartition("/")
    at = controller.job_url(above) if above else controller.server.server
    try:
        controller.send(f"{at}createItem?name={quoted(name)}", xml.encode(), XML)
    except NotFoundError as error:
        raise RefusedError(f"{job} can't be made: {error.message}", kind="denied", hint=error.hint) from None
