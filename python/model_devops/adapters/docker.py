"""A Docker daemon, as far as images are built and pushed with it. The only module that imports Docker's client.

Its streams end well also where the work failed: what went wrong is found in them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from model_devops.adapters.registry.credentials import login_for
from model_devops.errors import FailedError, ModelDevopsError, RefusedError, UnreachableError

#: Seconds that a build may say nothing.
SILENCE = 3600
Tell = Callable[[str], object]


class Daemon:
    """A connection to the daemon that DOCKER_HOST names, or this machine's own. To be used with `with`."""

    def __init__(self) -> None:
        self._api = _connect()

    def __enter__(self) -> Daemon:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def pull(self, repository: str, digest: str, platform: str) -> None:
        """Make sure that an image is there, with our own login."""
        from docker.errors import ImageNotFound

        with explained(f"pull {repository}@{digest}"):
            with contextlib.suppress(ImageNotFound):
                self._api.inspect_image(f"{repository}@{digest}")
                return
            stream = self._api.pull(
                repository, tag=digest, platform=platform, stream=True, decode=True, auth_config=_login(repository)
            )
            for item in stream:
                if "errorDetail" in item:
                    raise _refused(f"{repository}@{digest} can't be pulled", item)

    def build(
        self,
        context: Iterator[bytes],
        *,
        dockerfile: str,
        name: str,
        platform: str,
        arguments: Mapping[str, str],
        labels: Mapping[str, str],
        tell: Tell,
    ) -> str:
        """Build an image and return its ID. Raises FailedError (kind `image-build`) with the daemon's words."""
        with explained("build the Dockerfile", FailedError, "image-build"):
            stream = self._api.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=name,
                platform=platform,
                buildargs=dict(arguments),
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
            )
            found = None
            for item in stream:
                tell(_text(item))
                if "errorDetail" in item:
                    raise FailedError(f"the Dockerfile could not be built: {_words(item)}", kind="image-build")
                found = (item.get("aux") or {}).get("ID") or found
        if found is None:
            raise UnreachableError("the Docker daemon ended a build without an image", kind="docker")
        return str(found)

    def push(self, repository: str, tag: str, tell: Tell) -> str:
        """Push an image and return the digest that the registry gave it."""
        with explained(f"push to {repository}"):
            stream: Iterable[dict[str, Any]] = self._api.push(
                repository, tag=tag, stream=True, decode=True, auth_config=_login(repository)
            )
            found = None
            for item in stream:
                if "progressDetail" not in item:
                    tell(_text(item))
                if "errorDetail" in item:
                    raise _refused(f"{repository} could not be pushed to", item)
                found = (item.get("aux") or {}).get("Digest") or found
        if found is None:
            raise UnreachableError(f"the Docker daemon does not say what it pushed to {repository}", kind="docker")
        return str(found)

    def forget(self, name: str) -> None:
        """Take an image's name away, and the image unless others need it. What it was built from is kept."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException, OSError):
            self._api.remove_image(name, noprune=True)


def _connect() -> Any:
    """Docker's low-level client, whose types are incomplete."""
    from docker import from_env
    from docker.errors import DockerException

    try:
        api = from_env(timeout=SILENCE).api
        api.ping()
        return api
    except (DockerException, OSError) as error:
        raise UnreachableError(
            f"no Docker daemon answers at {os.environ.get('DOCKER_HOST') or 'its usual place'}: {_cause(error)}",
            kind="docker",
            hint="start one, or let DOCKER_HOST name one; `package.base` in place of a Dockerfile needs none",
        ) from None


@contextlib.contextmanager
def explained(what: str, refused: type[ModelDevopsError] = RefusedError, kind: str = "docker") -> Iterator[None]:
    """Say in plain words why the daemon did not do something; `refused`: what its refusal (4xx) is to us."""
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        if not error.is_server_error():
            raise refused(f"the Docker daemon refuses to {what}: {_short(error)}", kind=kind) from None
        raise UnreachableError(f"the Docker daemon could not {what}: {_short(error)}", kind="docker") from None
    except (DockerException, OSError) as error:
        raise UnreachableError(f"the Docker daemon did not {what}: {_short(error)}", kind="docker") from None


def _login(repository: str) -> dict[str, str] | None:
    login = login_for(repository.partition("/")[0])
    if login is None:
        return None
    return {"identitytoken": login.secret} if login.user is None else {"username": login.user, "password": login.secret}


def _refused(what: str, item: dict[str, Any]) -> ModelDevopsError:
    words = _words(item)
    denied = any(word in words.lower() for word in ("denied", "unauthorized", "authentication"))
    kind = RefusedError if denied else UnreachableError
    return kind(f"{what}: {words}", kind="denied" if denied else "registry")


def _words(item: dict[str, Any]) -> str:
    return str((item.get("errorDetail") or {}).get("message") or item.get("error") or "no reason given")[:500]


def _text(item: dict[str, Any]) -> str:
    if "stream" in item:
        return str(item["stream"])
    words = " ".join(str(item[name]) for name in ("id", "status", "error") if item.get(name))
    return f"{words}\n" if words else ""


def _cause(error: BaseException) -> str:
    """The operating system's word for it, which Docker's library wraps several times."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.strerror:
            return at.strerror.lower()
        wrapped = (item for argument in at.args for item in (argument if isinstance(argument, tuple) else (argument,)))
        at = next((item for item in wrapped if isinstance(item, BaseException)), None) or at.__cause__ or at.__context__
    return _short(error)


def _short(error: BaseException) -> str:
    words = str(getattr(error, "explanation", None) or error).strip()
    return words.splitlines()[0][:300] if words else type(error).__name__
