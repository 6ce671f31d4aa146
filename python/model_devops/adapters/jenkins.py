"""A Jenkins controller over HTTP, by python-jenkins: login, crumbs, addresses of jobs in folders.

Everything that a controller can answer becomes what is asked for, or one of our errors. What was lost on the way is
asked for again, unless it may have been done already.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from model_devops.errors import RefusedError, UnreachableError, UsageError

if TYPE_CHECKING:
    import jenkins
    import requests

URL, USER, TOKEN = "JENKINS_URL", "JENKINS_USER", "JENKINS_API_TOKEN"
#: Seconds for one answer, and between two attempts.
ANSWER, PAUSE = 30.0, 1.0
#: For how many seconds an address is tried that never answered.
FIRST = 10.0
XML = {"Content-Type": "text/xml; charset=utf-8"}


class NotFoundError(UsageError):
    """There is no such thing, or this user may not know of it."""

    default_kind = "not-found"


@dataclass
class Controller:
    """One Jenkins. `patience`: for how many seconds it may be away, for example to restart."""

    server: jenkins.Jenkins
    user: str | None
    token: str | None
    patience: float = 120.0
    say: Callable[[str], None] = field(default=lambda _text: None)
    answered: bool = False
    """Whether it ever did: an address that is wrong is not waited for as long as a restart."""

    def job_url(self, job: str) -> str:
        """The address of a job, by its full name with `/` between folders; ends with `/`."""
        return self.server.build_job_url(job).removesuffix("build")

    def read(self, url: str) -> Any:
        """What the JSON at an address says. Raises NotFoundError and others."""
        answer = self.get(url)
        try:
            return json.loads(answer.content)
        except ValueError:
            hint = f"check {URL}: it should be the address under which a browser shows Jenkins"
            raise UsageError(f"{url} does not answer as Jenkins does", kind="not-jenkins", hint=hint) from None

    def get(self, url: str) -> requests.Response:
        """Read an address; asked again while Jenkins is away, for as long as patience lasts."""
        return self._patiently("GET", url, None, None, safe=True)

    def send(self, url: str, data: Any = None, headers: Mapping[str, str] | None = None, *, safe: bool = False) -> Any:
        """Post to an address. Where it isn't `safe` to do so twice, it is only repeated if nobody can have read it."""
        return self._patiently("POST", url, data, headers, safe=safe)

    def _patiently(self, method: str, url: str, data: Any, headers: Any, *, safe: bool) -> requests.Response:
        """Jenkins that isn't there yet or restarts is waited for; everything else is final."""
        end = time.monotonic() + (self.patience if self.answered else min(self.patience, FIRST))
        crumbs, said = 1, ""
        while True:
            try:
                return self._once(method, url, data, headers)
            except _Away as away:
                if time.monotonic() >= end or not (safe or away.unread):
                    raise UnreachableError(f"{self._host} {away}", kind="unreachable", hint=_LATER) from None
                if str(away) != said:
                    said = str(away)
                    self.say(f"{self._host} {said}; trying again")
            except _StaleCrumb:
                if not crumbs:
                    raise self._crumb_refused() from None
                crumbs -= 1
                self.server.crumb = None  # it ended with the session: a restart, or another node
                continue
            time.sleep(min(PAUSE, max(0.0, end - time.monotonic())))

    def _once(self, method: str, url: str, data: Any, headers: Any) -> requests.Response:
        import jenkins
        import requests

        request = requests.Request(method, url, data=data, headers=dict(headers or {}))
        try:
            answer = self.server.jenkins_request(request, add_crumb=method != "GET")
        except jenkins.TimeoutException:
            raise _Away(f"did not answer within {ANSWER:g} s") from None
        except (jenkins.JenkinsException, requests.RequestException) as error:
            raise self._meaning(method, error) from None
        self.answered = True
        return answer

    def _meaning(self, method: str, error: Exception) -> Exception:
        """What an answer that is none means. python-jenkins hides the answer, which is in the context."""
        import requests

        answer = _answer(error)
        if answer is None:
            if isinstance(error, requests.exceptions.SSLError):
                hint = "SSL_CERT_FILE or REQUESTS_CA_BUNDLE names the authorities to trust"
                return UnreachableError(
                    f"the certificate of {self._host} is not trusted", kind="certificate", hint=hint
                )
            unread = any(words in str(error) for words in ("NewConnectionError", "NameResolutionError"))
            return _Away("can't be reached" if unread else "broke the connection", unread=unread)
        if answer.status_code in (502, 503, 504) or (method == "GET" and answer.status_code >= 500):
            return _Away(f"answers {answer.status_code}", unread=answer.status_code == 503)
        return self._refused(answer)

    def _refused(self, answer: requests.Response) -> Exception:
        code = answer.status_code
        if code == 404:
            return NotFoundError(f"{self._host} has nothing at {_path(answer)}", hint=_HIDDEN)
        if code == 401:
            who = f"the login of {self.user}" if self.user else "whoever does not log in"
            return RefusedError(f"{self._host} refuses {who} (401)", kind="denied", hint=_LOGIN)
        if code == 403 and "No valid crumb" in answer.text:
            return _StaleCrumb()
        if code == 403:
            return self._forbidden(answer)
        words = answer.headers.get("X-Error") or answer.reason or ""
        return RefusedError(f"{self._host} answers {code} {words} at {_path(answer)}".replace("  ", " "), kind="answer")

    def _forbidden(self, answer: requests.Response) -> RefusedError:
        lacks = answer.headers.get("X-Required-Permission", "").rpartition("hudson.model.")[2]
        what = f"lacks the permission {lacks}" if lacks else f"may not do this: {_path(answer)}"
        who = self.user or answer.headers.get("X-You-Are-Authenticated-As") or "anonymous"
        hint = None if self.user else _LOGIN
        return RefusedError(f"{who} {what} on {self._host} (403)", kind="denied", hint=hint)

    def _crumb_refused(self) -> RefusedError:
        hint = f"use an API token ({TOKEN}), which needs no crumb; a proxy may also take the session's cookie away"
        return RefusedError(f"{self._host} takes no crumb of ours (403)", kind="crumb", hint=hint)

    @property
    def _host(self) -> str:
        return f"Jenkins at {urlsplit(self.server.server).netloc}"


