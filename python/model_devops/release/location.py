"""Where a model's store lies (S1, P6), and how it follows a clone that gets a remote.

By default stores lie in the user's data folder, keyed by the repository: all clones of one remote
share one. A key is the remote's host and path; without a remote the real path of git's common folder,
without git that of model.yaml's folder. The clone remembers its key, so that it finds its store again
after it was moved, and so that a remote added later takes the store along.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_devops import notices
from model_devops.adapters.paths import data_folder
from model_devops.adapters.registry.address import SCHEME, Address, parse
from model_devops.errors import ModelDevopsError, UsageError
from model_devops.release import index as indexes
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore

if TYPE_CHECKING:
    from model_devops.adapters.git import Git
    from model_devops.config.types import Model

SETTING = "model-devops.store"
"""The clone's git setting that keeps the key."""


@dataclass(frozen=True)
class Location:
    """Where the stores of one repository lie: one folder for each model."""

    root: Path | Address
    key: str | None = None
    """None where the folder was named, so that nothing needs to be remembered."""
    old: Path | None = None
    """The stores that this clone used under another key, where they hold anything."""

    def store(self, name: str) -> OciStore:
        """The store of the model of this name."""
        if isinstance(self.root, Path):
            return LayoutStore(self.root / name)
        from model_devops.release.registry.store import RegistryStore

        return RegistryStore(self.root.below(name))


def open_store(model: Model, git: Git | None, store: str | None, *, folder: Path, fork: bool = False) -> OciStore:
    """The store of `model`: `store` (an argument), else model.yaml's, else the default one (S1).

    `folder` is model.yaml's: a relative store is below it. Builds of forks have one inside their workspace,
    whatever is named (P6). Raises UsageError where two stores claim to be this clone's, with the command that
    joins them, and for what is no folder.
    """
    found = locate(model, git, store, folder=folder, fork=fork)
    if found.key is not None and git is not None:
        _follow(found, git)
        remember(found, git)
    return found.store(model.name)


def locate(model: Model, git: Git | None, store: str | None, *, folder: Path, fork: bool = False) -> Location:
    """As `open_store`, without changing or joining anything."""
    if fork:
        return Location(beside_git(git, folder) / "stores" / "fork")
    named = store or model.store
    if named:
        return Location(_named(named, folder))
    return _default(git, folder)


def named_store(model: Model, store: str, *, folder: Path) -> OciStore:
    """The store of `model` at an address or in a folder that somebody names; a relative one is below `folder`."""
    return Location(_named(store, folder)).store(model.name)


def _named(named: str, folder: Path) -> Path | Address:
    if named.startswith(SCHEME):
        return parse(named)
    if "://" in named:
        raise UsageError(
            f"store: {named!r} is neither a folder nor a registry",
            kind="store-not-supported",
            hint="name a folder that all agents share, or oci://HOST/PATH",
        )
    return folder / os.path.expanduser(named)


def _default(git: Git | None, folder: Path) -> Location:
    kept = git.config_get(SETTING) if git else None
    key = _key(git, folder, kept)
    base, problem = _writable_home()
    if base is None:
        base = beside_git(git, folder)
        notices.warn(f"{problem}: releases are kept in {base}, with this clone only")
    root = base / "stores" / slug(key)
    old = base / "stores" / slug(kept) if kept and kept != key else None
    return Location(root, key, old if old and holds_anything(old) else None)


def _key(git: Git | None, folder: Path, kept: str | None) -> str:
    remote = git.remote() if git else None
    if remote is not None:
        return remote.key
    return kept or os.path.realpath(git.common_dir if git else folder)


def slug(key: str) -> str:
    """A folder's name for a key: readable, and unique by 12 digits of its hash."""
    readable = re.sub(r"[^a-z0-9.]+", "-", key.lower()).strip("-.")[-60:]
    return f"{readable}-{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}"


def beside_git(git: Git | None, folder: Path) -> Path:
    """The folder for what belongs to this clone alone; `folder` is model.yaml's."""
    return git.common_dir / "model-devops" if git else folder / ".model-devops"


def _writable_home() -> tuple[Path | None, str]:
    """The data folder, or why there is none."""
    home = data_folder()
    if home is None:
        return None, "there is no home (HOME, or MODEL_DEVOPS_HOME)"
    try:
        home.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(home, os.W_OK | os.X_OK) else "you may only read it"
    except OSError as error:
        why = error.strerror or str(error)
    return (None, f"{home} can't be written to ({why}; MODEL_DEVOPS_HOME names another)") if why else (home, "")


def holds_anything(root: Path) -> bool:
    """Whether any model's store below `root` has an entry."""
    if not root.is_dir():
        return False
    return any(indexes.read(folder).entries for folder in root.iterdir() if (folder / "index.json").is_file())


def _follow(found: Location, git: Git) -> None:
    """Take the clone's old stores along to its new key, where nothing is there yet (S1)."""
    if found.old is None or not isinstance(found.root, Path):
        return
    if holds_anything(found.root):
        raise UsageError(
            f"this clone's releases are in {found.old}, and its remote's are in {found.root}",
            kind="two-stores",
            hint=f"join them: model-devops store join {found.old}\n"
            f"  or leave the first one behind: git config --unset {SETTING}",
        )
    _take_along(found.old, found.root, private=str(git.config_get(SETTING)).startswith("/"))
    notices.warn(
        f"this clone's releases are kept for {found.key} from now on. Until their tags are there too, other clones give"
        " the same numbers to something else: builds of the release branch put them there, and so does"
        " `model-devops version repair`"
    )


def _take_along(old: Path, new: Path, *, private: bool) -> None:
    """Move what belonged to this clone alone; copy what other clones of another remote may still use."""
    from model_devops.release.blobs import writing
    from model_devops.release.transfer import join

    if not private:
        for folder in stores_below(old):
            join(LayoutStore(new / folder.name), LayoutStore(folder))
        return
    with writing(new):
        new.parent.mkdir(parents=True, exist_ok=True)
        if new.is_dir():  # holds nothing but empty stores
            import shutil

            shutil.rmtree(new)
        os.rename(old, new)


def stores_below(root: Path) -> list[Path]:
    """The models' stores below a folder, or the folder itself where it is one."""
    if (root / "index.json").is_file():
        return [root]
    return sorted(folder for folder in root.iterdir() if (folder / "index.json").is_file()) if root.is_dir() else []


def remember(found: Location, git: Git) -> None:
    """Keep the key in the clone's git settings. Where that can't be written nothing is lost but this memory."""
    if found.key is not None and git.config_get(SETTING) != found.key:
        with contextlib.suppress(ModelDevopsError):
            git.config_set(SETTING, found.key)
