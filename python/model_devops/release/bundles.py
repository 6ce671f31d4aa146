"""Signed statements: an in-toto Statement in a DSSE envelope in a Sigstore bundle v0.3 (docs/formats.md).

Reading checks no signature: which keys count is an environment's to say (policy/trust.py), and what speaks against
a release counts whoever signed it. So nothing here may make a statement vanish.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import msgspec

from model_devops.release.statements import BUNDLE, IN_TOTO, Foreign, Garbled

if TYPE_CHECKING:
    from model_devops.adapters.keys import PublicKey, Signer


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who claims to have signed a statement, and what to check that with."""

    message: bytes
    """What was signed: the statement, with its type (DSSE's PAE)."""
    value: bytes
    hint: str
    """The fingerprint of the key, as the bundle says it."""

    def by(self, key: PublicKey) -> bool:
        """Whether this key made it."""
        return key.made(self.value, self.message)


class _One(msgspec.Struct):
    sig: bytes


class _Envelope(msgspec.Struct, rename="camel"):
    payload: bytes
    payload_type: str
    signatures: list[_One]


class _PublicKey(msgspec.Struct):
    hint: str = ""


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKey = msgspec.field(default_factory=_PublicKey)


class _Bundle(msgspec.Struct, rename="camel"):
    dsse_envelope: _Envelope | None = None
    verification_material: _Material = msgspec.field(default_factory=_Material)


def dumps(statement: bytes, signer: Signer) -> bytes:
    """The bundle. No `keyid`, and one signature: cosign takes nothing else."""
    envelope = {
        "payload": base64.b64encode(statement).decode(),
        "payloadType": IN_TOTO,
        "signatures": [{"sig": base64.b64encode(signer.sign(_pae(IN_TOTO, statement))).decode()}],
    }
    document = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": signer.public.hint}},
        "dsseEnvelope": envelope,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def loads(data: bytes) -> tuple[bytes, Signature | None]:
    """The statement, and its signature; None where it has none or several, and so nobody's that could be told.

    Raises Foreign for what holds no statement, Garbled for what can't be read.
    """
    try:
        bundle = msgspec.json.decode(data, type=_Bundle)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(f"no Sigstore bundle: {error}") from error
    envelope = bundle.dsse_envelope
    if envelope is None:
        raise Foreign("a signature of something else than a statement")
    if envelope.payload_type != IN_TOTO:
        raise Garbled(f"its payload is said to be {envelope.payload_type!r}, not {IN_TOTO}")
    if len(envelope.signatures) != 1:
        return envelope.payload, None
    message = _pae(envelope.payload_type, envelope.payload)
    hint = _fingerprint(bundle.verification_material.public_key.hint)
    return envelope.payload, Signature(message=message, value=envelope.signatures[0].sig, hint=hint)


def _pae(kind: str, payload: bytes) -> bytes:
    """What DSSE signs (Pre-Authentication Encoding), so that no payload can be taken for one of another type."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _fingerprint(hint: str) -> str:
    try:
        return "sha256:" + base64.b64decode(hint, validate=True).hex()
    except ValueError:
        return hint
