"""Signed statements: written, listed, read and copied as the unsigned ones are, in every store (S3–S5)."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from model_devops.adapters import keys
from model_devops.errors import UnreachableError, UsageError
from model_devops.release import bundles, statements
from model_devops.release.evidence import Body, Evidence, Rejected, Revoked, Withdrawn
from model_devops.release.layout import LayoutStore
from model_devops.release.oci import OciStore
from model_devops.release.registry import fallback
from model_devops.release.registry.store import RegistryRepository
from model_devops.release.standing import is_rejected, is_revoked, standing
from model_devops.release.transfer import export, join
from release_samples import built, everywhere, reopened
from signing_keys import Key

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
REVOKED = Revoked(id="r", time="2026-01-01T00:00:00.000Z", reason="wrong labels")
types = pytest.mark.parametrize("kind", ["p256", "ed25519"])


@pytest.fixture
def key(tmp_path: Path) -> Key:
    """Used only where a test says so: `key.use`."""
    return Key(tmp_path, "ours")


def say(store: OciStore, release: str, body: Body) -> Evidence:
    """As another process says it."""
    return reopened(store).add_evidence(release, body)


def layer(store: OciStore, item: Evidence) -> bytes:
    manifest = json.loads(store.repository.manifest(item.digest))
    return store.blobs.read(manifest["layers"][0]["digest"])


def attach(store: OciStore, release: str, bundle: bytes, **annotations: str) -> str:
    """List a bundle as another tool does: without a tag. Returns the digest of its manifest."""
    size = len(store.repository.manifest(release))
    document = json.loads(statements.manifest(bundle, BUNDLE, "revoked", release, size))
    document["annotations"] |= annotations
    manifest = json.dumps(document).encode()
    store.blobs.put(bundle)
    store.blobs.put(b"{}")
    if isinstance(store.repository, RegistryRepository):
        digest = statements.digest_of(manifest)
        listed = store.repository.client.put_manifest(digest, manifest)
        return digest if listed else fallback.add(store.repository.client, manifest) or digest
    assert isinstance(store, LayoutStore)
    digest = store.blobs.put(manifest)
    file = store.folder / "index.json"
    index = json.loads(file.read_text())
    entry = {"mediaType": statements.MANIFEST, "artifactType": BUNDLE, "digest": digest, "size": len(manifest)}
    file.write_text(json.dumps(index | {"manifests": [*index["manifests"], entry]}))
    return digest


@everywhere
@types
def test_S3_a_statement_is_signed_where_there_is_a_key(store, put, kind, tmp_path, monkeypatch) -> None:
    key = Key(tmp_path, "mine", kind)
    release = put().digest
    plain = say(store, release, REVOKED)
    key.use(monkeypatch)
    item = say(store, release, built("signed"))
    assert sorted(one.body.id for one in reopened(store).evidence(release)) == ["build-1", "r", "signed"]
    read = {one.digest: one for one in reopened(store).evidence(release)}
    assert read[plain.digest].signature is None
    assert read[item.digest] == item
    assert item.signature is not None
    assert item.signature.by(keys.load_public(key.pem, "here"))
    assert not item.signature.by(keys.load_public(Key(tmp_path, "other", kind).pem, "here"))
    assert item.signature.hint == key.fingerprint


@everywhere
def test_S3_the_form_of_what_is_signed_is_what_other_tools_read(store, put, key, monkeypatch) -> None:
    release = put().digest
    key.use(monkeypatch)
    item = say(store, release, built("signed"))
    manifest = json.loads(store.repository.manifest(item.digest))
    assert manifest["artifactType"] == BUNDLE
    assert [one["mediaType"] for one in manifest["layers"]] == [BUNDLE]
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
    assert manifest["subject"]["digest"] == release
    assert manifest["annotations"] == {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1",
    }
    bundle = json.loads(layer(store, item))
    assert bundle["mediaType"] == BUNDLE
    assert bundle["verificationMaterial"].keys() == {"publicKey"}
    envelope = bundle["dsseEnvelope"]
    assert envelope["payloadType"] == IN_TOTO
    assert [one.keys() for one in envelope["signatures"]] == [{"sig"}]  # no keyid: cosign refuses one
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"][0]["digest"] == {"sha256": release[7:]}
    tag = f"sha256-{release[7:]}.{item.digest[7:23]}"
    assert reopened(store).repository.listing().digest(tag) == item.digest


def test_the_same_bytes_are_signed_as_openssl_checks_them(store, put, key, tmp_path, monkeypatch) -> None:
    """DSSE's encoding written down a second time, and checked by another program."""
    import subprocess

    release = put().digest
    key.use(monkeypatch)
    envelope = json.loads(layer(store, say(store, release, REVOKED)))["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    (tmp_path / "message").write_bytes(f"DSSEv1 {len(IN_TOTO)} {IN_TOTO} {len(payload)} ".encode() + payload)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    command = ["openssl", "dgst", "-sha256", "-verify", str(key.public), "-signature", "sig", "message"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Verified OK" in done.stdout, done.stderr


@everywhere
def test_S4_signed_statements_are_found_without_their_tags(store, put, key, monkeypatch) -> None:
    stored = put()
    key.use(monkeypatch)
    text = statements.dumps(REVOKED, stored.digest, "digits@1.0.0")
    signer = keys.from_environment()
    assert signer is not None
    digest = attach(store, stored.digest, bundles.dumps(text, signer))
    assert digest in [item.digest for item in reopened(store).evidence(stored.digest)]
    assert is_revoked(reopened(store), stored.record.identity)
    assert reopened(store).problems() == []


@everywhere
def test_S4_what_names_the_newest_names_signed_and_unsigned_alike(store, put, key, monkeypatch) -> None:
    release = put().digest
    first = say(store, release, built("first"))
    key.use(monkeypatch)
    second = say(store, release, built("second"))
    assert second.body.supersedes == [first.digest]
    monkeypatch.delenv(keys.KEY)
    assert say(store, release, built("third")).body.supersedes == [second.digest]


@pytest.mark.parametrize("how", ["missing", "changed"])
def test_S4_a_signed_statement_that_was_altered_in_the_store_makes_the_listing_incomplete(
    store, put, key, how, monkeypatch
) -> None:
    release = put().digest
    key.use(monkeypatch)
    item = say(store, release, REVOKED)
    path = store.blobs.path(json.loads(store.blobs.read(item.digest))["layers"][0]["digest"])
    path.chmod(0o644)
    text = path.read_text()
    path.unlink() if how == "missing" else path.write_text(text.replace('"sig":"M', '"sig":"N'))
    assert how == "missing" or path.read_text() != text
    with pytest.raises(UnreachableError) as refused:
        reopened(store).evidence(release)
    assert refused.value.kind == "incomplete"
    assert any(item.digest[7:23] in problem for problem in reopened(store).problems())


def altered(bundle: bytes, change: Any) -> bytes:
    document = json.loads(bundle)
    change(document)
    return json.dumps(document).encode()


def wrong_signature(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(b"x" * 64).decode()


def two_signatures(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["signatures"] *= 2


def no_signature(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["signatures"] = []


@pytest.mark.parametrize("change", [wrong_signature, two_signatures, no_signature])
def test_S6_a_revocation_counts_whatever_its_signature(store, put, key, change, monkeypatch) -> None:
    """It speaks against the release: that nobody can tell who signed it must not make it vanish."""
    stored = put()
    key.use(monkeypatch)
    text = statements.dumps(REVOKED, stored.digest, "x")
    attach(store, stored.digest, altered(bundles.dumps(text, keys.from_environment()), change))
    fresh = reopened(store)
    assert is_revoked(fresh, stored.record.identity)
    (item,) = fresh.evidence(kind="revoked")
    assert item.signature is None or not item.signature.by(keys.load_public(key.pem, "here"))


def test_a_signed_statement_about_another_release_says_nothing_here_and_is_named(store, put, key, monkeypatch) -> None:
    release, other = put("1.0.0"), put("1.0.1", build_id="other")
    key.use(monkeypatch)
    bundle = layer(store, say(store, other.digest, REVOKED))
    digest = attach(store, release.digest, bundle)
    fresh = reopened(store)
    assert [item.kind for item in fresh.evidence(release.digest)] == ["built"]
    (problem,) = fresh.problems()
    assert digest in problem
    assert "another release" in problem


def other_type(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["payloadType"] = "text/plain"


def no_base64(document: dict[str, Any]) -> None:
    document["dsseEnvelope"]["payload"] = "?"


def nested(document: dict[str, Any]) -> None:
    document["more"] = "NESTED"


@pytest.mark.parametrize("change", [other_type, no_base64, nested, None])
@pytest.mark.parametrize("ours", [True, False])
def test_a_bundle_that_cant_be_read_is_named_if_it_says_it_is_ours_and_blocks_nothing(
    store, put, key, change, ours, monkeypatch
) -> None:
    stored = put()
    key.use(monkeypatch)
    text = statements.dumps(REVOKED, stored.digest, "x")
    bundle = altered(bundles.dumps(text, keys.from_environment()), change) if change else b"{"
    bundle = bundle.replace(b'"NESTED"', b"[" * 100_000 + b"]" * 100_000)
    kind = "urn:model-devops:revoked:v1" if ours else "https://spdx.dev/Document"
    attach(store, stored.digest, bundle, **{"dev.sigstore.bundle.predicateType": kind})
    fresh = reopened(store)
    assert [item.kind for item in fresh.evidence(stored.digest)] == ["built"]
    assert len(fresh.problems()) == ours


@everywhere
def test_bundles_of_others_are_kept_out_and_are_no_damage(store, put, key, monkeypatch) -> None:
    stored = put()
    key.use(monkeypatch)
    signer = keys.from_environment()
    subject = [{"digest": {"sha256": stored.digest[7:]}}]
    for kind in ("https://slsa.dev/provenance/v1", "https://spdx.dev/Document"):
        text = json.dumps({"_type": "x", "subject": subject, "predicateType": kind, "predicate": {}}).encode()
        attach(store, stored.digest, bundles.dumps(text, signer), **{"dev.sigstore.bundle.predicateType": kind})
    attach(store, stored.digest, json.dumps({"mediaType": BUNDLE, "messageSignature": {"signature": ""}}).encode())
    fresh = reopened(store)
    assert [item.kind for item in fresh.evidence(stored.digest)] == ["built"]
    assert fresh.problems() == []


def test_S5_a_copy_of_what_was_withdrawn_does_not_bring_it_back(store, put, key, monkeypatch) -> None:
    """Its signature is right, so nothing but its being the same statement speaks against it."""
    stored = put()
    key.use(monkeypatch)
    said = Rejected(id="x", time="", environment="test", reason="by mistake")
    item = say(store, stored.digest, said)
    say(store, stored.digest, Withdrawn(id="w", time="", statement=item.digest, reason="a slip"))
    copy = attach(store, stored.digest, layer(store, item), more="words")
    fresh = reopened(store)
    assert {copy, item.digest} <= {one.digest for one in fresh.evidence(kind="rejected")}
    assert not is_rejected(fresh, stored.record.identity)
    say(store, stored.digest, Rejected(id="y", time="", environment="test", reason="by mistake"))
    assert is_rejected(reopened(store), stored.record.identity)
    assert len(standing(reopened(store).evidence())) == 3


@everywhere
def test_signed_statements_go_along_to_another_store(store, put, key, tmp_path, monkeypatch) -> None:
    stored = put()
    key.use(monkeypatch)
    item = say(store, stored.digest, REVOKED)
    export(reopened(store), stored, tmp_path / "exported")
    into = LayoutStore(tmp_path / "joined")
    join(into, reopened(store))
    for copy in (LayoutStore(tmp_path / "exported"), into):
        assert item in copy.evidence(stored.digest)
        assert copy.problems() == []


@pytest.mark.parametrize("given", ["/no/such/file", "-----BEGIN nothing"])
def test_a_key_that_cant_be_used_is_told_before_anything_is_written(store, put, given, monkeypatch) -> None:
    release = put().digest
    monkeypatch.setenv(keys.KEY, given)
    for step in (reopened(store).prepare, lambda: reopened(store).add_evidence(release, REVOKED)):
        with pytest.raises(UsageError) as refused:
            step()
        assert refused.value.kind == "key"
    assert [item.kind for item in reopened(store).evidence(release)] == ["built"]
