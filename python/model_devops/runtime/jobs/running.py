"""Running commands as a Job: made or taken up, sent its files, followed, fetched from, removed.

The Job's name says what was asked. A build that was killed leaves it; the next one that asks the same finds it, and
goes on where it is. A build that is told to end removes it, and so does the last of several that use it at once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_devops.adapters.kubernetes.client import Cluster, connect
from model_devops.adapters.kubernetes.refusals import ExistsError, NotRunningError
from model_devops.config.types import KubernetesJob
from model_devops.deploy.kubernetes import causes
from model_devops.errors import FailedError, ModelDevopsError, UnreachableError
from model_devops.runtime.jobs import job as jobs
from model_devops.runtime.jobs.fetching import Choose, fetch
from model_devops.runtime.jobs.pod import RECENT, KilledError, Pod, Written

LOOK, SELDOM = 1.0, 5.0
"""Seconds between two looks, at first and after some minutes."""
PATIENCE = 900.0
"""Seconds for which a cluster that doesn't answer is waited for: what runs there runs on meanwhile."""
KILLS = 60.0
"""The same where the cluster answers, and what is asked in a pod is killed."""
SENDS = 3
"""Times that a pod's files are sent, where the connection breaks off."""
KIND = "batch/v1/Job"
KILLED = 137
"""What a shell makes of a command that was ended by signal 9, as the kernel does where there is no memory."""


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
    """Files and folders of which something is wanted, relative to the folder that the commands run in."""
    choose: Choose = list
    """Which of the files there."""
    though_failed: bool = False
    """Whether they are wanted also where a command failed."""
    rename: Callable[[str, int, int], str] = lambda name, _shard, _shards: name
    """The name of a file of one of several shards here."""


Tar = Callable[[], Iterable[bytes]]
"""The files to send, made anew for each pod."""
Ended = list[dict[str, Any]]
"""How the commands of a shard ended: code, tail, seconds, late."""


