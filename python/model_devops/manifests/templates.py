"""Filling templates: every value becomes data, whatever is in it, and every line keeps its place.

A template is filled in two steps. Jinja writes a skeleton in which each value is a mark; the skeleton is read as
YAML; then the marks are replaced by the values. So no value can be read as YAML, nothing needs quotes, and
skeletons of the same shape are read once: most of the time that rendering takes is YAML's.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

from model_devops.config.places import Keys
from model_devops.errors import Problem
from model_devops.manifests.reading import VALUE, read

BUILT_IN = Path(__file__).with_name("templates")
ENDING = ".j2"
#: Around the number of a template's line, as `VALUE` is around that of a value.
LINE = "\ue001"
_VALUES = re.compile(f"{VALUE}([0-9]+){VALUE}")
_LINES = re.compile(f"{LINE}([0-9]+){LINE}")
#: The last of several marks in a row is the one of the text after them: a block ended between them.
_FIRST_LINE = re.compile(f"(?:{LINE}[0-9]+{LINE})*{LINE}([0-9]+){LINE}")
#: Larger output is a loop that went wrong.
MOST = 4 << 20
_OUT = "__values_written"


class Faulty(Exception):
    """A template that can't be filled; carries what is wrong."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True)
class Skeleton:
    """One YAML document with marks in place of values."""

    data: bytes
    """Pickled, since copies of it are made for each rendering."""
    marked: list[Keys]
    """Where marks are."""
    lines: dict[Keys, int] = field(repr=False)

    def filled(self, written: list[Any]) -> Any:
        """The document with its values."""
        document = [pickle.loads(self.data)]
        for keys in self.marked:
            parent: Any = document
            for key in (0, *keys[:-1]) if keys else ():
                parent = parent[key]
            last = keys[-1] if keys else 0
            parent[last] = _value(parent[last], written)
        return document[0]


class _Lines(Extension):
    """Marks where each line of the text begins in the template, so that problems can be told there."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """See jinja2.ext.Extension."""
        for token in stream:
            if token.type != "data":
                yield token
                continue
            marked = [f"{LINE}{token.lineno + n}{LINE}{line}" for n, line in enumerate(token.value.split("\n"))]
            yield Token(token.lineno, "data", "\n".join(marked))


@jinja2.pass_context
def _written(context: jinja2.runtime.Context, value: Any) -> Any:
    """Jinja's `finalize`: keep the value, and write its mark."""
    if isinstance(value, jinja2.Undefined):
        return str(value)  # raises, since undefined names are errors
    kept: list[Any] = context[_OUT]
    marks = _VALUES.findall(value) if isinstance(value, str) else []
    if marks and all(int(mark) < len(kept) for mark in marks):  # what a macro wrote
        return value
    kept.append(value)
    return f"{VALUE}{len(kept) - 1}{VALUE}"


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined,
        finalize=_written,
        extensions=[_Lines],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@lru_cache(maxsize=64)
def _compiled(text: str) -> jinja2.Template:
    return _environment().from_string(text)


def fill(name: str, text: str, values: Mapping[str, Any]) -> list[tuple[Any, dict[Keys, int]]]:
    """The documents of a template, each with the template's line of each of its parts. Raises Faulty."""
    written: list[Any] = []
    skeleton = _skeleton_text(name, text, values, written) if name.endswith(ENDING) else _plain(text)
    return [(one.filled(written), one.lines) for one in _skeletons(name, skeleton)]


def _plain(text: str) -> str:
    """YAML that is no template, as if it were one without values."""
    return "\n".join(f"{LINE}{number}{LINE}{line}" for number, line in enumerate(text.split("\n"), 1))


def _skeleton_text(name: str, text: str, values: Mapping[str, Any], written: list[Any]) -> str:
    try:
        parts, size = [], 0
        for part in _compiled(text).generate(values, **{_OUT: written}):
            parts.append(part)
            size += len(part)
            if size > MOST:
                raise Faulty(Problem(f"writes more than {MOST >> 20} MiB", file=name, line=1))
        return "".join(parts)
    except jinja2.TemplateSyntaxError as error:
        raise Faulty(Problem(error.message or "can't be read", file=name, line=error.lineno)) from error
    except jinja2.UndefinedError as error:
        raise Faulty(_undefined(name, error, values)) from error
    except (jinja2.TemplateError, ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise Faulty(Problem(f"{error}", file=name, line=_line_of(error))) from error


def _undefined(name: str, error: jinja2.UndefinedError, values: Mapping[str, Any]) -> Problem:
    from difflib import get_close_matches

    found = re.match(r"'(\w+)' is undefined", error.message or "")
    near = get_close_matches(found[1], list(values), 1) if found else []
    hint = f"did you mean {near[0]}?" if near else "docs/kubernetes.md lists the values that templates are given"
    return Problem(error.message or "a value is undefined", file=name, line=_line_of(error), hint=hint)


def _line_of(error: BaseException) -> int | None:
    """The template's line: Jinja rewrites tracebacks so that its frames have it."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _value(text: str, written: list[Any]) -> Any:
    """A scalar with its marks replaced: as it is where it is nothing but one, else in the text."""
    whole = _VALUES.fullmatch(text)
    if whole:
        return written[int(whole[1])]
    return _VALUES.sub(lambda found: _words(written[int(found[1])]), text)


def _words(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


@lru_cache(maxsize=512)
def _skeletons(name: str, text: str) -> list[Skeleton]:
    numbers = _numbers(text)

    def line_of(line: int) -> int:
        return numbers[min(line, len(numbers) - 1)]

    try:
        documents = read(_LINES.sub("", text), line_of)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        raise Faulty(
            Problem(f"is no YAML: {_shown(error)}", file=name, line=line_of(mark.line) if mark else None)
        ) from error
    return [Skeleton(pickle.dumps(content), _marks(content), lines) for content, lines in documents]


def _numbers(text: str) -> list[int]:
    """The template's line of each line of a skeleton."""
    numbers: list[int] = []
    for line in text.split("\n"):
        found = _FIRST_LINE.search(line)
        numbers.append(int(found[1]) if found else (numbers[-1] if numbers else 1))
    return numbers


def _shown(error: yaml.YAMLError) -> str:
    said = getattr(error, "problem", None) or str(error)
    return _VALUES.sub("{{ … }}", said)


def _marks(content: Any, keys: Keys = ()) -> list[Keys]:
    """The ways to all text with marks in it."""
    if isinstance(content, str):
        return [keys] if VALUE in content else []
    items: Iterator[tuple[str | int, Any]] = iter(())
    if isinstance(content, dict):
        items = iter(content.items())
    elif isinstance(content, list):
        items = iter(enumerate(content))
    return [found for key, item in items for found in _marks(item, (*keys, key))]
