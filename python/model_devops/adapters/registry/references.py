"""References to images as Docker writes them: `python:3.11`, `ghcr.io/team/base@sha256:…`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from model_devops.adapters.registry.address import SCHEME, Address, parse
from model_devops.errors import UsageError

HUB = "docker.io"
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_EXAMPLE = "for example: python:3.11-slim, or registry.example.com/team/base@sha256:…"


@dataclass(frozen=True)
class Reference:
    """An image in a registry, by tag or digest."""

    address: Address
    tag: str | None
    digest: str | None

    @property
    def asked(self) -> str:
        """What the registry is asked for: the digest where one is given, else the tag, `latest` without one."""
        return self.digest or self.tag or "latest"

    @property
    def repository(self) -> str:
        """`HOST/PATH`."""
        return f"{self.address.host}/{self.address.path}"

    def __str__(self) -> str:
        tag, digest = self.tag and f":{self.tag}", self.digest and f"@{self.digest}"
        return f"{self.repository}{tag or ''}{digest or ''}"


def parse_reference(text: str) -> Reference:
    """Read a reference; without a host it is one of Docker's hub. Raises UsageError saying what is wrong."""
    if "://" in text:
        raise _wrong(text, f"leave out {text.partition('://')[0]}://")
    if "@" in text.partition("/")[0] and "/" in text:
        message = f"the name of an image on {text.partition('/')[0].rpartition('@')[2]} holds a login"
        hint = "name only host, path and tag; `docker login` says who you are"
        raise UsageError(message, kind="image-name", hint=hint)
    name, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _wrong(text, "what follows @ is no digest (sha256: and 64 digits)")
    name, colon, tag = _split_tag(name)
    if colon and not _TAG.fullmatch(tag):
        raise _wrong(text, "what follows : is no tag")
    if not name or name.endswith("/"):
        raise _wrong(text, "it names nothing")
    try:
        address = parse(SCHEME + _with_host(name))
    except UsageError as error:
        raise _wrong(text, error.message.removeprefix(f"{SCHEME + _with_host(name)!r}: ")) from None
    return Reference(address, tag or None, digest or None)


def _split_tag(name: str) -> tuple[str, str, str]:
    folder, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    return folder + slash + last, colon, tag


def _with_host(name: str) -> str:
    host, slash, rest = name.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return f"{HUB}/{rest}" if host == "index.docker.io" else _official(host, rest)
    return _official(HUB, name)


def _official(host: str, path: str) -> str:
    return f"{host}/library/{path}" if host == HUB and "/" not in path else f"{host}/{path}"


def _wrong(text: str, why: str) -> UsageError:
    return UsageError(f"{text!r} is no name of an image: {why}", kind="image-name", hint=_EXAMPLE)
