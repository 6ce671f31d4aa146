"""The signature of a webhook, as the specification "Standard Webhooks" 1.0 has it (docs/notifications.md)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from model_devops.errors import UsageError
from model_devops.notifying.secrets import SECRET

_PREFIX = "whsec_"


def key(secret: str) -> bytes:
    """The key that a secret stands for: base64 after `whsec_`, else its UTF-8 bytes. Raises UsageError."""
    if not secret.startswith(_PREFIX):
        return secret.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise UsageError(f"{SECRET} begins with {_PREFIX}, but what follows is not base64") from None


def headers(secret: str, identifier: str, seconds: int, payload: bytes) -> dict[str, str]:
    """The three headers: the receiver recomputes the signature, and refuses old times and known identifiers."""
    signed = f"{identifier}.{seconds}.".encode() + payload
    signature = base64.b64encode(hmac.new(key(secret), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": identifier, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{signature}"}
