"""Keys as people have them: made, encrypted, unreadable, of other programs, as file and as text."""

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from lacking import program
from model_devops.adapters import keys
from model_devops.errors import UsageError
from signing_keys import Key

types = pytest.mark.parametrize("kind", keys.TYPES)


def refused(*arguments: object, call: object = keys.from_environment) -> UsageError:
    with pytest.raises(UsageError) as found:
        call(*arguments)  # type: ignore[operator]
    assert found.value.kind in ("key", "key-exists")
    assert found.value.hint
    return found.value


@types
def test_what_one_key_signs_no_other_key_made(tmp_path: Path, kind: keys.Kind) -> None:
    key, other = Key(tmp_path, "one", kind), Key(tmp_path, "other", kind)
    signer = keys.from_environment(key.environment)
    assert signer is not None
    signature = signer.sign(b"words")
    ours, theirs = (keys.load_public(one.public.read_text(), "x") for one in (key, other))
    assert ours.made(signature, b"words")
    assert not ours.made(signature, b"other words")
    assert not ours.made(signature[:-1] + bytes([signature[-1] ^ 1]), b"words")
    assert not ours.made(b"", b"words")
    assert not theirs.made(signature, b"words")


def test_a_key_of_another_type_did_not_make_a_signature(tmp_path: Path) -> None:
    p256, ed25519 = Key(tmp_path, "a", "p256"), Key(tmp_path, "b", "ed25519")
    for one, other in ((p256, ed25519), (ed25519, p256)):
        signer = keys.from_environment(one.environment)
        assert signer is not None
        assert not keys.load_public(other.pem, "x").made(signer.sign(b"words"), b"words")


@types
@pytest.mark.parametrize("password", [None, "a pass wörd"])
def test_a_key_comes_from_its_file_or_is_the_text(tmp_path: Path, kind: keys.Kind, password: str | None) -> None:
    key = Key(tmp_path, "one", kind, password)
    assert (b"ENCRYPTED" in key.file.read_bytes()) == bool(password)
    for given in (str(key.file), key.file.read_text()):
        signer = keys.from_environment(key.environment | {keys.KEY: given})
        assert signer is not None
        assert signer.public.fingerprint == key.fingerprint


def test_without_a_key_nothing_is_signed() -> None:
    assert keys.from_environment({}) is None
    assert keys.from_environment({keys.KEY: " "}) is None


def test_a_password_that_isnt_needed_does_no_harm(tmp_path: Path) -> None:
    assert keys.from_environment(Key(tmp_path, "one").environment | {keys.PASSWORD: "x"}) is not None


@types
def test_an_encrypted_key_needs_its_password(tmp_path: Path, kind: keys.Kind) -> None:
    key = Key(tmp_path, "one", kind, "right")
    for given in (str(key.file), key.file.read_text()):
        assert "there is no password" in refused({keys.KEY: given}).message
        wrong = refused({keys.KEY: given, keys.PASSWORD: "wrong"})
        assert "the password is wrong" in wrong.message
        assert "right" not in wrong.message
        assert keys.PASSWORD in str(wrong.hint)


def test_openssl_reads_what_is_made_and_the_fingerprint_is_that_of_its_der(tmp_path: Path) -> None:
    import hashlib

    for kind in keys.TYPES:
        key = Key(tmp_path, kind, kind, "secret")
        command = [program("openssl"), "pkey", "-in", str(key.file), "-passin", "pass:secret", "-pubout"]
        der = subprocess.run([*command, "-outform", "DER"], check=True, capture_output=True).stdout
        assert key.fingerprint == "sha256:" + hashlib.sha256(der).hexdigest()


def test_a_private_key_is_its_owners_alone_and_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "one"
    before = os.umask(0)
    try:
        keys.create(file, "p256", None)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    data = file.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "nothing-yet")
    for name in ("one", "link"):
        assert "is there already" in refused(tmp_path / name, "ed25519", None, call=keys.create).message
    assert file.read_bytes() == data
    assert not (tmp_path / "nothing-yet").exists()


def made_by(tmp_path: Path, *command: str) -> str:
    subprocess.run([program(command[0]), *command[1:]], cwd=tmp_path, check=True, capture_output=True)
    return str(tmp_path / "key")


OTHERS = {
    "another type (RSA)": ["openssl", "genpkey", "-algorithm", "RSA", "-out", "key"],
    "another type (ECsecp384r1)": ["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", "key"],
    "another type (X25519": ["openssl", "genpkey", "-algorithm", "X25519", "-out", "key"],
    "for SSH": ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key"],
}


@pytest.mark.parametrize("why", OTHERS)
def test_keys_of_other_types_are_refused_by_name(tmp_path: Path, why: str) -> None:
    assert why in refused({keys.KEY: made_by(tmp_path, *OTHERS[why])}).message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no private key"),
        ("nonsense", "is no private key"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is no private key"),
        ("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n", "cosign's own form"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "is a public key"),
    ],
)
def test_what_is_no_private_key_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "key").write_text(text)
    assert why in refused({keys.KEY: str(tmp_path / "key")}).message


def test_a_key_that_cant_be_read_is_named(tmp_path: Path) -> None:
    named = refused({keys.KEY: str(tmp_path / "none")}).message
    assert named == f"{tmp_path / 'none'}, which {keys.KEY} names, can't be read: No such file or directory"
    assert "Is a directory" in refused({keys.KEY: str(tmp_path)}).message
    assert "can't be read" in refused({keys.KEY: "a\0b"}).message


def test_a_key_may_come_through_a_pipe(tmp_path: Path) -> None:
    key = Key(tmp_path, "one")
    os.mkfifo(tmp_path / "pipe")
    thread = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(key.file.read_bytes()))
    thread.start()
    signer = keys.from_environment({keys.KEY: str(tmp_path / "pipe")})
    thread.join()
    assert signer is not None
    assert signer.public.fingerprint == key.fingerprint


def test_no_message_shows_any_of_a_key(tmp_path: Path) -> None:
    lines = Key(tmp_path, "one", "p256", "x").file.read_text().splitlines()
    damaged = "\n".join([lines[0], *lines[2:]])
    told = refused({keys.KEY: damaged, keys.PASSWORD: "x"})
    assert not any(line in f"{told.message}{told.hint}" for line in lines[1:-1])


def test_a_private_key_is_no_public_one(tmp_path: Path) -> None:
    key = Key(tmp_path, "one")
    told = refused(key.file.read_text(), "keys/ci.pub", call=keys.load_public)
    assert "whoever reads it can sign" in told.message
    assert "is no public key" in refused("nonsense", "keys/ci.pub", call=keys.load_public).message
