"""Reading a team's requirements.txt: what it asks for, which files it includes, what can't be pinned (B3).

pip reads the same files when it resolves them; this reader finds what pip would accept but a release
can't: a checkout, a folder on this machine, a credential. All problems come at once, with their lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from model_devops.errors import Problem, UsageError

#: Options that pip needs again when it installs the resolved set: they go into the lock as written.
INDEX_OPTIONS = ("--index-url", "--extra-index-url", "--find-links", "--trusted-host", "--no-binary", "--only-binary")
INDEX_FLAGS = ("--no-index",)
#: Options that matter to the resolution only.
OTHER_OPTIONS = ("--use-feature",)
OTHER_FLAGS = ("--pre", "--prefer-binary", "--require-hashes")
SHORT = {"-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-i": "--index-url", "-f": "--find-links"}
INCLUDES = ("--requirement", "--constraint")
_HASHES = re.compile(r"\s--(?:hash|config-settings?|global-option)[= ]\S+")
_COMMENT = re.compile(r"(^|\s)#.*$")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz|tgz|tar\.bz2|tar\.xz)$", re.IGNORECASE)
_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:")
_VARIABLES_ONLY = re.compile(r"^(\$\{[A-Z0-9_]+\}:?)+$")
_LIMIT = 1 << 20


@dataclass
class Written:
    """What a requirements.txt says, its includes read in."""

    requirements: list[tuple[Requirement, str]] = field(default_factory=list)
    """Each with the place where it stands (`file:line`); constraints are not among them."""
    options: list[str] = field(default_factory=list)
    """Index options as written, in order, for the lock."""
    files: list[Path] = field(default_factory=list)
    """The file and all that it includes."""
    problems: list[Problem] = field(default_factory=list)


def read(file: Path) -> Written:
    """Read `file` with its includes. Raises UsageError with every problem, each with file and line."""
    written = Written()
    _read_file(file, written, constraint=False)
    if written.problems:
        raise UsageError(f"{file.name} can't be resolved to a pinned set", problems=written.problems)
    return written


def included(file: Path) -> list[Path]:
    """The files that `file` includes with -r and -c, itself first: all of them are the runtime as written."""
    return read(file).files


def _read_file(file: Path, written: Written, *, constraint: bool) -> None:
    if file in written.files:
        return
    written.files.append(file)
    try:
        data = file.read_bytes()
        if len(data) > _LIMIT:
            raise ValueError(f"larger than {_LIMIT} bytes")
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        written.problems.append(Problem(f"can't be read: {reason}", file=str(file)))
        return
    for number, line in _logical_lines(text):
        problem = _read_line(line, file, number, written, constraint)
        if problem:
            written.problems.append(Problem(problem[0], file=str(file), line=number, hint=problem[1]))


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines without comments, continued ones joined, each with the number of its first."""
    parts: list[str] = []
    first = 1
    for number, line in enumerate([*text.splitlines(), ""], 1):
        first = number if not parts else first
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line[:-1])
            continue
        joined = _COMMENT.sub("", " ".join([*parts, line])).strip()
        parts = []
        if joined:
            yield first, joined


def _read_line(line: str, file: Path, number: int, written: Written, constraint: bool) -> tuple[str, str | None] | None:
    """Take one line up; returns what is wrong with it and what to do."""
    if line.startswith("-"):
        return _read_option(line, file, written, constraint)
    reason = _not_pinnable(line, file)
    if reason:
        return reason
    try:
        requirement = Requirement(_HASHES.sub("", " " + line).strip())
    except InvalidRequirement as error:
        return f"is no requirement: {str(error).splitlines()[0]}", "for example numpy>=1.26,<3"
    if not constraint:
        written.requirements.append((requirement, f"{file.name}:{number}"))
    return None


def _read_option(line: str, file: Path, written: Written, constraint: bool) -> tuple[str, str | None] | None:
    name, value = _split_option(line)
    if name in INCLUDES:
        if _SCHEME.match(value):
            return f"includes {_shown(value)}, whose content can change", "put the file beside this one"
        _read_file(
            Path(os.path.normpath(file.parent / value)), written, constraint=constraint or name == "--constraint"
        )
        return None
    if name == "--editable":
        return f"{line}: an editable checkout can't be pinned", "put the package's code under artifacts.code"
    if name in OTHER_FLAGS + OTHER_OPTIONS:
        return None
    problem = _wrong_index_option(name, value)
    if problem is None:
        written.options.append(f"{name} {value}".strip())
    return problem


def _wrong_index_option(name: str, value: str) -> tuple[str, str | None] | None:
    if name not in INDEX_OPTIONS + INDEX_FLAGS:
        return f"unknown option {name}", f"known: {', '.join(INCLUDES + INDEX_OPTIONS + INDEX_FLAGS + OTHER_FLAGS)}"
    if _literal_user(value):
        return f"{name} holds a credential", "write ${NAME} for it, or name the index in pip.conf"
    if name == "--find-links" and not _SCHEME.match(value) and not Path(value).is_absolute():
        return f"--find-links {value}: a folder beside this file is not there on another agent", "set PIP_FIND_LINKS"
    return None


def _split_option(line: str) -> tuple[str, str]:
    match = re.match(r"(--[a-z-]+|-[a-z])[= ]?\s*(.*)$", line, re.DOTALL)
    if not match:
        return line.split(maxsplit=1)[0], ""
    return SHORT.get(match[1], match[1]), match[2].strip().strip("\"'")


def _not_pinnable(line: str, file: Path) -> tuple[str, str | None] | None:
    requirement = _HASHES.sub("", " " + line).split(";")[0].strip()
    address = requirement.split("@", 1)[1].strip() if re.match(r"^[\w.\[\], -]+@\s*\S", requirement) else requirement
    if re.match(r"^(git|hg|svn|bzr)\+", address):
        return f"{_shown(address)}: a repository has no hash", "name a released version or an archive by https://"
    if address.startswith(("file:", ".", "/", "~")):
        return f"{address}: a local path is not there on another agent", "put its code under artifacts.code"
    if _SCHEME.match(address) and "://" in address:
        if _literal_user(address):
            return f"{_shown(address)} holds a credential", "write ${NAME} for it"
        return None if address != requirement else (f"{address}: has no name", f"write NAME @ {address}")
    if _ARCHIVE.search(address) or ("/" in address and (file.parent / address).exists()):
        return f"{address}: a local path is not there on another agent", "name a version that an index has"
    return None


def _literal_user(text: str) -> bool:
    """Whether a URL carries user information other than references to variables."""
    match = re.match(r"^[a-zA-Z][a-zA-Z0-9+.-]*://([^/\s?#]*)@", text)
    return bool(match) and not _VARIABLES_ONLY.match(match[1] if match else "")


def _shown(address: str) -> str:
    """An address without what may be a credential in it."""
    return re.sub(r"://[^/\s?#]*@", "://", address)
