"""Every way in which a command can end, as exit codes bound to exceptions.

The table is part of the published contract: see docs/exit-codes.md, which is generated from here.
Domain code raises these exceptions and nothing else for what a user can cause; the command line
turns them into the result file, the message on the terminal and the exit code.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

T = TypeVar("T")


class ExitCode(IntEnum):
    """The exit codes of `model-devops`, each with one meaning (see `MEANINGS`)."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    FAILED = 3
    REFUSED = 4
    RESTORED = 5
    BROKEN = 6
    BUSY = 7
    UNREACHABLE = 8
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.INTERNAL: "a defect in this program; please report it",
    ExitCode.USAGE: "wrong call or configuration; every problem is listed",
    ExitCode.FAILED: "the model or code failed a check, a test or a gate",
    ExitCode.REFUSED: "a precondition does not hold",
    ExitCode.RESTORED: "the rollout failed; the environment is as it was before",
    ExitCode.BROKEN: "the rollout failed and the state before could not be restored: a person is needed",
    ExitCode.BUSY: "somebody else holds the environment",
    ExitCode.UNREACHABLE: "registry, cluster, git or Jenkins did not answer; trying again may help",
    ExitCode.INTERRUPTED: "interrupted (SIGINT), things left consistent",
    ExitCode.TERMINATED: "terminated (SIGTERM), things left consistent",
}


class Problem(NamedTuple):
    """One thing that is wrong: what, where, what is allowed and what to do next.

    `line` and `column` count from 1. `allowed` lists the values that would have been accepted.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    allowed: tuple[str, ...] = ()
    hint: str | None = None

    @property
    def where(self) -> str:
        """`file:line:column`, as far as known, else an empty string."""
        parts = [str(part) for part in (self.file, self.line, self.column) if part is not None]
        return ":".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The problem for the result file, without what is unknown."""
        return {key: value for key, value in self._asdict().items() if value not in (None, ())}


class ModelDevopsError(Exception):
    """Base of all expected endings. `kind` is a stable slug for programs, `hint` says what to do next."""

    code: ClassVar[ExitCode] = ExitCode.INTERNAL
    default_kind: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        kind: str | None = None,
        problems: list[Problem] | tuple[Problem, ...] = (),
        hint: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind or self.default_kind
        self.problems = tuple(problems)
        self.hint = hint
        #: Further fields for the result document (for example `release`, `revision`, `reports`).
        self.details = details or {}


class UsageError(ModelDevopsError):
    """Wrong call or configuration. Lists all problems at once."""

    code = ExitCode.USAGE
    default_kind = "usage"


class FailedError(ModelDevopsError):
    """The model or code failed a check, a test or a gate."""

    code = ExitCode.FAILED
    default_kind = "failed"


class RefusedError(ModelDevopsError):
    """A precondition does not hold: not tested, not approved, digest differs, blocked, superseded."""

    code = ExitCode.REFUSED
    default_kind = "refused"


class RestoredError(ModelDevopsError):
    """The rollout failed; what ran before runs again (or again nothing)."""

    code = ExitCode.RESTORED
    default_kind = "restored"


class BrokenError(ModelDevopsError):
    """The rollout failed and what ran before could not be restored."""

    code = ExitCode.BROKEN
    default_kind = "broken"


class BusyError(ModelDevopsError):
    """Somebody else holds the environment: the message says who, since when and until when."""

    code = ExitCode.BUSY
    default_kind = "busy"


class UnreachableError(ModelDevopsError):
    """Something outside did not answer; trying again may help."""

    code = ExitCode.UNREACHABLE
    default_kind = "unreachable"


class InterruptedBySignal(ModelDevopsError):
    """Ended by SIGINT or SIGTERM after leaving things consistent."""

    code = ExitCode.INTERRUPTED
    default_kind = "interrupted"

    def __init__(self, signum: int) -> None:
        super().__init__(f"interrupted by signal {signum}")
        self.exit_code = ExitCode(128 + signum)


class Together:
    """Asks several things of a call, so that all that is wrong with it is said at once: `with Together() as ask:`.

    The block ends with the error of the one that went wrong, or with one error that has all of them as problems.
    """

    def __init__(self) -> None:
        self._wrong: list[ModelDevopsError] = []

    def __enter__(self) -> Together:
        return self

    def __call__(self, question: Callable[[], T]) -> T:
        """The answer. There is none where the block ends with an error, so nobody sees that."""
        try:
            return question()
        except (UsageError, RefusedError, UnreachableError) as error:
            self._wrong.append(error)
            return cast(T, None)

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if kind is None and self._wrong:
            raise self._all()

    def _all(self) -> ModelDevopsError:
        if len(self._wrong) == 1:
            return self._wrong[0]
        gravest = min(self._wrong, key=lambda error: error.code)
        problems = [Problem(error.message, hint=error.hint) for error in self._wrong]
        return type(gravest)(f"{len(problems)} things are wrong with this call", kind=gravest.kind, problems=problems)
