"""Which store an environment takes its bytes from: the project's, or one of its own (P1)."""

from __future__ import annotations

from model_devops.config.types import Environment
from model_devops.deploy.target import Target
from model_devops.project import Project, with_store
from model_devops.release.oci import OciStore
from model_devops.release.paired import PairedStore


def store_of(project: Project, block: Environment | None, *, strict: bool) -> OciStore:
    """The store for this block of policy. `strict`: whether the project's must answer too (see `PairedStore`)."""
    if block is None or block.store is None or isinstance(project.store, PairedStore):
        return project.store
    from model_devops.release.location import named_store

    own = named_store(project.model, block.store, folder=project.folder)
    return project.store if own.location == project.store.location else PairedStore(own, project.store, strict=strict)


def as_kept(project: Project, target: Target) -> Project:
    """The project with the store of an environment by the policy that it keeps (D8): its way back needs nobody else."""
    from model_devops.policy.source import kept_policy

    place = target.place()
    return with_store(project, store_of(project, kept_policy(place) if place else None, strict=False))
