"""What each pod serves, asked of the pod itself, with no Service in between (D10).

`image`: the runtime's word for what it started. `measured`: the release's files, hashed where they are served, by a
program in the same container. `reported`: what the server says that it has loaded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from model_devops.adapters.answers import Answer
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.pods import execute
from model_devops.adapters.kubernetes.problems import KIND
from model_devops.adapters.kubernetes.refusals import NoProgramError, NotRunningError
from model_devops.adapters.kubernetes.tunnel import Tunnel, forward
from model_devops.config.types import Serve, Smoke
from model_devops.deploy.kubernetes.beside import FOLDER, beside
from model_devops.deploy.kubernetes.records import Applied
from model_devops.deploy.kubernetes.view import Object, is_ready
from model_devops.deploy.smoke import wrong
from model_devops.deploy.window import Sample, sampled
from model_devops.errors import ModelDevopsError, UnreachableError
from model_devops.manifests.values import CONTAINER_PORT

T = TypeVar("T")
SERVER = "server"
"""The container that serves; of a team's own template the first one, where none is called so."""
AT_ONCE = 8
"""Pods that are asked at the same time."""
ANSWER = 30.0
"""Seconds for one answer of a server."""
PAUSES = (1.0, 3.0)
"""Seconds between looks that broke off."""
HASHING = 1800.0
"""Seconds for hashing all files of a pod."""
ARGUMENTS = 32 << 10
"""Bytes of paths given to one program."""
OUTPUT = 4 << 20
"""Bytes of what a hashing program writes for them: a hash and a path a line."""
_PYTHON = (
    "import hashlib,sys\n"
    "for p in sys.argv[1:]:\n"
    "    try:\n"
    "        h=hashlib.sha256()\n"
    "        with open(p,'rb') as f:\n"
    "            while b:=f.read(1<<20): h.update(b)\n"
    "        print(h.hexdigest()+'  '+p)\n"
    "    except OSError: pass\n"
)
PROGRAMS = (["sha256sum", "--"], ["python3", "-c", _PYTHON], ["python", "-c", _PYTHON])


@dataclass(frozen=True)
class Evidence:
    """What one pod gave for proof."""

    pod: str
    image: str | None = None
    """The digest that its runtime names."""
    measured: bool = False
    """Whether the model's files were hashed and are those of the release."""
    reported: str | None = None
    problems: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    """Levels that it can't give, each with the reason."""


def each(pods: Sequence[Object], ask: Callable[[Object], T]) -> list[T]:
    """Ask all pods, some at a time."""
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(ask, pods))


def evidence(
    cluster: Cluster, pod: Object, digests: Sequence[str], applied: Applied, serve: Serve, debug_image: str | None
) -> Evidence:
    """All that one pod gives for proof. `debug_image`: what hashes where the pod's own image can't."""
    name, container = pod["metadata"]["name"], container_of(pod)
    found = Evidence(name, image_of(pod, container))
    if found.image and found.image not in digests:
        found.problems.append(f"runs the image {found.image}, which is none of the release's")
    measured = _measure(partial(_any_hashes, cluster, pod, container, debug_image), applied, found)
    reported = _reported(cluster, pod, serve.digest, found) if serve.digest else None
    return Evidence(name, found.image, measured, reported, found.problems, found.missing)


def container_of(pod: Object) -> str:
    """The container that serves."""
    names = [one["name"] for one in pod["spec"]["containers"]]
    return SERVER if SERVER in names else str(names[0])


def image_of(pod: Object, container: str) -> str | None:
    """The digest in the runtime's word; its repository may be another one of the same image, and says nothing."""
    for one in (pod.get("status") or {}).get("containerStatuses") or []:
        if one["name"] == container and one.get("imageID"):
            return "sha256:" + str(one["imageID"]).rpartition("sha256:")[2]
    return None


def _measure(hashed: Callable[[list[str]], dict[str, str]], applied: Applied, found: Evidence) -> bool:
    try:
        hashes = hashed(sorted(applied.files))
    except ModelDevopsError as error:
        found.missing["measured"] = error.message
        return False
    if not any(path in hashes for path in applied.model):
        found.missing["measured"] = "the model's files are not below the folder that its container works in"
        return False
    wanted = applied.files if applied.complete else {path: applied.files[path] for path in applied.model}
    differing = sorted(path for path, sha256 in wanted.items() if hashes.get(path) != sha256)
    if differing:
        what = "is not there" if differing[0] not in hashes else "is not as released"
        more = f", and {len(differing) - 1} more" if len(differing) > 1 else ""
        found.problems.append(f"{differing[0]} {what}{more}")
    return not set(differing) & set(applied.model)


