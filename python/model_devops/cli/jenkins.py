"""`jenkins`: a model's jobs on a Jenkins controller, from outside. See docs/jenkins-jobs.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_devops.cli import output
from model_devops.cli.groups import Group
from model_devops.cli.options import file_option
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.adapters.jenkins import Controller
    from model_devops.jenkins.run import Run

HELP = """Make, start, follow and look at a model's jobs on Jenkins.

JENKINS_URL names the controller, JENKINS_USER and JENKINS_API_TOKEN log in, or ~/.netrc does."""

timeout_option = click.option("--timeout", metavar="SECONDS", type=click.IntRange(min=0), default=120,
                              show_default=True, help="How long Jenkins may be away, as in a restart.")  # fmt: skip


@click.group(cls=Group, help=HELP)
def command() -> None:
    """Group of the sub-verbs."""


def _controller(timeout: float) -> Controller:
    from model_devops.adapters.jenkins import connect

    return connect(os.environ, timeout, output.warn)


def _pairs(values: tuple[str, ...]) -> dict[str, str]:
    for value in values:
        name, equals, _ = value.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{value!r} is no NAME=VALUE", param_hint="--param")
    return dict(value.split("=", 1) for value in values)


@command.command(help="Create or update the pipeline JOB and JOB-rollback. Default: the model's name.")
@click.argument("job", required=False)
@file_option
@click.option("--repository", metavar="URL", help="What Jenkins clones. Default: this clone's remote.")
@click.option("--branch", metavar="BRANCH", help="The branch that is released. Default: the remote's default branch.")
@click.option("--jenkinsfile", metavar="PATH", help="In the repository. Default: beside model.yaml.")
@click.option("--credentials", metavar="ID", help="Of the credentials that Jenkins clones with.")
@click.option("-p", "--param", "params", metavar="NAME=DEFAULT", multiple=True, help="A parameter of the pipeline.")
@click.option(
    "--library",
    metavar="NAME",
    default="model-devops",
    show_default=True,
    help="As @Library names it, also with @version.",
)
@click.option("--agent", default="", metavar="LABEL", help="Where rollbacks run.  [default: any]")
@click.option("--adopt", is_flag=True, help="Take a job over that isn't ours.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@timeout_option
def install(file: Path, job: str | None, params: tuple[str, ...], timeout: float, **options: Any) -> Result:
    """Idempotent; keeps what it doesn't own."""
    from model_devops.adapters.jenkins import check_name
    from model_devops.jenkins.install import Wishes
    from model_devops.jenkins.install import install as bring
    from model_devops.project import open_project

    project = open_project(file)
    names = ("repository", "branch", "jenkinsfile", "credentials", "library", "agent")
    name = check_name(job or project.model.name, new=True)
    wishes = Wishes(name, parameters=_pairs(params), **{each: options[each] for each in names})
    dry = options["dry_run"]
    done = bring(_controller(timeout), project, wishes, adopt=options["adopt"], dry_run=dry, say=output.say)
    if not project.model.environments:
        output.warn("model.yaml has no environments, so there is nothing to roll back and no job for it")
    changed = sum(bool(each.changes) for each in done)
    summary = f"{changed} of {len(done)} jobs {'would change' if dry else 'changed'}"
    output.say(output.style(summary, "green"))
    return Result(summary, changed=bool(changed) and not dry, jobs=[each.__dict__ for each in done])


@command.command(help="Start a build of JOB; with --follow its log is shown and its result is the exit code.")
@click.argument("job")
@click.option("-p", "--param", "params", metavar="NAME=VALUE", multiple=True, help="A value for a parameter.")
@click.option("--follow", is_flag=True, help="Show the log, and end as the build does.")
@timeout_option
def run(job: str, params: tuple[str, ...], follow: bool, timeout: float) -> Result:
    """Stopping this stops no build."""
    from model_devops.adapters.jenkins import check_name
    from model_devops.jenkins.run import start

    controller = _controller(timeout)
    queued = start(controller, check_name(job), _pairs(params))
    if follow:
        return _follow(controller, queued)
    summary = f"{queued.job} is queued"
    output.say(f"{summary}: {queued.queued}")
    return Result(summary, job=queued.job, queue=queued.queued)


def _follow(controller: Controller, queued: Run) -> Result:
    from model_devops.errors import InterruptedBySignal
    from model_devops.jenkins import run as runs

    begun = queued
    try:
        begun = runs.wait(controller, queued, output.say)
        runs.follow(controller, begun, output.copy)
        about = runs.end(controller, begun)
    except InterruptedBySignal as error:
        if error.kind != "aborted":
            output.warn(f"no longer followed; the build goes on: {begun.url or begun.queued}")
        raise
    fields = {"job": begun.job, "number": begun.number, "url": begun.url, "build_result": about["result"]}
    runs.conclude(begun, about["result"], fields | {"description": about.get("description")})
    summary = f"{begun.job} #{begun.number}: {about['result']}"
    output.say(output.style(summary, "green"))
    return Result(summary, **fields, description=about.get("description"))


@command.command(help="Show what JOB did last, and what waits.")
@click.argument("job")
@click.option(
    "-n",
    "--count",
    metavar="NUMBER",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="How many builds.",
)
@timeout_option
def status(job: str, count: int, timeout: float) -> Result:
    """The newest builds first."""
    from model_devops.adapters.jenkins import check_name
    from model_devops.jenkins.status import status as look

    found = look(_controller(timeout), check_name(job), count)
    rows = [[each["number"], each["name"], each["result"], each["began"], each["description"]] for each in found.builds]
    output.say(found.url)
    if rows:
        output.table(rows, ["build", "name", "result", "began", "description"])
    for text in filter(None, [found.waits and f"waits: {found.waits}", None if found.buildable else "disabled"]):
        output.say(text)
    last = found.builds[0] if found.builds else None
    summary = f"{found.job} #{last['number']}: {last['result']}" if last else f"{found.job} was never built"
    return Result(summary, **found.__dict__)
