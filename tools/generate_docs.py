"""Writes the pages of docs/ and vars/ that say what the code says: run with Python from the project's folder.

`python tools/generate_docs.py` writes them; a test fails when one is stale.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "tools")]

import step_pages  # noqa: E402

from model_devops.errors import MEANINGS, ExitCode  # noqa: E402

HEAD = """\
# Exit codes

Every run of `model-devops` ends with one of these, and the [result](seam.md) holds it as `exitCode`. Its `error.kind`
says more precisely what happened. Generated from `errors.py` by `tools/generate_docs.py`.

| code | name | meaning | Jenkins result |
| --- | --- | --- | --- |
"""
JENKINS = {
    ExitCode.OK: "SUCCESS",
    ExitCode.FAILED: "FAILURE (UNSTABLE where asked)",
    ExitCode.REFUSED: "FAILURE (NOT_BUILT for the kind `superseded`)",
    ExitCode.INTERRUPTED: "ABORTED",
    ExitCode.TERMINATED: "ABORTED",
}


def exit_codes() -> str:
    """docs/exit-codes.md."""
    rows = [
        f"| {int(code)} | {code.name.lower()} | {meaning} | {JENKINS.get(code, 'FAILURE')} |"
        for code, meaning in MEANINGS.items()
    ]
    return HEAD + "\n".join(rows) + "\n"


#: Generated pages by their path.
PAGES: dict[Path, Callable[[], str]] = {
    ROOT / "docs" / "exit-codes.md": exit_codes,
    ROOT / "resources" / "org" / "modeldevops" / "arguments.json": step_pages.kinds,
    ROOT / "docs" / "steps.md": step_pages.markdown_page,
    **{ROOT / "vars" / f"{step.name}.txt": partial(step_pages.text_page, step) for step in step_pages.STEPS},
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
