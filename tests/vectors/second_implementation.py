"""Digest v1 written a second time from docs/digest.md alone, with json and hashlib only (C3).

It shares no code with model_devops. `python second_implementation.py` checks digest-v1.json beside it.
"""

import hashlib
import json
import sys
from pathlib import Path

ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def text(value):
    """A string as RFC 8785 (section 3.2.2.2) writes it: only what must be escaped is."""
    return '"' + "".join(ESCAPES.get(c, f"\\u{ord(c):04x}" if c < " " else c) for c in value) + '"'


def digest(files, ignore):
    """`files`: list of {path, sha256, size} in any order."""
    rows = sorted(files, key=lambda row: row["path"].encode("utf-8"))
    listed = ",".join(
        f'{{"path":{text(row["path"])},"sha256":{text(row["sha256"])},"size":{row["size"]:d}}}' for row in rows
    )
    document = f'{{"files":[{listed}],"ignore":[{",".join(map(text, ignore))}]}}'
    return "sha256:" + hashlib.sha256(b"model-devops.digest.v1\n" + document.encode("utf-8")).hexdigest()


def entry(path, content):
    """A file's row from its bytes."""
    return {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def main():
    """Check every published vector; name each that differs."""
    vectors = json.loads((Path(__file__).parent / "digest-v1.json").read_text("utf-8"))["vectors"]
    wrong = [
        vector["name"]
        for vector in vectors
        if digest([entry(path, bytes.fromhex(content)) for path, content in vector["files"].items()], vector["ignore"])
        != vector["digest"]
    ]
    print("\n".join(f"differs: {name}" for name in wrong) or f"{len(vectors)} vectors hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