def run(wanted: Wanted, tar: Tar, folder: Path, say: Callable[[str], None]) -> list[Ended]:
    """Run it; what came of each shard. The wanted files of all shards lie in `folder` then.

    Raises FailedError (kind `job`) where the pods can't run, and what `Cluster` raises.
    """
    cluster = connect(wanted.block.context)
    running = _Running(cluster, wanted, tar, say)
    with running.there():
        try:
            running.start()
            running.wait()
            return running.fetch(folder)
        except KilledError as error:
            raise running.given_up(error) from error


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
        except BaseException:
            self._leave(0)
            raise
        self._leave(RECENT + LOOK)

    def _leave(self, patience: float) -> None:
        """Remove the Job, unless another run uses it: for one that was killed just now, or also ends, is waited.

        What came of the commands doesn't depend on it: one that can't be removed is told, and ends by itself.
        """
        end = time.monotonic() + patience
        while not self._last():
            if time.monotonic() >= end:
                self._say(f"Job {self._wanted.name} is left to another run, which uses it too")
                return
            time.sleep(LOOK)
        try:
            self._remove()
        except ModelDevopsError as error:
            self._say(f"Job {self._wanted.name} could not be removed, and ends by itself soon: {error.message}")

    def _last(self) -> bool:
        """Whether no other run uses the Job. A pod that can't be asked any more serves nobody."""
        for pod in self._pods.values():
            with contextlib.suppress(ModelDevopsError):
                if not pod.leave():
                    return False
        return True

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
                    self._marks()  # sending takes its time, and those that were begun must know of us
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

    def _marks(self) -> dict[int, list[str]]:
        """How far each pod is. All are asked, also those that are done: so they know that somebody will fetch.

        One that doesn't run any more is told of by the next look at all of them.
        """
        found: dict[int, list[str]] = {}
        for shard, pod in self._pods.items():
            with contextlib.suppress(NotRunningError):
                found[shard] = pod.marks()
        return found

    def _begin(self, pod: Pod) -> None:
        for attempt in range(1, SENDS + 1):
            try:
                if "start" not in pod.marks():
                    pod.send(self._tar())
                    pod.start(self._wanted.commands, self._wanted.seconds)
                break
            except NotRunningError:
                return  # the next look tells why
            except UnreachableError:
                if attempt == SENDS:
                    raise
        self._pods[pod.shard] = pod

    def given_up(self, error: KilledError) -> FailedError:
        """What is killed again and again is no matter of reaching it."""
        memory = getattr(self._wanted.block.resources, "memory", None)
        why = f", perhaps for want of memory: kubernetes.resources.memory is {memory}" if memory else ""
        return FailedError(error.message + why, kind="job")

    def wait(self) -> None:
        """Tell what the pods write until all of them are done."""
        done = False
        began = heard = time.monotonic()
        while not done:
            try:
                done = self._look()
                heard = time.monotonic()
            except UnreachableError as error:
                if time.monotonic() - heard > (KILLS if isinstance(error, KilledError) else PATIENCE):
                    raise
                self._say(f"{error.message}; the commands run on, it is asked again")
            time.sleep(min(SELDOM, LOOK + (time.monotonic() - began) / 60))
        for pod in self._pods.values():
            self._tell(pod)

    def _look(self) -> bool:
        """Tell what they wrote since; whether all are done. Raises FailedError where a pod is gone."""
        there = {one["metadata"]["name"] for one in self._running_pods()}
        for pod in self._pods.values():
            if pod.name not in there:
                raise FailedError(f"pod {pod.name} of Job {self._wanted.name} is gone", kind="job")
            self._tell(pod)
        return sum("result" in marks for marks in self._marks().values()) == len(self._pods)

    def _tell(self, pod: Pod) -> None:
        shard = f"[{pod.shard}] " if len(self._pods) > 1 else ""
        for line in pod.said():
            self._say(shard + line)

    def fetch(self, folder: Path) -> list[Ended]:
        """What the shards came to, in their order."""
        ended = [pod.result() for _, pod in sorted(self._pods.items())]
        if any(one["code"] for shard in ended for one in shard) and not self._wanted.though_failed:
            return ended
        for pod, files in self._written():
            count = len(self._pods)
            names = {one.name: self._wanted.rename(one.name, pod.shard, count) for one in files}
            fetch(pod, files, folder, names)
        return ended

    def _written(self) -> list[tuple[Pod, list[Written]]]:
        """What is wanted of each pod. Raises FailedError where two wrote the same file."""
        found: list[tuple[Pod, list[Written]]] = []
        by: dict[str, int] = {}
        for shard, pod in sorted(self._pods.items()):
            found.append((pod, self._wanted.choose(pod.listed(self._wanted.results))))
            for one in found[-1][1]:
                name = self._wanted.rename(one.name, shard, len(self._pods))
                if by.setdefault(name, shard) != shard:
                    raise FailedError(
                        f"shards {by[name]} and {shard} both wrote {name}",
                        kind="job",
                        hint="let each write files of its own, named by MODEL_DEVOPS_SHARD",
                    )
        return found


def _up(pod: Any) -> bool:
    return any(
        "running" in (one.get("state") or {}) for one in (pod.get("status") or {}).get("containerStatuses") or []
    )


def _end(status: Any) -> str:
    for one in status.get("containerStatuses") or []:
        ended = (one.get("state") or {}).get("terminated") or {}
        if ended:
            hint = "; raise `memory` in `resources`" if ended.get("reason") == "OOMKilled" else ""
            return f"{ended.get('reason')}, exit code {ended.get('exitCode')}{hint}"
    return str(status.get("reason") or status.get("phase"))


def explain(ended: dict[str, Any], block: KubernetesJob | None) -> str | None:
    """How a command failed, in words that follow its name; None where it didn't."""
    from model_devops.runtime.commands import Finished

    done = Finished(ended["code"], ended["tail"], ended["seconds"], ended["late"])
    killed = done.code in (-9, KILLED) and not done.timed_out and block and block.resources and block.resources.memory
    why = f" (perhaps for want of memory: kubernetes.resources.memory is {killed})" if killed else ""
    return None if done.ok else done.explain() + why
