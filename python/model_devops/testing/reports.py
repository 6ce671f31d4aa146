"""Where a run's reports and logs lie: `.model-devops/reports/` beside model.yaml, for CI to publish."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TextIO

from model_devops.adapters.files import reports_folder, write_atomic
from model_devops.project import Project


@contextlib.contextmanager
def log(project: Project, name: str) -> Iterator[TextIO]:
    """A log file for the output of commands, emptied first."""
    path = reports_folder(project.folder) / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="replace") as stream:
        yield stream


def write(project: Project, name: str, xml: bytes) -> list[dict[str, str]]:
    """Write the JUnit report; returns what the result document says of it and of the log.

    One without a test case is not published: Jenkins takes it for a fault.
    """
    path = reports_folder(project.folder) / f"{name}.xml"
    write_atomic(path, xml)
    found = []
    if b"<testcase" in xml:
        found.append({"kind": "junit", "path": str(path), "title": f"model-devops {name}"})
    written = path.with_suffix(".log")
    if written.stat().st_size:
        found.append({"kind": "text", "path": str(written), "title": f"Output of {name}"})
    return found
