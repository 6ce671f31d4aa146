"""The seam to CI systems: request file in, result file and exit code out. See docs/seam.md."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import click

from model_devops import __version__
from model_devops.cli import output
from model_devops.cli.endings import unwritable
from model_devops.errors import ExitCode, ModelDevopsError, Problem, UsageError

#: Version of the result document's format; its schema is docs/result.schema.json.
RESULT_FORMAT = "model-devops.result.v1"
_REQUEST_LIMIT = 4 << 20


class Result:
    """What a verb returns: a line for the build's description, and fields for programs."""

    def __init__(
        self,
        summary: str,
        *,
        release: dict[str, Any] | None = None,
        revision: dict[str, Any] | None = None,
        reports: list[dict[str, Any]] | None = None,
        **fields: Any,
    ) -> None:
        self.summary = summary
        self.fields = {"release": release, "revision": revision, "reports": reports or [], **fields}


def document(result: Result) -> dict[str, Any]:
    """The result document of a verb that did its work."""
    return _frame("ok", ExitCode.OK, result.summary) | _camel_fields(result.fields)


def failure(error: ModelDevopsError, code: ExitCode) -> dict[str, Any]:
    """The result document of a verb that ended otherwise."""
    described = {
        "kind": error.kind,
        "message": error.message,
        "problems": [problem.as_dict() for problem in error.problems],
        "hint": error.hint,
    }
    frame = _frame(code.name.lower(), code, f"{code.name.lower()}: {error.message}".splitlines()[0])
    return (
        frame | {"release": None, "revision": None, "reports": []} | _camel_fields(error.details) | {"error": described}
    )


def _frame(status: str, code: ExitCode, summary: str) -> dict[str, Any]:
    return {
        "format": RESULT_FORMAT,
        "program": __version__,
        "status": status,
        "exitCode": int(code),
        "summary": summary,
        "error": None,
        "warnings": output.warnings(),
    }


def _camel_fields(fields: dict[str, Any]) -> dict[str, Any]:
    named = {_camel(key): value for key, value in fields.items()}
    return named | {"reports": [_near(report) for report in named.get("reports", [])]}


def _near(report: dict[str, Any]) -> dict[str, Any]:
    """A report with its path relative to the working directory where it lies below it: CIs publish nothing else."""
    path, here = Path(report["path"]), Path.cwd()
    return report | {"path": path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)}


def _camel(name: str) -> str:
    head, *rest = name.replace("-", "_").split("_")
    return head + "".join(part.capitalize() for part in rest)


def write(result: dict[str, Any], path: str | None, as_json: bool) -> None:
    """Write the result file atomically, and the document to standard output where asked."""
    text = json.dumps(result, indent=2, ensure_ascii=False, default=_plain)
    if path is not None:
        from model_devops.adapters.files import write_atomic

        try:
            write_atomic(Path(os.path.realpath(path)), f"{text}\n".encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise unwritable(f"the result file {path}", error) from error
    if as_json:
        output.show(text, sys.stdout)


def make_room(path: str) -> None:
    """Make the result file's folder. Refuses, before anything is done, a place where no file can be written."""
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    try:
        os.makedirs(folder, exist_ok=True)
        regular = stat.S_ISREG(os.stat(target).st_mode)
    except FileNotFoundError:
        regular = bool(path)
    except OSError as error:
        raise unwritable(f"the result file {path}", error) from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"the result file {path} can't be written: {folder} is read-only for you", kind="file")
    if not regular:
        raise UsageError(
            f"the result file {path!r} is no regular file", kind="file", hint="--json prints the result document"
        )


def _plain(value: Any) -> Any:
    import msgspec

    return str(value) if isinstance(value, Path) else msgspec.to_builtins(value)


def explain(error: ModelDevopsError, defect: BaseException | None = None) -> None:
    """Tell a person: the message, every problem with its place, and what to do next."""
    if defect is not None:
        import traceback

        traceback.print_exception(defect)
    lines = [output.style(f"model-devops: {error.message}", "red", sys.stderr)]
    for problem in error.problems:
        lines.append(f"  {problem.where + ': ' if problem.where else ''}{problem.message}")
        if problem.allowed:
            lines.append(f"      allowed: {', '.join(problem.allowed)}")
        if problem.hint:
            lines.append(f"      {problem.hint}")
    if error.hint:
        lines.append(f"  next: {error.hint}")
    output.show("\n".join(lines), sys.stderr)


def unknown(what: str, name: str, known: list[str], file: str | None = None) -> UsageError:
    """An unknown verb or option, with what was probably meant."""
    problem = unknown_problem(what, name, known, file)
    return UsageError(problem.message, problems=[problem] if file else [], hint=problem.hint)


