"""Starting a build, waiting until it runs, and following its log to the end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from model_devops.adapters.jenkins import PAUSE, Controller, NotFoundError
from model_devops.config.places import near
from model_devops.errors import (
    FailedError,
    InterruptedBySignal,
    ModelDevopsError,
    Problem,
    RefusedError,
    UnreachableError,
    UsageError,
)

_DEFINED = "api/json?tree=buildable,property[parameterDefinitions[name,type,choices]]"
_QUEUED = "api/json?tree=cancelled,why,executable[number]"
_ENDED = "api/json?tree=building,result,description,displayName"


@dataclass(frozen=True)
class Run:
    """A build that was asked for; `number` once it has one."""

    job: str
    queued: str
    number: int | None = None
    url: str | None = None


def start(controller: Controller, job: str, parameters: Mapping[str, str]) -> Run:
    """Ask for a build. Raises UsageError for parameters that the job doesn't have, before anything is started."""
    url = controller.job_url(job)
    about = controller.read(url + _DEFINED)
    if about.get("buildable") is False:
        raise RefusedError(f"{job} is disabled, or a folder", kind="not-buildable", hint=f"see {url}")
    defined = {each["name"]: each for part in about.get("property") or [] for each in part.get(_PARAMETERS) or []}
    _check(job, parameters, defined)
    # Jenkins answers /build for a job with parameters with an error, and the other way round.
    answer = controller.send(url + ("buildWithParameters" if defined else "build"), dict(parameters))
    location = answer.headers.get("Location", "")
    number = re.search(r"/queue/item/(\d+)/?$", location)
    if number is None:
        raise RefusedError(f"Jenkins did not queue {job}", kind="not-queued", hint=f"see {url}")
    return Run(job, f"{controller.server.server}queue/item/{number[1]}/")


_PARAMETERS = "parameterDefinitions"


def _check(job: str, given: Mapping[str, str], defined: Mapping[str, Any]) -> None:
    """Jenkins drops a parameter that the job doesn't have and builds all the same, so it would go unseen."""
    problems = [problem for name, value in given.items() for problem in _problems(job, name, value, defined)]
    if problems:
        message = problems[0].message if len(problems) == 1 else f"{len(problems)} parameters of {job} are wrong"
        hint = problems[0].hint if len(problems) == 1 else None
        raise UsageError(message, problems=problems if len(problems) > 1 else [], hint=hint)


def _problems(job: str, name: str, value: str, defined: Mapping[str, Any]) -> Iterator[Problem]:
    if name not in defined:
        known = ", ".join(defined) or "none"
        hint = near(name, list(defined)) if defined else _FIRST
        yield Problem(f"{job} has no parameter {name!r}; it has: {known}", hint=hint)
        return
    choices = defined[name].get("choices") or _OF_TYPE.get(defined[name].get("type"))
    if choices and value not in choices:
        yield Problem(f"{name}: {value!r} is none of: {', '.join(map(repr, choices))}", hint=near(value, choices))


#: Jenkins takes whatever isn't `true` for false: `dry_run=yes` would be none.
_OF_TYPE = {"BooleanParameterDefinition": ["true", "false"]}
_FIRST = "a job learns the parameters of its Jenkinsfile in its first build; `install --param` writes them into the job"


def wait(controller: Controller, run: Run, say: Callable[[str], None], pause: float = PAUSE) -> Run:
    """Wait until the queued build has begun, and say what it waits for."""
    said = None
    while True:
        item = controller.read(run.queued + _QUEUED)
        if item.get("cancelled"):
            raise _aborted(f"the queued build of {run.job} was cancelled")
        number = (item.get("executable") or {}).get("number")
        if number is not None:
            url = f"{controller.job_url(run.job)}{number}/"
            say(f"{run.job} #{number}: {url}")
            return Run(run.job, run.queued, number, url)
        why = re.sub(r"\s*Expires in .*", "", item.get("why") or "")
        if why and why != said:
            say(f"{run.job} waits: {why}")
            said = why
        time.sleep(pause)


def follow(controller: Controller, run: Run, write: Callable[[bytes], None], pause: float = PAUSE) -> None:
    """Copy the log as it grows, byte for byte. A restart of Jenkins is waited for."""
    size = 0
    while True:
        answer = _present(controller, controller.get, f"{run.url}logText/progressiveText?start={size}", pause)
        now = int(answer.headers.get("X-Text-Size", size))
        if now < size:
            controller.say(f"the log of {run.job} #{run.number} begins anew")
        write(answer.content)
        size = now
        if answer.headers.get("X-More-Data") != "true":
            return
        time.sleep(pause)


def end(controller: Controller, run: Run, pause: float = PAUSE) -> dict[str, Any]:
    """Wait for the build's result, and what Jenkins says of it."""
    while True:
        about: dict[str, Any] = _present(controller, controller.read, f"{run.url}{_ENDED}", pause)
        if not about.get("building") and about.get("result"):
            return about
        time.sleep(pause)


def _present(controller: Controller, ask: Callable[[str], Any], url: str, pause: float) -> Any:
    """The answer about a build that was there a moment ago: a controller that restarts doesn't know it for a while."""
    end = time.monotonic() + controller.patience
    while True:
        try:
            return ask(url)
        except NotFoundError as error:
            if time.monotonic() >= end:
                raise UnreachableError(f"the build is gone: {error.message}", hint="it was deleted") from None
            time.sleep(pause)


def conclude(run: Run, result: str, details: dict[str, Any]) -> None:
    """Raise what a result other than SUCCESS means (docs/jenkins-jobs.md)."""
    title = f"{run.job} #{run.number} ended as {result}"
    hint = f"see {run.url}"
    if result == "ABORTED":
        error: ModelDevopsError = _aborted(title)
        error.hint, error.details = hint, details
        raise error
    if result == "NOT_BUILT":
        raise RefusedError(title, kind="not-built", hint=hint, details=details)
    if result != "SUCCESS":
        raise FailedError(title, kind="build", hint=hint, details=details)


def _aborted(words: str) -> ModelDevopsError:
    import signal

    error = InterruptedBySignal(signal.SIGTERM)
    error.message, error.kind = words, "aborted"
    return error
