"""All final releases that anything knows of: the remote's tags, this clone's tags and the store together (V1, V4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from model_devops.adapters.git import Git
from model_devops.adapters.git_remote import Remote
from model_devops.release.record import Record
from model_devops.release.store import Store, Stored
from model_devops.versioning.numbers import Number, parse, text
from model_devops.versioning.tags import Tag, read_tags

#: Tells for a release digest whether it is known to have passed its tests, from evidence; None where no test counts.
Passed = Callable[[str], "bool | None"]


@dataclass(frozen=True)
class Final:
    """A number that was given: a release if a record is known, else burnt."""

    number: Number
    tag: Tag | None = None
    stored: Stored | None = None
    other: Stored | None = None
    """What the store holds under this number, where the tag claims it for something else (V6)."""

    @property
    def version(self) -> str:
        """`1.2.3`."""
        return text(self.number)

    @property
    def record(self) -> Record | None:
        """Its record: the tag's, which is what was claimed, else the store's."""
        return (self.tag and self.tag.record) or (self.stored and self.stored.record) or None

    @property
    def digest(self) -> str | None:
        """Its release digest."""
        return (self.tag and self.tag.release) or (self.stored and self.stored.digest) or None

    @property
    def commit(self) -> str | None:
        """The commit that its tag, or else its record, names."""
        if self.tag and self.tag.record:
            return self.tag.commit
        return self.stored.record.commit if self.stored else None


@dataclass(frozen=True)
class Known:
    """Final versions of one model, lowest first."""

    finals: list[Final]
    built: dict[str, list[str]] = field(default_factory=dict)
    """Commits that `built` evidence names, by release digest."""

    @property
    def highest(self) -> str | None:
        """The highest number ever given: failed, burnt and revoked ones included (V1)."""
        return self.finals[-1].version if self.finals else None

    @property
    def tags(self) -> list[Tag]:
        """The tags among them, lowest version first."""
        return [final.tag for final in self.finals if final.tag]

    @property
    def unclaimed(self) -> list[Final]:
        """Releases of the store whose tag the remote doesn't have, lowest first (V5)."""
        return [final for final in self.finals if final.stored and not (final.tag and final.tag.remote)]

    def from_the_top(self) -> Iterable[Final]:
        """Releases whose record is known, highest first. Burnt and foreign numbers are none."""
        return (final for final in reversed(self.finals) if final.record)

    def base(self, passed: Passed) -> Final | None:
        """The highest final release known to have passed its tests or, where none is, the highest of all (B4).

        `passed` tells it for a release digest, from evidence.
        """
        tested = (final for final in self.from_the_top() if final.digest and passed(final.digest))
        return next(tested, None) or next(iter(self.from_the_top()), None)

    def down_to_base(self, passed: Passed) -> list[Final]:
        """Where a build looks for an equal release: from the highest down to the base (B4)."""
        base = self.base(passed)
        return [final for final in self.from_the_top() if base and final.number >= base.number]

    @cached_property
    def by_commit(self) -> dict[str, list[Final]]:
        """Releases by the commits that their tags or `built` evidence name, lowest first (B7)."""
        found: dict[str, list[Final]] = {}
        for final in self.finals:
            named = {final.commit} | set(self.built.get(final.digest or "", ()))
            for commit in named - {None}:
                found.setdefault(str(commit), []).append(final)
        return found


def known(git: Git | None, remote: Remote | None, name: str, store: Store | None) -> Known:
    """All finals of a model, asking the remote now. Raises UnreachableError or RefusedError."""
    tags = read_tags(git, remote, name) if git else []
    return combined(tags, store)


def combined(tags: list[Tag], store: Store | None) -> Known:
    """Tags and store together; for one version the tag is the claim, the store may hold its bytes."""
    finals = {tag.number: Final(tag.number, tag=tag) for tag in tags}
    digests = set()
    for stored in store.releases() if store else []:
        number = parse(stored.version)
        if number is not None:
            finals[number] = _with_stored(finals.get(number) or Final(number), stored)
            digests.add(stored.digest)
    ordered = [finals[number] for number in sorted(finals)]
    return Known(ordered, _built(store, digests) if store and digests else {})


def _with_stored(final: Final, stored: Stored) -> Final:
    """Bind what the store holds under this version, unless the tag claims it for something else (V6)."""
    claimed = final.tag.release if final.tag else None
    if claimed not in (None, stored.digest):
        return Final(final.number, tag=final.tag, other=stored)
    return Final(final.number, tag=final.tag, stored=stored)


def _built(store: Store, digests: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in store.evidence(kind="built"):
        commit = getattr(item.body, "commit", None)
        if commit and item.release in digests:
            found.setdefault(item.release, []).append(commit)
    return found
