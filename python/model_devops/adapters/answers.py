"""What a model's server answered, however it was reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model_devops.adapters.documents import parsed

#: Bytes of an answer that are read.
LIMIT = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What a server answered. `status` is 0 where there was no answer, and `text` says why."""

    status: int
    text: str
    refused: bool = False
    """Nobody listens there."""

    @property
    def ok(self) -> bool:
        """Whether the status is one of 200–299."""
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The answer as JSON, or None where it is none."""
        try:
            return parsed(self.text)
        except ValueError:
            return None
