"""Where this program keeps things on a machine, by the XDG base directory specification."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from model_devops.errors import ModelDevopsError, UnreachableError, UsageError

_NAMED = "MODEL_DEVOPS_HOME names this folder; what runs in environments of one folder is unknown to another"


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


_apart: list[Path] = []
"""The cache folder of a run that must not share one, where it is one."""


def keep_cache_apart(folder: Path | None) -> None:
    """From now on this run's cache is `folder`; None: the one that all share."""
    _apart[:] = [folder] if folder else []


def cache_folder() -> Path | None:
    """What can be made again: `$MODEL_DEVOPS_HOME/cache`, else `$XDG_CACHE_HOME/model-devops`.

    Virtual environments lie there, so whoever runs other people's code in one keeps it apart (P6).
    """
    if _apart:
        return _apart[0]
    own = os.environ.get("MODEL_DEVOPS_HOME")
    return Path(own).absolute() / "cache" if own else _base("XDG_CACHE_HOME", ".cache")


def unusable(error: OSError) -> ModelDevopsError | None:
    """The error for a data folder that can't be used; None where the file that could not is not below it."""
    folder = data_folder()
    name = error.filename
    if folder is None or not isinstance(name, (str, Path)):
        return None
    if not (Path(name).is_relative_to(folder) or folder.is_relative_to(name)):
        return None
    message = f"{folder}, where stores and environments are kept, can't be used: {error.strerror} ({name})"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UnreachableError(message, kind="disk-full", hint=f"free some space there and run this again. {_NAMED}")
    return UsageError(
        message, kind="data-folder", hint=f"make it a folder that you may write to and run this again. {_NAMED}"
    )


def refuse_unwritable() -> None:
    """Raise what `unusable` says where nothing can be written below the data folder, before anything is looked at."""
    folder = data_folder()
    there = next((one for one in (folder, *folder.parents) if os.path.lexists(one)), None) if folder else None
    if there is None or (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return
    number = errno.EACCES if there.is_dir() else errno.ENOTDIR
    refused = unusable(OSError(number, os.strerror(number), str(there)))
    if refused is not None:
        raise refused
