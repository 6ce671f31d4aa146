"""What a build is given, before anything runs (B2)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from model_devops.building.recipe import FILE, recipe_bytes
from model_devops.config.views import artifact_patterns, runtime_block, train_commands
from model_devops.content.digest import digest
from model_devops.content.files import Artifact, collect_all
from model_devops.content.hashing import hash_files
from model_devops.images.wanted import Wanted, wanted
from model_devops.project import Project
from model_devops.release.record import Inputs

Entries = dict[str, tuple[str, int]]
#: Folder of the artifacts that the build itself writes: the recipe and the resolved runtime.
MADE = ".model-devops"


@dataclass
class Given:
    """Artifacts of the workspace with their digests; `model` only where nothing trains it."""

    artifacts: dict[str, Artifact]
    entries: dict[str, Entries]
    digests: dict[str, str]
    layout: dict[str, str]
    recipe: bytes
    image: Wanted | None = None
    """The image that is asked for, its bases resolved."""

    @property
    def inputs(self) -> Inputs:
        """The inputs as they go into the record."""
        base = self.image.base_image if self.image else None
        return Inputs(artifacts=dict(sorted(self.digests.items())), base_image=base)


def read_inputs(project: Project) -> Given:
    """Collect and hash all artifacts that are not this build's own output."""
    trained = bool(train_commands(project.model))
    artifacts = collect_all(project.loaded, absent_ok={"model"} if trained else set())
    if trained:
        artifacts.pop("model", None)
    layout = layout_of(project, artifacts)
    package = project.model.package
    image = wanted(package, project.folder, project.store.repository.image_home) if package else None
    recipe = recipe_bytes(project.model, layout, image.dockerfile if image else None)
    given = Given(artifacts, {}, {}, layout, recipe, image)
    for name, artifact in artifacts.items():
        given.entries[name] = hash_files(artifact.files)
        as_written = given.entries[name] | (hash_files(included_files(project)) if name == "runtime" else {})
        given.digests[name] = digest(as_written, project.model.ignore)
    given.digests["recipe"] = digest(recipe_entries(recipe), project.model.ignore)
    return given


def included_files(project: Project) -> dict[str, Path]:
    """What requirements.txt includes with -r and -c, by path relative to model.yaml's folder.

    It belongs to the runtime as written (B3).
    """
    from model_devops.runtime.requirements import included

    block = runtime_block(project.model)
    files = included(project.folder / block.file)[1:] if block else []
    return {os.path.relpath(file, project.folder).replace(os.sep, "/"): file for file in files}


def recipe_entries(recipe: bytes) -> Entries:
    """The recipe artifact: one file."""
    return bytes_entry(FILE, recipe)


def bytes_entry(name: str, data: bytes) -> Entries:
    """An artifact of one small file that is made by the build itself."""
    import hashlib

    return {name: (hashlib.sha256(data).hexdigest(), len(data))}


def layout_of(project: Project, artifacts: Mapping[str, Artifact]) -> dict[str, str]:
    """Folder of each artifact relative to model.yaml's folder; known before the model exists."""
    layout = {name: artifact.root for name, artifact in artifacts.items()}
    for name, patterns in artifact_patterns(project.model).items():
        if name not in layout:
            layout[name] = model_root(patterns)
    made = dict.fromkeys(("recipe", *({"runtime"} & layout.keys())), MADE)
    return dict(sorted((layout | made).items()))


def model_root(patterns: list[str]) -> str:
    """Where an output of `train` will lie: the folder where the pattern ends in `/`, else model.yaml's folder.

    What happens to lie there before training must not matter: it would make two recipes of one model.yaml.
    """
    if len(patterns) == 1 and patterns[0].endswith("/") and not any(sign in patterns[0] for sign in "*?["):
        return os.path.normpath(patterns[0]).replace(os.sep, "/").removeprefix(".")
    return ""
