"""The parts of model.yaml that may be written in several ways, in one way."""

from __future__ import annotations

from model_devops.config.types import Check, Model, Runtime, Train


def train_commands(model: Model) -> list[str]:
    """The commands that make the model, in order; none where nothing trains it."""
    train = model.train.run if isinstance(model.train, Train) else model.train
    return [train] if isinstance(train, str) else list(train or [])


def train_block(model: Model) -> Train | None:
    """How and where they run, where model.yaml says more of it than the commands."""
    return model.train if isinstance(model.train, Train) else None


def check_block(model: Model) -> Check:
    """The checks; a plain list holds commands."""
    check = model.check
    return check if isinstance(check, Check) else Check(run=list(check))


def runtime_block(model: Model) -> Runtime | None:
    """The runtime; plain text names the requirements file."""
    runtime = model.artifacts.runtime
    return Runtime(file=runtime) if isinstance(runtime, str) else runtime


def artifact_patterns(model: Model) -> dict[str, list[str]]:
    """Paths and globs by artifact; those that model.yaml leaves out are not in it."""
    artifacts, runtime = model.artifacts, runtime_block(model)
    written = {
        "model": artifacts.model,
        "dataset": artifacts.dataset,
        "code": artifacts.code,
        "params": artifacts.params,
        "runtime": runtime.file if runtime else None,
    }
    return {name: [paths] if isinstance(paths, str) else list(paths) for name, paths in written.items() if paths}
