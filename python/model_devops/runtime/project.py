"""Where the commands of a checkout run, before there is a release."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from model_devops.config.views import runtime_block
from model_devops.project import Project
from model_devops.runtime import environment


@dataclass(frozen=True)
class Here:
    """`venv` is None where commands run in what is there; `differences` say how that differs from the file."""

    venv: Path | None
    differences: list[str] = field(default_factory=list)


def for_project(project: Project) -> Here:
    """The environment of the checkout's requirements, as they resolve now (B3)."""
    block = runtime_block(project.model)
    if block is None:
        return Here(None)
    file = project.folder / block.file
    if block.use == "as-is":
        return Here(None, environment.as_is(file)[1])
    return Here(environment.for_requirements(file))
