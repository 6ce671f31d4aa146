"""Amounts of processors and memory, as Kubernetes writes them.

https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#resource-units-in-kubernetes
"""

from __future__ import annotations

import re

from model_devops.errors import UsageError

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_MEMORY = re.compile(r"([0-9]{1,12})(k|M|G|T|Ki|Mi|Gi|Ti)?")
_CPUS = re.compile(r"([0-9]{1,6})m|([0-9]{1,4}(?:\.[0-9]{1,3})?)")


def memory(text: str | None) -> int | None:
    """The bytes in `512Mi` or `2G`. Raises UsageError."""
    if text is None:
        return None
    found = _MEMORY.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise UsageError(f"{text!r} is no amount of memory", hint="for example 512Mi or 2Gi")
    return int(found[1]) * _UNITS[found[2] or ""]


def cpus(text: str | None) -> float | None:
    """The processors in `500m`, `2` or `0.5`. Raises UsageError."""
    if text is None:
        return None
    found = _CPUS.fullmatch(text)
    amount = (int(found[1]) / 1000 if found[1] else float(found[2])) if found else 0.0
    if amount == 0:
        raise UsageError(f"{text!r} is no number of processors", hint="for example 500m, 1 or 2.5")
    return amount
