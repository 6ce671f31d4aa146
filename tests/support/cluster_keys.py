"""The keys of the tests' cluster: who its API server trusts, its admin, and tokens that end when a test wants."""

import base64
import json
import time
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

ISSUER = "https://kubernetes.default.svc"


def make_keys(folder: Path, *addresses: str) -> None:
    """Write ca, apiserver, admin (each .crt and .key) and sa.key. The API server's certificate is for the addresses."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    admin = authority.issue_cert("admin", common_name="admin", organization_name="system:masters")
    for name, made in {"apiserver": authority.issue_cert(*addresses, common_name="apiserver"), "admin": admin}.items():
        made.cert_chain_pems[0].write_to_path(folder / f"{name}.crt")
        made.private_key_pem.write_to_path(folder / f"{name}.key")
    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "sa.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))


def signed_token(key: Path, namespace: str, account: str, uid: str, seconds: float) -> str:
    """A ServiceAccount's token. The API server itself makes none that ends before ten minutes."""
    now = int(time.time())
    # The API server allows for clocks that are a minute apart.
    leeway = 60
    claims = {
        "iss": ISSUER,
        "aud": [ISSUER],
        "sub": f"system:serviceaccount:{namespace}:{account}",
        "iat": now - leeway,
        "nbf": now - leeway,
        "exp": now + seconds - leeway,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": uid}},
    }
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "ES256", "typ": "JWT"}, claims))
    private = load_pem_private_key(key.read_bytes(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    numbers = decode_dss_signature(private.sign(signed, ec.ECDSA(SHA256())))
    return b".".join((signed, _encoded(b"".join(number.to_bytes(32, "big") for number in numbers)))).decode()


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
