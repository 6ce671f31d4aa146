"""`version next` among 10,000 tags, against the same among ten and what git itself needs to list the tags' contents."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import PROGRAM, Row, in_turn, quietly

ROUNDS = 5
FEW, MANY = 10, 10_000
MODEL = "name: many\nartifacts: {model: weights, params: params.yaml}\n"


def rows() -> Iterator[Row]:
    """One row: the allowance is the time among ten tags and three listings with contents."""
    with tempfile.TemporaryDirectory() as folder:
        home = {"MODEL_DEVOPS_HOME": f"{folder}/home"}
        few, many = _project(Path(folder) / "few", FEW, home), _project(Path(folder) / "many", MANY, home)
        call = [*PROGRAM, "version", "next"]
        listing = ("git", "for-each-ref", "--format=%(refname) %(objectname) %(contents)", "refs/tags")
        with_many, with_few, git = in_turn(
            lambda: quietly(*call, cwd=many, environment=home),
            lambda: quietly(*call, cwd=few, environment=home),
            lambda: quietly(*listing, cwd=many),
            rounds=ROUNDS,
        )
        yield Row("version next among 10,000 tags", with_many, "the same among 10", with_few, with_few + 3 * git)


def _project(folder: Path, tags: int, home: dict[str, str]) -> Path:
    """A repository whose first release is real; the others carry its record under other versions."""
    folder.mkdir()
    (folder / "model.yaml").write_text(MODEL)
    (folder / "params.yaml").write_text("a: 1\n")
    (folder / "weights").write_bytes(_weights())
    quietly("git", "init", "--quiet", "--initial-branch=main", cwd=folder)
    for key, value in (("user.name", "Bench"), ("user.email", "bench@example.org")):
        quietly("git", "config", key, value, cwd=folder)
    quietly("git", "add", ".", cwd=folder)
    quietly("git", "commit", "--quiet", "--message", "Begin", cwd=folder)
    quietly(*PROGRAM, "build", cwd=folder, environment=home)
    _copy_tags(folder, tags)
    (folder / "params.yaml").write_text("a: 2\n")
    quietly("git", "commit", "--quiet", "--all", "--message", "Change", cwd=folder)
    return folder


def _weights() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0\0\0\0"


def _copy_tags(folder: Path, count: int) -> None:
    """Tags 1.0.1 to 1.0.<count - 1>, written by one `git fast-import`."""
    command = ("git", "for-each-ref", "--format=%(contents)%(*objectname)", "refs/tags/many@v1.0.0")
    contents = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.rstrip()
    message, commit = contents[:-40], contents[-40:]
    stream = "".join(
        f"tag many@v1.0.{number}\nfrom {commit}\ntagger Bench <bench@example.org> 1700000000 +0000\n"
        f"data {len(text.encode())}\n{text}\n"
        for number in range(1, count)
        for text in [message.replace('"version":"1.0.0"', f'"version":"1.0.{number}"')]
    )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=folder, input=stream.encode(), check=True)
