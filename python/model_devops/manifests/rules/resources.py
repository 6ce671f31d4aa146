"""What containers ask for, and may use at most."""

from __future__ import annotations

from collections.abc import Iterator

from model_devops.config.places import near
from model_devops.errors import Problem
from model_devops.manifests.parts import Part
from model_devops.manifests.quantities import amount

#: What a container can ask for without a prefix; devices have one, such as nvidia.com/gpu.
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_HUGE = "hugepages-"


def problems(container: Part) -> Iterator[Problem]:
    """All that is wrong with the resources of one container."""
    resources = container.at("resources")
    for side in ("limits", "requests"):
        for name, quantity in resources.pairs(side):
            yield from _name(name, quantity)
            if not _shared(name) and (amount(quantity.value) or 0) % 1:
                yield quantity.problem(f"must be a whole number, not {quantity.value}")
    for name, asked in resources.pairs("requests"):
        yield from _within(name, asked, resources)


def _within(name: str, asked: Part, resources: Part) -> Iterator[Problem]:
    """No more is asked for than may be used; of devices exactly that."""
    written = resources.get("limits", name) if name in (resources.get("limits") or {}) else None
    if written is None:
        if not _shared(name):
            yield asked.problem("has no limit", hint="devices are counted by their limit: write the same number there")
        return
    wanted, most = amount(asked.value), amount(written)
    if wanted is None or most is None:
        return
    if not _shared(name) and wanted != most:
        yield asked.problem(f"asks for {asked.value}, but the limit is {written}", hint="of devices both must be equal")
    elif wanted > most:
        yield asked.problem(f"asks for {asked.value}, but the limit is {written}", hint="a limit is never lower")


def _shared(name: str) -> bool:
    """Whether nodes may promise more of it than they have: not of devices and huge pages."""
    return name in _STANDARD or ("kubernetes.io/" in name)


def _name(name: str, quantity: Part) -> Iterator[Problem]:
    if "/" not in name and name not in _STANDARD and not name.startswith(_HUGE):
        hint = near(name, list(_STANDARD)) or "a device is named with its maker: nvidia.com/gpu"
        yield quantity.problem("there is no such resource", allowed=_STANDARD, hint=hint)
