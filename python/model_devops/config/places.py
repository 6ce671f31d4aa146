"""Where each value of a model.yaml stands, so that every problem can name its line and column."""

from __future__ import annotations

from typing import NamedTuple

from model_devops.errors import Problem

#: The way to a value from the top of the document: keys of mappings, indices of lists.
Keys = tuple[str | int, ...]


class Place(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int


class Places:
    """The places of all values of one document."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._known: dict[Keys, tuple[int, int]] = {}

    def note(self, keys: Keys, line: int, column: int) -> None:
        """Remember where a value stands: its key, or the value itself in a list."""
        self._known.setdefault(keys, (line, column))

    def where(self, *keys: str | int) -> Place:
        """The place of a value; of what it would be in, if the document does not have it."""
        while keys and keys not in self._known:
            keys = keys[:-1]
        return Place(self.file, *self._known.get(keys, (1, 1)))

    def problem(
        self, message: str, *keys: str | int, allowed: tuple[str, ...] = (), hint: str | None = None
    ) -> Problem:
        """A problem at the place of a value; the message begins with the value's name."""
        _, line, column = self.where(*keys)
        text = f"{path(keys)}: {message}" if keys else message
        return Problem(text, file=self.file, line=line, column=column, allowed=allowed, hint=hint)


def path(keys: Keys) -> str:
    """The keys as people write them: `test.gates.accuracy`, `artifacts.code[0]`."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{shown(key)}"
    return text.removeprefix(".")


def shown(text: str, limit: int = 60) -> str:
    """Text on one line for a message: control characters escaped, cut where it is long."""
    plain = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:limit])
    return plain + ("…" if len(text) > limit else "")


def near(name: str, known: list[str]) -> str | None:
    """`did you mean …?` for a name that is probably misspelt."""
    if len(name) > 60:
        return None
    from difflib import get_close_matches

    found = get_close_matches(name, known, 1)
    return f"did you mean {found[0]}?" if found else None
