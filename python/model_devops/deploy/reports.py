"""Reports of failed attempts where CI can archive them: `.model-devops/reports/` beside model.yaml."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from model_devops.adapters.files import reports_folder


def published(saved: Sequence[Path], folder: Path | None, name: str) -> list[dict[str, str]]:
    """Copy an attempt's report and log below the workspace, as `name`; returns what the result document says of them.

    The originals stay with the environment. What can't be copied is named where it lies.
    """
    return [
        {"kind": "text", "path": str(_copied(path, folder, name)), "title": f"{name}: {path.name}"} for path in saved
    ]


def _copied(path: Path, folder: Path | None, name: str) -> Path:
    if folder is not None:
        with contextlib.suppress(OSError):
            copy = reports_folder(folder) / f"{name}{path.suffix}"
            copy.parent.mkdir(parents=True, exist_ok=True)
            return Path(shutil.copyfile(path, copy))
    return path
