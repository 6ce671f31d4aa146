"""A message as text and as the JSON of chats and programs.

What comes from elsewhere stands where the receiver reads no markup: in a code block of Slack's and in text runs of
an adaptive card. So a commit or a metric can neither call the whole channel nor show a link that isn't ours.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from model_devops.notifying.news import News
from model_devops.notifying.words import line, link

if TYPE_CHECKING:
    from model_devops.adapters.ci import Build

#: How many authors a message names.
AUTHORS = 6
#: What a status says to somebody who reads nothing else.
_SAID = {
    "fixed": "is fixed",
    "not-built": "was not built",
    "restored": "failed to roll out; what ran before runs again",
    "broken": "is broken: a person is needed",
    "busy": "had to give way: the environment is busy",
    "unreachable": "failed: something did not answer",
    "aborted": "was aborted",
}


def headline(news: News) -> str:
    """`digits 1.4.0 failed in stage Test`: no character in it means anything in any markup."""
    said = _SAID.get(news.status, f"is {news.status}" if news.status == "ok" else news.status)
    what = " ".join(filter(None, (news.model or "build", news.version, said)))
    where = f" in stage {news.stage}" if news.stage and news.status != "fixed" else ""
    return line(re.sub(r"[^\w .,:+/#-]", "", what + where), 120)


def body(news: News) -> str:
    """What happened, why, by whom, and what runs: at most one screen."""
    parts = [news.what, *_problem_lines(news), f"next: {news.hint}" if news.hint else None]
    rest = [_authors(news), *(f"{name} runs {what}" for name, what in news.environments.items()), *_build_lines(news)]
    return "\n".join([*filter(None, parts), "", *filter(None, rest)]).strip()


def _problem_lines(news: News) -> list[str]:
    lines = [f"- {problem}" for problem in news.problems]
    return [*lines, f"- and {news.more} more"] if news.more else lines


def _authors(news: News) -> str | None:
    authors = news.commits.authors
    if not authors:
        return None
    names = [f"{author.name} <{author.mail}> ({author.commits})" for author in authors[:AUTHORS]]
    more = f" and {len(authors) - AUTHORS} more" if len(authors) > AUTHORS else ""
    return f"commits since {news.commits.since}: {', '.join(names)}{more}"


def _build_lines(news: News) -> list[str]:
    build = news.build
    if build is None:
        return []
    name = line(" #".join(filter(None, (build.job, build.number))), 120)
    of = line(build.branch or "", 120)
    lines = [f"build: {name}" if name else "", f"branch: {of}" if of else ""]
    return [*lines, f"link: {link(build.url)}" if link(build.url) else ""]


def slack(news: News) -> dict[str, Any]:
    """For incoming webhooks of Slack, Mattermost and Rocket.Chat."""
    address = link(news.build.url) if news.build else None
    # No markup but this counts outside of the block: the headline has no such characters.
    opened = f" <{_escaped(address)}|open the build>" if address else ""
    block = re.sub("`{3,}", "'''", _escaped(body(news)))
    return {
        "text": f"{headline(news)}{opened}\n```\n{block}\n```",
        "mrkdwn": True,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def teams(news: News) -> dict[str, Any]:
    """For Teams' workflows and incoming webhooks: an adaptive card."""
    address = link(news.build.url) if news.build else None
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            _runs(headline(news), weight="Bolder", size="Medium"),
            *(_runs(row) for row in body(news).split("\n")),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": "Open the build", "url": address}] if address else [],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": card}]}


def _runs(text: str, **look: str) -> dict[str, Any]:
    """Unlike a TextBlock, a TextRun reads no Markdown."""
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text or " ", **look}]}


def plain(news: News) -> dict[str, Any]:
    """For programs: docs/notifications.md describes each field."""
    return {
        "format": "model-devops.notification.v1",
        "status": news.status,
        "headline": headline(news),
        "text": body(news),
        **{name: getattr(news, name) for name in ("model", "version", "digest", "stage", "what", "problems", "more")},
        "hint": news.hint,
        "since": news.commits.since,
        "authors": [asdict(author) for author in news.commits.authors],
        "environments": news.environments,
        "build": _build(news.build),
    }


def _build(build: Build | None) -> dict[str, str | None]:
    said = {name: getattr(build, name, None) for name in ("job", "number", "branch")}
    return {
        "url": link(build.url) if build else None,
        **{name: value and line(value, 120) for name, value in said.items()},
    }


#: What a webhook may understand.
FORMATS = {"json": plain, "slack": slack, "teams": teams}
