"""One pod of a Job: its files sent, its output followed, what it wrote fetched, all through the API server."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.pods import Executed, execute, fed
from model_devops.adapters.kubernetes.streams import pod_path
from model_devops.errors import FailedError, UnreachableError
from model_devops.testing.jobs.job import CONTAINER, WORK

SENDING, ASKING = 6 * 3600.0, 60.0
"""Seconds for all files of a pod, and for a short question."""
LARGEST = 64 << 20
"""Bytes of what a test writes for us: metrics and reports."""
_TAKE = """\
import hashlib, os, sys, tarfile
class Hashed:
    sha256 = hashlib.sha256()
    def read(self, size):
        data = sys.stdin.buffer.read(size)
        self.sha256.update(data)
        return data
found = Hashed()
with tarfile.open(fileobj=found, mode="r|") as tar:
    tar.extractall(sys.argv[1])
while found.read(1 << 20):
    pass
print(found.sha256.hexdigest())
"""
_SAY = """\
import os, sys
own = os.path.join(sys.argv[1], ".model-devops-job")
print(" ".join(name for name in ("start", "result") if os.path.exists(os.path.join(own, name))))
"""
_MARK = """\
import os, sys
path = os.path.join(sys.argv[1], ".model-devops-job", sys.argv[2])
with open(path + ".new", "w") as stream:
    stream.write(sys.argv[3])
os.rename(path + ".new", path)
"""
_GIVE = """\
import os, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
    for name in sys.argv[2:]:
        path = os.path.join(sys.argv[1], name)
        if os.path.isfile(path):
            tar.add(path, name, recursive=False)
"""


class Pod:
    """One pod, by its name."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, shard: int) -> None:
        self._cluster, self._namespace, self.name, self.shard = cluster, namespace, name, shard
        self._heard = ""
        """The time of the last line that was told."""

    def marks(self) -> list[str]:
        """What happened in it so far: `start`, `result`."""
        return self._python(_SAY).stdout.decode().split()

    def mark(self, name: str, text: str = "") -> None:
        """Tell it something."""
        self._python(_MARK, name, text)

    def send(self, tar: Iterable[bytes]) -> None:
        """Lay the files of a tar into its folder. Raises UnreachableError where they don't arrive as they are."""
        sha256 = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in tar:
                sha256.update(piece)
                yield piece

        argv = ["python3", "-c", _TAKE, WORK]
        done = fed(self._cluster, self._namespace, self.name, CONTAINER, argv, hashed(), timeout=SENDING)
        self._well(done, "take its files")
        if done.stdout.decode().strip() != sha256.hexdigest():
            raise UnreachableError(f"pod {self.name} got other bytes than were sent", kind="job", hint="run this again")

    def result(self) -> list[dict[str, Any]]:
        """How each command ended."""
        found: list[dict[str, Any]] = json.loads(self.fetch([".model-devops-job/result"])[".model-devops-job/result"])
        return found

    def fetch(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of those of its files that are there."""
        done = self._python(_GIVE, *names)
        with tarfile.open(fileobj=io.BytesIO(done.stdout), mode="r:") as tar:
            return {one.name: (tar.extractfile(one) or io.BytesIO()).read() for one in tar if one.isfile()}

    def said(self) -> list[str]:
        """The lines that it wrote since it was asked last."""
        query = [("container", CONTAINER), ("timestamps", "true")]
        query += [("sinceTime", self._heard[:19] + "Z")] if self._heard else []
        path = pod_path(self._namespace, self.name, "log")
        answer = self._cluster.session.request("GET", path, query=query, fine=(400, 404))
        lines = answer.data.decode("utf-8", "replace").splitlines() if answer.status < 300 else []
        timed = [line.partition(" ")[::2] for line in lines]
        new = [(time, text) for time, text in timed if time > self._heard]
        self._heard = new[-1][0] if new else self._heard
        return [text for _, text in new]

    def _python(self, code: str, *arguments: str) -> Executed:
        argv = ["python3", "-c", code, WORK, *arguments]
        done = execute(self._cluster, self._namespace, self.name, CONTAINER, argv, timeout=ASKING, limit=LARGEST)
        return self._well(done, f"answer ({shlex.join(arguments)[:80]})")

    def _well(self, done: Executed, what: str) -> Executed:
        if done.code or done.cut:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            why = f": {words[-1]}" if words else ": too much" if done.cut else ""
            raise FailedError(f"pod {self.name} can't {what}{why}", kind="job")
        return done


def written(folder: Path, found: Mapping[str, bytes], rename: Mapping[str, str]) -> None:
    """Put fetched files into the workspace, under other names where they are to have some."""
    for name, data in found.items():
        path = folder / rename.get(name, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
