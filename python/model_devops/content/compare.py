"""What differs between two sets of files, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model_devops.content.digest import Entry


@dataclass(frozen=True)
class Difference:
    """Paths, sorted."""

    changed: list[str]
    missing: list[str]
    added: list[str]

    def __bool__(self) -> bool:
        return bool(self.changed or self.missing or self.added)

    def lines(self, prefix: str = "") -> list[str]:
        """One line for each difference."""
        kinds = (("changed", self.changed), ("missing", self.missing), ("added", self.added))
        return [f"{kind}: {prefix}{path}" for kind, paths in kinds for path in paths]


def compare(expected: Mapping[str, Entry], found: Mapping[str, Entry]) -> Difference:
    """Compare what there should be with what there is."""
    return Difference(
        changed=sorted(path for path in expected.keys() & found.keys() if expected[path] != found[path]),
        missing=sorted(expected.keys() - found.keys()),
        added=sorted(found.keys() - expected.keys()),
    )
