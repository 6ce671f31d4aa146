"""The target `local`: the release's serve command as a supervised process on this machine.

Everything lies in one folder: place.json, revisions/, lock; files/ (copies that servers run from);
run/ (supervisor and server); logs/ and reports/. docs/deploying.md shows it to users.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec

from model_devops.adapters import clock
from model_devops.adapters.answers import Answer
from model_devops.adapters.files import write_atomic
from model_devops.config.durations import seconds
from model_devops.config.types import Serve, Smoke
from model_devops.deploy.local import http, sockets
from model_devops.deploy.local.copies import Copies, as_seen_by, changed, measure
from model_devops.deploy.local.records import Records
from model_devops.deploy.local.runs import Launch, Runs, State, own_environment
from model_devops.deploy.revision import Place, Revision
from model_devops.deploy.target import Observation, Planned
from model_devops.deploy.window import Sample, sampled
from model_devops.errors import ModelDevopsError, RefusedError
from model_devops.release.store import Store, Stored

#: Pauses between two looks at a starting server: short at first, since a small one is ready at once.
FIRST_LOOK, LONGEST_LOOK = 0.005, 0.1
#: Seconds for one answer while waiting for readiness, and for one smoke request.
READY_ANSWER, SMOKE_ANSWER = 2.0, 30.0
#: Logs and reports that are kept, newest first.
KEPT_LOGS = 10
#: Bytes of a server's log in an attempt's report; less than is reserved for bringing back what ran before.
LOG_IN_REPORT = 64 << 10


class LocalTarget:
    """One environment of one model on this machine. Fulfils `Target`; see there for what each method promises."""

    def __init__(self, model: str, environment: str, folder: Path) -> None:
        self.model = model
        self.environment = environment
        self.folder = folder
        self._records = Records(f"{model} {environment}", folder)
        self._copies = Copies(folder / "files")
        self._runs = Runs(folder)

    stops_first = True

    @property
    def address(self) -> tuple[str, ...]:
        """See `Target.address`. Where a server listens is its revision's."""
        return ("local",)

    def lock(self, holder: str) -> AbstractContextManager[None]:
        """See `Target.lock`."""
        return self._records.lock(holder)

    def unlock(self) -> str | None:
        """See `Target.unlock`. The kernel gives the lock back when its process ends: there is nothing to take."""
        raise RefusedError(
            f"the lock of {self.environment} ends with its process",
            kind="not-lockable",
            hint="end that process: whoever finds the environment busy is told which",
        )

    def place(self) -> Place | None:
        """See `Target.place`."""
        return self._records.place()

    def save_place(self, place: Place) -> None:
        """See `Target.save_place`."""
        self._records.save_place(place)

    def revisions(self) -> list[Revision]:
        """See `Target.revisions`."""
        return self._records.revisions()

    def create(self, revision: Revision) -> None:
        """See `Target.create`. Undoing it mustn't need room on the disk that isn't there then."""
        self._runs.reserve()
        self._records.create(revision)

    def change(self, old: Revision, new: Revision) -> None:
        """See `Target.change`."""
        self._records.change(old, new)

    def prepare(self, revision: Revision, release: Stored, store: Store, runtime: Path | None) -> None:
        """See `Target.prepare`."""
        self._copies.put(revision.number, release, store, runtime)

    def plan(self, revision: Revision) -> Planned:
        """See `Target.plan`."""
        if not revision.release:
            return Planned()
        host, port = revision.settings["host"], revision.settings["port"]
        _, foreign = sockets.own_and_foreign(host, port, self._members)
        if not foreign:
            return Planned()
        who = sockets.holder(host, port, self._members())
        held = f"{sockets.shown(host, port)} is held by {who}: end that, or give the environment another `port:`"
        return Planned(problems=[held])

    def _members(self) -> list[int]:
        state = self._runs.state()
        return state.members() if state else []

    def apply(self, revision: Revision) -> None:
        """See `Target.apply`."""
        if not self._runs.stop():
            raise ModelDevopsError(f"what runs in {self.environment} can't be ended", kind="not-stopped")
        if revision.release:
            self._runs.start(self._launch(revision))

    def _launch(self, revision: Revision) -> Launch:
        copy = self._copies.known(revision.number)
        if copy is None:
            raise RefusedError(f"the files of revision {revision.number} are not in {self.folder}", kind="files-gone")
        serve = _serve(revision)
        environment = own_environment() | {"PYTHONDONTWRITEBYTECODE": "1"}  # the copy stays as it was released
        if copy.venv:
            environment["VIRTUAL_ENV"] = copy.venv
            environment["PATH"] = f"{copy.venv}/bin{os.pathsep}{environment.get('PATH', os.defpath)}"
        environment |= serve.env | revision.settings["env"] | copy.identity
        environment |= {"HOST": revision.settings["host"], "PORT": str(revision.settings["port"])}
        environment |= {"MODEL_DEVOPS_ENVIRONMENT": self.environment, "MODEL_DEVOPS_REVISION_ID": revision.id}
        return Launch(
            revision=revision.number,
            command=serve.command,
            cwd=self._copies.path(revision.number),
            environment=environment,
            mark=f"MODEL_DEVOPS_REVISION_ID={revision.id}",
            log=self._log(revision.number),
            stop_seconds=seconds(serve.stop_timeout),
        )

    def _log(self, number: int) -> Path:
        return self.folder / "logs" / f"{number}.log"

    def watch(self, revision: Revision, progress: Callable[[str], None]) -> str | None:
        """See `Target.watch`."""
        progress(f"waiting for {self.environment} to be ready" if revision.release else "waiting for the end")
        if not revision.release:
            return "processes of the server are still there" if self._members() else None
        serve = _serve(revision)
        deadline = time.monotonic() + seconds(serve.start_timeout)
        pause = FIRST_LOOK
        while True:
            ready, cause = self._look(revision, serve, deadline)
            if ready or cause:
                return cause
            if time.monotonic() >= deadline:
                return self._too_late(revision, serve)
            time.sleep(pause)
            pause = min(pause * 1.3, LONGEST_LOOK)

    def _look(self, revision: Revision, serve: Serve, deadline: float) -> tuple[bool, str | None]:
        """One look at a starting server: whether it is ready, or why it can't become so."""
        state = self._runs.state()
        if state is None or state.revision != revision.number:
            return False, "the supervisor has ended" if not self._runs.supervised() else None
        if state.exit is not None and not self._runs.supervised():
            return False, f"the server {state.exit}{self._last_words(revision.number)}"
        if state.exit is None and not state.server.alive and not self._runs.supervised():
            return False, f"server and supervisor have ended{self._last_words(revision.number)}"
        host, port = revision.settings["host"], revision.settings["port"]
        left = deadline - time.monotonic()
        answer = http.request(host, port, "GET", serve.ready, seconds=min(READY_ANSWER, left))
        if answer.refused:  # nobody listens: the system's list of sockets, which is long, is not asked for
            return False, None
        own, foreign = sockets.own_and_foreign(host, port, state.members)
        if foreign:
            who = sockets.holder(host, port, state.members())
            return False, f"{sockets.shown(host, port)} is held by {who}"
        return own and answer.ok, None

    def _too_late(self, revision: Revision, serve: Serve) -> str:
        host, port = revision.settings["host"], revision.settings["port"]
        own, _ = sockets.own_and_foreign(host, port, self._members)
        why = f"it does not listen on {sockets.shown(host, port)} (HOST and PORT in its environment)"
        if own:
            answer = http.request(host, port, "GET", serve.ready, seconds=READY_ANSWER)
            why = f"GET {serve.ready} answers {answer.status or answer.text}"
        return f"the server was not ready after {serve.start_timeout}: {why}{self._last_words(revision.number)}"

    def _last_words(self, number: int) -> str:
        lines = [line for line in self._tail(number, 4096).splitlines() if not line.startswith("[model-devops ")]
        return f"; its last line was: {lines[-1].strip()[:300]}" if lines else "; it wrote nothing"

    def _tail(self, number: int, size: int) -> str:
        with contextlib.suppress(OSError), open(self._log(number), "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - size))
            return stream.read().decode("utf-8", "replace")
        return ""

    def observe(self, *, measure: bool = True) -> Observation:
        """See `Target.observe`."""
        state = self._runs.state()
        launched = self._runs.launched()
        if state is None or not state.server.alive or "HOST" not in launched.get("environment", {}):
            return self._observe_nothing(state)
        host, port = launched["environment"]["HOST"], int(launched["environment"]["PORT"])
        members = state.members()
        own, foreign = sockets.own_and_foreign(host, port, lambda: members)
        serve = next((_serve(item) for item in self.revisions() if item.number == state.revision), None)
        ready = own and not foreign and serve is not None
        if ready and serve:
            ready = http.request(host, port, "GET", serve.ready, seconds=READY_ANSWER).ok
        measured, changes = self._measured(state, members, host, port) if measure else (None, [])
        unwatched = "" if self._runs.supervised() else ", without a supervisor"
        return Observation(
            running=True,
            revision=state.revision,
            ready=ready,
            digest=_reported(host, port, serve.digest) if measure and own and not foreign and serve else None,
            measured=measured,
            changed=changes,
            detail=f"process {state.server.pid} on {sockets.shown(host, port)}{unwatched}",
            foreign=sockets.holder(host, port, members) if foreign else None,
        )

    def _observe_nothing(self, state: State | None) -> Observation:
        detail = "no server runs"
        if state is not None and state.exit is not None:
            detail = f"the server {state.exit}{self._last_words(state.revision)}"
            if self._runs.supervised():
                detail += "; it will be started again"
        return Observation(running=False, detail=detail)

    def _measured(self, state: State, members: list[int], host: str, port: int) -> tuple[str, list[str]]:
        """The digest of the model's files as the process that serves sees them, and what else was changed there."""
        copy = self._copies.known(state.revision)
        if copy is None:
            return "none, because the server's files are gone", []
        serving = [pid for pid in members if sockets.own_and_foreign(host, port, lambda pid=pid: [pid])[0]]  # type: ignore[misc]
        pid = serving[0] if serving else state.server.pid
        seen = as_seen_by(pid, self._copies.path(state.revision))
        return measure(seen, copy), changed(seen, copy)

    def smoke(self, revision: Revision) -> list[str]:
        """See `Target.smoke`."""
        from model_devops.deploy.smoke import wrong

        if not revision.release:
            return []
        host, port = revision.settings["host"], revision.settings["port"]
        found = []
        for item in _serve(revision).smoke:
            answer = http.request(host, port, item.method, item.path, body=item.json, seconds=SMOKE_ANSWER)
            found += wrong(item, answer.status, answer.text)
        return found

    def sample(self, revision: Revision, metrics: str | None, requests: Sequence[Smoke]) -> list[Sample]:
        """See `Target.sample`."""
        serve, state = _serve(revision), self._runs.state()
        host, port = revision.settings["host"], revision.settings["port"]

        def ask(method: str, path: str, body: object) -> Answer:
            return http.request(host, port, method, path, body=body, seconds=SMOKE_ANSWER)

        restarts = state.restarts if state else 0
        asked = [*serve.smoke, *requests]
        return [sampled(f"the server on port {port}", restarts, ask, serve.ready, asked, metrics)]

    def save_report(self, revision: Revision, cause: str) -> list[Path]:
        """See `Target.save_report`."""
        path, log = self.folder / "reports" / f"{revision.number}.txt", self._log(revision.number)
        state = self._runs.state()
        parts = [
            f"{self.model} {self.environment}: attempt of revision {revision.number}, {clock.timestamp()}",
            f"cause: {cause}",
            "revision:\n" + _pretty(revision),
            "processes:\n" + (_pretty(state) if state else "none"),
            f"end of the server's log ({log}):\n{self._tail(revision.number, LOG_IN_REPORT)}",
        ]
        saved = []
        with contextlib.suppress(OSError):  # a full disk must not keep what ran before from coming back
            self._runs.release()
            write_atomic(path, "\n\n".join(parts).encode("utf-8", "backslashreplace"))
            saved.append(path)
        return [*saved, log] if log.exists() else saved

    def prune(self, keep: list[Revision]) -> None:
        """See `Target.prune`."""
        self._copies.prune({item.number for item in keep})
        for name in ("logs", "reports"):
            with contextlib.suppress(FileNotFoundError):
                _prune_numbered(self.folder / name, {item.number for item in keep})

    def left_over(self, current: Revision | None) -> bool:  # noqa: ARG002
        """See `Target.left_over`. Copies take room and do nothing: the next rollout removes them."""
        return False


def _prune_numbered(folder: Path, keep: set[int]) -> None:
    """Remove all files of a folder but those of the newest revisions and of `keep`."""
    files = {path: int(path.name.split(".")[0]) for path in folder.iterdir() if path.name[0].isdigit()}
    newest = sorted(set(files.values()), reverse=True)[:KEPT_LOGS]
    for path, number in files.items():
        if number not in newest and number not in keep:
            path.unlink()


def _serve(revision: Revision) -> Serve:
    return msgspec.convert(revision.settings["serve"], Serve)


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _reported(host: str, port: int, path: str | None) -> str | None:
    """What the server says it has loaded; None where it doesn't say."""
    if path is None:
        return None
    answer = http.request(host, port, "GET", path, seconds=READY_ANSWER)
    said = answer.json() if answer.ok else None
    digest = said.get("digest") if isinstance(said, dict) else None
    return digest if isinstance(digest, str) else None
