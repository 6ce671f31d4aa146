"""`release` and `store` on the command line: what people see, what programs get, and the exit codes."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from model_devops.adapters import keys
from model_devops.adapters.git import open_git
from model_devops.cli.main import run
from model_devops.config.load import load
from model_devops.release.evidence import Deployed, Rejected, Tested
from model_devops.release.layout import LayoutStore
from model_devops.release.location import open_store
from model_devops.release.store import Stored
from release_samples import LAYOUT, built, record_for, some_sources
from repositories import git
from signing_keys import Key

NOW: dict[str, Any] = {"id": "1", "time": "2026-01-01T00:00:00.000Z"}


class Line:
    """A repository with a model.yaml, its store, and the command line in it."""

    def __init__(self, folder: Path, result: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.result, self.capsys = folder, result, capsys

    @property
    def store(self) -> LayoutStore:
        loaded = load(self.folder / "model.yaml")
        return open_store(loaded.model, open_git(self.folder), None, folder=self.folder)

    def __call__(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, result document and text."""
        self.capsys.readouterr()
        code = run(["--result", str(self.result), *words])
        captured = self.capsys.readouterr()
        return code, json.loads(self.result.read_text()), captured.out + captured.err

    def put(self, version: str, salt: bytes = b"", **changes: Any) -> Stored:
        sources = some_sources(self.folder.parent / f"work{version}", salt)
        store = self.store
        stored = store.name(store.put_files(sources, LAYOUT), record_for(sources, version, **changes))
        store.add_evidence(stored.digest, built())
        return stored


