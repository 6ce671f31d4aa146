"""A first model.yaml and Jenkinsfile for a folder, which work as they are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from model_devops.adapters.files import create_exclusive, write_atomic
from model_devops.adapters.templates import render
from model_devops.config.load import loads
from model_devops.config.look import Seen, look
from model_devops.config.scalars import meaning_of_plain
from model_devops.errors import UsageError

MODEL = "model.yaml"
PIPELINE = "Jenkinsfile"
_BARE = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./ -]*")


@dataclass(frozen=True)
class Started:
    """What `start` saw and wrote."""

    seen: Seen
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Files that were there already and stay as they are."""


def start(folder: Path, *, force: bool = False) -> Started:
    """Write model.yaml and, where there is none yet, a Jenkinsfile.

    Raises UsageError for what is no folder, and for one that has a model.yaml already, unless `force`d: then both
    files are replaced.
    """
    seen = look(folder)
    if (folder / MODEL).exists() and not force:
        raise UsageError(f"{folder / MODEL} is there already", kind="exists", hint="--force replaces it")
    texts = {MODEL: model_yaml(seen), PIPELINE: pipeline(seen)}
    loads(texts[MODEL].encode(), MODEL)
    written, kept = [], []
    for name, text in texts.items():
        file = folder / name
        if force:
            write_atomic(file, text.encode())
        if force or create_exclusive(file, text.encode()):
            written.append(file)
        else:
            kept.append(file)
    return Started(seen, tuple(written), tuple(kept))


def model_yaml(seen: Seen) -> str:
    """The commented model.yaml for what was seen."""
    return _render(MODEL, seen=seen)


def pipeline(seen: Seen) -> str:
    """The Jenkinsfile for what was seen: only the stages that model.yaml has something for."""
    file = f"{seen.below}/{MODEL}" if seen.below else MODEL
    argument = "file: '" + file.replace("\\", "\\\\").replace("'", "\\'") + "'" if seen.below else ""
    return _render(PIPELINE, seen=seen, file=file, argument=argument, further=f", {argument}" if argument else "")


def summary(seen: Seen) -> list[str]:
    """What was seen, a line each."""
    lines = [f"model: {seen.kind} in {', '.join(seen.model)}" if seen.model_exists else "no weights"]
    for name in ("dataset", "params", "runtime", "train", "evaluate", "serve"):
        others = ", ".join(seen.choices.get(name, [])[1:])
        also = f" (there is also {others})" if others else ""
        lines += [f"{name}: {getattr(seen, name)}{also}"] if getattr(seen, name) else []
    if not seen.in_git:
        return [*lines, "no git repository"]
    return [*lines, f"git: {seen.remote}" if seen.remote else "git: no remote"]


def next_steps(seen: Seen) -> list[str]:
    """What to do now, in order."""
    steps = [] if seen.in_git else ["git init: a version is claimed by a git tag"]
    if not seen.model:
        steps.append("train into model/, or change artifacts.model" if seen.train else "put the weights into model/")
    if seen.choices:
        steps.append(f"see that model.yaml names the right scripts: {', '.join(seen.choices)}")
    if seen.allow:
        steps.append("read what check.allow says, and keep only the files that you trust")
    if seen.evaluate:
        steps.append("write gates under test, so that a release has to reach something")
    if not seen.serve:
        steps.append("fill in serve and environments, so that there is somewhere to deploy to")
    return [*steps, f"commit {MODEL}, {PIPELINE} and what {MODEL} names", "model-devops build"]


def _render(name: str, **values: object) -> str:
    template = Path(__file__).parent / "templates" / f"{name}.j2"
    return render(template, {"text": _text, "paths": _paths}, values) + "\n"


def _text(value: str) -> str:
    """Text as a YAML value in a flow or block: in quotes wherever it could be taken for something else."""
    bare = _BARE.fullmatch(value) and value == value.strip() and meaning_of_plain(value)[0] == "string"
    return value if bare else json.dumps(value, ensure_ascii=False)


def _paths(values: list[str]) -> str:
    texts = [_text(value) for value in values]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
