"""The digest of a model, computed by the server from the very bytes that it loaded. Copy this file into your project.

    files = {"digits.safetensors": Path("model/digits.safetensors").read_bytes()}
    model = load(files["digits.safetensors"])     # load from these bytes, not from the path again
    GET /model  ->  {"digest": model_digest(files)}

Needs nothing but Python's standard library. `model-devops hash` prints the same digest for the same files.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence


def model_digest(files: Mapping[str, bytes], ignore: Sequence[str] = ()) -> str:
    """`sha256:…` of a model's files: bytes by path in the model's folder (with '/').

    `ignore` is the list of the same name in model.yaml, if there is one.
    """
    entries = [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for path, data in sorted(files.items(), key=lambda item: item[0].encode())
    ]
    document = {"files": entries, "ignore": list(ignore)}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(b"model-devops.digest.v1\n" + text.encode()).hexdigest()