@pytest.fixture
def line(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    (repo / "model.yaml").write_text("name: digits\nartifacts: {model: model/}\n")
    git("add", "model.yaml", cwd=repo)
    git("commit", "--quiet", "--message", "Add a model", cwd=repo)
    monkeypatch.chdir(repo)
    return Line(repo, tmp_path / "result.json", capsys)


def test_show_tells_what_a_release_is_and_what_was_said_of_it(line: Line) -> None:
    stored = line.put("1.0.0")
    line.store.add_evidence(stored.digest, Tested(**NOW, passed=True))
    line.store.add_evidence(stored.digest, Rejected(**NOW, environment="test", reason="looks odd", by="ann"))
    code, result, text = line("release", "show", "1.0.0")
    assert code == 0
    assert result["release"]["digest"] == stored.digest
    assert result["state"] == ["rejected"]
    assert [item["kind"] for item in result["evidence"]] == ["built", "tested", "rejected"]
    assert result["evidence"][2]["body"]["reason"] == "looks odd"
    for word in ("digits 1.0.0", stored.digest, stored.record.identity.digest, "first: the first release", "looks odd"):
        assert word in text
    assert line("release", "show", stored.digest)[0] == 0


def test_show_says_who_signed_each_statement(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name that model.yaml has for the key; of a key that it doesn't name the fingerprint that is claimed."""
    ci, ann, stranger, claimed = (Key(tmp_path, name) for name in ("ci", "ann", "stranger", "claimed"))
    (line.folder / "keys").mkdir()
    for key in (ci, ann, claimed):
        (line.folder / "keys" / key.public.name).write_text(key.public.read_text())
    inline = "".join(f"        {text}\n" for text in claimed.pem.splitlines())
    (line.folder / "model.yaml").write_text(
        "name: digits\nartifacts: {model: model/}\nserve: {command: x}\nenvironments:\n  production:\n"
        "    target: local\n    port: 8080\n    approval: {keys: {ann: keys/ann.pub}}\n"
        f"    signed_by:\n      - keys/none.pub\n      - keys/ci.pub\n      - |\n{inline}"
    )
    stored = line.put("1.0.0")
    real = keys.Signer.sign
    for number, key in enumerate((ci, ann, stranger, claimed)):
        key.use(monkeypatch)
        if key is claimed:
            monkeypatch.setattr(keys.Signer, "sign", lambda self, message: real(self, message + b" "))
        line.store.add_evidence(stored.digest, Tested(id=str(number), time=NOW["time"], passed=True))
    code, result, text = line("release", "show", "1.0.0")
    assert code == 0, text
    assert [item["signature"] for item in result["evidence"]] == [
        None,
        {"key": ci.fingerprint, "name": "keys/ci.pub", "verified": True},
        {"key": ann.fingerprint, "name": "ann", "verified": True},
        {"key": stranger.fingerprint, "name": None, "verified": None},
        {"key": claimed.fingerprint, "name": None, "verified": False},
    ]
    rows = [row for row in text.splitlines() if "2026-01-01 00:00:00" in row]
    words = ["unsigned", "keys/ci.pub (sha256:", "ann (sha256:", f"{stranger.fingerprint[:19]} (unknown here)"]
    for row, word in zip(rows, [*words, "WRONG: not made by a key of production"], strict=True):
        assert word in row, text


def test_S2_a_release_that_is_not_there_is_refused_with_the_place(line: Line) -> None:
    code, result, text = line("release", "show", "9.9.9")
    assert code == 4
    assert result["error"]["kind"] == "not-in-store"
    assert line.store.location in text


def test_list_has_the_highest_first_and_what_became_of_each(line: Line) -> None:
    first, second = line.put("1.0.0"), line.put("1.1.0", b"!")
    line.store.add_evidence(first.digest, Tested(**NOW, passed=False))
    line.store.add_evidence(
        second.digest, Deployed(**NOW, environment="test", revision=1, revision_id="r", status="verified")
    )
    assert line("release", "revoke", "1.0.0", "--reason", "leak")[0] == 0
    code, result, text = line("release", "list")
    assert code == 0
    assert [item["version"] for item in result["releases"]] == ["1.1.0", "1.0.0"]
    assert result["releases"][1]["tests"] == "failed"
    assert result["releases"][1]["state"] == ["revoked"]
    assert result["releases"][0]["verifiedIn"] == ["test"]
    assert text.index("1.1.0") < text.index("1.0.0")
    assert "revoked" in text


def test_an_empty_store_is_listed_without_fuss(line: Line) -> None:
    code, result, _ = line("release", "list")
    assert (code, result["releases"]) == (0, [])
    assert line("release", "verify")[0] == 0


def test_verify_names_what_differs(line: Line) -> None:
    stored = line.put("1.0.0")
    line.put("1.1.0", b"!")
    assert line("release", "verify")[0] == 0
    sha256, _ = line.store.files(stored, "model")["weights.bin"]
    path = line.store.blobs.path(f"sha256:{sha256}")
    path.chmod(0o644)
    path.write_bytes(b"x" * 3000)
    for arguments in (["1.0.0"], []):
        code, result, text = line("release", "verify", *arguments)
        assert code == 4
        assert result["error"]["kind"] == "bytes-differ"
        (problem,) = result["error"]["problems"]
        assert problem["file"] == "1.0.0"
        assert "model/weights.bin" in problem["message"]
        assert "model/weights.bin" in text
    assert line("release", "verify", "1.1.0")[0] == 0


def test_export_makes_a_layout_of_its_own(line: Line, tmp_path: Path) -> None:
    stored = line.put("1.0.0")
    code, result, _ = line("release", "export", "1.0.0", str(tmp_path / "out"))
    assert (code, result["path"]) == (0, str(tmp_path / "out"))
    assert LayoutStore(tmp_path / "out").verify(stored) == []
    assert line("release", "export", "1.0.0", str(tmp_path / "out"))[0] == 2


def test_S6_revoke_counts_for_all_of_the_identity_and_needs_a_reason(line: Line) -> None:
    line.put("1.0.0")
    line.put("1.1.0-pr1.g1")
    assert line("release", "revoke", "1.0.0")[0] == 2
    code, result, text = line("release", "revoke", "1.0.0", "--reason", "leaked data", "--as", "ann")
    assert (code, result["also"]) == (0, ["1.1.0-pr1.g1"])
    assert "goes on running" in text
    result = line("release", "show", "1.1.0-pr1.g1")[1]
    assert result["state"] == ["revoked"]
    body = line.store.evidence(kind="revoked")[0].body
    assert (body.by, body.origin) == ("ann", "cli")


def test_A1_ci_vouches_only_for_who_started_a_manual_job(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.put("1.0.0")
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("CI_PIPELINE_URL", "https://gl/p/-/pipelines/9")
    monkeypatch.setenv("GITLAB_USER_LOGIN", "bob")
    code, refused, _ = line("release", "revoke", "1.0.0", "--reason", "x")
    assert (code, refused["error"]["kind"]) == (2, "nobody")
    monkeypatch.setenv("CI_JOB_MANUAL", "true")
    line("release", "revoke", "1.0.0", "--reason", "x")
    line("release", "revoke", "1.0.0", "--reason", "x", "--as", "boss")
    bodies = [item.body for item in line.store.evidence(kind="revoked")]
    assert [(body.by, body.origin) for body in bodies] == [("bob", "ci"), ("boss", "cli")]


def test_a_blank_reason_is_none(line: Line) -> None:
    statement = line("release", "revoke", line.put("1.0.0").version, "--reason", " a leak ")[1]["statement"]
    assert line.store.evidence(kind="revoked")[0].body.reason == "a leak"
    for words in (["release", "revoke", "1.0.0"], ["release", "withdraw", statement], ["store", "accept", "1.0.0"]):
        code, refused, _ = line(*words, "--reason", " ")
        assert (code, "a reason is needed" in refused["error"]["message"]) == (2, True)
    assert len(line.store.evidence()) == 2


def test_S5_withdraw_ends_a_statement_but_no_withdrawal(line: Line) -> None:
    line.put("1.0.0")
    statement = line("release", "revoke", "1.0.0", "--reason", "leak")[1]["statement"]
    code, result, _ = line("release", "withdraw", statement.removeprefix("sha256:")[:16], "--reason", "a mistake")
    assert (code, result["withdrawn"]) == (0, statement)
    assert line("release", "show", "1.0.0")[1]["state"] == []
    code, refused, _ = line("release", "withdraw", result["statement"], "--reason", "no")
    assert (code, refused["error"]["kind"]) == (4, "not-withdrawable")
    assert line("release", "withdraw", "0" * 16, "--reason", "no")[1]["error"]["kind"] == "unknown-statement"
    assert line("release", "withdraw", statement[7:10], "--reason", "no")[1]["error"]["kind"] == "ambiguous"


def test_S7_accept_vouches_for_a_release_without_its_builds_word(line: Line) -> None:
    stored = line.put("1.0.0")
    origin = msgspec.structs.replace(stored.record.origin, build_id="elsewhere")
    line.store.name(line.store.packed(stored), msgspec.structs.replace(stored.record, version="1.0.1", origin=origin))
    assert line("release", "show", "1.0.1")[1]["state"] == ["evidence of its build is missing"]
    assert line("store", "accept", "1.0.1")[0] == 2
    assert line("store", "accept", "1.0.1", "--reason", "the other store is lost")[0] == 0
    result = line("release", "show", "1.0.1")[1]
    assert result["state"] == []
    assert result["evidence"][-1]["kind"] == "accepted"


def test_S1_the_command_that_is_given_joins_two_stores(line: Line) -> None:
    line.put("1.0.0")
    git("remote", "add", "origin", "https://example.org/x.git", cwd=line.folder)
    from model_devops.release.location import locate

    model = load(line.folder / "model.yaml").model
    other = locate(model, open_git(line.folder), None, folder=line.folder).store(model.name)
    sources = some_sources(line.folder.parent / "other", b"!")
    other.name(other.put_files(sources, LAYOUT), record_for(sources, "2.0.0"))
    code, result, _ = line("release", "list")
    assert (code, result["error"]["kind"]) == (2, "two-stores")
    command = result["error"]["hint"].splitlines()[0].partition("model-devops ")[2].split(" ", 2)
    assert line(*command)[0] == 0
    assert [item["version"] for item in line("release", "list")[1]["releases"]] == ["2.0.0", "1.0.0"]
    assert line("release", "verify")[0] == 0


def test_store_show_says_where_and_how_much(line: Line) -> None:
    line.put("1.0.0")
    code, result, text = line("store", "show")
    assert (code, result["releases"], result["statements"], result["problems"]) == (0, 1, 1, [])
    assert line.store.location in text


def test_a_request_gives_the_same_as_flags(line: Line, tmp_path: Path) -> None:
    line.put("1.0.0")
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"release": "1.0.0", "reason": "leak", "as": "ann"}))
    assert line("--request", str(request), "release", "revoke")[0] == 0
    assert line.store.evidence(kind="revoked")[0].body.by == "ann"
