"""Whether bytes are a pickle of protocol 0 or 1 that runs something when it is loaded, which no magic number tells.

Its operations are followed as an unpickler would, with a stack that knows only how many things are on it. What would
fail there before it calls anything runs nothing: so random bytes and text, of which many begin with some operation, are
no pickles; what comes behind a call doesn't matter any more.
"""

from __future__ import annotations

import pickletools
import warnings
from collections.abc import Iterator
from typing import Any

_IMPORTS = {"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"}
_CALLS = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "REDUCE", "BUILD"}
_KEEPS = {"PUT", "BINPUT", "LONG_BINPUT"}
_FETCHES = {"GET", "BINGET", "LONG_BINGET"}
_MARK = pickletools.markobject


def calls_something(data: bytes) -> bool:
    """Whether loading comes to a call of something that was imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of text in there that Python would not write so
        return _called(data)


def _called(data: bytes) -> bool:
    stack: list[Any] = []
    kept: set[int] = set()
    imported = False
    for operation, argument in _operations(data):
        if not _moved(stack, operation) or (operation.name in _FETCHES and argument not in kept):
            return False
        if operation.name == "MEMOIZE":
            kept.add(len(kept))
        elif operation.name in _KEEPS:
            kept.add(argument)
        imported = imported or (operation.name in _IMPORTS and _is_name(argument))
        if imported and operation.name in _CALLS:
            return True
    return False


def _operations(data: bytes) -> Iterator[tuple[Any, Any]]:
    """Until the end, or what is no operation."""
    try:
        for operation, argument, _ in pickletools.genops(data):
            yield operation, argument
    except Exception:  # noqa: BLE001  anything at all may be in there
        return


def _moved(stack: list[Any], operation: Any) -> bool:
    """Take from the stack what an operation takes, and put there what it puts; False: it isn't there."""
    takes = list(operation.stack_before)
    if _MARK in takes or (operation.name == "POP" and stack and stack[-1] is _MARK):
        if _MARK not in stack:
            return False
        del stack[len(stack) - 1 - stack[::-1].index(_MARK) :]
        takes = takes[: takes.index(_MARK)] if _MARK in takes else []
    if len(stack) < len(takes) or any(one is _MARK for one in stack[len(stack) - len(takes) :]):
        return False
    del stack[len(stack) - len(takes) :]
    stack.extend(operation.stack_after)
    return True


def _is_name(argument: Any) -> bool:
    """`module name`, as GLOBAL and INST have it; that of STACK_GLOBAL was on the stack."""
    if not isinstance(argument, str):
        return True
    return all(part.isidentifier() for word in argument.split(" ") for part in word.split("."))
