"""From the bytes of a model.yaml to a tree of nodes that know their places, within limits.

The parser is libyaml's; the tree is built here from its events, so that depth, size and aliases are counted
before anything is expanded: a YAML bomb costs no more than the bytes it is written in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_devops.config.places import shown
from model_devops.errors import Problem, UsageError

#: What a model.yaml may be at most: bytes, levels of nesting, values with every alias written out.
MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_VALUES = 50_000


class Node:
    """A value as it is written: `kind` is `object`, `array` or `scalar`."""

    __slots__ = ("column", "items", "kind", "line", "open", "plain", "size", "text")

    def __init__(self, kind: str, mark: Any, text: str = "", plain: bool = False) -> None:
        self.kind, self.text, self.plain = kind, text, plain
        self.line, self.column = mark.line + 1, mark.column + 1
        self.items: list[Node] = []
        """The values of an array; of an object its keys and values in turn."""
        self.size = 1
        self.open = kind != "scalar"

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys and values of an object."""
        return zip(self.items[::2], self.items[1::2], strict=True)


class Malformed(Exception):
    """The text is no YAML that is accepted here; what follows can't be read."""

    def __init__(self, message: str, line: int | None = None, column: int | None = None, hint: str | None = None):
        super().__init__(message)
        self.message, self.line, self.column, self.hint = message, line, column, hint

    def problem(self, file: str) -> Problem:
        """The same as a problem of this file."""
        return Problem(self.message, file=file, line=self.line, column=self.column, hint=self.hint)


def compose(data: bytes) -> Node:
    """The tree of one YAML document. Raises Malformed with the first thing that ends the reading."""
    text = decode(data)
    import yaml

    if not yaml.__with_libyaml__:
        raise UsageError(
            "PyYAML was installed without libyaml, which reads model.yaml",
            kind="no-libyaml",
            hint="python -m pip install --force-reinstall --only-binary :all: pyyaml",
        )
    try:
        return _Composer().run(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise _explained(error, text) from error


def decode(data: bytes) -> str:
    """UTF-8 text; a byte order mark is libyaml's to skip."""
    if len(data) > MAX_BYTES:
        raise Malformed(f"is larger than {MAX_BYTES >> 10} KiB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        wide = data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:4]
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        guess = "it looks like UTF-16" if wide else f"byte 0x{data[error.start]:02x} can't be read"
        raise Malformed(f"is not UTF-8: {guess}", line, column, "save the file as UTF-8") from error


class _Composer:
    """Builds the tree from events, without recursion."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.stack: list[Node] = []
        self.anchors: dict[str, Node] = {}

    def run(self, events: Iterator[Any]) -> Node:
        documents = 0
        for event in events:
            name = type(event).__name__
            if name == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise _at("only one YAML document is allowed here", event)
            elif name in ("MappingEndEvent", "SequenceEndEvent"):
                self.close()
            elif name == "AliasEvent":
                self.add(self.anchored(event))
            elif hasattr(event, "anchor"):
                self.begin(event, name)
        if self.root is None:
            raise Malformed("is empty", hint="`model-devops init` writes one that fits the folder")
        return self.root

    def begin(self, event: Any, name: str) -> None:
        if event.tag is not None:
            raise _at(f"the tag {shown(event.tag)} is not allowed: only plain YAML values are", event)
        if name == "ScalarEvent":
            node = Node("scalar", event.start_mark, event.value, event.implicit[0])
        else:
            node = Node("object" if name == "MappingStartEvent" else "array", event.start_mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        if node.open:
            if len(self.stack) >= MAX_DEPTH:
                raise _at(f"is nested deeper than {MAX_DEPTH} levels", event)
            self.stack.append(node)
        else:
            self.add(node)

    def close(self) -> None:
        node = self.stack.pop()
        node.open = False
        self.add(node)

    def add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        parent.items.append(node)
        parent.size += node.size
        if parent.size > MAX_VALUES:
            raise Malformed(f"holds more than {MAX_VALUES} values, aliases written out", node.line, node.column)

    def anchored(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            raise _at(f"the alias *{event.anchor} names no anchor before it", event)
        if node.open:
            raise _at(f"the alias *{event.anchor} contains itself", event)
        return node


def _at(message: str, event: Any) -> Malformed:
    return Malformed(message, event.start_mark.line + 1, event.start_mark.column + 1)


def _explained(error: Any, text: str) -> Malformed:
    """libyaml's words with its place, and a hint for what people stumble over."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        reason = getattr(error, "reason", None) or str(error)
        return Malformed(f"is no YAML: {reason}", hint="it may hold a control character: save it as plain text")
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    words = " ".join(part for part in (error.problem, error.context) if part)
    return Malformed(f"is no YAML: {words}", mark.line + 1, mark.column + 1, _advice(line))


def _advice(line: str) -> str | None:
    start = line[: len(line) - len(line.lstrip())]
    if "\t" in start:
        return "YAML takes no tabs for indentation: use spaces"
    if "\t" in line:
        return "there is a tab in this line: use spaces"
    if line.count(": ") > 1:
        return "text that contains ': ' must be written in quotes"
    value = line.partition(": ")[2].strip() or line.strip().removeprefix("- ")
    if value[:1] in ("@", "`", "%", "*", "&", "!", "[", "{", "|", ">"):
        return f"text that begins with {value[0]} must be written in quotes"
    return None
