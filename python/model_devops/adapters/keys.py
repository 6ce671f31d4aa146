"""Keys that statements are signed with: ECDSA on P-256, or Ed25519, as PEM.

Private keys are PKCS#8, encrypted or not, from a file or the environment. `cryptography` is imported only where
something is signed or checked.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from model_devops import notices
from model_devops.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY, PASSWORD = "MODEL_DEVOPS_SIGNING_KEY", "MODEL_DEVOPS_SIGNING_PASSWORD"
TYPES = ("p256", "ed25519")
Kind = Literal["p256", "ed25519"]
_BEGIN = "-----BEGIN "
_LARGEST = 1 << 16


@dataclass(frozen=True)
class PublicKey:
    """What checks signatures. Two of one fingerprint are one key."""

    kind: str
    pem: str
    fingerprint: str
    """`sha256:` and the SHA-256 of the key in DER (SubjectPublicKeyInfo)."""

    @property
    def hint(self) -> str:
        """The fingerprint as Sigstore bundles name a key: base64."""
        return base64.b64encode(bytes.fromhex(self.fingerprint.removeprefix("sha256:"))).decode()

    def made(self, signature: bytes, message: bytes) -> bool:
        """Whether the private part of this key made the signature over this message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        key = _public_object(self.pem)
        try:
            if isinstance(key, Ed25519PublicKey):
                key.verify(signature, message)
            else:
                key.verify(signature, message, _ecdsa())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key, ready to sign."""

    public: PublicKey
    _key: EllipticCurvePrivateKey | Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        """The signature: for P-256 over the message's SHA-256, in DER."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        return self._key.sign(message, _ecdsa())


def from_environment(environ: Mapping[str, str] = os.environ) -> Signer | None:
    """The key to sign with: KEY names its file or is its text. None: nothing is signed. Raises UsageError."""
    given = environ.get(KEY, "").strip()
    if not given:
        return None
    password = environ.get(PASSWORD) or None
    if _BEGIN in given:
        return load_private(given.encode(), password, f"the text in {KEY}")
    return open_private(Path(given), password, f"{given}, which {KEY} names,")


def open_private(file: Path, password: str | None, where: str | None = None) -> Signer:
    """A private key from its file; who else may read it is warned of. Raises UsageError."""
    data = _read(file, where or str(file))
    _warn_of_readers(file)
    return load_private(data, password, where or str(file))


def load_private(text: bytes, password: str | None, where: str) -> Signer:
    """A private key from PEM. `where` is for messages, which never show any of the text. Raises UsageError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    encrypted = _refuse_other_forms(text, where)
    if encrypted and not password:
        raise _unusable(where, "is encrypted and there is no password", f"give it in {PASSWORD}")
    try:
        key: Any = load_pem_private_key(text, password.encode() if encrypted and password else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if encrypted:
            message = "can't be decrypted: the password is wrong, or the file is damaged"
            raise _unusable(where, message, f"the password comes from {PASSWORD}{_after(password)}") from error
        raise _unusable(where, "is no private key in PEM", _MAKE) from error
    return Signer(_described(key.public_key(), where), key)


def read_key(file: Path, password: str | None) -> PublicKey:
    """The public part of a key file, private or public. Raises UsageError."""
    data = _read(file, str(file))
    if b"PRIVATE KEY-----" in data:
        _warn_of_readers(file)
        return load_private(data, password, str(file)).public
    return load_public(data.decode("utf-8", "replace"), str(file))


@lru_cache
def load_public(text: str, where: str) -> PublicKey:
    """A public key from PEM; text before it is passed over. Raises UsageError."""
    if "PRIVATE KEY-----" in text:
        raise _unusable(
            where,
            "is a private key: whoever reads it can sign",
            "name the public part, which `key show` prints; if others could read this file, create a new key",
        )
    try:
        return _described(_public_object(text), where)
    except ValueError as error:
        raise _unusable(where, "is no public key in PEM", "`model-devops key show FILE` prints one") from error


def create(file: Path, kind: Kind, password: str | None) -> PublicKey:
    """Make a private key that only its owner may read. Raises UsageError where the file exists."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key = ec.generate_private_key(ec.SECP256R1()) if kind == "p256" else ed25519.Ed25519PrivateKey.generate()
    lock = form.BestAvailableEncryption(password.encode()) if password else form.NoEncryption()
    _write_new(file, key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock))
    return _described(key.public_key(), str(file))


_MAKE = "`model-devops key create FILE` makes one"


def _write_new(file: Path, data: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        hint = "no key is ever overwritten: name another file"
        raise UsageError(f"{file} is there already", kind="key-exists", hint=hint) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        with contextlib.suppress(OSError):
            file.unlink()
        raise


def _warn_of_readers(file: Path) -> None:
    with contextlib.suppress(OSError):
        mode = file.stat().st_mode
        if stat.S_ISREG(mode) and mode & 0o044:
            notices.warn(f"the private key {file} may be read by others on this machine: chmod 600 {file}")


def _read(file: Path, where: str) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST)
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError
        why = getattr(error, "strerror", None) or str(error)
        raise _unusable(where, f"can't be read: {why}", "name a file that this user may read") from error


def _after(password: str | None) -> str:
    """What is odd about a password that is wrong, as the end of a hint."""
    return ", and ends with a line break there" if password and password[-1] in "\r\n" else ""


def _refuse_other_forms(text: bytes, where: str) -> bool:
    """Whether the key is encrypted. Raises UsageError for forms of other programs, and for public keys."""
    if b"SIGSTORE PRIVATE KEY" in text or b"COSIGN PRIVATE KEY" in text:
        raise _unusable(where, "is in cosign's own form", f"{_MAKE} that cosign can check all the same")
    if b"OPENSSH PRIVATE KEY" in text:
        raise _unusable(where, "is a key for SSH", f"use one for this purpose alone: {_MAKE}")
    if b"BEGIN PUBLIC KEY" in text:
        raise _unusable(where, "is a public key, which can't sign", _MAKE)
    return b"BEGIN ENCRYPTED PRIVATE KEY" in text or b"Proc-Type: 4,ENCRYPTED" in text


def _public_object(pem: str) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(pem.encode())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error


def _described(key: Any, where: str) -> PublicKey:
    """The key as its PEM and fingerprint. Raises UsageError for types that we don't sign with."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        kind = "p256"
    elif isinstance(key, Ed25519PublicKey):
        kind = "ed25519"
    else:
        name = type(key).__name__.removesuffix("PublicKey") + getattr(getattr(key, "curve", None), "name", "")
        message = f"is a key of another type ({name}); ECDSA on P-256 and Ed25519 will do"
        raise _unusable(where, message, _MAKE)
    pem = key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()
    der = key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(kind, pem, "sha256:" + hashlib.sha256(der).hexdigest())


def _ecdsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return ECDSA(SHA256())


def _unusable(where: str, what: str, hint: str) -> UsageError:
    return UsageError(f"{where} {what}", kind="key", hint=hint)