def unknown_problem(what: str, name: str, known: list[str], file: str | None = None) -> Problem:
    """The same as one problem of several."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"{what}s: {', '.join(sorted(known))}"
    return Problem(f"there is no {what} {name!r}", file=file, hint=hint)


def with_request(path: str, command: click.Command, rest: list[str]) -> tuple[click.Command, list[str]]:
    """The verb's arguments with those of the request file before them, so that flags win.

    A group's sub-verb is found first: its options are those of the request. Every key that the verb
    does not know, and every value of a wrong type, is reported at once.
    """
    request = _read_request(path)
    prefix: list[str] = []
    inner = command
    while isinstance(inner, click.Group) and rest and not rest[0].startswith("-"):
        found = inner.get_command(click.Context(inner), rest[0])
        if found is None:
            break
        prefix.append(rest[0])
        inner, rest = found, rest[1:]
    options, positional = _arguments(request, inner, path)
    at = rest.index("--") if "--" in rest else len(rest)
    arguments = ["--", *positional, *rest[at + 1 :]] if positional or at < len(rest) else []
    return command, [*prefix, *options, *rest[:at], *arguments]


def _read_request(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as stream:
            data = stream.read(_REQUEST_LIMIT + 1)
        if len(data) > _REQUEST_LIMIT:
            raise ValueError(f"larger than {_REQUEST_LIMIT} bytes")
        request = json.loads(data, object_pairs_hook=_no_duplicates)
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"the request file {path} can't be read: {error}") from error
    if not isinstance(request, dict):
        raise UsageError(f"the request file {path} must hold a JSON object, not {type(request).__name__}")
    return request


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands there twice")
    return dict(pairs)


def _arguments(request: dict[str, Any], command: click.Command, path: str) -> tuple[list[str], list[str]]:
    """The options of a request, and its positional arguments, as words of a command line."""
    parameters = {parameter.name: parameter for parameter in command.params if parameter.name}
    options: list[str] = []
    positional: list[str] = []
    problems: list[Problem] = []
    for key, value in request.items():
        parameter = _parameter(key, parameters)
        if parameter is None:
            names = [_camel(_public(parameter)) for parameter in parameters.values()]
            problems.append(unknown_problem("option", key, names, path))
            continue
        try:
            words = _words(parameter, value)
        except ValueError as error:
            problems.append(Problem(f"{key}: {error}", file=path))
            continue
        (positional if isinstance(parameter, click.Argument) else options).extend(words)
    if problems:
        raise UsageError(f"{len(problems)} problem(s) in the request", problems=problems)
    return options, positional


def _public(parameter: click.Parameter) -> str:
    """The long flag's name, which is the option's name for a user, else the parameter's."""
    longs = [option[2:] for option in parameter.opts if option.startswith("--")]
    return (longs[0] if longs else parameter.name or "").replace("-", "_")


def _parameter(key: str, parameters: dict[str, click.Parameter]) -> click.Parameter | None:
    for parameter in parameters.values():
        public = _public(parameter)
        if key in (public, _camel(public), public.replace("_", "-")):
            return parameter
    return None


def _words(parameter: click.Parameter, value: Any) -> list[str]:
    """One option's words on a command line. Raises ValueError saying what is allowed."""
    if value is None:
        return []
    if isinstance(parameter, click.Option) and parameter.is_flag:
        if not isinstance(value, bool):
            raise ValueError("true or false")
        if value:
            return [parameter.opts[0]]
        return [parameter.secondary_opts[0]] if parameter.secondary_opts else []
    if isinstance(value, dict):
        if not parameter.multiple if isinstance(parameter, click.Option) else True:
            raise ValueError("one value, not an object")
        value = [f"{name}={_scalar(item, True)}" for name, item in value.items()]
    many = parameter.nargs == -1 or bool(getattr(parameter, "multiple", False))
    values = value if isinstance(value, list) else [value]
    if len(values) != 1 and not many:
        raise ValueError("one value, not a list")
    words = [_scalar(item) for item in values]
    _convertible(parameter, words)
    if isinstance(parameter, click.Argument):
        return words
    long = max(parameter.opts, key=len)
    return [f"{long}={word}" for word in words]


def _convertible(parameter: click.Parameter, words: list[str]) -> None:
    for word in words:
        try:
            parameter.type.convert(word, parameter, None)
        except click.BadParameter as error:
            raise ValueError(error.message) from error


def _scalar(value: Any, as_json: bool = False) -> str:
    if isinstance(value, (bool, list, dict)) or value is None:
        if as_json:
            return json.dumps(value)
        raise ValueError("a string or number")
    return str(value)
