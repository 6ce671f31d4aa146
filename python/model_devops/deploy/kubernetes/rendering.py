"""The objects of an environment without a cluster: what `render` prints."""

from __future__ import annotations

from model_devops.config.types import Environment
from model_devops.deploy.deploying import settings
from model_devops.deploy.revision import PENDING, Revision
from model_devops.deploy.states import of_release
from model_devops.errors import UsageError
from model_devops.manifests.checked import objects
from model_devops.manifests.manifest import Manifest
from model_devops.manifests.rbac import role
from model_devops.manifests.schemas import versions
from model_devops.manifests.values import object_name, values
from model_devops.policy.templates import templates_here
from model_devops.project import Project
from model_devops.release.store import Stored


def rendered(project: Project, environment: str, release: Stored) -> list[Manifest]:
    """The objects that a release would have there by this checkout. Raises UsageError, RefusedError."""
    block = _block(project, environment)
    own = templates_here(project, environment, block)
    wanted = settings(project.store, release, block, own)
    revision = Revision(
        number=0,
        id="render",
        status=PENDING,
        action="deploy",
        settings=wanted,
        **of_release(release),
    )
    return objects(values(project.model.name, environment, revision), own, versions()[-1])


def role_of(project: Project, environment: str, manifests: list[Manifest]) -> list[Manifest]:
    """The smallest Role with which these can be deployed."""
    block = _block(project, environment)
    name, beside = object_name(project.model.name, environment), block.debug_image is not None
    made = role(name, block.namespace or "", manifests, beside=beside)
    return [Manifest(one, "", lambda _: None) for one in made]


def _block(project: Project, environment: str) -> Environment:
    block = project.model.environments.get(environment)
    if block is None or block.target != "kubernetes":
        known = [name for name, one in project.model.environments.items() if one.target == "kubernetes"]
        why = "there is no such environment" if block is None else f"its target is {block.target}"
        raise UsageError(
            f"{environment} has no Kubernetes objects: {why}",
            kind="no-objects",
            hint=f"environments with target kubernetes: {', '.join(known) or 'none'}",
        )
    return block