_LATER = "see whether it runs, and run this again"
_LOGIN = f"set {USER} and {TOKEN} (in Jenkins: your name, Security, API Token)"
_HIDDEN = f"check the name; what {USER} may not see isn't found either"


class _Away(Exception):
    """Not there at the moment. `unread`: the request can't have been acted upon."""

    def __init__(self, words: str, *, unread: bool = False) -> None:
        super().__init__(words)
        self.unread = unread


class _StaleCrumb(Exception):
    """The crumb is not that of this session, or was not accepted."""


def _answer(error: BaseException | None) -> requests.Response | None:
    while error is not None:
        found: requests.Response | None = getattr(error, "response", None)
        if found is not None:
            return found
        error = error.__context__
    return None


def _path(answer: requests.Response) -> str:
    return urlsplit(answer.url).path


def connect(environ: Mapping[str, str], patience: float, say: Callable[[str], None]) -> Controller:
    """The controller that the environment names. Nothing is asked yet. Raises UsageError."""
    url, user, token = (environ.get(name, "").strip() or None for name in (URL, USER, TOKEN))
    _check(url, user, token)
    try:
        import jenkins
    except ImportError:
        hint = "pip install python-jenkins, or install requirements/jenkins.txt instead of requirements/cli.txt"
        raise UsageError("python-jenkins is not installed", kind="no-python-jenkins", hint=hint) from None
    if environ.get("SSL_CERT_FILE") and not environ.get("REQUESTS_CA_BUNDLE"):
        os.environ["REQUESTS_CA_BUNDLE"] = environ["SSL_CERT_FILE"]
    logging.disable(logging.WARNING)  # it would print the headers that JENKINS_API_EXTRA_HEADERS adds
    server = jenkins.Jenkins(str(url), user, token, timeout=int(ANSWER))
    return Controller(server, user, token, patience, say)


def _check(url: str | None, user: str | None, token: str | None) -> None:
    try:
        parts = urlsplit(url or "")
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound:
        raise UsageError(f"{URL} is no address of Jenkins", hint=f"for example: export {URL}=https://jenkins.example/")
    if parts.username is not None:
        raise UsageError(f"{URL} holds a user name", hint=f"put it into {USER} and {TOKEN}")
    if bool(user) != bool(token):
        missing = TOKEN if user else USER
        raise UsageError(f"{missing} is not set", hint=f"set both {USER} and {TOKEN}, or neither and use ~/.netrc")


def check_name(job: str, *, new: bool = False) -> str:
    """A job's full name, without slashes around it. Raises UsageError for what is none, or can't be given (`new`)."""
    name = job.strip("/")
    parts = name.split("/")
    odd = sorted(
        {character for character in name if ord(character) < 32 or (new and character in "?*\\%!@#$^&|<>[]:;")}
    )
    if any(part.strip() in ("", ".", "..") for part in parts) or odd:
        words = f"; it can't hold {' '.join(map(repr, odd))}" if odd else ""
        raise UsageError(f"{job!r} is no name of a job{words}", hint="folders come first: team/digits")
    return name


def quoted(text: str) -> str:
    """Text as one part of an address."""
    return quote(text, safe="")
