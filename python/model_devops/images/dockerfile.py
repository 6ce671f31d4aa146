"""The images that a Dockerfile is built on, found and pinned to the digests that they had when the build began."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from model_devops.adapters.registry.references import Reference, parse_reference
from model_devops.errors import Problem, UsageError

_FROM = re.compile(r"(\s*FROM\s+)(\S+)(?:\s+AS\s+(\S+))?\s*", re.I)
_ARG = re.compile(r"\s*ARG\s+(\w+)(?:=(\S*))?\s*", re.I)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


class From(NamedTuple):
    """A stage that begins with an image of a registry."""

    line: int
    """From 0."""
    before: str
    written: str
    reference: Reference


def bases(text: str, file: str) -> list[From]:
    """The images of all stages, in order. Raises UsageError with every line that can't be understood."""
    found: list[From] = []
    problems: list[Problem] = []
    stages, arguments = {"scratch"}, dict[str, str]()
    for number, line in _instructions(text):
        if not stages - {"scratch"} and not found and (argument := _ARG.fullmatch(line)):
            arguments[argument[1]] = (argument[2] or "").strip("\"'")
        if not re.match(r"\s*FROM\b", line, re.I):
            continue
        try:
            one = _from(number, line, stages, arguments)
        except UsageError as error:
            problems.append(Problem(error.message, file=file, line=number + 1, hint=error.hint))
            continue
        found += [one] if one else []
    if problems:
        raise UsageError(f"{file} names images that can't be found out", kind="dockerfile", problems=problems)
    return found


def _from(number: int, line: str, stages: set[str], arguments: Mapping[str, str]) -> From | None:
    match = _FROM.fullmatch(line)
    if match is None or match[2].startswith("--"):
        hint = "write FROM IMAGE or FROM IMAGE AS STAGE; `package.platform` in model.yaml says for which platform"
        raise UsageError(f"{line.strip()!r} can't be followed", hint=hint)
    name = _VARIABLE.sub(lambda use: arguments.get(use[1] or use[3]) or use[2] or "", match[2])
    known = name.lower() in stages
    stages.add((match[3] or str(number)).lower())
    return None if known else From(number, match[1], match[2], parse_reference(name))


def _instructions(text: str) -> Iterator[tuple[int, str]]:
    """Lines that begin an instruction, with their numbers from 0."""
    goes_on = False
    for number, line in enumerate(text.splitlines()):
        if line.lstrip().startswith("#"):
            continue
        if not goes_on:
            yield number, line
        goes_on = line.rstrip().endswith("\\")


def pinned(text: str, file: str, digests: Mapping[str, str]) -> str:
    """The same with each image by digest: {reference: digest}."""
    lines = text.splitlines()
    for one in bases(text, file):
        by_digest = f"{one.reference.repository}@{digests[str(one.reference)]}"
        rest = lines[one.line][len(one.before) + len(one.written) :]
        lines[one.line] = f"{one.before}{by_digest}{rest}"
    return "\n".join(lines) + "\n"
