"""`render`: the Kubernetes objects of an environment, checked, as they would be applied."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli import output
from model_devops.cli.options import file_option, release_option, store_option
from model_devops.cli.seam import Result


@click.command(help="Print the Kubernetes objects of ENVIRONMENT, checked; asks no cluster.")
@click.argument("environment")
@file_option
@store_option
@release_option
@click.option("--rbac", is_flag=True, help="Print the smallest Role with which CI can deploy there instead.")
def command(environment: str, file: Path, store: str | None, release: str | None, rbac: bool) -> Result:
    """Settings and templates are those of this checkout; `plan` says what a deploy would change."""
    from model_devops.building.choose import choose
    from model_devops.building.summary import release_fields
    from model_devops.deploy.kubernetes.rendering import rendered, role_of
    from model_devops.manifests.render import documents
    from model_devops.project import open_project

    project = open_project(file, store=store)
    chosen = choose(project, release)
    found = rendered(project, environment, chosen)
    objects = role_of(project, environment, found) if rbac else found
    output.say(documents(objects).rstrip())
    kinds = [{"kind": one.kind, "name": one.name} for one in objects]
    return Result(
        f"{len(objects)} objects of {project.model.name} {environment}",
        release=release_fields(chosen, project.store),
        environment=environment,
        objects=kinds,
    )
