"""One pod of a Job: its files sent, its output followed, what it wrote fetched, all through the API server."""

from __future__ import annotations

import hashlib
import json
import shlex
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.pods import Executed, execute, fed, streamed
from model_devops.adapters.kubernetes.streams import pod_path
from model_devops.content.walk import parts
from model_devops.errors import FailedError, UnreachableError
from model_devops.runtime.jobs import scripts
from model_devops.runtime.jobs.job import CONTAINER, WORK

SENDING, ASKING, SILENT = 12 * 3600.0, 60.0, 300.0
"""Seconds for all files of a pod, for a short question, and without a byte of what is fetched."""
LARGEST = 64 << 20
"""Bytes of an answer: names of files, and how commands ended."""
RECENT = 30.0
"""Seconds after which a run that wasn't heard of uses a pod no more."""
KILLED = (137, 143)
"""Exit codes of what got a signal."""
RUN = uuid.uuid4().hex[:12]
"""This run among those that use a pod."""


class Written(NamedTuple):
    """A file in the pod, relative to the folder of the commands. `kind`: `file`, `link` or `other`."""

    name: str
    size: int
    kind: str


class KilledError(UnreachableError):
    """What was asked in the pod got a signal."""


class Pod:
    """One pod, by its name."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, shard: int) -> None:
        self._cluster, self._namespace, self.name, self.shard = cluster, namespace, name, shard
        self._heard = ""
        """The time of the last line that was told."""

    def marks(self) -> list[str]:
        """What happened in it so far: `start`, `result`."""
        return self._python(scripts.LOOK, RUN).stdout.decode().split()

    def send(self, tar: Iterable[bytes]) -> None:
        """Lay the files of a tar beside its folder. Raises UnreachableError where they don't arrive as they are."""
        sha256 = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in tar:
                sha256.update(piece)
                yield piece

        argv = ["python3", "-c", scripts.TAKE, WORK, RUN]
        done = fed(self._cluster, self._namespace, self.name, CONTAINER, argv, hashed(), timeout=SENDING)
        self._well(done, "take its files")
        if done.stdout.decode().strip() != sha256.hexdigest():
            raise UnreachableError(f"pod {self.name} got other bytes than were sent", kind="job", hint="run this again")

    def start(self, commands: Sequence[str], seconds: float) -> None:
        """Have it run these commands, `seconds` for all of them, where the files lie."""
        self._python(scripts.START, RUN, json.dumps({"commands": list(commands), "seconds": seconds}))

    def result(self) -> list[dict[str, Any]]:
        """How each command ended."""
        found: list[dict[str, Any]] = json.loads(self._python(scripts.RESULT).stdout)
        return found

    def listed(self, names: Iterable[str]) -> list[Written]:
        """The files that are there of these names, and below these folders. Raises FailedError for a name outside."""
        done = self._python(scripts.LIST, json.dumps(list(names)))
        found = [Written(*one) for one in sorted({tuple(one) for one in json.loads(done.stdout)})]
        for one in found:
            if not parts(one.name):  # whatever runs in the pod: it is not to say where files lie here
                raise FailedError(f"pod {self.name} wrote {one.name!r}, which lies outside of its folder", kind="job")
        return found

    def fetch(self, files: Sequence[Written], offset: int, into: Callable[[bytes], object]) -> str:
        """Hand on their bytes, one file after the other, from `offset` of all of them on; the SHA-256 of all of them.

        Raises UnreachableError where the connection breaks off, and what `into` raises.
        """
        argv = ["python3", "-c", scripts.GIVE, WORK, RUN, str(offset)]
        wanted = json.dumps([[one.name, one.size] for one in files]).encode()
        done = streamed(self._cluster, self._namespace, self.name, CONTAINER, argv, wanted, into, timeout=SILENT)
        return self._well(done, "give what was written").stderr.decode().strip()

    def leave(self) -> bool:
        """Need it no more; whether nobody else does either. Then it may end."""
        return self._python(scripts.LEAVE, RUN, str(RECENT)).stdout.split() == [b"0"]

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
        if done.code in KILLED:  # for want of memory, as a rule, or by a node that is in trouble: not an answer
            raise KilledError(f"pod {self.name} didn't {what}: what was asked there was killed", kind="job")
        if done.code or done.cut:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines()
            why = f": {words[-1]}" if words else ": too much" if done.cut else ""
            raise FailedError(f"pod {self.name} can't {what}{why}", kind="job")
        return done
