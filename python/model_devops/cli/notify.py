"""`notify`: tell people how a build ended. What can't be sent fails nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, store_option
from model_devops.cli.seam import Result

if TYPE_CHECKING:
    from model_devops.adapters.git import Git
    from model_devops.adapters.smtp import Server
    from model_devops.notifying.news import News
    from model_devops.notifying.secrets import Secrets
    from model_devops.notifying.sending import Report
    from model_devops.project import Project


def _spoken(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """How a build ended, in our words or in Jenkins', as one of ours."""
    from model_devops.notifying.statuses import spoken

    try:
        return None if value is None else spoken(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


HELP = """Tell people how a build ended: what failed and why, who broke it, what runs now.

The webhook's address comes from MODEL_DEVOPS_WEBHOOK_URL and the key that signs for it from
MODEL_DEVOPS_WEBHOOK_SECRET; the mail server's login from MODEL_DEVOPS_SMTP_USER and MODEL_DEVOPS_SMTP_PASSWORD.
A message that can't be sent is a warning, never a failure."""


@click.command(help=HELP)
@file_option
@store_option
@click.option(
    "--of",
    "of",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The result document of the step that this is about.",
)
@click.option(
    "--status",
    metavar="WORD",
    callback=_spoken,
    help="How the build stands: ok, failed, … or Jenkins' word. Default: --of's.",
)
@click.option(
    "--previous",
    metavar="WORD",
    callback=_spoken,
    help="How the build before ended: tells fixed from ok; two ok are no news.",
)
@click.option("--stage", metavar="NAME", help="The stage that this is about.")
@click.option("--message", metavar="WORDS", help="What happened, where no result document says it.")
@click.option("--since", metavar="COMMIT", help="The last good build's commit; default: the last release's.")
@click.option(
    "--environment",
    "environments",
    metavar="ENVIRONMENT",
    multiple=True,
    help="Say what runs there now. Default: --of's.",
)
@click.option("--format", "format_", type=click.Choice(["json", "slack", "teams"]), default="json", show_default=True,
              help="What the webhook understands.")  # fmt: skip
@click.option("--mail-to", metavar="ADDRESS", multiple=True, help="Mail to this address.")
@click.option("--mail-authors", is_flag=True, help="Mail to the authors of the commits since the last good build.")
@click.option("--mail-from", metavar="ADDRESS", help="The sender of mails.  [default: model-devops@this machine]")
@click.option("--smtp", metavar="HOST[:PORT]", help="The mail server; port 587 unless given.")
@click.option("--smtp-security", type=click.Choice(["auto", "starttls", "tls", "plain"]), default="auto",
              show_default=True, help="auto: TLS on port 465, else STARTTLS, where it isn't this machine.")  # fmt: skip
def command(file: Path, store: str | None, **options: Any) -> Result:
    """Gather, send, report."""
    from model_devops.adapters.ci import detect
    from model_devops.notifying.news import Asked, gather
    from model_devops.notifying.secrets import from_environment
    from model_devops.notifying.sending import Destinations, check, send
    from model_devops.notifying.statuses import is_news

    names = ("of", "status", "previous", "stage", "message", "since", "environments")
    asked = Asked(**{name: options[name] for name in names})
    secrets = from_environment(os.environ)
    to = Destinations(secrets, options["format_"], options["mail_to"], options["mail_authors"], options["mail_from"],
                      _server(options["smtp"], options["smtp_security"]))  # fmt: skip
    check(to)
    project, git = _known(file, store)
    news = gather(asked, project, git, detect(), lambda text: output.warn(secrets.redact(text)), secrets)
    report = send(news, to) if is_news(asked.previous, news.status) else None
    return _told(news, report, secrets)


def _server(address: str | None, security: str) -> Server | None:
    from urllib.parse import urlsplit

    from model_devops.adapters.smtp import SUBMISSION, Server
    from model_devops.errors import UsageError

    if address is None:
        return None
    try:
        parts = urlsplit(f"smtp://{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.username or parts.path or any(character <= " " for character in address):
        raise UsageError(f"--smtp: {address!r} is no HOST[:PORT]")
    return Server(host, port or SUBMISSION, security)


def _known(file: Path, store: str | None) -> tuple[Project | None, Git | None]:
    """The project, or at least its repository: what broke may be model.yaml itself."""
    from model_devops.adapters.git import open_git
    from model_devops.errors import ModelDevopsError
    from model_devops.project import open_project

    try:
        project = open_project(file, store=store)
    except ModelDevopsError as error:
        output.warn(f"no more is known of the model: {error.message}")
    else:
        return project, project.git
    try:
        return None, open_git(file.absolute().parent)
    except ModelDevopsError:
        return None, None


def _told(news: News, report: Report | None, secrets: Secrets) -> Result:
    from model_devops.notifying.formats import headline, plain

    title = secrets.redact(headline(news))
    output.say(f"{title}: as before, so nobody is told" if report is None else title)
    for destination in report.sent if report else []:
        output.say(f"  {output.style('sent', 'green')}: {destination}")
    for failure in report.failed if report else []:
        output.warn(f"{failure['to']} was not told: {failure['why']}")
    return Result(
        title,
        sent=report.sent if report else [],
        failed=report.failed if report else [],
        notification=secrets.redact_all(plain(news)),
    )
