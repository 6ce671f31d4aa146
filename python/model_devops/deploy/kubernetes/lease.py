"""The lock of an environment: a Lease that its holder renews (D3).

Whether a holder is alive is judged by watching its Lease: one that does not change for its whole duration is taken
over. No clocks are compared.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from model_devops import faults
from model_devops.adapters.kubernetes.client import Cluster
from model_devops.adapters.kubernetes.refusals import ChangedError, ExistsError
from model_devops.errors import BusyError, ModelDevopsError
from model_devops.manifests.values import DOMAIN

Object = dict[str, Any]
RUN, PRUNED = f"{DOMAIN}/run", f"{DOMAIN}/pruned"
SECONDS = 30
"""How long a Lease lasts that nobody renews."""
FRESH = 1.0
"""Seconds that a renewal vouches for the writes that follow: `unlock --force` is noticed by then."""


class Lease:
    """One run's hold on an environment."""

    def __init__(
        self, cluster: Cluster, namespace: str, name: str, labels: dict[str, str], holder: str, seconds: int = SECONDS
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._labels = labels
        self._holder = holder
        self._seconds = seconds
        self._run = str(uuid.uuid4())
        self._mine: Object | None = None
        self.pruned: str = ""
        """The revision after which all that it doesn't have was removed last; kept from one holder to the next."""
        self._lost: str | None = None
        self._renewed = 0.0
        self._lock = threading.Lock()
        self._end = threading.Event()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the environment, renewing in the background. Raises BusyError naming the holder."""
        self._took(self._acquire())
        faults.point("kubernetes.after-lease")
        renewing = threading.Thread(target=self._keep, daemon=True, name="lease")
        renewing.start()
        try:
            yield
        finally:
            self._end.set()
            renewing.join(timeout=5)
            self._release()

    def check(self) -> None:
        """Before each write: raise BusyError where somebody took the lock, by the word of the cluster of just now."""
        self._renewed_within(FRESH)

    def check_later(self) -> None:
        """The same between two looks, by what was heard last: nothing is written there."""
        self._renewed_within(self._seconds / 2)

    def _renewed_within(self, seconds: float) -> None:
        if time.monotonic() - self._renewed > seconds:
            self._renew()
        if self._lost:
            raise BusyError(f"the lock of {self._name} was lost: {self._lost}", kind="lock-lost")

    def _acquire(self) -> Object:
        while True:
            there = self._cluster.get("Lease", self._name, self._namespace)
            if there is not None and _run(there) == self._run:  # our own, whose answer was lost
                return there
            try:
                if there is None:
                    return self._cluster.create(self._fresh())
                if _holder(there):
                    there = self._outlived(there)
                if there is not None:
                    self.pruned = (there["metadata"].get("annotations") or {}).get(PRUNED, "")
                    return self._cluster.replace(self._fresh(there))
            except (ExistsError, ChangedError):
                continue

    def _outlived(self, there: Object) -> Object | None:
        """Watch a Lease for its whole duration: itself if it did not change. Raises BusyError if it did."""
        duration = there["spec"].get("leaseDurationSeconds") or self._seconds
        end = time.monotonic() + duration
        while time.monotonic() < end:
            time.sleep(min(1.0, duration / 10))
            now = self._cluster.get("Lease", self._name, self._namespace)
            if now is None or not _holder(now):
                return now
            if _version(now) != _version(there):
                raise self._busy(now)
        return there

    def _busy(self, lease: Object) -> BusyError:
        spec = lease["spec"]
        since = f" since {spec['acquireTime'][:19]}Z" if spec.get("acquireTime") else ""
        return BusyError(
            f"{self._name} is held by {_holder(lease)}{since}, and it is at work",
            kind="busy",
            hint=f"wait until it ends; a run silent for {spec.get('leaseDurationSeconds')} s is taken over from",
        )

    def _fresh(self, there: Object | None = None) -> Object:
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = (there or {}).get("spec") or {}
        metadata: Object = {"name": self._name, "namespace": self._namespace, "labels": self._labels}
        metadata["annotations"] = {RUN: self._run, PRUNED: self.pruned}
        if there is not None:
            metadata["resourceVersion"] = _version(there)
        spec = {
            "holderIdentity": self._holder,
            "leaseDurationSeconds": self._seconds,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": (before.get("leaseTransitions") or 0) + (1 if there else 0),
        }
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    def _keep(self) -> None:
        while not self._end.wait(self._seconds / 3):
            if self._lost:
                return
            with contextlib.suppress(ModelDevopsError):  # nobody else reaches it either, or the next write says so
                self._renew()

    def _renew(self) -> None:
        with self._lock:
            if self._mine is None or self._lost:
                return
            spec = self._fresh(self._mine)["spec"] | {
                key: self._mine["spec"].get(key) for key in ("acquireTime", "leaseTransitions")
            }
            try:
                self._took(self._cluster.replace({**self._mine, "spec": spec}))
            except ChangedError:
                now = self._cluster.get("Lease", self._name, self._namespace)
                if now is not None and _run(now) == self._run:  # an answer was lost
                    self._took(now)
                else:
                    self._lost = f"{_holder(now)} took it" if now and _holder(now) else "somebody removed it"

    def _took(self, lease: Object) -> None:
        self._mine, self._renewed = lease, time.monotonic()

    def _release(self) -> None:
        with self._lock, contextlib.suppress(ModelDevopsError):  # else it is taken over when its time is up
            if self._mine is not None and not self._lost:
                spec = {**self._mine["spec"], "holderIdentity": ""}
                metadata = {**self._mine["metadata"], "annotations": {RUN: self._run, PRUNED: self.pruned}}
                self._cluster.replace({**self._mine, "metadata": metadata, "spec": spec})
            self._mine = None


def _holder(lease: Object) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def _run(lease: Object) -> str | None:
    return (lease["metadata"].get("annotations") or {}).get(RUN) if _holder(lease) else None


def _version(lease: Object) -> str:
    return str(lease["metadata"]["resourceVersion"])


def break_lease(cluster: Cluster, namespace: str, name: str) -> str | None:
    """Take the lock from whoever holds it (`unlock --force`); returns the holder, None where nobody does."""
    while True:
        there = cluster.get("Lease", name, namespace)
        if there is None or not _holder(there):
            return None
        with contextlib.suppress(ChangedError):  # renewed just now
            cluster.replace({**there, "spec": {**there["spec"], "holderIdentity": ""}})
            return _holder(there)
