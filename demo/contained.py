"""The acts that need images: played where each release ends in one."""

import json
from pathlib import Path

from stage import Stage, blobs, check
from story import Act, image_of
from tampering import one_byte_changed


def answers_wrongly(stage: Stage) -> None:
    """On a branch: the model is as good as ever, so that no number of evaluate.py tells; what serves it is not."""
    stage.git("switch", "--quiet", "--create", "from-one")
    stage.edit("serve.py", "found.argmax(axis=1).tolist()", "(found.argmax(axis=1) + 1).tolist()")
    stage.git("commit", "--quiet", "--all", "--message", "Count digits from one")
    stage.do("build")
    failed = stage.do("test", code=3)
    check("labels is [4], expected [3]" in failed.told, f"it failed for another reason: {failed.told}")
    gates = failed.document["gates"]
    fine = {gate["metric"] for gate in gates if gate["status"] == "passed"}
    missed = {gate["metric"] for gate in gates} - fine
    check("accuracy" in fine and missed == {"container.wrong_answers"}, f"these gates failed: {missed}")
    stage.git("switch", "--quiet", "main")


def in_the_image(stage: Stage) -> None:
    """A byte of the image's last layer in the registry: found by `release verify`."""
    digest = image_of(stage, "1.1.0")["digest"]
    layer = json.loads(_only(stage, digest).read_bytes())["layers"][-1]["digest"]
    with one_byte_changed(_only(stage, layer)):
        found = stage.do("release", "verify", "1.1.0", code=4)
        check(layer in found.told, f"verify doesn't name the layer: {found.told}")
    stage.do("release", "verify", "1.1.0")


def _only(stage: Stage, digest: str) -> Path:
    (there,) = blobs(stage.bytes_in, digest.removeprefix("sha256:"))
    return there


CONTAINED: list[tuple[str, Act]] = [
    ("A server that answers wrongly around a good model: its image fails the test", answers_wrongly),
]
IMAGES: list[tuple[str, Act]] = [("One byte changed in the image", in_the_image)]
