"""The target `kubernetes`. Everything that it remembers is in the environment's namespace: any agent can go on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from model_devops.adapters.files import write_atomic
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.pods import logs
from model_devops.adapters.paths import data_folder
from model_devops.config.types import Smoke
from model_devops.deploy.kubernetes import applying, capacity, planning, proving, reporting
from model_devops.deploy.kubernetes.causes import Doom
from model_devops.deploy.kubernetes.files import released
from model_devops.deploy.kubernetes.lease import SECONDS, Lease, break_lease
from model_devops.deploy.kubernetes.lists import RECORD, Lists
from model_devops.deploy.kubernetes.observing import Observing
from model_devops.deploy.kubernetes.records import Applied, Records
from model_devops.deploy.kubernetes.view import View, look
from model_devops.deploy.kubernetes.watching import Watch, events_of
from model_devops.deploy.revision import Place, Revision
from model_devops.deploy.target import Observation, Planned
from model_devops.deploy.window import Sample
from model_devops.errors import BusyError, ModelDevopsError
from model_devops.manifests.checked import objects
from model_devops.manifests.values import INSTANCE, common_labels, object_name, serve_of, values
from model_devops.release.store import Store, Stored

Object = dict[str, Any]


class KubernetesTarget:
    """One environment of one model in a cluster. Fulfils `Target`; see there for what each method promises."""

    def __init__(
        self,
        model: str,
        environment: str,
        namespace: str,
        context: str | None,
        connect: Callable[[], Cluster],
        lease_seconds: int = SECONDS,
    ) -> None:
        self.model = model
        self.environment = environment
        self.namespace = namespace
        self.name = object_name(model, environment)
        self.context = context
        self._connect = connect
        self._lease_seconds = lease_seconds
        self._lease: Lease | None = None
        self._applied: dict[int, Applied] = {}
        self._files: tuple[dict[str, str], list[str], bool] = ({}, [], True)
        self._watch: Watch | None = None

    stops_first = False

    @property
    def address(self) -> tuple[str, ...]:
        """See `Target.address`."""
        return ("kubernetes", self.context or "(current context)", self.namespace)

    @cached_property
    def cluster(self) -> Cluster:
        """Connected when it is first asked for."""
        return self._connect()

    @cached_property
    def _records(self) -> Records:
        return Records(self.cluster, self.namespace, self.model, self.environment)

    @cached_property
    def _version(self) -> str:
        return ".".join(str(number) for number in self.cluster.server_version())

    @contextlib.contextmanager
    def _held(self, holder: str) -> Iterator[None]:
        labels = common_labels(self.model, self.environment)
        self._lease = Lease(self.cluster, self.namespace, self.name, labels, holder, self._lease_seconds)
        try:
            with self._lease.held(), self.cluster.session.guarded(self._lease.check):
                yield
        finally:
            self._lease = None

    def lock(self, holder: str) -> AbstractContextManager[None]:
        """See `Target.lock`."""
        return self._held(holder)

    def unlock(self) -> str | None:
        """See `Target.unlock`."""
        return break_lease(self.cluster, self.namespace, self.name)

    def _check(self) -> None:
        """Before each write: the lock is still ours (D3)."""
        self._hold.check()

    @property
    def _hold(self) -> Lease:
        if self._lease is None:
            raise BusyError(f"{self.name} is not held by this run", kind="lock-lost")
        return self._lease

    def place(self) -> Place | None:
        """See `Target.place`."""
        return self._records.place()

    def save_place(self, place: Place) -> None:
        """See `Target.save_place`."""
        self._check()
        self._records.save_place(place)

    def revisions(self) -> list[Revision]:
        """See `Target.revisions`."""
        return self._records.revisions()

    def create(self, revision: Revision) -> None:
        """See `Target.create`. Its objects are recorded with it, so that it can be brought back as it was (D5)."""
        self._check()
        applied = self._made(revision)
        self._records.create(revision, applied)

    def change(self, old: Revision, new: Revision) -> None:
        """See `Target.change`."""
        self._check()
        self._records.change(old, new)

    def prepare(self, revision: Revision, release: Stored, store: Store, runtime: Path | None) -> None:  # noqa: ARG002
        """See `Target.prepare`. Nothing is put anywhere: nodes pull the image."""
        self._files = released(release, store)

    def _made(self, revision: Revision) -> Applied:
        """What a revision is made of: as recorded, else from its templates."""
        if not revision.release:
            return Applied(objects=[])
        found = self._applied.get(revision.number) or self._records.applied(revision.number)
        if found is None:
            files, model, complete = self._files
            found = Applied(objects=self._rendered(revision), files=files, model=model, complete=complete)
        self._applied[revision.number] = found
        return found

    def _rendered(self, revision: Revision) -> list[Object]:
        given = values(self.model, self.environment, revision)
        return [one.content for one in objects(given, _templates(revision), self._version)]

    def plan(self, revision: Revision) -> Planned:
        """See `Target.plan`."""
        if not revision.release:
            return Planned()
        wanted = self._rendered(revision)
        deployment = next((one for one in wanted if one["kind"] == "Deployment"), None)
        back = revision.action == "rollback"
        found = planning.plan(self.cluster, self.name, wanted, self._before(), adopted=self._adopted(), back=back)
        if deployment is not None:
            there = self.cluster.get("Deployment", deployment["metadata"]["name"], self.namespace)
            found.problems.extend(capacity.problems(self.cluster, self.namespace, deployment, there))
            found.notes.extend(capacity.notes(self.cluster, deployment, there))
        return found

    def _before(self) -> list[Object]:
        """What the revision that was applied last is made of."""
        number = self._look().revision
        applied = self._records.applied(number) if number else None
        return applied.objects if applied else []

    def _adopted(self) -> bool:
        """Whether somebody said with a reason, after the newest revision, that what others set may be taken over."""
        place = self.place()
        newest = max((one.number for one in self.revisions()), default=0)
        return place is not None and any(one.action == "adopt" and one.revision >= newest for one in place.notes)

    def apply(self, revision: Revision) -> None:
        """See `Target.apply`."""
        if revision.release:
            applying.apply(self.cluster, self._made(revision).objects, revision.number, self._check)
        else:
            self._remove_all_but([])

    def _remove_all_but(self, kept: list[Object]) -> None:
        """Remove our objects that none of these is."""
        keys = {applying.key(one) for one in kept}
        sets = [applied.objects for number in self._numbers() if (applied := self._records.applied(number))]
        kinds = {applying.key(one)[:2] for one in [*kept, *(one for objects in sets for one in objects)]}
        found: list[Object] = []
        for api, kind in sorted(kinds):
            selector = f"{INSTANCE}={self.name},!{RECORD}"
            listed = self.cluster.list(f"{api}/{kind}", self.namespace, labels=selector, whole=False)
            found += [one for one in listed if applying.key(one) not in keys and not _owned(one)]
        applying.remove(self.cluster, self.namespace, self.name, found, self._check)

    def _numbers(self) -> list[int]:
        """The revisions whose objects may still be there: the newest verified one, and all since."""
        revisions = self.revisions()
        verified = [one.number for one in revisions if one.status == "verified"]
        since = verified[-2] if len(verified) > 1 else 0
        return [one.number for one in revisions if one.number >= since and one.release]

    def watch(self, revision: Revision, progress: Callable[[str], None]) -> str | None:
        """See `Target.watch`."""
        watch = self._watch = Watch(
            self._look, lambda: events_of(self.cluster, self.namespace), progress, self._hold.check_later
        )
        if not revision.release:
            progress("waiting for the end of all pods")
            return watch.end(120)
        figures = values(self.model, self.environment, revision)
        progress(
            f"rolling out to {self.name} in {self.namespace}: each pod may take {figures['progress_seconds']} s"
            f" ({figures['pull_seconds']} to pull, {figures['start_seconds']} to start)"
        )
        doom = watch.rollout()
        return self._words(doom) if doom else None

    def _words(self, doom: Doom) -> str:
        """The first cause, with what the container said last."""
        view = self._watch.view if self._watch else None
        last = ""
        if doom.container and view is not None:
            for pod in view.new_pods:
                last = last or self._last_line(pod, doom.container)
        return doom.cause + (f"; its last line was: {last}" if last else "") + (f" ({doom.hint})" if doom.hint else "")

    def _last_line(self, pod: Mapping[str, Any], container: str) -> str:
        for previous in (False, True):
            with contextlib.suppress(ModelDevopsError):
                name = pod["metadata"]["name"]
                said = logs(self.cluster, self.namespace, name, container, previous=previous, lines=20) or ""
                if said.strip():
                    return said.strip().splitlines()[-1].strip()[:300]
        return ""

    def _look(self) -> View:
        return look(self._listed, self.name)

    def together(self, lists: Lists) -> None:
        """Look at this environment by lists that others share, as they were made; for reading only."""
        self._records.lists = lists

    def _listed(self, kind: str) -> list[Object]:
        if self._records.lists is not None:
            return self._records.lists.of(kind, self.namespace, self.name)
        return self.cluster.list(kind, self.namespace, labels=f"{INSTANCE}={self.name}")

    def observe(self, *, measure: bool = True) -> Observation:
        """See `Target.observe`."""
        view = self._look()
        if view.deployment is None:
            return Observation(running=False, detail=f"there is no Deployment {self.name} in {self.namespace}")
        revision = next((one for one in self.revisions() if one.number == view.revision), None)
        applied = self._made(revision) if revision and measure else None
        return Observing(self.cluster, view, revision, applied).observation()

    def smoke(self, revision: Revision) -> list[str]:
        """See `Target.smoke`. Every pod is asked."""
        serve = serve_of(revision)
        found = proving.each(self._look().new_pods, lambda pod: proving.smoke(self.cluster, pod, serve))
        return [one for several in found for one in several]

    def sample(self, revision: Revision, metrics: str | None, requests: Sequence[Smoke]) -> list[Sample]:
        """See `Target.sample`. Every pod is asked, through the API server: latencies have its part in them."""
        self._hold.check_later()
        serve = serve_of(revision)
        asked = [*serve.smoke, *requests]
        return proving.each(
            self._look().new_pods, lambda pod: proving.sample(self.cluster, pod, serve.ready, asked, metrics)
        )

    def save_report(self, revision: Revision, cause: str) -> list[Path]:
        """See `Target.save_report`."""
        home = data_folder()
        if home is None:
            return []
        path = home / "environments" / self.model / self.environment / "reports" / f"{revision.number}.txt"
        with contextlib.suppress(ModelDevopsError, OSError):
            view, events = self._look(), events_of(self.cluster, self.namespace)
            text = reporting.report(f"{self.model} {self.environment}", revision, cause, view, events, self.cluster)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, text.encode("utf-8", "backslashreplace"))
            return [path]
        return []

    def prune(self, keep: list[Revision]) -> None:
        """See `Target.prune`."""
        self._check()
        runs = next((one for one in keep if one.number == self._look().revision and one.release), None)
        self._remove_all_but(self._made(runs).objects if runs else [])
        needed = {one.number for one in self.revisions() if one.replaces or one.status == "verified"}
        self._records.prune({one.number for one in keep}, needed)
        self._hold.pruned = str(max((one.number for one in keep), default=0))

    def left_over(self, current: Revision | None) -> bool:
        """See `Target.left_over`. The Lease remembers it, which is read and written anyway."""
        return self._hold.pruned != str(current.number if current else 0)


def _templates(revision: Revision) -> dict[str, str]:
    found: dict[str, str] = revision.settings.get("templates") or {}
    return found


def _owned(one: Object) -> bool:
    """What a controller made goes with its owner."""
    return bool(one["metadata"].get("ownerReferences"))
