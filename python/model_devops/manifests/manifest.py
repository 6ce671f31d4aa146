"""One Kubernetes object, before it is sent: what it says, and where that is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from model_devops.config.places import Keys, path, shown
from model_devops.errors import Problem

#: Of a message: what is quoted in it may be of any length.
_LONGEST = 300


class Key(NamedTuple):
    """What makes two objects the same one for an API server: the version in `apiVersion` does not count."""

    group: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True)
class Manifest:
    """One Kubernetes object, and where each part of it is written.

    `file` is the template or YAML file that it comes from. `lines` gives the line in it, from 1, of what stands at a
    way such as ("spec", "replicas"), or None where it doesn't know; it is only asked for what is wrong.
    """

    content: dict[str, Any]
    file: str
    lines: Callable[[Keys], int | None]

    @property
    def api_version(self) -> str:
        """Group and version, `apps/v1`; empty if it isn't text."""
        return _text(self.content.get("apiVersion"))

    @property
    def group(self) -> str:
        """The API group without version: `apps`; empty for the core group."""
        group, slash, _ = self.api_version.rpartition("/")
        return group if slash else ""

    @property
    def kind(self) -> str:
        """`Deployment`; empty if it isn't text."""
        return _text(self.content.get("kind"))

    @property
    def name(self) -> str:
        """`metadata.name`; empty if it isn't text."""
        return _text(self._metadata.get("name"))

    @property
    def namespace(self) -> str:
        """`metadata.namespace`; empty where none is written: then it is the one that it is sent to."""
        return _text(self._metadata.get("namespace"))

    @property
    def key(self) -> Key:
        """What no two objects of one set may share."""
        return Key(self.group, self.kind, self.namespace, self.name)

    @property
    def title(self) -> str:
        """Kind and name for messages: `Deployment churn-production`."""
        return shown(f"{self.kind or 'object'} {self.name}".strip(), 120)

    def problem(
        self, message: str, *keys: str | int, allowed: tuple[str, ...] = (), hint: str | None = None
    ) -> Problem:
        """A problem at the place of a value; of what it would be in, if the object does not have it."""
        known = keys
        while (line := self.lines(known)) is None and known:
            known = known[:-1]
        where = f"{self.title}: {path(keys)}" if keys else self.title
        said, advice = f"{where}: {shown(message, _LONGEST)}", hint and shown(hint, _LONGEST)
        return Problem(said, file=self.file, line=line, allowed=tuple(map(shown, allowed)), hint=advice)

    @property
    def _metadata(self) -> dict[str, Any]:
        metadata = self.content.get("metadata")
        return metadata if isinstance(metadata, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
