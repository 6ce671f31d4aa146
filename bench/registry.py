"""A registry's client: the digest of a layer against openssl, a push against skopeo, and how many requests it makes.

Where `docker-registry` or skopeo is missing, nothing is pushed.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measuring import PROGRAM, Row, in_turn, processor, quietly, random_file, repository

LAYER = 4 << 30
PUSHED = 1 << 30
"""Less than a layer: each byte costs the same, and the registry takes four seconds for these."""
ROUNDS = 2
MODEL = "name: heavy\nartifacts: {model: weights}\n"


def rows() -> Iterator[Row]:
    """A sparse file of 4 GiB is hashed; a release with 1 GiB is pushed to registries on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        yield _digest(Path(folder) / "layer")
        if shutil.which("docker-registry") and shutil.which("skopeo"):
            yield _push(Path(folder))
            _second_push(Path(folder))


def _digest(file: Path) -> Row:
    from model_devops.release.blobs import Meter, hash_stream

    with open(file, "wb") as stream:
        stream.truncate(LAYER)

    def ours() -> None:
        with open(file, "rb", buffering=0) as stream:
            hash_stream(stream, Meter())

    mine, theirs = in_turn(ours, lambda: quietly("openssl", "dgst", "-sha256", str(file)), rounds=7)
    file.unlink()
    return Row("digest of a layer of 4 GiB", mine, "openssl dgst -sha256", theirs, theirs)


def _push(folder: Path) -> Row:
    """The same release out of the same store, by both: bytes and digests in the registry are equal."""
    home = {"MODEL_DEVOPS_HOME": f"{folder}/home", "HOME": str(folder)}
    project = repository(folder / "heavy", model__yaml=MODEL, __gitignore="weights\n")
    random_file(project / "weights", PUSHED)
    quietly(*PROGRAM, "build", "--store", str(folder / "store"), cwd=project, environment=home)
    ours = [*PROGRAM, "push", "1.0.0", "--store", str(folder / "store"), "--to", "oci://{}/models"]
    theirs = ["skopeo", "copy", "--insecure-policy", "--preserve-digests", "--dest-tls-verify=false"]
    theirs += [f"oci:{folder}/store/heavy:1.0.0", "docker://{}/models/heavy:1.0.0"]
    pairs = [[_used_by(call, folder, project, home) for call in (ours, theirs)] for _ in range(ROUNDS)]
    mine, skopeo = (min(column) for column in zip(*pairs, strict=True))
    return Row(
        "push of a release of 1 GiB, processor time", mine, "skopeo copy --preserve-digests", skopeo, 0.3 * skopeo
    )


def _used_by(command: list[str], folder: Path, project: Path, home: dict[str, str]) -> float:
    """The client's processor time of a push to a registry that has nothing yet."""
    from registries import distribution

    with tempfile.TemporaryDirectory(dir=folder) as data, distribution(Path(data)) as host:
        return processor(lambda: quietly(*(word.format(host) for word in command), cwd=project, environment=home))


def _second_push(folder: Path) -> None:
    """Requests of a push and of the same again, by the number of the release's layers."""
    from fault_proxy import proxied
    from registries import distribution

    with distribution(folder / "registry") as host, proxied(host) as proxy:
        for count in (1, 10, 60):
            home = {"MODEL_DEVOPS_HOME": f"{folder}/home{count}"}
            model = "name: many\nartifacts: {model: weights}\n"
            project = repository(folder / f"many{count}", model__yaml=model, __gitignore="weights\n")
            (project / "weights").mkdir()
            for number in range(count):
                (project / "weights" / f"{number}").write_text(f"{number}")
            quietly(*PROGRAM, "build", cwd=project, environment=home)
            requests = []
            for _ in range(2):
                proxy.seen.clear()
                to = f"oci://{proxy.address}/models{count}"
                quietly(*PROGRAM, "push", "1.0.0", "--to", to, cwd=project, environment=home)
                requests.append(len(proxy.seen))
            print(f"push of {count} files: {requests[0]} requests, the second time {requests[1]}")
