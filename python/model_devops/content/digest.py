"""Digest v1 (C1): one name for the content of many files, the same on every machine.

The format is published in docs/digest.md, with test vectors in tests/vectors/.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

#: SHA-256 in hex, and size in bytes.
Entry = tuple[str, int]
DOMAIN = b"model-devops.digest.v1\n"


def digest(files: Mapping[str, Entry], ignore: Sequence[str] = ()) -> str:
    """`sha256:…` of these files (C1). Paths are those of C2; they are sorted by their UTF-8 bytes here."""
    import rfc8785

    ordered = sorted(files.items(), key=lambda item: item[0].encode())
    document: Any = {
        "files": [{"path": path, "sha256": sha256, "size": size} for path, (sha256, size) in ordered],
        "ignore": list(ignore),
    }
    return "sha256:" + hashlib.sha256(DOMAIN + rfc8785.dumps(document)).hexdigest()
