"""Where a cluster's address and our credentials for it come from: kubeconfig files, or the pod that we run in."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from model_devops.adapters.patience import NotSentError, within
from model_devops.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from kubernetes.client.configuration import Configuration

VARIABLE = "KUBECONFIG"
KIND = "kubeconfig"
PLUGIN = 120.0
"""Seconds for a program that gives credentials."""
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds who it is."""
_HINT = f"name the file in {VARIABLE} (in Jenkins: the argument kubeconfig), or put it to ~/.kube/config"


@dataclass(frozen=True)
class Source:
    """What says where the cluster is and who we are there; may be asked again when credentials have expired."""

    label: str
    """For people: the context, or the pod's service account."""
    namespace: str
    """The one that is meant where none is named."""
    who: str
    """For people: whose credentials they are and where they come from."""
    hint: str
    """What to do where the cluster doesn't take them."""


@dataclass(frozen=True)
class Pod(Source):
    """The service account of the pod that we run in."""

    def load(self) -> Configuration:
        """Read address, authority and token as they are now."""
        from kubernetes.config.incluster_config import InClusterConfigLoader

        configuration = _configuration()
        loader = InClusterConfigLoader(str(ACCOUNT / "token"), str(ACCOUNT / "ca.crt"), try_refresh_token=False)
        with _explained(f"the service account in {ACCOUNT} can't be used"):
            loader.load_and_set(configuration)
        return configuration


@dataclass(frozen=True)
class File(Source):
    """A context of kubeconfig files."""

    paths: str
    context: str
    plugin: str | None = None
    """The program that gives the credentials."""

    def load(self) -> Configuration:
        """Read the files again, and ask their plugin for credentials."""
        from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

        configuration = _configuration()
        with _explained(f"the kubeconfig {self.paths} can't be used"), _errors_logged() as logged:
            merged = KubeConfigMerger(self.paths)
            loader = KubeConfigLoader(
                merged.config, self.context, config_base_path=None, config_persister=merged.save_changes
            )
            self._bounded(lambda: loader.load_and_set(configuration))
        self._check(configuration, logged)
        return configuration

    def _bounded(self, load: Callable[[], object]) -> None:
        """A plugin may hang. One that speaks to a person at a terminal takes as long as they do."""
        try:
            load() if self.plugin is None or os.isatty(1) else within(PLUGIN, load)
        except NotSentError:
            raise self._no_credentials(f"no answer within {PLUGIN:g} s") from None

    def _check(self, configuration: Configuration, logged: list[str]) -> None:
        """The client goes on without credentials where a plugin gives none."""
        if self.plugin is not None and not configuration.api_key and not configuration.cert_file:
            raise self._no_credentials("; ".join(logged) or "it gave none")

    def _no_credentials(self, words: str) -> RefusedError:
        what = f"{self.plugin}, which is to give the credentials of {self.label}, failed: {words}"
        return RefusedError(what, kind="unauthenticated", hint=self.hint)


def find(context: str | None) -> Pod | File:
    """What the environment names: kubeconfig files before the pod's own account. Raises UsageError."""
    named = os.environ.get(VARIABLE, "")
    paths = [str(Path(path).expanduser()) for path in (named or "~/.kube/config").split(os.pathsep) if path]
    there = [path for path in paths if Path(path).exists()]
    if there:
        return _file(os.pathsep.join(there), context)
    if not named and "KUBERNETES_SERVICE_HOST" in os.environ and (ACCOUNT / "token").exists():
        return _pod(context)
    raise UsageError(f"there is no kubeconfig: {', '.join(paths)} not found", kind=KIND, hint=_HINT)


def _pod(context: str | None) -> Pod:
    if context is not None:
        raise UsageError(f"there is no context {context!r}: there is no kubeconfig", kind=KIND, hint=_HINT)
    with contextlib.suppress(OSError):
        namespace = (ACCOUNT / "namespace").read_text().strip()
        label = "the cluster that this pod runs in"
        return Pod(label, namespace, f"the pod's service account ({ACCOUNT})", "give this pod a service account")
    raise UsageError(f"{ACCOUNT} names no namespace", kind=KIND, hint=_HINT)


