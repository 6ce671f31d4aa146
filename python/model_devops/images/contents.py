"""What of a release is in its image, and what the image says of it: nothing but the identity (B2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_devops.release.packing import Entry, artifact_order
from model_devops.release.record import BaseImage, Identity

LEFT_OUT = ("dataset",)
"""As from the copies that the target `local` serves from."""
Files = dict[str, tuple[Path, Entry]]
"""A file on disk and what it is known to be, by its path relative to model.yaml."""


@dataclass(frozen=True)
class Contents:
    """The files of a release that go into its image, and its identity."""

    identity: Identity
    files: dict[str, Files]
    """By artifact, in the order of their layers."""

    @property
    def variables(self) -> dict[str, str]:
        """What the image tells its processes: no version, commit or time, which many builds of one identity have."""
        digests = {f"MODEL_DEVOPS_{name.upper()}_DIGEST": value for name, value in self.identity.artifacts.items()}
        return {"MODEL_DEVOPS_IDENTITY": self.identity.digest} | digests

    def labels(self, bases: list[BaseImage]) -> dict[str, str]:
        """What the image tells people: its base is the last one, on which a Dockerfile ends."""
        told = {"org.modeldevops.identity": self.identity.digest}
        if bases:
            told["org.opencontainers.image.base.name"] = bases[-1].reference
            told["org.opencontainers.image.base.digest"] = bases[-1].digest
        return told

    def together(self, below: str = "") -> Files:
        """All files below a folder; of one that two artifacts have, the later artifact's counts."""
        prefix = f"{below.removeprefix('./').strip('/')}/" if below.strip("./") else ""
        everything = {path: found for files in self.files.values() for path, found in files.items()}
        return {path.removeprefix(prefix): found for path, found in everything.items() if path.startswith(prefix)}


def contents(
    identity: Identity,
    sources: Mapping[str, Mapping[str, Path]],
    layout: Mapping[str, str],
    entries: Mapping[str, Mapping[str, Entry]],
) -> Contents:
    """Lay a release's files out as model.yaml's folder has them."""
    files: dict[str, Files] = {}
    for name in artifact_order(sources):
        if name not in LEFT_OUT:
            root = layout[name].removeprefix("./").strip("/")
            prefix = f"{root}/" if root not in ("", ".") else ""
            files[name] = {prefix + path: (file, entries[name][path]) for path, file in sources[name].items()}
    return Contents(identity, files)