def _any_hashes(
    cluster: Cluster, pod: Object, container: str, debug_image: str | None, paths: list[str]
) -> dict[str, str]:
    """SHA-256 of files in the server's working folder, by a program of its own image or of one beside it."""
    try:
        return _hashes(cluster, pod, container, paths)
    except NoProgramError as error:
        if debug_image is None:
            hint = "`debug_image` of the environment may name one that has"
            raise NoProgramError(f"{error.message}; {hint}") from None
    name = beside(cluster, pod, container, debug_image)
    found = _hashes(cluster, pod, name, [FOLDER + path for path in paths])
    return {path.removeprefix(FOLDER): sha256 for path, sha256 in found.items()}


def _hashes(cluster: Cluster, pod: Object, container: str, paths: list[str]) -> dict[str, str]:
    """SHA-256 of files in a container's working folder, by whatever there is that can hash."""
    for program in PROGRAMS:
        try:
            found: dict[str, str] = {}
            for piece in _pieces(paths):
                found |= dict(_read(_patiently(partial(_ran, cluster, pod, container, [*program, *piece]))))
            return found
        except NoProgramError:
            continue
    raise NoProgramError("the image has no program that can hash files (sha256sum, python3)")


def _ran(cluster: Cluster, pod: Object, container: str, argv: list[str]) -> bytes:
    return execute(cluster, *_place(pod), container, argv, timeout=HASHING, limit=OUTPUT).stdout


def _patiently(ask: Callable[[], T]) -> T:
    """Ask once more where the connection broke off: looking changes nothing, and a rollout isn't undone for a cable."""
    for pause in PAUSES:
        try:
            return ask()
        except UnreachableError as error:
            if error.kind != KIND:
                raise
        time.sleep(pause)
    return ask()


def _place(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["namespace"], pod["metadata"]["name"]


def _pieces(paths: Iterable[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    size = 0
    for path in paths:
        if piece and size + len(path) > ARGUMENTS:
            yield piece
            piece, size = [], 0
        piece.append(path)
        size += len(path) + 1
    if piece:
        yield piece


def _read(out: bytes) -> Iterator[tuple[str, str]]:
    """Path and hash from the lines of `sha256sum`, which writes odd names with a backslash in front."""
    for line in out.decode("utf-8", "replace").splitlines():
        sha256, _, path = line.removeprefix("\\").partition("  ")
        if len(sha256) == 64:
            yield (path.replace("\\\\", "\\") if line.startswith("\\") else path), sha256


def _reported(cluster: Cluster, pod: Object, path: str, found: Evidence) -> str | None:
    try:
        answer = _patiently(lambda: _asked(cluster, pod, path))
    except ModelDevopsError as error:
        found.missing["reported"] = error.message
        return None
    said = answer.json() if answer.ok else None
    digest = said.get("digest") if isinstance(said, dict) else None
    if not isinstance(digest, str):
        found.missing["reported"] = f"GET {path} answers {answer.status}"
        return None
    return digest


def _asked(cluster: Cluster, pod: Object, path: str) -> Answer:
    with forward(cluster, *_place(pod), CONTAINER_PORT) as tunnel:
        return _heard(tunnel, "GET", path)


def _heard(tunnel: Tunnel, method: str, path: str, body: object = None) -> Answer:
    answer = tunnel.request(method, path, body=body, seconds=ANSWER)
    if not answer.status:
        raise UnreachableError(f"{method} {path}: {answer.text}", kind=KIND)
    return answer


def smoke(cluster: Cluster, pod: Object, serve: Serve) -> list[str]:
    """What is wrong with a pod's answers to the smoke requests."""
    if not serve.smoke:
        return []
    try:
        found = _patiently(lambda: _smoked(cluster, pod, serve))
    except ModelDevopsError as error:
        found = [error.message]
    return [f"pod {pod['metadata']['name']}: {one}" for one in found]


def _smoked(cluster: Cluster, pod: Object, serve: Serve) -> list[str]:
    found: list[str] = []
    with forward(cluster, *_place(pod), CONTAINER_PORT) as tunnel:
        for item in serve.smoke:
            answer = _heard(tunnel, item.method, item.path, item.json)
            found += wrong(item, answer.status, answer.text)
    return found


def sample(cluster: Cluster, pod: Object, ready: str, requests: Sequence[Smoke], metrics: str | None) -> Sample:
    """One look at a pod, for a window."""
    name = f"pod {pod['metadata']['name']}"
    restarts = sum(one.get("restartCount") or 0 for one in (pod.get("status") or {}).get("containerStatuses") or [])

    def look() -> Sample:
        with forward(cluster, *_place(pod), CONTAINER_PORT) as tunnel:

            def ask(method: str, path: str, body: object) -> Answer:
                return tunnel.request(method, path, body=body, seconds=ANSWER)

            return sampled(name, restarts, ask, ready, requests, metrics)

    try:
        found = _patiently(look)
    except NotRunningError:
        return Sample(name, False, restarts)
    return replace(found, ready=found.ready and is_ready(pod))
