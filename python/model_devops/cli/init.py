"""`model-devops init`: a first model.yaml and Jenkinsfile."""

from __future__ import annotations

from pathlib import Path

import click

from model_devops.cli.seam import Result


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("."))
@click.option("--force", is_flag=True, help="Replace the files that are there.")
def command(folder: Path, force: bool) -> Result:
    """Look at FOLDER and write a model.yaml and a Jenkinsfile that work as they are."""
    from model_devops.cli import output
    from model_devops.config import starter

    started = starter.start(folder, force=force)
    saw, steps = starter.summary(started.seen), starter.next_steps(started.seen)
    output.say("Found")
    for line in saw:
        output.say(f"  {line}")
    output.say("Wrote " + output.style(", ".join(map(str, started.written)), "bold"))
    for file in started.kept:
        output.warn(f"{file} is there already and stays as it is; --force replaces it")
    output.say("Next")
    for step in steps:
        output.say(f"  {step}")
    written = [str(file) for file in started.written]
    return Result(f"wrote {', '.join(written)}", written=written, found=saw, next_steps=steps)
