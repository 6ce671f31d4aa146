"""Addresses of stores in registries: `oci://HOST[:PORT]/PATH`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from model_devops.errors import UsageError

SCHEME = "oci://"
#: Hosts (with port where they have one) that may be spoken to without TLS, by commas; loopback always may.
PLAIN = "MODEL_DEVOPS_PLAIN_HTTP"
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?)(:[0-9]{1,5})?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]")


@dataclass(frozen=True)
class Address:
    """A repository of a registry."""

    host: str
    """With the port where one is given."""
    path: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.host}/{self.path}"

    def below(self, name: str) -> Address:
        """The repository of this name below. Raises UsageError for what registries don't take."""
        return parse(f"{self}/{name}")


def may_be_plain(host: str) -> bool:
    """Whether TLS may be left out, as Docker does: for this machine's own addresses, and where it is allowed."""
    return is_allowed(host) or is_loopback(host)


def is_allowed(host: str) -> bool:
    """Whether somebody said that this host is spoken to without TLS."""
    return host in {name.strip() for name in os.environ.get(PLAIN, "").split(",")}


def is_loopback(host: str) -> bool:
    """Whether it is this machine itself."""
    return _LOOPBACK.fullmatch(re.sub(r":[0-9]+$", "", host)) is not None


def parse(text: str) -> Address:
    """Read an address. Raises UsageError saying what is wrong with it."""
    host, _, path = text.removeprefix(SCHEME).rstrip("/").partition("/")
    hint = "for example: oci://registry.example.com/team/models"
    if "@" in host:
        raise UsageError(
            f"the address of a store on {host.rpartition('@')[2]} holds a login",
            kind="store-address",
            hint="name only host and path; `docker login`, or MODEL_DEVOPS_REGISTRY_USER and"
            " MODEL_DEVOPS_REGISTRY_PASSWORD, say who you are",
        )
    if not _HOST.fullmatch(host):
        raise UsageError(f"{text!r} names no host of a registry", kind="store-address", hint=hint)
    if not path or not _PATH.fullmatch(path):
        allowed = "lower-case letters, digits and single . _ - between them, parts divided by /"
        raise UsageError(f"{text!r}: the path may hold {allowed}", kind="store-address", hint=hint)
    return Address(host, path)
