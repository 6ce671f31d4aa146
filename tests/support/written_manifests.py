"""Manifests from YAML text, with the line of every key and list item: what rendering gives, without rendering."""

from collections.abc import Callable, Iterator
from typing import Any

import yaml

from model_devops.config.places import Keys
from model_devops.manifests.manifest import Manifest

FILE = "objects.yaml"


def written(text: str, file: str = FILE) -> list[Manifest]:
    """The objects of a YAML text, one per document."""
    nodes = [node for node in yaml.compose_all(text, yaml.CSafeLoader) if node is not None]
    contents = [content for content in yaml.load_all(text, yaml.CSafeLoader) if content is not None]
    return [Manifest(content, file, lines_of(node)) for content, node in zip(contents, nodes, strict=True)]


def plain(content: dict[str, Any], file: str = FILE) -> Manifest:
    """An object of which no line is known but the first."""
    return Manifest(content, file, lambda keys: None if keys else 1)


def lines_of(node: yaml.Node) -> Callable[[Keys], int | None]:
    """The line of what stands at a way, from 1."""
    known = dict(_lines(node, ()))
    return known.get


def _lines(node: yaml.Node, keys: Keys) -> Iterator[tuple[Keys, int]]:
    yield keys, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _lines(value, (*keys, name.value))
            yield (*keys, name.value), name.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*keys, index))
