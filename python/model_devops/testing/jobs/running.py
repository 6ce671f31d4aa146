"""Running a test's commands as a Job: made or taken up, sent its files, followed, fetched from, removed.

The Job's name says what was asked. A build that was killed leaves it; the next one that asks the same finds it, and
goes on where it is. A build that is told to end removes it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster, connect
from model_devops.adapters.kubernetes.refusals import ExistsError
from model_devops.config.types import KubernetesJob
from model_devops.deploy.kubernetes import causes
from model_devops.errors import FailedError, ModelDevopsError, UsageError
from model_devops.testing.jobs import job as jobs
from model_devops.testing.jobs.pod import Pod, written

LOOK = 1.0
"""Seconds between two looks."""
KIND = "batch/v1/Job"


@dataclass(frozen=True)
class Wanted:
    """What is to be run, and what it writes that is wanted back."""

    name: str
    model: str
    block: KubernetesJob
    image: str
    variables: Mapping[str, str]
    commands: list[str]
    seconds: float
    """For all commands together."""
    results: list[str]
    """Files that are fetched, relative to the folder that the commands run in."""


Tar = Callable[[], Iterable[bytes]]
"""The release's files, made anew for each pod."""
Ended = list[dict[str, Any]]
"""How the commands of a shard ended: code, tail, seconds, late."""


def run(wanted: Wanted, tar: Tar, folder: Path, say: Callable[[str], None]) -> list[Ended]:
    """Run it; what came of each shard. Its files lie in `folder` then, those of several shards as `NAME.N.SUFFIX`.

    Raises FailedError (kind `job`) where the pods can't run, and what `Cluster` raises.
    """
    cluster = connect(wanted.block.context)
    running = _Running(cluster, wanted, tar, say)
    with running.there():
        running.start()
        running.wait()
        return running.fetch(folder)


