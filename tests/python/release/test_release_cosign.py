"""cosign, an independent program, accepts what we sign and nothing else, as docs/signing.md shows it (S3)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from go_programs import COSIGN, installed
from model_devops.release.evidence import Body, Revoked
from model_devops.release.oci import OciStore
from model_devops.release.registry.store import RegistryRepository
from model_devops.release.store import Stored
from release_samples import built, everywhere, reopened
from signing_keys import Key

pytestmark = pytest.mark.timeout(1200)  # the first run downloads and compiles
TYPE = {"built": "https://slsa.dev/provenance/v1", "revoked": "urn:model-devops:revoked:v1"}
BODY: dict[str, Body] = {"built": built("signed"), "revoked": Revoked(id="r", time="", reason="wrong labels")}
#: Whatever is asked beyond this machine is refused.
NOWHERE = "http://127.0.0.1:9"
registries = pytest.mark.parametrize("store", ["plain_registry", "referrers_registry"], indirect=True)
types = pytest.mark.parametrize("kind", ["p256", "ed25519"])


@pytest.fixture(scope="module")
def cosign() -> str:
    """The program."""
    return installed(COSIGN)


def run(cosign: str, tmp_path: Path, *arguments: str) -> tuple[bool, str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    environment |= {"HTTPS_PROXY": NOWHERE, "HTTP_PROXY": NOWHERE}
    command = [cosign, *arguments, "--insecure-ignore-tlog"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def signed(
    store: OciStore, put, key: Key, monkeypatch: pytest.MonkeyPatch, kind: str = "built"
) -> tuple[Stored, bytes]:
    """A release with one signed statement (beside an unsigned one), and the bundle's bytes."""
    stored = put()
    key.use(monkeypatch)
    item = reopened(store).add_evidence(stored.digest, BODY[kind])
    layer = json.loads(store.repository.manifest(item.digest))["layers"][0]
    return stored, store.blobs.read(layer["digest"])


@everywhere
@types
def test_cosign_verifies_a_bundle_by_file_and_by_digest(cosign, store, put, kind, tmp_path, monkeypatch) -> None:
    key, other = Key(tmp_path, "ours", kind), Key(tmp_path, "other", kind)
    stored, bundle = signed(store, put, key, monkeypatch)
    (tmp_path / "bundle.json").write_bytes(bundle)
    (tmp_path / "manifest.json").write_bytes(store.repository.manifest(stored.digest))
    (tmp_path / "another.json").write_bytes(b"{}")
    verify = ["verify-blob-attestation", "--bundle", str(tmp_path / "bundle.json"), "--type", TYPE["built"], "--key"]
    by_file = str(tmp_path / "manifest.json")
    assert run(cosign, tmp_path, *verify, str(key.public), by_file)[0]
    by_digest = ["--digest", stored.digest[7:], "--digestAlg", "sha256"]
    assert run(cosign, tmp_path, *verify, str(key.public), *by_digest)[0]
    assert not run(cosign, tmp_path, *verify, str(other.public), by_file)[0]
    assert not run(cosign, tmp_path, *verify, str(key.public), str(tmp_path / "another.json"))[0]


@types
@pytest.mark.parametrize("what", ["payload", "sig"])
def test_cosign_refuses_an_altered_bundle(cosign, store, put, kind, what, tmp_path, monkeypatch) -> None:
    key = Key(tmp_path, "ours", kind)
    stored, bundle = signed(store, put, key, monkeypatch)
    document = json.loads(bundle)
    envelope = document["dsseEnvelope"]
    holder = envelope if what == "payload" else envelope["signatures"][0]
    text = holder[what]
    holder[what] = text[:30] + ("A" if text[30] != "A" else "B") + text[31:]
    verify = ["verify-blob-attestation", "--key", str(key.public), "--type", TYPE["built"]]
    verify += ["--digest", stored.digest[7:], "--digestAlg", "sha256", "--bundle", str(tmp_path / "bundle.json")]
    (tmp_path / "bundle.json").write_bytes(json.dumps(document).encode())
    assert not run(cosign, tmp_path, *verify)[0]
    (tmp_path / "bundle.json").write_bytes(bundle)
    assert run(cosign, tmp_path, *verify)[0]


@registries
@types
@pytest.mark.parametrize("said", sorted(BODY))
def test_cosign_finds_and_verifies_a_statement_in_a_registry(
    cosign, store, put, kind, said, tmp_path, monkeypatch
) -> None:
    key, other = Key(tmp_path, "ours", kind), Key(tmp_path, "other", kind)
    stored, bundle = signed(store, put, key, monkeypatch, said)
    assert isinstance(store.repository, RegistryRepository)
    reference = f"{str(store.repository.client.address).removeprefix('oci://')}@{stored.digest}"
    verify = ["verify-attestation", reference, "--type", TYPE[said], "--key"]
    good, text = run(cosign, tmp_path, *verify, str(key.public))
    assert good, text
    assert json.loads(bundle)["dsseEnvelope"]["payload"] in text
    assert not run(cosign, tmp_path, *verify, str(other.public))[0]
