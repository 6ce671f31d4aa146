"""What a cluster's answers and silences mean, in our errors."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from model_devops.adapters import transport
from model_devops.adapters.documents import parsed
from model_devops.adapters.kubernetes.refusals import (
    AdmissionError,
    Cause,
    ChangedError,
    ExistsError,
    FieldConflict,
    InvalidError,
    NotRunningError,
)
from model_devops.errors import ModelDevopsError, RefusedError, UnreachableError

if TYPE_CHECKING:
    from model_devops.adapters.kubernetes.access import Access
    from model_devops.adapters.kubernetes.session import Answer

KIND = "cluster"
_READ, _SAID = 1 << 16, 2000
"""Bytes of an answer that are looked at for words, and characters that are passed on."""
_LATER = "run this again; nothing is half done"
_FORBIDDEN = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) (?:resource|path) "(?P<resource>[^"]*)"'
    r'(?: in API group "(?P<group>[^"]*)")?(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_MANAGER = re.compile(r'conflict with "((?:[^"\\]|\\.)*)"')
_WARNING = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')
_MISFITS = ("typed patch object", "failed to convert new object")
"""An apply of fields that the schema doesn't have, or not so: whole numbers with fractions; 500s."""
_STOPPED = ("container not found (", "pod not found (", "does not have a host assigned")
_TOO_LARGE = ("request is too large", "larger than max", "entity too large")
_LARGE = "make it smaller: a cluster takes about 1.5 MB for one object, and 1 MiB in a ConfigMap or Secret"


def unreachable(access: Access, error: Exception) -> ModelDevopsError:
    """The error where no answer came."""
    from urllib3.exceptions import NameResolutionError

    host = access.host
    failure = transport.tls_failure(error)
    if isinstance(failure, ssl.SSLCertVerificationError):
        hint = "certificate-authority-data in the kubeconfig names the authority of the cluster's certificate"
        words = f"the certificate of {host} is not trusted: {failure.verify_message}"
        return UnreachableError(words, kind="certificate", hint=hint)
    if failure is not None:
        words = f"{host} speaks no TLS that we understand, or refuses our certificate ({failure.reason})"
        return UnreachableError(words, kind="certificate", hint="check `server` and the client certificate")
    if isinstance(error, NameResolutionError):
        return UnreachableError(f"{host} has no address here", kind=KIND, hint="check `server` in the kubeconfig")
    words = "did not answer in time" if transport.silent(error) else f"can't be reached ({transport.word(error)})"
    return UnreachableError(f"the cluster at {host} {words}", kind=KIND, hint=_LATER)


def status(answer: Answer) -> Mapping[str, Any]:
    """The cluster's own account of what went wrong; empty where it isn't the cluster that speaks."""
    try:
        document = parsed(answer.data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) and document.get("kind") == "Status" else {}


def said(answer: Answer, access: Access) -> str:
    """What it says, in one printable line."""
    words = status(answer).get("message") or answer.data[:_READ].decode("utf-8", "replace")
    words = access.without_secrets(str(words))  # before it is cut: half of a secret would not be found
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in words).split())
    return line[:_SAID] or f"it answers {answer.status}"


def absent(answer: Answer) -> bool:
    """Whether the cluster says that there is no object of this name, as opposed to nothing of its kind at all."""
    return bool((status(answer).get("details") or {}).get("name"))


def final(answer: Answer) -> bool:
    """Whether a 5xx is about what was sent, so that sending it again is of no use."""
    words = str(status(answer).get("message") or answer.data[:300].decode("utf-8", "replace"))
    return stopped(words) or any(part in words for part in (*_TOO_LARGE, *_MISFITS))


def stopped(words: str) -> bool:
    """Whether the cluster says that there is no running container to speak to."""
    return any(part in words for part in _STOPPED)


class _Refusal(NamedTuple):
    """What is known of an answer that is no success."""

    access: Access
    code: int
    words: str
    details: Mapping[str, Any]
    about: str

    @property
    def causes(self) -> list[Cause]:
        """What is wrong, field by field."""
        return [
            Cause(str(cause.get("field", "")), str(cause.get("message", "")), str(cause.get("reason", "")))
            for cause in self.details.get("causes") or []
        ]


def refused(access: Access, answer: Answer, about: str = "") -> ModelDevopsError:
    """The error for a status that is no success. `about`: the object, for people."""
    words = said(answer, access)
    refusal = _Refusal(access, answer.status, words, status(answer).get("details") or {}, about)
    if any(part in words.lower() for part in _TOO_LARGE) or answer.status == 413:
        return RefusedError(f"it is too large for the cluster: {words}", kind="too-large", hint=_LARGE)
    if stopped(words):
        return NotRunningError(words)
    if any(part in words for part in _MISFITS) or (answer.status == 400 and "decoding error" in words):
        return InvalidError(words, [Cause(field, words) for field in _misfit(words)])
    if answer.status in _REFUSALS:
        return _REFUSALS[answer.status](refusal)
    return _away(refusal) if answer.status == 429 or answer.status >= 500 else _other(refusal)