class _Running:
    def __init__(self, cluster: Cluster, wanted: Wanted, tar: Tar, say: Callable[[str], None]) -> None:
        self._cluster, self._wanted, self._tar, self._say = cluster, wanted, tar, say
        self._pods: dict[int, Pod] = {}
        self._seen: dict[str, float] = {}
        self._said: set[str] = set()

    @contextlib.contextmanager
    def there(self) -> Iterator[None]:
        """The Job is there; removed at the end, however that comes, but for a kill."""
        wanted = self._wanted
        made = jobs.job(wanted.name, wanted.model, wanted.block, wanted.image, wanted.variables, wanted.seconds)
        self._clear_ended()
        try:
            self._cluster.create(made)
            self._say(f"Job {wanted.name} in {wanted.block.namespace}: {wanted.block.shards} pods")
        except ExistsError:
            self._say(f"Job {wanted.name} in {wanted.block.namespace} is there already: it is taken up")
        try:
            yield
        finally:
            self._remove()

    def _clear_ended(self) -> None:
        """One that ended without anybody to fetch its results is of no use any more."""
        there = self._cluster.get(KIND, self._wanted.name, self._wanted.block.namespace)
        over = {"Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"}
        if there and any(one["type"] in over for one in (there.get("status") or {}).get("conditions") or []):
            self._remove()

    def _remove(self) -> None:
        namespace = self._wanted.block.namespace
        self._cluster.delete(KIND, self._wanted.name, namespace, propagation="Background")
        end = time.monotonic() + 60
        while self._cluster.get(KIND, self._wanted.name, namespace) and time.monotonic() < end:
            time.sleep(0.2)

    def start(self) -> None:
        """Each pod gets its files as soon as it runs, and begins."""
        while len(self._pods) < self._wanted.block.shards:
            for pod in self._running_pods():
                shard = jobs.shard_of(pod)
                if shard not in self._pods:
                    self._begin(Pod(self._cluster, self._wanted.block.namespace, pod["metadata"]["name"], shard))
            time.sleep(LOOK / 2)

    def _running_pods(self) -> list[Any]:
        """Those that run. Raises FailedError where one can't come to run."""
        pods = self._listed()
        for pod in pods:
            doom = self._doom(pod)
            if doom is not None:
                raise FailedError(f"Job {self._wanted.name} can't run: {doom}", kind="job")
        if not pods:
            self._without_pods()
        return [one for one in pods if (one.get("status") or {}).get("phase") == "Running" and _up(one)]

    def _listed(self) -> list[Any]:
        selector = f"{jobs.LABEL}={self._wanted.name}"
        found = self._cluster.list("Pod", self._wanted.block.namespace, labels=selector)
        return [one for one in found if not one["metadata"].get("deletionTimestamp")]

    def _doom(self, pod: Any) -> str | None:
        uid, status = pod["metadata"]["uid"], pod.get("status") or {}
        if status.get("phase") in ("Failed", "Succeeded"):
            return f"pod {pod['metadata']['name']} ended ({_end(status)})"
        age = time.monotonic() - self._seen.setdefault(uid, time.monotonic())
        self._waits(pod)
        events: list[Any] = []
        if not _up(pod):
            found = self._cluster.list("Event", self._wanted.block.namespace, fields=f"involvedObject.uid={uid}")
            events = sorted(found, key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
        # Work may wait for a node as long as the whole Job may take: GPUs are waited for.
        doom = causes.of_pod(pod, events, min(age, causes.UNSCHEDULABLE - 1))
        return doom.cause + (f" ({doom.hint})" if doom.hint else "") if doom else None

    def _waits(self, pod: Any) -> None:
        for one in (pod.get("status") or {}).get("conditions") or []:
            if (
                one.get("type") == "PodScheduled"
                and one.get("status") == "False"
                and pod["metadata"]["uid"] not in self._said
            ):
                self._said.add(pod["metadata"]["uid"])
                self._say(f"pod {pod['metadata']['name']} waits for a node: {one.get('message') or one.get('reason')}")

    def _without_pods(self) -> None:
        """A quota or a rule that lets no pod be made is said in the Job's events only, an end in its conditions."""
        wanted = self._wanted
        there = self._cluster.get(KIND, wanted.name, wanted.block.namespace)
        ended = [one for one in ((there or {}).get("status") or {}).get("conditions") or [] if one["type"] == "Failed"]
        if there is None or ended:
            why = f"ended: {ended[0].get('message')}" if ended else "was removed by somebody else"
            raise FailedError(f"Job {wanted.name} {why}", kind="job")
        # By its uid: what was said of an earlier Job of this name stays for an hour.
        about = f"involvedObject.uid={there['metadata']['uid']}"
        for one in self._cluster.list("Event", wanted.block.namespace, fields=about):
            if one.get("reason") == "FailedCreate":
                raise FailedError(f"Job {wanted.name} gets no pods: {one.get('message')}", kind="job")

    def _begin(self, pod: Pod) -> None:
        if "start" not in pod.marks():
            pod.send(self._tar())
            asked = {"commands": self._wanted.commands, "seconds": self._wanted.seconds}
            pod.mark("start", json.dumps(asked))
        self._pods[pod.shard] = pod

    def wait(self) -> None:
        """Tell what the pods write until all of them are done."""
        done: set[int] = set()
        while len(done) < len(self._pods):
            there = {one["metadata"]["name"] for one in self._running_pods()}
            for shard, pod in self._pods.items():
                if pod.name not in there:
                    raise FailedError(f"pod {pod.name} of Job {self._wanted.name} is gone", kind="job")
                self._tell(pod)
                if shard not in done and "result" in pod.marks():
                    done.add(shard)
            time.sleep(LOOK)
        for pod in self._pods.values():
            self._tell(pod)

    def _tell(self, pod: Pod) -> None:
        shard = f"[{pod.shard}] " if len(self._pods) > 1 else ""
        for line in pod.said():
            self._say(shard + line)

    def fetch(self, folder: Path) -> list[Ended]:
        """What the shards came to, in their order."""
        found = []
        for shard, pod in sorted(self._pods.items()):
            names = {name: numbered(name, shard) for name in self._wanted.results} if len(self._pods) > 1 else {}
            found.append(pod.result())
            written(folder, pod.fetch(self._wanted.results), names)
        for pod in self._pods.values():
            with contextlib.suppress(ModelDevopsError):
                pod.mark("fetched")
        return found


def _up(pod: Any) -> bool:
    return any(
        "running" in (one.get("state") or {}) for one in (pod.get("status") or {}).get("containerStatuses") or []
    )


def _end(status: Any) -> str:
    for one in status.get("containerStatuses") or []:
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended:
            hint = "; raise `memory` in test.kubernetes.resources" if ended.get("reason") == "OOMKilled" else ""
            return f"{ended.get('reason')}, exit code {ended.get('exitCode')}{hint}"
    return str(status.get("reason") or status.get("phase"))


def numbered(name: str, shard: int) -> str:
    """`metrics.json` of shard 2 as `metrics.2.json`."""
    path = Path(name)
    return path.with_name(f"{path.stem}.{shard}{path.suffix}").as_posix()


def image_for(block: KubernetesJob, released: str | None) -> str:
    """What the pods run. Raises UsageError where there is nothing."""
    image = block.image or released
    if image is None:
        raise UsageError(
            "test.kubernetes has no image to run: the release has none",
            kind="no-image",
            hint="write `image: HOST/PATH@sha256:…` there, or `package:` into model.yaml and build again",
        )
    return image
