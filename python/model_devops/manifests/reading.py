"""Reads YAML as Kubernetes' tools mean it, with the line of each part.

Dates stay text, a key that stands twice is an error, and so are anchors: what looks small could be huge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from model_devops.config.places import Keys

#: Around the number of a value in a skeleton (templates.py); of Unicode's private use.
VALUE = "\ue000"
_CONSTRUCTOR = SafeConstructor()
_SCALARS: dict[str, Callable[[yaml.ScalarNode], Any]] = {
    "tag:yaml.org,2002:null": lambda _: None,
    "tag:yaml.org,2002:bool": _CONSTRUCTOR.construct_yaml_bool,
    "tag:yaml.org,2002:int": _CONSTRUCTOR.construct_yaml_int,
    "tag:yaml.org,2002:float": _CONSTRUCTOR.construct_yaml_float,
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(text: str, line_of: Callable[[int], int]) -> list[tuple[Any, dict[Keys, int]]]:
    """The documents that are not empty. `line_of` tells where a line of the text, from 0, was written.

    Raises yaml.YAMLError.
    """
    found = []
    for node in yaml.compose_all(text, Loader=_LOADER):
        lines: dict[Keys, int] = {}
        content = _Reader(lines, line_of).value(node, ())
        if content is not None:
            found.append((content, lines))
    return found


class _Reader:
    def __init__(self, lines: dict[Keys, int], line_of: Callable[[int], int]) -> None:
        self._lines = lines
        self._line_of = line_of
        self._seen: set[int] = set()

    def value(self, node: yaml.Node, keys: Keys) -> Any:
        self._lines.setdefault(keys, self._line_of(node.start_mark.line))
        if isinstance(node, yaml.ScalarNode):
            return _SCALARS[node.tag](node) if node.tag in _SCALARS else str(node.value)
        if id(node) in self._seen:
            raise _error("anchors and aliases are not allowed: write it out", node)
        self._seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*keys, index)) for index, item in enumerate(node.value)]
        return self._mapping(node, keys)

    def _mapping(self, node: yaml.Node, keys: Keys) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, item in node.value:
            if not isinstance(name, yaml.ScalarNode) or name.tag == "tag:yaml.org,2002:merge":
                raise _error("a key must be text", name)
            if VALUE in name.value:
                raise _error("a key can't be a value of the template: give the whole mapping as one value", name)
            if name.value in found:
                raise _error(f"the key {name.value} stands here twice", name)
            here = (*keys, name.value)
            self._lines[here] = self._line_of(name.start_mark.line)
            found[name.value] = self.value(item, here)
        return found


def _error(message: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=message, problem_mark=node.start_mark)