def _file(paths: str, context: str | None) -> File:
    """The context of these files. All that may be missing is looked for at once, so that it is said by name."""
    with _explained(f"the kubeconfig {paths} can't be read"):
        documents = _documents(paths)
        contexts = _named(documents, "contexts", "context")
        name = context or next(filter(None, (document.get("current-context") for document in documents)), None)
        if name not in contexts:
            raise _no_context(paths, name, sorted(contexts))
        here = contexts[name]
        cluster = _part(paths, name, "cluster", str(here.get("cluster")), _named(documents, "clusters", "cluster"))
        _check_server(paths, str(here.get("cluster")), cluster)
        user = here.get("user") or ""
        login = _part(paths, name, "user", user, _named(documents, "users", "user")) if user else {}
        plugin = (login.get("exec") or {}).get("command")
        who = f"user {user!r} of {paths}" if user else f"nobody: the context {name!r} of {paths} names no user"
        hint = f"log in anew with what {plugin} needs" if plugin else f"renew the credentials in {paths}"
        return File(f"context {name}", here.get("namespace") or "default", who, hint, paths, name, plugin)


def _documents(paths: str) -> list[dict[str, Any]]:
    import yaml

    documents = [yaml.safe_load(Path(path).read_bytes()) for path in paths.split(os.pathsep)]
    for path, document in zip(paths.split(os.pathsep), documents, strict=True):
        if not isinstance(document, dict):
            raise UsageError(f"{path} is no kubeconfig: it holds no mapping", kind=KIND, hint=_HINT)
    return documents


def _named(documents: list[dict[str, Any]], plural: str, single: str) -> dict[str, dict[str, Any]]:
    """The entries of a list by their names; of two files the first one counts, as for kubectl."""
    entries = [entry for document in reversed(documents) for entry in reversed(document.get(plural) or [])]
    return {str(entry["name"]): entry.get(single) or {} for entry in entries}


def _part(paths: str, context: str, what: str, name: str, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if name in known:
        return known[name]
    words = f"context {context!r} of {paths} names the {what} {name!r}, which isn't there"
    raise UsageError(words, kind=KIND, hint=f"{what}s there: {', '.join(sorted(known)) or 'none'}")


def _check_server(paths: str, name: str, cluster: Mapping[str, Any]) -> None:
    try:
        parts = urlsplit(str(cluster.get("server")))
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1)
    except ValueError:
        sound = False
    if not sound:
        words = f"cluster {name!r} of {paths}: `server` is no address"
        raise UsageError(words, kind=KIND, hint="for example: server: https://cluster.example.com:6443")


def _no_context(paths: str, name: str | None, known: list[str]) -> UsageError:
    from difflib import get_close_matches

    if name is None:
        return UsageError(f"{paths} names no current context", kind=KIND, hint=f"contexts there: {', '.join(known)}")
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"contexts there: {', '.join(known) or 'none'}"
    return UsageError(f"{paths} has no context {name!r}", kind=KIND, hint=hint)


def _configuration() -> Configuration:
    from kubernetes.client.configuration import Configuration

    configuration = Configuration()
    configuration.connection_pool_maxsize = 32
    return configuration


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    """What the client raises for files that are not as it expects them, as one of our errors."""
    import yaml
    from kubernetes.config.config_exception import ConfigException

    odd = (ConfigException, yaml.YAMLError, OSError, KeyError, TypeError, AttributeError, ValueError, RecursionError)
    try:
        yield
    except odd as error:
        raise UsageError(f"{what}: {_words(error)}", kind=KIND, hint=_HINT) from None


def _words(error: Exception) -> str:
    """Without the lines of a file, which may hold a token."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None) or 'no YAML'}"
    if isinstance(error, KeyError):
        return f"an entry has no {error}"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return " ".join(str(error).split()) if type(error).__name__ == "ConfigException" else "it is not built as one"


@contextlib.contextmanager
def _errors_logged() -> Iterator[list[str]]:
    """What the client only logs although it is the reason of what fails next."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(record.getMessage().split()))

    handler = Keep(logging.ERROR)
    logging.getLogger().addHandler(handler)
    try:
        yield said
    finally:
        logging.getLogger().removeHandler(handler)
