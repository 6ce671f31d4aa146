"""No credential of a registry in anything that is written, shown or run (T1, P5): a canary is looked for."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fault_proxy import Proxy, Seen, proxied, says
from mini_project import PYTHON, Mini
from registries import distribution, free_address
from token_server import SECRET, USER, TokenServer, forms, token_server

SPY = """\
import os, pathlib
seen = [f"{name}={value}" for name, value in os.environ.items()]
for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    try:
        seen.append(file.read_bytes().decode("utf-8", "replace"))
    except OSError:
        pass
pathlib.Path("SPIED").write_text("\\n".join(seen))
"""
SERVE = f"serve:\n  command: {PYTHON} spy.py && {PYTHON} -m http.server $PORT\n  ready: /\n"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenServer]:
    with token_server(tmp_path_factory.mktemp("tokens")) as server:
        yield server


@pytest.fixture(scope="module")
def guarded(tokens: TokenServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with distribution(tmp_path_factory.mktemp("registry"), auth=tokens.auth) as address:
        yield address


class Watch:
    """Everything that a command shows, writes, and starts."""

    def __init__(self, mini: Mini, proxy: Proxy, tokens: TokenServer, folders: list[Path]) -> None:
        self.mini, self.tokens, self.folders = mini, tokens, folders
        self.running: set[str] = set()
        self.shown: list[str] = []
        proxy.gate = self._look

    def _look(self, _: Seen) -> None:
        """The arguments of all processes, at each request."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.running.add(file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue

    def run(self, *arguments: str, code: int = 0) -> dict:
        done = self.mini.run(*arguments)
        assert done["code"] == code, done
        self.shown.append(json.dumps(done, ensure_ascii=False) + done["err"])
        return done

    def places(self) -> Iterator[tuple[str, str]]:
        """(where, what) of all that could hold a secret."""
        yield from (("shown", text) for text in self.shown)
        yield from (("arguments", text) for text in self.running)
        for folder in self.folders:
            for file in folder.rglob("*"):
                if file.is_file() and not file.is_symlink():
                    yield str(file), file.read_bytes().decode("utf-8", "replace")

    def found(self) -> list[tuple[str, str]]:
        secrets = [*forms(), *self.tokens.given]
        return [(where, secret) for where, text in self.places() for secret in secrets if secret in text]


@pytest.mark.parametrize("way", ["variables", "file"])
def test_T1_the_login_of_a_registry_is_nowhere(
    mini: Mini,
    guarded: str,
    tokens: TokenServer,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    outside = tmp_path.parent / f"{tmp_path.name}-logins"  # what people leave there is theirs
    if way == "variables":
        monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_USER", USER)
        monkeypatch.setenv("MODEL_DEVOPS_REGISTRY_PASSWORD", SECRET)
    else:
        outside.mkdir()
        (outside / "helper-answer").write_text(json.dumps({"Username": USER, "Secret": SECRET}))
        helper = outside / "docker-credential-tests"
        helper.write_text(f"#!/bin/sh\ncat '{outside}/helper-answer'\n")
        helper.chmod(0o700)
        monkeypatch.setenv("PATH", f"{outside}:{os.environ['PATH']}")
        (outside / "config.json").write_text(json.dumps({"credsStore": "tests"}))
        monkeypatch.setenv("DOCKER_CONFIG", str(outside))
    with proxied(guarded) as proxy:
        watch = Watch(mini, proxy, tokens, [tmp_path, home])
        with_registry(mini, proxy)
        watch.run("build")
        watch.run("test")
        watch.run("deploy", "test")
        watch.run("release", "list")
        watch.run("release", "show", "1.0.0")
        watch.run("release", "verify")
        watch.run("stop", "test", "--reason", "end")
        careless = json.dumps({"errors": [{"code": "DENIED", "message": f"{USER}:{SECRET} may not"}]}).encode()
        proxy.on("POST", "/uploads/", says(403, careless), times=9)
        refused = watch.run("release", "revoke", "1.0.0", "--reason", "bad", code=4)
        assert refused["error"]["kind"] == "denied"
        tokens.writers = set()
        proxy.faults.clear()
        assert watch.run("release", "revoke", "1.0.0", "--reason", "bad", code=4)["error"]["kind"] == "denied"
        tokens.writers = {USER}
    spied = [text for where, text in watch.places() if where.endswith("SPIED")]
    assert spied
    assert any("model_devops" in text for text in watch.running)
    assert tokens.given
    assert watch.found() == []


def with_registry(mini: Mini, proxy: Proxy) -> None:
    """Store in the registry, and commands that look around."""
    text = (mini.folder / "model.yaml").read_text()
    port = free_address().rpartition(":")[2]
    text = text.replace("name: mini\n", f"name: mini\nstore: oci://{proxy.address}/secrets\n")
    text = text.replace("code: [train.py, evaluate.py]", "code: [train.py, evaluate.py, spy.py]")
    text = text.replace("train: ", f"train: {PYTHON} spy.py && ").replace("run: [", f"run: [{PYTHON} spy.py, ")
    text += SERVE + f"environments:\n  test: {{target: local, port: {port}}}\n"
    ignore = (mini.folder / ".gitignore").read_text() + "SPIED\n"
    mini.commit(**{"model.yaml": text, "spy.py": SPY, ".gitignore": ignore})
