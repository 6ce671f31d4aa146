"""Every order of the requests of two writers about one release: no statement is lost, and lists are complete (S4)."""

import itertools
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fault_proxy import Proxy, Seen, proxied
from model_devops.adapters.registry.address import parse
from model_devops.release.evidence import Accepted, Body, Revoked
from model_devops.release.registry.store import RegistryStore
from release_samples import LAYOUT, record_for, write_files

BODIES: tuple[Body, Body] = (
    Revoked(id="r", time="2026-01-01T00:00:00.000Z", reason="leaked"),
    Accepted(id="a", time="2026-01-01T00:00:00.000Z", reason="fine"),
)

_numbers = itertools.count()


@dataclass
class Turns:
    """Lets one request at a time of two writers through, as `way` says and then the first that waits."""

    way: list[int]
    gated: re.Pattern[str]
    """The requests that take turns (METHOD PATH)."""
    last: re.Pattern[str]
    """After two of these everything goes through."""
    changed: threading.Condition = field(default_factory=threading.Condition)
    waiting: list[bool] = field(default_factory=lambda: [False, False])
    done: list[bool] = field(default_factory=lambda: [False, False])
    granted: int | None = None
    taken: list[tuple[int, bool]] = field(default_factory=list)
    """Who went, and whether the other one waited too."""
    open: bool = False
    ended: int = 0

    def gate(self, writer: int) -> Callable[[Seen], None]:
        def wait(seen: Seen) -> None:
            request = f"{seen.method} {seen.path}"
            if not self.gated.search(request):
                return
            with self.changed:
                if self.open:
                    return
                self.waiting[writer] = True
                self.changed.notify_all()
                assert self.changed.wait_for(lambda: self.granted == writer or self.open, timeout=30)
                self.granted, self.waiting[writer] = None, False
                self.ended += bool(self.last.search(request))
                self.open = self.open or self.ended == 2
                self.changed.notify_all()

        return wait

    def run(self, *actions: Callable[[], object]) -> list[Exception]:
        """Run the writers; returns what they raised."""
        errors: list[Exception] = []

        def work(writer: int) -> None:
            try:
                actions[writer]()
            except Exception as error:  # noqa: BLE001  the test looks at it
                errors.append(error)
            with self.changed:
                self.done[writer] = True
                self.changed.notify_all()

        threads = [threading.Thread(target=work, args=(writer,)) for writer in range(2)]
        for thread in threads:
            thread.start()
        try:
            while self._one():
                pass
        finally:
            with self.changed:
                self.open = True
                self.changed.notify_all()
            for thread in threads:
                thread.join()
        return errors

    def _one(self) -> bool:
        with self.changed:
            quiet = self.changed.wait_for(lambda: self.open or self._all_wait(), timeout=30)
            assert quiet, "a writer neither ended nor asked"
            ready = [writer for writer in range(2) if self.waiting[writer]]
            if self.open or not ready:
                return False
            wanted = self.way[len(self.taken)] if len(self.taken) < len(self.way) else ready[0]
            assert wanted in ready, "the same beginning must lead to the same place"
            self.taken.append((wanted, len(ready) == 2))
            self.granted, self.waiting[wanted] = wanted, False
            self.changed.notify_all()
            return True

    def _all_wait(self) -> bool:
        return self.granted is None and all(map(any, zip(self.waiting, self.done, strict=True)))

    def next_way(self) -> list[int] | None:
        """The next order, depth first: the last place where the other one could have gone."""
        for at in range(len(self.taken) - 1, -1, -1):
            writer, both = self.taken[at]
            if both and writer == 0:
                return [who for who, _ in self.taken[:at]] + [1]
        return None


class Scene:
    """One repository, and a proxy for each of the two writers."""

    def __init__(self, registry: str, proxies: list[Proxy], folder: Path) -> None:
        self.path, self.proxies = f"turns/{next(_numbers)}", proxies
        self.own = RegistryStore(parse(f"oci://{registry}/{self.path}"))
        self.sources = {"model": write_files(folder, {"w.bin": b"w"})}
        self.packed = self.own.put_files(self.sources, LAYOUT)

    def round(self, number: int, turns: Turns) -> None:
        release = self.own.name(self.packed, record_for(self.sources, f"1.0.{number}")).digest
        stores = [self.store(proxy.address) for proxy in self.proxies]
        for writer, proxy in enumerate(self.proxies):
            proxy.gate = turns.gate(writer)
        errors = turns.run(
            *(
                lambda store=store, body=body: store.add_evidence(release, body)
                for store, body in zip(stores, BODIES, strict=True)
            )
        )
        assert errors == []
        found = self.store(self.own.repository.client.address.host).evidence(release)
        assert sorted(item.kind for item in found) == ["accepted", "revoked"], turns.taken

    def store(self, host: str) -> RegistryStore:
        store = RegistryStore(parse(f"oci://{host}/{self.path}"))
        store.repository.client.session.pause = lambda _: None
        store.repository._tried = True
        return store


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    registry = request.getfixturevalue(request.param)
    with ExitStack() as stack:
        proxies = [stack.enter_context(proxied(registry)) for _ in range(2)]
        yield Scene(registry, proxies, tmp_path)


#: What is asked of a list, of a statement's tag, of the index for other clients. Blobs and digests never change.
LIST, STATEMENT, INDEX = "/tags/list|/referrers/", r"/manifests/sha256-\w{64}\.", r"/manifests/sha256-\w{64}$"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("scene", ["plain_registry", "referrers_registry"], indirect=True)
@pytest.mark.parametrize(
    ("gated", "last", "least"),
    [(f"{LIST}|{STATEMENT}|{INDEX}", STATEMENT, 100), (INDEX, INDEX, 10)],
    ids=["until both are written", "the index"],
)
def test_S4_no_order_of_two_writers_loses_a_statement(scene: Scene, gated: str, last: str, least: int) -> None:
    """Requests about different names don't touch each other: those of each kind are tried in every order."""
    way: list[int] | None = []
    tried = 0
    while way is not None:
        turns = Turns(way, re.compile(gated), re.compile(f"PUT .*{last}"))
        scene.round(tried, turns)
        tried, way = tried + 1, turns.next_way()
    assert tried >= least
