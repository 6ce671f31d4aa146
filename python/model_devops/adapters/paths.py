"""Where this program keeps things on a machine, by the XDG base directory specification."""

from __future__ import annotations

import os
from pathlib import Path


def _base(variable: str, default: str) -> Path | None:
    value = os.environ.get(variable)
    if value and os.path.isabs(value):
        return Path(value) / "model-devops"
    home = os.environ.get("HOME") or os.path.expanduser("~")
    return Path(home) / default / "model-devops" if os.path.isabs(home) else None


def data_folder() -> Path | None:
    """Stores and environments: `$MODEL_DEVOPS_HOME`, else `$XDG_DATA_HOME/model-devops`. None: no home."""
    own = os.environ.get("MODEL_DEVOPS_HOME")
    return Path(own).absolute() if own else _base("XDG_DATA_HOME", ".local/share")


def cache_folder() -> Path | None:
    """What can be made again: `$MODEL_DEVOPS_HOME/cache`, else `$XDG_CACHE_HOME/model-devops`."""
    own = os.environ.get("MODEL_DEVOPS_HOME")
    return Path(own).absolute() / "cache" if own else _base("XDG_CACHE_HOME", ".cache")
