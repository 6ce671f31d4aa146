"""Tags `name@v1.2.3`: claims of versions, with the record inside (V3, V4).

Tags of the remote are kept apart from this clone's own, below `refs/model-devops/tags/`, and pruned
with each reading, so that a deletion there is seen and nobody's own tags are touched. Messages are
parsed only when somebody asks: ten thousand tags cost one `git for-each-ref`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec

from model_devops.adapters.git import Git
from model_devops.adapters.git_remote import Remote
from model_devops.errors import RefusedError
from model_devops.release.record import Record
from model_devops.versioning.numbers import Number, parse

OWN, KEPT = "refs/tags/", "refs/model-devops/tags/"
_FIELDS = ("refname", "objectname", "objecttype", "object", "type", "contents")
_RELEASE = re.compile(rb"^Release: (sha256:[0-9a-f]{64})$", re.MULTILINE)
_CLAIM = re.compile(rb"^Claim: ([0-9a-f-]{36})$", re.MULTILINE)


@dataclass(frozen=True)
class Tag:
    """A tag whose name gives a final version of the model: a claim of ours, or foreign and only a burnt number."""

    name: str
    """The model's name."""
    version: str
    number: Number
    object: str
    """Id of the tag object, or of what a lightweight tag points to."""
    commit: str | None
    """What it tags, if that is a commit."""
    message: bytes
    remote: bool
    """Whether the remote has it, as far as was last fetched."""
    local: bool
    """Whether it is one of this clone's own tags."""

    @cached_property
    def record(self) -> Record | None:
        """The record inside; None for a foreign tag, or one whose record is of something else."""
        start = 0 if self.message.startswith(b"{") else self.message.find(b"\n{") + 1
        line = self.message[start:].split(b"\n", 1)[0]
        try:
            record = Record.loads(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return record if (record.name, record.version) == (self.name, self.version) else None

    @cached_property
    def release(self) -> str | None:
        """The release digest that it claims the version for."""
        return _field(self.message, _RELEASE)

    @property
    def claim(self) -> str | None:
        """The claim ID: unique for each attempt to claim."""
        return _field(self.message, _CLAIM)


def tag_name(name: str, version: str) -> str:
    """`name@v1.2.3`, as GTO writes it."""
    return f"{name}@v{version}"


def message(record: Record, release: str, claim: str) -> bytes:
    """The message of a claim: a line for people, release digest, claim ID, `release.json` whole (V3)."""
    first = record.reasons[0].text if record.reasons else "a release"
    subject = re.sub(r"[\x00-\x20\x7f]+", " ", f"{record.name} {record.version}: {first}")[:200]
    return f"{subject}\n\nRelease: {release}\nClaim: {claim}\n\n".encode() + record.dumps() + b"\n"


def read_tags(git: Git, remote: Remote | None, name: str) -> list[Tag]:
    """All tags of final versions of this model, lowest first: the remote's as of now, and this clone's.

    Where both have a tag of one name, the remote's counts. Raises UnreachableError or RefusedError.
    """
    if remote is not None:
        pattern = f"refs/tags/{name}@v*"
        git.fetch(remote, f"+{pattern}:{KEPT}{name}@v*", prune=True)
    return known_tags(git, name)


def known_tags(git: Git, name: str) -> list[Tag]:
    """As `read_tags`, without asking the remote again."""
    found: dict[Number, Tag] = {}
    for tag in _listed(git, name):
        other = found.get(tag.number)
        found[tag.number] = _merged(other, tag) if other else tag
    return [found[number] for number in sorted(found)]


def refuse_other_path(tags: list[Tag], path: str, moved_from: str | None) -> None:
    """Raise RefusedError where the name belongs to another model.yaml (V6).

    The highest tag that carries a record decides: a file that moved twice is still the same model.
    """
    record = next((tag.record for tag in reversed(tags) if tag.record), None)
    if record and record.path not in (path, moved_from):
        raise RefusedError(
            f"the name {record.name} is used by {record.path}: its version {record.version} was built from there,"
            f" and this is {path}",
            kind="name-taken",
            hint=f"choose another name, or, if the file moved, add to model.yaml: moved_from: {record.path}",
        )


def tag_from_object(git: Git, name: str, version: str, oid: str, *, remote: bool) -> Tag:
    """The tag that a tag object makes when it has its name."""
    head, _, text = git.read("cat-file", "tag", oid).partition(b"\n\n")
    number, commit = (
        parse(version),
        head.split(b"\n", 1)[0].removeprefix(b"object ").decode(),
    )
    assert number is not None, version
    return Tag(
        name,
        version,
        number,
        object=oid,
        commit=commit,
        message=text,
        remote=remote,
        local=True,
    )


def _listed(git: Git, name: str) -> list[Tag]:
    pattern = "".join(f"%({field})%00" for field in _FIELDS)
    output = git.read("for-each-ref", f"--format={pattern}", f"{KEPT}{name}@v*", f"{OWN}{name}@v*")
    values = output.split(b"\0")
    rows = zip(*(values[index :: len(_FIELDS)] for index in range(len(_FIELDS))), strict=False)
    return [tag for row in rows if (tag := _tag(name, row))]


def _tag(name: str, row: Sequence[bytes]) -> Tag | None:
    ref, oid, kind, inner, inner_kind, contents = row
    full = ref.lstrip(b"\n").decode("utf-8", "surrogateescape")
    remote = full.startswith(KEPT)
    version = full.removeprefix(KEPT).removeprefix(OWN).removeprefix(f"{name}@v")
    number = parse(version)
    if number is None:
        return None
    commit = inner if inner_kind == b"commit" else oid if kind == b"commit" else None
    return Tag(
        name=name,
        version=version,
        number=number,
        object=oid.decode(),
        commit=commit.decode() if commit else None,
        message=contents if kind == b"tag" else b"",  # the message of a lightweight tag is its commit's
        remote=remote,
        local=not remote,
    )


def _merged(remote: Tag, own: Tag) -> Tag:
    return replace(remote, local=remote.object == own.object)


def _field(text: bytes, pattern: re.Pattern[bytes]) -> str | None:
    end = text.find(b"\n{")
    found = pattern.search(text, 0, end + 1 if end >= 0 else len(text))
    return found[1].decode() if found else None
