"""Who we are to a registry: this program's variables, else what `docker login` or podman's login left.

Docker's own library reads its file and asks its credential helpers, so that whatever works for `docker pull`
works here. Nothing of what is found is ever printed.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_devops.adapters.documents import parsed
from model_devops.errors import UsageError

USER, PASSWORD = "MODEL_DEVOPS_REGISTRY_USER", "MODEL_DEVOPS_REGISTRY_PASSWORD"
#: Restricts the two variables to one host, where a run speaks to several registries.
HOST = "MODEL_DEVOPS_REGISTRY_HOST"


@dataclass(frozen=True, repr=False)
class Login:
    """A user and a password, or a token that stands for both (`user` is then None)."""

    user: str | None
    secret: str
    source: str
    """Where it was found, for messages."""


def login_for(host: str) -> Login | None:
    """What is known for a registry; None: nobody in particular. Raises UsageError for what can't be read."""
    own = os.environ.get(USER), os.environ.get(PASSWORD)
    if any(own) and os.environ.get(HOST, host) == host:
        if not all(own):
            missing = PASSWORD if own[0] else USER
            raise UsageError(f"{missing} is not set", kind="credentials", hint=f"set both {USER} and {PASSWORD}")
        return Login(str(own[0]), str(own[1]), f"{USER}")
    for file in _files():
        found = _in_file(file, host)
        if found is not None:
            return found
    return None


def _files() -> list[Path]:
    """The files that exist, in the order in which they count."""
    named = os.environ.get("REGISTRY_AUTH_FILE")
    docker = os.environ.get("DOCKER_CONFIG") or os.path.join(os.path.expanduser("~"), ".docker")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    files = [Path(named)] if named else []
    files.append(Path(docker) / "config.json")
    files += [Path(runtime) / "containers" / "auth.json"] if runtime else []
    return [file for file in files if file.is_file()]


def _in_file(file: Path, host: str) -> Login | None:
    config = _read(file)
    if not any(config.get(key) for key in ("auths", "credsStore", "credHelpers")):
        return None  # importing Docker's library takes a while
    from docker.auth import AuthConfig
    from docker.errors import DockerException

    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            found = AuthConfig.load_config(None, config).resolve_authconfig(_key(host))
    except (DockerException, ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        words = " ".join(str(warning.message) for warning in told)
        raise UsageError(
            f"{file}: the login for {host} can't be read: {words or _words(error)}",
            kind="credentials",
            hint=f"repair the file or `docker login {host}`; {USER} and {PASSWORD} count before it",
        ) from None
    return _login({key.lower(): value for key, value in (found or {}).items()}, str(file))


def _words(error: Exception) -> str:
    """What a credential helper says; of other errors only the kind, since their text may hold a secret."""
    from docker.errors import DockerException

    return str(error)[:300] if isinstance(error, DockerException) else type(error).__name__


def _key(host: str) -> str:
    """Docker's own hub has another name in its file."""
    return "docker.io" if host in ("docker.io", "registry-1.docker.io", "index.docker.io") else host


def _read(file: Path) -> dict[str, Any]:
    try:
        config = parsed(file.read_bytes())
        if not isinstance(config, dict):
            raise TypeError
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{file} can't be read: {getattr(error, 'strerror', None) or 'it is no JSON object'}",
            kind="credentials",
            hint=f"repair or remove it; {USER} and {PASSWORD} count before it",
        ) from None
    return config


def _login(found: dict[str, Any], source: str) -> Login | None:
    if found.get("identitytoken"):
        return Login(None, str(found["identitytoken"]), source)
    if found.get("username") or found.get("password"):
        return Login(str(found.get("username")), str(found.get("password")), source)
    return None
