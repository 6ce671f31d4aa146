"""Text files from templates that lie beside the code that fills them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path


def render(template: Path, filters: Mapping[str, Callable[..., str]], values: Mapping[str, object]) -> str:
    """The template's text without its last newline. A name that it lacks is a defect; XML is escaped."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=template.name.endswith(".xml.j2"),
    )
    environment.filters |= filters
    return environment.get_template(template.name).render(values)