def _away(refusal: _Refusal) -> ModelDevopsError:
    hint = "a webhook of the cluster is down; its admins know more" if "webhook" in refusal.words else _LATER
    words = f"the cluster at {refusal.access.host} answers {refusal.code}: {refusal.words}"
    return UnreachableError(words, kind=KIND, hint=hint)


def _other(refusal: _Refusal) -> ModelDevopsError:
    if "admission webhook" in refusal.words:
        return AdmissionError(refusal.words)
    return RefusedError(refusal.words, kind="request")


def _misfit(words: str) -> list[str]:
    """The fields that the schema doesn't have, or not so."""
    return re.findall(r'unknown field "([^"]+)"', words) or re.findall(r"(?<!\S)(\.[^\s:]+): ", words)


def _unauthenticated(refusal: _Refusal) -> ModelDevopsError:
    source = refusal.access.source
    words = f"the cluster at {refusal.access.host} does not know {source.who}: {refusal.words}"
    return RefusedError(words, kind="unauthenticated", hint=source.hint)


def _forbidden(refusal: _Refusal) -> ModelDevopsError:
    match = _FORBIDDEN.search(refusal.words)
    if match is None:
        return _admission(refusal)
    found = match.groupdict()
    resource = ".".join(part for part in (found["resource"], found["group"]) if part)
    where = f"in namespace {found['namespace']}" if found["namespace"] else "in the whole cluster"
    what = f"{found['user']} may not {found['verb']} {resource} {where}"
    if found["user"] == "system:anonymous":
        source = refusal.access.source
        words = f"{what}: {source.who} gives no credentials"
        return RefusedError(words, kind="unauthenticated", hint=source.hint)
    hint = "let its Role allow that: `model-devops render ENVIRONMENT --rbac` prints the smallest one"
    return RefusedError(what, kind="forbidden", hint=hint, details=found)


def _admission(refusal: _Refusal) -> ModelDevopsError:
    words = refusal.words
    if any(cause.reason == "NamespaceTerminating" for cause in refusal.causes):
        return AdmissionError(words, kind="namespace", hint="wait until the namespace is gone, or use another one")
    if "violates PodSecurity" in words:
        return AdmissionError(words, kind="pod-security")
    if "exceeded quota" in words or "failed quota" in words:
        return AdmissionError(words, kind="quota", hint="free some of it, ask for less, or have the quota raised")
    if re.search(r"(minimum|maximum) \S+ usage per|limit to request ratio", words):
        return AdmissionError(words, kind="limits", hint="a LimitRange of the namespace says what is allowed")
    return AdmissionError(words)


def _missing(refusal: _Refusal) -> ModelDevopsError:
    if refusal.details.get("kind") == "namespaces":
        name = refusal.details.get("name")
        hint = f"kubectl create namespace {name}"
        return RefusedError(f"there is no namespace {name!r}", kind="namespace", hint=hint)
    if "could not find the requested resource" in refusal.words:
        hint = "its version may be too old or too new for this, or what brings it isn't installed"
        words = f"the cluster has nothing of this kind: {refusal.about or refusal.words}"
        return RefusedError(words, kind="no-such-kind", hint=hint)
    return RefusedError(refusal.words, kind="not-there")


def _conflict(refusal: _Refusal) -> ModelDevopsError:
    fields = [
        (match.group(1) if (match := _MANAGER.search(cause.words)) else "", cause.field)
        for cause in refusal.causes
        if cause.reason == "FieldManagerConflict"
    ]
    if fields:
        return _owned(refusal.about, fields)
    return ExistsError(refusal.words) if "already exists" in refusal.words else ChangedError(refusal.words)


def _owned(about: str, fields: list[tuple[str, str]]) -> FieldConflict:
    listed = "; ".join(f"{field} ({manager})" for manager, field in fields)
    hint = "have them let go of these fields, leave them out, or take them over by force"
    return FieldConflict(f"{about}: others set what would be changed: {listed}", fields, hint=hint)


def _invalid(refusal: _Refusal) -> ModelDevopsError:
    return InvalidError(refusal.words, refusal.causes)


_REFUSALS: Mapping[int, Callable[[_Refusal], ModelDevopsError]] = {
    401: _unauthenticated,
    403: _forbidden,
    404: _missing,
    409: _conflict,
    422: _invalid,
}


def warnings(answer: Answer) -> list[str]:
    """What the cluster warns of besides its answer."""
    found = _WARNING.findall(answer.headers.get("warning", ""))
    return [re.sub(r"\\(.)", r"\1", words) for words in found]
