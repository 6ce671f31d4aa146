"""`model-devops schema`: the JSON Schema of model.yaml."""

from __future__ import annotations

import click

from model_devops.cli.seam import Result


@click.command()
def command() -> Result:
    """Print the JSON Schema of model.yaml, for editors and other programs."""
    from model_devops.cli import output
    from model_devops.config import schema

    output.say(schema.text().rstrip())
    return Result("the JSON Schema of model.yaml", schema=schema.schema())
