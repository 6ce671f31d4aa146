"""What a person should know although it worked.

Said wherever it is found; the command line shows it and keeps it for the result document's `warnings`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable


def _print(text: str) -> None:
    print(f"model-devops: {text}", file=sys.stderr)


_receivers: list[Callable[[str], None]] = [_print]


def warn(text: str) -> None:
    """Say one thing, in one line."""
    _receivers[0](text)


def send_to(receive: Callable[[str], None]) -> None:
    """Have all that is said from now on go there instead of to standard error."""
    _receivers[0] = receive
