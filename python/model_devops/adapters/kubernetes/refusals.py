"""What a cluster may refuse, as errors that tell more than their words: who made it, and what to look at next."""

from __future__ import annotations

from typing import NamedTuple

from model_devops.errors import RefusedError


class Cause(NamedTuple):
    """One thing that is wrong with an object."""

    field: str
    """Its path, as the cluster writes it: `spec.template.spec.containers[0].image`; may be empty."""
    words: str
    reason: str = ""
    """The cluster's own word for its kind, such as `FieldValueInvalid`."""


class ExistsError(RefusedError):
    """An object of this name is there already. After an answer that was lost, it may be the one that we made."""

    default_kind = "exists"


class ChangedError(RefusedError):
    """The object is not as it was read any more: somebody else changed it, removed it, or made it anew."""

    default_kind = "changed"


class FieldConflict(RefusedError):
    """Others own fields that an apply would change."""

    default_kind = "field-conflict"

    def __init__(self, message: str, fields: list[tuple[str, str]], *, hint: str) -> None:
        words = [{"manager": manager, "field": field} for manager, field in fields]
        super().__init__(message, hint=hint, details={"conflicts": words})
        self.fields = fields
        """Manager and field, such as `("kubectl-edit", ".spec.replicas")`."""


class InvalidError(RefusedError):
    """The cluster can't take this object as it is written."""

    default_kind = "invalid"

    def __init__(self, message: str, causes: list[Cause]) -> None:
        super().__init__(message)
        self.causes = causes

    @property
    def immutable(self) -> list[str]:
        """The fields that can't be changed in an object that is there."""
        return [cause.field for cause in self.causes if "immutable" in cause.words or _FROZEN in cause.words]


_FROZEN = "updates to"
"""StatefulSets: "updates to statefulset spec for fields other than … are forbidden"."""


class AdmissionError(RefusedError):
    """A rule of the cluster forbids it. `kind`: `quota`, `limits`, `pod-security`, `namespace` or `admission`."""

    default_kind = "admission"


class NotRunningError(RefusedError):
    """The container doesn't run: not yet, not any more, or between two attempts."""

    default_kind = "not-running"


class NoProgramError(RefusedError):
    """The container has no such program, or must not run it."""

    default_kind = "no-program"
