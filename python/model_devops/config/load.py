"""Reading a model.yaml: bytes in, typed and checked configuration out, or every problem at once."""

from __future__ import annotations

import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_devops.config import rules
from model_devops.config.compose import MAX_BYTES, Malformed, compose
from model_devops.config.places import Place, Places
from model_devops.config.shape import MOST_PROBLEMS, TooMany, Walker
from model_devops.errors import Problem, UsageError

if TYPE_CHECKING:
    from model_devops.config.types import Model


class Loaded:
    """A model.yaml as read and found to be in order."""

    def __init__(self, path: Path, document: dict[str, Any], places: Places) -> None:
        self.path = path
        """Absolute."""
        self.document = document
        """The file as plain data, without defaults and without keys that are null."""
        self.places = places

    @cached_property
    def model(self) -> Model:
        """The file as typed data. Made when it is first asked for: `config show` starts faster without it."""
        import msgspec

        from model_devops.config.types import Model

        return msgspec.convert(self.document, Model)

    @property
    def folder(self) -> Path:
        """The folder of model.yaml, to which its paths are relative."""
        return self.path.parent

    def where(self, *keys: str | int) -> Place:
        """File, line and column of a value: `where("artifacts", "code", 0)`."""
        return self.places.where(*keys)

    def problem(
        self, message: str, *keys: str | int, allowed: tuple[str, ...] = (), hint: str | None = None
    ) -> Problem:
        """A problem with a value, at its place."""
        return self.places.problem(message, *keys, allowed=allowed, hint=hint)


def load(path: Path) -> Loaded:
    """Read a file. Raises UsageError with every problem in it, or with the reason why it can't be read."""
    return loads(_read(path), str(path), path)


def loads(data: bytes, name: str, path: Path | None = None) -> Loaded:
    """Read the bytes of a model.yaml; `name` is what problems call it (for example `main:model.yaml`)."""
    places = Places(name)
    try:
        node = compose(data)
    except Malformed as error:
        raise _refused(name, [error.problem(name)]) from error
    walker = Walker(places)
    try:
        document = walker.document(node)
        if isinstance(document, dict):
            walker.problems += rules.problems(document, places, MOST_PROBLEMS)
    except TooMany:
        pass
    if walker.problems:
        raise _refused(name, sorted(walker.problems, key=lambda problem: (problem.line or 0, problem.column or 0)))
    return Loaded(path=(path or Path(name)).absolute(), document=document, places=places)


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            kind = "a folder" if path.is_dir() else "no regular file"
            raise UsageError(f"{path} is {kind}", hint="name the file: --file FOLDER/model.yaml")
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(path) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from error


def _missing(path: Path) -> UsageError:
    try:
        where = f"at {path.absolute()}"
    except OSError:  # the working directory itself is gone
        where = f"at {path}"
    hint = "run `model-devops init` where the model is, or name the file: --file FOLDER/model.yaml"
    return UsageError(f"there is no model.yaml {where}", kind="no-model-yaml", hint=hint)


def _refused(name: str, problems: list[Problem]) -> UsageError:
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    if len(problems) >= MOST_PROBLEMS:
        count = f"more than {MOST_PROBLEMS} problems; the first are listed"
    return UsageError(f"{name} has {count}", kind="model-yaml", problems=problems)
