"""The last acts: one byte changed in each place where bytes lie, and the history of it all."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from places import Local
from stage import Stage, blobs, check, say
from story import Act, must_run

MODEL = "model/digits.safetensors"


def change_a_byte(path: Path) -> None:
    """Change the last byte of a file, read-only or not. Once more, and it is as it was."""
    data, mode = path.read_bytes(), path.stat().st_mode
    path.chmod(0o600)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    path.chmod(mode)


@contextmanager
def one_byte_changed(path: Path) -> Iterator[None]:
    """A changed byte for a while."""
    change_a_byte(path)
    try:
        yield
    finally:
        change_a_byte(path)


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    """No file for a while."""
    other = path.with_name(f"{path.name}.away")
    path.rename(other)
    try:
        yield
    finally:
        other.rename(path)


def in_the_workspace(stage: Stage) -> None:
    """A byte of the data set: neither a build nor a test takes it for what was committed."""
    with one_byte_changed(stage.project / "data" / "digits.npz"):
        refused = stage.do("build", code=4)
        check("digits.npz" in refused.told, f"the build doesn't name the file: {refused.told}")
        refused = stage.do("test", code=4)
        check("digits.npz" in refused.told, f"the test doesn't name the file: {refused.told}")


def in_the_store(stage: Stage) -> None:
    """A byte of the weights in the store: found by `release verify`, and taken by no environment."""
    digest = hashlib.sha256((stage.project / MODEL).read_bytes()).hexdigest()
    there, *more = blobs(stage.bytes_in, digest) or [Path()]
    check(there.is_file() and not more, f"the weights' bytes are not in one place in the store: {there}, {more}")
    stage.do("stop", "test", "--reason", "switched off over night")
    with one_byte_changed(there):
        found = stage.do("release", "verify", "1.1.0", code=4)
        check(MODEL in found.told, f"verify doesn't name the file: {found.told}")
        if isinstance(stage.place, Local):
            _not_taken(stage)
    if not isinstance(stage.place, Local):  # pods have their bytes from the image: there they are hashed
        with moved_away(there):
            _not_taken(stage)
    stage.do("deploy", "test")
    must_run(stage, "test", "1.1.0")


def _not_taken(stage: Stage) -> None:
    refused = stage.do("deploy", "test", code=4)
    check(MODEL in refused.told, f"refused for another reason: {refused.told}")
    check(stage.ask("test", "/ready") is None, "something runs in test")


def in_the_copy_that_serves(stage: Stage) -> None:
    """A byte of the weights that the server was started from: `status` finds it, and the next deployment mends it."""
    assert isinstance(stage.place, Local)
    served = stage.place.serving(stage, "production") / MODEL
    change_a_byte(served)
    found = stage.do("status", "production")
    check(not found.document["healthy"], f"status finds nothing: {found.told}")
    say(found.document["environments"][0]["remarks"][0])
    stage.do("deploy", "production", "--release", "1.0.2")
    check(stage.place.serving(stage, "production") / MODEL != served, "the changed copy still serves")
    check(stage.run("status", "production").document["healthy"], "production is not mended")
    must_run(stage, "production", "1.0.2")


def history(stage: Stage) -> None:
    """What ran when, who said so, and how often the model changes."""
    answer = stage.do("history", "production")
    print("\n".join("    " + line for line in answer.told.rstrip().splitlines()))
    rows = reversed(answer.document["history"])
    versions = [row["version"] for row in rows if row["status"] == "verified"]
    check(versions[:4] == ["1.0.0", "1.0.2", "1.1.0", "1.0.2"], f"verified in this order: {versions}")
    check(answer.document["cadence"]["n"] >= 2, "the history doesn't know ΔV")


WORKSPACE: list[tuple[str, Act]] = [("One byte changed in the workspace", in_the_workspace)]
STORE: list[tuple[str, Act]] = [("One byte changed in the store", in_the_store)]
COPIES: list[tuple[str, Act]] = [("One byte changed in the copy that serves", in_the_copy_that_serves)]
HISTORY: list[tuple[str, Act]] = [("The history, with ΔV: the time from one model to the next", history)]
